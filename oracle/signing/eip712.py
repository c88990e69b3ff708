"""The EIP-712 digests of approval, update and suspension, written out field by field.

The layout is fixed, so no type parser is needed; tests hold every digest against eth-account's and the contract's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from oracle.domain.approval import FilingApproval, FilingUpdate, Suspension, Tranche
from oracle.domain.canonical import keccak256

__all__ = [
    "APPROVAL_TYPE",
    "DOMAIN_TYPE",
    "SUSPENSION_TYPE",
    "TRANCHE_TYPE",
    "UPDATE_TYPE",
    "Domain",
    "approval_digest",
    "suspension_digest",
    "update_digest",
]

DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
TRANCHE_TYPE = "Tranche(address token,uint256 cap,uint8 decimals)"
APPROVAL_TYPE = (
    "FilingApproval(bytes32 filing,Tranche[] tranches,bytes32 dossierHash,bytes32 recordHash,bytes32 rulesetHash,"
    "uint64 validAfter,uint64 validUntil,uint64 sequence)" + TRANCHE_TYPE
)
UPDATE_TYPE = (
    "FilingUpdate(bytes32 filing,uint8 status,bytes32 recordHash,uint64 validUntil,uint64 sequence,bytes32 reason)"
)
SUSPENSION_TYPE = "Suspension(bytes32 filing,uint64 sequence,bytes32 reason)"

_DOMAIN_HASH = keccak256(DOMAIN_TYPE.encode())
_TRANCHE_HASH = keccak256(TRANCHE_TYPE.encode())
_APPROVAL_HASH = keccak256(APPROVAL_TYPE.encode())
_UPDATE_HASH = keccak256(UPDATE_TYPE.encode())
_SUSPENSION_HASH = keccak256(SUSPENSION_TYPE.encode())
_NAME_HASH = keccak256(b"FilingRegistry")
_VERSION_HASH = keccak256(b"1")


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _hash(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _address(text: str) -> bytes:
    return bytes(12) + bytes.fromhex(text[2:])


@dataclass(frozen=True)
class Domain:
    """The registry that a signature is for: chain id and contract address (EIP-712, ERC-5267)."""

    chain_id: int
    registry: str

    @cached_property
    def separator(self) -> bytes:
        """The 32-byte domain separator."""
        return keccak256(_DOMAIN_HASH + _NAME_HASH + _VERSION_HASH + _word(self.chain_id) + _address(self.registry))

    def digest(self, struct_hash: bytes) -> bytes:
        """The 32 bytes to sign: keccak256(0x1901 ‖ separator ‖ struct hash)."""
        return keccak256(b"\x19\x01" + self.separator + struct_hash)


def _tranche_hash(tranche: Tranche) -> bytes:
    return keccak256(_TRANCHE_HASH + _address(tranche.token) + _word(tranche.cap) + _word(tranche.decimals))


def approval_digest(domain: Domain, approval: FilingApproval) -> bytes:
    """What operators sign to approve, 32 bytes."""
    return domain.digest(
        keccak256(
            _APPROVAL_HASH
            + _hash(approval.filing)
            + keccak256(b"".join(_tranche_hash(tranche) for tranche in approval.tranches))
            + _hash(approval.dossier_hash)
            + _hash(approval.record_hash)
            + _hash(approval.ruleset_hash)
            + _word(approval.valid_after)
            + _word(approval.valid_until)
            + _word(approval.sequence)
        )
    )


def update_digest(domain: Domain, change: FilingUpdate) -> bytes:
    """What operators sign to renew, resume, revoke or complete, 32 bytes."""
    return domain.digest(
        keccak256(
            _UPDATE_HASH
            + _hash(change.filing)
            + _word(change.status)
            + _hash(change.record_hash)
            + _word(change.valid_until)
            + _word(change.sequence)
            + _hash(change.reason)
        )
    )


def suspension_digest(domain: Domain, suspension: Suspension) -> bytes:
    """What one operator signs to have a filing suspended by a relay, 32 bytes."""
    return domain.digest(
        keccak256(_SUSPENSION_HASH + _hash(suspension.filing) + _word(suspension.sequence) + _hash(suspension.reason))
    )
