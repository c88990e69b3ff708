"""Files of an evidence store held in memory, and the index that follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from oracle.errors import FilingGateError
from oracle.evidence.store import EvidenceStore, sha256_hex
from oracle.evidence.warc import is_warc, read_warc

__all__ = ["held_store"]


class _Held:
    """Implements `Blobs` on a dictionary; nothing is ever written to it."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def __str__(self) -> str:
        return "the bundle"

    def exists(self, name: str) -> bool:
        return name in self._files

    def read(self, name: str) -> bytes | None:
        return self._files.get(name)

    def write(self, name: str, data: bytes) -> None:
        raise FilingGateError("is only read", where=name, remedy="write to a store of evidence")

    def names(self, prefix: str = "") -> Iterator[str]:
        return (name for name in sorted(self._files) if name.startswith(prefix))


def held_store(files: Mapping[str, bytes]) -> EvidenceStore:
    """A store of files by the SHA-256 that each is said to have, which is compared when it is read."""
    named = {f"{sha256[:2]}/{sha256}": data for sha256, data in files.items()}
    for sha256, data in files.items():
        if is_warc(data):
            try:
                payload = sha256_hex(read_warc(data, where=sha256).body)
            except FilingGateError:
                continue  # who reads the file says so
            named[f"index/{payload[:2]}/{payload}/{sha256}"] = b""
    return EvidenceStore(_Held(named))
