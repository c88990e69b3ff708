"""The newest signed file seen of each source, kept on disk: an older one, though signed, is a replay and refused."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
from datetime import datetime
from pathlib import Path

from oracle.errors import FilingGateError
from oracle.sources.parse_error import ParseError

__all__ = ["SeenBefore"]

_LOCK = threading.Lock()


class SeenBefore:
    """One file a source in `folder`. Deleting it forgets what was seen; a damaged one stops the source."""

    def __init__(self, folder: Path, source: str) -> None:
        self._path = folder / (hashlib.sha256(source.encode("utf-8")).hexdigest()[:32] + ".json")

    def advance(self, issued_at: datetime, sha256: str) -> None:
        """Remember this file as the newest. ParseError if a newer one was seen, or another of the same moment."""
        with _LOCK:
            known = self._read()
            if known is not None:
                moment, known_sha256 = known
                if issued_at < moment or (issued_at == moment and sha256 != known_sha256):
                    raise ParseError(
                        f"issued {issued_at.isoformat()}, but one issued {moment.isoformat()} was seen before",
                        remedy="an older file may be replayed: fetch the newest from its issuer",
                    )
                if issued_at == moment:
                    return
            self._write(issued_at, sha256)

    def _read(self) -> tuple[datetime, str] | None:
        try:
            content = json.loads(self._path.read_text("utf-8"))
            return datetime.fromisoformat(content["issuedAt"]), str(content["sha256"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            raise ParseError(
                f"what was seen before cannot be read from {self._path.name}",
                remedy="restore the file of the state folder from a backup",
            ) from None

    def _write(self, issued_at: datetime, sha256: str) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".new-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"issuedAt": issued_at.isoformat(), "sha256": sha256}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except OSError as error:
            raise FilingGateError(
                f"the state folder cannot be written: {error.strerror}",
                where=str(self._path.parent),
                remedy="check store.state, its permissions and the disk",
            ) from None
