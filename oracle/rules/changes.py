"""Has anything material changed since the filing without a report? (P8; 2023 Trial Measures art. 21 by analogy)

Revisions are append-only and each names the hash of the one before, so the whole way from the revision that was filed
to this one can be compared step by step. What the regulator saw last before the filing was complete is the beginning.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from oracle.domain.dossier import ChangeArea, Dossier, Report
from oracle.domain.lifecycle import LifeCycle
from oracle.rules.case import OfDay
from oracle.rules.verdict import Basis, DayRule, Outcome, Rule, failed, passed, unclear

__all__ = ["RULES", "changed_areas", "line_fault"]

#: The regulator has this revision before it.
_UNDER_REVIEW = frozenset({LifeCycle.SUBMITTED, LifeCycle.RECEIVED, LifeCycle.SUPPLEMENT, LifeCycle.CONSULTING})

_UNDECIDED = _UNDER_REVIEW | {LifeCycle.UNKNOWN, LifeCycle.DRAFT}

#: References and dates of look-ups say how something is shown, not what it is.
_NOT_MATERIAL = frozenset(
    {"controlEvidence", "titleEvidence", "transferabilityEvidence", "ref", "checkedAt", "nameEn", "lei", "isin"}
)


def _material(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _material(item) for key, item in value.items() if key not in _NOT_MATERIAL}
    return [_material(item) for item in value] if isinstance(value, list) else value


def _areas(dossier: Dossier) -> dict[ChangeArea, Any]:
    whole = _material(dossier.model_dump(mode="json", by_alias=True, exclude_none=True))
    return {
        ChangeArea.CONTROL: [whole["filingEntity"], whole["controlChain"]],
        ChangeArea.ASSET: whole["assets"],
        ChangeArea.PLAN: [whole["issuePlan"], whole["overseasIssuer"], whole["instrumentClass"]],
    }


def changed_areas(before: Dossier, after: Dossier) -> tuple[ChangeArea, ...]:
    """What differs materially between two revisions: control, asset, plan."""
    old, new = _areas(before), _areas(after)
    return tuple(area for area in ChangeArea if old[area] != new[area])


def line_fault(case: OfDay) -> Outcome | None:
    """Why the dossier and its known predecessors are no unbroken line from revision 1 on; None if they are."""
    line = (case.dossier, *case.revisions)
    for after, before in pairwise(line):
        if after.prev_dossier_hash != "0x" + before.dossier_hash().hex():
            return unclear(f"prevDossierHash of revision {after.revision} is not the hash of the revision before it")
        if before.dossier_id != after.dossier_id or before.revision != after.revision - 1:
            return failed(
                f"revision {after.revision} names revision {before.revision} of dossier {before.dossier_id} in "
                f"prevDossierHash; the one before it is revision {after.revision - 1} of {after.dossier_id}"
            )
    if line[-1].prev_dossier_hash is not None:
        return unclear(f"prevDossierHash {line[-1].prev_dossier_hash} is not known here: hand that revision in too")
    return None


def chg_1(case: OfDay) -> Outcome:
    """P8: every material change since the filed revision has been reported."""
    fault = line_fault(case) or _left_the_line(case)
    if fault is not None:
        return fault
    line = (case.dossier, *case.revisions)[::-1]
    decided = [index for index, item in enumerate(line) if item.filing.status not in _UNDECIDED]
    if not decided:
        return passed(f"no revision up to {case.dossier.revision} is filed: nothing can have changed since")
    start = decided[0]
    if start > 0 and line[start - 1].filing.status in _UNDER_REVIEW:
        start -= 1
    return _each_step(case, line[start:]) or passed(
        f"no unreported material change from revision {line[start].revision} to {case.dossier.revision}"
    )


def _left_the_line(case: OfDay) -> Outcome | None:
    """A dossier beside the approved one, a fresh revision 1 above all, would hide what changed since."""
    line = {"0x" + item.dossier_hash().hex() for item in (case.dossier, *case.revisions)}
    for name in case.approved:
        if name not in line:
            return failed(
                f"{case.number} was approved with dossier {name}, which is no predecessor of this revision "
                f"{case.dossier.revision}: write the change as its next revision, with prevDossierHash"
            )
    return None


def _each_step(case: OfDay, revisions: tuple[Dossier, ...]) -> Outcome | None:
    for before, after in pairwise(revisions):
        new = [item for item in case.dossier.post_filing.reports if item not in before.post_filing.reports]
        changes = [item for item in new if item.kind == "CHANGE" and _made(case, item)]
        covered = {area for item in changes for area in item.areas}
        open_areas = [area for area in changed_areas(before, after) if area not in covered]
        if not open_areas:
            continue
        names = ", ".join(area.value for area in open_areas)
        if any(not item.areas for item in changes):
            return unclear(f"{names} changed with revision {after.revision}; a CHANGE report does not say its areas")
        return failed(f"{names} changed with revision {after.revision} and postFiling.reports has no CHANGE of it")
    return None


def _made(case: OfDay, report: Report) -> bool:
    return report.evidence is not None and report.reported_on is not None and report.reported_on <= case.today


RULES: tuple[Rule, ...] = (DayRule("CHG-1", "P8", Basis.GUIDELINES, chg_1),)
