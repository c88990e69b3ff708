"""Building the complete approval or update that all nodes are asked to sign, and submitting what they signed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from oracle.chain.registry import Registry
from oracle.collector.node_client import NodeClient, NodeReply
from oracle.collector.quorum import Quorum, ask_all, collect
from oracle.domain.approval import ZERO_HASH, FilingApproval, FilingUpdate, OnChainStatus, Tranche
from oracle.domain.dossier import Dossier
from oracle.domain.names import filing_id
from oracle.domain.reason import encode_reason
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.signing.eip712 import Domain, approval_digest, update_digest

__all__ = ["Proposed", "propose_approval", "propose_update"]


#: The window begins this long before `now`, so that the newest block, which may be some slots old, lies inside it.
BLOCK_LAG_SECONDS = 60


Proposal = TypeVar("Proposal", FilingApproval, FilingUpdate)


@dataclass(frozen=True)
class Proposed(Generic[Proposal]):
    """What was proposed, its digest, and what the nodes said to it."""

    proposal: Proposal
    digest: bytes
    quorum: Quorum


def _number(dossier: Dossier) -> str:
    if not dossier.filing.filing_number:
        raise InputError(
            "the dossier names no filing number",
            where="filing.filingNumber",
            remedy="wait for the publication and enter its number",
        )
    return dossier.filing.filing_number


def _handing_in(dossier: Dossier, then: Callable[[NodeClient], NodeReply]) -> Callable[[NodeClient], NodeReply]:
    """Give a node the dossier, then ask it; a node that refuses the dossier has answered with that."""
    body = dossier.canonical()

    def ask(node: NodeClient) -> NodeReply:
        taken = node.post("/v1/dossiers", body)
        return then(node) if taken.status in (200, 201) else taken

    return ask


def _agreed_hashes(nodes: Sequence[NodeClient], dossier: Dossier, number: str, needed: int) -> tuple[str, str]:
    """(recordHash, rulesetHash) that `needed` nodes report, or most of all nodes if so many don't agree.

    Zero where none sees the publication: each node then says itself why it refuses.
    """

    def pairs(answers: list[tuple[NodeClient, NodeReply | UnreachableError]]) -> Counter[tuple[str, str]]:
        replies = [reply.content for _, reply in answers if isinstance(reply, NodeReply) and reply.status == 200]
        return Counter((_hash(reply.get("recordHash")), _hash(reply.get("rulesetHash"))) for reply in replies)

    def agreed(answers: list[tuple[NodeClient, NodeReply | UnreachableError]]) -> bool:
        return any(count >= needed and record != ZERO_HASH for (record, _), count in pairs(answers).items())

    answers = ask_all(nodes, _handing_in(dossier, lambda node: node.filing(number)), agreed)
    found = pairs(answers)
    if found:
        return found.most_common(1)[0][0]
    reasons = [f"{node.url}: {_why(reply)}" for node, reply in answers]
    raise UnreachableError("\n  ".join(["no node answered", *reasons]), where="--node", remedy=f"{needed} must answer")


def _why(reply: NodeReply | UnreachableError) -> str:
    return (
        reply.what if isinstance(reply, UnreachableError) else str(reply.content.get("title", f"HTTP {reply.status}"))
    )


def _hash(value: object) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]{64}", value) else ZERO_HASH


def propose_approval(
    nodes: Sequence[NodeClient], registry: Registry, chain_id: int, dossier: Dossier, *, now: int, window_seconds: int
) -> Proposed[FilingApproval]:
    """Hand the dossier to all nodes, propose an approval for `window_seconds` from `now`, and collect signatures.

    The nodes' most common record and rule-set hashes are proposed; a node that sees otherwise refuses and says so.
    """
    number = _number(dossier)
    plan = dossier.issue_plan
    chosen = [item for item in plan.tranches if item.chain == f"eip155:{chain_id}"]
    if not chosen:
        raise InputError(
            f"the dossier plans no tranche on chain {chain_id}",
            where="issuePlan.tranches",
            remedy="check --rpc and the plan",
        )
    threshold, operators = registry.threshold(), registry.operators()
    record, ruleset = _agreed_hashes(nodes, dossier, number, threshold)
    filing = "0x" + filing_id(number).hex()
    approval = FilingApproval(
        filing=filing,
        tranches=tuple(
            Tranche(token=item.contract, cap=plan.base_units(item.max_units), decimals=plan.decimals)
            for item in sorted(chosen, key=lambda item: int(item.contract, 16))
        ),
        dossier_hash="0x" + dossier.dossier_hash().hex(),
        record_hash=record,
        ruleset_hash=ruleset,
        valid_after=now - BLOCK_LAG_SECONDS,
        valid_until=now + min(window_seconds, registry.max_validity()),
        sequence=registry.filing_state(filing).sequence + 1,
    )
    digest = approval_digest(Domain(chain_id, registry.address), approval)
    body = json.dumps({"approval": approval.model_dump(mode="json", by_alias=True)}).encode()
    ask = _handing_in(dossier, lambda node: node.post("/v1/approvals", body))
    return Proposed(approval, digest, collect(nodes, ask, digest, operators, threshold))


def propose_update(
    nodes: Sequence[NodeClient],
    registry: Registry,
    chain_id: int,
    dossier: Dossier,
    status: OnChainStatus,
    reason: str,
    *,
    now: int,
    window_seconds: int,
) -> Proposed[FilingUpdate]:
    """Propose to renew or resume (APPROVED, for `window_seconds`), revoke or complete, and collect signatures."""
    number = _number(dossier)
    filing = "0x" + filing_id(number).hex()
    state = registry.filing_state(filing)
    if state.status is OnChainStatus.NONE:
        raise RefusedError(
            "the filing has never been approved on this chain", where=number, remedy="use `filing-gate approve`"
        )
    threshold, operators = registry.threshold(), registry.operators()
    record, _ = _agreed_hashes(nodes, dossier, number, threshold)
    active = status is OnChainStatus.APPROVED
    change = FilingUpdate(
        filing=filing,
        status=int(status),
        record_hash=record,
        valid_until=now + min(window_seconds, registry.max_validity()) if active else 0,
        sequence=state.sequence + 1,
        reason=encode_reason(reason),
    )
    digest = update_digest(Domain(chain_id, registry.address), change)
    body = json.dumps(
        {"dossierHash": "0x" + dossier.dossier_hash().hex(), "update": change.model_dump(mode="json", by_alias=True)}
    ).encode()
    ask = _handing_in(dossier, lambda node: node.post("/v1/updates", body))
    return Proposed(change, digest, collect(nodes, ask, digest, operators, threshold))
