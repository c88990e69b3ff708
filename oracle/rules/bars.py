"""The first five circumstances of P3 in which nothing may be issued. The sixth is `negative_list`.

What the issuer declares is only ever believed against it: a HIT fails whatever the facts beside it say, and a CLEAR
does not help where those facts say otherwise.
"""

from __future__ import annotations

from datetime import date

from oracle.domain.dossier import (
    Applicability,
    Bar,
    ControlRole,
    Dispute,
    ProcedureCode,
    ProcedureState,
    Result,
    Transferability,
)
from oracle.domain.filing import AdverseKind
from oracle.rules.calendar_months import months_after
from oracle.rules.case import OfDay, OfDossier, daily
from oracle.rules.listed import decided, entity_and_controllers, entity_of, on_a_list, unread_list
from oracle.rules.procedures import procedure_of
from oracle.rules.verdict import Basis, DayRule, DossierRule, Outcome, Rule, Verdict, failed, passed, unclear

__all__ = ["RULES", "declared"]


def declared(case: OfDossier, bar: Bar) -> Outcome:
    """What the signed declaration of one bar says: HIT fails, UNKNOWN is unclear."""
    declaration = case.dossier.declarations.of(bar)
    if declaration.result is Result.HIT:
        return failed(f"declarations.bars {bar.value} is HIT, signed by {declaration.signed_by}")
    if declaration.result is Result.UNKNOWN:
        return unclear(f"declarations.bars {bar.value} is UNKNOWN, signed by {declaration.signed_by}")
    return passed(f"bar {bar.value} is declared CLEAR by {declaration.signed_by}")


def bar_1(case: OfDossier) -> Outcome:
    """P3(1): no law, administrative regulation or state rule forbids the financing."""
    if procedure_of(case, ProcedureCode.SECTOR).state is ProcedureState.REFUSED:
        return failed("otherProcedures SECTOR is REFUSED: the industry regulator has said no")
    return declared(case, Bar.BAR_1)


def bar_2(case: OfDossier) -> Outcome:
    """P3(2): the State Council's departments have found no danger to national security, and no review is open."""
    review = procedure_of(case, ProcedureCode.CYBER_REVIEW)
    if review.state is ProcedureState.REFUSED:
        return failed("otherProcedures CYBER_REVIEW is REFUSED: the review ended against the issue")
    own = declared(case, Bar.BAR_2)
    if own[0] is not Verdict.PASS:
        return own
    if review.state in (ProcedureState.PENDING, ProcedureState.EXPIRED):
        return unclear(f"otherProcedures CYBER_REVIEW is {review.state.value}: the review has no valid conclusion")
    if review.applicability is Applicability.UNKNOWN:
        return unclear("otherProcedures CYBER_REVIEW has applicability UNKNOWN: whether a review is needed is open")
    return own


def bar_3(case: OfDay) -> Outcome:
    """P3(3): no listed offence of the entity, its controlling shareholder or its actual controller in the last 3 years.

    The first day of the look-back counts. An offence dated after today fails too: its date proves nothing, and no
    reading of it puts the offence before the look-back.
    """
    return daily(case, _no_offence) or _punished(case, daily(case, _lookback)) or declared(case, Bar.BAR_3)


def _lookback(case: OfDossier) -> date:
    """The first day that counts."""
    return months_after(case.today, -12 * case.policy.lookback_years)


def _no_offence(case: OfDossier) -> Outcome | None:
    """What the dossier itself says against bar 3."""
    years, start = case.policy.lookback_years, _lookback(case)
    for offence in case.dossier.declarations.of(Bar.BAR_3).offences:
        if offence.committed_on >= start:
            return failed(
                f"declarations.bars 3 lists an offence of {offence.party.value} on {offence.committed_on}; "
                f"the {years} years to {case.today} begin on {start}"
            )
    for role in ControlRole:
        if not any(link.role is role for link in case.dossier.control_chain):
            return unclear(f"controlChain has no {role.value}: whether that party offended is not known")
    return None


#: Lists that show a punishment, not what for: somebody must read the decision.
_PUNISHMENTS = (AdverseKind.PENALTY, AdverseKind.MARKET_BAN, AdverseKind.SANCTION)


def _punished(case: OfDay, start: date) -> Outcome | None:
    parties = entity_and_controllers(case)
    for seen in on_a_list(case, _PUNISHMENTS, parties):
        if seen.as_of is None or seen.as_of >= start:
            return unclear(
                f"source {seen.source} lists a punishment since {start}: {seen.title or seen.detail or 'no title'}; "
                f"have counsel say whether it is an offence of bar 3"
            )
    return unread_list(case, _PUNISHMENTS, parties)


def bar_4(case: OfDay) -> Outcome:
    """P3(4): the entity is not under investigation without a clear conclusion (立案调查)."""
    for inquiry in case.dossier.declarations.of(Bar.BAR_4).investigations:
        if inquiry.concluded_on is None or inquiry.conclusion is None or inquiry.concluded_on > case.today:
            return failed(
                f"declarations.bars 4 lists an investigation by {inquiry.authority}, opened {inquiry.opened_on}, "
                f"without both a past concludedOn and its concluding document"
            )
    kinds, entity = (AdverseKind.INVESTIGATION,), [entity_of(case)]
    for seen in on_a_list(case, kinds, entity):
        return decided(seen, "an open investigation")
    return unread_list(case, kinds, entity) or declared(case, Bar.BAR_4)


def bar_5a(case: OfDossier) -> Outcome:
    """P3(5): no major dispute about who owns an asset."""
    for asset in case.dossier.assets:
        if asset.dispute is Dispute.MAJOR:
            return failed(f"assets.dispute of asset {asset.asset_id} is MAJOR")
    return declared(case, Bar.BAR_5)


def bar_5b(case: OfDossier) -> Outcome:
    """P3(5): the law lets every asset be transferred."""
    for asset in case.dossier.assets:
        if asset.transferability is Transferability.NON_TRANSFERABLE:
            return failed(f"assets.transferability of asset {asset.asset_id} is NON_TRANSFERABLE")
    return declared(case, Bar.BAR_5)


RULES: tuple[Rule, ...] = (
    DossierRule("BAR-1", "P3(1)", Basis.GUIDELINES, bar_1),
    DossierRule("BAR-2", "P3(2)", Basis.GUIDELINES, bar_2),
    DayRule("BAR-3", "P3(3)", Basis.GUIDELINES, bar_3),
    DayRule("BAR-4", "P3(4)", Basis.GUIDELINES, bar_4),
    DossierRule("BAR-5a", "P3(5)", Basis.GUIDELINES, bar_5a),
    DossierRule("BAR-5b", "P3(5)", Basis.GUIDELINES, bar_5b),
)
