"""Cycles with three real nodes and a real chain: what is renewed, what is stopped, what is left to lapse."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oracle.chain.failover import FailoverProvider
from oracle.collector.proposal import collect_update, propose_update
from oracle.domain.approval import OnChainStatus
from oracle.domain.filing import AdverseKind, ObservationKind
from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.names import filing_id
from oracle.store import tables
from oracle.store.kept_dossiers import KeptDossiers
from oracle.store.watch_state import WatchState
from oracle.watch.cycle import Watcher
from oracle.watch.look import look
from tests.node.running_nodes import World, running_world
from tests.node.test_duties import ISSUER, Page, approved, mint, minting_is_refused, noon, send, statement, today
from tests.node.test_duties import PAGE as SHARED
from tests.samples.dossier import sample_observation, sample_record
from tests.store.tampering import unprotected
from tests.watch.relays import DAY, HOUR, relay, updates

pytestmark = pytest.mark.slow


class Source(Page):
    """The page that `approved` writes on, which a test may also make fail or hold a list of offenders."""

    fails = False
    listed: list[Any] = []

    def observe(self, query: Any) -> list[Any]:
        self.seen = SHARED.seen
        if self.fails:
            return [sample_observation(ObservationKind.FAILURE, detail="timed out", fetched_at=_iso())]
        return [*super().observe(query), *(item.model_copy(update={"fetched_at": _iso()}) for item in self.listed)]


SOURCE = Source()


def _iso() -> str:
    return datetime.now(UTC).isoformat()


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(
        tmp_path_factory.mktemp("watch"), declarants=[{"address": ISSUER.address}], sources=[SOURCE]
    ) as world:
        yield world


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    SOURCE.fails, SOURCE.listed = False, []
    shared_world.fresh()
    # What happened to the filings of other tests was undone on chain, and they are none of this test's.
    yield shared_world
    shared_world.settle()


@pytest.fixture(autouse=True)
def calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracle.domain.working_days.is_workday", lambda day: day.weekday() < 5)


def filing_of(number: str) -> str:
    return "0x" + filing_id(number).hex()


def state(world: World, number: str) -> Any:
    return world.registry.filing_state(filing_of(number))


def report(reports: Any, number: str) -> Any:
    return next(item for item in reports if item.number == number)


def alerts(watcher: Any, number: str) -> dict[str, Any]:
    return {item["kind"]: item for item in watcher.state.get(number).alerts}


#: A window of a day, as `approved` gives, is near its end for these.
NEAR: dict[str, Any] = {"renew_before_seconds": 25 * HOUR, "validity_seconds": 48 * HOUR, "jitter": 0.0}


def test_cycle__window_near_its_end__two_relays_renew_it_once_without_error(world: World) -> None:
    number = "国合函〔2026〕3001号"
    approved(world, number)
    now = int(time.time())
    relays = [relay(world, 0, **NEAR), relay(world, 1, **NEAR)]
    found: dict[int, Any] = {}

    def run(index: int) -> None:
        found[index] = relays[index].cycle(now, [number])

    threads = [threading.Thread(target=run, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report(found[index], number).problems for index in (0, 1)] == [[], []]
    assert len(updates(world, filing_of(number))) == 1
    after = state(world, number)
    assert (after.status, after.sequence) == (OnChainStatus.APPROVED, 2)
    assert after.valid_until == now // HOUR * HOUR + 48 * HOUR
    mint(world)
    # Nothing is due any more: the next cycles of both change nothing.
    for watcher in relays:
        assert report(watcher.cycle(now + 1, [number]), number).alerts == []
    assert state(world, number) == after


def test_cycle__renewed_by_another_relay_while_the_nodes_are_asked__nothing_is_wrong(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = "国合函〔2026〕3091号"
    approved(world, number)
    now = int(time.time())
    first, second = relay(world, 0, **NEAR), relay(world, 1, **NEAR)

    def late(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr("oracle.watch.actions.collect_update", collect_update)
        assert report(second.cycle(now, [number]), number).done
        return collect_update(*given, **named)

    monkeypatch.setattr("oracle.watch.actions.collect_update", late)
    found = report(first.cycle(now, [number]), number)
    assert (found.problems, found.done, found.alerts) == ([], [], [])
    assert len(updates(world, filing_of(number))) == 1
    assert state(world, number).sequence == 2


def test_cycle__far_from_its_end__nothing_is_done__and_nothing_is_due_before_its_time(world: World) -> None:
    number = "国合函〔2026〕3002号"
    approved(world, number)
    watcher, now = relay(world, 0, jitter=0.5), int(time.time())
    assert number in watcher.due(now)
    assert report(watcher.cycle(now), number).done == []
    row = watcher.state.get(number)
    assert (row.outcome, row.alerts) == ("CLEAR", ())
    assert now < row.next_at <= now + 600
    assert number not in watcher.due(row.next_at - 1)
    assert number in watcher.due(row.next_at)
    assert state(world, number).sequence == 1


def test_cycle__status_no_longer_filed__suspended_within_one_cycle(world: World) -> None:
    number = "国合函〔2026〕3003号"
    approved(world, number)
    mint(world)
    SHARED.table(LifeCycle.WITHDRAWN, "终止")
    watcher = relay(world, 0)
    seen = report(watcher.cycle(int(time.time()), [number]), number)
    assert "suspended on chain" in seen.done[-1]
    assert minting_is_refused(world)
    assert "suspension" not in alerts(watcher, number)
    before = state(world, number)
    assert report(watcher.cycle(int(time.time()), [number]), number).done == []
    assert state(world, number) == before


def test_cycle__entity_listed_under_its_code__bar_4_suspends__the_same_name_alone_does_not(world: World) -> None:
    number = "国合函〔2026〕3004号"
    dossier = approved(world, number)
    entity = dossier.filing_entity
    hit: dict[str, Any] = {
        "level": 3,
        "adverse": AdverseKind.INVESTIGATION,
        "party": {"name": entity.name_zh, "uscc": entity.uscc},
        "title": "立案调查",
    }
    SOURCE.listed = [sample_observation(ObservationKind.ADVERSE, matched_by="NAME", **hit)]
    watcher, now = relay(world, 0), int(time.time())
    watcher.cycle(now, [number])
    assert state(world, number).status is OnChainStatus.APPROVED
    assert "BAR-4" in alerts(watcher, number)["indeterminate"]["text"]
    SOURCE.listed = [sample_observation(ObservationKind.ADVERSE, matched_by="USCC", **hit)]
    watcher.cycle(now + 1, [number])
    assert state(world, number).status is OnChainStatus.SUSPENDED
    # Nodes refuse to resume while the bar is hit.
    clients = world.clients()
    again = propose_update(
        clients, world.registry, 31337, dossier, OnChainStatus.APPROVED, "why", now=now, window_seconds=DAY
    )
    assert [{row["rule"] for row in answer.failed} for answer in again.quorum.answers] == [{"BAR-4"}] * 3
    SOURCE.listed = []
    resumed = propose_update(
        clients, world.registry, 31337, dossier, OnChainStatus.APPROVED, "why", now=now, window_seconds=DAY
    )
    world.registry.update(world.issuer, resumed.proposal, resumed.quorum.require())
    assert report(watcher.cycle(now + 2, [number]), number).state == "FILED"
    assert state(world, number).status is OnChainStatus.APPROVED


def test_cycle__publication_now_states_less__file_3_suspends(world: World) -> None:
    number = "国合函〔2026〕3005号"
    approved(world, number)
    record = sample_record(today=today(), number=number).model_copy(update={"units": 1})
    SHARED.seen = [sample_observation(record=record)]
    relay(world, 0).cycle(int(time.time()), [number])
    assert state(world, number).status is OnChainStatus.SUSPENDED


def test_cycle__publication_gone__not_suspended__not_renewed__said(world: World) -> None:
    number = "国合函〔2026〕3006号"
    approved(world, number)
    watcher, now = relay(world, 0, **NEAR), int(time.time())
    relay(world, 0).cycle(now, [number])  # seen once
    SHARED.seen = [sample_observation(ObservationKind.ABSENCE)]
    seen = report(watcher.cycle(now + 1, [number]), number)
    assert (seen.done, state(world, number).sequence) == ([], 1)
    assert state(world, number).status is OnChainStatus.APPROVED
    assert alerts(watcher, number).keys() & {"lapsing", "indeterminate"}


def test_cycle__source_fails__never_suspended__pauses_grow__alert_tells_the_time_left__recovery_renews(
    world: World,
) -> None:
    number = "国合函〔2026〕3007号"
    approved(world, number)
    SOURCE.fails = True
    watcher = relay(world, 0, retry_seconds=30, **NEAR)
    now = int(time.time())
    pauses: list[tuple[int, int]] = []
    for _ in range(7):
        watcher.cycle(now)
        row = watcher.state.get(number)
        assert (row.outcome, row.unclear_since) == ("INDETERMINATE", int(pauses[0][0]) if pauses else now)
        pauses.append((now, row.next_at - now))
        now = row.next_at
    assert [pause for _, pause in pauses] == [30, 60, 120, 240, 480, 600, 600]
    assert state(world, number).sequence == 1
    raised = alerts(watcher, number)["indeterminate"]
    assert "minting stops in" in raised["text"]
    assert raised["since"] == pauses[0][0]
    # The window ends, and with it minting; nothing was suspended.
    world.w3.provider.make_request("evm_increaseTime", [DAY])  # type: ignore[arg-type]
    world.w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
    ended = int(time.time()) + DAY
    watcher.cycle(ended, [number])
    assert "minting has stopped" in alerts(watcher, number)["indeterminate"]["text"]
    assert alerts(watcher, number)["indeterminate"]["severity"] == "critical"
    allowed, why = world.registry.can_issue(world.deployment.token("senior").address, 1)
    assert (allowed, why) == (False, "FilingExpired")
    SOURCE.fails = False
    watcher.cycle(int(time.time()), [number])
    after = state(world, number)
    assert (after.status, after.sequence, len(updates(world, filing_of(number)))) == (OnChainStatus.APPROVED, 2, 1)
    assert alerts(watcher, number) == {}


def test_cycle__report_overdue__suspended_by_the_clock(world: World) -> None:
    number = "国合函〔2026〕3008号"
    approved(world, number)
    happened = today() - timedelta(days=14)
    assert send(world, number, statement(world, number, kind="CHANGE", eventOn=happened.isoformat())).status == 201
    watcher = relay(world, 0)
    seen = report(watcher.cycle(noon(today()), [number]), number)
    assert any("CHANGE report" in text for text in seen.done)
    assert state(world, number).status is OnChainStatus.SUSPENDED
    assert alerts(watcher, number)["report"]["severity"] == "warning"


def test_cycle__declared_risk_without_relay__sent_by_a_later_cycle_of_one_with_a_relay(world: World) -> None:
    number = "国合函〔2026〕3009号"
    approved(world, number)
    assert send(world, number, statement(world, number), 1).status == 202
    poor = relay(world, 1, funds=False)
    poor.cycle(int(time.time()), [number])
    assert alerts(poor, number)["suspension"]["severity"] == "critical"
    assert state(world, number).status is OnChainStatus.APPROVED
    # Looked at again at the next tick, not at the next interval.
    assert poor.state.get(number).next_at <= int(time.time()) + 60
    relay(world, 1).cycle(int(time.time()) + 60)
    assert state(world, number).status is OnChainStatus.SUSPENDED


def test_cycle__too_few_nodes__said_how_many_and_who__resumes_with_the_signature_it_has(world: World) -> None:
    number = "国合函〔2026〕3010号"
    approved(world, number)
    dead = "http://127.0.0.1:9"
    watcher, now = relay(world, 0, others=[dead], **NEAR), int(time.time())
    seen = report(watcher.cycle(now, [number]), number)
    assert "1 of 2 signatures" in seen.problems[-1]
    assert dead in seen.problems[-1]
    watcher.cycle(now + 1)  # not due yet: the pause
    action = watcher.state.action(f"renew:{filing_of(number)}:1")
    assert (action.attempt, action.failures, action.failure_kind) == (1, 1, "quorum")
    # Another hour: the window would end later, but the proposal that was signed stays the one.
    later = relay(world, 0, others=[world.urls[1]], **NEAR)
    asked = _count_updates(world, 0)
    later.cycle(int(time.time()) + 40)
    assert _count_updates(world, 0) == asked  # its own signature was kept
    after = state(world, number)
    assert (after.sequence, after.valid_until) == (2, now // HOUR * HOUR + 48 * HOUR)
    assert alerts(later, number) == {}


def _count_updates(world: World, index: int) -> int:
    from tests.node.running_nodes import rows

    return int(rows(world.nodes[index], "select count(*) from decisions where kind = 'update'")[0][0])


def test_cycle__relay_without_gas__said(world: World) -> None:
    number = "国合函〔2026〕3011号"
    approved(world, number)
    watcher = relay(world, 0, **NEAR)
    account = watcher.node.relay.address if watcher.node.relay else ""
    world.w3.provider.make_request("anvil_setBalance", [account, "0x1"])  # type: ignore[arg-type]
    watcher.cycle(int(time.time()), [number])
    assert alerts(watcher, number)["relay-gas"]["severity"] in ("warning", "critical")
    assert alerts(watcher, "")["relay-gas"]["severity"] == "critical"
    shown = watcher.node.alerts()
    assert {"filing", "kind", "severity", "since", "text"} == set(shown[0])
    assert state(world, number).sequence == 1


def test_cycle__chain_down__said__nothing_lost(world: World) -> None:
    number = "国合函〔2026〕3012号"
    approved(world, number)
    watcher, now = relay(world, 0), int(time.time())
    watcher.cycle(now, [number])
    dead = watcher.node.config.chain.model_copy(update={"rpc_url": "http://127.0.0.1:9"})
    watcher.node.config = watcher.node.config.model_copy(update={"chain": dead})
    seen = report(watcher.cycle(now + 1, [number]), number)
    assert seen.unreachable
    assert watcher.state.get(number).outcome == "UNREAD"
    assert alerts(watcher, "")["chain"]["severity"] == "critical"


def test_cycle__approved_dossier_unknown__said_and_nothing_renewed(world: World) -> None:
    number = "国合函〔2026〕3013号"
    approved(world, number)
    watcher, now = relay(world, 0, **NEAR), int(time.time())
    watcher.node.database.dossiers_of = lambda names: {}  # type: ignore[method-assign]
    try:
        watcher.cycle(now, [number])
    finally:
        del watcher.node.database.dossiers_of
    assert watcher.state.get(number).outcome == "NO_DOSSIER"
    assert alerts(watcher, number)["dossier"]["severity"] == "warning"
    assert state(world, number).sequence == 1


def test_claims_and_tries__are_each_given_once__and_again_to_whom_they_were_given(world: World) -> None:
    watch = WatchState(world.nodes[0].node.database.engine)
    number, key = "国合函〔2026〕3099号", "renew:0x00:7"
    assert watch.claim(number, "a", 100, 220)
    assert not watch.claim(number, "b", 101, 221)
    assert watch.claim(number, "a", 101, 221)
    assert watch.claim(number, "b", 221, 341)
    assert not watch.claim(number, "a", 222, 342)
    others = ["国合函〔2026〕3098号", "国合函〔2026〕3097号"]
    assert watch.claim_all([others[0], number], "c", 300, 420) == [others[0]]
    assert watch.claim_all([number, *others], "d", 341, 461) == [number, others[1]]
    assert watch.claim_all([number, *others], "d", 342, 462) == [number, others[1]]
    assert watch.begin(key, "a", 100, 900) == 1
    assert watch.begin(key, "a", 150, 900) == 1
    assert watch.begin(key, "b", 150, 900) is None
    assert watch.end(key, 1, ("quorum", "1 of 2"))
    assert not watch.end(key, 1, None)
    assert watch.action(key).failure == "1 of 2"
    assert watch.begin(key, "b", 160, 900) == 2
    assert watch.begin(key, "c", 1060, 900) == 3  # the second was lost
    assert not watch.end(key, 2, None)
    watch.beat("a", 100)
    watch.beat("b", 200)
    assert watch.take_over("b", 150) == ["a"]
    assert watch.take_over("c", 150) == []


def test_look_at__told_to_stop__leaves_what_it_took_due(world: World) -> None:
    number = "国合函〔2026〕3014号"
    approved(world, number)
    now = int(time.time())
    stopping = Watcher(relay(world, 0, **NEAR).node, stopping=lambda: True)
    assert stopping.look_at([number], now, "tick:1") == []
    left = stopping.state.get(number)
    assert (left.looked_at, left.next_at <= now) == (0, True)
    assert [item["kind"] for item in relay(world, 0, **NEAR).look_at([number], now, "tick:2")] == ["renew"]


RISK = {"kind": "MAJOR_RISK", "what": "fire", "statement": "in-between", "block": None}


def test_look_at__risk_declared_while_the_sources_are_asked__counts_in_this_look(world: World) -> None:
    number = "国合函〔2026〕3015号"
    approved(world, number)
    watcher, now = relay(world, 0), int(time.time())
    watcher.cycle(now, [number])

    class Slow(Source):
        def observe(self, query: Any) -> list[Any]:
            item = RecordedEvent(RecordKind.DECLARED, now, "issuer", {**RISK, "eventOn": today().isoformat()})
            watcher.node.database.add_filing_event(number, "statement:in-between", item)
            return super().observe(query)

    watcher.node._sources = (Slow(),)
    assert [item["kind"] for item in watcher.look_at([number], now + 3600, "tick:3")] == ["suspend"]


def test_look_at__many_at_once__few_requests_to_the_chain(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    number = "国合函〔2026〕3016号"
    approved(world, number)
    watcher, now = relay(world, 0), int(time.time())
    watcher.cycle(now, [number])
    asked: list[int] = []
    post = FailoverProvider._post

    def counted(self: FailoverProvider, url: str, body: bytes) -> bytes:
        calls = json.loads(body)
        asked.append(len(calls) if isinstance(calls, list) else 1)
        return post(self, url, body)

    monkeypatch.setattr(FailoverProvider, "_post", counted)
    registry = watcher._batch([number]).registry
    # Is there a contract, the newest block, and one batch: longest window, state, newest change, two tokens.
    assert [asked[:2], len(asked), asked[2] >= 5] == [[1, 1], 3, True]
    asked.clear()
    seen = look(watcher.node, watcher.state, registry, number, now + 1)
    assert (seen.outcome.value, asked) == ("CLEAR", [])


def test_look_at__many__their_dossiers_are_not_kept_in_memory__a_damaged_one_counts_for_its_filing_alone(
    world: World,
) -> None:
    numbers = ["国合函〔2026〕3017号", "国合函〔2026〕3018号"]  # a token is one filing's: the other is not approved
    name = "0x" + approved(world, numbers[0]).dossier_hash().hex()
    watcher, now = relay(world, 0), int(time.time())
    database = watcher.node.database
    database._dossiers = KeptDossiers()
    watcher.look_at(numbers, now, "tick:1")
    assert [watcher.state.get(number).outcome for number in numbers] == ["CLEAR", "NOT_APPROVED"]
    assert database.kept_dossier(name) is None
    whole = database.dossier(name)
    assert whole is not None
    database._dossiers = KeptDossiers()
    with unprotected(database, "dossiers") as connection:
        row = tables.dossiers.update().where(tables.dossiers.c.hash == name)
        connection.execute(row.values(canonical=b'{"schema":"damaged"}'))
    try:
        watcher.look_at(numbers, now + 3600, "tick:2")
        assert [watcher.state.get(number).outcome for number in numbers] == ["UNREAD", "NOT_APPROVED"]
    finally:
        with unprotected(database, "dossiers") as connection:
            connection.execute(row.values(canonical=whole.canonical()))


def test_due__dossier_handed_in_after_it_was_asked__is_due_the_next_time(world: World) -> None:
    number, watcher, now = "国合函〔2026〕3019号", relay(world, 0), int(time.time())
    assert number not in watcher.due(now)
    world.client().post("/v1/dossiers", world.dossier({"filing.filingNumber": number}).canonical())
    assert number in watcher.due(now)
