"""Token amounts as people write them and as the chain counts them."""

from __future__ import annotations

import re

from oracle.errors import InputError

__all__ = ["format_units", "parse_units"]


def parse_units(text: str, decimals: int) -> int:
    """Base units of an amount in whole tokens: "1.5" with 6 decimals is 1500000. InputError unless exact, positive."""
    match = re.fullmatch(r"([0-9]{1,60})(?:\.([0-9]+))?", text)
    if not match:
        raise InputError(
            f"{text[:80]!r} is not an amount",
            where="AMOUNT",
            remedy="write digits with an optional point, e.g. 1500 or 0.25",
        )
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > decimals:
        raise InputError(
            f"{text[:80]} has more than the token's {decimals} decimals", where="AMOUNT", remedy="round it yourself"
        )
    amount = int(whole) * int(10**decimals) + int(fraction.ljust(decimals, "0") or 0)
    if amount >= 2**256:
        raise InputError("more than a token can count", where="AMOUNT", remedy="count the digits")
    if amount == 0:
        raise InputError("the amount is zero", where="AMOUNT", remedy="mint more than nothing")
    return amount


def format_units(amount: int, decimals: int) -> str:
    """An amount of base units in whole tokens, with thousands separators and no needless zeros."""
    whole, fraction = divmod(amount, 10**decimals)
    digits = str(fraction).rjust(decimals, "0").rstrip("0") if decimals and fraction else ""
    return f"{whole:,}" + (f".{digits}" if digits else "")
