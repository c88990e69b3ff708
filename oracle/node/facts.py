"""What the chains say of a dossier's tranches."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from oracle.chain.registry import Registry
from oracle.domain.dossier import Dossier, PlannedTranche
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.node.config import ChainConfig, NodeConfig
from oracle.rules.case import TrancheFacts

__all__ = ["planned_facts", "tranche_facts"]


def planned_facts(
    dossier: Dossier, config: NodeConfig, own: Registry, registry_on: Callable[[ChainConfig], Registry]
) -> tuple[TrancheFacts, ...]:
    """The planned tranches on every chain that is configured and answers; `own` is the registry of the node's chain,
    and `registry_on` gives that of another one (`Connections.registry`)."""
    named = {item.chain for item in dossier.issue_plan.tranches}
    registries = {config.chain.id: own}
    for chain in config.chains:
        if f"eip155:{chain.id}" in named:
            try:
                registries[chain.id] = registry_on(chain)
            except (UnreachableError, InputError):
                # Not read: PLAN-1 and PLAN-2 then say so and do not pass.
                continue
    return tranche_facts(dossier, registries, config.chain.id)


def tranche_facts(
    dossier: Dossier, registries: Mapping[int, Registry], own: int, block: int | None = None
) -> tuple[TrancheFacts, ...]:
    """The planned tranches as their chains have them, by the registry of each chain that could be reached; what is
    issued as of a block, the newest if it is None.

    A tranche whose chain is not among them, or whose address holds no code, is left out: without it neither PLAN-1 nor
    PLAN-2 passes. UnreachableError if the node's `own` chain can't be read; another one counts as not read.
    """
    plan = dossier.issue_plan
    found = []
    if own in registries:
        registries[own].will_ask(item.contract for item in plan.tranches if item.chain == f"eip155:{own}")
    for item in plan.tranches:
        chain = int(item.chain.removeprefix("eip155:"))
        if chain not in registries:
            continue
        try:
            facts = _facts(item, registries[chain], plan.base_units(item.max_units), block)
        except (RefusedError, UnreachableError):
            if chain == own:
                raise
            continue
        if facts is not None:
            found.append(facts)
    return tuple(found)


def _facts(item: PlannedTranche, registry: Registry, cap: int, block: int | None) -> TrancheFacts | None:
    token = registry.token_state(item.contract, block)
    if token is None:
        return None
    # A plan says how transfers are restricted; of a contract that this version does not know it can't be told.
    restriction = None if token.permissioned is None else ("PERMISSIONED" if token.permissioned else "NONE")
    return TrancheFacts(
        chain=item.chain,
        contract=item.contract,
        cap=cap,
        issued=token.issued,
        decimals=token.decimals,
        registry=token.registry,
        own_registry=registry.address,
        build=token.build,
        transfer_restriction=restriction,
    )
