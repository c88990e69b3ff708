"""How a key stands in a registry's committee: a member, on its way in, on its way out, or nothing of these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from oracle.chain.registry import Registry

__all__ = ["ZERO_ADDRESS", "KeyStanding", "Standing", "key_standing"]

#: In place of nobody: a seat of its own.
ZERO_ADDRESS = "0x" + "00" * 20


class Standing(StrEnum):
    """What the committee knows of a key."""

    MEMBER = "member"
    RETAINED = "retained"
    """Replaced; what it signed still counts until `moment`."""
    ANNOUNCED = "announced"
    """Not in yet; from `moment` on the owner may seat it."""
    NONE = "none"


@dataclass(frozen=True)
class KeyStanding:
    """The standing and, for RETAINED and ANNOUNCED, its moment in seconds since 1970.

    `replaced` is whose seat an announced key is to take: the earliest if several are announced, None for a new seat.
    """

    standing: Standing
    operators: tuple[str, ...]
    moment: int | None = None
    replaced: str | None = None

    def as_json(self) -> dict[str, str | int]:
        """Keys standing and, where there is one, moment."""
        return {"standing": self.standing.value, **({"moment": self.moment} if self.moment is not None else {})}


def key_standing(registry: Registry, address: str) -> KeyStanding:
    """How the key of an address (EIP-55) stands now. UnreachableError if the chain can't be read."""
    operators = tuple(registry.operators())
    if address in operators:
        return KeyStanding(Standing.MEMBER, operators)
    until = registry.counts_until(address)
    if until:
        return KeyStanding(Standing.RETAINED, operators, until)
    announced = [(registry.operator_ready_at(address, seat), seat) for seat in (ZERO_ADDRESS, *operators)]
    ready, seat = min((pair for pair in announced if pair[0]), default=(None, None))
    if ready is None:
        return KeyStanding(Standing.NONE, operators)
    return KeyStanding(Standing.ANNOUNCED, operators, ready, None if seat == ZERO_ADDRESS else seat)
