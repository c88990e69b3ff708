"""The life cycle: 7c's table exactly, each cause to its own moves, and what holds on every path."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from oracle.domain.lifecycle import (
    ALLOWED,
    ENDED,
    FILED_LEVEL,
    MINTABLE,
    SUSPENDABLE,
    CompletionReport,
    Declaration,
    Disappearance,
    Event,
    FilingLife,
    LifeCycle,
    MajorEvent,
    Minted,
    OverdueReport,
    PublishedStatus,
    Resumption,
    Step,
    Suspension,
    Tick,
    advance,
    may_mint,
)

NOW, END = 1_000, 2_000
PERSONS = frozenset({"ann", "bo", "cy"})

#: The line of 7c, in its numbers.
LINE = {
    0: {1, 2, 3, 4, 5, 6},
    1: {2},
    2: {3, 11},
    3: {4, 5, 6, 10, 11},
    4: {3, 5, 6, 10, 11},
    5: {3, 4, 6, 10, 11},
    6: {7, 9, 11, 12, 13},
    7: {8, 9, 12, 13},
    8: {9, 13},
    9: {6, 7, 8, 11, 12, 13},
    10: set(),
    11: set(),
    12: {6, 11},
    13: set(),
}


def life(state: LifeCycle, **changes: object) -> FilingLife:
    held = LifeCycle.FILED if state is LifeCycle.SUSPENDED else None
    whole = FilingLife(state, NOW, 1, END if state in SUSPENDABLE | {LifeCycle.SUSPENDED} else None, held)
    return replace(whole, persons=PERSONS, **changes)  # type: ignore[arg-type]


def filed(**changes: object) -> PublishedStatus:
    return replace(PublishedStatus(LifeCycle.FILED, 3, "备案通知书", END, 1), **changes)  # type: ignore[arg-type]


def seen(status: LifeCycle | None, level: int = 3, wording: str = "") -> PublishedStatus:
    return PublishedStatus(status, level, wording, END, 2)


#: One event of every cause, and an observation of every state.
EVENTS: tuple[Event, ...] = (
    *(Declaration(status) for status in LifeCycle),
    *(seen(status) for status in LifeCycle),
    Disappearance(),
    Minted(),
    CompletionReport(),
    MajorEvent("fire"),
    OverdueReport("COMPLETION"),
    Tick(),
    Suspension("ann", "doubt"),
    Resumption(("ann", "bo")),
)


def test_allowed__is_the_line_of_7c() -> None:
    assert {state.code: {to.code for to in targets} for state, targets in ALLOWED.items()} == LINE


def reached(state: LifeCycle) -> dict[LifeCycle, set[type]]:
    """Target -> the causes that lead there from a state, at any time and from anything a suspension may hold."""
    found: dict[LifeCycle, set[type]] = {}
    starts = [life(state)]
    if state is LifeCycle.SUSPENDED:
        starts = [life(state, held=held) for held in SUSPENDABLE]
    for start in starts:
        for at in (NOW, END - 1, END):
            for event in EVENTS:
                after = advance(start, event, at).life.state
                if after is not state:
                    found.setdefault(after, set()).add(type(event))
    return found


@pytest.mark.parametrize("state", tuple(LifeCycle))
def test_advance__every_event__reaches_exactly_what_7c_allows(state: LifeCycle) -> None:
    assert {target.code for target in reached(state)} == LINE[state.code]


@pytest.mark.parametrize("state", tuple(LifeCycle))
def test_advance__each_move__has_its_own_cause(state: LifeCycle) -> None:
    for target, causes in reached(state).items():
        if state is LifeCycle.SUSPENDED and target in SUSPENDABLE:
            assert causes == {Resumption}
        elif target in {LifeCycle.FILED} | ENDED:
            assert causes == {PublishedStatus}
        elif target is LifeCycle.ISSUING:
            assert causes == {Minted}
        elif target is LifeCycle.COMPLETED:
            assert causes == {CompletionReport}
        elif target is LifeCycle.EXPIRED:
            assert causes == {Tick}
        elif target is LifeCycle.SUSPENDED:
            assert causes == {Suspension, MajorEvent, OverdueReport, PublishedStatus}
        else:
            assert causes <= {Declaration, PublishedStatus}


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize("state", (LifeCycle.UNKNOWN, LifeCycle.CONSULTING))
def test_filed__by_level__only_a_matched_publication(state: LifeCycle, level: int) -> None:
    step = advance(life(state), filed(level=level), NOW)
    assert (step.life.state is LifeCycle.FILED) == (level >= FILED_LEVEL)
    assert (step.refused is None) == (level >= FILED_LEVEL)


@pytest.mark.parametrize("status", sorted(ENDED))
def test_ended__by_a_weak_source__never(status: LifeCycle) -> None:
    step = advance(life(LifeCycle.CONSULTING), seen(status, level=2), NOW)
    assert step.life == life(LifeCycle.CONSULTING)
    assert step.refused
    assert step.alerts


@pytest.mark.parametrize("end", (None, NOW))
def test_filed__without_an_end_ahead__refused(end: int | None) -> None:
    step = advance(life(LifeCycle.CONSULTING), filed(valid_until=end), NOW)
    assert step.life.state is LifeCycle.CONSULTING
    assert step.refused is not None
    assert "end of its term" in step.refused


def test_expired__needs_a_later_revision() -> None:
    expired = life(LifeCycle.EXPIRED, revision=4)
    assert "revision after 4" in str(advance(expired, filed(revision=4), NOW).refused)
    again = advance(expired, filed(revision=5), NOW).life
    assert (again.state, again.revision, again.valid_until) == (LifeCycle.FILED, 5, END)


@pytest.mark.parametrize("state", tuple(LifeCycle))
def test_unmapped_wording__state_kept__indeterminate_with_an_alert(state: LifeCycle) -> None:
    step = advance(life(state), seen(None, wording="中止"), NOW)
    assert step.life == life(state)
    assert step.indeterminate
    assert "中止" in step.alerts[0]


@pytest.mark.parametrize("state", tuple(LifeCycle))
def test_disappearance__changes_nothing_but_freshness(state: LifeCycle) -> None:
    step = advance(life(state), Disappearance(), NOW + 5)
    assert step == Step(life(state, stale_since=NOW + 5))
    assert advance(step.life, Disappearance(), NOW + 9).life.stale_since == NOW + 5
    assert may_mint(step.life, NOW + 5) == may_mint(life(state), NOW + 5)


def test_seen_again__after_disappearance__is_fresh() -> None:
    gone = life(LifeCycle.ISSUING, stale_since=NOW)
    assert advance(gone, filed(), NOW).life == life(LifeCycle.ISSUING)


@pytest.mark.parametrize("status", (LifeCycle.SUPPLEMENT, LifeCycle.SUSPENDED, LifeCycle.REFUSED))
@pytest.mark.parametrize("state", sorted(SUSPENDABLE))
def test_contradiction__by_an_observation__suspends_for_review(state: LifeCycle, status: LifeCycle) -> None:
    step = advance(life(state), seen(status, wording="补充材料"), NOW)
    assert (step.life.state, step.life.held) == (LifeCycle.SUSPENDED, state)
    assert "补充材料" in step.alerts[0]


def test_observation_of_filed__never_lifts_a_suspension() -> None:
    step = advance(life(LifeCycle.SUSPENDED), filed(), NOW)
    assert step.life.state is LifeCycle.SUSPENDED


def test_suspension__by_a_stranger__refused() -> None:
    step = advance(life(LifeCycle.FILED), Suspension("eve", "spite"), NOW)
    assert (step.life, step.refused) == (life(LifeCycle.FILED), "eve is not authorised to suspend")


@pytest.mark.parametrize(
    ("by", "words"),
    (
        ((), "two different persons"),
        (("ann",), "two different persons"),
        (("ann", "ann"), "two different persons"),
        (("ann", "eve"), "eve is not authorised"),
    ),
)
def test_resumption__by_fewer_than_two_authorised__refused(by: tuple[str, ...], words: str) -> None:
    step = advance(life(LifeCycle.SUSPENDED), Resumption(by), NOW)
    assert step.life == life(LifeCycle.SUSPENDED)
    assert words in str(step.refused)


@pytest.mark.parametrize("state", sorted(SUSPENDABLE))
def test_resumption__by_two__back_to_what_was_held(state: LifeCycle) -> None:
    stopped = advance(life(state), MajorEvent("fire"), NOW).life
    assert advance(stopped, Resumption(("ann", "bo")), NOW).life == life(state)


def test_resumption__after_the_term__refused() -> None:
    assert advance(life(LifeCycle.SUSPENDED), Resumption(("ann", "bo")), END).refused == "the filing's term has ended"


def test_second_suspension__keeps_what_was_held() -> None:
    step = advance(life(LifeCycle.SUSPENDED, held=LifeCycle.ISSUING), OverdueReport("CHANGE"), NOW)
    assert step.life.held is LifeCycle.ISSUING
    assert "CHANGE" in step.alerts[0]


def test_clock__at_the_end__expires_and_not_a_second_before() -> None:
    assert advance(life(LifeCycle.FILED), Tick(), END - 1).life.state is LifeCycle.FILED
    assert advance(life(LifeCycle.FILED), Tick(), END).life.state is LifeCycle.EXPIRED
    assert not may_mint(life(LifeCycle.FILED), END)
    assert may_mint(life(LifeCycle.FILED), END - 1)


def test_mint__where_none_is_allowed__alerts() -> None:
    step = advance(life(LifeCycle.COMPLETED), Minted(), NOW)
    assert step.life == life(LifeCycle.COMPLETED)
    assert "COMPLETED" in step.alerts[0]
    assert advance(life(LifeCycle.FILED), Minted(), END).alerts


def test_event_of_the_past__refused() -> None:
    step = advance(life(LifeCycle.FILED), Suspension("ann", "late"), NOW - 1)
    assert step.life == life(LifeCycle.FILED)
    assert "before the last one" in str(step.refused)


_STATUS = st.sampled_from(LifeCycle)
_PERSON = st.sampled_from(("ann", "bo", "cy", "eve"))


class AnyLife(RuleBasedStateMachine):
    """Any events in any order, from any first state."""

    @initialize(state=_STATUS)
    def begin(self, state: LifeCycle) -> None:
        self.life = life(state)
        self.clock = NOW

    def take(self, event: Event) -> None:
        before = self.life
        step = advance(before, event, self.clock)
        if step.refused is not None:
            assert step.life == before
        assert step.life.state is before.state or step.life.state in ALLOWED[before.state]
        assert advance(before, event, self.clock) == step
        if before.state in ENDED:
            assert step.life.state is before.state
        if step.life.state is LifeCycle.FILED and before.state is not LifeCycle.FILED:
            assert isinstance(event, PublishedStatus | Resumption)
        assert step.life.persons == PERSONS
        self.life = step.life

    @rule(seconds=st.integers(0, 400))
    def wait(self, seconds: int) -> None:
        self.clock += seconds
        self.take(Tick())

    @rule(status=_STATUS)
    def declare(self, status: LifeCycle) -> None:
        self.take(Declaration(status))

    @rule(
        status=st.none() | _STATUS,
        level=st.integers(0, 4),
        term=st.none() | st.integers(-100, 900),
        revision=st.integers(1, 9),
    )
    def observe(self, status: LifeCycle | None, level: int, term: int | None, revision: int) -> None:
        before = self.life
        end = None if term is None else self.clock + term
        self.take(PublishedStatus(status, level, "wording", end, revision))
        if status is None:
            assert self.life == before

    @rule()
    def disappear(self) -> None:
        before = self.life
        self.take(Disappearance())
        assert replace(self.life, stale_since=None) == replace(before, stale_since=None)
        assert self.life.stale_since is not None

    @rule()
    def mint(self) -> None:
        allowed = may_mint(self.life, self.clock)
        self.take(Minted())
        if allowed:
            assert (self.life.state, self.life.at) == (LifeCycle.ISSUING, self.clock)

    @rule()
    def complete(self) -> None:
        self.take(CompletionReport())

    @rule(event=st.sampled_from((MajorEvent("fire"), OverdueReport("CHANGE"))))
    def trouble(self, event: MajorEvent | OverdueReport) -> None:
        self.take(event)
        assert not may_mint(self.life, self.clock)

    @rule(by=_PERSON)
    def suspend(self, by: str) -> None:
        self.take(Suspension(by, "doubt"))
        assert by == "eve" or not may_mint(self.life, self.clock)

    @rule(by=st.lists(_PERSON, max_size=3))
    def resume(self, by: list[str]) -> None:
        before = self.life
        self.take(Resumption(tuple(by)))
        if before.state is LifeCycle.SUSPENDED and self.life.state is not LifeCycle.SUSPENDED:
            assert self.life.state is before.held
            assert len(set(by)) >= 2
            assert set(by) <= PERSONS

    @precondition(lambda self: hasattr(self, "life"))
    @invariant()
    def only_filed_and_issuing_mint(self) -> None:
        if may_mint(self.life, self.clock):
            assert self.life.state in MINTABLE
            assert self.life.valid_until is not None
            assert self.clock < self.life.valid_until

    @precondition(lambda self: hasattr(self, "life"))
    @invariant()
    def a_suspension_knows_what_it_interrupted(self) -> None:
        assert (self.life.state is LifeCycle.SUSPENDED) == (self.life.held is not None)


AnyLife.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestAnyLife = AnyLife.TestCase
