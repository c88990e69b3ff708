"""One cycle over the filings that are due: look at each, and do what is needed. Time is an argument."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from oracle.chain.registry import Registry
from oracle.chain.rpc import chain_faults
from oracle.domain.dossier import Dossier
from oracle.domain.life_record import RecordedEvent
from oracle.errors import FilingGateError
from oracle.node.duties import Report
from oracle.node.service import Node
from oracle.store.watch_state import NODE, Watched, WatchState
from oracle.watch.actions import GAS_OF_UPDATE, Actions, Result, Step, renew, suspend
from oracle.watch.look import Look, alerts_since, look

__all__ = ["Watcher", "at_once"]

LOG = logging.getLogger("filing_gate.watch")

#: A filing that was taken to be looked at, and not looked at in this time, is anybody's again.
CLAIM_SECONDS = 120

#: Filings whose records and chain state are read together, just before they are looked at.
AT_ONCE = 32

#: An action that was begun, and not ended in this time, is begun again.
LOST_SECONDS = 900

#: A relay that can't pay for so many renewals at the present price is reported.
RENEWALS_IN_STOCK = 10


@dataclass(frozen=True)
class _Batch:
    """Filings that are looked at together: records by folded number, approved dossiers by hash, the chain if read."""

    records: dict[str, list[RecordedEvent]]
    dossiers: dict[str, Dossier]
    registry: Registry | None


def at_once(_name: str, function: Callable[..., Result], *arguments: Any) -> Result:
    """A step without durability."""
    return function(*arguments)


class Watcher:
    """Looks and acts for one node. Several may work on one database."""

    def __init__(
        self,
        node: Node,
        clock: Callable[[], int] = lambda: int(time.time()),
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.node = node
        self._stopping = stopping
        self.state = WatchState(node.database.engine)
        self.actions = Actions(node, clock)

    def due(self, now: int) -> list[str]:
        """The folded numbers to be looked at now, the longest overdue first."""
        return self.state.due(self.node.duties.filings(), now)

    def look_at(self, numbers: Sequence[str], now: int, by: str) -> list[Result]:
        """Look at these filings, several at a time; returns the actions that `by` is to run, as JSON objects.

        A filing that another has taken is left to it. After a crash the same `by` looks and begins again.
        """
        mine = self.state.claim_all(numbers, by, now, now + CLAIM_SECONDS)
        return [action for seen in self._looks(mine, now) if (action := self._begun(seen, by, now)) is not None]

    def _looks(self, numbers: Sequence[str], now: int) -> list[Look]:
        found: list[Look | None] = []
        with ThreadPoolExecutor(self.node.config.watch.concurrency, thread_name_prefix="watch") as pool:
            for begin in range(0, len(numbers), AT_ONCE):
                some = numbers[begin : begin + AT_ONCE]
                batch = self._batch(some)
                found += pool.map(lambda number: self._look(number, batch, now), some)  # noqa: B023
        return [seen for seen in found if seen is not None]

    def _batch(self, numbers: Sequence[str]) -> _Batch:
        """What database and chain say of these filings, all read in this moment."""
        duties = self.node.duties
        records = self.node.database.records(numbers)
        dossiers: dict[str, Dossier] = {}
        registry: Registry | None = None
        try:
            dossiers = duties.approved_dossiers(records)
        except FilingGateError as error:
            # Each look reads its own then: what is wrong with one dossier counts for its filing alone.
            LOG.error("dossiers were not read: %s", error)
        try:
            registry = duties.glance(self.node.registry(), records, dossiers.values())
        except FilingGateError as error:
            LOG.error("the chain was not read: %s", error)
        return _Batch(records, dossiers, registry)

    def _look(self, number: str, batch: _Batch, now: int) -> Look | None:
        try:
            if self._stopping():
                self.state.hasten(number, now)  # taken, and left to the next start
                return None
            return look(self.node, self.state, batch.registry, number, now, batch.records[number], batch.dossiers)
        except (SQLAlchemyError, FilingGateError) as error:
            # The claim runs out, and a later cycle finds the filing due again.
            LOG.error("%s: the look was not kept: %s", number, _first_line(error))
            return None

    def _begun(self, seen: Look, by: str, now: int) -> Result | None:
        need = seen.need
        if need is None:
            return None
        try:
            attempt = self.state.begin(need.key, by, now, LOST_SECONDS)
        except (SQLAlchemyError, FilingGateError) as error:
            # Those begun before it must be handed on all the same, or nobody would run them for LOST_SECONDS.
            LOG.error("%s: no action was begun: %s", seen.report.number, _first_line(error))
            return None
        if attempt is None:
            return None
        return {**vars(need), "key": need.key, "attempt": attempt}

    def act(self, action: Result, step: Step = at_once) -> Result:
        """Run one action of `look_at`."""
        key, attempt, number = action["key"], action["attempt"], action["number"]
        if action["kind"] == "renew":
            return renew(self.actions, step, key, attempt, number, action["sequence"])
        return suspend(self.actions, step, key, attempt, number)

    def node_alerts(self, now: int) -> None:
        """Keep what concerns the node itself: a chain that is not read, a relay out of gas or with a transaction stuck.

        The relay's transactions that are not final are brought on.
        """
        before = self.state.get(NODE)
        found: list[tuple[str, str, str]] = []
        try:
            registry, relay = self.node.registry(), self.node.relay
            if relay is not None:
                w3 = registry.w3
                with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
                    balance = int(w3.eth.get_balance(relay.address))  # type: ignore[arg-type]
                    price = int(w3.eth.gas_price)
                if balance < price * GAS_OF_UPDATE * RENEWALS_IN_STOCK:
                    text = f"the relay {relay.address} holds {balance} wei, less than {RENEWALS_IN_STOCK} renewals need"
                    found.append(("relay-gas", "critical" if balance < price * GAS_OF_UPDATE else "warning", text))
        except FilingGateError as error:
            found.append(("chain", "critical", f"the chain was not read: {error}"))
        standing = self.node.duties.tend()
        for text in standing.alerts if standing is not None else ():
            found.append(("relay-transaction", "warning", text))
        alerts = tuple(alerts_since(before.alerts, found, now))
        self.state.looked(Watched(NODE, next_at=2**62, looked_at=now, alerts=alerts))

    def cycle(self, now: int, numbers: Sequence[str] | None = None) -> tuple[Report, ...]:
        """Look at what is due (or at `numbers`, folded) and do what is needed, at once; what was found at each filing.

        Repeats, and several cycles at once, do no harm.
        """
        by = f"cycle:{uuid.uuid4()}"
        self.node_alerts(now)
        if numbers is None:
            numbers = self.state.claim_all(self.due(now), by, now, now + CLAIM_SECONDS)
        looks = self._looks(numbers, now)
        for seen in looks:
            action = self._begun(seen, by, now)
            if action is None:
                continue
            result = self.act(action)
            if result.get("failure"):
                seen.report.problems.append(f"{action['kind']}: {result['failure'][1]}")
            elif result.get("transaction"):
                told = "suspended" if action["kind"] == "suspend" else f"renewed until {result.get('validUntil')}"
                seen.report.done.append(f"{told} on chain, transaction {result['transaction']}")
            seen.report.alerts = [alert["text"] for alert in self.state.get(seen.report.number).alerts]
        return tuple(seen.report for seen in looks)


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).splitlines()[0]
