"""What the chain says of a dossier's tranches."""

from __future__ import annotations

from oracle.chain.registry import Registry, Token
from oracle.domain.dossier import Dossier
from oracle.rules.case import TrancheFacts

__all__ = ["tranche_facts"]


def tranche_facts(dossier: Dossier, registry: Registry, chain_id: int) -> tuple[TrancheFacts, ...]:
    """The planned tranches on this chain as it has them; without those on other chains PLAN-1 does not pass."""
    plan = dossier.issue_plan
    chain = f"eip155:{chain_id}"
    return tuple(
        TrancheFacts(
            chain=chain,
            contract=item.contract,
            cap=plan.base_units(item.max_units),
            issued=registry.tranche_state(item.contract).issued,
            decimals=Token(registry.w3, item.contract).decimals(),
        )
        for item in plan.tranches
        if item.chain == chain
    )
