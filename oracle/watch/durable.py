"""The watch that runs for years: cycles as durable workflows (DBOS), each step once across crashes and replicas.

A workflow's id names what it does: `tick:<slot>` looks at what is due in one piece of time, in batches, each batch one
step; `renew:<filing>:<sequence>:<try>` and `suspend:…` act, and only exist where there is something to do. DBOS runs an
id once, keeps each step's result, and goes on after a crash with the first step that has none. A step that was killed
in its middle runs again, so every step looks first whether its work is done (`oracle.watch.actions`).

Replicas share one PostgreSQL: both ask for the same ids, and one gets each. Work left by a replica that has not been
heard of for `SILENT_TICKS` is taken over by another. On SQLite there is one process, which finds its own work again.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from oracle.errors import FilingGateError
from oracle.node.service import Node
from oracle.watch.actions import Result
from oracle.watch.cycle import Watcher

__all__ = ["DurableWatch", "replica_name", "watching"]

LOG = logging.getLogger("filing_gate.watch")

#: Filings looked at in one step, for each that is looked at at the same time: what one of them needs is done when all
#: of a step have been looked at.
BATCH = 16

#: A replica is taken for gone when it has missed so many ticks, and never sooner than this many seconds.
SILENT_TICKS, SILENT_SECONDS = 5, 60

#: Finished workflows are kept so long, and looked for so often, in seconds.
KEPT_SECONDS, TIDY_SECONDS = 7 * 86_400, 3600

#: Shutting down waits so long for steps that are running; what is cut off goes on at the next start.
DRAIN_SECONDS = 8

#: Raised when the workflows change so that one begun by an older version can't be gone on with.
WORKFLOWS = "watch-1"

#: An action's end is kept in any case, or nobody would try again for LOST_SECONDS: tried for a quarter of an
#: hour while the database is away.
_PATIENCE = {"retries_allowed": True, "interval_seconds": 1.0, "backoff_rate": 2.0, "max_attempts": 11}

#: How often this process looks for workflows of its own that the database's absence has broken off, in seconds.
REVIVE_SECONDS = 5

#: A tick at which no filing is due is left out if the last one was begun less than so many seconds before: a workflow
#: costs more than several looks.
QUIET_SECONDS = 5

_TICKS, _ACTIONS = "filing-gate-ticks", "filing-gate-actions"
_POLL_SECONDS = 0.5


def replica_name(node: Node) -> str:
    """What tells this process from other replicas, the same after a restart: host and port."""
    return f"{socket.gethostname()}:{node.config.http.port}"


class DurableWatch:
    """Runs the watch of one node in threads of its own. One a process: DBOS knows no more."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._replica = replica_name(node)
        self._stop = threading.Event()
        self._watcher = Watcher(node, stopping=self._stop.is_set)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._dbos: Any = None
        self._tick: Callable[[str], Result]
        self._tidied = self._revived = time.monotonic()
        self._asked = float("-inf")
        #: Workflows that run in this process, and those that should have at the last look.
        self._running: set[str] = set()
        self._idle: set[str] = set()

    def start(self) -> None:
        """Begin in the background: the API need not wait for it."""
        self._thread.start()

    def stop(self) -> None:
        """Let running steps end, and end. What is cut off goes on at the next start."""
        self._stop.set()
        self._thread.join(timeout=30)

    # Workflows -------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Import, configure and launch DBOS. Its own notices, one of which advertises, are not shown."""
        logging.getLogger("dbos").setLevel(logging.ERROR)
        from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

        config: DBOSConfig = {
            "name": "filing-gate",
            "system_database_url": self._node.config.watch_database_url(),
            "application_version": WORKFLOWS,
            "executor_id": self._replica,
            "log_level": "ERROR",
            # Plain data: nothing that is read back from the database is ever run.
            "serializer": DBOSPortableJSONSerializer(),
        }
        DBOS(config=config)
        self._dbos = DBOS

        @DBOS.workflow(name="act")
        def act(action: Result) -> Result:
            with self._runs():
                return self._watcher.act(action, self._step)

        @DBOS.workflow(name="tick")
        def tick(by: str) -> Result:
            with self._runs():
                return self._tick_workflow(by, act)

        self._tick = tick
        DBOS.launch()
        concurrency = self._node.config.watch.concurrency
        DBOS.register_queue(_TICKS, worker_concurrency=1, polling_interval_sec=_POLL_SECONDS)
        DBOS.register_queue(_ACTIONS, worker_concurrency=concurrency, polling_interval_sec=_POLL_SECONDS)

    @contextmanager
    def _runs(self) -> Iterator[None]:
        ident = str(self._dbos.workflow_id)
        self._running.add(ident)
        try:
            yield
        finally:
            self._running.discard(ident)

    def _step(self, name: str, function: Callable[..., Result], *arguments: Any) -> Result:
        options = {"name": name, **(_PATIENCE if name == "conclude" else {})}
        result: Result = self._dbos.run_step(options, function, *arguments)
        return result

    def _tick_workflow(self, by: str, act: Callable[[Result], Result]) -> Result:
        watcher = self._watcher
        due = self._step("due", lambda: {"numbers": watcher.due(_now())})["numbers"]
        size = BATCH * self._node.config.watch.concurrency
        for begin in range(0, len(due), size):
            if self._stop.is_set():
                return {"looked": begin}  # what is left is due at the next tick
            batch = due[begin : begin + size]
            found = self._step("look", lambda numbers: {"actions": watcher.look_at(numbers, _now(), by)}, batch)
            for action in found["actions"]:
                self._enqueue(_ACTIONS, f"{action['key']}:{action['attempt']}", act, action)
        self._step("node", self._look_at_node)
        # A tick that fails tells nothing: the newest success grows old, and that is what the alert rule looks at.
        self._node.metrics.job("watch", time.monotonic() - self._asked, True)
        return {"looked": len(due)}

    def _look_at_node(self) -> Result:
        self._watcher.node_alerts(_now())
        return {}

    def _enqueue(self, queue: str, ident: str, workflow: Callable[..., Result], *arguments: Any) -> Any:
        from dbos import SetWorkflowID

        with SetWorkflowID(ident):
            return self._dbos.enqueue_workflow(queue, workflow, *arguments)

    # The thread ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        seconds = self._node.config.duties.sweep_seconds
        pause = 1.0
        while not self._stop.is_set():
            try:
                self._open()
                break
            except (FilingGateError, SQLAlchemyError, OSError, ValueError, RuntimeError) as error:
                LOG.error("the watch could not start, trying again: %s", type(error).__name__)
                self._close()
                self._stop.wait(pause)
                pause = min(pause * 2, 60.0)
        # The first tick comes at once: the slot may have been worked through before the restart.
        slot, ident = -1, f"tick:start:{self._replica}:{os.getpid()}:{time.time_ns()}"
        handle: Any = None
        while not self._stop.is_set():
            now = _now()
            if now // seconds > slot:
                slot = now // seconds
                handle = self._begin_tick(handle, ident)
            ident = f"tick:{slot + 1}"
            self._stop.wait(min(1.0, seconds - time.time() % seconds))
        self._close()

    def _begin_tick(self, before: Any, ident: str) -> Any:
        """Ask for a tick unless this replica's last one still runs, and see to the others."""
        try:
            self._take_over(_now())
            self._tidy()
            self._revive()
            if before is not None and before.get_status().status in ("PENDING", "ENQUEUED"):
                return before
            if time.monotonic() - self._asked < QUIET_SECONDS and not self._watcher.due(_now()):
                return before
            self._asked = time.monotonic()
            return self._enqueue(_TICKS, ident, self._tick, ident)
        except (FilingGateError, SQLAlchemyError) as error:
            # One failed tick is not the last: the next finds the same filings due.
            LOG.error("a tick could not begin: %s", str(getattr(error, "orig", error)).splitlines()[0])
            return before

    def _take_over(self, now: int) -> None:
        state, seconds = self._watcher.state, self._node.config.duties.sweep_seconds
        state.beat(self._replica, now)
        gone = state.take_over(self._replica, now - max(SILENT_TICKS * seconds, SILENT_SECONDS))
        if gone:
            LOG.warning("taking over from %s", ", ".join(gone))
            self._dbos._recover_pending_workflows(gone)

    def _revive(self) -> None:
        """Go on with this process's workflows that stand as running and are not: the database went away under them.

        Nobody else would, and each would hold its place in its queue for ever. One that has just been taken from a
        queue is given until the next look.
        """
        if time.monotonic() - self._revived < REVIVE_SECONDS:
            return
        self._revived = time.monotonic()
        listed = self._dbos.list_workflows(
            status="PENDING", executor_id=self._replica, load_input=False, load_output=False
        )
        idle = {item.workflow_id for item in listed} - self._running
        for ident in sorted(idle & self._idle):
            LOG.warning("%s was broken off and goes on", ident)
            self._dbos.resume_workflow(ident)
        self._idle = idle

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied < TIDY_SECONDS:
            return
        self._tidied = time.monotonic()
        before = (datetime.now(UTC) - timedelta(seconds=KEPT_SECONDS)).isoformat()
        old = self._dbos.list_workflows(
            status=["SUCCESS", "ERROR"], end_time=before, limit=10_000, load_input=False, load_output=False
        )
        if old:
            self._dbos.delete_workflows([item.workflow_id for item in old])

    def _close(self) -> None:
        if self._dbos is None:
            return
        try:
            self._watcher.state.gone(self._replica)
        except SQLAlchemyError as error:
            LOG.warning("leaving without a word: %s", type(error).__name__)
        self._dbos.destroy(workflow_completion_timeout_sec=DRAIN_SECONDS, destroy_registry=True)
        self._dbos = None


def _now() -> int:
    return int(time.time())


@contextmanager
def watching(node: Node) -> Iterator[None]:
    """The watch of a node in the background until the block ends; nothing if the configuration switches it off."""
    if not node.config.watch.enabled:
        yield
        return
    watch = DurableWatch(node)
    watch.start()
    try:
        yield
    finally:
        watch.stop()
