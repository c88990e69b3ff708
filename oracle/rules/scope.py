"""Is this the kind of issuance that the Guidelines govern? (P1, and the split of Yinfa [2026] 42, regulation 1.3)"""

from __future__ import annotations

from fractions import Fraction

from oracle.domain.dossier import Asset, InstrumentClass
from oracle.domain.fields import exact
from oracle.rules.case import OfDossier
from oracle.rules.verdict import Basis, DossierRule, Outcome, Rule, failed, passed, unclear

__all__ = ["RULES"]

#: Who leads where the CSRC's asset-backed track does not (Yinfa [2026] 42).
_LEADING_AUTHORITY = {
    InstrumentClass.FOREIGN_DEBT: "the NDRC leads for the foreign-debt form, with SAFE",
    InstrumentClass.EQUITY_LIKE: "the CSRC leads for the equity-like form, on another track than this filing",
    InstrumentClass.OTHER: "the CSRC decides on other forms case by case, with the departments concerned",
}


def scope_1(case: OfDossier) -> Outcome:
    """P1, Yinfa [2026] 42: asset-backed form, cash flow from the assets, distributed ledger, issuer overseas.

    The ledger needs no line here: a dossier whose tranche names no chain is refused when it is read.
    """
    dossier = case.dossier
    if dossier.instrument_class is not InstrumentClass.ABS_LIKE:
        leads = _LEADING_AUTHORITY[dossier.instrument_class]
        return failed(f"instrumentClass is {dossier.instrument_class.value}, not ABS_LIKE: {leads}")
    if dossier.overseas_issuer.jurisdiction == "CN":
        return failed("overseasIssuer.jurisdiction is CN: the issuer must stand outside the mainland")
    for asset in dossier.assets:
        if _total_cash_flow(asset) <= 0:
            return failed(f"assets.cashflow.periods of asset {asset.asset_id} add up to 0: nothing supports repayment")
    return passed(
        f"ABS_LIKE, {len(dossier.assets)} asset(s) with cash flow, {len(dossier.issue_plan.tranches)} tranche(s) "
        f"on a chain, issuer in {dossier.overseas_issuer.jurisdiction}"
    )


def _total_cash_flow(asset: Asset) -> Fraction:
    return sum((exact(period.amount) for period in asset.cashflow.periods), start=Fraction(0))


def scope_2(case: OfDossier) -> Outcome:
    """P1, Yinfa [2026] 42: nothing is offered in the mainland. HK, MO and TW have codes of their own."""
    places = case.dossier.issue_plan.offer_jurisdictions
    if "CN" in places:
        return failed("issuePlan.offerJurisdictions holds CN: these tokens may not be offered in the mainland")
    return passed(f"offered in {', '.join(places)} only")


def scope_3(case: OfDossier) -> Outcome:
    """Yinfa [2026] 42: no stablecoin pegged to the RMB without consent."""
    policy = case.policy
    pegged = {code.upper() for code in policy.rmb_stablecoins} - {code.upper() for code in policy.consented_stablecoins}
    known = {code.upper() for code in (*policy.settlement_currencies, *policy.consented_stablecoins)}
    planned = case.dossier.issue_plan.settlement_ccy
    forbidden = [code for code in planned if code.upper() in pegged]
    if forbidden:
        return failed(f"issuePlan.settlementCcy holds {', '.join(forbidden)}: pegged to the RMB and not consented to")
    unknown = [code for code in planned if code.upper() not in known]
    if unknown:
        return unclear(f"issuePlan.settlementCcy holds {', '.join(unknown)}, of which the policy does not know the peg")
    return passed(f"settled in {', '.join(planned)}")


RULES: tuple[Rule, ...] = (
    DossierRule("SCOPE-1", "P1", Basis.GUIDELINES, scope_1),
    DossierRule("SCOPE-2", "P1", Basis.GUIDELINES, scope_2),
    DossierRule("SCOPE-3", "Yinfa [2026] 42", Basis.NOTICE_42, scope_3),
)
