"""What the registry says happened to one filing: its approvals, updates and suspensions, read from the events."""

from __future__ import annotations

from oracle.chain.events import WINDOW, Event
from oracle.chain.registry import Registry
from oracle.chain.rpc import chain_faults

__all__ = ["block_time", "filing_events", "latest_block", "since_newest_approval"]

#: The events of a filing that raise its sequence.
_CHANGES = frozenset({"FilingApproved", "FilingUpdated", "FilingSuspended"})


def filing_events(registry: Registry, filing: str, first: int, last: int) -> list[Event]:
    """The filing's changes in blocks first to last, in chain order. `filing` is 0x-hex of 32 bytes."""
    return [event for event in registry.events_of(filing, first, last) if event.name in _CHANGES]


def since_newest_approval(registry: Registry, filing: str, last: int) -> list[Event]:
    """The filing's changes from its newest approval up to block `last`; empty if it was never approved by then.

    Looks backwards in steps that grow, so that a recent approval is found with few questions.
    """
    found: list[Event] = []
    end, width = last, WINDOW
    while end >= 0:
        start = max(0, end - width + 1)
        found = filing_events(registry, filing, start, end) + found
        approvals = [index for index, event in enumerate(found) if event.name == "FilingApproved"]
        if approvals:
            return found[approvals[-1] :]
        end, width = start - 1, width * 2
    return []


def latest_block(registry: Registry) -> int:
    """The newest block's number."""
    return registry.head()


def block_time(registry: Registry, number: int) -> int:
    """A block's time, in seconds since 1970."""
    with chain_faults(str(getattr(registry.w3.provider, "endpoint_uri", ""))):
        return int(registry.w3.eth.get_block(number)["timestamp"])
