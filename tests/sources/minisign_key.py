"""Signs as minisign does, with a throw-away key, so that tests need no program."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["MinisignKey"]


class MinisignKey:
    """One key pair, made from a number."""

    def __init__(self, seed: int) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self._id = bytes([seed]) * 8

    @property
    def public(self) -> str:
        """The second line of the .pub file."""
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(b"Ed" + self._id + raw).decode()

    def sign(self, data: bytes, *, comment: str, prehashed: bool = True) -> bytes:
        """The .minisig file."""
        message = hashlib.blake2b(data, digest_size=64).digest() if prehashed else data
        own = self._key.sign(message)
        whole = self._key.sign(own + comment.encode())
        packed = base64.b64encode((b"ED" if prehashed else b"Ed") + self._id + own).decode()
        lines = ["untrusted comment: test", packed, f"trusted comment: {comment}", base64.b64encode(whole).decode()]
        return ("\n".join(lines) + "\n").encode()
