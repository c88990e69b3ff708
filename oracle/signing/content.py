"""Signing what is known by its content: documents for the registry, and texts.

Most keys sign the 32 bytes of a digest. A service that hashes by itself must be shown the content instead; it is asked
for a signature over the digest that this process computed, and a signature over anything else is refused.

Nothing made here is handed out unless it recovers to the signer's address, whatever signed: a service may be another
than it says, and a bit that flips while a key in memory signs makes a signature that no registry takes and that, beside
the right one over the same digest, gives the key away. The recovery stands here and not in each signer's `sign`: it
costs more than the signing itself, and what signs a transaction has the chain to check it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from oracle.errors import FilingGateError
from oracle.signing.eip712 import Domain
from oracle.signing.keys import Signer
from oracle.signing.personal_message import message_digest
from oracle.signing.recovery import InvalidSignature, recover
from oracle.signing.typed_data import Document, document_digest, typed_data

__all__ = ["TRIAL_TEXT", "ContentSigner", "Trial", "sign_document", "sign_text", "try_signer"]

#: What a trial signs: an EIP-191 text, which nobody can take for an approval.
TRIAL_TEXT = "filing-gate: a trial of the operator's key, it approves nothing"


class ContentSigner(Signer, Protocol):
    """A signer that hashes by itself. Its `sign` may refuse a bare digest."""

    def sign_content(self, digest: bytes, content: dict[str, Any] | str) -> bytes:
        """As `Signer.sign`; `content` is EIP-712 typed data or an EIP-191 text, and `digest` is its digest."""
        ...


def sign_document(signer: Signer, domain: Domain, document: Document) -> bytes:
    """65 bytes: the signature over an approval, update or suspension for one registry.

    FilingGateError if it does not recover to the signer's address, and whatever the signer raises.
    """
    return _signed(signer, document_digest(domain, document), lambda: typed_data(domain, document))


def sign_text(signer: Signer, text: str) -> bytes:
    """65 bytes: the signature over a text (EIP-191, version 0x45). Raises as `sign_document`."""
    return _signed(signer, message_digest(text), lambda: text)


def _signed(signer: Signer, digest: bytes, content: Callable[[], dict[str, Any] | str]) -> bytes:
    # Not `isinstance`: to hold a class against a protocol takes as long as to sign.
    by_content: Callable[[bytes, dict[str, Any] | str], bytes] | None = getattr(signer, "sign_content", None)
    signature = signer.sign(digest) if by_content is None else by_content(digest, content())
    try:
        found = recover(digest, signature)
    except InvalidSignature as error:
        found = f"nobody ({error})"
    if found != signer.address:
        raise FilingGateError(
            f"the key signs as {found} and says it is {signer.address}", where="[key]", remedy="stop the node"
        )
    return signature


@dataclass(frozen=True)
class Trial:
    """A signature made to see that the key works, and how long it took in seconds."""

    signature: bytes
    seconds: float


def try_signer(signer: Signer) -> Trial:
    """Sign `TRIAL_TEXT`. Raises as `sign_document`."""
    begun = time.perf_counter()
    signature = sign_text(signer, TRIAL_TEXT)
    return Trial(signature, time.perf_counter() - begun)
