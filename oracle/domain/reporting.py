"""Reports that a filing owes the regulator after it is complete (P8), with the day each is due.

P8 says "promptly" and no more: the number of working days is an argument. Completion, major risk and change count from
the day of the event, which itself does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from oracle.domain.dossier import Dossier, Report
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.working_days import working_days_after

__all__ = ["DueReport", "ReportState", "open_major_events", "reports_due"]


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


def reports_due(dossier: Dossier, working_days: int, *, issued: bool | None) -> tuple[DueReport, ...]:
    """Every report the dossier makes or owes, in the dossier's order, the completion of the issue last if it has none.

    `issued`: whether anything was minted, None if not known. The offer's last day counts as completion of the issue at
    the latest.
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
    began = issued or dossier.filing.status in (LifeCycle.ISSUING, LifeCycle.COMPLETED)
    if (began or issued is None) and not any(row.kind == "COMPLETION" for row in rows):
        due = working_days_after(plan.offer_end, working_days)
        rows.append(DueReport("COMPLETION", "issuePlan.offerEnd", plan.offer_end, due, None, certain=bool(began)))
    return tuple(rows)


def _counted_from(report: Report, offer_end: date) -> date:
    return min(report.event_on, offer_end) if report.kind == "COMPLETION" else report.event_on


def open_major_events(dossier: Dossier, today: date) -> tuple[str, ...]:
    """The places of declared major risks that are not resolved by `today`, whenever they happened or will."""
    return tuple(
        f"postFiling.reports[{index}]"
        for index, report in enumerate(dossier.post_filing.reports)
        if report.kind == "MAJOR_RISK" and (report.resolved_on is None or report.resolved_on > today)
    )
