"""The committee at one block: who sits where, who else still counts and until when, what is announced and from when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address

from oracle.chain.events import Event, read_events
from oracle.chain.filing_history import block_time, latest_block
from oracle.chain.key_standing import ZERO_ADDRESS
from oracle.chain.registry import Registry
from oracle.chain.rpc import chain_faults
from oracle.errors import UnreachableError

__all__ = ["APPLY_WINDOW", "AnnouncedChange", "Committee", "Retained", "Seat", "has_code", "read_committee"]

#: How long a change that is ready may be applied, in seconds (OracleCommittee.APPLY_WINDOW).
APPLY_WINDOW = 30 * 86_400

#: Code of an account that signs for itself and has lent itself a contract's code (EIP-7702) begins so.
_DELEGATION = bytes.fromhex("ef0100")


@dataclass(frozen=True)
class Seat:
    """A seat's number (0 to 31, as the contract counts) and who sits there."""

    number: int
    operator: str


@dataclass(frozen=True)
class Retained:
    """Who was replaced and still counts before `until` (seconds since 1970), on the seat that `successor` took."""

    operator: str
    successor: str
    seat: int | None
    until: int


@dataclass(frozen=True)
class AnnouncedChange:
    """A change that may be applied from `ready_at` on and before `until`, in seconds since 1970.

    `operator` joins in place of `replaced` (None: on a seat of its own); or `threshold` is the lower one.
    """

    ready_at: int
    operator: str | None = None
    replaced: str | None = None
    threshold: int | None = None

    @property
    def until(self) -> int:
        """First second in which it has lapsed."""
        return self.ready_at + APPLY_WINDOW

    def as_json(self) -> dict[str, Any]:
        """Keys operator and replaced, or threshold; readyAt, until."""
        what = {"threshold": self.threshold} if self.operator is None else _pair(self.operator, self.replaced)
        return {**what, "readyAt": self.ready_at, "until": self.until}


def _pair(operator: str, replaced: str | None) -> dict[str, Any]:
    return {"operator": operator, "replaced": replaced}


@dataclass(frozen=True)
class Committee:
    """Everything, at `block` whose time is `time`; delays in seconds."""

    registry: str
    block: int
    time: int
    owner: str
    owner_is_contract: bool
    threshold: int
    epoch: int
    rotation_delay: int
    retention: int
    seats: tuple[Seat, ...]
    retained: tuple[Retained, ...]
    announced: tuple[AnnouncedChange, ...]

    def as_json(self) -> dict[str, Any]:
        """Keys registry, block, time, owner, ownerIsContract, threshold, epoch, rotationDelay, retention, operators,
        retained, announced."""
        return {
            "registry": self.registry,
            "block": self.block,
            "time": self.time,
            "owner": self.owner,
            "ownerIsContract": self.owner_is_contract,
            "threshold": self.threshold,
            "epoch": self.epoch,
            "rotationDelay": self.rotation_delay,
            "retention": self.retention,
            "operators": [{"seat": item.number, "operator": item.operator} for item in self.seats],
            "retained": [vars(item) for item in self.retained],
            "announced": [item.as_json() for item in self.announced],
        }


def read_committee(registry: Registry, first: int) -> Committee:
    """The committee at the newest block. `first` is a block no later than the registry's deployment.

    Events say only whom to ask about and who took which seat; what counts is the registry's own word.
    UnreachableError if the chain can't be read, or its node's logs don't give the committee that the registry names.
    """
    block = latest_block(registry)
    events = read_events(registry.w3, "FilingRegistry", [registry.address], first, block)
    operators = registry.operators(block)
    seats = _seats([event.values["operators"] for event in events if event.name == "CommitteeChanged"])
    if [item.operator for item in seats] != operators:
        raise UnreachableError(
            "the node's logs don't give the committee that the registry names",
            where=registry.address,
            remedy="ask a node that keeps all logs",
        )
    owner = registry.owner(block)
    return Committee(
        registry=registry.address,
        block=block,
        time=block_time(registry, block),
        owner=owner,
        owner_is_contract=has_code(registry, owner),
        threshold=registry.threshold(block),
        epoch=registry.epoch(block),
        rotation_delay=registry.rotation_delay(block),
        retention=registry.retention(block),
        seats=tuple(seats),
        retained=tuple(_retained(registry, events, seats, block)),
        announced=tuple(_announced(registry, events, block)),
    )


def has_code(registry: Registry, account: str) -> bool:
    """Whether an account is a contract, which sends nothing by itself."""
    with chain_faults(str(getattr(registry.w3.provider, "endpoint_uri", ""))):
        code = bytes(registry.w3.eth.get_code(to_checksum_address(account)))
    return bool(code) and not code.startswith(_DELEGATION)


def _seats(sets: Iterable[Sequence[str]]) -> list[Seat]:
    """Who sits where, from every set of operators so far: a newcomer takes the lowest free seat, a successor its
    predecessor's, as `applyOperator` does it."""
    taken: dict[int, str] = {}
    for operators in sets:
        left = [number for number, operator in taken.items() if operator not in operators]
        for number in left:
            del taken[number]
        for operator in operators:
            if operator not in taken.values():
                free = left or [number for number in range(len(taken) + 1) if number not in taken]
                taken[free[0]] = operator
                left = []
    return [Seat(number, taken[number]) for number in sorted(taken)]


def _retained(registry: Registry, events: Sequence[Event], seats: Sequence[Seat], block: int) -> Iterable[Retained]:
    successors = {
        str(event.values["operator"]): str(event.values["successor"])
        for event in events
        if event.name == "OperatorRetained"
    }
    current = {item.operator: item.number for item in seats}
    for operator, successor in successors.items():
        until = 0 if operator in current else registry.counts_until(operator, block)
        if until:
            holder = successor
            for _ in successors:
                holder = holder if holder in current else successors.get(holder, holder)
            yield Retained(operator, successor, current.get(holder), until)


def _announced(registry: Registry, events: Sequence[Event], block: int) -> Iterable[AnnouncedChange]:
    pairs = [
        (str(event.values["operator"]), str(event.values["replaced"]))
        for event in events
        if event.name == "OperatorAnnounced"
    ]
    for operator, replaced in dict.fromkeys(pairs):
        ready = registry.operator_ready_at(operator, replaced, block)
        if ready:
            yield AnnouncedChange(ready, operator, None if replaced == ZERO_ADDRESS else replaced)
    lower, ready = registry.announced_threshold(block)
    if ready:
        yield AnnouncedChange(ready, threshold=lower)
