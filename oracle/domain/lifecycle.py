"""The states of a filing, what may move it from one to another, and what they mean for minting (regulation 7c).

Begin with `advance`: a pure function of state, event and time. An event's type is its cause, so that what only the
regulator, the chain, a report or the clock may do can be done by nothing else. What is not allowed changes nothing and
says why; what a person should look at comes back as an alert.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

__all__ = [
    "ALLOWED",
    "ENDED",
    "FILED_LEVEL",
    "MINTABLE",
    "SUSPENDABLE",
    "Declaration",
    "Disappearance",
    "Event",
    "FilingLife",
    "LifeCycle",
    "MajorEvent",
    "Minted",
    "OverdueReport",
    "PublishedStatus",
    "Resumption",
    "Step",
    "Suspension",
    "Tick",
    "CompletionReport",
    "advance",
    "may_mint",
]


class LifeCycle(StrEnum):
    """Where a filing stands, as the regulator publishes it or as the issuer declares it, in the order of 7c."""

    UNKNOWN = "UNKNOWN"
    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    RECEIVED = "RECEIVED"
    SUPPLEMENT = "SUPPLEMENT"
    CONSULTING = "CONSULTING"
    FILED = "FILED"
    ISSUING = "ISSUING"
    COMPLETED = "COMPLETED"
    SUSPENDED = "SUSPENDED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"

    @property
    def code(self) -> int:
        """The state's number in 7c, 0 to 13."""
        return list(LifeCycle).index(self)


#: Only these ever allow a mint.
MINTABLE = frozenset({LifeCycle.FILED, LifeCycle.ISSUING})

#: No path leads out of these.
ENDED = frozenset({LifeCycle.REFUSED, LifeCycle.WITHDRAWN, LifeCycle.REVOKED})

#: What may be suspended, and what a resumption goes back to.
SUSPENDABLE = frozenset({LifeCycle.FILED, LifeCycle.ISSUING, LifeCycle.COMPLETED})

_IN_REVIEW = frozenset({LifeCycle.RECEIVED, LifeCycle.SUPPLEMENT, LifeCycle.CONSULTING})

#: A publication matched by the oracle itself (regulation 7a). Less never files, refuses, withdraws or revokes.
FILED_LEVEL = 3

#: State -> the states it may be left for. Everything else is refused.
ALLOWED: dict[LifeCycle, frozenset[LifeCycle]] = {
    LifeCycle.UNKNOWN: frozenset({LifeCycle.DRAFT, LifeCycle.SUBMITTED, *_IN_REVIEW, LifeCycle.FILED}),
    LifeCycle.DRAFT: frozenset({LifeCycle.SUBMITTED}),
    LifeCycle.SUBMITTED: frozenset({LifeCycle.RECEIVED, LifeCycle.WITHDRAWN}),
    **{
        state: (_IN_REVIEW - {state}) | {LifeCycle.FILED, LifeCycle.REFUSED, LifeCycle.WITHDRAWN}
        for state in _IN_REVIEW
    },
    LifeCycle.FILED: frozenset(
        {LifeCycle.ISSUING, LifeCycle.SUSPENDED, LifeCycle.WITHDRAWN, LifeCycle.EXPIRED, LifeCycle.REVOKED}
    ),
    LifeCycle.ISSUING: frozenset({LifeCycle.COMPLETED, LifeCycle.SUSPENDED, LifeCycle.EXPIRED, LifeCycle.REVOKED}),
    LifeCycle.COMPLETED: frozenset({LifeCycle.SUSPENDED, LifeCycle.REVOKED}),
    LifeCycle.SUSPENDED: SUSPENDABLE | {LifeCycle.WITHDRAWN, LifeCycle.EXPIRED, LifeCycle.REVOKED},
    LifeCycle.EXPIRED: frozenset({LifeCycle.FILED, LifeCycle.WITHDRAWN}),
    **{state: frozenset() for state in ENDED},
}


@dataclass(frozen=True)
class FilingLife:
    """One filing. Times are seconds since 1970.

    `at` is the time of the last event that was taken, `valid_until` the end of the filing's term (exclusive),
    `stale_since` when the regulator's page stopped showing it, `held` what a suspension interrupted, `persons` those
    authorised to suspend and resume.
    """

    state: LifeCycle = LifeCycle.UNKNOWN
    at: int = 0
    revision: int = 1
    valid_until: int | None = None
    held: LifeCycle | None = None
    stale_since: int | None = None
    persons: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Declaration:
    """The issuer says that the dossier is in preparation or sent: DRAFT or SUBMITTED."""

    status: LifeCycle


@dataclass(frozen=True)
class PublishedStatus:
    """The regulator's word as a source read it. `status` None: the vocabulary does not know `wording`.

    `level` is the evidence level; `valid_until` and `revision` belong to a filing that is complete.
    """

    status: LifeCycle | None
    level: int
    wording: str = ""
    valid_until: int | None = None
    revision: int = 1


@dataclass(frozen=True)
class Disappearance:
    """The source answers and no longer shows the filing: neither refused nor withdrawn."""


@dataclass(frozen=True)
class Minted:
    """The chain shows a mint under this filing."""


@dataclass(frozen=True)
class CompletionReport:
    """The issuer has reported the completion of the issue to the regulator (P8)."""


@dataclass(frozen=True)
class MajorEvent:
    """The issuer declares a major risk (P8). It stops the filing at once."""

    what: str


@dataclass(frozen=True)
class OverdueReport:
    """A report that P8 asks for was due before `at` and has not been made."""

    what: str


@dataclass(frozen=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True)
class Suspension:
    """A person stops the filing; one who is authorised is enough."""

    by: str
    reason: str


@dataclass(frozen=True)
class Resumption:
    """Persons lift a suspension; two different authorised ones are needed."""

    by: tuple[str, ...]


Event = (
    Declaration
    | PublishedStatus
    | Disappearance
    | Minted
    | CompletionReport
    | MajorEvent
    | OverdueReport
    | Tick
    | Suspension
    | Resumption
)


@dataclass(frozen=True)
class Step:
    """What became of an event. `refused` is None, or why nothing changed; `alerts` are sentences for a person.

    `indeterminate`: the event leaves open where the filing stands, so no rule may rely on it.
    """

    life: FilingLife
    refused: str | None = None
    alerts: tuple[str, ...] = ()
    indeterminate: bool = False


def may_mint(life: FilingLife, at: int) -> bool:
    """Whether the state allows a mint at a time: FILED or ISSUING, before the end of the term. Caps stand elsewhere."""
    return life.state in MINTABLE and life.valid_until is not None and life.at <= at < life.valid_until


def advance(life: FilingLife, event: Event, at: int) -> Step:
    """The state after one event at `at` (seconds since 1970). Never raises; a refusal leaves the state as it was."""
    if at < life.at:
        return _refused(life, f"the event is of {at}, before the last one of {life.at}")
    match event:
        case Declaration():
            return _declared(life, event, at)
        case PublishedStatus():
            return _published(life, event, at)
        case Disappearance():
            since = at if life.stale_since is None else life.stale_since
            return Step(replace(life, stale_since=since))
        case Minted():
            return _minted(life, at)
        case CompletionReport():
            if life.state is LifeCycle.ISSUING:
                return _move(life, LifeCycle.COMPLETED, at)
            return _refused(life, f"a completion report closes an issuance under way, not {life.state.value}")
        case MajorEvent() | OverdueReport():
            return _stopped(life, event.what, at)
        case Tick():
            return _passed(life, at)
        case Suspension():
            if event.by not in life.persons:
                return _refused(life, f"{event.by} is not authorised to suspend")
            return _stopped(life, f"{event.by}: {event.reason}", at)
        case Resumption():
            return _resumed(life, event, at)


def _refused(life: FilingLife, why: str, *alerts: str) -> Step:
    return Step(life, refused=why, alerts=alerts)


def _move(life: FilingLife, to: LifeCycle, at: int, *alerts: str) -> Step:
    if to not in ALLOWED[life.state]:
        return _refused(life, f"{life.state.value} can't become {to.value}")
    held = life.state if to is LifeCycle.SUSPENDED else None
    return Step(replace(life, state=to, at=at, held=held), alerts=alerts)


def _declared(life: FilingLife, event: Declaration, at: int) -> Step:
    if event.status not in (LifeCycle.DRAFT, LifeCycle.SUBMITTED):
        return _refused(life, f"an issuer's word does not make a filing {event.status.value}")
    return _move(life, event.status, at)


def _published(life: FilingLife, event: PublishedStatus, at: int) -> Step:
    if event.status is None:
        why = f"{event.wording!r} is not in the vocabulary"
        return Step(life, refused=why, alerts=(f"unmapped status: {why}; state kept",), indeterminate=True)
    if life.state in ENDED:
        same = event.status is life.state
        alerts = () if same else (f"{life.state.value} is final, but the regulator's page says {event.status.value}",)
        return _refused(life, f"{life.state.value} is final", *alerts)
    if event.status in (LifeCycle.FILED, *ENDED) and event.level < FILED_LEVEL:
        return _refused(
            life,
            f"{event.status.value} needs evidence of level {FILED_LEVEL}, this is level {event.level}",
            f"unconfirmed: {event.status.value} at level {event.level}",
        )
    if event.status is LifeCycle.FILED:
        return _filed(life, event, at)
    if event.status in (*_IN_REVIEW, *ENDED) and event.status in ALLOWED[life.state]:
        return _move(replace(life, stale_since=None), event.status, at)
    if event.status is life.state:
        return Step(replace(life, at=at, stale_since=None))
    if life.state in SUSPENDABLE:
        word = event.wording or event.status.value
        return _stopped(life, f"the regulator's page says {word} though the filing is {life.state.value}", at)
    return _refused(
        life,
        f"an observation does not move {life.state.value} to {event.status.value}",
        f"unexpected: {life.state.value}, but the regulator's page says {event.status.value}",
    )


def _filed(life: FilingLife, event: PublishedStatus, at: int) -> Step:
    if life.state in SUSPENDABLE or life.state is LifeCycle.SUSPENDED:
        # Seen again: fresh. A publication never lifts a suspension, and a longer term comes with a new revision only.
        return Step(replace(life, at=at, stale_since=None))
    if event.valid_until is None or event.valid_until <= at:
        return _refused(life, "a filing needs an end of its term that lies ahead")
    if life.state is LifeCycle.EXPIRED and event.revision <= life.revision:
        return _refused(life, f"an expired filing needs a revision after {life.revision}")
    step = _move(life, LifeCycle.FILED, at)
    if step.refused is not None:
        return step
    revision = max(event.revision, life.revision)
    return Step(replace(step.life, valid_until=event.valid_until, revision=revision, stale_since=None))


def _minted(life: FilingLife, at: int) -> Step:
    if not may_mint(life, at):
        return _refused(
            life, f"{life.state.value} allows no mint", f"minted at {at} while the filing was {life.state.value}"
        )
    if life.state is LifeCycle.ISSUING:
        return Step(replace(life, at=at))
    return _move(life, LifeCycle.ISSUING, at)


def _stopped(life: FilingLife, why: str, at: int) -> Step:
    if life.state is LifeCycle.SUSPENDED:
        return Step(replace(life, at=at), alerts=(f"suspended already; also: {why}",))
    if life.state not in SUSPENDABLE:
        return _refused(life, f"nothing to suspend in {life.state.value}")
    return _move(life, LifeCycle.SUSPENDED, at, f"suspended: {why}")


def _passed(life: FilingLife, at: int) -> Step:
    running = life.held if life.state is LifeCycle.SUSPENDED else life.state
    if running in MINTABLE and life.valid_until is not None and at >= life.valid_until:
        return _move(life, LifeCycle.EXPIRED, at)
    return Step(replace(life, at=at))


def _resumed(life: FilingLife, event: Resumption, at: int) -> Step:
    if life.state is not LifeCycle.SUSPENDED or life.held is None:
        return _refused(life, f"nothing to resume in {life.state.value}")
    strangers = sorted(set(event.by) - life.persons)
    if strangers:
        return _refused(life, f"{', '.join(strangers)} is not authorised to resume")
    if len(set(event.by)) < 2:
        return _refused(life, "two different persons are needed to resume")
    if life.held in MINTABLE and (life.valid_until is None or at >= life.valid_until):
        return _refused(life, "the filing's term has ended")
    return _move(life, life.held, at)
