"""What operators sign: an approval, an update, a suspension. The same structs as in `contracts/interfaces`.

Amounts are base units of the token; times are seconds since 1970 (UTC); hashes are 0x-hex of 32 bytes.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from oracle.domain.canonical import canonical_bytes
from oracle.domain.fields import H256, Address, Frozen, Seconds, Uint

__all__ = ["ZERO_HASH", "FilingApproval", "FilingUpdate", "OnChainStatus", "OperatorSignature", "Suspension", "Tranche"]

ZERO_HASH = "0x" + "00" * 32


class OnChainStatus(IntEnum):
    """`FilingStatus` of the registry. REVOKED and COMPLETED are final."""

    NONE = 0
    APPROVED = 1
    SUSPENDED = 2
    REVOKED = 3
    COMPLETED = 4


class Tranche(Frozen):
    """One token of the filing and the most of it that may ever be minted. `cap` fits 96 bits."""

    token: Address
    cap: Uint = Field(gt=0, lt=2**96)
    decimals: int = Field(ge=0, le=77)


class _Proposal(Frozen):
    @cached_property
    def canonical_form(self) -> bytes:
        """RFC 8785 bytes of all fields, computed once."""
        return canonical_bytes(self.model_dump(mode="json", by_alias=True))


class FilingApproval(_Proposal):
    """The approval of a filing: these tokens, these caps, this window [valid_after, valid_until)."""

    filing: H256
    tranches: tuple[Tranche, ...] = Field(min_length=1, max_length=32, strict=False)
    dossier_hash: H256
    record_hash: H256
    ruleset_hash: H256
    valid_after: Seconds
    valid_until: Seconds
    sequence: int = Field(gt=0, lt=2**53)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        tokens = [int(tranche.token, 16) for tranche in self.tranches]
        if any(left >= right for left, right in pairwise(tokens)):
            raise ValueError("tranches must stand in ascending order of token address, each once")
        return self


class FilingUpdate(_Proposal):
    """A change of an approved filing: renew or resume (status 1, with `valid_until`), else `valid_until` is 0."""

    filing: H256
    status: int = Field(ge=1, le=4)
    record_hash: H256
    valid_until: Seconds
    sequence: int = Field(gt=0, lt=2**53)
    reason: H256


class Suspension(Frozen):
    """One operator's stop, good only while the filing's sequence is `sequence`."""

    filing: H256
    sequence: int = Field(gt=0, lt=2**53)
    reason: H256


class OperatorSignature(Frozen):
    """65 bytes r ‖ s ‖ v in 0x-hex (64 in EIP-2098 form), and who claims to have made it."""

    operator: Address
    signature: str = Field(pattern=r"^0x([0-9a-fA-F]{128}|[0-9a-fA-F]{130})$")
