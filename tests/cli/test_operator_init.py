"""`operator init`, and what a wrong configuration or key says."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from oracle.node.config import CsrcSourceConfig, load_config
from oracle.signing.keys import load_keystore
from oracle.store.database import Database
from oracle.store.signing_guard import SigningGuard
from tests.cli.command_line import PASSWORD, Answer, gate, program

REGISTRY = "0x" + "12" * 20
BASE = ("--chain-id", "31337", "--rpc", "http://127.0.0.1:1", "--light-kdf")
FULL = (*BASE, "--registry", REGISTRY, "--table-channel", "c900101", "--notice-channel", "c900102")


def init(folder: Path, *more: str) -> Answer:
    return gate("operator", "init", folder, *more)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The configuration of a complete node."""
    assert init(tmp_path / "node", *FULL).code == 0
    return tmp_path / "node" / "node.toml"


def test_init__complete__keystore_private_config_loads(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    answer = init(folder, *FULL, "--name", "operator-7", "--port", "9100", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["config"] == str(folder / "node.toml")
    keystore = folder / "keystore.json"
    assert answer.json["keystore"] == str(keystore)
    assert stat.S_IMODE(keystore.stat().st_mode) == 0o600
    assert load_keystore(keystore, PASSWORD).address == answer.json["operator"]
    config = load_config(folder / "node.toml")
    assert (config.name, config.http.port, config.chain.id) == ("operator-7", 9100, 31337)
    assert config.chain.registry.lower() == REGISTRY
    assert isinstance(config.sources[0], CsrcSourceConfig)
    assert config.sources[0].table_channels == ["c900101"]
    assert config.path("x") == folder / "x"
    assert config.database_url() == f"sqlite:///{folder}/node.db"


def test_init__password__stands_in_no_file_and_no_output(tmp_path: Path) -> None:
    answer = init(tmp_path / "node", *FULL)
    assert PASSWORD not in answer.out + answer.err
    secret = load_keystore(tmp_path / "node" / "keystore.json", PASSWORD).secret.hex()
    for path in (tmp_path / "node").iterdir():
        text = path.read_text(encoding="utf-8")
        assert PASSWORD not in text
        assert secret not in text


def test_init__directory_holds_a_node__refused_and_left_as_it_is(made: Path) -> None:
    before = {path.name: path.read_bytes() for path in made.parent.iterdir()}
    again = init(made.parent, *FULL)
    assert again.code == 2
    assert "holds a node already" in again.line
    assert {path.name: path.read_bytes() for path in made.parent.iterdir()} == before
    made.unlink()  # the key alone is worth as much
    assert init(made.parent, *FULL).code == 2
    assert not made.exists()


def test_init__as_little_as_possible__says_what_to_enter_and_the_config_says_it_too(tmp_path: Path) -> None:
    answer = init(tmp_path / "node", *BASE)
    assert answer.code == 0
    assert "enter the registry and the channel codes" in answer.out
    config = tmp_path / "node" / "node.toml"
    for command in (("observe", "--number", "国合函〔2026〕1号"), ("serve",)):
        refused = gate(*command, "--config", config)
        assert refused.code == 2
        assert refused.line.startswith(f"filing-gate: {config}: ")
        assert "chain.registry: still to be entered" in refused.line
        assert "channel code" in refused.line
    text = config.read_text(encoding="utf-8").replace("<address of the registry>", REGISTRY)
    config.write_text(text.replace("<channel code>", "c900101"), encoding="utf-8")
    assert load_config(config).chain.registry.lower() == REGISTRY


@pytest.mark.parametrize(
    ("options", "named"),
    (
        (("--chain-id", "0"), "--chain-id"),
        (("--port", "99999"), "--port"),
        (("--rpc", "127.0.0.1:8545"), "--rpc"),
        (("--rpc", "http://127.0.0.1:99999"), "--rpc"),
        (("--rpc", "ftp://127.0.0.1"), "--rpc"),
        (("--registry", "0x12"), "chain.registry"),
        (("--site", "http://www.csrc.gov.cn"), "https"),
        (("--table-channel", "../x"), "channel code"),
        (("--name", ""), "name"),
    ),
)
def test_init__wrong_value__named_and_nothing_made(tmp_path: Path, options: tuple[str, ...], named: str) -> None:
    answer = init(tmp_path / "node", *FULL, *options, "--json")
    assert answer.code == 2
    assert named in answer.json["error"] + answer.json["where"]
    assert not (tmp_path / "node").exists()


def test_init__secret_in_the_rpc_address__refused_and_not_echoed(tmp_path: Path) -> None:
    answer = init(tmp_path / "node", *FULL, "--rpc", "https://user:geheim@node.example", "--json")
    assert answer.code == 2
    assert "rpc_url_env" in answer.json["remedy"]
    assert "geheim" not in answer.out + answer.err
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize("name", ('a"b\\c', "\x1b[2J\x7f", "第一号", "n" * 4000, "a\nb"))
def test_init__odd_names__are_kept_and_never_reach_the_terminal(tmp_path: Path, name: str) -> None:
    answer = init(tmp_path / "node", *FULL, "--name", name)
    assert answer.code == 0
    assert load_config(tmp_path / "node" / "node.toml").name == name
    assert all(char.isprintable() or char == "\n" for char in answer.out + answer.err)


def test_init__folder_inside_a_file__clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    answer = init(tmp_path / "file" / "node", *FULL)
    assert answer.code == 2
    assert "Not a directory" in answer.line


def test_init__no_password_and_no_terminal__says_which_variable(tmp_path: Path) -> None:
    answer = program("operator", "init", tmp_path / "node", *FULL, env={"FILING_GATE_PASSWORD": ""})
    assert (answer.code, answer.out) == (2, "")
    assert "FILING_GATE_PASSWORD" in answer.line
    assert not (tmp_path / "node").exists()


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    (
        (lambda text: text + '\n[colour]\nred = "yes"\n', "colour: unknown key"),
        (replaced("cache_seconds = 30", 'cache_seconds = "x"'), "http.cache_seconds: "),
        (replaced("port = 8700", "portt = 8700"), "http.portt: unknown key"),
        (replaced("id = 31337", "id = 1.5"), "chain.id: "),
        (replaced("min_level = 3", "min_level = 9"), "policy.min_level: "),
        (replaced("rpc_url = ", "# rpc_url = "), "chain: give exactly one of rpc_url and rpc_url_env"),
        (
            replaced("[key]", 'rpc_url_env = "X"\n[key]'),
            "chain: give exactly one of rpc_url and rpc_url_env",
        ),
        (replaced("[store]", 'password_file = "p"\n[store]'), "key: give exactly one of password_env and"),
        (replaced("https://www.csrc.gov.cn", "http://www.csrc.gov.cn"), "sources[0]: base_url must be https"),
        (replaced('type = "csrc"', 'type = "newspaper"'), "sources[0].type: "),
        (replaced("[chain]", "[chain"), "not TOML: "),
        (lambda text: 'base = "/"\n' + text, "base: unknown key"),
        (lambda text: text[: text.index("[[sources]]")], "sources: missing"),
    ),
)
def test_config__wrong__the_path_of_the_key_is_named(made: Path, change: Callable[[str], str], expected: str) -> None:
    made.write_text(change(made.read_text(encoding="utf-8")), encoding="utf-8")
    for command in (("serve",), ("observe", "--number", "国合函〔2026〕1号")):
        answer = gate(*command, "--config", made)
        assert (answer.code, answer.out) == (2, "")
        assert answer.line.startswith(f"filing-gate: {made}: {expected}")
        assert answer.line.endswith(")")


def test_config__several_faults__all_in_the_details(made: Path) -> None:
    text = made.read_text(encoding="utf-8").replace("port = 8700", "port = -1").replace("id = 31337", "id = 0")
    made.write_text(text, encoding="utf-8")
    answer = gate("observe", "--number", "国合函〔2026〕1号", "--config", made, "--json")
    assert answer.code == 2
    assert {row["field"] for row in answer.json["details"]} == {"http.port", "chain.id"}


@pytest.mark.parametrize("name", ("none.toml", ""))
def test_config__missing_or_a_directory__says_so(tmp_path: Path, name: str) -> None:
    answer = gate("serve", "--config", tmp_path / name)
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert str(tmp_path) in answer.err


def test_serve__variable_of_the_rpc_address_not_set__named(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODE_URL", raising=False)
    text = re.sub(r"(?m)^rpc_url = .*$", 'rpc_url_env = "NODE_URL"', made.read_text(encoding="utf-8"))
    made.write_text(text, encoding="utf-8")
    answer = gate("serve", "--config", made)
    assert answer.code == 2
    assert "chain.rpc_url_env: the environment variable NODE_URL is not set (export NODE_URL)" in answer.line


def test_serve__password_variable_not_set__named(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILING_GATE_PASSWORD")
    answer = gate("serve", "--config", made)
    assert answer.code == 2
    assert "key.password_env: the environment variable FILING_GATE_PASSWORD is not set" in answer.line


def test_serve__wrong_password__says_so_without_it(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILING_GATE_PASSWORD", "geheim")
    answer = gate("serve", "--config", made)
    assert answer.code == 2
    assert "the password does not open this keystore" in answer.line
    assert "geheim" not in answer.err


@pytest.mark.parametrize("content", (None, "", "[]", json.dumps({"version": 3}), "\x00"))
def test_serve__keystore_missing_or_broken__named(made: Path, content: str | None) -> None:
    keystore = made.parent / "keystore.json"
    if content is None:
        keystore.unlink()
    else:
        keystore.write_text(content, encoding="utf-8")
    answer = gate("serve", "--config", made)
    assert answer.code == 2
    assert str(keystore) in answer.line


PKCS11 = 'type = "pkcs11"\nmodule = "/nowhere.so"\ntoken = "t"\nkey_label = "k"\npin_env = "P"\n'
KMS = 'type = "aws-kms"\nregion = "cn-north-1"\nkey_id = "alias/k"\n'
WEB3SIGNER = f'type = "web3signer"\nurl = "http://127.0.0.1:9"\naddress = "{REGISTRY}"\n'


@pytest.mark.parametrize(
    ("section", "expected"),
    (
        ('type = "paper"\n', "key.type: not one of"),
        (PKCS11.replace("key_label", "key_lable"), "key.key_lable: unknown key"),
        (PKCS11.replace('key_label = "k"\n', ""), "key: give key_label, key_id or both"),
        (PKCS11.replace("pin_env", "pin_file") + 'pin_env = "P"\n', "key: give exactly one of pin_env and pin_file"),
        (PKCS11 + 'key_id = "xyz"\n', "key.key_id: "),
        (KMS.replace("cn-north-1", "<region>"), "key.region: "),
        (KMS + 'endpoint = "http://kms.example"\n', "key.endpoint: must be https; http only to this machine"),
        (WEB3SIGNER.replace("127.0.0.1", "u:p@127.0.0.1"), "key.url: not a server's address"),
        (WEB3SIGNER.replace("address", "adress"), "key.address: missing"),
        ('keystore = "k"\npassword_env = "P"\npassword_prompt = true\n', "key: give exactly one of password_env and"),
    ),
)
def test_config__wrong_key__named_as_it_is_written(made: Path, section: str, expected: str) -> None:
    text = made.read_text(encoding="utf-8")
    begin, end = text.index("[key]"), text.index("# An account that brings")
    made.write_text(text[:begin] + "[key]\n" + section + text[end:], encoding="utf-8")
    answer = gate("key", "show", "--config", made)
    assert (answer.code, answer.out) == (2, "")
    assert answer.line.startswith(f"filing-gate: {made}: {expected}")


@pytest.mark.parametrize("kind", ("pkcs11", "aws-kms", "web3signer"))
def test_init__key_elsewhere__config_without_a_keystore_that_is_refused_until_filled_in(
    tmp_path: Path, kind: str
) -> None:
    answer = init(tmp_path / "node", *FULL, "--signer", kind, "--json")
    assert (answer.code, answer.json["operator"]) == (0, None)
    assert {path.name for path in (tmp_path / "node").iterdir()} == {"node.toml", "log-key.pem"}
    refused = gate("key", "show", "--config", tmp_path / "node" / "node.toml")
    assert refused.code == 2
    assert "key" in refused.line


def test_key_show__keystore__signs_and_holds_the_address_against_the_expected(made: Path) -> None:
    shown = gate("key", "show", "--config", made, "--json")
    assert shown.code == 0
    found = Account.recover_message(encode_defunct(text=shown.json["text"]), signature=shown.json["signature"])
    assert (shown.json["type"], shown.json["address"]) == ("keystore", found)
    made.write_text(
        made.read_text(encoding="utf-8").replace("[key]\n", f'[key]\naddress = "{REGISTRY}"\n'), encoding="utf-8"
    )
    refused = gate("key", "show", "--config", made)
    assert refused.code == 2
    assert f"key.address: the key is {found}, not {REGISTRY}" in refused.line


def test_key_show__service_not_there__exit_3(made: Path) -> None:
    text = made.read_text(encoding="utf-8")
    begin, end = text.index("[key]"), text.index("# An account that brings")
    made.write_text(text[:begin] + "[key]\n" + WEB3SIGNER + text[end:], encoding="utf-8")
    for command in (("key", "show"), ("serve",)):
        answer = gate(*command, "--config", made)
        assert answer.code == 3
        assert "http://127.0.0.1:9" in answer.line


def test_key_show__password_at_a_terminal_that_is_none__says_so(made: Path) -> None:
    text = re.sub(r"(?m)^password_env = .*$", "password_prompt = true", made.read_text(encoding="utf-8"), count=1)
    made.write_text(text, encoding="utf-8")
    answer = program("key", "show", "--config", made)
    assert answer.code == 2
    assert "key.password_prompt: no terminal to ask" in answer.line


def test_confirm_restore__only_when_vouched_for(made: Path) -> None:
    config = load_config(made)
    database = Database(config.database_url())
    SigningGuard(database.engine).mark_restored(1_800_000_000)
    assert gate("key", "confirm-restore", "--config", made).code == 2
    assert SigningGuard(database.engine).restored_at() == 1_800_000_000
    vouched = ("key", "confirm-restore", "--nothing-signed-since-the-backup", "--config", made, "--json")
    assert gate(*vouched).json == {"confirmed": 1_800_000_000, "left": None}
    assert gate(*vouched).json == {"confirmed": None}
    database.close()
