"""When a filing is looked at, and when and for how long its window is renewed. Pure: same inputs, same times."""

from __future__ import annotations

from oracle.domain.canonical import keccak256
from oracle.node.config import WatchConfig

__all__ = ["next_regular", "pause_after", "phase", "renewal_end", "renewal_time"]

#: Doubling a pause more often than this changes nothing that the interval doesn't bound.
_MAX_DOUBLINGS = 20


def phase(filing: str, operator: str, config: WatchConfig) -> int:
    """Seconds by which this operator's looks at this filing are shifted: its own for each pair, below the interval.

    Spreads the load over the interval, and lets one relay come before the other.
    """
    drawn = int.from_bytes(keccak256(f"{filing}:{operator}".encode())[:8], "big")
    return int(config.interval_seconds * config.jitter * drawn / 2**64)


def next_regular(filing: str, operator: str, config: WatchConfig, now: int) -> int:
    """The next regular look after `now`."""
    shift, length = phase(filing, operator, config), config.interval_seconds
    return now + length - (now - shift) % length


def pause_after(looks: int, config: WatchConfig) -> int:
    """The pause after the `looks`-th attempt in a row that came to nothing: it doubles, up to the interval."""
    pause: int = config.retry_seconds * 2 ** min(looks - 1, _MAX_DOUBLINGS)
    return min(pause, max(config.interval_seconds, config.retry_seconds))


def renewal_time(filing: str, operator: str, config: WatchConfig, valid_until: int) -> int:
    """When this operator renews a window: in the last `renew_before_seconds`, shifted by its share of an interval."""
    return valid_until - config.renew_before_seconds + phase(filing, operator, config)


def renewal_end(config: WatchConfig, now: int, longest: int, latest: int) -> int:
    """The end of a renewed window, the same for all relays that renew within one piece of the grid.

    `longest` is the longest window that policy and registry allow, in seconds; `latest` the last end (exclusive).
    """
    begin = now // config.grid_seconds * config.grid_seconds
    return min(begin + min(config.validity_seconds, longest), latest)
