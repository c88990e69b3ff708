"""Where a store of evidence lives, by what the configuration or the command line says: a folder or a bucket."""

from __future__ import annotations

from pathlib import Path

from oracle.errors import InputError
from oracle.evidence.store import EvidenceStore
from oracle.store.s3 import S3Address, S3Blobs

__all__ = ["check_place", "is_address", "open_evidence"]


def is_address(place: str) -> bool:
    """Whether the text is an address (of a bucket) and not a folder's path."""
    return "://" in place


def check_place(place: str) -> None:
    """ValueError for an address that no store can live at; nothing is opened."""
    if is_address(place):
        S3Address.parse(place)


def open_evidence(place: str | Path, *, base: Path = Path()) -> EvidenceStore:
    """The store at a folder (relative to `base`) or at `s3://bucket/prefix?endpoint=…&region=…`.

    InputError for an address that is none, or where no credentials are found; a bucket is not asked before it is used.
    """
    text = str(place)
    if not is_address(text):
        return EvidenceStore(base / place)
    try:
        address = S3Address.parse(text)
    except ValueError as error:
        raise InputError(str(error), where="evidence", remedy="write s3://bucket/prefix?endpoint=https://…") from None
    return EvidenceStore(S3Blobs(address))
