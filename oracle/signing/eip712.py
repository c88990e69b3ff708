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


# What stands before the first member that varies. A member that is an address begins with twelve zero bytes.
_TRANCHE = _TRANCHE_HASH + bytes(12)
_DOMAIN = _DOMAIN_HASH + _NAME_HASH + _VERSION_HASH

_bytes = bytes.fromhex


@dataclass(frozen=True)
class Domain:
    """The registry that a signature is for: chain id and contract address (EIP-712, ERC-5267)."""

    chain_id: int
    registry: str

    @cached_property
    def separator(self) -> bytes:
        """The 32-byte domain separator."""
        return keccak256(_DOMAIN + self.chain_id.to_bytes(32, "big") + bytes(12) + _bytes(self.registry[2:]))

    @cached_property
    def _before(self) -> bytes:
        return b"\x19\x01" + self.separator

    def digest(self, struct_hash: bytes) -> bytes:
        """The 32 bytes to sign: keccak256(0x1901 ‖ separator ‖ struct hash)."""
        return keccak256(self._before + struct_hash)


# Written out and joined once: helpers for a word or a hash would take longer than the hashing.


def _tranche_hash(tranche: Tranche) -> bytes:
    return keccak256(
        _TRANCHE + _bytes(tranche.token[2:]) + tranche.cap.to_bytes(32, "big") + tranche.decimals.to_bytes(32, "big")
    )


def approval_digest(domain: Domain, approval: FilingApproval) -> bytes:
    """What operators sign to approve, 32 bytes."""
    words = (
        _APPROVAL_HASH,
        _bytes(approval.filing[2:]),
        keccak256(b"".join([_tranche_hash(tranche) for tranche in approval.tranches])),
        _bytes(approval.dossier_hash[2:]),
        _bytes(approval.record_hash[2:]),
        _bytes(approval.ruleset_hash[2:]),
        approval.valid_after.to_bytes(32, "big"),
        approval.valid_until.to_bytes(32, "big"),
        approval.sequence.to_bytes(32, "big"),
    )
    return domain.digest(keccak256(b"".join(words)))


def update_digest(domain: Domain, change: FilingUpdate) -> bytes:
    """What operators sign to renew, resume, revoke or complete, 32 bytes."""
    words = (
        _UPDATE_HASH,
        _bytes(change.filing[2:]),
        change.status.to_bytes(32, "big"),
        _bytes(change.record_hash[2:]),
        change.valid_until.to_bytes(32, "big"),
        change.sequence.to_bytes(32, "big"),
        _bytes(change.reason[2:]),
    )
    return domain.digest(keccak256(b"".join(words)))


def suspension_digest(domain: Domain, suspension: Suspension) -> bytes:
    """What one operator signs to have a filing suspended by a relay, 32 bytes."""
    words = (
        _SUSPENSION_HASH,
        _bytes(suspension.filing[2:]),
        suspension.sequence.to_bytes(32, "big"),
        _bytes(suspension.reason[2:]),
    )
    return domain.digest(keccak256(b"".join(words)))
