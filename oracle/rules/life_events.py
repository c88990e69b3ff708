"""From a case to the life cycle: which events does it hold, and where does the filing stand after them? (7c)"""

from __future__ import annotations

from datetime import date, datetime, time

from oracle.domain.filing import ObservationKind
from oracle.domain.lifecycle import (
    CompletionReport,
    Disappearance,
    Event,
    FilingLife,
    MajorEvent,
    Minted,
    OverdueReport,
    PublishedStatus,
    Tick,
    advance,
)
from oracle.domain.reporting import ReportState, open_major_events
from oracle.rules.case import SHANGHAI, Case
from oracle.rules.filing import validity
from oracle.rules.post_filing import due_reports
from oracle.rules.table import applied

__all__ = ["events_of", "life_after", "seen_events", "term_end"]


def events_of(case: Case) -> tuple[Event, ...]:
    """What the case says happened, in the order in which it is to be applied: seen, issued, reported, stopped, time."""
    events: list[Event] = [*seen_events(case)]
    if any(tranche.issued > 0 for tranche in case.tranches or ()):
        events.append(Minted())
    reports = case.dossier.post_filing.reports
    if any(item.kind == "COMPLETION" and item.reported_on and item.reported_on <= case.today for item in reports):
        events.append(CompletionReport())
    events += [MajorEvent(f"{place} declares a major risk") for place in open_major_events(case.dossier, case.today)]
    events += [
        OverdueReport(f"{row.where}: the {row.kind} report was due on {row.due}")
        for row in due_reports(case)
        if row.state(case.today) is ReportState.OVERDUE
    ]
    return (*events, Tick())


def seen_events(case: Case) -> list[PublishedStatus | Disappearance]:
    """What the observations say of the filing: its status, wordings nobody knows, or that it is no longer shown."""
    standing = case.standing
    if standing.observation is not None and standing.status is not None:
        end = term_end(case)
        word = standing.observation.raw_status or standing.observation.title or ""
        level = standing.observation.level
        return [PublishedStatus(standing.status, level, word, end, case.dossier.revision)]
    unmapped = [seen for seen in case.observations if seen.status is None and seen.raw_status]
    if unmapped:
        return [PublishedStatus(None, item.level, item.raw_status or "") for item in unmapped]
    kinds = {seen.kind for seen in case.observations}
    return [Disappearance()] if kinds == {ObservationKind.ABSENCE} and case.earlier else []


def term_end(case: Case) -> int | None:
    """The end of the filing's term (exclusive) in seconds since 1970; None where no publication was seen.

    A term by analogy is none where the policy switches FILE-4 off: it then ends with the calendar.
    """
    span = validity(case)
    if span is None:
        return None
    off = span.by_analogy and all(rule.id != "FILE-4" for rule in applied(case.policy))
    return int(datetime.combine(date.max if off else span.end, time(), SHANGHAI).timestamp())


def life_after(case: Case, life: FilingLife) -> tuple[FilingLife, tuple[str, ...]]:
    """The state after everything the case holds, from the state before it, and the alerts on the way."""
    alerts: list[str] = []
    for event in events_of(case):
        step = advance(life, event, case.now)
        life = step.life
        alerts += step.alerts
    return life, tuple(alerts)
