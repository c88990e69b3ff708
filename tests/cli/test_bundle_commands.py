"""`bundle`, `verify` and `audit --evidence` against nodes that run: stores, APIs, logs, and what lies."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from oracle.audit.chain_reader import ChainReader
from oracle.audit.chain_statement import ChainStatement, read_statement
from oracle.audit.evidence_audit import EvidenceAudit
from oracle.audit.findings import AuditReport
from oracle.audit.log_check import LOG_FINDINGS, Fetch
from oracle.audit.witness import NodeWitness, StoreWitness
from oracle.chain.deployment import save_deployment
from oracle.collector.proposal import propose_approval, propose_update
from oracle.collector.record_client import RecordClient
from oracle.domain.approval import OnChainStatus
from oracle.domain.names import filing_id
from oracle.evidence.checkpoint import Checkpoint
from oracle.evidence.signed_note import sign_note
from oracle.node.published_log import load_log_key
from oracle.store.api_keys import Scope
from tests.audit.forged_bundle import Forged
from tests.cli.command_line import Answer, gate
from tests.node.running_nodes import ServedNode, World, running_world
from tests.samples.dossier import NUMBER


@dataclass
class Approved:
    """A world in which a filing was approved and renewed, and files that name it."""

    world: World
    folder: Path
    at: tuple[str, ...]
    stated: ChainStatement

    def stores(self) -> list[str]:
        """The options that name every operator's store."""
        return [part for node in self.world.nodes for part in ("--evidence", str(node.node.evidence))]

    def urls(self) -> list[str]:
        """The options that name every operator's node, with an auditor's key."""
        keys = self.folder / "keys.toml"
        keys.write_text("".join(f'"{node.url}" = "{node.new_key(Scope.AUDITOR)}"\n' for node in self.world.nodes))
        keys.chmod(0o600)
        named = [part for node in self.world.nodes for part in ("--evidence", node.url)]
        return [*named, "--node-keys", str(keys)]

    def logs(self) -> list[str]:
        """The options that name every operator's log."""
        return [part for node in self.world.nodes for part in ("--log", node.url)]

    @property
    def signer(self) -> ServedNode:
        """The node of the first signer."""
        first = self.stated.signatures[0].operator
        return next(node for node in self.world.nodes if node.node.address == first)


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Approved]:
    folder = tmp_path_factory.mktemp("approved")
    with running_world(folder) as world:
        world.publish()
        clients, about, now = world.clients(20), (world.registry, 31337, world.dossier()), int(time.time())
        made = propose_approval(clients, *about, now=now, window_seconds=86400)
        world.registry.approve(world.issuer, made.proposal, made.quorum.require())
        renewed = propose_update(clients, *about, OnChainStatus.APPROVED, "test", now=now, window_seconds=80000)
        world.registry.update(world.issuer, renewed.proposal, renewed.quorum.require())
        world.settle()
        save_deployment(world.deployment, folder / "deployment.json")
        at = ("--rpc", world.anvil.url, "--deployment", str(folder / "deployment.json"))
        reader = ChainReader(world.w3, world.deployment.registry)
        filing = "0x" + filing_id(NUMBER).hex()
        stated = read_statement(reader, world.deployment.registry, world.deployment.block, filing, 1)
        yield Approved(world, folder, at, stated)


def ids(answer: Answer) -> set[str]:
    return {item["id"] for item in answer.json["findings"]}


@pytest.mark.slow
def test_bundle__from_stores_and_logs__complete_but_for_chain_and_stamp(approved: Approved, tmp_path: Path) -> None:
    out = tmp_path / "it.bundle"
    for sequence, kind in ((1, "approval"), (2, "update")):
        options = ("--sequence", sequence, *approved.at, *approved.stores(), *approved.logs(), "--out", out)
        made = gate("bundle", NUMBER, *options, "--json")
        assert (made.code, made.json["holds"], made.json["subject"]["kind"]) == (0, True, kind), made
        assert {item["id"] for item in made.json["notIncluded"]} == {"CHAIN-CONFIRMED", "STAMP"}
        checked = gate("verify", out, "--rpc", approved.world.anvil.url, "--json")
        assert (checked.code, {item["id"] for item in checked.json["checks"] if item["result"] != "holds"}) == (
            0,
            {"STAMP"},
        )
    first = out.read_bytes()
    gate("bundle", "0x" + filing_id(NUMBER).hex(), *options)
    assert out.read_bytes() == first


@pytest.mark.slow
def test_bundle__from_nodes__as_complete_as_from_stores(approved: Approved, tmp_path: Path) -> None:
    out = tmp_path / "it.bundle"
    made = gate("bundle", NUMBER, *approved.at, *approved.urls(), "--out", out, "--json")
    assert (made.code, made.json["holds"], made.json["subject"]["sequence"]) == (0, True, 2), made
    assert {item["id"] for item in made.json["notIncluded"]} == {"CHAIN-CONFIRMED", "STAMP"}


@pytest.mark.slow
def test_bundle__of_the_chain_alone__says_what_it_lacks(approved: Approved, tmp_path: Path) -> None:
    out = tmp_path / "it.bundle"
    made = gate("bundle", NUMBER, *approved.at, "--out", out)
    assert made.code == 0
    assert "not included DECISION-MISSING" in made.out
    assert gate("verify", out).code == 0
    assert gate("verify", out, "--complete").code == 1


@pytest.mark.slow
def test_bundle__wrong_arguments__one_error(approved: Approved, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "it.bundle")
    for options, problem in (
        (("国合函〔2026〕9999号", *out), "no such approval or update"),
        ((NUMBER, "--sequence", 3, *out), "no such approval or update"),
        (("0x12", *out), "neither a filing's number"),
        ((NUMBER, "--evidence", tmp_path / "none", *out), "no such folder"),
        ((NUMBER, "--evidence", "http://a:b@127.0.0.1:1", *out), "user name or password"),
        ((NUMBER, "--out", tmp_path / "none" / "it.bundle"), "no such folder"),
    ):
        answer = gate("bundle", *options, *approved.at, "--json")
        assert (answer.code, problem in answer.json["error"]) == (2, True), answer
    refused = gate("bundle", NUMBER, "--evidence", approved.signer.url, *out, *approved.at)
    assert refused.code == 3
    assert "HTTP 401" in refused.line


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    (
        lambda c: c["committee"].update(epoch=2),
        lambda c: c["committee"]["operators"].append("0x" + "77" * 20),
        lambda c: c["block"].update(hash="0x" + "77" * 32),
        lambda c: c["block"].update(time=c["block"]["time"] + 1),
        lambda c: c["event"].update(logIndex=1),
        lambda c: c["transaction"].update(sender="0x" + "77" * 20),
    ),
)
def test_verify__chain_asked__statement_of_something_else_fails(
    approved: Approved, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    out = tmp_path / "it.bundle"
    gate("bundle", NUMBER, "--sequence", 1, *approved.at, "--out", out)
    forged = Forged(out.read_bytes())
    forged.on_chain(change)
    out.write_bytes(forged.packed())
    answer = gate("verify", out, "--rpc", approved.world.anvil.url, "--json")
    failed = {item["id"] for item in answer.json["checks"] if item["result"] == "fails"}
    assert (answer.code, failed) == (1, {"CHAIN-CONFIRMED"})


@pytest.mark.slow
def test_audit__with_evidence__clean_and_counted(approved: Approved, tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_bytes(RecordClient(approved.signer.url).get("/log/checkpoint") or b"")
    places = [*approved.stores(), *approved.logs(), "--checkpoint", note]
    for options in (places, [*approved.urls(), "--checkpoint", note]):
        answer = gate("audit", *approved.at, *options, "--json")
        assert (answer.code, answer.json["findings"]) == (0, []), answer
        checks = answer.json["checks"]
        assert (checks["DECISION-REPLAY"], checks["EVIDENCE-RECORD"], checks["LOG-MISSING"]) == (4, 4, 8)
        assert (checks["EVIDENCE-ORIGIN"], checks["LOG-FORK"]) == (checks["EVIDENCE-HASH"], 1)
    bare = gate("audit", *approved.at, "--json").json["checks"]
    assert not [name for name in bare if name.startswith(("DECISION", "EVIDENCE", "LOG-M"))]


@pytest.mark.slow
def test_audit__evidence_of_one_operator_gone__each_of_its_signatures_is_told(approved: Approved) -> None:
    others = [
        part
        for node in approved.world.nodes
        if node is not approved.signer
        for part in ("--evidence", str(node.node.evidence))
    ]
    answer = gate("audit", *approved.at, *others, "--json")
    assert (answer.code, ids(answer)) == (1, {"DECISION-MISSING"})
    assert all(approved.signer.node.address.lower() in item["subject"].lower() for item in answer.json["findings"])


@pytest.mark.slow
def test_audit__resumed__evidence_is_not_forgotten(approved: Approved, tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = gate("audit", *approved.at, *approved.stores(), "--resume", state, "--json")
    again = gate("audit", *approved.at, *approved.stores(), "--resume", state, "--json")
    assert first.json["checks"]["DECISION-REPLAY"] == again.json["checks"]["DECISION-REPLAY"] == 4
    assert gate("audit", *approved.at, "--resume", state).code == 2


@pytest.mark.slow
def test_audit__options_that_do_not_fit__exit_2(approved: Approved, tmp_path: Path) -> None:
    foreign = tmp_path / "note"
    foreign.write_text("nobody's\n1\nAAAA\n")
    for options in (
        approved.logs(),
        [*approved.stores(), "--checkpoint", foreign],
        [*approved.stores(), "--log", "http://a:b@127.0.0.1:1"],
        ["--evidence", tmp_path / "none"],
    ):
        assert gate("audit", *approved.at, *options, "--json").code == 2


def altered(path: str, change: Callable[[bytes], bytes | None]) -> Callable[[Fetch], Fetch]:
    """A node that answers otherwise at one path."""

    def of(fetch: Fetch) -> Fetch:
        def get(asked: str) -> bytes | None:
            data = fetch(asked)
            return change(data or b"") if asked.startswith(path) else data

        return get

    return of


def proof_with(**changes: Any) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps({**json.loads(data), **changes}).encode()


LIES: dict[str, Callable[[Fetch], Fetch]] = {
    "LOG-NONE": altered("/log/key.json", lambda _: None),
    "LOG-KEY": altered("/log/key.json", lambda data: data.replace(b"log/v1", b"log/v2")),
    "LOG-CHECKPOINT": altered("/log/checkpoint", lambda data: data.replace(b"\n", b"\n1", 1)),
    "LOG-TILES": altered("/log/tile/0/", lambda data: data[:-1] + bytes([data[-1] ^ 1])),
    "LOG-MISSING": altered("/v1/log/proof?sha256=", lambda _: None),
    "LOG-PROOF": altered("/v1/log/proof?signature=", proof_with(index=0)),
}


def audited(approved: Approved, stores: list[StoreWitness], fetch: Fetch, *notes: bytes) -> set[str]:
    """The ids that an audit finds of the first signer's log."""
    submitted = approved.stated.submitted()
    report = AuditReport(approved.stated.chain_id, approved.stated.registry, 0, 0)
    operator = approved.signer.node.address.lower()
    audit = EvidenceAudit(report, stores, {operator: fetch}, {operator: notes})
    audit.changed(submitted.event, submitted.change.message, submitted.change.digest, submitted.signatures)
    audit.ended()
    return {finding.id for finding in report.findings}


@pytest.mark.slow
def test_audit__log_that_lies__exactly_that_is_found(approved: Approved) -> None:
    fetch = RecordClient(approved.signer.url).get
    stores = [StoreWitness(node.node.evidence) for node in approved.world.nodes]
    assert audited(approved, stores, fetch) == set()
    for ident, lie in LIES.items():
        assert audited(approved, stores, lie(fetch)) == {ident}
    note = fetch("/log/checkpoint") or b""
    origin, size = note.decode().split("\n")[:2]
    key = load_log_key(approved.signer.node.config.path("log-key.pem"))

    def signed(count: int) -> bytes:
        return sign_note(Checkpoint(origin, count, b"\x01" * 32).text, origin, key)

    assert audited(approved, stores, fetch, note) == set()
    assert audited(approved, stores, fetch, signed(int(size))) == {"LOG-FORK"}
    assert audited(approved, stores, fetch, signed(int(size) + 1)) == {"LOG-SHRANK"}
    assert {*LIES, "LOG-FORK", "LOG-SHRANK"} == set(LOG_FINDINGS) - {"LOG-ENTRIES"}


@pytest.mark.slow
def test_node__evidence_it_no_longer_has__is_missing_and_not_a_fault(approved: Approved, tmp_path: Path) -> None:
    node = approved.signer
    store = Path(str(node.node.evidence))
    shutil.move(store, tmp_path / "away")
    store.mkdir()
    try:
        witness = NodeWitness(RecordClient(node.url, key=node.new_key(Scope.AUDITOR)).get)
        change = approved.stated.submitted().change
        (record,) = witness.records(node.node.address, change.message.filing, 1)
        assert witness.read(record).check.counts["files"] == 1  # the dossier is in the database
    finally:
        store.rmdir()
        shutil.move(tmp_path / "away", store)
