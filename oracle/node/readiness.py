"""Whether a node can decide now, and if not, why: database, chain, key, sources, clock, disk."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from oracle.chain.key_standing import KeyStanding, Standing
from oracle.node.condition import SourceMoments
from oracle.node.config import NodeConfig, ReadinessConfig
from oracle.rules.policy import Policy

if TYPE_CHECKING:
    from oracle.node.service import Node

__all__ = ["CHECKS", "Freshness", "Readiness", "SourceState", "freshness", "readiness", "sources_fault"]

#: Every check that can be a problem.
CHECKS = ("database", "chain", "committee", "clock", "signer", "disk", "sources")

#: How long a probe waits for database and chain.
_WAIT_SECONDS = 20.0
#: A signer outside this process is tried no more often than this: some are paid by the signature.
_SIGNER_SECONDS = 60.0


class Freshness(StrEnum):
    """What is known of a source."""

    FRESH = "fresh"
    FAILING = "failing"
    """It was asked, and its newest success is too old, or there is none."""
    IDLE = "idle"
    """It was not asked for so long: nothing is known against it."""
    STARTING = "starting"
    """The node has just started and has not asked it."""


@dataclass(frozen=True)
class SourceState:
    """A source's freshness and moments (seconds since 1970, None: never)."""

    freshness: Freshness
    success: float | None
    failure: float | None

    def as_json(self) -> dict[str, Any]:
        """Keys state, lastSuccess, lastFailure."""
        return {
            "state": self.freshness.value,
            "lastSuccess": None if self.success is None else int(self.success),
            "lastFailure": None if self.failure is None else int(self.failure),
        }


@dataclass(frozen=True)
class Readiness:
    """`problems` by check: empty if the node can decide. `key` says how the key stands, None where it is not known."""

    problems: dict[str, str]
    sources: dict[str, SourceState]
    key: KeyStanding | None

    @property
    def ready(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.problems


def freshness(moments: SourceMoments, now: float, began: float, limit: int) -> Freshness:
    """What two moments say of a source, `limit` seconds being fresh."""
    if moments.success is not None and now - moments.success <= limit:
        return Freshness.FRESH
    if moments.failure is not None and now - moments.failure <= limit:
        return Freshness.FAILING
    return Freshness.STARTING if now - began <= limit else Freshness.IDLE


def sources_fault(policy: Policy, states: Mapping[str, Freshness]) -> str | None:
    """Why no decision can pass for want of sources: a failing one counts as absent, one not asked as able to answer.

    Without `agreement.levels` every source has to be readable; with them, the sources left must reach `need` at
    `min_level` or above for one of the levels, those of one origin counting once.
    """
    failing = sorted(name for name, state in states.items() if state is Freshness.FAILING)
    if not failing:
        return None
    named = f"no success within the time allowed from {', '.join(failing)}"
    levels = [rule for rule in policy.agreement.levels if rule.level >= policy.min_level]
    if not levels:
        return f"{named}, and every source has to be readable"
    for rule in levels:
        asked = rule.of or list(states)
        left = {policy.agreement.origin(name) for name in asked if name in states and name not in failing}
        need = len({policy.agreement.origin(name) for name in asked}) if rule.need == "all" else rule.need
        if len(left) >= need:
            return None
    return f"{named}: too few are left to agree at level {policy.min_level}"


def clock_fault(block_time: int, now: float, limits: ReadinessConfig, chain_id: int) -> str | None:
    """Why this machine's clock and the newest block do not fit together; `block_time` is its time."""
    behind = block_time - now
    if behind > limits.clock_seconds:
        return f"this machine's clock is {behind:.0f} s behind the newest block: set it (NTP)"
    allowed = limits.head_limit(chain_id)
    if allowed and -behind > allowed:
        return (
            f"the newest block is {-behind:.0f} s old, more than {allowed} s: the Ethereum node lags, or this "
            "machine's clock is ahead"
        )
    return None


def key_fault(address: str, standing: KeyStanding) -> str | None:
    """Why nothing that this key signs counts, now or later."""
    if standing.standing is not Standing.NONE:
        return None
    return f"{address} is not among the registry's operators {', '.join(standing.operators)}"


def disk_faults(free: Mapping[str, int | None], floor: int) -> list[str]:
    """Which place has less free space than the floor, or none that can be read."""
    found = [f"{name}: free space can't be read" for name, size in free.items() if size is None]
    return found + [
        f"{name}: {size:,} bytes free, {floor:,} needed"
        for name, size in free.items()
        if size is not None and size < floor
    ]


def readiness(node: Node, *, max_age: float = 0.0, wait: float = _WAIT_SECONDS) -> Readiness:
    """Whether the node can decide. What was read at most `max_age` seconds ago is taken as it is."""
    config: NodeConfig = node.config
    now = time.time()
    problems: dict[str, str] = {}
    stored = node.condition.stored.newest(max_age=max_age, wait=wait)
    if stored.error is not None or stored.late or stored.value is None:
        problems["database"] = "does not answer"
    head = node.condition.head.newest(max_age=max_age, wait=wait)
    standing: KeyStanding | None = None
    if head.error is not None or head.late or head.value is None:
        problems["chain"] = head.error or "no answer in time"
    else:
        standing = head.value.standing
        wrong = key_fault(node.address, standing)
        if wrong:
            problems["committee"] = wrong
        wrong = clock_fault(head.value.time, now, config.readiness, config.chain.id)
        if wrong:
            problems["clock"] = wrong
    signer = node.condition.signer.newest(max_age=max(max_age, _SIGNER_SECONDS), wait=wait)
    if signer.error is not None or signer.value is None:
        problems["signer"] = signer.error or "no answer in time"
    faults = disk_faults(node.condition.disks(), config.readiness.min_free_bytes)
    if faults:
        problems["disk"] = "; ".join(faults)
    moments = stored.value.sources if stored.value is not None else {}
    limit = config.readiness.source_seconds
    sources = {
        source.name: _state(moments.get(source.name, SourceMoments(None, None)), now, node.condition.began, limit)
        for source in config.sources
    }
    wrong = sources_fault(config.policy, {name: state.freshness for name, state in sources.items()})
    if wrong:
        problems["sources"] = wrong
    return Readiness(problems, sources, standing)


def _state(moments: SourceMoments, now: float, began: float, limit: int) -> SourceState:
    return SourceState(freshness(moments, now, began, limit), moments.success, moments.failure)
