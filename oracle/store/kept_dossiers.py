"""Dossiers in memory by their hash: a dossier never changes, so it is parsed and hashed once while it is in use."""

from __future__ import annotations

import threading
from collections import OrderedDict

from oracle.domain.dossier import Dossier

__all__ = ["KeptDossiers"]

#: Canonical bytes of all that are kept; parsed, a dossier takes about six times as much.
_MOST_BYTES = 24_000_000


class KeptDossiers:
    """The dossiers used last, as many as fit. Thread-safe."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._rows: OrderedDict[str, Dossier] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> Dossier | None:
        """The dossier of a hash (0x-hex), None if it is not kept."""
        with self._lock:
            found = self._rows.get(name)
            if found is not None:
                self._rows.move_to_end(name)
            return found

    def put(self, name: str, dossier: Dossier) -> None:
        """Keep a dossier; those unused for longest go."""
        with self._lock:
            if name in self._rows:
                return
            self._rows[name] = dossier
            self._bytes += len(dossier.canonical())
            while self._bytes > self._most and self._rows:
                self._bytes -= len(self._rows.popitem(last=False)[1].canonical())
