"""A value that is read in the background, so that whoever asks for it never waits longer than it wants to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from oracle.errors import FilingGateError

__all__ = ["Refreshed", "Seen"]

Value = TypeVar("Value")


@dataclass(frozen=True)
class Seen(Generic[Value]):
    """The newest value that could be read, and how the newest reading went.

    `value` None: none could be read yet. `error` None: the newest reading that ended succeeded. `late` is True if the
    value is older than was asked for, because a reading still runs.
    """

    value: Value | None
    error: str | None
    late: bool


class Refreshed(Generic[Value]):
    """Reads at most once at a time, in a thread of its own. Thread-safe."""

    def __init__(self, name: str, read: Callable[[], Value]) -> None:
        self._name = name
        self._read = read
        self._lock = threading.Lock()
        self._running: threading.Event | None = None
        self._value: Value | None = None
        self._error: str | None = None
        self._ended: float | None = None

    def newest(self, *, max_age: float, wait: float) -> Seen[Value]:
        """The newest value; if the newest reading is older than `max_age` seconds, after a new one, for which this
        waits at most `wait` seconds."""
        with self._lock:
            asked = time.monotonic()
            if self._ended is not None and asked - self._ended < max_age:
                return Seen(self._value, self._error, late=False)
            running = self._running
            if running is None:
                running = self._running = threading.Event()
                threading.Thread(target=self._refresh, args=(running,), name=self._name, daemon=True).start()
        ended = running.wait(wait)
        with self._lock:
            return Seen(self._value, self._error, late=not ended)

    def _refresh(self, running: threading.Event) -> None:
        value: Value | None = None
        error: str | None = "the reading broke off; the log tells why"
        try:
            value, error = self._read(), None
        except (FilingGateError, SQLAlchemyError, OSError) as fault:
            error = str(fault) if isinstance(fault, FilingGateError) else type(fault).__name__
        finally:
            with self._lock:
                if error is None:
                    self._value = value
                self._error, self._ended, self._running = error, time.monotonic(), None
            running.set()
