"""Many threads' writes in one durable transaction each time: a commit to disk costs far more than a row.

There is no thread of its own: one of the writers leads, and writes for all who came until then. While it waits for the
disk the next group gathers, and the first of that leads next. On PostgreSQL the server does the same by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from oracle.errors import FilingGateError, UnreachableError
from oracle.store.schema import begin_writing

__all__ = ["GroupCommit"]

Result = TypeVar("Result")

#: So many writes at most share a commit: the first of them waits for all.
_LARGEST_GROUP = 256


class _Item(Generic[Result]):
    """One write. As a context it keeps the error of its block for the thread that asked."""

    def __init__(self, work: Callable[[Connection], Result]) -> None:
        self.work = work
        self.woken = threading.Event()
        self.done = False
        self.durable = False
        self.error: Exception | None = None
        self._result: list[Result] = []

    def __enter__(self) -> None:
        self.error = None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        self.error = error if isinstance(error, Exception) else None
        return self.error is not None

    def run(self, connection: Connection) -> None:
        self._result = [self.work(connection)]

    def outcome(self) -> Result:
        if self.error is not None:
            raise self.error
        if not self.durable:
            raise UnreachableError("the write was broken off", where="[store]", remedy="try again")
        return self._result[0]


class GroupCommit:
    """Writes to one SQLite database. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._waiting: list[_Item[Any]] = []
        self._led = False

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction that others may share; returns when it is durable.

        Its error undoes its own changes alone. `work` is short, and may be run again after a fault of the group, so
        it does nothing but use the connection.
        """
        item = _Item(work)
        with self._lock:
            self._waiting.append(item)
            leads, self._led = not self._led, True
        if not leads:
            try:
                item.woken.wait()
            except BaseException:
                self._leave(item)
                raise
        if not item.done:
            self._lead()
        return item.outcome()

    def _lead(self) -> None:
        """Write for all who wait, this thread's own item first among them, and hand on."""
        with self._lock:
            group, self._waiting = self._waiting[:_LARGEST_GROUP], self._waiting[_LARGEST_GROUP:]
        try:
            if len(group) == 1 or not self._together(group):
                for item in group:
                    self._alone(item)
        finally:
            # Also when this thread is interrupted: nobody waits for what no longer comes.
            with self._lock:
                self._hand_on()
            for item in group:
                item.done = True
                item.woken.set()

    def _hand_on(self) -> None:
        if self._waiting:
            self._waiting[0].woken.set()
        else:
            self._led = False

    def _leave(self, item: _Item[Any]) -> None:
        """Take back an item whose thread was interrupted while it waited."""
        with self._lock:
            if item in self._waiting:
                self._waiting.remove(item)
                if item.woken.is_set():
                    self._hand_on()

    def _together(self, group: Sequence[_Item[Any]]) -> bool:
        """Whether the group was committed. An item's own error is kept in it; any other fault leaves nothing done."""
        try:
            with self._engine.begin() as connection:
                begin_writing(connection)
                for item in group:
                    connection.exec_driver_sql("SAVEPOINT item")
                    with item:
                        item.run(connection)
                    if item.error is not None:
                        # Fails if the fault has ended the whole transaction, as a full disk does.
                        connection.exec_driver_sql("ROLLBACK TO item")
                    connection.exec_driver_sql("RELEASE item")
        except (SQLAlchemyError, FilingGateError):
            return False
        for item in group:
            item.durable = item.error is None
        return True

    def _alone(self, item: _Item[Any]) -> None:
        with item:
            with self._engine.begin() as connection:
                begin_writing(connection)
                item.run(connection)
            item.durable = True
