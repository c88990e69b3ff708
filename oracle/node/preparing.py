"""Makes ready in the background what the short way of an approval needs: the dossier and its sightings parsed,
the chain read of it and of its newest block, and what was committed put into its place in the database."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque

from sqlalchemy.exc import SQLAlchemyError

from oracle.errors import FilingGateError
from oracle.node.kept_rows import KeptRows
from oracle.node.service import Node
from oracle.rules.case import names_of
from oracle.rules.decision_record import prepare

__all__ = ["Preparing"]

LOG = logging.getLogger("filing_gate.node")

#: Seconds between two looks for dossiers that came to another replica, while anybody asks.
_PAUSE = 0.4
#: Seconds more before the next try after a fault, while dossiers wait.
_AFTER_FAULT = 2.0
#: The share of its time after which the view of the chain is brought up here, before the desk would have to.
_HEAD_AGE = 0.3
#: Dossiers looked for at once, and waiting at most: beyond them a proposal takes the long way.
_MOST = 2_000
#: Numbers of requests looked at again, for those whose transaction ended after one with a higher number.
_OVERLAP = 500


class Preparing:
    """The preparation of one node, in a thread of its own that ends when nobody has asked for a while. Thread-safe."""

    def __init__(self, node: Node, rows: KeptRows) -> None:
        self._node = node
        self._rows = rows
        self._lock = threading.Lock()
        self._waiting: deque[str] = deque(maxlen=_MOST)
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None
        self._newest = 0
        #: The names of dossiers that were found or added lately.
        self._known: OrderedDict[str, None] = OrderedDict()

    def follow(self) -> None:
        """Look for dossiers that came since the last look."""
        if self._asked.is_set():
            return
        self._asked.set()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="preparing", daemon=True)
                self._thread.start()

    def add(self, dossier_hash: str) -> None:
        """Make one dossier (0x-hex) ready."""
        self._add(dossier_hash)
        self.follow()

    def _add(self, name: str) -> None:
        self._known[name] = None
        if len(self._known) > 2 * _MOST:
            self._known.popitem(last=False)
        self._waiting.append(name)

    def _work(self) -> None:
        pause = threading.Event()
        while True:
            asked = self._asked.wait(20 * _PAUSE)
            self._asked.clear()
            if not asked:
                with self._lock:
                    if not self._asked.is_set():
                        self._thread = None
                        return
            try:
                self._node.view.refresh(_HEAD_AGE)
                self._all()
                self._node.database.checkpoint()
            except (FilingGateError, SQLAlchemyError) as error:
                # Proposals take the long way then, which tells its caller what is wrong.
                LOG.debug("not prepared", extra={"why": type(error).__name__})
                if self._waiting:
                    # The others are not forgotten for one fault, nor is a silent chain asked all the time.
                    self._asked.set()
                    pause.wait(_AFTER_FAULT)
            pause.wait(_PAUSE)

    def _all(self) -> None:
        # Of two that were handed in at once, the one with the lower number may be there later.
        rows = self._node.database.dossiers_after(max(0, self._newest - _OVERLAP), _MOST)
        for place, name in reversed(rows):
            self._newest = max(self._newest, place)
            if name not in self._known:
                self._add(name)
        while self._waiting:
            self._one(self._waiting.popleft())

    def _one(self, name: str) -> None:
        node = self._node
        dossier = node.database.dossier(name)
        names = names_of(dossier) if dossier is not None else None
        if dossier is None or names is None or names.number is None or names.filing is None:
            return
        facts = self._rows.read(names.number, names.entity_name, names.filing)
        if node.view.lacks(dossier, names.filing):
            node.view.load(dossier, names.filing)
        known = node.view.known(dossier, names.filing)
        tranches = known.tranches if known is not None else None
        moment = int(time.time())
        case = node.case_of(dossier, moment, facts.seen, facts.earlier, tranches, facts.approved, facts.recorded)
        prepare(case, node.config.chain.id)
