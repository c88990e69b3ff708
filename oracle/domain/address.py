"""The EIP-55 form of an address, quickly: a register of a million transfers names every holder."""

from __future__ import annotations

from functools import lru_cache

from oracle.domain.canonical import keccak256

__all__ = ["eip55"]


@lru_cache(maxsize=1 << 15)
def eip55(account: bytes) -> str:
    """0x and 40 hexadecimal digits with the checksum of EIP-55. `account` is 20 bytes."""
    if len(account) != 20:
        raise ValueError(f"an address has 20 bytes, not {len(account)}")
    plain = account.hex()
    sums = keccak256(plain.encode("ascii")).hex()
    return "0x" + "".join([digit.upper() if mark > "7" else digit for digit, mark in zip(plain, sums, strict=False)])
