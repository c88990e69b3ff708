"""A node that has its evidence stamped: with an authority that works, and with one that does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from oracle.audit.evidence_check import StampTerms, StoreProof, prove_store
from oracle.domain.approval import FilingApproval, FilingUpdate
from oracle.domain.dossier import Dossier
from oracle.errors import UnreachableError
from oracle.evidence.timestamp import root_certificates
from oracle.node.service import Node, make_sources
from oracle.sources.timestamp_authority import TimestampAuthority, TimestampConfig
from tests.node.running_nodes import World
from tests.standin.time_authority import TimeAuthority

HASH = "0x" + "22" * 32


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    with TimeAuthority(tmp_path_factory.mktemp("authority")) as running:
        yield running


@pytest.fixture
def authority(running: TimeAuthority) -> TimeAuthority:
    running.fault = None
    running.questions.clear()
    return running


def node_with(world: World, authority: TimeAuthority, *, required: bool) -> Node:
    """The first node again, asking the authority."""
    node = world.nodes[0].node
    config = TimestampConfig(url=authority.url, roots=str(authority.roots), required=required)
    asked = TimestampAuthority(config, node.evidence, lambda: datetime.now(UTC), base=Path())
    sources = make_sources(node.config, node.evidence)
    return Node(node.config, node.database, sources, node._signer, node.evidence, authority=asked)


@contextmanager
def request_to(node: Node, dossier: Dossier) -> Iterator[int]:
    """The number of a request that is answered in the end, as the API does it."""
    moment = "2026-11-22T00:00:00.000+00:00"
    number = node.database.add_request(moment, "POST", "/v1/approvals", b"")
    node.database.add_dossier(number, dossier)
    try:
        yield number
    finally:
        node.database.add_answer(number, moment, 200, b"")


def approve(node: Node, dossier: Dossier) -> int:
    """The number of the decision on a proposal about the dossier."""
    name = "0x" + dossier.dossier_hash().hex()
    token = "0x" + "11" * 20
    proposed = FilingApproval.model_validate(
        {
            **dict.fromkeys(("filing", "record_hash", "ruleset_hash"), HASH),
            "dossier_hash": name,
            "tranches": [{"token": token, "cap": 5, "decimals": 6}],
            "valid_after": 1,
            "valid_until": 2,
            "sequence": 1,
        }
    )
    with request_to(node, dossier) as request:
        return node.approve(request, proposed).decision_id


def proof_of(node: Node, decision: int, authority: TimeAuthority) -> StoreProof:
    terms = StampTerms(root_certificates(authority.roots.read_bytes(), where="roots"))
    record = node.database.decision_record(decision) or b""
    return prove_store(node.evidence, decisions={"it": record}, terms=terms, only="it")


@pytest.mark.slow
def test_approve__authority_answers__evidence_stamped_before_the_decision(
    world: World, authority: TimeAuthority
) -> None:
    world.publish()
    node = node_with(world, authority, required=True)
    decision = approve(node, world.dossier())
    proof = proof_of(node, decision, authority)
    assert proof.check.findings == []
    assert [name for name, _ in proof.stamps] == ["it"]


@pytest.mark.slow
def test_approve__authority_fails__required_is_not_decided_and_wished_for_is_not_claimed(
    world: World, authority: TimeAuthority
) -> None:
    world.publish(units=999_998)
    authority.fault = "busy"
    strict = node_with(world, authority, required=True)
    known = strict.database.decision_ids()
    evidence = set(strict.evidence.hashes())
    with pytest.raises(UnreachableError, match="no time stamp: HTTP status 503"):
        approve(strict, world.dossier())
    assert strict.database.decision_ids() == known
    assert set(strict.evidence.hashes()) > evidence
    lenient = node_with(world, authority, required=False)
    decision = approve(lenient, world.dossier())
    proof = proof_of(lenient, decision, authority)
    assert (proof.check.findings, proof.stamps) == ([], [])
    assert b"stamp" not in (lenient.database.decision_record(decision) or b"").replace(b"timestamp:", b"")


@pytest.mark.slow
def test_update__what_stops_minting__waits_for_no_stamp(world: World, authority: TimeAuthority) -> None:
    authority.fault = "busy"
    node = node_with(world, authority, required=True)
    dossier = world.dossier()
    change = {"filing": HASH, "reason": HASH, "valid_until": 0, "sequence": 1, "record_hash": HASH}
    fields = {name: value for name, value in change.items() if name in FilingUpdate.model_fields}
    revoke = FilingUpdate.model_validate({**fields, "status": 3})
    name = "0x" + dossier.dossier_hash().hex()
    with request_to(node, dossier) as request:
        assert node.update(request, name, revoke).decision_id
    assert authority.questions == []
    resume = FilingUpdate.model_validate({**fields, "status": 1, "valid_until": 2})
    with request_to(node, dossier) as request, pytest.raises(UnreachableError, match="no time stamp"):
        node.update(request, name, resume)
