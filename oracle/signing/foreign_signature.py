"""What a device or service answers, made into the registry's form: low s, v found by recovery, the key compared."""

from __future__ import annotations

import coincurve
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from oracle.errors import FilingGateError
from oracle.signing.recovery import InvalidSignature, address_of, recover

__all__ = ["ORDER", "address_of_point", "from_der", "registry_form"]

#: The order of secp256k1 (SEC 2, 2.4.1).
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def address_of_point(point: bytes) -> str:
    """The EIP-55 address of an uncompressed point (65 bytes). ValueError if it is none of secp256k1."""
    if len(point) != 65:
        raise ValueError("not an uncompressed point")
    return address_of(coincurve.PublicKey(point))


def from_der(data: bytes) -> tuple[int, int]:
    """r and s of an ECDSA-Sig-Value (RFC 3279, 2.2.3). ValueError for anything else."""
    return decode_dss_signature(data)


def registry_form(digest: bytes, r: int, s: int, address: str, *, where: str) -> bytes:
    """65 bytes r ‖ s ‖ v with low s and v 27 or 28, recovered to `address`.

    FilingGateError naming `where` the key is, if the signature is not over the 32-byte `digest` by that key.
    """
    if 0 < r < ORDER and 0 < s < ORDER:
        # s and its negative are both good to ECDSA; the registry takes the smaller one (EIP-2).
        low = min(s, ORDER - s)
        compact = r.to_bytes(32, "big") + low.to_bytes(32, "big")
        for v in (b"\x1b", b"\x1c"):
            try:
                if recover(digest, compact + v) == address:
                    return compact + v
            except InvalidSignature:  # no point of the curve has this r and parity
                continue
    raise FilingGateError(
        f"the signature it gave is not {address}'s over what was to be signed",
        where=where,
        remedy="stop the node, and find out what signs there",
    )
