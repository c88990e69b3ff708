"""One filing's life as its chain tells it: each change with who signed it, and what was minted against each cap.

In the shape of the rows of the audit's report, so that the same picture shows it (`oracle.chain.filing_picture`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from oracle.chain.events import WINDOW, Event, decode_call, decode_log, log_windows
from oracle.chain.raw_rpc import RawRpc
from oracle.chain.rpc import chain_faults
from oracle.domain.address import eip55
from oracle.domain.approval import OnChainStatus
from oracle.domain.canonical import keccak256
from oracle.domain.reason import decode_reason
from oracle.errors import FilingGateError, UnreachableError

__all__ = ["MOST_CHANGES", "MOST_MINTS", "Life", "read_life"]

#: The newest so many are read; a filing that is renewed daily for years has more.
MOST_CHANGES = 200
MOST_MINTS = 200

_ISSUED = "0x" + keccak256(b"Issued(address,uint64,uint256,uint256)").hex()
_KINDS = {"FilingApproved": "APPROVED", "FilingSuspended": "SUSPENDED"}
_UPDATES = {
    OnChainStatus.APPROVED: "RENEWED",
    OnChainStatus.SUSPENDED: "SUSPENDED",
    OnChainStatus.REVOKED: "REVOKED",
    OnChainStatus.COMPLETED: "COMPLETED",
}


@dataclass(frozen=True)
class Life:
    """Up to `block`, oldest first.

    `changes`: keys kind, time, block, transaction, sequence, and as the kind has them validAfter, validUntil, reason,
    dossierHash, recordHash, rulesetHash, tranches (token, cap), signers (addresses; None if another contract's call
    hides them). `mints` by EIP-55 token: (time, amount, issued in all, transaction).
    """

    block: int
    changes: tuple[dict[str, Any], ...]
    mints: dict[str, list[tuple[int, int, int, str]]]
    #: Whether older changes or mints exist that were not read.
    cut: bool


def read_life(urls: Sequence[str], registry: str, filing: str, tokens: Sequence[str], block: int) -> Life:
    """The life of a filing (0x-hex) and its tokens up to a block. UnreachableError if no endpoint gives it whole."""
    fault: FilingGateError | None = None
    for url in urls:
        try:
            with chain_faults(url):
                return _read(RawRpc([url], timeout=10), registry, filing, tokens, block)
        except UnreachableError as error:
            fault = fault or error
    raise fault or UnreachableError("no endpoint is configured", where="chain", remedy="name one")


def _read(rpc: RawRpc, registry: str, filing: str, tokens: Sequence[str], block: int) -> Life:
    events, all_changes = _backwards(rpc, registry, [None, filing], block, _is_first, MOST_CHANGES)
    first = events[0].block if events else block
    topics = [_ISSUED, ["0x" + token[2:].lower().rjust(64, "0") for token in tokens]]
    issued, all_mints = (
        _backwards(rpc, registry, topics, block, lambda event: event.block <= first, MOST_MINTS, first)
        if tokens and events
        else ([], True)
    )
    blocks = sorted({event.block for event in (*events, *issued)})
    found = rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in blocks])
    times = {number: int(row["timestamp"], 16) for number, row in zip(blocks, found, strict=True)}
    signed = sorted({event.transaction for event in events if event.name != "FilingSuspended"})
    rows = rpc.batch([("eth_getTransactionByHash", [name]) for name in signed])
    calls = {name: _call(row) for name, row in zip(signed, rows, strict=True)}
    mints: dict[str, list[tuple[int, int, int, str]]] = {}
    for event in issued:
        values = event.values
        row = (times[event.block], int(values["amount"]), int(values["issued"]), event.transaction)
        mints.setdefault(str(values["token"]), []).append(row)
    changes = tuple(_change(event, times[event.block], calls.get(event.transaction)) for event in events)
    return Life(block, changes, mints, not (all_changes and all_mints))


def _is_first(event: Event) -> bool:
    return bool(event.values["sequence"] == 1)


def _backwards(
    rpc: RawRpc, registry: str, topics: list[Any], last: int, begins: Any, most: int, first: int = 0
) -> tuple[list[Event], bool]:
    """The newest `most` events, in chain order, and whether that is all of them; looks back in steps that grow."""

    def ask(start: int, end: int) -> Any:
        wanted = {"address": registry, "topics": topics, "fromBlock": hex(start), "toBlock": hex(end)}
        return rpc.call("eth_getLogs", [wanted])

    found: list[Event] = []
    end, width = last, WINDOW
    while end >= first:
        start = max(first, end - width + 1)
        here = []
        for _, _, logs in log_windows(ask, start, end):
            for log in logs:
                event, fits = decode_log("FilingRegistry", log) or (None, False)
                if event is not None and fits:
                    here.append(event)
        found = sorted(here, key=lambda event: event.place) + found
        if len(found) > most:
            return found[-most:], False
        if topics[0] is None and found and begins(found[0]):
            return found, True
        end, width = start - 1, width * 2
    return found, True


def _call(row: Any) -> tuple[str, tuple[Any, ...]] | None:
    return decode_call("FilingRegistry", bytes.fromhex(row["input"][2:])) if row else None


def _change(event: Event, moment: int, call: tuple[str, tuple[Any, ...]] | None) -> dict[str, Any]:
    values = event.values
    row: dict[str, Any] = {
        "kind": _KINDS.get(event.name) or _UPDATES.get(OnChainStatus(values["status"]), "UPDATED"),
        "time": moment,
        "block": event.block,
        "transaction": event.transaction,
        "sequence": int(values["sequence"]),
        "reason": decode_reason(values["reason"]) if "reason" in values else None,
    }
    for key in ("validAfter", "validUntil"):
        if key in values:
            row[key] = int(values[key])
    for key in ("dossierHash", "recordHash", "rulesetHash"):
        if key in values:
            row[key] = "0x" + bytes(values[key]).hex()
    if "tranches" in values:
        row["tranches"] = [
            {"token": eip55(bytes.fromhex(item[0][2:])), "cap": str(item[1])} for item in values["tranches"]
        ]
    if event.name == "FilingSuspended":
        row["signers"] = [str(values["operator"])]
    else:
        row["signers"] = _signers(call, bytes(values["filing"]), row["sequence"])
    return row


def _signers(call: tuple[str, tuple[Any, ...]] | None, filing: bytes, sequence: int) -> list[str] | None:
    """Who signed the change of this sequence in the call that brought it; None if the call does not show it."""
    name, arguments = call or ("", ())
    if name == "approveBatch":
        pairs = list(zip(arguments[0], arguments[1], strict=True))
    elif name in ("approve", "update"):
        pairs = [(arguments[0], arguments[1])]
    else:
        return None
    at = 4 if name == "update" else 7
    for document, signatures in pairs:
        if bytes(document[0]) == filing and document[at] == sequence:
            return [eip55(bytes.fromhex(item[0][2:])) for item in signatures]
    return None
