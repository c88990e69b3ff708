"""What to deploy and what was deployed: files that are wrong are refused with the key that is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3
from web3.types import TxReceipt

from oracle.chain.deployment import Manifest, deploy, load_deployment, load_manifest, save_deployment
from oracle.chain.registry import Registry, Token
from oracle.chain.sender import KeySender, NodeAccountSender, Sender
from oracle.domain.canonical import keccak256
from oracle.errors import InputError, RefusedError
from tests.anvil import start_anvil
from tests.chain.small_world import OPERATORS, World, manifest

A, B = OPERATORS[0].address, OPERATORS[1].address
GOOD = f"""
[committee]
operators = ["{A}", "{B}"]
threshold = 2

[registry]
maxValiditySeconds = 3600

[[tokens]]
id = "senior"
name = "Senior"
symbol = "SEN"
decimals = 6
admin = "{A}"
issuer = "{B.lower()}"
"""
WRONG_CASE = A[:-1] + A[-1].swapcase() if A[-1].isalpha() else A.swapcase().replace("0X", "0x")


def written(path: Path, text: str | bytes) -> Path:
    file = path / "manifest.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_load_manifest__good_file__is_read(tmp_path: Path) -> None:
    found = load_manifest(written(tmp_path, GOOD))
    assert found.committee.operators == [A, B]
    assert (found.committee.threshold, found.registry.max_validity_seconds) == (2, 3600)
    assert found.tokens[0].issuer == B, "an address in lower case is put in EIP-55 form"


def test_load_manifest__registry_left_out__window_is_three_days(tmp_path: Path) -> None:
    text = GOOD.replace("[registry]\nmaxValiditySeconds = 3600\n", "")
    assert load_manifest(written(tmp_path, text)).registry.max_validity_seconds == 72 * 3600


@pytest.mark.parametrize(
    ("old", "new", "said"),
    (
        ("threshold = 2", "threshold = = 2", "not TOML: "),
        ("threshold = 2", "threshold = 3", "committee: threshold 3 can't be reached by 2 operators"),
        ("threshold = 2", "threshold = 0", "committee.threshold: "),
        ("threshold = 2", 'threshold = "2"', "committee.threshold: "),
        ("threshold = 2", "threshold = 2.0", "committee.threshold: "),
        ("threshold = 2", "", "committee.threshold: missing"),
        ("threshold = 2", "threshold = 2\nquorum = 2", "committee.quorum: unknown key"),
        (f'"{A}", "{B}"', f'"{A}", "{A}"', f"committee: operators[1]: {A} stands twice"),
        (f'"{A}", "{B}"', f'"{A}", "{A.lower()}"', f"committee: operators[1]: {A} stands twice"),
        (f'"{A}", "{B}"', "", "committee.operators: "),
        (f'["{A}"', f'["{WRONG_CASE}"', "committee.operators[0]: the address fails its EIP-55 checksum"),
        (f'["{A}"', '["0x1234"', "committee.operators[0]: not an address"),
        ("decimals = 6", "decimals = 19", "tokens[0].decimals: "),
        ("decimals = 6", "decimals = -1", "tokens[0].decimals: "),
        ("decimals = 6", "decimals = true", "tokens[0].decimals: "),
        ('symbol = "SEN"', 'symbol = ""', "tokens[0].symbol: "),
        ("maxValiditySeconds = 3600", "maxValiditySeconds = 0", "registry.maxValiditySeconds: "),
        ("maxValiditySeconds = 3600", "maxValiditySeconds = 2024-01-01", "registry.maxValiditySeconds: "),
        ("[[tokens]]", "[tokens]", "tokens: "),
        ("[[tokens]]", "[[token]]", "tokens: missing"),
        ("[[tokens]]", GOOD[GOOD.index("[[tokens]]") :] + "[[tokens]]", "(file): two tokens share one id"),
    ),
)
def test_load_manifest__wrong_file__one_error_names_the_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert GOOD.count(old) == 1
    file = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(InputError) as raised:
        load_manifest(file)
    rows = [f"{row['field']}: {row['problem']}" for row in raised.value.details or []]
    assert any(line.startswith(said) for line in [raised.value.what, *rows]), [raised.value.what, *rows]
    assert raised.value.where == str(file)
    assert raised.value.remedy


@pytest.mark.parametrize("content", (b"\xff\xfe", b"a = " + b"[" * 100_000, b"\x00"))
def test_load_manifest__not_toml_at_all__is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="not TOML"):
        load_manifest(written(tmp_path, content))


@pytest.mark.parametrize("load", (load_manifest, load_deployment))
def test_load__no_such_file__says_which(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    with pytest.raises(InputError, match="cannot be read") as raised:
        load(tmp_path / "absent")
    assert raised.value.where == str(tmp_path / "absent")


def senders(world: World) -> list[Sender]:
    key = KeySender(keccak256(b"a deployer"))
    world.rpc("anvil_setBalance", key.address, hex(10**18))
    return [key, NodeAccountSender(world.w3.eth.accounts[0])]


@pytest.mark.parametrize("kind", (0, 1), ids=["key", "node's account"])
def test_deploy__either_sender__contracts_are_as_the_manifest_says(world: World, kind: int, tmp_path: Path) -> None:
    sender = senders(world)[kind]
    wanted = manifest(world.w3.eth.accounts)
    made = deploy(wanted, world.w3, sender)
    registry = Registry(world.w3, made.registry)
    assert registry.operators() == wanted.committee.operators == made.operators
    assert (registry.threshold(), registry.max_validity()) == (2, wanted.registry.max_validity_seconds)
    receipt = world.w3.eth.get_transaction_receipt(bytes.fromhex(made.transaction[2:]))  # type: ignore[arg-type]
    assert (receipt["contractAddress"], receipt["blockNumber"]) == (made.registry, made.block)
    assert receipt["from"] == sender.address
    for row, wish in zip(made.tokens, wanted.tokens, strict=True):
        token = Token(world.w3, row.address)
        assert (token.registry(), token.symbol(), token.decimals()) == (made.registry, wish.symbol, wish.decimals)
        assert (row.id, token.total_supply()) == (wish.id, 0)
    path = tmp_path / "deployments" / "31337.json"
    save_deployment(made, path)
    assert load_deployment(path) == made
    assert json.loads(path.read_text())["schema"] == "deployment/v1"
    assert list(path.parent.iterdir()) == [path], "no temporary file stays"


def test_deploy__key_without_funds__is_refused_before_anything_is_sent(world: World) -> None:
    before = world.w3.eth.block_number
    with pytest.raises(RefusedError):
        deploy(manifest(world.w3.eth.accounts), world.w3, KeySender(keccak256(b"a poor one")))
    assert world.w3.eth.block_number == before


def test_key_sender__shown__shows_no_secret() -> None:
    sender = KeySender(keccak256(b"a deployer"))
    assert keccak256(b"a deployer").hex() not in repr(sender) + str(vars(sender))


def test_save_deployment__folder_can_t_be_made__error_carries_what_was_deployed(world: World, tmp_path: Path) -> None:
    """The contracts are on the chain by then: what the file would have said must not be lost."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written") as raised:
        save_deployment(world.deployment, tmp_path / "file" / "31337.json")
    assert raised.value.details is not None
    assert raised.value.details["registry"] == world.deployment.registry


@pytest.mark.parametrize(
    ("changes", "said"),
    (
        ({"schema": "deployment/v2"}, "schema: "),
        ({"chainId": 0}, "chainId: "),
        ({"chainId": "31337"}, "chainId: "),
        ({"registry": "0x12"}, "registry: not an address"),
        ({"transaction": "0x12"}, "transaction: "),
        ({"block": -1}, "block: "),
        ({"note": ""}, "note: unknown key"),
        ({"tokens": [{}]}, "tokens[0].id: missing"),
    ),
)
def test_load_deployment__wrong_file__names_the_key(
    world: World, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = tmp_path / "deployment.json"
    save_deployment(world.deployment, path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(InputError) as raised:
        load_deployment(path)
    assert raised.value.what.startswith(said)


@pytest.mark.parametrize("content", ("", "[]", "null", '{"schema": 1, "schema": 2}', "[" * 100_000))
def test_load_deployment__not_such_a_file__is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "deployment.json"
    path.write_text(content)
    with pytest.raises(InputError) as raised:
        load_deployment(path)
    assert "dossier" not in str(raised.value)


def test_token__by_id_symbol_or_address__is_found(world: World) -> None:
    row = world.deployment.tokens[0]
    for name in (row.id, row.symbol, row.address, row.address.lower()):
        assert world.deployment.token(name) == row


def test_token__unknown__error_names_those_there_are(world: World) -> None:
    with pytest.raises(InputError, match="no token 'x' in the deployment") as raised:
        world.deployment.token("x")
    assert raised.value.remedy
    assert all(token.id in raised.value.remedy for token in world.deployment.tokens)


class _FailsAtThird:
    """A sender whose third transaction is refused."""

    def __init__(self, sender: NodeAccountSender) -> None:
        self._sender = sender
        self._sent = 0

    @property
    def address(self) -> str:
        return self._sender.address

    def send(self, w3: Web3, to: str | None, data: bytes, *, purpose: str | None = None) -> TxReceipt:
        self._sent += 1
        if self._sent == 3:
            raise RefusedError("out of funds", remedy="send gas")
        return self._sender.send(w3, to, data, purpose=purpose)


def test_deploy__tokens_fail__error_tells_what_exists_by_then() -> None:
    with start_anvil() as anvil:
        w3 = Web3(Web3.HTTPProvider(anvil.url))
        first = str(w3.eth.accounts[0])
        token = {"name": "T", "symbol": "T", "decimals": 0, "admin": first, "issuer": first}
        two_tokens = Manifest.model_validate(
            {"committee": {"operators": [first], "threshold": 1}, "tokens": [{"id": i, **token} for i in ("a", "b")]}
        )
        with pytest.raises(RefusedError, match=r"out of funds; deployed by then: registry 0x\w{40}, factory 0x"):
            deploy(two_tokens, w3, _FailsAtThird(NodeAccountSender(first)))
