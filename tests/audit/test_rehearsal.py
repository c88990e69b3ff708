"""The rehearsal itself: it only reads the given chain, and says inconclusive where a refusal proves nothing."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from oracle.audit.rehearsal import ATTACKS, forked, local_chain, rehearse, restored
from oracle.audit.rehearsal.entry_points import GUARDED, PUBLIC, entries_in_code, entry_signatures, selectors
from oracle.audit.rehearsal.read_only import READS, ReadOnlyDoor, read_only
from oracle.audit.rehearsal.rehearsal import _judged
from oracle.audit.rehearsal.stage import Stage, account
from oracle.audit.rehearsal.table import SCENES
from oracle.chain.artifacts import artifact
from oracle.domain.canonical import keccak256
from oracle.errors import FilingGateError, InputError, UnreachableError
from scripts.compile import PUPPET, ROOT, build_puppet
from tests.chain.small_world import World

pytestmark = pytest.mark.slow

CONTRACTS = ("FilingRegistry", "AssetBackedToken", "TrancheFactory")


def asked(url: str, content: object) -> requests.Response:
    return requests.post(url, json=content, timeout=10)


def question(method: str, *params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}


@pytest.fixture
def door(fresh: World) -> Iterator[ReadOnlyDoor]:
    with read_only(fresh.url) as opened:
        yield opened


@pytest.mark.parametrize(
    "method",
    (
        *("eth_sendRawTransaction", "eth_sendTransaction", "eth_sign", "eth_signTypedData_v4", "personal_sign"),
        *("anvil_setBalance", "evm_mine", "evm_setAutomine", "debug_traceTransaction", "admin_addPeer", ""),
    ),
)
def test_door__anything_but_a_question__refused_and_kept_back(door: ReadOnlyDoor, fresh: World, method: str) -> None:
    before = fresh.rpc("eth_getBlockByNumber", "latest", False)
    answer = asked(door.url, question(method, {"from": fresh.relay.address, "to": fresh.relay.address})).json()
    assert (answer["id"], answer["error"]["code"]) == (7, -32601)
    batch = asked(door.url, [question("eth_chainId"), question(method)]).json()
    assert [one["error"]["code"] for one in batch] == [-32601, -32601]
    assert door.refused == [method, method]
    assert fresh.rpc("eth_getBlockByNumber", "latest", False) == before


def test_door__questions__pass_and_nonsense_does_not(door: ReadOnlyDoor) -> None:
    assert asked(door.url, question("eth_chainId")).json()["result"] == "0x7a69"
    assert len(asked(door.url, [question("eth_chainId")] * 2).json()) == 2
    assert requests.post(door.url, data=b"{", timeout=10).status_code == 400
    assert requests.post(door.url, data=b" " * (1 << 20) + b"{}", timeout=10).status_code == 413
    assert "error" in asked(door.url, 5).json()
    assert door.refused == ["None"]


def test_reads__methods__none_that_sends_signs_or_sets() -> None:
    assert not [name for name in READS if re.search(r"send|sign|set|submit|mine|import|unlock|debug", name, re.I)]


def test_forked__played__given_chain_is_only_read(fresh: World) -> None:
    fresh.approve((0, 1_000))
    before = fresh.rpc("eth_getBlockByNumber", "latest", True)
    with read_only(fresh.url) as watched:
        with forked(watched.url) as w3:
            found = rehearse(w3, fresh.deployment, scenes=("as-found", "entries"))
        # Had anything else than a question been put, this door would know of it.
        assert watched.refused == []
    assert found.clean, [row for row in found.rows if not row.ok]
    assert found.block == int(before["number"], 16)
    assert {"FOUND-MINT-OVER-CAP", "FOUND-MINT-EXPIRED", "FOUND-REPLAY-LAST", "FOUND-REPLAY-OTHER-CONTRACT"} <= {
        row.id for row in found.rows
    }
    assert fresh.rpc("eth_getBlockByNumber", "latest", True) == before
    assert fresh.rpc("txpool_status") == {"pending": "0x0", "queued": "0x0"}


def test_forked__block_of_before__is_that_of_the_copy(fresh: World) -> None:
    first = int(fresh.rpc("eth_blockNumber"), 16)
    fresh.approve((0, 1_000))
    with forked(fresh.url, first) as w3:
        found = rehearse(w3, fresh.deployment, scenes=("as-found",))
    assert found.block == first
    assert {row.id for row in found.rows if row.id != "CONTROL"} == {"FOUND-MINT-CLOSED"}
    assert {row.got for row in found.rows if row.id != "CONTROL"} == {"TokenNotApproved"}
    with pytest.raises(InputError, match="newest block"), forked(fresh.url, first + 1000):
        pass


def test_restored__dump__several_filings_in_every_state(played: World, tmp_path: Path) -> None:
    dump = bytes.fromhex(played.rpc("anvil_dumpState")[2:])
    (tmp_path / "state.json").write_bytes(gzip.decompress(dump))
    with restored(tmp_path / "state.json", played.deployment.chain_id) as w3:
        found = rehearse(w3, played.deployment, scenes=("as-found",))
    assert found.clean, [row for row in found.rows if not row.ok]
    assert {"FilingIsFinal"} <= {row.got for row in found.rows if row.id == "FOUND-MINT-CLOSED"}
    assert {row.got for row in found.rows if row.id == "FOUND-REPLAY-OLD"} == {"WrongSequence"}


@pytest.mark.parametrize("content", (b"", b"[]", b'{"blocks": 1}'))
def test_restored__no_dump__one_clear_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises((InputError, UnreachableError)) as raised, restored(tmp_path / "state.json", 31337):
        pass
    assert raised.value.remedy


def test_rehearse__control_fails__refusals_are_inconclusive(fresh: World) -> None:
    token = fresh.tokens[0].address
    admin = str(list(fresh.w3.eth.accounts)[1])
    fresh.token_call(0, admin, "revokeRole", keccak256(b"ISSUER_ROLE"), fresh.issuer.address)
    one = fresh.deployment.model_copy(update={"tokens": [fresh.deployment.token(token)]})
    found = rehearse(fresh.w3, one, scenes=("as-found",))
    assert not found.clean
    assert any(row.verdict == "inconclusive" and "issuer" in row.got for row in found.rows)


def test_judged__control_fails_after_a_refusal__makes_it_inconclusive(fresh: World) -> None:
    stage = Stage(fresh.w3, fresh.deployment)

    def scene() -> None:
        stage.attempt("CONSUME-STRANGER", stage.on_registry(account("stranger"), "consume", 1))
        stage.control("nobody consumes", stage.on_registry(account("stranger"), "consume", 1))
        stage.attempt("CONSUME-OPERATOR", "never reached")

    assert not _judged(stage, scene)
    stage.leave()
    assert [(row.id, row.got, row.verdict) for row in stage.rows] == [
        ("CONSUME-STRANGER", "TokenNotApproved", "inconclusive"),
        ("CONTROL", "TokenNotApproved", "inconclusive"),
    ]
    assert not any(row.ok for row in stage.rows)


def test_rehearse__done__chain_is_as_before(fresh: World) -> None:
    before = fresh.rpc("eth_getBlockByNumber", "latest", False)
    found = rehearse(fresh.w3, fresh.deployment, scenes=("consume",))
    assert found.clean
    assert fresh.rpc("eth_getBlockByNumber", "latest", False) == before
    fresh.travel(1)
    fresh.approve((0, 10))


def test_find_anvil__none__says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local_chain, "_PACKAGES", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FilingGateError, match="no anvil") as raised:
        local_chain.find_anvil()
    assert raised.value.remedy is not None
    assert "npm ci" in raised.value.remedy
    (tmp_path / "anvil").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "anvil").chmod(0o755)
    assert local_chain.find_anvil() == str(tmp_path / "anvil")


@pytest.mark.parametrize("contract", CONTRACTS)
def test_entry_points__lists__hold_every_function_once(contract: str) -> None:
    listed = [*GUARDED[contract], *PUBLIC[contract]]
    assert sorted(listed) == entry_signatures(contract)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_entries_in_code__of_this_build__are_those_of_the_interface(contract: str) -> None:
    found = entries_in_code(bytes.fromhex(artifact(contract)["deployedBytecode"][2:]))
    carried = selectors("AssetBackedToken") if contract == "TrancheFactory" else set()
    assert found == selectors(contract) | carried


def test_puppet__built__is_the_committed_one() -> None:
    assert build_puppet() == (ROOT / PUPPET).with_suffix(".json").read_text(encoding="utf-8")


def test_document__attacks__are_those_of_the_table() -> None:
    text = (ROOT / "docs" / "rehearse.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z-]+)` \| (.+?) \| `?(.+?)`? \|$", text, re.M)
    assert rows == [(attack, known.attempt, known.expected) for attack, known in ATTACKS.items()]
    assert re.findall(r"^### `([a-z-]+)`: (.+)$", text, re.M) == list(SCENES.items())


def test_rehearsal__as_json__is_what_is_published(fresh: World) -> None:
    content = rehearse(fresh.w3, fresh.deployment, scenes=("entries",)).as_json()
    assert json.loads(json.dumps(content)) == content
    assert content["schema"] == "rehearsal/v1"
    assert {"id", "attempt", "expected", "got", "ok"} <= content["rows"][0].keys()
