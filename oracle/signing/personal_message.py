"""Texts that a node signs apart from what the registry checks (EIP-191)."""

from __future__ import annotations

from oracle.domain.personal_message import message_digest

__all__ = ["decision_message", "message_digest"]


def decision_message(sha256: str) -> str:
    """What a node signs for a decision record; `sha256` is of its canonical bytes, 64 hex digits."""
    return f"filing-gate decision/v1 sha256:{sha256}"
