"""Signing what is known by its content: documents for the registry, and texts.

Most keys sign the 32 bytes of a digest. A service that hashes by itself must be shown the content instead; it is asked
for a signature over the digest that this process computed, and a signature over anything else is refused.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from oracle.errors import FilingGateError
from oracle.signing.eip712 import Domain
from oracle.signing.keys import Signer
from oracle.signing.personal_message import message_digest
from oracle.signing.recovery import InvalidSignature, recover
from oracle.signing.typed_data import Document, document_digest, typed_data

__all__ = ["TRIAL_TEXT", "ContentSigner", "Trial", "sign_document", "sign_text", "try_signer"]

#: What a trial signs: an EIP-191 text, which nobody can take for an approval.
TRIAL_TEXT = "filing-gate: a trial of the operator's key, it approves nothing"


@runtime_checkable
class ContentSigner(Signer, Protocol):
    """A signer that hashes by itself. Its `sign` may refuse a bare digest."""

    def sign_content(self, digest: bytes, content: dict[str, Any] | str) -> bytes:
        """As `Signer.sign`; `content` is EIP-712 typed data or an EIP-191 text, and `digest` is its digest."""
        ...


def sign_document(signer: Signer, domain: Domain, document: Document) -> bytes:
    """65 bytes: the signature over an approval, update or suspension for one registry."""
    digest = document_digest(domain, document)
    if isinstance(signer, ContentSigner):
        return signer.sign_content(digest, typed_data(domain, document))
    return signer.sign(digest)


def sign_text(signer: Signer, text: str) -> bytes:
    """65 bytes: the signature over a text (EIP-191, version 0x45)."""
    digest = message_digest(text)
    if isinstance(signer, ContentSigner):
        return signer.sign_content(digest, text)
    return signer.sign(digest)


@dataclass(frozen=True)
class Trial:
    """A signature made to see that the key works, and how long it took in seconds."""

    signature: bytes
    seconds: float


def try_signer(signer: Signer) -> Trial:
    """Sign `TRIAL_TEXT` and recover. FilingGateError if it is not the key's own, and whatever the signer raises."""
    begun = time.perf_counter()
    signature = sign_text(signer, TRIAL_TEXT)
    seconds = time.perf_counter() - begun
    try:
        found = recover(message_digest(TRIAL_TEXT), signature)
    except InvalidSignature as error:
        found = f"nobody ({error})"
    if found != signer.address:
        raise FilingGateError(
            f"the key signs as {found} and says it is {signer.address}", where="[key]", remedy="stop the node"
        )
    return Trial(signature, seconds)
