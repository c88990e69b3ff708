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
                running = self._begin(ahead=False)
        ended = running.wait(wait)
        with self._lock:
            return Seen(self._value, self._error, late=not ended)

    def read_ahead(self) -> None:
        """Begin a reading for which nobody waits, so that the first who asks finds most of the work done.

        Who asks while it runs waits for it; who asks later gets a reading of his own, whatever its age.
        """
        with self._lock:
            if self._running is None:
                self._begin(ahead=True)

    def settle(self, wait: float) -> None:
        """Wait at most `wait` seconds for a reading that runs."""
        with self._lock:
            running = self._running
        if running is not None:
            running.wait(wait)

    def _begin(self, *, ahead: bool) -> threading.Event:
        running = self._running = threading.Event()
        threading.Thread(target=self._refresh, args=(running, ahead), name=self._name, daemon=True).start()
        return running

    def _refresh(self, running: threading.Event, ahead: bool) -> None:
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
                self._error, self._running = error, None
                self._ended = None if ahead else time.monotonic()
            running.set()
