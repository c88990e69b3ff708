"""Where this node's key stands in the registry's committee: a member, on its way in, on its way out, or none of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from oracle.chain.committee import APPLY_WINDOW
from oracle.chain.events import WINDOW, read_events
from oracle.chain.filing_history import block_time, latest_block
from oracle.chain.key_standing import Standing, key_standing
from oracle.chain.registry import Registry
from oracle.domain.canonical import keccak256
from oracle.errors import InputError, RefusedError, UnreachableError

__all__ = ["Membership", "membership_of"]

#: How many windows of blocks are searched for an announcement at most; enough for a month of 12-second blocks.
MAX_WINDOWS = 45

_ANNOUNCED = "0x" + keccak256(b"OperatorAnnounced(address,address,uint64,uint64)").hex()


@dataclass(frozen=True)
class Membership:
    """`wrong` says why serving is pointless, None if it is not; `warnings` what the operator must know."""

    wrong: str | None
    warnings: tuple[str, ...] = ()

    def require(self) -> None:
        """InputError if serving is pointless."""
        if self.wrong:
            remedy = "use the operator's own key, or have it added to the committee"
            raise InputError(self.wrong, where="[key]", remedy=remedy)


def membership_of(address: str, registry: Registry) -> Membership:
    """Read it from the chain. UnreachableError if it can't be read."""
    found = key_standing(registry, address)
    moment = _time(found.moment or 0)
    if found.standing is Standing.MEMBER:
        return Membership(None, tuple(_leaving(address, registry)))
    if found.standing is Standing.RETAINED:
        return Membership(None, (f"{address} was replaced: its signatures count until {moment}, and then no more",))
    if found.standing is Standing.ANNOUNCED:
        place = "on a seat of its own" if found.replaced is None else f"in place of {found.replaced}"
        last = _time((found.moment or 0) + APPLY_WINDOW)
        return Membership(
            None,
            (
                f"{address} is not an operator yet: it is announced {place}, which can be applied from {moment} "
                f"until {last}; until then nobody counts what it signs",
            ),
        )
    return Membership(f"{address} is not among the registry's operators {', '.join(found.operators)}")


def _leaving(address: str, registry: Registry) -> list[str]:
    """Announcements that stand and replace an operator, newest first."""
    try:
        found = _announced_in_place_of(address, registry)
        return [
            f"{address} is to be replaced by {operator}, which can be applied from {_time(ready)}; it counts on chain "
            f"for {registry.retention()} s after that"
            for operator in found
            if (ready := registry.operator_ready_at(operator, address))
        ]
    except (UnreachableError, RefusedError) as error:
        return [f"whether a replacement of {address} is announced was not read: {error}"]


def _announced_in_place_of(address: str, registry: Registry) -> list[str]:
    """Who was announced in its place, as far back as an announcement can still stand, within MAX_WINDOWS."""
    end = latest_block(registry)
    oldest = block_time(registry, end) - registry.rotation_delay() - APPLY_WINDOW
    topics = [_ANNOUNCED, None, "0x" + "00" * 12 + address[2:].lower()]
    found: list[str] = []
    for _ in range(MAX_WINDOWS):
        start = max(0, end - WINDOW + 1)
        events = read_events(registry.w3, "FilingRegistry", [registry.address], start, end, topics=topics)
        found += [str(event.values["operator"]) for event in reversed(events)]
        if start == 0 or block_time(registry, start) < oldest:
            break
        end = start - 1
    return list(dict.fromkeys(found))


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
