"""How often one caller may call: token buckets in memory, one a key, or one an address for calls without a good key.

Each replica counts for itself, so n replicas let through up to n times as much.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from oracle.node.access import Caller
from oracle.node.config import HttpConfig

__all__ = ["Allowance", "Limits", "client_address"]

#: Buckets kept; beyond it the one unused for longest goes, so that strangers can't fill the memory.
_MAX_BUCKETS = 20_000


@dataclass
class _Bucket:
    tokens: float
    at: float


@dataclass(frozen=True)
class Allowance:
    """What is left of a limit of `quota` calls a minute. `wait` is 0, or the seconds until the next call is good."""

    name: str
    quota: int
    left: int
    wait: int

    def headers(self) -> dict[str, str]:
        """RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers), and Retry-After if it is used up."""
        found = {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w=60',
            "RateLimit": f'"{self.name}";r={self.left};t={self.wait}',
        }
        return {**found, "Retry-After": str(self.wait)} if self.wait else found


class Limits:
    """The buckets of one process. Not for several threads: the event loop alone asks."""

    def __init__(self, config: HttpConfig) -> None:
        self._rates: Mapping[str, int] = config.limits.model_dump()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def of_caller(self, caller: Caller, address: str, now: float) -> Allowance | None:
        """Count one call of a known caller; None if there is no limit. `now` comes from a monotonic clock."""
        rates = {scope.value: self._rates[scope.value] for scope in caller.scopes}
        name = max(rates, key=lambda scope: (rates[scope] or math.inf, scope))
        owner = f"key {caller.key.id}" if caller.key else f"address {_network(address)}"
        return self._count(owner, name, rates[name], now)

    def of_stranger(self, address: str, now: float) -> Allowance | None:
        """Count one call without a good key, by where it comes from."""
        return self._count(f"stranger {_network(address)}", "anonymous", self._rates["anonymous"], now)

    def of_sign_in(self, address: str, now: float) -> Allowance | None:
        """Count one try to sign in to the pages, by where it comes from."""
        return self._count(f"sign-in {_network(address)}", "sign_in", self._rates["sign_in"], now)

    def _count(self, owner: str, name: str, quota: int, now: float) -> Allowance | None:
        if quota == 0:
            return None
        bucket = self._buckets.setdefault(owner, _Bucket(quota, now))
        self._buckets.move_to_end(owner)
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        bucket.tokens = min(quota, bucket.tokens + (now - bucket.at) * quota / 60)
        bucket.at = now
        if bucket.tokens < 1:
            return Allowance(name, quota, 0, max(1, math.ceil((1 - bucket.tokens) * 60 / quota)))
        bucket.tokens -= 1
        return Allowance(name, quota, int(bucket.tokens), 0)


def _network(address: str) -> str:
    """An address as it is counted: of IPv6 the /64, which one host has to itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def client_address(peer: str, forwarded: str | None, trusted: list[str]) -> str:
    """Where a call comes from: the peer, or what its X-Forwarded-For says if the peer is a trusted proxy.

    The header is read from its end: the first address that is no trusted proxy's is the caller's, and everything
    before it was written by the caller.
    """
    networks = [ipaddress.ip_network(item) for item in trusted]

    def believed(text: str) -> bool:
        try:
            return any(ipaddress.ip_address(text) in network for network in networks)
        except ValueError:
            return False

    if not believed(peer) or forwarded is None:
        return peer
    for item in reversed([part.strip() for part in forwarded.split(",")]):
        if not believed(item):
            return item[:100]
    return peer
