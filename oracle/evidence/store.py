"""A content-addressed folder: `<dir>/<first two hex digits>/<sha256>`.

A file is written to a temporary name, synced and renamed, so a crash leaves either the whole file or none; what is read
back is hashed again.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from oracle.errors import FilingGateError, InputError

__all__ = ["EvidenceStore"]


class EvidenceStore:
    """Keeps bytes by their SHA-256. Safe for several processes on one folder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def _path(self, sha256: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise InputError("not a SHA-256", where="evidence", remedy="give 64 lower-case hexadecimal digits")
        return self._directory / sha256[:2] / sha256

    def put(self, data: bytes) -> str:
        """Store the bytes durably and return their SHA-256 as 64 hex digits. Storing the same bytes again is free."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._path(sha256)
        if path.exists():
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes of that hash. InputError if none are kept, FilingGateError if the file no longer fits its name."""
        try:
            data = self._path(sha256).read_bytes()
        except FileNotFoundError:
            raise InputError(
                "no evidence with this hash", where=sha256, remedy="check the hash and the store"
            ) from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise FilingGateError(
                "the stored bytes no longer fit their hash", where=sha256, remedy="restore the file from a backup"
            )
        return data
