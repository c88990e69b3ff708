"""Dossiers in memory by their hash: a dossier never changes, so it is parsed and hashed once while it is in use."""

from __future__ import annotations

import threading
from collections import OrderedDict

from pydantic import BaseModel

from oracle.domain.dossier import Dossier

__all__ = ["KeptDossiers"]

#: Canonical bytes of all that are kept. Parsed and lightened, a dossier takes about four times as much, with what was
#: made of it for an approval eight times: 170 MB.
_MOST_BYTES = 21_000_000

#: One set for all parts of dossiers in which the same fields were set: a set of its own for each takes 40 %.
_FIELDS_SET: dict[frozenset[str], set[str]] = {}


def _lightened(part: object) -> None:
    """Let a dossier's parts, which never change, share what they say of themselves."""
    if isinstance(part, BaseModel):
        known = part.__pydantic_fields_set__
        object.__setattr__(part, "__pydantic_fields_set__", _FIELDS_SET.setdefault(frozenset(known), known))
        part = part.__dict__.values()
    elif not isinstance(part, (list, tuple)):
        return
    for item in part:
        _lightened(item)


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

    def peek(self, name: str) -> Dossier | None:
        """As `get`, but this is no use that would keep the dossier for longer."""
        with self._lock:
            return self._rows.get(name)

    def put(self, name: str, dossier: Dossier) -> None:
        """Keep a dossier; those unused for longest go."""
        _lightened(dossier)
        with self._lock:
            if name in self._rows:
                return
            self._rows[name] = dossier
            self._bytes += len(dossier.canonical())
            while self._bytes > self._most and self._rows:
                self._bytes -= len(self._rows.popitem(last=False)[1].canonical())
