"""What a node claims, sends and collects, row by row: each fault is one sentence, and none is raised for a row's sake
but Unfit and what reading its documents raises."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from oracle.chain.dynamic_fee import read_transaction
from oracle.chain.transaction_book import TransactionState
from oracle.domain.approval import FilingApproval, FilingUpdate, OnChainStatus
from oracle.domain.canonical import canonical_bytes
from oracle.proof.row_values import Unfit, json_of, signer_fault, value_of
from oracle.signing.eip712 import Domain, approval_digest, update_digest

__all__ = [
    "Claims",
    "Sent",
    "api_key_faults",
    "collected_faults",
    "collection_faults",
    "idempotency_faults",
    "session_faults",
]

Row = Mapping[str, Any]

_MINED = (TransactionState.MINED, TransactionState.DONE, TransactionState.REVERTED)
_KEY_ID = re.compile(r"[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SCOPES = frozenset({"issuer", "auditor", "operator"})


class Claims:
    """The claims of the signature guard, in the order of their rows."""

    def __init__(self) -> None:
        #: The digests that were claimed.
        self.digests: set[str] = set()
        self._turns: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)

    def faults(self, domain: Domain, row: Row) -> Iterator[str]:
        """What is wrong with a claim by itself, and beside the one before it for the same filing and sequence."""
        digest, filing, sequence = (
            value_of(row, *item) for item in (("digest", str), ("filing", str), ("sequence", int))
        )
        turn, dead_after, claimed_at = (value_of(row, name, int) for name in ("turn", "dead_after", "claimed_at"))
        self.digests.add(digest)
        asked = json_of(row, "proposal")
        proposed: FilingApproval | FilingUpdate
        if "approval" in asked:
            proposed = FilingApproval.model_validate_json(canonical_bytes(asked["approval"]))
            expected = approval_digest(domain, proposed)
        else:
            proposed = FilingUpdate.model_validate_json(canonical_bytes(asked.get("update")))
            expected = update_digest(domain, proposed)
            if proposed.status != OnChainStatus.APPROVED:
                yield f"claims an update to {OnChainStatus(proposed.status).name}, which lets nothing mint"
        if digest != "0x" + expected.hex():
            yield "its digest is not that of its proposal at this chain and registry"
        if (filing, sequence, dead_after) != (proposed.filing, proposed.sequence, proposed.valid_until):
            yield "filing, sequence or dead_after is not its proposal's"
        turns = self._turns[(filing, sequence)]
        before = turns[-1] if turns else None
        turns.append((turn, dead_after))
        if turn != (0 if before is None else before[0] + 1):
            yield f"turn {turn} does not follow {'nothing' if before is None else f'turn {before[0]}'}"
        elif before is not None and claimed_at < before[1]:
            yield f"claimed at {claimed_at}, while turn {before[0]} was live until {before[1]}"


class Sent:
    """The relay's transactions and their signed forms. Read every attempt before the first transaction."""

    def __init__(self) -> None:
        self._attempts: dict[int, list[Row]] = defaultdict(list)

    def attempt(self, row: Row) -> None:
        """Take an attempt; they come by number."""
        self._attempts[value_of(row, "transaction_id", int)].append(row)

    def faults(self, chain: str | None, row: Row) -> Iterator[str]:
        """What is wrong with a transaction; `chain` is the database's. A gap that was filled changes what a
        transaction carries, so only its newest form is held against its columns."""
        state = value_of(row, "state", str)
        if state not in {item.value for item in TransactionState}:
            raise Unfit(f"the state {state[:20]} is none")
        if str(row["chain_id"]) != chain:
            yield f"is of chain {str(row['chain_id'])[:40]}, the database of {chain}"
        attempts = self._attempts.get(value_of(row, "id", int), [])
        if not attempts:
            yield "has no signed form"
            return
        for item in attempts:
            yield from (f"attempt {item['number']}: {fault}" for fault in _attempt_faults(row, item))
        try:
            newest = read_transaction(value_of(attempts[-1], "raw", bytes))
        except ValueError:
            return  # told above
        if (newest.to, newest.data, newest.gas) != (row["to"], value_of(row, "data", bytes), row["gas"]):
            yield "its newest signed form carries another receiver, data or gas"
        hashes = {item["hash"] for item in attempts}
        if state in _MINED and row["mined_hash"] not in hashes:
            yield f"was mined as {str(row['mined_hash'])[:66]}, which it never was signed as"


def _attempt_faults(row: Row, attempt: Row) -> Iterator[str]:
    try:
        signed = read_transaction(value_of(attempt, "raw", bytes))
    except ValueError as error:
        yield str(error)
        return
    if signed.hash != attempt["hash"]:
        yield f"its bytes hash to {signed.hash}"
    if signed.sender != row["sender"]:
        yield f"signed by {signed.sender}, not by the sender"
    if (signed.chain_id, signed.nonce) != (row["chain_id"], row["nonce"]):
        yield f"signed for chain {signed.chain_id} and nonce {signed.nonce}"
    if (signed.fees.max_fee, signed.fees.tip, signed.value) != (attempt["max_fee"], attempt["tip"], 0):
        yield "offers other fees than its columns, or carries value"


def collection_faults(domain: Domain, row: Row) -> Iterator[str]:
    """What is wrong with a proposal that signatures are collected for."""
    proposed = FilingUpdate.model_validate_json(canonical_bytes(json_of(row, "proposal")))
    if row["digest"] != "0x" + update_digest(domain, proposed).hex():
        yield "its digest is not that of its proposal at this chain and registry"
    if (row["filing"], row["sequence"], row["valid_until"]) != (
        proposed.filing,
        proposed.sequence,
        proposed.valid_until,
    ):
        yield "filing, sequence or valid_until is not its proposal's"


def collected_faults(row: Row) -> Iterator[str]:
    """What is wrong with a signature that another operator gave."""
    value_of(row, "node", str)
    try:
        digest = bytes.fromhex(value_of(row, "digest", str).removeprefix("0x"))
    except ValueError:
        raise Unfit("digest is not hexadecimal") from None
    fault = signer_fault(digest, value_of(row, "signature", str), value_of(row, "operator", str))
    if fault is not None:
        yield fault


def api_key_faults(row: Row) -> Iterator[str]:
    """What is wrong with an API key's row; its secret is not there to be tried."""
    value_of(row, "name", str)
    if not _KEY_ID.fullmatch(value_of(row, "id", str)) or not _SHA256.fullmatch(value_of(row, "hash", str)):
        yield "its id or hash is of a form that no node writes"
    scopes = value_of(row, "scopes", str).split()
    if not scopes or not _SCOPES.issuperset(scopes) or scopes != sorted(set(scopes)):
        yield f"its scopes {' '.join(scopes)[:60]!r} are none that a node gives"
    made = value_of(row, "created_at", int)
    for name in ("expires_at", "revoked_at"):
        if row[name] is not None and value_of(row, name, int) < made:
            yield f"{name} lies before created_at"


def session_faults(row: Row) -> Iterator[str]:
    """What is wrong with the row of a session of the pages; its secret is not there to be tried."""
    if not _KEY_ID.fullmatch(value_of(row, "id", str)) or not _SHA256.fullmatch(value_of(row, "hash", str)):
        yield "its id or hash is of a form that no node writes"
    if value_of(row, "expires_at", int) <= value_of(row, "created_at", int):
        yield "it ends before it begins"


def idempotency_faults(row: Row, request: Row | None) -> Iterator[str]:
    """What is wrong with an idempotency key; `request` is the row that it names, None if that is not there."""
    if request is None:
        return  # told as REFERENCE
    line = f"{value_of(request, 'method', str)} {value_of(request, 'path', str)}\n"
    expected = hashlib.sha256(line.encode() + value_of(request, "body", bytes)).hexdigest()
    if row["fingerprint"] != expected:
        yield f"its fingerprint is not that of request {row['request_id']}"
