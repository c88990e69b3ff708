"""EIP-191 messages (version 0x45): texts that are signed apart from what the registry checks.

The prefix 0x19 0x45 keeps them apart from EIP-712's 0x19 0x01: none of these can be taken for an approval.
"""

from __future__ import annotations

from oracle.domain.canonical import keccak256

__all__ = ["message_digest"]


def message_digest(text: str) -> bytes:
    """The 32 bytes to sign for a text: keccak256 of prefix, length in bytes and the text in UTF-8."""
    data = text.encode("utf-8")
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(data)).encode("ascii") + data)
