"""A content-addressed store: bytes by their SHA-256, HTTP exchanges as WARC files, an index from payload to WARC.

    <first two hex digits>/<sha256>                       bytes: a document, a WARC file, a decision
    index/<first two>/<payload sha256>/<warc sha256>      empty: this WARC holds that payload
    address/<first two>/<sha256 of a URL>/<YYYYmmddTHHMMSSZ>-<status>-<warc sha256>
                                                          empty: this WARC is of an exchange with that URL then

Nothing is ever changed or removed; what is read back is hashed again. Where the names live is up to `Blobs`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from oracle.errors import FilingGateError, InputError
from oracle.evidence.folder import FolderBlobs
from oracle.evidence.warc import CapturedExchange, is_warc, read_warc, warc_bytes

__all__ = ["Blobs", "CaptureEntry", "EvidenceStore", "address_of", "sha256_hex", "stamp_of"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_INDEX_ENTRY = re.compile(r"index/([0-9a-f]{2})/(\1[0-9a-f]{62})/([0-9a-f]{64})")
_BYTES_ENTRY = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})")
_ADDRESS_ENTRY = re.compile(r"address/([0-9a-f]{2})/(\1[0-9a-f]{62})/([0-9]{8}T[0-9]{6}Z)-([0-9]{3})-([0-9a-f]{64})")

#: More captures of one address are not named at once: of one second there are never so many.
MOST_CAPTURES = 20


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def address_of(url: str) -> str:
    """A URL as the index of addresses has it: SHA-256 of its UTF-8."""
    return sha256_hex(url.encode("utf-8", "surrogatepass"))


def stamp_of(moment: datetime) -> str:
    """A moment as the index of addresses has it: UTC, to the second, in an order that text has too."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


class CaptureEntry(NamedTuple):
    """One exchange by the SHA-256 of its URL, its moment (`stamp_of`), the HTTP status (0: none), the WARC file."""

    address: str
    stamp: str
    status: int
    warc: str

    @classmethod
    def of(cls, exchange: CapturedExchange, warc: str) -> CaptureEntry:
        """The entry of an exchange that was stored as that WARC file."""
        moment = datetime.fromisoformat(exchange.captured_at)
        return cls(address_of(exchange.url), stamp_of(moment), exchange.status, warc)

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"address/{self.address[:2]}/{self.address}/{self.stamp}-{self.status:03d}-{self.warc}"


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
        """Store one HTTP exchange as a WARC file, then its entries: (SHA-256 of the payload, of the WARC file)."""
        warc = self.put(warc_bytes(exchange))
        payload = sha256_hex(exchange.body)
        self._index(exchange, payload, warc)
        return payload, warc

    def _index(self, exchange: CapturedExchange, payload: str, warc: str) -> int:
        """Write the entries of a WARC file that are not there; their number."""
        names = f"index/{self._name(payload)}/{warc}", CaptureEntry.of(exchange, warc).name
        missing = [name for name in names if not self._blobs.exists(name)]
        for name in missing:
            self._blobs.write(name, b"")
        return len(missing)

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

    def captures(self, address: str, moment: datetime, payload: str | None = None) -> list[str]:
        """The WARC files that show what a URL (`address_of`) gave at a moment, at most MOST_CAPTURES.

        Those of that very second; the newest before it with status 200; and of those that hold `payload`, the newest
        until then, or else the first after it. InputError if `address` or `payload` is no SHA-256.
        """
        stamp = stamp_of(moment)
        known = sorted(
            (entry for entry in self._addresses(f"address/{self._name(address)}/")), key=lambda entry: entry[1:]
        )
        found = [entry.warc for entry in known if entry.stamp == stamp]
        found += [entry.warc for entry in known if entry.stamp < stamp and entry.status == 200][-1:]
        if payload is not None:
            holding = set(self.warcs_of(payload))
            held = [entry for entry in known if entry.warc in holding]
            until = [entry for entry in held if entry.stamp <= stamp]
            found += [entry.warc for entry in until[-1:] or held[:1]]
        # What was named for a reason of its own stands last, and stays.
        return list(dict.fromkeys(reversed(found)))[:MOST_CAPTURES]

    def _addresses(self, prefix: str = "address/") -> Iterator[CaptureEntry]:
        for name in self._blobs.names(prefix):
            entry = _ADDRESS_ENTRY.fullmatch(name)
            if entry:
                yield CaptureEntry(entry[2], entry[3], int(entry[4]), entry[5])

    def address_entries(self) -> Iterator[CaptureEntry]:
        """Every entry of the index of addresses."""
        return self._addresses()

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
        shapes = (_BYTES_ENTRY, _INDEX_ENTRY, _ADDRESS_ENTRY)
        return [name for name in self._blobs.names() if not any(shape.fullmatch(name) for shape in shapes)]

    def reindex(self) -> int:
        """Write the index entries that are missing, as after a crash between a WARC file and its entry; their count."""
        added = 0
        for sha256 in list(self.hashes()):
            data = self._file(sha256)
            if data is not None and is_warc(data):
                exchange = read_warc(data, where=sha256)
                added += self._index(exchange, sha256_hex(exchange.body), sha256)
        return added
