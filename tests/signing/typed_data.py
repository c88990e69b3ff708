"""What operators sign in eth-account's generic typed-data form: the other implementation that ours is held against."""

from __future__ import annotations

from typing import Any

from eth_account.messages import SignableMessage, encode_typed_data

from oracle.domain.approval import FilingApproval, FilingUpdate, Suspension
from oracle.domain.canonical import keccak256
from oracle.signing.eip712 import Domain

Signed = FilingApproval | FilingUpdate | Suspension

DOMAIN_FIELDS = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
TYPES = {
    "Tranche": [("token", "address"), ("cap", "uint256"), ("decimals", "uint8")],
    "FilingApproval": [
        ("filing", "bytes32"),
        ("tranches", "Tranche[]"),
        ("dossierHash", "bytes32"),
        ("recordHash", "bytes32"),
        ("rulesetHash", "bytes32"),
        ("validAfter", "uint64"),
        ("validUntil", "uint64"),
        ("sequence", "uint64"),
    ],
    "FilingUpdate": [
        ("filing", "bytes32"),
        ("status", "uint8"),
        ("recordHash", "bytes32"),
        ("validUntil", "uint64"),
        ("sequence", "uint64"),
        ("reason", "bytes32"),
    ],
    "Suspension": [("filing", "bytes32"), ("sequence", "uint64"), ("reason", "bytes32")],
}


def signable(domain: Domain, document: Signed) -> SignableMessage:
    """eth-account's signable message of a document."""
    primary = type(document).__name__
    message: dict[str, Any] = document.model_dump(mode="python", by_alias=True)
    used = {primary}
    if isinstance(document, FilingApproval):
        # Integers as integers: the JSON form writes large ones as text.
        message["tranches"] = [{"token": t.token, "cap": t.cap, "decimals": t.decimals} for t in document.tranches]
        used.add("Tranche")
    return encode_typed_data(
        full_message={
            "types": {
                "EIP712Domain": DOMAIN_FIELDS,
                **{name: [{"name": field, "type": kind} for field, kind in TYPES[name]] for name in used},
            },
            "primaryType": primary,
            "domain": {
                "name": "FilingRegistry",
                "version": "1",
                "chainId": domain.chain_id,
                "verifyingContract": domain.registry,
            },
            "message": message,
        }
    )


def digest_by_eth_account(domain: Domain, document: Signed) -> bytes:
    """The digest as eth-account makes it."""
    message = signable(domain, document)
    return keccak256(b"\x19" + message.version + message.header + message.body)
