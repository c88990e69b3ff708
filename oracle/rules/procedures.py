"""Have the other regulators' procedures been done? (P2, regulation 5)

One rule a procedure code. Whether a procedure applies is the issuer's signed statement: a rule can't decide it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from oracle.domain.dossier import Applicability, Procedure, ProcedureCode, ProcedureState
from oracle.rules.calendar_months import months_after
from oracle.rules.case import OfDossier
from oracle.rules.verdict import Basis, DossierRule, Outcome, Rule, failed, passed, unclear

__all__ = ["RULES", "last_day", "procedure_of"]


def procedure_of(case: OfDossier, code: ProcedureCode) -> Procedure:
    """The dossier's entry for a code; a dossier holds each exactly once."""
    return next(item for item in case.dossier.other_procedures if item.code is code)


def done(case: OfDossier, code: ProcedureCode) -> Outcome:
    """P2: the procedure is held and unexpired today, or does not apply for a reason that somebody signed."""
    item = procedure_of(case, code)
    field = f"otherProcedures {code.value}"
    if item.applicability is Applicability.NOT_APPLICABLE:
        return passed(f"not applicable, says {item.signed_by}: {item.reason}")
    if item.applicability is Applicability.UNKNOWN:
        return unclear(f"{field}.applicability is UNKNOWN: have counsel decide it")
    if item.state in (ProcedureState.REFUSED, ProcedureState.EXPIRED):
        return failed(f"{field}.state is {item.state.value}")
    if item.state is not ProcedureState.HELD or item.issued_on is None:
        return unclear(f"{field}.state is {item.state.value if item.state else 'missing'}: not yet held")
    if item.issued_on > case.today:
        return failed(f"{field}.issuedOn {item.issued_on} lies after today, {case.today}")
    if item.expires_on is not None and case.today >= item.expires_on:
        return failed(f"{field}.expiresOn was {item.expires_on}, today is {case.today}")
    end = last_day(case, item)
    if end is not None and case.today >= end:
        return unclear(
            f"{field} names no expiresOn; by ANALOGY to the usual term of such a document it ended on {end}: "
            f"enter the end that it states, or its extension"
        )
    until = f" until before {end}" if end else ""
    by_analogy = ", by ANALOGY: the document names no end" if end and item.expires_on is None else ""
    return passed(f"{item.doc_no} of {item.issuer}, held since {item.issued_on}{until}{by_analogy}")


def last_day(case: OfDossier, item: Procedure) -> date | None:
    """The day whose first moment in Shanghai ends a document that is held (exclusive), None if it has no end.

    What the dossier states, else the policy's usual term from the day of issue (regulation 5).
    """
    if item.applicability is not Applicability.APPLIES:
        return None
    months = case.policy.procedure_validity_months.get(item.code)
    if item.expires_on is not None or item.issued_on is None or months is None:
        return item.expires_on
    return months_after(item.issued_on, months)


def _rule(code: ProcedureCode) -> Callable[[OfDossier], Outcome]:
    def check(case: OfDossier) -> Outcome:
        return done(case, code)

    return check


RULES: tuple[Rule, ...] = tuple(
    DossierRule(f"PROC-{code.value}", "P2", Basis.GUIDELINES, _rule(code)) for code in ProcedureCode
)
