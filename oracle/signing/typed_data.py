"""What operators sign as the JSON that EIP-712 describes, for a signer that wants to see it and not only its digest."""

from __future__ import annotations

from typing import Any

from oracle.domain.approval import FilingApproval, FilingUpdate, Suspension
from oracle.signing.eip712 import (
    APPROVAL_TYPE,
    DOMAIN_TYPE,
    SUSPENSION_TYPE,
    TRANCHE_TYPE,
    UPDATE_TYPE,
    Domain,
    approval_digest,
    suspension_digest,
    update_digest,
)

__all__ = ["Document", "document_digest", "typed_data"]

Document = FilingApproval | FilingUpdate | Suspension


def document_digest(domain: Domain, document: Document) -> bytes:
    """The 32 bytes to sign for a document of any of the three kinds."""
    if isinstance(document, FilingApproval):
        return approval_digest(domain, document)
    if isinstance(document, FilingUpdate):
        return update_digest(domain, document)
    return suspension_digest(domain, document)


def _fields(encoded: str) -> list[dict[str, str]]:
    """The fields of a type's encoding (EIP-712, encodeType), without the types it refers to."""
    inside = encoded[encoded.index("(") + 1 : encoded.index(")")]
    pairs = (field.split(" ") for field in inside.split(","))
    return [{"name": name, "type": kind} for kind, name in pairs]


_TYPES = {
    "FilingApproval": {"FilingApproval": _fields(APPROVAL_TYPE), "Tranche": _fields(TRANCHE_TYPE)},
    "FilingUpdate": {"FilingUpdate": _fields(UPDATE_TYPE)},
    "Suspension": {"Suspension": _fields(SUSPENSION_TYPE)},
}


def typed_data(domain: Domain, document: Document) -> dict[str, Any]:
    """Keys types, primaryType, domain, message. Integers beyond 2^53 - 1 are decimal strings."""
    name = type(document).__name__
    return {
        "types": {"EIP712Domain": _fields(DOMAIN_TYPE), **_TYPES[name]},
        "primaryType": name,
        "domain": {
            "name": "FilingRegistry",
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": domain.registry,
        },
        "message": document.model_dump(mode="json", by_alias=True),
    }
