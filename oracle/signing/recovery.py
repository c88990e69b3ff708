"""From a signature back to the address that made it, with the contract's own strictness."""

from __future__ import annotations

from functools import lru_cache

import coincurve

from oracle.domain.address import eip55
from oracle.domain.canonical import keccak256

__all__ = ["SECP256K1_HALF_ORDER", "InvalidSignature", "address_of", "recover"]

#: Half the order of secp256k1; a signature with a greater s is refused (EIP-2).
SECP256K1_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0

_HALF_ORDER = SECP256K1_HALF_ORDER.to_bytes(32, "big")
_PARITIES = (b"\x00", b"\x01")


class InvalidSignature(ValueError):
    """The bytes are not a signature that the registry would accept."""


def address_of(public_key: coincurve.PublicKey) -> str:
    """The EIP-55 address of a public key."""
    return _address(public_key.format(compressed=False))


@lru_cache(maxsize=1_024)
def _address(point: bytes) -> str:
    return eip55(keccak256(point[1:])[-20:])


def recover(digest: bytes, signature: bytes) -> str:
    """The EIP-55 address that signed the 32-byte digest.

    `signature` is r ‖ s ‖ v (65 bytes, v 27 or 28) or r ‖ yParity-and-s (64 bytes, EIP-2098). Raises InvalidSignature.
    """
    if len(signature) == 65:
        if signature[64] not in (27, 28):
            raise InvalidSignature("v is neither 27 nor 28")
        compact, parity = signature[:64], signature[64] - 27
    elif len(signature) == 64:
        # The parity is the highest bit of s, which a low s leaves free.
        compact = signature[:32] + bytes([signature[32] & 0x7F]) + signature[33:]
        parity = signature[32] >> 7
    else:
        raise InvalidSignature(f"{len(signature)} bytes long, not 64 or 65")
    if compact[32:] > _HALF_ORDER:
        raise InvalidSignature("s is in the upper half of the order")
    try:
        key = coincurve.PublicKey.from_signature_and_message(compact + _PARITIES[parity], digest, hasher=None)
    except ValueError as error:  # r or s is zero or beyond the order, or no point fits
        raise InvalidSignature("r and s do not form a signature") from error
    return address_of(key)
