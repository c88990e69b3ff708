"""A reason in words as the 32 bytes that an event carries."""

from __future__ import annotations

from oracle.domain.canonical import keccak256

__all__ = ["decode_reason", "encode_reason"]


def encode_reason(text: str) -> str:
    """0x-hex of 32 bytes: the UTF-8 text itself, zero-padded, if it fits; otherwise its keccak256."""
    data = text.encode("utf-8")
    return "0x" + (data.ljust(32, b"\0") if len(data) <= 32 else keccak256(data)).hex()


def decode_reason(reason: bytes) -> str:
    """The text if the 32 bytes hold one, else their hex. Control characters are never returned."""
    try:
        text = reason.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return "0x" + reason.hex()
    return text if text.isprintable() else "0x" + reason.hex()
