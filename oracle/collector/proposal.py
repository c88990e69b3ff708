"""Building the complete approval or update that all nodes are asked to sign, and submitting what they signed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from oracle.chain.registry import Registry
from oracle.chain.seats import seat_of
from oracle.collector.node_client import NodeReply
from oracle.collector.quorum import Asked, Kept, Quorum, ask_all, collect
from oracle.domain.approval import ZERO_HASH, FilingApproval, FilingUpdate, OnChainStatus, Tranche
from oracle.domain.dossier import Dossier
from oracle.domain.names import filing_id
from oracle.domain.reason import encode_reason
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.signing.eip712 import Domain, approval_digest, update_digest

__all__ = [
    "Proposed",
    "agreed_record",
    "collect_approval",
    "collect_update",
    "new_approval",
    "propose_approval",
    "propose_update",
    "still_possible",
]


#: The window begins this long before `now`, so that the newest block, which may be some slots old, lies inside it.
BLOCK_LAG_SECONDS = 60

#: A proposal that ends sooner than this is not collected for: it could not be submitted in time.
MIN_LEFT_SECONDS = 60

#: So many different earlier proposals of nodes are proposed anew at most.
MAX_EARLIER_ROUNDS = 2


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


def _handing_in(dossier: Dossier, then: Callable[[Asked], NodeReply]) -> Callable[[Asked], NodeReply]:
    """Give a node the dossier, then ask it; a node that refuses the dossier has answered with that."""
    body = dossier.canonical()

    def ask(node: Asked) -> NodeReply:
        taken = node.post("/v1/dossiers", body)
        return then(node) if taken.status in (200, 201) else taken

    return ask


def _agreed_hashes(nodes: Sequence[Asked], dossier: Dossier, number: str, needed: int) -> tuple[str, str]:
    """(recordHash, rulesetHash) that `needed` nodes report, or most of all nodes if so many don't agree.

    Zero where none sees the publication: each node then says itself why it refuses.
    """

    def pairs(answers: list[tuple[Asked, NodeReply | UnreachableError]]) -> Counter[tuple[str, str]]:
        replies = [reply.content for _, reply in answers if isinstance(reply, NodeReply) and reply.status == 200]
        return Counter((_hash(reply.get("recordHash")), _hash(reply.get("rulesetHash"))) for reply in replies)

    def agreed(answers: list[tuple[Asked, NodeReply | UnreachableError]]) -> bool:
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


def agreed_record(nodes: Sequence[Asked], dossier: Dossier, needed: int) -> tuple[str, str]:
    """(recordHash, rulesetHash) that most nodes report of the dossier's filing; asking stops when `needed` agree."""
    return _agreed_hashes(nodes, dossier, _number(dossier), needed)


def new_approval(
    registry: Registry,
    chain_id: int,
    dossier: Dossier,
    hashes: tuple[str, str],
    *,
    now: int,
    window_seconds: int,
) -> FilingApproval:
    """The complete approval of a dossier on one chain, for `window_seconds` from `now`. `hashes`: `agreed_record`."""
    plan = dossier.issue_plan
    chosen = [item for item in plan.tranches if item.chain == f"eip155:{chain_id}"]
    if not chosen:
        raise InputError(
            f"the dossier plans no tranche on chain {chain_id}",
            where="issuePlan.tranches",
            remedy="check --rpc and the plan",
        )
    filing = "0x" + filing_id(_number(dossier)).hex()
    return FilingApproval(
        filing=filing,
        tranches=tuple(
            Tranche(token=item.contract, cap=plan.base_units(item.max_units), decimals=plan.decimals)
            for item in sorted(chosen, key=lambda item: int(item.contract, 16))
        ),
        dossier_hash="0x" + dossier.dossier_hash().hex(),
        record_hash=hashes[0],
        ruleset_hash=hashes[1],
        valid_after=now - BLOCK_LAG_SECONDS,
        valid_until=now + min(window_seconds, registry.max_validity()),
        sequence=registry.filing_state(filing).sequence + 1,
    )


def propose_approval(
    nodes: Sequence[Asked],
    registry: Registry,
    chain_id: int,
    dossier: Dossier,
    *,
    now: int,
    window_seconds: int,
    proposal: FilingApproval | None = None,
    kept: Sequence[Kept] = (),
) -> Proposed[FilingApproval]:
    """Hand the dossier to all nodes, propose an approval for `window_seconds` from `now`, and collect signatures.

    The nodes' most common record and rule-set hashes are proposed; a node that sees otherwise refuses and says so.
    With `proposal` (of an earlier run, `still_possible`) those same bytes are collected for, beginning with `kept`.
    """
    if proposal is None:
        hashes = agreed_record(nodes, dossier, registry.threshold())
        proposal = new_approval(registry, chain_id, dossier, hashes, now=now, window_seconds=window_seconds)
    return collect_approval(nodes, registry, chain_id, dossier, proposal, now=now, kept=kept)


def collect_approval(
    nodes: Sequence[Asked],
    registry: Registry,
    chain_id: int,
    dossier: Dossier,
    proposal: FilingApproval,
    *,
    now: int,
    kept: Sequence[Kept] = (),
) -> Proposed[FilingApproval]:
    """Collect signatures over an approval, or over the earlier one that nodes have signed instead (rule GUARD)."""
    domain = Domain(chain_id, registry.address)

    def once(item: FilingApproval, had: Sequence[Kept]) -> Proposed[FilingApproval]:
        body = json.dumps({"approval": item.model_dump(mode="json", by_alias=True)}).encode()
        digest = approval_digest(domain, item)
        ask = _handing_in(dossier, lambda node: node.post("/v1/approvals", body))
        return Proposed(item, digest, _collect(nodes, registry, ask, digest, had))

    def same(item: FilingApproval) -> bool:
        times = {"valid_after": proposal.valid_after, "valid_until": proposal.valid_until}
        return item.model_copy(update=times) == proposal and item.valid_after <= now

    return _or_earlier(once, proposal, kept, lambda value: _approval(value, same), registry, now)


def propose_update(
    nodes: Sequence[Asked],
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
    record, _ = agreed_record(nodes, dossier, registry.threshold())
    active = status is OnChainStatus.APPROVED
    change = FilingUpdate(
        filing=filing,
        status=int(status),
        record_hash=record,
        valid_until=now + min(window_seconds, registry.max_validity()) if active else 0,
        sequence=state.sequence + 1,
        reason=encode_reason(reason),
    )
    return collect_update(nodes, registry, chain_id, dossier, change, now=now)


def collect_update(
    nodes: Sequence[Asked],
    registry: Registry,
    chain_id: int,
    dossier: Dossier,
    change: FilingUpdate,
    *,
    now: int,
    kept: Sequence[Kept] = (),
) -> Proposed[FilingUpdate]:
    """Collect signatures over an update, or over the earlier one that nodes have signed instead (rule GUARD)."""
    domain, name = Domain(chain_id, registry.address), "0x" + dossier.dossier_hash().hex()

    def once(item: FilingUpdate, had: Sequence[Kept]) -> Proposed[FilingUpdate]:
        body = json.dumps({"dossierHash": name, "update": item.model_dump(mode="json", by_alias=True)}).encode()
        digest = update_digest(domain, item)
        ask = _handing_in(dossier, lambda node: node.post("/v1/updates", body))
        return Proposed(item, digest, _collect(nodes, registry, ask, digest, had))

    def same(item: FilingUpdate) -> bool:
        return item.model_copy(update={"valid_until": change.valid_until, "reason": change.reason}) == change

    return _or_earlier(once, change, kept, lambda value: _update(value, name, same), registry, now)


def still_possible(proposal: Proposal, registry: Registry, now: int) -> str | None:
    """None if an earlier proposal can still take effect; otherwise, why it can't."""
    sequence = registry.filing_state(proposal.filing).sequence
    if proposal.sequence != sequence + 1:
        return f"it is for sequence {proposal.sequence}, the chain stands at {sequence}"
    if proposal.valid_until and proposal.valid_until < now + MIN_LEFT_SECONDS:
        return "its window ends too soon"
    if proposal.valid_until > now + registry.max_validity():
        return "its window is longer than the registry allows"
    return None


def _collect(
    nodes: Sequence[Asked],
    registry: Registry,
    ask: Callable[[Asked], NodeReply],
    digest: bytes,
    kept: Sequence[Kept],
) -> Quorum:
    seats: dict[str, str | None] = {}

    def seat(account: str) -> str | None:
        if account not in seats:
            seats[account] = seat_of(registry, account)
        return seats[account]

    return collect(nodes, ask, digest, registry.operators(), registry.threshold(), kept=kept, seat=seat)


def _or_earlier(
    once: Callable[[Proposal, Sequence[Kept]], Proposed[Proposal]],
    proposal: Proposal,
    kept: Sequence[Kept],
    read: Callable[[dict[str, Any]], Proposal | None],
    registry: Registry,
    now: int,
) -> Proposed[Proposal]:
    """Collect for `proposal`; where nodes hold an earlier one of the same sequence, for the one that most hold.

    Two different ones of a sequence can never both be signed by a node, so insisting would only lose time. What a node
    shows is checked as if it were our own: everything but the window must be what was proposed.
    """
    best = once(proposal, kept)
    tried = {best.digest}
    for _ in range(MAX_EARLIER_ROUNDS):
        if best.quorum.reached:
            return best
        shown = [read(answer.earlier) for answer in best.quorum.answers if answer.earlier is not None]
        counts = Counter(item for item in shown if item is not None)
        possible = [item for item, _ in counts.most_common() if still_possible(item, registry, now) is None]
        if not possible:
            return best
        other = once(possible[0], ())
        if other.digest in tried:
            return best
        tried.add(other.digest)
        if len(other.quorum.signatures) >= len(best.quorum.signatures):
            best = other
    return best


def _approval(value: dict[str, Any], same: Callable[[FilingApproval], bool]) -> FilingApproval | None:
    try:
        item = FilingApproval.model_validate_json(json.dumps(value.get("approval")))
    except ValidationError:
        return None
    return item if same(item) else None


def _update(value: dict[str, Any], dossier_hash: str, same: Callable[[FilingUpdate], bool]) -> FilingUpdate | None:
    """Keys as in the request that the node was sent: dossierHash, update."""
    try:
        item = FilingUpdate.model_validate_json(json.dumps(value.get("update")))
    except ValidationError:
        return None
    return item if value.get("dossierHash") == dossier_hash and same(item) else None
