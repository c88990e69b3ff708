"""Contents of rows that never change, kept by their numbers: observations, sightings, what was declared of a filing.

Which row is the newest is asked each time (`oracle.store.approvals.newest`); only what stands in it comes from here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from oracle.domain.filing import Observation
from oracle.domain.life_record import RecordedEvent, recorded_reports
from oracle.domain.reporting import RecordedReport
from oracle.store.approvals import Asked, Newest, newest, sighting_rows
from oracle.store.database import Database

__all__ = ["Facts", "KeptRows"]

Value = TypeVar("Value")

#: Contents of rows kept of each kind; a sighting is a few kilobytes.
_MOST_KEPT = 8_192


@dataclass(frozen=True)
class Facts:
    """What a case takes from the database: the newest sighting, what was seen before, the dossier signed last (0x-hex),
    and what was declared and reported."""

    seen: tuple[Observation, ...]
    earlier: tuple[Observation, ...]
    approved: tuple[str, ...]
    recorded: tuple[RecordedReport, ...]


class _Kept(Generic[Value]):
    """The newest values by name. Thread-safe."""

    def __init__(self) -> None:
        self._rows: OrderedDict[Any, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: Any) -> Value | None:
        return self._rows.get(name)

    def put(self, name: Any, value: Value) -> Value:
        with self._lock:
            self._rows[name] = value
            if len(self._rows) > _MOST_KEPT:
                self._rows.popitem(last=False)
        return value


class KeptRows:
    """The rows of one database. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sightings: _Kept[tuple[int, ...]] = _Kept()
        self._observations: _Kept[Observation] = _Kept()
        self._events: _Kept[tuple[int, tuple[RecordedEvent, ...]]] = _Kept()

    def read(self, number: str, entity_name: str, filing: str) -> Facts:
        """What the next approval of a filing (folded number and name, 0x-hex id) would rest on now."""
        with self._database.engine.connect() as connection:
            [found] = newest(connection, [Asked(number, entity_name, filing, 1, "")])
            return self.facts(connection, number, found)

    def facts(self, connection: Connection, number: str, rows: Newest) -> Facts:
        """What an approval of a filing that is not on chain rests on, by its newest rows; as `Duties.facts` has it."""
        earlier = [self.observation(connection, ident) for ident in (rows.notice, rows.withdrawal) if ident]
        return Facts(
            seen=self.seen(connection, number, rows.sighting),
            earlier=tuple(earlier),
            approved=(rows.signed_dossier,) if rows.signed_dossier else (),
            recorded=recorded_reports(self.recorded(number, rows.event)) if rows.event else (),
        )

    def seen(self, connection: Connection, number: str, sighting: str | None) -> tuple[Observation, ...]:
        """The observations of a sighting of a filing; none without one."""
        if sighting is None:
            return ()
        known = self._sightings.get(sighting)
        if known is None:
            rows = sighting_rows(connection, number, sighting)
            for ident, content in rows:
                if self._observations.get(ident) is None:
                    self._observations.put(ident, Observation.model_validate_json(content))
            known = self._sightings.put(sighting, tuple(ident for ident, _ in rows))
        return tuple(self.observation(connection, ident) for ident in known)

    def observation(self, connection: Connection, ident: int) -> Observation:
        """The observation of a number."""
        known = self._observations.get(ident)
        if known is None:
            known = self._observations.put(ident, self._database.observation(connection, ident))
        return known

    def recorded(self, number: str, event: int | None) -> tuple[RecordedEvent, ...]:
        """The record of a filing up to the event of that number, the newest; none without one."""
        if event is None:
            return ()
        known = self._events.get(number)
        if known is None or known[0] != event:
            # Read after the question, it may be newer than that says: then it is read again next time.
            known = self._events.put(number, (event, tuple(self._database.filing_events(number))))
        return known[1]
