"""The sixth circumstance of P3: the negative list of domestic ABS assets (AMAC, 29 Mar 2024, regulation 2.3).

The dossier answers every item for every asset. Where the dossier's own numbers decide an item (NL-2), they decide it.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

from oracle.domain.dossier import Asset, Bar, NegativeListItem, Result
from oracle.domain.fields import exact
from oracle.domain.filing import AdverseKind, Party
from oracle.rules.bars import declared
from oracle.rules.case import OfDay, OfDossier, daily, provider_party
from oracle.rules.listed import decided, on_a_list, unread_list
from oracle.rules.verdict import Basis, DayRule, DossierRule, Outcome, Rule, Verdict, failed, passed, unclear

__all__ = ["RULES", "list_in_force"]


def list_in_force(case: OfDossier) -> str | None:
    """The version of the negative list in force today: the newest of the policy's that has come into force, or None."""
    begun = [entry for entry in case.policy.negative_lists if entry.in_force_from <= case.today]
    return max(begun, key=lambda entry: entry.in_force_from).version if begun else None


def item(case: OfDossier, code: NegativeListItem) -> Outcome:
    """P3(6): the item is answered CLEAR for every asset, on the list in force, and bar 6 is declared CLEAR."""
    own = declared(case, Bar.BAR_6)
    if own[0] is Verdict.FAIL:
        return own
    current, used = list_in_force(case), case.dossier.negative_list.version
    if used != current:
        return unclear(
            f"negativeList.version is {used}; in force on {case.today} is {current or 'no list the policy knows'}"
        )
    answers = {found.asset_id: found for found in case.dossier.negative_list.findings if found.item_id is code}
    hit = [found.asset_id for found in answers.values() if found.result is Result.HIT]
    if hit:
        return failed(f"negativeList.findings {code.value} is HIT for asset {', '.join(hit)}")
    missing = [asset.asset_id for asset in case.dossier.assets if asset.asset_id not in answers]
    if missing:
        return unclear(f"negativeList.findings has no {code.value} for asset {', '.join(missing)}")
    unknown = [found.asset_id for found in answers.values() if found.result is Result.UNKNOWN]
    if unknown:
        return unclear(f"negativeList.findings {code.value} is UNKNOWN for asset {', '.join(unknown)}")
    return (
        own
        if own[0] is not Verdict.PASS
        else passed(f"{code.value} of {used} is CLEAR for all {len(answers)} asset(s)")
    )


def item_2(case: OfDay) -> Outcome:
    """AMAC NL-2: no dishonest entity is an important provider of an asset's cash flow (one provider above 15 %).

    The list speaks of the cash flow of the underlying asset, so shares are measured per asset: rows of one provider
    within an asset add up, shares of different assets do not.
    """
    dishonest = daily(case, _dishonest)
    if dishonest is not None:
        return dishonest
    important, own = daily(case, _important), daily(case, _item_2)
    for seen in on_a_list(case, (AdverseKind.DISHONEST,), important):
        listed = decided(seen, "a dishonest entity")
        return own if own[0] is Verdict.FAIL else listed
    return own if own[0] is not Verdict.PASS else unread_list(case, (AdverseKind.DISHONEST,), important) or own


def _item_2(case: OfDossier) -> Outcome:
    return item(case, NegativeListItem.NL_2)


def _dishonest(case: OfDossier) -> Outcome | None:
    """FAIL for an important provider that the dossier itself calls dishonest."""
    limit = exact(case.policy.important_provider_pct)
    for asset in case.dossier.assets:
        shares = _shares(asset)
        dishonest = {provider.id for provider in asset.cashflow.important_providers if provider.dishonest}
        for provider, share in shares.items():
            if share > limit and provider in dishonest:
                return failed(
                    f"assets.cashflow.importantProviders of asset {asset.asset_id}: dishonest provider {provider} has "
                    f"{_percent(share)} %, above {case.policy.important_provider_pct} %"
                )
    return None


def _important(case: OfDossier) -> list[Party]:
    limit = exact(case.policy.important_provider_pct)
    return [
        provider_party(ident)
        for asset in case.dossier.assets
        for ident, share in _shares(asset).items()
        if share > limit
    ]


def _shares(asset: Asset) -> dict[str, Fraction]:
    """Each provider's share of the asset's cash flow, in percent."""
    shares: dict[str, Fraction] = defaultdict(Fraction)
    for provider in asset.cashflow.important_providers:
        shares[provider.id] += exact(provider.share_pct)
    return shares


def _percent(share: Fraction) -> str:
    # Shares have at most 18 places and add up to at most 100, so the division is exact.
    return f"{(Decimal(share.numerator) / Decimal(share.denominator)).normalize():f}"


def _rule(code: NegativeListItem) -> Rule:
    def check(case: OfDossier) -> Outcome:
        return item(case, code)

    name, cite = f"BAR-6.{code.value}", f"AMAC 2024-03-29 {code.value}"
    if code is NegativeListItem.NL_2:
        return DayRule(name, cite, Basis.AMAC, item_2)
    return DossierRule(name, cite, Basis.AMAC, check)


RULES: tuple[Rule, ...] = tuple(_rule(code) for code in NegativeListItem)
