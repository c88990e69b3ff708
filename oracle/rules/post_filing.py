"""Duties after the filing: completion, major risk and change are reported in time (P8)."""

from __future__ import annotations

from itertools import pairwise

from oracle.domain.dossier import Report
from oracle.domain.reporting import DueReport, ReportState, open_major_events, reports_due, unresolved
from oracle.rules.case import OfDay
from oracle.rules.verdict import Basis, DayRule, Outcome, Rule, failed, passed, unclear

__all__ = ["RULES", "due_reports"]


def due_reports(case: OfDay) -> tuple[DueReport, ...]:
    """Every report made or owed after the filing, with the day each is due by the policy."""
    issued = None if case.tranches is None else any(tranche.issued > 0 for tranche in case.tranches)
    return reports_due(case.dossier, case.policy.report_working_days, issued=issued, recorded=case.recorded)


def post_1(case: OfDay) -> Outcome:
    """P8: no report is overdue, and no declared major risk is open. "Promptly" is 3 working days by ANALOGY."""
    dropped = _dropped(case)
    if dropped is not None:
        return dropped
    opened = open_major_events(case.dossier, case.today)
    if opened:
        return failed(f"{opened[0]} declares a major risk that is not resolved: suspended until a quorum resumes")
    declared = unresolved(case.dossier, case.recorded, case.today)
    if declared:
        return failed(
            f"a major risk of {declared[0].event_on} was declared to this node, and postFiling.reports shows no "
            "MAJOR_RISK of that day as resolved"
        )
    days = case.policy.report_working_days
    rows = [(row, row.state(case.today)) for row in due_reports(case)]
    for row, state in rows:
        if state is ReportState.OVERDUE:
            return failed(f"{row.where}: the {row.kind} report was due on {row.due}, {days} working days (ANALOGY)")
    for row, state in rows:
        if state is ReportState.UNKNOWN:
            why = "the working-day calendar does not reach that far" if row.due is None else "the chain was not read"
            return unclear(f"{row.where}: whether the {row.kind} report is overdue is not known: {why}")
    unproven = _unproven(case)
    if unproven is not None:
        return unproven
    waiting = [f"{row.kind} by {row.due}" for row, state in rows if state is ReportState.DUE and row.due]
    late = [f"{row.kind} was late" for row, state in rows if state is ReportState.LATE]
    return passed("no report is overdue" + "".join(f"; {note}" for note in (*waiting, *late)))


def _unproven(case: OfDay) -> Outcome | None:
    for index, report in enumerate(case.dossier.post_filing.reports):
        if report.reported_on is not None and report.evidence is None:
            return unclear(f"postFiling.reports[{index}] was made on {report.reported_on} but names no evidence of it")
        if report.reported_on is not None and report.reported_on < report.event_on:
            return unclear(f"postFiling.reports[{index}] was made on {report.reported_on}, before {report.event_on}")
    return None


def _dropped(case: OfDay) -> Outcome | None:
    """An event once declared stays declared: a later revision may complete a report, not leave it out."""
    for after, before in pairwise((case.dossier, *case.revisions)):
        kept = [_event(report) for report in after.post_filing.reports]
        for report in before.post_filing.reports:
            if _event(report) not in kept:
                return failed(
                    f"postFiling.reports of revision {after.revision} no longer has the {report.kind} "
                    f"of {report.event_on} that revision {before.revision} has"
                )
            kept.remove(_event(report))
    return None


def _event(report: Report) -> tuple[str, str]:
    return report.kind, report.event_on.isoformat()


RULES: tuple[Rule, ...] = (DayRule("POST-1", "P8", Basis.GUIDELINES, post_1),)
