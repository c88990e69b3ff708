"""In whose place a replaced operator still counts: the contract counts one signature a seat, whoever holds it."""

from __future__ import annotations

from oracle.chain.events import WINDOW, read_events
from oracle.chain.filing_history import latest_block
from oracle.chain.registry import Registry
from oracle.domain.canonical import keccak256

__all__ = ["seat_of"]

_RETAINED = "0x" + keccak256(b"OperatorRetained(address,address,uint64)").hex()

#: Seats change hands at most this often while a signature of the first holder still counts.
MAX_SUCCESSORS = 32


def seat_of(registry: Registry, account: str) -> str | None:
    """The current operator on the account's seat, itself if it is one; None if its signatures don't count now.

    Two signatures of one seat make the contract refuse the whole quorum (`SeatCountedTwice`).
    """
    current = set(registry.operators())
    if account in current:
        return account
    if not registry.counts(account):
        return None
    holder = account
    for _ in range(MAX_SUCCESSORS):
        successor = _successor(registry, holder)
        if successor is None or successor in current:
            return successor
        holder = successor
    return None


def _successor(registry: Registry, account: str) -> str | None:
    """Who replaced the account last. Looked for backwards: what counts now was replaced within the retention."""
    topic = "0x" + account[2:].lower().rjust(64, "0")
    end, width = latest_block(registry), WINDOW
    while end >= 0:
        start = max(0, end - width + 1)
        found = read_events(registry.w3, "FilingRegistry", [registry.address], start, end, topics=[_RETAINED, topic])
        if found:
            return str(found[-1].values["successor"])
        end, width = start - 1, width * 2
    return None
