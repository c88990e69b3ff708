"""How a deployment stands on chain at one block: committee, filings, tranches, and why a mint would be refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from web3 import Web3

from oracle.chain.deployment import DeployedToken, Deployment
from oracle.chain.events import read_events
from oracle.chain.registry import FilingState, Registry, TrancheState
from oracle.chain.rpc import chain_faults
from oracle.domain.approval import ZERO_HASH
from oracle.domain.names import filing_id
from oracle.domain.reason import decode_reason
from oracle.errors import RefusedError

__all__ = ["FilingOverview", "Overview", "TrancheOverview", "overview"]


@dataclass(frozen=True)
class TrancheOverview:
    """A token with its tranche; `refusal` names the error that minting one base unit would give, None if it may."""

    token: DeployedToken
    state: TrancheState
    refusal: str | None

    def as_json(self) -> dict[str, Any]:
        """Keys id, token, symbol, decimals, cap, issued (decimal strings of base units), canIssue, refusal."""
        return {
            "id": self.token.id,
            "token": self.token.address,
            "symbol": self.token.symbol,
            "decimals": self.token.decimals,
            "cap": str(self.state.cap),
            "issued": str(self.state.issued),
            "canIssue": self.refusal is None,
            "refusal": self.refusal,
        }


@dataclass(frozen=True)
class FilingOverview:
    """A filing; `reason` is what the newest suspension or update gave."""

    filing: str
    state: FilingState
    reason: str | None
    tranches: tuple[TrancheOverview, ...]

    def as_json(self) -> dict[str, Any]:
        """Keys filing, status, validAfter, validUntil, sequence, reason, tranches."""
        return {
            "filing": self.filing,
            "status": self.state.status.name,
            "validAfter": self.state.valid_after,
            "validUntil": self.state.valid_until,
            "sequence": self.state.sequence,
            "reason": self.reason,
            "tranches": [tranche.as_json() for tranche in self.tranches],
        }


@dataclass(frozen=True)
class Overview:
    """Everything, at `block` whose time is `time` (seconds since 1970)."""

    chain_id: int
    registry: str
    operators: tuple[str, ...]
    threshold: int
    epoch: int
    owner: str
    #: Seconds that an announced change of the committee waits, and for which a replaced operator still counts.
    rotation_delay: int
    retention: int
    block: int
    time: int
    filings: tuple[FilingOverview, ...]

    def as_json(self) -> dict[str, Any]:
        """Keys chainId, registry, operators, threshold, epoch, owner, rotationDelay, retention, block, time and
        filings."""
        return {
            "chainId": self.chain_id,
            "registry": self.registry,
            "operators": list(self.operators),
            "threshold": self.threshold,
            "epoch": self.epoch,
            "owner": self.owner,
            "rotationDelay": self.rotation_delay,
            "retention": self.retention,
            "block": self.block,
            "time": self.time,
            "filings": [filing.as_json() for filing in self.filings],
        }


def overview(w3: Web3, deployment: Deployment, number: str | None = None) -> Overview:
    """How the filing of a number stands, or every filing of the deployment's tokens.

    RefusedError if the number was never approved here, UnreachableError if the chain can't be read.
    """
    registry = Registry(w3, deployment.registry)
    with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
        latest = w3.eth.get_block("latest")
    block = int(latest["number"])
    tranches = [(token, registry.tranche_state(token.address, block)) for token in deployment.tokens]
    bound = {state.filing for _, state in tranches if state.filing != ZERO_HASH}
    reasons = {
        "0x" + event.values["filing"].hex(): decode_reason(event.values["reason"])
        for event in read_events(w3, "FilingRegistry", [deployment.registry], deployment.block, block)
        if event.name in ("FilingSuspended", "FilingUpdated")
    }
    filings = []
    for filing in sorted({"0x" + filing_id(number).hex()} if number else bound):
        state = registry.filing_state(filing, block)
        if state.sequence == 0:
            raise RefusedError(
                "this filing has never been approved on this chain", where=number, remedy="use `filing-gate approve`"
            )
        own = tuple(
            TrancheOverview(token, tranche, registry.can_issue(token.address, 1, block)[1])
            for token, tranche in tranches
            if tranche.filing == filing
        )
        filings.append(FilingOverview(filing, state, reasons.get(filing), own))
    return Overview(
        deployment.chain_id,
        registry.address,
        tuple(registry.operators(block)),
        registry.threshold(block),
        registry.epoch(block),
        registry.owner(block),
        registry.rotation_delay(block),
        registry.retention(block),
        block,
        int(latest["timestamp"]),
        tuple(filings),
    )
