"""What a transaction offers for gas (EIP-1559), up to caps. All amounts are integers in wei for one gas."""

from __future__ import annotations

from dataclasses import dataclass

from oracle.errors import UnreachableError

__all__ = ["FeeCapError", "FeeCaps", "Fees", "first_fees", "raised_fees"]


class FeeCapError(UnreachableError):
    """The chain asks for more than the caps allow: nothing is sent for now."""


@dataclass(frozen=True)
class Fees:
    """`maxFeePerGas` and `maxPriorityFeePerGas`."""

    max_fee: int
    tip: int


@dataclass(frozen=True)
class FeeCaps:
    """The highest of each that is ever offered."""

    max_fee: int
    tip: int


def first_fees(base: int, tip: int, caps: FeeCaps) -> Fees:
    """Twice the base fee, so that six full blocks do not outgrow it, and the tip. FeeCapError if the base fee alone is
    above the cap."""
    if base > caps.max_fee:
        raise FeeCapError(
            f"fee cap reached: the base fee is {base} wei, the cap {caps.max_fee} wei",
            where="[relay] max_fee_gwei",
            remedy="wait until the chain is cheaper, or raise the cap",
        )
    most = min(2 * base + tip, caps.max_fee)
    return Fees(most, min(tip, caps.tip, most))


def raised_fees(old: Fees, base: int, tip: int, caps: FeeCaps) -> Fees | None:
    """The fees of a replacement: each an eighth higher at least, which every client takes as enough; None if a cap
    forbids it."""
    least = Fees(_eighth_more(old.max_fee), _eighth_more(old.tip))
    if least.max_fee > caps.max_fee or least.tip > caps.tip:
        return None
    most = max(least.max_fee, min(2 * base + tip, caps.max_fee))
    return Fees(most, max(least.tip, min(tip, caps.tip, most)))


def _eighth_more(amount: int) -> int:
    return max(amount + 1, -(-amount * 9 // 8))
