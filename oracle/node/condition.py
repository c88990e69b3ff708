"""How a node stands at this moment: database, chain, sources, disk. Read in the background, so that asking is cheap."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from oracle.chain.key_standing import KeyStanding, key_standing
from oracle.chain.registry import FilingState, Registry
from oracle.chain.rpc import chain_faults
from oracle.domain.names import filing_id
from oracle.node.config import NodeConfig
from oracle.node.refreshed import Refreshed
from oracle.signing.content import try_signer
from oracle.signing.keys import Signer
from oracle.store.database import Database
from oracle.store.freshness import source_times
from oracle.store.log import LogStore
from oracle.store.transactions import StoredTransactions
from oracle.store.watch_state import NODE, WatchState

__all__ = ["MAX_FILINGS", "Condition", "Head", "SourceMoments", "Stored", "free_space"]


#: Filings whose expiry is shown, those recorded first; the others are counted.
MAX_FILINGS = 200


@dataclass(frozen=True)
class Head:
    """The newest block (its time in seconds since 1970), the key's standing, the relay's wei (None: no relay)."""

    number: int
    time: int
    standing: KeyStanding
    balance: int | None


@dataclass(frozen=True)
class SourceMoments:
    """Newest success and failure in seconds since 1970, None where none is known."""

    success: float | None
    failure: float | None


@dataclass(frozen=True)
class Stored:
    """What the database says: it answers, the sources' times by name, and the folded numbers of recorded filings.

    `alerts` counts what a person should look at by kind and severity, `ticked` is the newest tick of the watch
    (None: never), `log_leaves` the size of the log, `unsettled` the relay's transactions that are not final and
    `unmined_since` when the oldest in no block was made. All replicas say the same.
    """

    sources: dict[str, SourceMoments]
    filings: tuple[str, ...]
    alerts: Counter[tuple[str, str]]
    ticked: int | None
    log_leaves: int
    unsettled: int
    unmined_since: int | None


class Condition:
    """One node's condition. `config` and `registry` are asked anew each time: both may change."""

    def __init__(
        self,
        config: Callable[[], NodeConfig],
        database: Database,
        registry: Callable[[], Registry],
        signer: Signer,
        relay: str | None,
    ) -> None:
        self._config = config
        self._database = database
        self._registry = registry
        self._signer = signer
        self._relay = relay
        #: When this process began, seconds since 1970.
        self.began = time.time()
        self.head = Refreshed("condition: head", self._read_head)
        self.stored = Refreshed("condition: database", self._read_stored)
        self.filings = Refreshed("condition: filings", self._read_filings)
        self.signer = Refreshed("condition: signer", lambda: try_signer(signer) is not None)

    def _read_head(self) -> Head:
        registry = self._registry()
        w3 = registry.w3
        with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
            block = w3.eth.get_block("latest")
            number, moment = int(block["number"]), int(block["timestamp"])
            balance = int(w3.eth.get_balance(w3.to_checksum_address(self._relay))) if self._relay else None
        return Head(number, moment, key_standing(registry, self._signer.address), balance)

    def _read_stored(self) -> Stored:
        names = [source.name for source in self._config().sources]
        engine = self._database.engine
        times, watch = source_times(engine, names), WatchState(engine)
        alerts = Counter((alert["kind"], alert["severity"]) for row in watch.with_alerts() for alert in row.alerts)
        book = StoredTransactions(engine)
        unsettled, oldest = book.standing(self._config().chain.id, self._relay) if self._relay else (0, None)
        return Stored(
            {name: SourceMoments(_seconds(item.success), _seconds(item.failure)) for name, item in times.items()},
            tuple(self._database.recorded_filings()),
            alerts,
            watch.get(NODE).looked_at or None,
            LogStore(engine).size(),
            unsettled,
            oldest,
        )

    def _read_filings(self) -> dict[str, FilingState]:
        """The state on chain of the recorded filings, at most MAX_FILINGS."""
        registry = self._registry()
        numbers = self._database.recorded_filings()[:MAX_FILINGS]
        return {number: registry.filing_state("0x" + filing_id(number).hex()) for number in numbers}

    def disks(self) -> dict[str, int | None]:
        """Free bytes where the node writes, by place (`database`, `evidence`, `state`); None if it can't be told."""
        return {name: free_space(path) for name, path in self._config().places().items()}


def free_space(path: Path) -> int | None:
    """Free bytes on the disk of a folder, or of the nearest one above it that exists; None if it can't be told."""
    try:
        for place in (path, *path.absolute().parents):
            if place.exists():
                return shutil.disk_usage(place).free
    except OSError:
        return None
    return None


def _seconds(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()
