"""The record of one filing: everything that happened to it, kept in order, and where it stands after that.

The record is the only truth. `fold` applies `lifecycle.advance` to its events one by one; nothing else holds a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from oracle.domain.lifecycle import (
    ENDED,
    FILED_LEVEL,
    SUSPENDABLE,
    CompletionReport,
    Disappearance,
    Event,
    FilingLife,
    LifeCycle,
    MajorEvent,
    Minted,
    OverdueReport,
    PublishedStatus,
    Resumption,
    Suspension,
    Tick,
    advance,
)
from oracle.domain.reporting import RecordedReport

__all__ = ["Alert", "Folded", "RecordKind", "RecordedEvent", "fold", "recorded_reports"]


class RecordKind(StrEnum):
    """What kind of thing happened. The keys of each `content` stand beside it."""

    OBSERVED = "OBSERVED"
    """A source says: status (None: not in the vocabulary), level, wording, validUntil, revision."""
    GONE = "GONE"
    """The sources answer and no longer show the filing."""
    APPROVED = "APPROVED"
    """A quorum's approval is on chain: sequence, dossierHash, block, transaction, term, revision."""
    RENEWED = "RENEWED"
    """A quorum's update moved the end of the window and lifted nothing: sequence, block, transaction."""
    SUSPENDED = "SUSPENDED"
    """One operator's suspension is on chain: sequence, reason, block, transaction."""
    RESUMED = "RESUMED"
    """A quorum lifted a suspension on chain: sequence, signers (how many the registry counted), block, transaction."""
    CLOSED = "CLOSED"
    """A quorum revoked or completed the filing on chain: status, sequence, block, transaction."""
    MINTED = "MINTED"
    """The chain shows that something was issued."""
    DECLARED = "DECLARED"
    """The issuer declares an event that P8 wants reported: kind, eventOn, what, statement."""
    REPORTED = "REPORTED"
    """A report was made to the regulator: kind, eventOn, reportedOn, statement."""
    OVERDUE = "OVERDUE"
    """A report was due and was not made: kind, eventOn, due."""
    ADVERSE = "ADVERSE"
    """Rules that speak against the filing itself failed on what was seen: rules, explanation, block."""
    SIGNED = "SIGNED"
    """This node signed a suspension: sequence, reason, operator, signature."""
    SENT = "SENT"
    """This node brought its suspension on chain: sequence, transaction."""


@dataclass(frozen=True)
class RecordedEvent:
    """One row. `at` is seconds since 1970 and never falls within a filing; `by` is who caused it.

    `evidence` is the SHA-256 of what shows it, where there is something.
    """

    kind: RecordKind
    at: int
    by: str
    content: Mapping[str, Any] = field(default_factory=dict)
    evidence: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Keys kind, at, by, evidence (if any), content."""
        found: dict[str, Any] = {"kind": self.kind.value, "at": self.at, "by": self.by}
        if self.evidence is not None:
            found["evidence"] = self.evidence
        return {**found, "content": dict(self.content)}


@dataclass(frozen=True)
class Alert:
    """A sentence for a person, and when it arose."""

    at: int
    text: str

    def as_json(self) -> dict[str, Any]:
        """Keys at, text."""
        return {"at": self.at, "text": self.text}


@dataclass(frozen=True)
class Folded:
    """Where a filing stands and what a person should look at. `unlifted` are stops that no quorum has lifted since."""

    life: FilingLife
    alerts: tuple[Alert, ...] = ()
    unlifted: tuple[Event, ...] = ()

    @property
    def stopped(self) -> bool:
        """Whether the record asks that nothing be minted until a quorum resumes, or ever again."""
        return self.life.state is LifeCycle.SUSPENDED or self.life.state in ENDED or bool(self.unlifted)


_STOPS = (MajorEvent, OverdueReport, Suspension)


def fold(events: Iterable[RecordedEvent], now: int) -> Folded:
    """The state after all events, at `now`. The same events give the same state.

    A stop holds until a quorum resumes. One that comes before anything is known to be running, or outlasts the term,
    takes effect again with the next state that can be suspended.
    """
    folded = Folded(FilingLife())
    last = 0
    for item in events:
        last = item.at
        folded = _take(folded, item)
    life = advance(folded.life, Tick(), max(now, last)).life
    return replace(folded, life=life)


def _take(folded: Folded, item: RecordedEvent) -> Folded:
    life, waiting = folded.life, folded.unlifted
    alerts = list(folded.alerts)
    event = _event_of(item)
    if event is None:
        return folded
    # The registry has counted the signatures, so whoever is named there was authorised.
    if isinstance(event, Suspension):
        life = replace(life, persons=life.persons | {event.by})
    elif isinstance(event, Resumption):
        life = replace(life, persons=life.persons | set(event.by))
        waiting = () if len(set(event.by)) > 1 else waiting
    # The clock moves before the event: what ran out in between did so first.
    life = advance(life, Tick(), item.at).life
    step = advance(life, event, item.at)
    life = step.life
    alerts += [Alert(item.at, text) for text in step.alerts]
    if isinstance(event, _STOPS):
        if step.refused is not None:
            alerts.append(Alert(item.at, f"waits until there is something to suspend: {_words(event)}"))
        waiting = (*waiting, event)
    if life.state in SUSPENDABLE:
        for stop in waiting:
            step = advance(life, stop, item.at)
            life = step.life
            alerts += [Alert(item.at, text) for text in step.alerts]
    return Folded(life, tuple(alerts), waiting)


def _words(event: Event) -> str:
    return event.what if isinstance(event, MajorEvent | OverdueReport) else "a suspension"


def _event_of(item: RecordedEvent) -> Event | None:
    content = item.content
    match item.kind:
        case RecordKind.OBSERVED:
            status = content.get("status")
            return PublishedStatus(
                None if status is None else LifeCycle(status),
                content["level"],
                content.get("wording") or "",
                content.get("validUntil"),
                content.get("revision", 1),
            )
        case RecordKind.GONE:
            return Disappearance()
        case RecordKind.APPROVED:
            # Each operator of the quorum has matched the publication itself: as good as having seen it here.
            words = f"approved on chain, sequence {content['sequence']}"
            return PublishedStatus(LifeCycle.FILED, FILED_LEVEL, words, content["term"], content["revision"])
        case RecordKind.SUSPENDED:
            return Suspension(item.by, str(content.get("reason", "")))
        case RecordKind.RESUMED:
            # The event does not name them; the registry counted that many distinct operators.
            return Resumption(tuple(f"{item.by} signer {number + 1}" for number in range(content["signers"])))
        case RecordKind.CLOSED if content["status"] == "COMPLETED":
            return CompletionReport()
        case RecordKind.CLOSED:
            return PublishedStatus(LifeCycle.REVOKED, FILED_LEVEL, "revoked on chain by a quorum")
        case RecordKind.MINTED:
            return Minted()
        case RecordKind.DECLARED if content["kind"] == "MAJOR_RISK":
            return MajorEvent(f"major risk of {content['eventOn']} declared by {item.by}: {content['what']}")
        case RecordKind.ADVERSE:
            return MajorEvent(f"{', '.join(content['rules'])} failed: {content['explanation']}")
        case RecordKind.REPORTED if content["kind"] == "COMPLETION":
            return CompletionReport()
        case RecordKind.OVERDUE:
            return OverdueReport(f"the {content['kind']} report of {content['eventOn']} was due on {content['due']}")
        case _:
            return None


def recorded_reports(events: Iterable[RecordedEvent]) -> tuple[RecordedReport, ...]:
    """What was declared and reported to this node, one row an event, in the order in which it became known.

    A declared major risk is open until a quorum has resumed after it.
    """
    found: dict[tuple[str, str], RecordedReport] = {}
    for item in events:
        if item.kind is RecordKind.RESUMED:
            found = {key: replace(row, open=False) for key, row in found.items()}
        if item.kind not in (RecordKind.DECLARED, RecordKind.REPORTED):
            continue
        key = (item.content["kind"], item.content["eventOn"])
        row = found.get(key) or RecordedReport(key[0], date.fromisoformat(key[1]))
        if item.kind is RecordKind.DECLARED:
            row = replace(row, open=key[0] == "MAJOR_RISK")
        else:
            row = replace(row, reported_on=date.fromisoformat(item.content["reportedOn"]))
        found[key] = row
    return tuple(found.values())
