"""Transactions of type 2 (EIP-1559): their bytes, signed by any `Signer`."""

from __future__ import annotations

import rlp
from eth_utils.address import to_canonical_address

from oracle.chain.fees import Fees
from oracle.domain.canonical import keccak256
from oracle.signing.keys import Signer

__all__ = ["sign_transaction"]


def sign_transaction(
    signer: Signer, *, chain_id: int, nonce: int, fees: Fees, gas: int, to: str | None, data: bytes
) -> tuple[str, bytes]:
    """Hash (0x-hex) and signed bytes of a transaction that carries no value. `to` None creates a contract."""
    receiver = to_canonical_address(to) if to is not None else b""
    fields: list[object] = [chain_id, nonce, fees.tip, fees.max_fee, gas, receiver, 0, data, []]
    signature = signer.sign(keccak256(b"\x02" + rlp.encode(fields)))
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    raw = bytes(b"\x02" + rlp.encode([*fields, signature[64] - 27, r, s]))
    return "0x" + keccak256(raw).hex(), raw
