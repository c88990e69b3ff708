"""A content-addressed store: bytes by their SHA-256, HTTP exchanges as WARC files, an index from payload to WARC.

    <first two hex digits>/<sha256>                       bytes: a document, a WARC file, a decision
    index/<first two>/<payload sha256>/<warc sha256>      empty: this WARC holds that payload

Nothing is ever changed or removed; what is read back is hashed again. Where the names live is up to `Blobs`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

from oracle.errors import FilingGateError, InputError
from oracle.evidence.folder import FolderBlobs
from oracle.evidence.warc import CapturedExchange, is_warc, read_warc, warc_bytes

__all__ = ["Blobs", "EvidenceStore", "sha256_hex"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_INDEX_ENTRY = re.compile(r"index/([0-9a-f]{2})/(\1[0-9a-f]{62})/([0-9a-f]{64})")
_BYTES_ENTRY = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})")


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


class Blobs(Protocol):
    """Where a store's files live, by name. A write is durable and whole when it returns."""

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        ...

    def read(self, name: str) -> bytes | None:
        """Its bytes, None if there is none."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write it."""
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """All names that begin with `prefix`, which is empty or ends in "/"."""
        ...


class EvidenceStore:
    """Keeps bytes by their SHA-256. Safe for several processes on one store."""

    def __init__(self, where: Path | Blobs) -> None:
        self._blobs: Blobs = FolderBlobs(where) if isinstance(where, Path) else where
        #: Told the size of each file written.
        self.wrote: Callable[[int], None] = lambda _size: None

    def __str__(self) -> str:
        return str(self._blobs)

    @staticmethod
    def _name(sha256: str) -> str:
        if not _SHA256.fullmatch(sha256):
            raise InputError("not a SHA-256", where="evidence", remedy="give 64 lower-case hexadecimal digits")
        return f"{sha256[:2]}/{sha256}"

    def put(self, data: bytes) -> str:
        """Store the bytes durably and return their SHA-256 as 64 hex digits. Storing the same bytes again is free."""
        sha256 = sha256_hex(data)
        name = self._name(sha256)
        if not self._blobs.exists(name):
            self._blobs.write(name, data)
            self.wrote(len(data))
        return sha256

    def put_exchange(self, exchange: CapturedExchange) -> tuple[str, str]:
        """Store one HTTP exchange as a WARC file, then its index entry: (SHA-256 of the payload, of the WARC file)."""
        warc = self.put(warc_bytes(exchange))
        payload = sha256_hex(exchange.body)
        self._index(payload, warc)
        return payload, warc

    def _index(self, payload: str, warc: str) -> bool:
        name = f"index/{self._name(payload)}/{warc}"
        if self._blobs.exists(name):
            return False
        self._blobs.write(name, b"")
        return True

    def get(self, sha256: str) -> bytes:
        """The bytes of that hash: a file of the store, or the payload of an exchange.

        InputError if none are kept, FilingGateError if what is kept no longer fits its hash.
        """
        data = self._file(sha256)
        if data is not None:
            return data
        for warc in islice(self.warcs_of(sha256), 1):
            payload = self.exchange(warc).body
            if sha256_hex(payload) != sha256:
                raise FilingGateError(
                    f"the WARC file {warc} does not hold the payload that the index names",
                    where=sha256,
                    remedy="run `filing-gate evidence verify`; restore the store from a backup",
                )
            return payload
        raise InputError("no evidence with this hash", where=sha256, remedy="check the hash and the store")

    def _file(self, sha256: str) -> bytes | None:
        data = self._blobs.read(self._name(sha256))
        if data is not None and sha256_hex(data) != sha256:
            raise FilingGateError(
                "the stored bytes no longer fit their hash", where=sha256, remedy="restore the file from a backup"
            )
        return data

    def holds(self, sha256: str) -> bool:
        """Whether there is a file, or an index entry, of that hash; nothing is read."""
        return self._blobs.exists(self._name(sha256)) or any(True for _ in self.warcs_of(sha256))

    def exchange(self, warc: str) -> CapturedExchange:
        """The exchange in the WARC file of that hash. Errors as `get`; FilingGateError if the file can't be read."""
        data = self._file(warc)
        if data is None:
            raise InputError("no WARC file with this hash", where=warc, remedy="restore the store from a backup")
        return read_warc(data, where=warc)

    def warcs_of(self, payload: str) -> Iterator[str]:
        """The hashes of the WARC files that hold this payload, as the index has them."""
        for name in self._blobs.names(f"index/{self._name(payload)}/"):
            entry = _INDEX_ENTRY.fullmatch(name)
            if entry:
                yield entry[3]

    def hashes(self) -> Iterator[str]:
        """The hash of every file, by its name."""
        for name in self._blobs.names():
            entry = _BYTES_ENTRY.fullmatch(name)
            if entry:
                yield entry[2]

    def index_entries(self) -> Iterator[tuple[str, str]]:
        """(payload, WARC) of every index entry."""
        for name in self._blobs.names("index/"):
            entry = _INDEX_ENTRY.fullmatch(name)
            if entry:
                yield entry[2], entry[3]

    def foreign_names(self) -> list[str]:
        """Names that no store writes."""
        shapes = (_BYTES_ENTRY, _INDEX_ENTRY)
        return [name for name in self._blobs.names() if not any(shape.fullmatch(name) for shape in shapes)]

    def reindex(self) -> int:
        """Write the index entries that are missing, as after a crash between a WARC file and its entry; their count."""
        added = 0
        for sha256 in list(self.hashes()):
            data = self._file(sha256)
            if data is not None and is_warc(data):
                added += self._index(sha256_hex(read_warc(data, where=sha256).body), sha256)
        return added
