"""Reports that a filing owes the regulator after it is complete (P8), with the day each is due.

P8 says "promptly" and no more: the number of working days is an argument. Completion, major risk and change count from
the day of the event, which itself does not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from oracle.domain.dossier import Dossier, Report
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.working_days import working_days_after

__all__ = [
    "DueReport",
    "RecordedReport",
    "ReportState",
    "open_major_events",
    "recorded_due",
    "reports_due",
    "unresolved",
]


class ReportState(StrEnum):
    """How a report stands on a day. UNKNOWN: the calendar, or whether it is owed at all, is not known."""

    DUE = "DUE"
    OVERDUE = "OVERDUE"
    REPORTED = "REPORTED"
    LATE = "LATE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class DueReport:
    """One report. `where` is its place in the dossier; `due` is the last day in time, None beyond the calendar.

    `certain` is False where nobody has said whether the event took place at all.
    """

    kind: str
    where: str
    event_on: date
    due: date | None
    reported_on: date | None
    certain: bool = True

    def state(self, today: date) -> ReportState:
        """How it stands on a day (in Shanghai). A report dated after that day is not made yet."""
        if self.reported_on is not None and self.reported_on <= today:
            late = self.due is not None and self.reported_on > self.due
            return ReportState.LATE if late else ReportState.REPORTED
        if today <= self.event_on or (self.due is not None and today <= self.due):
            return ReportState.DUE
        return ReportState.OVERDUE if self.due is not None and self.certain else ReportState.UNKNOWN


@dataclass(frozen=True)
class RecordedReport:
    """An event that was declared, or a report that was made, to the node itself and not only in the dossier.

    `open` is for a declared major risk that no quorum's resumption has followed.
    """

    kind: str
    event_on: date
    reported_on: date | None = None
    open: bool = False


def reports_due(
    dossier: Dossier, working_days: int, *, issued: bool | None, recorded: Iterable[RecordedReport] = ()
) -> tuple[DueReport, ...]:
    """Every report that is made or owed: the dossier's in its order, then what only the node's record knows.

    The completion of the issue is last if nobody has named it. `issued`: whether anything was minted, None if not
    known. The offer's last day counts as completion of the issue at the latest. A report in either place counts.
    """
    plan = dossier.issue_plan
    rows = [
        DueReport(
            report.kind,
            f"postFiling.reports[{index}]",
            _counted_from(report, plan.offer_end),
            working_days_after(_counted_from(report, plan.offer_end), working_days),
            report.reported_on,
        )
        for index, report in enumerate(dossier.post_filing.reports)
    ]
    for item in recorded:
        rows = _with(rows, item, min(item.event_on, plan.offer_end), working_days)
    began = issued or dossier.filing.status in (LifeCycle.ISSUING, LifeCycle.COMPLETED)
    if (began or issued is None) and not any(row.kind == "COMPLETION" for row in rows):
        due = working_days_after(plan.offer_end, working_days)
        rows.append(DueReport("COMPLETION", "issuePlan.offerEnd", plan.offer_end, due, None, certain=bool(began)))
    return tuple(rows)


def recorded_due(recorded: Iterable[RecordedReport], working_days: int) -> tuple[DueReport, ...]:
    """The same for a filing whose dossier is not known: what the node's record says, and no more."""
    rows: list[DueReport] = []
    for item in recorded:
        rows = _with(rows, item, item.event_on, working_days)
    return tuple(rows)


def _with(rows: list[DueReport], item: RecordedReport, closed_on: date, working_days: int) -> list[DueReport]:
    """The rows with what the record knows of one event; the issue is completed only once, whatever its day."""
    once = item.kind == "COMPLETION"
    same = [
        index for index, row in enumerate(rows) if row.kind == item.kind and (once or row.event_on == item.event_on)
    ]
    if not same:
        start = closed_on if once else item.event_on
        due = working_days_after(start, working_days)
        return [*rows, DueReport(item.kind, "declared to this node", start, due, item.reported_on)]
    made = [day for day in (rows[same[0]].reported_on, item.reported_on) if day is not None]
    changed = replace(rows[same[0]], reported_on=min(made, default=None))
    return [changed if index == same[0] else row for index, row in enumerate(rows)]


def unresolved(dossier: Dossier, recorded: Iterable[RecordedReport], today: date) -> tuple[RecordedReport, ...]:
    """Major risks that were declared to the node, are open, and that the dossier doesn't show as resolved."""
    resolved = {
        report.event_on
        for report in dossier.post_filing.reports
        if report.kind == "MAJOR_RISK" and report.resolved_on is not None and report.resolved_on <= today
    }
    return tuple(item for item in recorded if item.open and item.event_on not in resolved)


def _counted_from(report: Report, offer_end: date) -> date:
    return min(report.event_on, offer_end) if report.kind == "COMPLETION" else report.event_on


def open_major_events(dossier: Dossier, today: date) -> tuple[str, ...]:
    """The places of declared major risks that are not resolved by `today`, whenever they happened or will."""
    return tuple(
        f"postFiling.reports[{index}]"
        for index, report in enumerate(dossier.post_filing.reports)
        if report.kind == "MAJOR_RISK" and (report.resolved_on is None or report.resolved_on > today)
    )
