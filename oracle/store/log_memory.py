"""The newest checkpoint that a node knows of, kept outside its database.

A database put back from an older backup says nothing of what was published after it. This file does: it stands beside
the node, one for each log key, is no part of a backup, and must never be put back to an earlier state.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from oracle.errors import FilingGateError
from oracle.evidence.checkpoint import Checkpoint, open_checkpoint
from oracle.evidence.folder import FolderBlobs
from oracle.evidence.log_tree import BadLogProof
from oracle.evidence.signed_note import MAX_NOTE_BYTES, NoteVerifier

__all__ = ["LogMemory"]


class LogMemory:
    """Remembers the newest checkpoint of one key. Safe for several processes; durable when `remember` returns."""

    def __init__(self, folder: Path, verifier: NoteVerifier) -> None:
        self._folder = folder
        self._name = f"checkpoint-{verifier.key_id.hex()}"
        self._verifier = verifier

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint remembered, None if this key signed none here. FilingGateError if it can't be read."""
        data = FolderBlobs(self._folder).read(self._name)
        if data is None:
            return None
        try:
            return open_checkpoint(data[: MAX_NOTE_BYTES + 1], self._verifier)
        except BadLogProof as error:
            raise FilingGateError(
                f"the remembered checkpoint can't be read: {error}",
                where=str(self._folder / self._name),
                remedy="put a copy of the newest published checkpoint there",
            ) from None

    def remember(self, note: bytes) -> None:
        """Remember a checkpoint's note, unless a larger one is."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with open(self._folder / f"{self._name}.lock", "a", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self.newest()
            if known is None or known.size < open_checkpoint(note, self._verifier).size:
                FolderBlobs(self._folder).write(self._name, note)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
