"""What the verdicts on an approved dossier mean for its filing: go on, let it lapse, ask again, or stop it at once.

Adverse is a FAIL that rests on something seen and speaks against the filing or its parties:

- FILE-1: the regulator shows another status than filed or issuing (P4, P6);
- FILE-3, ENT-1: the publication now states another number, name, units or amount (P4, P5);
- FILE-5, if a withdrawal or revocation was seen (P7);
- BAR-1 to BAR-6: one of the six bars is hit, e.g. an investigation listed under the entity's own code (P3).

Not adverse, though a FAIL: a publication that is merely gone (FILE-5; regulation 7c: no transition), a term or a
document of another regulator that has run out (FILE-4, PROC-*: the window ends with it), a plan or dossier that
does not fit (PLAN-*, CHG-1, DOC-*, GOV-1). Nothing is renewed then, and minting stops with the window. An overdue
report and a declared major risk (POST-1) stop the filing by the record (`oracle.node.duties`), not from here.

INDETERMINATE (unreachable, unreadable, stale, disagreeing) is never adverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from oracle.domain.lifecycle import ENDED
from oracle.rules.case import Case
from oracle.rules.verdict import Finding, Verdict, VerdictTable

__all__ = ["Judgement", "Outcome", "adverse_findings", "judge"]

_ADVERSE = frozenset({"ENT-1", "FILE-1", "FILE-3"})
_BARS = "BAR-"
_CONTRADICTED = "FILE-5"


class Outcome(StrEnum):
    """What a look at a filing found."""

    CLEAR = "CLEAR"
    """Every rule passes."""
    LAPSING = "LAPSING"
    """A rule fails, and nothing speaks against the filing: not renewed."""
    INDETERMINATE = "INDETERMINATE"
    """Too little is known: not renewed, looked at again soon."""
    ADVERSE = "ADVERSE"
    """Something seen speaks against the filing: suspended at once."""
    NO_DOSSIER = "NO_DOSSIER"
    """Approved on chain for a dossier that this node was never given."""
    NOT_APPROVED = "NOT_APPROVED"
    """Not approved on this chain."""
    FINAL = "FINAL"
    """Revoked or completed on chain."""
    UNREAD = "UNREAD"
    """The chain could not be read, or the node failed."""


@dataclass(frozen=True)
class Judgement:
    """An outcome, and the findings that it rests on (none where all is well)."""

    outcome: Outcome
    findings: tuple[Finding, ...] = ()

    @property
    def explanation(self) -> str:
        """The first finding in words."""
        return f"{self.findings[0].rule}: {self.findings[0].explanation}" if self.findings else ""


def adverse_findings(case: Case, verdicts: VerdictTable) -> tuple[Finding, ...]:
    """The findings that stop a filing, see the module's text."""
    ended = case.withdrawals(case.observations) or [
        seen for seen in case.withdrawals(case.earlier) if seen.status in ENDED
    ]
    return tuple(
        item
        for item in verdicts.findings
        if item.result is Verdict.FAIL
        and (item.rule in _ADVERSE or item.rule.startswith(_BARS) or (item.rule == _CONTRADICTED and ended))
    )


def judge(case: Case, verdicts: VerdictTable) -> Judgement:
    """What the verdicts mean."""
    adverse = adverse_findings(case, verdicts)
    if adverse:
        return Judgement(Outcome.ADVERSE, adverse)
    unclear = tuple(item for item in verdicts.findings if item.result is Verdict.INDETERMINATE)
    if unclear:
        return Judgement(Outcome.INDETERMINATE, unclear)
    if not verdicts.all_pass:
        return Judgement(Outcome.LAPSING, verdicts.not_passed)
    return Judgement(Outcome.CLEAR)
