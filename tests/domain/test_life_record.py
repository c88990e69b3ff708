"""The record of a filing and its fold: whatever is recorded, in any order, never allows more than 7c does."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.domain.life_record import RecordedEvent, RecordKind, fold, recorded_reports
from oracle.domain.lifecycle import ENDED, MINTABLE, LifeCycle, may_mint
from oracle.domain.reporting import RecordedReport

END = 100_000
APPROVED = {"sequence": 1, "dossierHash": "0x00", "block": 1, "transaction": "0x01", "term": END, "revision": 1}
RISK = {"kind": "MAJOR_RISK", "eventOn": "2026-10-12", "what": "fire", "statement": "a"}
CHANGE = {**RISK, "kind": "CHANGE"}


def row(kind: RecordKind, content: dict[str, Any] | None = None, at: int = 10) -> RecordedEvent:
    return RecordedEvent(kind, at, "somebody", content or {})


def approved(at: int = 10) -> RecordedEvent:
    return row(RecordKind.APPROVED, APPROVED, at)


def resumed(signers: int = 2, at: int = 20) -> RecordedEvent:
    return row(RecordKind.RESUMED, {"sequence": 3, "signers": signers}, at)


def state(*events: RecordedEvent, now: int = 50) -> LifeCycle:
    return fold(events, now).life.state


def test_fold__approved__issued__completed() -> None:
    minted, told = row(RecordKind.MINTED), row(RecordKind.REPORTED, {**RISK, "kind": "COMPLETION"})
    assert state() is LifeCycle.UNKNOWN
    assert state(approved()) is LifeCycle.FILED
    assert state(approved(), minted) is LifeCycle.ISSUING
    assert state(approved(), minted, told) is LifeCycle.COMPLETED
    assert state(approved(), now=END) is LifeCycle.EXPIRED


def test_fold__major_risk__stops_until_two_resume() -> None:
    risk = row(RecordKind.DECLARED, RISK)
    assert state(approved(), risk) is LifeCycle.SUSPENDED
    assert fold((approved(), risk), 50).stopped
    assert state(approved(), risk, resumed(1)) is LifeCycle.SUSPENDED
    assert state(approved(), risk, resumed()) is LifeCycle.FILED
    assert state(approved(), risk, row(RecordKind.RENEWED, {"sequence": 2})) is LifeCycle.SUSPENDED
    assert state(approved(), risk, approved()) is LifeCycle.SUSPENDED


def test_fold__stop_before_anything_runs__waits_and_is_not_lost() -> None:
    risk = row(RecordKind.DECLARED, RISK)
    early = fold((risk,), 50)
    assert (early.life.state, early.stopped) == (LifeCycle.UNKNOWN, True)
    assert "waits" in early.alerts[0].text
    assert state(risk, approved()) is LifeCycle.SUSPENDED
    assert not fold((risk, resumed()), 50).stopped
    assert fold((risk, resumed(1)), 50).stopped
    assert state(risk, resumed(), approved(30)) is LifeCycle.FILED


def test_fold__term_ended_while_stopped__a_new_term_lifts_nothing() -> None:
    risk, longer = row(RecordKind.DECLARED, RISK), row(RecordKind.APPROVED, APPROVED | {"revision": 2, "term": 3 * END})
    later = RecordedEvent(longer.kind, END, longer.by, longer.content)
    assert fold((approved(), risk), END).stopped
    assert state(approved(), risk, later, now=END) is LifeCycle.SUSPENDED
    assert state(approved(), risk, resumed(at=END), later, now=END) is LifeCycle.FILED


def test_fold__other_events__stop_nothing() -> None:
    for kind, content in ((RecordKind.DECLARED, CHANGE), (RecordKind.SIGNED, {}), (RecordKind.SENT, {})):
        assert state(approved(), row(kind, content)) is LifeCycle.FILED
    overdue = row(RecordKind.OVERDUE, {**CHANGE, "due": "2026-10-15"})
    assert state(approved(), overdue) is LifeCycle.SUSPENDED
    assert state(approved(), row(RecordKind.SUSPENDED, {"sequence": 2, "reason": "doubt"})) is LifeCycle.SUSPENDED


def test_fold__closed_on_chain() -> None:
    assert state(approved(), row(RecordKind.CLOSED, {"status": "REVOKED"})) is LifeCycle.REVOKED
    minted = row(RecordKind.MINTED)
    assert state(approved(), minted, row(RecordKind.CLOSED, {"status": "COMPLETED"})) is LifeCycle.COMPLETED


def test_recorded_reports__risk_is_open_until_a_resumption() -> None:
    day = date(2026, 10, 12)
    risk, told = row(RecordKind.DECLARED, RISK), row(RecordKind.REPORTED, {**RISK, "reportedOn": "2026-10-13"})
    assert recorded_reports([risk]) == (RecordedReport("MAJOR_RISK", day, None, open=True),)
    assert recorded_reports([risk, told]) == (RecordedReport("MAJOR_RISK", day, date(2026, 10, 13), open=True),)
    assert recorded_reports([risk, resumed(), told])[0].open is False
    assert recorded_reports([row(RecordKind.DECLARED, CHANGE)])[0].open is False


_STATUS = st.none() | st.sampled_from(LifeCycle).map(lambda item: item.value)
_SEEN = st.fixed_dictionaries(
    {
        "status": _STATUS,
        "level": st.integers(0, 4),
        "wording": st.just("w"),
        "validUntil": st.none() | st.integers(0, 2 * END),
        "revision": st.integers(1, 4),
    }
)
_REPORT = st.sampled_from((RISK, CHANGE, {**RISK, "kind": "COMPLETION"}))
_CONTENT: dict[RecordKind, st.SearchStrategy[dict[str, Any]]] = {
    RecordKind.ADVERSE: st.just({"rules": ["BAR-4"], "explanation": "listed"}),
    RecordKind.OBSERVED: _SEEN,
    RecordKind.APPROVED: st.builds(
        lambda term, revision: APPROVED | {"term": term, "revision": revision},
        st.integers(0, 2 * END),
        st.integers(1, 4),
    ),
    RecordKind.SUSPENDED: st.just({"reason": "doubt", "sequence": 2}),
    RecordKind.RESUMED: st.builds(lambda n: {"signers": n, "sequence": 3}, st.integers(0, 4)),
    RecordKind.CLOSED: st.sampled_from(({"status": "REVOKED"}, {"status": "COMPLETED"})),
    RecordKind.DECLARED: _REPORT,
    RecordKind.REPORTED: _REPORT.map(lambda item: item | {"reportedOn": "2026-10-13"}),
    RecordKind.OVERDUE: _REPORT.map(lambda item: item | {"due": "2026-10-15"}),
}


@st.composite
def _records(draw: st.DrawFn) -> list[RecordedEvent]:
    at, found = 0, []
    for kind in draw(st.lists(st.sampled_from(RecordKind), max_size=25)):
        at += draw(st.integers(0, END // 4))
        found.append(RecordedEvent(kind, at, "somebody", draw(_CONTENT.get(kind, st.just({})))))
    return found


@settings(max_examples=400, deadline=None)
@given(_records(), st.integers(0, 3 * END))
def test_fold__any_record__mints_only_when_filed_or_issuing_and_leaves_no_final_state(
    events: list[RecordedEvent], later: int
) -> None:
    ended: LifeCycle | None = None
    for count in range(len(events) + 1):
        now = (events[count - 1].at if count else 0) + later
        folded = fold(events[:count], now)
        life = folded.life
        if may_mint(life, now):
            assert life.state in MINTABLE
        if folded.stopped:
            assert not may_mint(life, now)
        if ended is not None:
            assert life.state is ended
        ended = life.state if life.state in ENDED else ended
        assert fold(events[:count], now) == folded


@settings(max_examples=200, deadline=None)
@given(_records(), _records())
def test_fold__after_a_declared_risk__nothing_but_a_resumption_allows_a_mint(
    before: list[RecordedEvent], after: list[RecordedEvent]
) -> None:
    start = before[-1].at if before else 0
    rest = [RecordedEvent(item.kind, start + item.at, item.by, item.content) for item in after]
    rest = [item for item in rest if item.kind is not RecordKind.RESUMED]
    folded = fold([*before, row(RecordKind.DECLARED, RISK, start), *rest], start)
    assert folded.stopped
    assert not may_mint(folded.life, folded.life.at)
