"""What must hold before a node serves, and what runs beside it. Each fault at the start is one clear line."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from eth_keys.backends import get_backend
from sqlalchemy.exc import SQLAlchemyError

from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.node.service import Node

__all__ = ["check_start", "sweeping"]

LOG = logging.getLogger("filing_gate.duties")


def check_start(node: Node) -> list[str]:
    """Warnings to print; InputError for what makes serving pointless: wrong chain, key neither in the committee nor
    announced for it nor retained, a key that does not sign. UnreachableError if its device or service does not answer.

    A chain that can't be reached is a warning: the node answers 503 until it can.
    """
    if "coincurve" not in type(get_backend()).__name__.lower():
        raise FilingGateError(
            "the fast secp256k1 library is missing",
            where="coincurve",
            remedy="install the package with its dependencies",
        )
    node.try_key()
    restored = [_restored(node)] if node.guard.restored_at() is not None else []
    try:
        standing = node.membership()
    except UnreachableError as error:
        return [*restored, f"warning: {error}"]
    if standing.wrong:
        raise InputError(
            standing.wrong, where="[key]", remedy="use the operator's own key, or have it added to the committee"
        )
    return [*restored, *(f"warning: {fault}" for fault in (*standing.warnings, *node.unread_chains()))]


def _restored(node: Node) -> str:
    return (
        f"warning: the database was restored at {node.guard.restored_at()}: for one window from then on this node "
        "signs no new approval or renewal, as it can't know what it signed after the backup; see `filing-gate key "
        "confirm-restore`"
    )


@contextmanager
def sweeping(node: Node, seconds: float) -> Iterator[None]:
    """Sweep the duties at once and then every `seconds`, in a thread of its own, until the block ends."""
    stop = threading.Event()

    def work() -> None:
        planned = time.monotonic()
        while True:
            lag, ok = time.monotonic() - planned, False
            try:
                reports = node.duties.sweep(int(time.time()))
                ok = not any(report.unreachable for report in reports)
            except (FilingGateError, SQLAlchemyError) as error:
                # One failed sweep is not the last: the next finds the same record.
                LOG.error("the sweep of duties failed: %s", error)
            node.metrics.job("sweep", lag, ok)
            # Measured from where it was due: a sweep that takes longer than its interval shows as lag.
            planned = max(planned + seconds, time.monotonic() - seconds)
            if stop.wait(max(planned - time.monotonic(), 0.0)):
                return

    thread = threading.Thread(target=work, name="duties", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=30)
