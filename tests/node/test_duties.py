"""Duties after the filing with real nodes and a real chain: declared, overdue, suspended, sent again, resumed."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from oracle.audit.replay import parse_decision, replay
from oracle.chain.registry import Token
from oracle.collector.node_client import NodeReply
from oracle.collector.proposal import propose_approval, propose_update
from oracle.domain.approval import FilingApproval, OnChainStatus, OperatorSignature, Tranche
from oracle.domain.canonical import canonical_bytes, keccak256
from oracle.domain.dossier import Dossier, parse_dossier
from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.filing_statement import FilingStatement, SignedStatement, statement_message
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.names import filing_id
from oracle.errors import RefusedError
from oracle.node.access import form_token
from oracle.node.service import Node
from oracle.rules.case import SHANGHAI
from oracle.rules.decision_record import dossier_hashes
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner
from oracle.signing.personal_message import message_digest
from oracle.store.api_keys import ApiKeys
from oracle.store.sessions import Sessions
from tests.node.running_nodes import ServedNode, World, rows, running_world
from tests.samples.dossier import SOURCE, sample_observation, sample_record

ISSUER = KeySigner(keccak256(b"the issuer's declarant"))
ELSEWHERE = KeySigner(keccak256(b"declarant of another filing"))
STRANGER = KeySigner(keccak256(b"a stranger"))
HOLDER = "0x" + "b0" * 20
DOCUMENT = "ab" * 32
DAY = 86_400

pytestmark = pytest.mark.slow


class Page:
    """A source that says what a test writes on it, of any filing."""

    name = SOURCE

    def __init__(self) -> None:
        self.seen: list[Observation] = []

    def observe(self, query: FilingQuery) -> list[Observation]:
        """What stands on the page, fetched now."""
        fetched = datetime.now(UTC).isoformat()
        return [item.model_copy(update={"fetched_at": fetched}) for item in self.seen]

    def publish(self, number: str) -> None:
        """A notice of this number, and nothing else."""
        record = sample_record(today=today(), number=number)
        self.seen = [sample_observation(record=record)]

    def table(self, status: LifeCycle | None, raw: str) -> None:
        """A row of the status table, and nothing else."""
        self.seen = [sample_observation(ObservationKind.STATUS_TABLE, status=status, raw_status=raw, as_of=today())]


PAGE = Page()


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    declarants: list[dict[str, Any]] = [
        {"address": ISSUER.address},
        {"address": ELSEWHERE.address, "filings": ["国合函〔2026〕1号"]},
    ]
    with running_world(tmp_path_factory.mktemp("duties"), declarants=declarants, sources=[PAGE]) as world:
        yield world


@pytest.fixture(autouse=True)
def calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Monday to Friday in every year, so that the tests do not end with the published calendar."""
    monkeypatch.setattr("oracle.domain.working_days.is_workday", lambda day: day.weekday() < 5)


def today() -> date:
    return datetime.now(UTC).astimezone(SHANGHAI).date()


def noon(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI).timestamp())


def approved(world: World, number: str, changes: dict[str, Any] | None = None) -> Dossier:
    """Hand a dossier to all nodes and approve it by the committee's keys, so that the nodes learn of it on chain."""
    PAGE.publish(number)
    dossier = world.dossier({"filing.filingNumber": number, **(changes or {})})
    for node in world.clients():
        node.post("/v1/dossiers", dossier.canonical())
    plan, now = dossier.issue_plan, int(world.w3.eth.get_block("latest")["timestamp"])
    approval = FilingApproval(
        filing="0x" + filing_id(number).hex(),
        tranches=tuple(
            Tranche(token=item.contract, cap=plan.base_units(item.max_units), decimals=plan.decimals)
            for item in sorted(plan.tranches, key=lambda item: int(item.contract, 16))
        ),
        dossier_hash="0x" + dossier.dossier_hash().hex(),
        record_hash="0x" + sample_record(today=today(), number=number).record_hash().hex(),
        ruleset_hash=world.nodes[0].node.ruleset(),
        valid_after=now - 60,
        valid_until=now + DAY,
        sequence=1,
    )
    digest = approval_digest(Domain(31337, world.deployment.registry), approval)
    given = [
        OperatorSignature(operator=signer.address, signature="0x" + signer.sign(digest).hex())
        for signer in world.signers[:2]
    ]
    world.registry.approve(world.issuer, approval, given)
    return dossier


def statement(world: World, filing: str, by: KeySigner = ISSUER, **changes: Any) -> SignedStatement:
    fields: dict[str, Any] = {
        "act": "DECLARE",
        "kind": "MAJOR_RISK",
        "number": filing,
        "chainId": 31337,
        "registry": world.deployment.registry,
        "eventOn": today().isoformat(),
        "what": "the chargers burnt down",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    said = FilingStatement.model_validate_json(json.dumps({**fields, **changes}))
    signature = by.sign(message_digest(statement_message(said)))
    return SignedStatement(statement=said, by=by.address, signature="0x" + signature.hex())


def body(signed: SignedStatement) -> bytes:
    return json.dumps(signed.model_dump(mode="json", by_alias=True, exclude_none=True)).encode()


def send(world: World, number: str, signed: SignedStatement, node: int = 0) -> NodeReply:
    return world.client(node).post(f"/v1/filings/{quote(number, safe='')}/events", body(signed))


def duties(world: World, number: str, node: int = 0) -> dict[str, Any]:
    return world.client(node).get(f"/v1/filings/{quote(number, safe='')}/duties").content


def status(world: World, number: str) -> OnChainStatus:
    return world.registry.filing_state("0x" + filing_id(number).hex()).status


def mint(world: World) -> None:
    Token(world.w3, world.deployment.token("senior").address).mint(world.issuer, HOLDER, 10**6)


def minting_is_refused(world: World) -> bool:
    with pytest.raises(RefusedError, match="FilingIsSuspended"):
        mint(world)
    return True


def renewal(world: World, dossier: Dossier, asked: Sequence[int] = (0, 1, 2)) -> Any:
    clients = [world.client(node) for node in asked]
    now = int(time.time())
    return propose_update(
        clients, world.registry, 31337, dossier, OnChainStatus.APPROVED, "why", now=now, window_seconds=DAY
    )


def recorded(node: ServedNode, number: str) -> list[str]:
    return [row[0] for row in rows(node, "select kind from filing_events where number = ? order by id", number)]


def revised(world: World, before: Dossier, changes: dict[str, Any]) -> Dossier:
    previous = {"revision": before.revision + 1, "prevDossierHash": "0x" + before.dossier_hash().hex()}
    return world.dossier({"filing.filingNumber": before.filing.filing_number, **previous, **changes})


def test_major_risk__declared_by_the_issuer__stops_at_once__and_a_quorum_resumes(world: World) -> None:
    number = "国合函〔2026〕2001号"
    dossier = approved(world, number)
    mint(world)
    signed = statement(world, number)
    first = send(world, number, signed)
    assert (first.status, first.content["done"], first.content["state"]) == (201, True, "SUSPENDED")
    assert status(world, number) is OnChainStatus.SUSPENDED
    assert minting_is_refused(world)
    again = send(world, number, signed)
    assert (again.status, again.content["new"]) == (200, False)
    assert recorded(world.nodes[0], number).count("DECLARED") == 1
    for other in (1, 2):
        assert send(world, number, signed, other).status == 201
    # As it was, the dossier doesn't show that the risk is over: nobody signs.
    refused = renewal(world, dossier)
    assert [{row["rule"] for row in answer.failed} for answer in refused.quorum.answers] == [{"POST-1"}] * 3
    day = today().isoformat()
    over = {"resolvedOn": day, "resolution": "opinion-1", "resolvedBy": ["ann", "bo"]}
    report = {"kind": "MAJOR_RISK", "eventOn": day, "reportedOn": day, "evidence": "opinion-1", **over}
    resolved = revised(world, dossier, {"postFiling": {"reports": [report]}})
    resumed = renewal(world, resolved)
    world.registry.update(world.issuer, resumed.proposal, resumed.quorum.require())
    assert status(world, number) is OnChainStatus.APPROVED
    mint(world)
    for node in world.nodes:
        node.node.duties.sweep(int(time.time()))
        assert "RESUMED" in recorded(node, number)
    assert duties(world, number)["state"] == "ISSUING"
    # What was said before is said: a kept copy of it stops nothing any more.
    assert send(world, number, signed).status == 200
    assert status(world, number) is OnChainStatus.APPROVED


def test_page__operator_confirms__does_what_the_call_does__and_a_repeat_nothing(world: World) -> None:
    number, node = "国合函〔2026〕2016号", world.nodes[0]
    approved(world, number)
    mint(world)
    made, token = Sessions(node.node.database.engine).new(
        ApiKeys(node.node.database.engine).find(node.key, int(time.time())), int(time.time()), 600
    )
    headers = {"Accept": "text/html", "Cookie": f"session={token}", "Sec-Fetch-Site": "same-origin"}

    def post(path: str, fields: dict[str, str]) -> httpx2.Response:
        fields = {"form_token": form_token(token), **fields}
        return httpx2.post(node.url + path, data=fields, headers=headers, timeout=45, trust_env=False)

    given = {"number": number, "reason": "the chargers burnt down", "event_on": today().isoformat()}
    shown = post("/operator/suspensions/review", given)
    assert (shown.status_code, "sequence 1" in shown.text) == (200, True)
    assert status(world, number) is OnChainStatus.APPROVED
    assert "DECLARED" not in recorded(node, number)
    at = re.search(r'name="at" value="(\d+)"', shown.text)
    assert at
    for expected in (201, 200):
        assert post("/operator/suspensions", {**given, "at": at[1]}).status_code == expected
    assert status(world, number) is OnChainStatus.SUSPENDED
    assert minting_is_refused(world)
    assert recorded(node, number).count("DECLARED") == 1
    [(body, key)] = rows(
        node,
        "select body, api_key from requests r join request_origins o on o.request_id = r.id "
        "where path = ? order by r.id limit 1",
        f"/v1/filings/{number}/events",
    )
    signed = SignedStatement.model_validate_json(body)
    assert (signed.by, signed.statement.what) == (node.node.address, "the chargers burnt down")
    assert made.key is not None
    assert key == made.key.id
    late = post("/operator/suspensions", {**given, "at": str(int(at[1]) - 2 * DAY), "reason": "old form"})
    assert late.status_code == 422
    assert recorded(node, number).count("DECLARED") == 1


def test_statement__by_a_stranger_or_tampered__403_and_nothing_changes(world: World) -> None:
    number = "国合函〔2026〕2002号"
    approved(world, number)
    before = recorded(world.nodes[0], number)
    signed = statement(world, number)
    other_words = signed.statement.model_copy(update={"what": "something else"})
    for bad in (
        statement(world, number, STRANGER),
        statement(world, number, ELSEWHERE),
        statement(world, number, STRANGER).model_copy(update={"by": ISSUER.address}),
        signed.model_copy(update={"statement": other_words}),
        signed.model_copy(update={"signature": "0x" + "ff" * 65}),
    ):
        reply = send(world, number, bad)
        assert (reply.status, reply.content["type"]) == (403, "urn:filing-gate:problem:forbidden")
    assert recorded(world.nodes[0], number) == before
    assert status(world, number) is OnChainStatus.APPROVED
    mint(world)


def test_statement__that_is_wrong__is_refused_by_name_and_changes_nothing(world: World) -> None:
    number, unapproved = "国合函〔2026〕2003号", "国合函〔2026〕2004号"
    approved(world, number)
    before = recorded(world.nodes[0], number)
    tomorrow = (today() + timedelta(days=1)).isoformat()
    long_ago = (datetime.now(UTC) - timedelta(days=2)).isoformat(timespec="seconds")
    for changes, words in (
        ({"registry": "0x" + "44" * 20}, "statement.registry"),
        ({"chainId": 1}, "statement.chainId"),
        ({"number": unapproved}, "statement.number"),
        ({"eventOn": tomorrow}, "statement.eventOn"),
        ({"at": long_ago}, "statement.at"),
    ):
        reply = send(world, number, statement(world, number, **changes))
        assert reply.status == 422, changes
        assert words in reply.content["title"]
    path = f"/v1/filings/{quote(number, safe='')}/events"
    assert world.client().post(path, b" " * 10_001).status == 413
    for data, words in (
        (b"{}", "missing"),
        (b"[", "not JSON"),
        (body(statement(world, number)).replace(b'"MAJOR_RISK"', b'"FIRE"'), "statement.kind"),
    ):
        reply = world.client().post(path, data)
        assert reply.status == 422
        assert words in reply.content["title"]
    assert send(world, unapproved, statement(world, unapproved)).status == 404
    world.client().post("/v1/dossiers", world.dossier({"filing.filingNumber": unapproved}).canonical())
    never = send(world, unapproved, statement(world, unapproved))
    assert (never.status, never.content["type"]) == (409, "urn:filing-gate:problem:refused")
    assert world.client().get(f"/v1/filings/{quote(unapproved, safe='')}/duties").status == 404
    assert recorded(world.nodes[0], number) == before
    assert recorded(world.nodes[0], unapproved) == []


def test_no_relay__202_and_refuses_renewals__a_restart_with_one_sends_it(world: World) -> None:
    number = "国合函〔2026〕2005号"
    dossier = approved(world, number)
    silent = world.nodes[1]
    reply = send(world, number, statement(world, number), 1)
    assert (reply.status, reply.content["done"], reply.content["state"]) == (202, False, "SUSPENDED")
    assert "no [relay]" in reply.content["problem"]
    assert status(world, number) is OnChainStatus.APPROVED
    [mine] = renewal(world, dossier, [1]).quorum.answers
    assert (mine.outcome, mine.differences[0]["field"]) == ("refused", "state by this node's record")
    view = duties(world, number, 1)
    assert view["suspension"]["suspension"]["sequence"] == 1
    assert "to be suspended, and not suspended on chain" in view["alerts"]
    # The process ends here; another opens the same database, now with a relay.
    node = silent.node
    fresh = Node(node.config, node.database, (), world.signers[1], node.evidence, world.nodes[0].node.duties._relay)
    found = next(item for item in fresh.duties.sweep(int(time.time())) if item.number == number)
    assert "suspended on chain" in found.done[-1]
    assert status(world, number) is OnChainStatus.SUSPENDED
    assert minting_is_refused(world)
    assert "SENT" in recorded(silent, number)
    after = world.registry.filing_state("0x" + filing_id(number).hex())
    again = next(item for item in fresh.duties.sweep(int(time.time())) if item.number == number)
    assert again.done == []
    assert world.registry.filing_state("0x" + filing_id(number).hex()) == after


def test_renewed_in_between__signed_for_the_new_sequence(world: World) -> None:
    number = "国合函〔2026〕2006号"
    dossier = approved(world, number)
    assert send(world, number, statement(world, number), 1).status == 202
    # The other two have heard nothing and renew.
    clients = [world.client(), world.client(2)]
    renewed = propose_update(
        clients, world.registry, 31337, dossier, OnChainStatus.APPROVED, "why", now=int(time.time()), window_seconds=DAY
    )
    world.registry.update(world.issuer, renewed.proposal, renewed.quorum.require())
    node = world.nodes[1].node
    node.duties.sweep(int(time.time()))
    assert "RENEWED" in recorded(world.nodes[1], number)
    view = duties(world, number, 1)
    # A renewal lifts nothing.
    assert (view["state"], view["suspension"]["suspension"]["sequence"]) == ("SUSPENDED", 2)


def test_two_sweeps_at_once__do_no_harm(world: World) -> None:
    number = "国合函〔2026〕2007号"
    approved(world, number)
    first = world.nodes[0].node
    other = Node(first.config, first.database, (), world.signers[0], first.evidence, first.duties._relay)
    send(world, number, statement(world, number), 1)
    signed = statement(world, number)
    unsent = Node(first.config, first.database, (), world.signers[0], first.evidence)
    assert not unsent.duties.take(number, signed, int(time.time())).done
    sweeps = [threading.Thread(target=item.duties.sweep, args=(int(time.time()),)) for item in (first, other)]
    for thread in sweeps:
        thread.start()
    for thread in sweeps:
        thread.join()
    state = world.registry.filing_state("0x" + filing_id(number).hex())
    assert (state.status, state.sequence) == (OnChainStatus.SUSPENDED, 2)
    assert recorded(world.nodes[0], number).count("SUSPENDED") == 1


def test_completion_report__overdue_by_the_clock__the_sweep_suspends(world: World) -> None:
    number = "国合函〔2026〕2008号"
    ends = today() + timedelta(days=30)
    approved(world, number, {"issuePlan.offerEnd": ends.isoformat()})
    mint(world)
    due = duties(world, number)["duties"][0]
    assert (due["kind"], due["eventOn"], due["state"]) == ("COMPLETION", ends.isoformat(), "DUE")
    last = date.fromisoformat(due["due"])
    sweep = world.nodes[0].node.duties.sweep
    sweep(noon(last))
    assert status(world, number) is OnChainStatus.APPROVED
    mint(world)
    found = next(item for item in sweep(noon(last + timedelta(days=1))) if item.number == number)
    assert "COMPLETION report" in found.done[0]
    assert status(world, number) is OnChainStatus.SUSPENDED
    assert minting_is_refused(world)
    assert recorded(world.nodes[0], number).count("OVERDUE") == 1


def test_change__declared_and_overdue__suspends__and_a_report_lets_a_quorum_resume(world: World) -> None:
    number = "国合函〔2026〕2009号"
    dossier = approved(world, number)
    happened = (today() - timedelta(days=14)).isoformat()
    for index in range(3):
        declared = send(world, number, statement(world, number, kind="CHANGE", eventOn=happened), index)
        assert (declared.status, declared.content["duties"][0]["state"]) == (201, "OVERDUE")
    now = int(time.time())
    for node in world.nodes:
        node.node.duties.sweep(now)
    assert status(world, number) is OnChainStatus.SUSPENDED
    assert not renewal(world, dossier).quorum.signatures
    made: dict[str, Any] = {"act": "REPORT", "kind": "CHANGE", "eventOn": happened, "evidence": DOCUMENT}
    for index in range(3):
        told = send(world, number, statement(world, number, reportedOn=today().isoformat(), **made), index)
        assert told.content["duties"][0]["state"] == "LATE"
    resumed = renewal(world, dossier)
    world.registry.update(world.issuer, resumed.proposal, resumed.quorum.require())
    found = next(item for item in world.nodes[0].node.duties.sweep(now + 5) if item.number == number)
    assert (found.state, found.alerts, found.problems) == ("FILED", [], [])
    assert status(world, number) is OnChainStatus.APPROVED
    mint(world)


def test_calendar_does_not_reach__indeterminate_alert_and_nothing_suspended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = "国合函〔2026〕2010号"
    approved(world, number)

    def unknown(day: date) -> bool:
        raise NotImplementedError

    monkeypatch.setattr("oracle.domain.working_days.is_workday", unknown)
    happened = (today() - timedelta(days=14)).isoformat()
    assert send(world, number, statement(world, number, kind="CHANGE", eventOn=happened)).status == 201
    found = next(item for item in world.nodes[0].node.duties.sweep(int(time.time())) if item.number == number)
    assert any("INDETERMINATE whether the CHANGE report" in text for text in found.alerts)
    assert status(world, number) is OnChainStatus.APPROVED
    ready = world.client().get("/readyz").content
    assert any(item["number"] == number for item in ready["duties"]["alerts"])


def test_chg_1__fresh_revision_1_beside_the_approved_dossier__all_refuse(world: World) -> None:
    number = "国合函〔2026〕2011号"
    dossier = approved(world, number)
    clients = world.clients()

    def failed(item: Dossier) -> list[set[str]]:
        now = int(time.time())
        proposed = propose_approval(clients, world.registry, 31337, item, now=now, window_seconds=DAY)
        return [{row["rule"] for row in answer.failed} for answer in proposed.quorum.answers]

    quiet = {"filing.filingNumber": number, "issuePlan.useOfProceeds": "something else"}
    fresh = {**quiet, "dossierId": "00000000-4a59-4867-9a0b-1c2d3e4f5a6b"}
    assert failed(world.dossier(fresh)) == [{"CHG-1"}] * 3
    assert failed(world.dossier(quiet)) == [{"CHG-1"}] * 3
    # Brought on chain: nothing else would be signed for this sequence.
    again = renewal(world, dossier)
    world.registry.update(world.issuer, again.proposal, again.quorum.require())
    assert failed(revised(world, dossier, {"filingEntity.nameEn": "Other"})) != [{"CHG-1"}] * 3


def test_status_nobody_has_seen__alert_at_the_filing(world: World) -> None:
    number = "国合函〔2026〕2012号"
    dossier = approved(world, number)
    PAGE.table(None, "无人见过")
    assert not renewal(world, dossier).quorum.signatures
    world.settle()
    assert any("无人见过" in text for text in duties(world, number)["alerts"])
    assert duties(world, number)["state"] == "FILED"


def test_page_says_supplement_after_filing__the_sweep_suspends_for_review(world: World) -> None:
    number = "国合函〔2026〕2013号"
    dossier = approved(world, number)
    PAGE.table(LifeCycle.SUPPLEMENT, "补充材料")
    renewal(world, dossier)
    world.settle()
    world.nodes[0].node.duties.sweep(int(time.time()))
    assert status(world, number) is OnChainStatus.SUSPENDED
    assert duties(world, number)["state"] == "SUSPENDED"


def test_chain_down__recorded_and_stopped_off_chain__later_sent(world: World, tmp_path: Path) -> None:
    number = "国合函〔2026〕2015号"
    approved(world, number)
    first = world.nodes[0].node
    first.duties.sweep(int(time.time()))
    dead = first.config.model_copy(
        update={"chain": first.config.chain.model_copy(update={"rpc_url": "http://127.0.0.1:9"})}
    )
    blind = Node(dead, first.database, (), world.signers[0], first.evidence, first.duties._relay)
    taken = blind.duties.take(number, statement(world, number), int(time.time()))
    assert (taken.new, taken.done, taken.view["state"]) == (True, False, "SUSPENDED")
    assert "the chain was not read" in taken.view["problem"]
    assert any(item.unreachable for item in blind.duties.sweep(int(time.time())))
    assert status(world, number) is OnChainStatus.APPROVED
    first.duties.sweep(int(time.time()))
    assert status(world, number) is OnChainStatus.SUSPENDED


def test_decisions__with_record_state_and_approved_dossier__are_made_again_byte_for_byte(world: World) -> None:
    """Of everything above, and of a renewal that a declared change leaves alone."""
    number = "国合函〔2026〕2090号"
    dossier = approved(world, number)
    assert send(world, number, statement(world, number, kind="CHANGE")).status == 201
    renewal(world, dossier)
    world.settle()
    held = set()
    node = world.nodes[0].node
    for kept in node.database.decision_ids():
        data = canonical_bytes(world.client().get(f"/v1/decisions/{kept}").content)
        decision = parse_decision(data, what=str(kept))
        dossiers = {}
        for name in dossier_hashes(decision.document):
            given = world.client().get(f"/v1/dossiers/{name}").content
            dossiers[name] = parse_dossier(canonical_bytes(given), what=name)
        again = replay(decision.document, dossiers)
        assert again.differences == ()
        assert canonical_bytes(again.document) == canonical_bytes(decision.document)
        held |= {key for key in ("approved", "recorded", "state") if decision.document["case"].get(key)}
    assert held == {"approved", "recorded", "state"}
