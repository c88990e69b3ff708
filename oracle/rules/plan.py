"""Does what is asked for on chain stay inside the plan and the filing? (P4(c))

A unit is one whole token. Caps and issued amounts are base units, over all tranches on all chains; money is compared
as exact fractions. Where publication and dossier both state a limit, the smaller one binds.
"""

from __future__ import annotations

from fractions import Fraction

from oracle.domain.dossier import IssuePlan, PlannedTranche
from oracle.domain.fields import Money, exact
from oracle.rules.case import OfDay, TrancheFacts
from oracle.rules.verdict import Basis, DayRule, Outcome, Rule, failed, passed, unclear

__all__ = ["RULES"]


def plan_1(case: OfDay) -> Outcome:
    """P4(c): each planned tranche once, none above its plan, all together within the filed units and amount."""
    if case.tranches is None:
        return unclear("the chain was not read: what issuePlan.tranches have issued is not known")
    return (
        _each_once(case, case.tranches)
        or _within_its_tranche(case, case.tranches)
        or _within_units(case, case.tranches)
        or _within_amounts(case, case.tranches)
        or passed(f"the caps add up to {_units_asked(case, case.tranches)} units, inside plan and filing")
    )


def _each_once(case: OfDay, tranches: tuple[TrancheFacts, ...]) -> Outcome | None:
    planned = [_place(tranche) for tranche in case.dossier.issue_plan.tranches]
    asked = [_place(tranche) for tranche in tranches]
    for chain, contract in asked:
        if (chain, contract) not in planned:
            return failed(f"{contract} on {chain} is not among issuePlan.tranches")
        if asked.count((chain, contract)) > 1:
            return failed(f"{contract} on {chain} is asked for twice; issuePlan.tranches holds it once")
    for chain, contract in planned:
        if (chain, contract) not in asked:
            return unclear(f"issuePlan.tranches {contract} on {chain} was not read: the total is not known")
    return None


def _within_its_tranche(case: OfDay, tranches: tuple[TrancheFacts, ...]) -> Outcome | None:
    plan = case.dossier.issue_plan
    planned = {_place(tranche): tranche for tranche in plan.tranches}
    for tranche in tranches:
        own = planned[_place(tranche)]
        most = plan.base_units(own.max_units)
        if tranche.decimals != plan.decimals:
            return failed(
                f"tranche {own.id}: the token has {tranche.decimals} decimals, issuePlan.decimals is {plan.decimals}"
            )
        if not 0 <= tranche.issued <= tranche.cap:
            return failed(
                f"tranche {own.id}: {tranche.issued} base units are issued, the cap asked for is {tranche.cap}"
            )
        if tranche.cap > most:
            return failed(
                f"tranche {own.id}: cap {tranche.cap} is above issuePlan.tranches.maxUnits, {most} base units"
            )
    return None


def _within_units(case: OfDay, tranches: tuple[TrancheFacts, ...]) -> Outcome | None:
    plan, filing, record = case.dossier.issue_plan, case.dossier.filing, case.standing.record
    filed = [units for units in (filing.filed_units, record.units if record else None) if units is not None]
    if not filed:
        return unclear("neither publication nor filing.filedUnits says how many units are filed")
    total = sum(tranche.cap for tranche in tranches)
    for name, units in (("issuePlan.maxUnits", plan.max_units), ("the filed units (filing.filedUnits)", min(filed))):
        if total > plan.base_units(units):
            return failed(f"the caps add up to {total} base units, above {name}, {plan.base_units(units)} base units")
    return None


def _within_amounts(case: OfDay, tranches: tuple[TrancheFacts, ...]) -> Outcome | None:
    plan, filing, record = case.dossier.issue_plan, case.dossier.filing, case.standing.record
    filed = [money for money in (filing.filed_amount, record.amount if record else None) if money is not None]
    if not filed:
        return unclear("neither publication nor filing.filedAmount says which amount is filed")
    limits: list[tuple[str, Money]] = [("issuePlan.maxIssueAmount", plan.max_issue_amount)]
    limits += [("the filed amount (filing.filedAmount)", money) for money in filed]
    asked = _units_asked(case, tranches) * exact(plan.unit_face.amount)
    for name, money in limits:
        if money.ccy.upper() != plan.unit_face.ccy.upper():
            return failed(
                f"{name} is in {money.ccy}, issuePlan.unitFace in {plan.unit_face.ccy}: the two cannot be compared"
            )
        if asked > exact(money.amount):
            return failed(
                f"the caps times issuePlan.unitFace are {asked} {money.ccy}, above {name}, {money.amount} {money.ccy}"
            )
    return None


def _units_asked(case: OfDay, tranches: tuple[TrancheFacts, ...]) -> Fraction:
    return Fraction(sum(tranche.cap for tranche in tranches), 10**case.dossier.issue_plan.decimals)


def _place(tranche: TrancheFacts | PlannedTranche) -> tuple[str, str]:
    return tranche.chain, tranche.contract.lower()


#: What the contracts of this project are, as a plan may name it.
_STANDARDS = {"AssetBackedToken": ("ERC-20",)}


def plan_2(case: OfDay) -> Outcome:
    """P4(c): each token is the planned one: gated by our registry, of known code, standard and transfer restriction."""
    if case.tranches is None:
        return unclear("the chain was not read: whether the tokens are those of issuePlan.tranches is not known")
    read = {_place(facts): facts for facts in case.tranches}
    for planned in case.dossier.issue_plan.tranches:
        facts = read.get(_place(planned))
        if facts is None:
            return unclear(f"issuePlan.tranches {planned.contract} on {planned.chain} was not read")
        different = _unlike(case.dossier.issue_plan, planned, facts)
        if different is not None:
            return different
    plan = case.dossier.issue_plan
    return passed(f"{len(plan.tranches)} token(s) as planned: {plan.standard}, transfers {plan.transfer_restriction}")


def _unlike(plan: IssuePlan, planned: PlannedTranche, facts: TrancheFacts) -> Outcome | None:
    token = f"the token of tranche {planned.id}"
    if facts.registry is None or facts.own_registry is None:
        return unclear(f"which registry gates {token}, {facts.contract}, could not be read")
    if facts.registry.lower() != facts.own_registry.lower():
        return failed(f"{token} is gated by {facts.registry}, not by this committee's registry {facts.own_registry}")
    if facts.build is None:
        return unclear(f"{token} has code that this version does not know: what it obeys is not known")
    if _plain(plan.standard) not in map(_plain, _STANDARDS.get(facts.build, ())):
        return failed(f"{token} is {facts.build}, which is not issuePlan.standard {plan.standard}")
    if facts.transfer_restriction is None:
        return unclear(f"whether {token} restricts transfers could not be read")
    if facts.transfer_restriction != plan.transfer_restriction:
        return failed(
            f"{token} has transfer restriction {facts.transfer_restriction}, "
            f"issuePlan.transferRestriction is {plan.transfer_restriction}"
        )
    return None


def _plain(standard: str) -> str:
    return standard.upper().replace("-", "").replace(" ", "")


RULES: tuple[Rule, ...] = (
    DayRule("PLAN-1", "P4(c)", Basis.GUIDELINES, plan_1),
    DayRule("PLAN-2", "P4(c)", Basis.GUIDELINES, plan_2),
)
