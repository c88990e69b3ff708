"""EIP-191 messages (version 0x45): texts that a node signs apart from what the registry checks.

The prefix 0x19 0x45 keeps them apart from EIP-712's 0x19 0x01: none of these can be taken for an approval.
"""

from __future__ import annotations

from oracle.domain.canonical import keccak256

__all__ = ["decision_message", "message_digest"]


def message_digest(text: str) -> bytes:
    """The 32 bytes to sign for a text: keccak256 of prefix, length in bytes and the text in UTF-8."""
    data = text.encode("utf-8")
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(data)).encode("ascii") + data)


def decision_message(sha256: str) -> str:
    """What a node signs for a decision record; `sha256` is of its canonical bytes, 64 hex digits."""
    return f"filing-gate decision/v1 sha256:{sha256}"
