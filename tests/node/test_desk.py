"""The short way of an approval: what it keeps, what it does not take, and that nothing old is taken for new."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from web3 import Web3

from oracle.audit.replay import parse_decision, replay
from oracle.chain.registry import Registry
from oracle.collector.node_client import NodeReply
from oracle.collector.proposal import agreed_record, new_approval
from oracle.domain.approval import FilingApproval, OperatorSignature
from oracle.domain.dossier import Dossier
from oracle.domain.filing import FilingQuery, ObservationKind
from oracle.domain.names import filing_id, fold_number
from oracle.errors import UnreachableError
from oracle.evidence.store import EvidenceStore, sha256_hex
from oracle.node.chain_view import ChainView
from oracle.node.clerk import Clerk
from oracle.node.kept_rows import KeptRows
from oracle.node.preparing import Preparing
from oracle.node.service import Node
from oracle.proof.database_proof import prove_database
from oracle.rules.case import query_for
from oracle.store import tables
from oracle.store.database import Database
from oracle.store.rows import stored_rows
from oracle.store.unfiled import filed_below, mark_filed
from tests.node.running_nodes import ServedNode, World, running_world

NUMBERS = iter(range(5000, 6000))


@pytest.fixture(scope="module")
def caching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Nodes that answer from what they saw less than an hour ago."""
    with running_world(tmp_path_factory.mktemp("caching"), cache_seconds=3600) as made:
        yield made


@pytest.fixture
def node(caching: World) -> ServedNode:
    return caching.nodes[0]


def proposal(world: World, node: ServedNode) -> tuple[Dossier, FilingApproval]:
    """A filing of its own, published, seen, its dossier handed in; and what the node would sign."""
    number = f"国合函〔2026〕{next(NUMBERS)}号"
    world.publish(number=number)
    dossier = world.dossier({"filing.filingNumber": number})
    hashes = agreed_record([node.client()], dossier, 1)
    now = int(time.time())
    made = new_approval(world.registry, 31337, dossier, hashes, now=now, window_seconds=86_400)
    # On a busy machine a visit to the site may take longer than a source waits.
    for _ in range(10):
        seen = node.node.observe(query_for(dossier), fresh=True)
        if {item.kind for item in seen} == {ObservationKind.NOTICE}:
            break
    ready(node.node, dossier)
    return dossier, made


def ready(node: Node, dossier: Dossier) -> None:
    node.database.dossier("0x" + dossier.dossier_hash().hex())
    filing = filing_of(dossier)
    node.view.refresh()
    node.view.load(dossier, filing)
    assert not node.view.lacks(dossier, filing)


def number_of(dossier: Dossier) -> str:
    return fold_number(str(dossier.filing.filing_number))


def filing_of(dossier: Dossier) -> str:
    return "0x" + filing_id(number_of(dossier)).hex()


def ask(node: ServedNode, approval: FilingApproval) -> NodeReply:
    body = json.dumps({"approval": approval.model_dump(mode="json", by_alias=True)}).encode()
    return node.client().post("/v1/approvals", body)


@pytest.fixture
def only_short(node: ServedNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The long way is closed."""

    def closed(*_: Any) -> None:
        raise UnreachableError("the long way was taken", where="test", remedy="-")

    monkeypatch.setattr(node.node, "approve", closed)


@pytest.mark.usefixtures("only_short")
def test_desk__everything_at_hand__signed_recorded_replayable_and_stored_as_answered(
    caching: World, node: ServedNode
) -> None:
    dossier, approval = proposal(caching, node)
    reply = ask(node, approval)
    assert reply.status == 200, reply.content
    number = int(reply.content["decision"])
    record = node.node.database.decision_record(number)
    assert record is not None
    signed = parse_decision(record, what="record")
    assert signed.signature_fault() is None
    assert replay(signed.document, {approval.dossier_hash: dossier}).differences == ()
    kept = node.node.database.signature(reply.content["digest"])
    assert kept is not None
    assert kept.signature == reply.content["signature"]
    # The same again is decided anew and given the same signature.
    again = ask(node, approval)
    assert again.status == 200
    assert again.content["signature"] == reply.content["signature"]
    assert again.content["decision"] != reply.content["decision"]
    caching.settle()
    chain = node.node.config.chain
    identity = {"operator": node.node.address, "chain": str(chain.id), "registry": chain.registry}
    node.node.database.bind_to(identity)
    assert prove(node) == []


def prove(node: ServedNode) -> list[str]:
    """What `store fsck` finds in the database and the evidence."""
    with stored_rows(node.node.database.engine) as rows:
        proof = prove_database(rows, node.node.evidence)
    return [f"{item.id} {item.subject} {item.problem}" for item in proof.findings]


def test_desk__a_withdrawal_another_replica_saw__refused(caching: World, node: ServedNode) -> None:
    dossier, approval = proposal(caching, node)
    query = FilingQuery(number=dossier.filing.filing_number, entity_name=dossier.filing_entity.name_zh)
    elsewhere = Database(str(node.node.database.engine.url))
    seen = elsewhere.last_sighting(query)
    assert seen
    elsewhere.add_sighting(query, [seen[0].model_copy(update={"kind": ObservationKind.WITHDRAWAL})])
    elsewhere.close()
    reply = ask(node, approval)
    assert reply.status == 409
    assert reply.content["failed"]


@pytest.mark.usefixtures("only_short")
def test_desk__caller_hangs_up_while_it_decides__signed_and_stored_all_the_same(
    caching: World, node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, approval = proposal(caching, node)
    body = json.dumps({"approval": approval.model_dump(mode="json", by_alias=True)}).encode()
    address = urlsplit(node.url)
    head = f"POST /v1/approvals HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {node.key}\r\n"
    deciding, gone = threading.Event(), threading.Event()
    check = node.node.check_clock

    def held(*what: Any) -> None:
        deciding.set()
        assert gone.wait(30)
        check(*what)

    monkeypatch.setattr(node.node, "check_clock", held)
    with socket.create_connection((address.hostname, address.port)) as caller:
        caller.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        # Who hangs up before the server has read him was not heard: nothing of his is to be found then.
        assert deciding.wait(30)
    gone.set()
    digest = "0x" + node.node.digest_of(approval).hex()
    end = time.monotonic() + 30
    while (kept := node.node.database.signature(digest)) is None and time.monotonic() < end:
        time.sleep(0.01)
    assert kept is not None
    reply = ask(node, approval)
    assert (reply.status, reply.content["signature"]) == (200, kept.signature)


def test_desk__two_windows_for_one_sequence_at_once__one_is_signed(caching: World, node: ServedNode) -> None:
    _, approval = proposal(caching, node)
    different = [approval.model_copy(update={"valid_until": approval.valid_until - turn}) for turn in range(6)]
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda item: ask(node, item), different))
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409, 409, 409]


def test_desk__two_replicas_on_one_database__one_of_two_windows_is_signed(caching: World, node: ServedNode) -> None:
    first = node.node
    database = Database(str(first.database.engine.url))
    second = ServedNode(Node(first.config, database, [], first._signer, first.evidence))
    try:
        for _ in range(3):
            dossier, approval = proposal(caching, node)
            ready(second.node, dossier)
            other = approval.model_copy(update={"valid_until": approval.valid_until - 1})
            with ThreadPoolExecutor(2) as pool:
                replies = list(pool.map(lambda pair: ask(*pair), [(node, approval), (second, other)]))
            assert sorted(reply.status for reply in replies) == [200, 409], replies
    finally:
        second.stop()


def test_desk__stale_sighting__the_sources_are_asked_again(
    caching: World, node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    dossier, approval = proposal(caching, node)
    caching.site.set_state(notices=[])
    fresh = node.node.is_fresh
    monkeypatch.setattr(node.node, "is_fresh", lambda seen, now: fresh(seen, now + 3600))
    assert ask(node, approval).status == 409
    assert query_for(dossier).number


# The view of the chain ------------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def view(caching: World, clock: list[float]) -> ChainView:
    return ChainView(
        lambda: Registry(Web3(caching.w3.provider), caching.deployment.registry), 31337, 1.0, lambda: clock[0]
    )


def test_view__older_than_its_seconds__gives_nothing_until_brought_up(
    caching: World, view: ChainView, clock: list[float]
) -> None:
    dossier = caching.dossier()
    filing = filing_of(dossier)
    assert view.known(dossier, filing) is None
    view.load(dossier, filing)
    known = view.known(dossier, filing)
    assert known is not None
    assert known.state.sequence == caching.registry.filing_state(filing).sequence
    assert [item.issued for item in known.tranches] == [0, 0]
    clock[0] += 1.01
    assert view.known(dossier, filing) is None
    view.refresh()
    assert view.known(dossier, filing) is not None


def test_view__chain_lost__raises_and_gives_nothing(
    caching: World, view: ChainView, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    dossier = caching.dossier()
    view.load(dossier, filing_of(dossier))
    lost = Registry(Web3(Web3.HTTPProvider(caching.anvil.url)), caching.deployment.registry)
    lost.w3.provider = Web3.HTTPProvider("http://127.0.0.1:1")
    monkeypatch.setattr(view, "_bound", lost)
    clock[0] += 1.01
    with pytest.raises(UnreachableError):
        view.refresh()
    assert view.known(dossier, filing_of(dossier)) is None


def test_view__approved_and_minted_on_chain__what_the_events_name_is_read_again(
    caching: World, view: ChainView, clock: list[float], node: ServedNode
) -> None:
    dossier, approval = proposal(caching, node)
    other = caching.dossier({"filing.filingNumber": "国合函〔2026〕4999号"})
    for item in (dossier, other):
        view.load(item, filing_of(item))
    before = view.known(dossier, filing_of(dossier))
    assert before is not None
    assert before.state.sequence == 0
    replies = []
    for served in caching.nodes[:2]:
        served.client().post("/v1/dossiers", dossier.canonical())
        replies.append(ask(served, approval))
    given = [{"operator": reply.content["operator"], "signature": reply.content["signature"]} for reply in replies]
    snapshot = caching.w3.provider.make_request("evm_snapshot", [])["result"]  # type: ignore[arg-type]
    signatures = [OperatorSignature.model_validate(item) for item in given]
    caching.registry.approve(caching.issuer, approval, signatures)
    clock[0] += 0.6
    view.refresh()
    assert view.lacks(dossier, filing_of(dossier))
    assert not view.lacks(other, filing_of(other))
    view.load(dossier, filing_of(dossier))
    known = view.known(dossier, filing_of(dossier))
    assert known is not None
    assert known.state.sequence == 1
    # Another dossier of the same filing has its own plan.
    plan = dossier.issue_plan.tranches[0]
    half = caching.dossier({"filing.filingNumber": number_of(dossier), "issuePlan.tranches[0].maxUnits": 1})
    own = view.known(half, filing_of(half))
    assert own is not None
    assert own.tranches[0].cap == half.issue_plan.base_units(1) != known.tranches[0].cap
    assert known.tranches[0].cap == dossier.issue_plan.base_units(plan.max_units)
    assert view.known(dossier, filing_of(dossier)) == known
    # A reorganisation: everything is read again.
    caching.w3.provider.make_request("evm_revert", [snapshot])  # type: ignore[arg-type]
    clock[0] += 0.6
    view.refresh()
    assert view.lacks(other, filing_of(other))


def test_preparing__dossier_there_later_than_one_with_a_higher_number__made_ready_too(
    caching: World, node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = node.node.database
    preparing = Preparing(node.node, KeptRows(database))
    early, late = (database.add_request("2026-11-30T00:00:00.000+00:00", "POST", "/v1/dossiers", b"") for _ in range(2))
    first, second = (caching.dossier({"filing.filingNumber": f"国合函〔2026〕{next(NUMBERS)}号"}) for _ in range(2))
    node.node.view.refresh()
    # As on PostgreSQL, by the request's number.
    query = text("SELECT request_id, hash FROM dossiers WHERE request_id > :place ORDER BY request_id DESC LIMIT :most")

    def dossiers_after(place: int, limit: int) -> list[tuple[int, str]]:
        with database.engine.connect() as connection:
            return [(int(row[0]), str(row[1])) for row in connection.execute(query, {"place": place, "most": limit})]

    monkeypatch.setattr(database, "dossiers_after", dossiers_after)
    for request, dossier in ((late, second), (early, first)):
        database.add_dossier(request, dossier)
        assert node.node.view.lacks(dossier, filing_of(dossier))
        preparing._all()
        assert not node.node.view.lacks(dossier, filing_of(dossier))


def test_preparing__chain_silent_for_one_dossier__the_others_are_made_ready_unasked(
    caching: World, node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = node.node.database
    alone = Node(node.node.config, database, [], node.node._signer, node.node.evidence)
    dossiers = [caching.dossier({"filing.filingNumber": f"国合函〔2026〕{next(NUMBERS)}号"}) for _ in range(4)]
    for dossier in dossiers:
        request = database.add_request("2026-11-30T00:00:00.000+00:00", "POST", "/v1/dossiers", b"")
        database.add_dossier(request, dossier)
    filings, failed = {filing_of(item) for item in dossiers}, set[str]()
    load = alone.view.load

    def once(dossier: Dossier, filing: str) -> None:
        if filing in filings and not failed:
            failed.add(filing)
            raise UnreachableError("the chain is silent", where="test", remedy="-")
        load(dossier, filing)

    monkeypatch.setattr(alone.view, "load", once)
    Preparing(alone, KeptRows(database)).follow()
    end = time.monotonic() + 60
    while len(lacking := {filing_of(item) for item in dossiers if alone.view.lacks(item, filing_of(item))}) > 1:
        assert time.monotonic() < end, lacking
        time.sleep(0.05)
    assert lacking == failed


# The evidence store ---------------------------------------------------------------------------------------------------


def test_clerk__a_record_not_filed_yet__is_no_fault_until_it_should_be_there(
    caching: World, node: ServedNode, tmp_path: Any
) -> None:
    _, approval = proposal(caching, node)
    reply = ask(node, approval)
    assert reply.status == 200
    database, empty = node.node.database, EvidenceStore(tmp_path / "evidence")
    record = database.decision_record(int(reply.content["decision"])) or b""
    filed(node.node.evidence, record)
    assert node.node.evidence.holds(sha256_hex(node.node.database.dossier(approval.dossier_hash).canonical()))  # type: ignore[union-attr]
    with database.engine.connect() as connection:
        below = filed_below(connection)
    assert below is not None
    assert below > 0
    mark_filed(database, 0)
    with database.engine.connect() as connection:
        again = filed_below(connection)
    assert again is not None
    assert again >= below  # it never goes back
    assert not Clerk(database, empty).file_some()


def test_clerk__node_stops_before_it_files_or_dies__filed_at_the_end_or_at_the_next_start(
    caching: World, node: ServedNode, tmp_path: Any
) -> None:
    _, approval = proposal(caching, node)
    record = node.node.database.decision_record(int(ask(node, approval).content["decision"])) or b""
    filed(node.node.evidence, record)
    database = Database(str(node.node.database.engine.url))
    mark = tables.meta.update().where(tables.meta.c.key == "records_filed").values(value="0")
    stopped, started = (EvidenceStore(tmp_path / name) for name in ("stopped", "started"))
    database.write(lambda connection: connection.execute(mark))
    Clerk(database, stopped).finish(20)
    assert stopped.holds(sha256_hex(record))
    assert database.kept_dossier(approval.dossier_hash) is None  # memory is for what requests are about
    database.write(lambda connection: connection.execute(mark))
    Clerk(database, started).begin()
    filed(started, record)
    database.close()


def filed(evidence: EvidenceStore, record: bytes) -> None:
    """A clerk has put the record there, or does so soon."""
    end = time.monotonic() + 20
    while not evidence.holds(sha256_hex(record)) and time.monotonic() < end:
        time.sleep(0.05)
    assert evidence.holds(sha256_hex(record))
