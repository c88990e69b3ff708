"""The file in which an interrupted collection waits: the approval proposed and the signatures given so far."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from oracle.chain.registry import Registry
from oracle.collector.proposal import Proposed, still_possible
from oracle.collector.quorum import Kept
from oracle.domain.approval import FilingApproval, OperatorSignature
from oracle.domain.dossier import Dossier
from oracle.domain.fields import Address, Frozen, Text
from oracle.errors import InputError

__all__ = ["Collection", "load_collection", "save_collection", "why_not"]

#: A file larger than this is no collection, in bytes.
MAX_FILE = 200_000


class _Given(Frozen):
    node: Text
    signature: OperatorSignature


class Collection(Frozen):
    """`collection/v1`. `epoch` and `threshold` are the committee's when it was collected."""

    version: Literal["collection/v1"] = Field(alias="schema")
    chain_id: int = Field(gt=0)
    registry: Address
    epoch: int = Field(ge=0)
    threshold: int = Field(gt=0)
    approval: FilingApproval
    given: list[_Given] = Field(default=[], max_length=64)

    @property
    def kept(self) -> tuple[Kept, ...]:
        """What `collect` takes."""
        return tuple((item.node, item.signature) for item in self.given)


def load_collection(path: Path) -> Collection | None:
    """The collection in a file; None if there is no file. InputError if it holds something else."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), remedy="check the path") from None
    try:
        if len(data) > MAX_FILE:
            raise ValueError
        return Collection.model_validate_json(data)
    except (ValidationError, ValueError):
        raise InputError(
            "holds no collection of signatures", where=str(path), remedy="name another file; this one is left as it is"
        ) from None


def save_collection(path: Path, registry: Registry, chain_id: int, proposed: Proposed[FilingApproval]) -> None:
    """Write what was collected, whole or not at all."""
    content = {
        "schema": "collection/v1",
        "chainId": chain_id,
        "registry": registry.address,
        "epoch": registry.epoch(),
        "threshold": proposed.quorum.threshold,
        "approval": proposed.proposal.model_dump(mode="json", by_alias=True),
        "given": [
            {"node": node, "signature": signature.model_dump(mode="json", by_alias=True)}
            for node, signature in proposed.quorum.given
        ],
    }
    beside = path.with_name(path.name + ".new")
    try:
        beside.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path), remedy="check the path") from None


def why_not(found: Collection, registry: Registry, chain_id: int, dossier: Dossier, now: int) -> str | None:
    """None if the collection may be gone on with; otherwise why it must begin anew.

    A changed committee alone is no reason: each signature is held against the committee as it is now.
    """
    if (found.chain_id, found.registry) != (chain_id, registry.address):
        return f"it is for registry {found.registry} on chain {found.chain_id}"
    if found.approval.dossier_hash != "0x" + dossier.dossier_hash().hex():
        return "it is for another dossier"
    return still_possible(found.approval, registry, now)
