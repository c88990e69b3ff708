"""Transactions of type 2 (EIP-1559): their bytes, signed by any `Signer`, and read again."""

from __future__ import annotations

from dataclasses import dataclass

import rlp
from eth_utils.address import to_canonical_address

from oracle.chain.fees import Fees
from oracle.domain.address import eip55
from oracle.domain.canonical import keccak256
from oracle.signing.keys import Signer
from oracle.signing.recovery import recover

__all__ = ["SignedTransaction", "read_transaction", "sign_transaction"]

#: chainId, nonce, tip, maxFee, gas, to, value, data, access list, parity, r, s.
_FIELDS = 12


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


@dataclass(frozen=True)
class SignedTransaction:
    """A transaction as its bytes say, and who signed it. Addresses are EIP-55, fees wei for one gas."""

    hash: str
    sender: str
    chain_id: int
    nonce: int
    fees: Fees
    gas: int
    to: str | None
    value: int
    data: bytes


def read_transaction(raw: bytes) -> SignedTransaction:
    """What `sign_transaction` made. ValueError for bytes that are not the one encoding of such a transaction."""
    try:
        if raw[:1] != b"\x02":
            raise ValueError("not a transaction of type 2")
        fields = rlp.decode(raw[1:])
        if rlp.encode(fields) != raw[1:] or len(fields) != _FIELDS or fields[8] != []:
            raise ValueError("not the fields of a transaction of type 2")
        chain_id, nonce, tip, max_fee, gas, value = (_number(fields[index]) for index in (0, 1, 2, 3, 4, 6))
        signature = fields[10].rjust(32, b"\0") + fields[11].rjust(32, b"\0") + bytes([27 + _number(fields[9])])
        sender = recover(keccak256(b"\x02" + rlp.encode(fields[:9])), signature)
        to = eip55(fields[5]) if fields[5] else None
    except (rlp.exceptions.RLPException, TypeError, AttributeError) as error:
        raise ValueError(f"not the encoding of a transaction: {type(error).__name__}") from None
    return SignedTransaction(
        "0x" + keccak256(raw).hex(), sender, chain_id, nonce, Fees(max_fee, tip), gas, to, value, bytes(fields[7])
    )


def _number(data: bytes) -> int:
    if data[:1] == b"\0" or len(data) > 32:
        raise ValueError("a number is not in its shortest form")
    return int.from_bytes(data, "big")
