"""`api-key new | list | revoke`, and the keys a caller holds for nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oracle.collector.node_keys import clients, read_node_keys
from oracle.errors import InputError
from tests.cli.command_line import Answer, gate
from tests.collector.lying_nodes import LyingNode

INIT = (
    *("--chain-id", "31337", "--rpc", "http://127.0.0.1:1", "--light-kdf", "--registry", "0x" + "12" * 20),
    *("--table-channel", "c900101", "--notice-channel", "c900102"),
)
KEY = "fgk_0123456789ab_" + "5ec2e7" * 10


@pytest.fixture
def config(tmp_path: Path) -> Path:
    assert gate("operator", "init", tmp_path / "node", *INIT).code == 0
    return tmp_path / "node" / "node.toml"


def new(config: Path, *more: str) -> Answer:
    return gate("api-key", "new", "--config", config, "--name", "发行人", *more, "--json")


def test_api_key__made_listed_revoked__shown_once(config: Path) -> None:
    made = new(config, "--scope", "issuer", "--scope", "auditor", "--expires", "30")
    assert (made.code, made.err) == (0, "")
    assert made.json["scopes"] == ["auditor", "issuer"]
    assert made.json["expiresAt"] - made.json["createdAt"] == 30 * 86400
    listed = gate("api-key", "list", "--config", config, "--json")
    assert [(row["id"], row["name"], row["good"]) for row in listed.json["keys"]] == [(made.json["id"], "发行人", True)]
    assert made.json["key"].rpartition("_")[2] not in listed.out
    assert gate("api-key", "revoke", made.json["id"], "--config", config, "--json").json["new"] is True
    assert gate("api-key", "revoke", made.json["id"], "--config", config, "--json").json["new"] is False
    assert "revoked" in gate("api-key", "list", "--config", config).out


def test_api_key__wrong__exit_2(config: Path) -> None:
    assert new(config).code == 2
    assert new(config, "--scope", "king").code == 2
    assert gate("api-key", "revoke", "0" * 12, "--config", config).code == 2
    assert gate("api-key", "new", "--config", config, "--name", "a\nb", "--scope", "issuer").code == 2


def test_config__auth_none_beyond_loopback__refused(config: Path) -> None:
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('"127.0.0.1"', '"0.0.0.0"', 1).replace('"keys"', '"none"', 1), encoding="utf-8")
    answer = gate("api-key", "list", "--config", config)
    assert answer.code == 2
    assert "loopback" in answer.line


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    (
        (f'"http://a" = "{KEY}"', 0o644, "chmod 600"),
        (f'"http://a" = {KEY}', 0o600, "not TOML"),
        ('"http://a" = 5', 0o600, "http://a"),
        ('"http://a" = { env = "NO_SUCH_VARIABLE" }', 0o600, "NO_SUCH_VARIABLE"),
    ),
)
def test_node_keys__wrong_file__named_without_the_key(tmp_path: Path, text: str, mode: int, words: str) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    with pytest.raises(InputError) as caught:
        read_node_keys(file)
    assert words in str(caught.value)
    assert KEY not in str(caught.value)


def test_node_keys__each_node__gets_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECOND", "fgk_2")
    file = tmp_path / "keys.toml"
    file.touch(mode=0o600)
    file.write_text('"http://a/" = "fgk_1"\n"http://b" = { env = "SECOND" }\n', encoding="utf-8")
    made = clients(("http://a", "http://b", "http://c"), read_node_keys(file))
    assert [client._headers.get("Authorization") for client in made] == ["Bearer fgk_1", "Bearer fgk_2", None]
    with pytest.raises(InputError, match="no API key"):
        clients(("http://a",), {"http://a": "fgk 1"})


def test_node_key__in_the_environment__is_for_one_node_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FILING_GATE_NODE_KEY", KEY)
    view: dict[str, Any] = {"number": "n", "state": "FILED", "onChain": None, "alerts": [], "duties": []}
    with LyingNode(lambda path, body: (200, view)) as node:
        assert gate("duties", "list", "n", "--node", node.url).code == 0
    from oracle.cli.options import node_clients

    with pytest.raises(InputError, match="several nodes"):
        node_clients(("http://a", "http://b"), None)
