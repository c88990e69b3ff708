"""Is nobody judge of their own work? Ours: the Guidelines don't ask for it."""

from __future__ import annotations

from oracle.domain.names import fold_name
from oracle.rules.case import OfDay
from oracle.rules.verdict import Basis, DayRule, Outcome, Rule, failed, passed, unclear

__all__ = ["RULES"]


def gov_1(case: OfDay) -> Outcome:
    """Ours: who prepared the dossier, who reviewed it and who signs the approval are three."""
    dossier = case.dossier
    preparer, reviewer = _folded(dossier.prepared_by), _folded(dossier.reviewed_by)
    if preparer == reviewer:
        return failed(f"preparedBy and reviewedBy are both {dossier.prepared_by}")
    if not case.signers:
        return unclear("who would sign the approval is not known here")
    for signer in case.signers:
        if _folded(signer) in (preparer, reviewer):
            field = "preparedBy" if _folded(signer) == preparer else "reviewedBy"
            return failed(f"{signer} would sign the approval and is {field} of the dossier")
    return passed(f"prepared by {dossier.prepared_by}, reviewed by {dossier.reviewed_by}, signed by {case.signers[0]}")


def _folded(name: str) -> str:
    return fold_name(name).casefold()


RULES: tuple[Rule, ...] = (DayRule("GOV-1", "four eyes", Basis.POLICY, gov_1),)
