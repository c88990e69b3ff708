"""Every decision a world of nodes has made is made again from its record alone, byte for byte."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from oracle.audit.evidence_check import EvidenceCheck, Sighting, find_decision, prove_store
from oracle.audit.replay import SignedDecision, parse_decision, replay
from oracle.collector.proposal import propose_approval, propose_update
from oracle.domain.approval import OnChainStatus
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier, parse_dossier
from oracle.errors import InputError
from oracle.evidence.store import EvidenceStore
from oracle.evidence.warc import read_warc
from oracle.node.service import source_settings
from oracle.rules.decision_record import dossier_hashes
from oracle.sources.parsed_again import read_settings
from tests.node.running_nodes import ServedNode, World, running_world
from tests.samples.dossier import ENTITY_NAME, NUMBER, changed

#: What the notice says, and what somebody would like it to say.
UNITS, MORE_UNITS = "1,000,000份".encode(), "9,000,000份".encode()

Made = list[tuple[ServedNode, int, bytes]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("world")) as world:
        live_through(world)
        yield world


def propose(world: World, changes: dict[str, Any] | None = None) -> Any:
    clients = world.clients(timeout=20)
    dossier = world.dossier(changes)
    return propose_approval(clients, world.registry, 31337, dossier, now=int(time.time()), window_seconds=86400)


def update(world: World, status: OnChainStatus) -> Any:
    clients = world.clients(timeout=20)
    return propose_update(
        clients, world.registry, 31337, world.dossier(), status, "test", now=int(time.time()), window_seconds=86400
    )


def live_through(world: World) -> None:
    """Refusals for several reasons, an approval, a renewal, a refused completion, a withdrawal."""
    world.site.set_row_status(ENTITY_NAME, "补充材料")
    propose(world)
    world.site.set_row_status(ENTITY_NAME, "无人见过")
    propose(world)
    world.site.set_state(fault="html-for-json")
    propose(world)
    world.site.set_state(fault=None, tokenRows=[])
    world.publish(units=999_999)
    propose(world)
    world.site.set_state(notices=[])
    world.publish()
    propose(world, {"assets[0].dispute": "MAJOR"})
    good = propose(world)
    world.registry.approve(world.issuer, good.proposal, good.quorum.require())
    update(world, OnChainStatus.APPROVED)
    update(world, OnChainStatus.COMPLETED)
    update(world, OnChainStatus.REVOKED)
    world.site.withdraw_notice(NUMBER)
    update(world, OnChainStatus.REVOKED)
    world.settle()


def records(world: World) -> Made:
    return [
        (node, number, httpx2.get(f"{node.url}/v1/decisions/{number}", headers=node.headers).content)
        for node in world.nodes
        for number in node.node.database.decision_ids()
    ]


def dossiers_of(node: ServedNode, decision: SignedDecision) -> dict[str, Dossier]:
    """The dossiers a decision names, fetched as an auditor would, from the API."""
    found = {}
    for name in dossier_hashes(decision.document):
        answer = httpx2.get(f"{node.url}/v1/dossiers/{name}", headers=node.headers)
        found[name] = parse_dossier(answer.content, what=name)
    return found


@pytest.mark.slow
def test_replay__every_decision_of_a_world__same_bytes(world: World) -> None:
    made = records(world)
    outcomes = set()
    for node, number, data in made:
        decision = parse_decision(data, what=str(number))
        again = replay(decision.document, dossiers_of(node, decision))
        assert again.differences == ()
        assert canonical_bytes(again.document) == canonical_bytes(json.loads(data)["decision"])
        assert canonical_bytes(json.loads(data)) == data
        assert decision.signature_fault() is None
        outcomes.add((decision.document["kind"], decision.document["outcome"]["approved"]))
    assert len(made) >= 2 * 9
    assert outcomes == {("approval", True), ("approval", False), ("update", True), ("update", False)}


@pytest.mark.slow
def test_replay__record__lies_in_the_evidence_store_with_its_dossier(world: World) -> None:
    for node, _, data in records(world):
        decision = parse_decision(data, what="record")
        store = node.node.evidence
        assert store.get(decision.document["inputs"]["dossier"])
        assert data in [store.get(name) for name in store.hashes()]


def one(world: World, approved: bool) -> tuple[SignedDecision, dict[str, Dossier]]:
    for node, number, data in records(world):
        decision = parse_decision(data, what=str(number))
        if decision.document["outcome"]["approved"] is approved and decision.document["kind"] == "approval":
            return decision, dossiers_of(node, decision)
    raise AssertionError("the world has both")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "value", "named"),
    (
        ("outcome.approved", False, "outcome.approved"),
        ("outcome.verdicts[0].result", "FAIL", "outcome.verdicts[0].result"),
        ("case.observations[0].title", "another", "inputs.case"),
        ("case.observations[0].record.units", 7, "outcome.approved"),
        ("ruleset.hash", "0x" + "00" * 32, "ruleset.hash"),
        ("digest", "0x" + "00" * 32, "digest"),
        ("proposed.validUntil", 1, "digest"),
        ("chain.filing.sequence", 5, "outcome.approved"),
        ("inputs.dossier", "00" * 32, "inputs.dossier"),
        ("decidedAt", 4_000_000_000, "outcome.approved"),
        ("case.surprise", True, "case.surprise"),
        ("surprise", True, "surprise"),
    ),
)
def test_replay__one_field_changed__field_named_and_signature_broken(
    world: World, path: str, value: Any, named: str
) -> None:
    decision, dossiers = one(world, approved=True)
    bad = SignedDecision(changed(decision.document, {path: value}), decision.signature)
    assert named in {difference.field for difference in replay(bad.document, dossiers).differences}
    assert "the signature is" in str(bad.signature_fault()) or "not a signature" in str(bad.signature_fault())


@pytest.mark.slow
def test_replay__operator_exchanged__signature_fault(world: World) -> None:
    decision, dossiers = one(world, approved=False)
    other = world.nodes[1].node.address if decision.document["operator"] != world.nodes[1].node.address else ""
    bad = SignedDecision(changed(decision.document, {"operator": other}), decision.signature)
    assert replay(bad.document, dossiers).identical
    assert "in the name of" in str(bad.signature_fault())
    unsigned = SignedDecision(decision.document, None)
    assert unsigned.signature_fault() == "the decision is not signed"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "value", "where"),
    (
        ("schema", "decision/v2", "schema"),
        ("kind", "gift", "kind"),
        ("operator", 5, "operator"),
        ("chain.registry", "nowhere", "chain.registry"),
        ("chain.filing", {"status": 99}, "chain.filing"),
        ("decidedAt", "now", "decidedAt"),
        ("case.observations", "none", "case.observations"),
        ("case.policy.minLevel", 9, "case.policy"),
        ("proposed.sequence", -1, "proposed"),
        ("dossierHash", "0x" + "00" * 32, "dossierHash"),
        ("sources", {}, "sources"),
    ),
)
def test_replay__record_unreadable__error_names_the_field(world: World, path: str, value: Any, where: str) -> None:
    decision, dossiers = one(world, approved=True)
    with pytest.raises(InputError) as caught:
        replay(changed(decision.document, {path: value}), dossiers)
    assert str(caught.value.where).startswith(where)


@pytest.fixture
def store(world: World, tmp_path: Path) -> Path:
    """A copy of the evidence of the node that has decided most."""
    node = max(world.nodes, key=lambda node: len(node.node.database.decision_ids()))
    copy = tmp_path / "evidence"
    shutil.copytree(node.node.config.path("evidence"), copy)
    return copy


def files_that(store: Path, begins: bytes, holds: bytes = b"") -> list[Path]:
    """Files of the store by what they hold, at least one."""
    every = {path: path.read_bytes() for path in sorted(store.glob("??/*"))}
    found = [path for path, data in every.items() if data.startswith(begins) and holds in data]
    assert found
    return found


def file_that(store: Path, begins: bytes, holds: bytes = b"") -> Path:
    """The first of them."""
    return files_that(store, begins, holds)[0]


def put_under_own_hash(path: Path, data: bytes) -> str:
    """What somebody does who changes a file and knows how the store names files."""
    path.unlink()
    return EvidenceStore(path.parents[1]).put(data)


def kinds(check: EvidenceCheck) -> set[str]:
    return {finding.kind for finding in check.findings}


@pytest.mark.slow
def test_evidence__untouched__all_parsed_again_and_replayed(world: World, store: Path) -> None:
    check = prove_store(EvidenceStore(store)).check
    assert check.findings == []
    assert check.counts["decisions"] >= 7
    assert check.counts["parsedAgain"] >= 7
    assert check.counts["warcs"] == check.counts["indexEntries"] > 30


@pytest.mark.slow
def test_evidence__every_node__clean_with_its_database(world: World) -> None:
    for node in world.nodes:
        database = node.node.database
        given = {str(number): database.decision_record(number) or b"" for number in database.decision_ids()}
        stored = [Sighting(f"observation {number}", asked, seen) for number, asked, seen in database.sightings()]
        settings = read_settings(source_settings(node.node.config))
        check = prove_store(node.node.evidence, decisions=given, sightings=stored, settings=settings).check
        assert check.findings == []
        assert check.counts["decisions"] == len(given)
        assert check.counts["observations"] >= len(stored) > 0


@pytest.mark.slow
def test_evidence__page_changed_in_place__file_and_observations_named(store: Path) -> None:
    paths = files_that(store, b"WARC/1.1", UNITS)
    for path in paths:
        path.write_bytes(path.read_bytes().replace(UNITS, MORE_UNITS))
    check = prove_store(EvidenceStore(store)).check
    assert {"file", "observation"} <= kinds(check)
    assert {path.name for path in paths} <= {finding.subject for finding in check.findings}


@pytest.mark.slow
def test_evidence__payload_changed_under_a_fitting_name__digest_and_index_tell(store: Path) -> None:
    for path in files_that(store, b"WARC/1.1", UNITS):
        put_under_own_hash(path, path.read_bytes().replace(UNITS, MORE_UNITS))
    assert {"warc", "index", "observation"} <= kinds(prove_store(EvidenceStore(store)).check)


@pytest.mark.slow
def test_evidence__whole_warc_forged_and_indexed__observation_tells(store: Path) -> None:
    for path in files_that(store, b"WARC/1.1", UNITS):
        exchange = read_warc(path.read_bytes(), where="test")
        path.unlink()
        EvidenceStore(store).put_exchange(replace(exchange, body=exchange.body.replace(UNITS, MORE_UNITS)))
    assert {"index", "observation"} <= kinds(prove_store(EvidenceStore(store)).check)


@pytest.mark.slow
def test_evidence__index_entry_removed_and_another_invented__both_named(store: Path) -> None:
    entries = sorted(path for path in (store / "index").rglob("*") if path.is_file())
    entries[0].rename(entries[0].with_name("ab" * 32))
    check = prove_store(EvidenceStore(store)).check
    subjects = {finding.subject for finding in check.findings if finding.kind == "index"}
    assert {entries[0].name, entries[0].parent.name} <= subjects


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "kind"),
    (
        (b'"approved":true', b'"approved":false', "decision"),
        (b'"decidedAt":1', b'"decidedAt":2', "signature"),
        (b'"scheme":"eip191"', b'"scheme":"eip190"', "signature"),
        (b'"schema":"decision/v1"', b'"schema":"decision/v9"', "decision"),
    ),
)
def test_evidence__decision_changed_under_a_fitting_name__named(store: Path, old: bytes, new: bytes, kind: str) -> None:
    path = file_that(store, b'{"decision":', b'"approved":true')
    name = put_under_own_hash(path, path.read_bytes().replace(old, new))
    found = [item for item in prove_store(EvidenceStore(store)).check.findings if item.kind == kind]
    assert found
    assert all(item.subject.startswith(name) for item in found)


@pytest.mark.slow
def test_evidence__signature_changed__named(store: Path) -> None:
    path = file_that(store, b'{"decision":')
    envelope = json.loads(path.read_bytes())
    envelope["signature"]["signature"] = "0x" + "11" * 64 + "1b"
    put_under_own_hash(path, canonical_bytes(envelope))
    assert kinds(prove_store(EvidenceStore(store)).check) == {"signature"}


@pytest.mark.slow
def test_evidence__one_decision_only__other_damage_is_not_its_own(world: World, store: Path) -> None:
    (store / "notes.txt").write_text("mine")
    evidence = EvidenceStore(store)
    name = parse_decision(file_that(store, b'{"decision":').read_bytes(), what="x").sha256
    data = find_decision(evidence, name)
    assert prove_store(evidence, decisions={name: data}, only=name).check.findings == []
    assert kinds(prove_store(evidence).check) == {"file"}
    with pytest.raises(InputError, match="no decision with this hash"):
        find_decision(evidence, "00" * 32)


@pytest.mark.slow
def test_decisions__unknown_number__problem(world: World) -> None:
    for number in ("999999", "x", "-1", "9" * 30, "١"):
        answer = httpx2.get(f"{world.nodes[0].url}/v1/decisions/{number}", headers=world.nodes[0].headers)
        assert answer.status_code == 404
        assert answer.json()["type"].endswith("unknown")


def test_parse__neither_form__input_error(tmp_path: Path) -> None:
    for data in (b"{}", b"[]", b'{"decision": {}, "signature": {}}', b'{"decision": {"schema": "decision/v1"}}', b"{"):
        with pytest.raises(InputError):
            parse_decision(data, what="file")
