"""Puts decision records, and the dossiers they rest on, into the evidence store after they were answered.

The database has each record before its answer leaves; the evidence store is where an auditor without the database reads
it. `meta` says up to which leaf of the log that is done (`records_filed`), so nothing is left out by a crash, and
`store fsck` knows what is only still to come. Any replica may do it, and doing it twice changes nothing.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from oracle.errors import FilingGateError
from oracle.evidence.store import EvidenceStore
from oracle.rules.decision_record import dossier_hashes
from oracle.store.database import Database
from oracle.store.unfiled import filed_below, mark_filed, records_from

__all__ = ["Clerk"]

LOG = logging.getLogger("filing_gate.node")

#: Records at once.
_SOME = 100
#: Seconds between two looks while requests are in work.
_PAUSE = 0.2
#: So many seconds requests come first; then some are filed all the same.
_LONGEST_WAIT = 10.0


class Clerk:
    """The clerk of one node; its thread ends when everything is filed. Thread-safe."""

    def __init__(self, database: Database, evidence: EvidenceStore, busy: Callable[[], bool] = lambda: False) -> None:
        """While `busy` says so, the clerk waits: requests come first."""
        self._database = database
        self._evidence = evidence
        self._busy = busy
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._asked = False
        self._dossiers: set[str] = set()

    def called(self) -> None:
        """There is, or may be, something to file."""
        with self._lock:
            self._asked = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="clerk", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        pause = threading.Event()
        while True:
            with self._lock:
                if not self._asked:
                    self._thread = None
                    return
                self._asked = False
            try:
                more = True
                while more:
                    end = time.monotonic() + _LONGEST_WAIT
                    while self._busy() and time.monotonic() < end:
                        pause.wait(_PAUSE)
                    more = self.file_some()
            except (FilingGateError, SQLAlchemyError) as error:
                # The next decision, or the next start, tries again from the same place.
                LOG.warning("records are not filed in the evidence store", extra={"why": str(error)})
                return self._ended()
            pause.wait(_PAUSE)

    def _ended(self) -> None:
        with self._lock:
            self._thread = None

    def begin(self) -> None:
        """Go on where this node, or another replica, stopped."""
        try:
            waiting = self._kept_waiting()
        except (FilingGateError, SQLAlchemyError):
            return  # the node's first request tells what is wrong with the database
        if waiting:
            self.called()

    def finish(self, seconds: float) -> None:
        """File what is left, for so long; the next start goes on."""
        end = time.monotonic() + seconds
        try:
            more = self._kept_waiting()
            while more and time.monotonic() < end:
                more = self.file_some()
        except (FilingGateError, SQLAlchemyError) as error:
            LOG.warning("records are not filed in the evidence store", extra={"why": str(error)})

    def _kept_waiting(self) -> bool:
        """Whether records of this database were ever filed later than they were made."""
        with self._database.engine.connect() as connection:
            return filed_below(connection) is not None

    def file_some(self) -> bool:
        """File the next records; whether there may be more."""
        rows = records_from(self._database.engine, _SOME)
        for _, record in rows:
            for name in dossier_hashes(json.loads(record)["decision"]):
                self._file_dossier(name)
            self._evidence.put(record)
        if rows:
            mark_filed(self._database, rows[-1][0] + 1)
        return len(rows) == _SOME

    def _file_dossier(self, name: str) -> None:
        if name in self._dossiers:
            return
        # Not kept in memory: that is for the dossiers that requests are about.
        dossier = self._database.dossiers_of([name]).get(name)
        if dossier is not None:
            self._evidence.put(dossier.canonical())
        if len(self._dossiers) > 10_000:
            self._dossiers.clear()
        self._dossiers.add(name)
