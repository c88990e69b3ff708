"""A signature recovered by eth-account from the typed data itself: nothing of our own encoding, hashing or recovery."""

from __future__ import annotations

import re
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from oracle.audit.history import Message
from oracle.domain.approval import FilingApproval, FilingUpdate
from oracle.signing.eip712 import APPROVAL_TYPE, SUSPENSION_TYPE, UPDATE_TYPE, Domain

__all__ = ["second_signer"]

_DOMAIN = ("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")


def second_signer(domain: Domain, message: Message, signature: bytes) -> str:
    """The EIP-55 address that signed, or the words for why eth-account finds none."""
    if isinstance(message, FilingApproval):
        types = _types(APPROVAL_TYPE)
    else:
        types = _types(UPDATE_TYPE if isinstance(message, FilingUpdate) else SUSPENSION_TYPE)
    content = {
        "types": {"EIP712Domain": [{"name": name, "type": kind} for name, kind in _DOMAIN], **types},
        "primaryType": type(message).__name__,
        "domain": {
            "name": "FilingRegistry",
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": domain.registry,
        },
        "message": _values(message),
    }
    try:
        return str(Account.recover_message(encode_typed_data(full_message=content), signature=_with_v(signature)))
    except (BadSignature, ValidationError, ValueError, TypeError) as error:
        return f"no signature: {error}"


def _values(message: Message) -> dict[str, Any]:
    """The members, integers as integers."""
    values = message.model_dump(by_alias=True)
    if isinstance(message, FilingApproval):
        values["tranches"] = [
            {"token": item.token, "cap": item.cap, "decimals": item.decimals} for item in message.tranches
        ]
    return values


def _types(text: str) -> dict[str, list[dict[str, str]]]:
    """The members of each struct of an EIP-712 type text."""
    return {
        name: [dict(zip(("type", "name"), member.split(" "), strict=True)) for member in members.split(",")]
        for name, members in re.findall(r"(\w+)\(([^)]*)\)", text)
    }


def _with_v(signature: bytes) -> bytes:
    """65 bytes, from the 64 of EIP-2098 too."""
    if len(signature) != 64:
        return signature
    tail = int.from_bytes(signature[32:], "big")
    return signature[:32] + (tail & ((1 << 255) - 1)).to_bytes(32, "big") + bytes([27 + (tail >> 255)])
