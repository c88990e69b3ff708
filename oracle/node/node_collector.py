"""What a scrape reads of a node's condition: nothing here waits long, whatever is dead."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from oracle.chain.failover import EndpointHealth
from oracle.chain.key_standing import Standing
from oracle.domain.approval import OnChainStatus
from oracle.domain.lifecycle import LifeCycle
from oracle.errors import FilingGateError
from oracle.node.condition import MAX_FILINGS
from oracle.node.config import ChainConfig
from oracle.node.metrics import endpoint_of
from oracle.node.readiness import CHECKS, readiness
from oracle.rules.table import RULESET_VERSION
from oracle.store.watch_state import ALERT_KINDS

if TYPE_CHECKING:
    from oracle.node.service import Node

__all__ = ["NodeCollector"]

#: What a scrape takes as it is, and how long it waits for what is older, in seconds.
_AGE = 10.0
_FILINGS_AGE = 30.0
_WAIT = 1.0


class NodeCollector(Collector):
    """Gauges of one node, made anew at each scrape from what its `condition` holds."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def describe(self) -> list[Metric]:
        """Nothing: else the registry would collect, and so ask the chain, while the node is being made."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families; one whose values are not known is left out."""
        yield self._info()
        yield from self._ready()
        yield from self._head()
        yield from self._filings()
        yield from self._duties()
        yield from self._watch()
        yield from self._endpoints()
        disk = _family("disk_free_bytes", "Free space where the node writes.", ("place",))
        for place, free in self._node.condition.disks().items():
            if free is not None:
                disk.add_metric([place], free)
        yield disk

    def _info(self) -> Metric:
        facts = self._node.operator()
        labels = {
            "name": facts["name"],
            "operator": facts["operator"],
            "chain_id": str(facts["chainId"]),
            "registry": facts["registry"],
            "ruleset": RULESET_VERSION,
            "ruleset_hash": facts["rulesetHash"],
        }
        info = _family("node_info", "Who this node is and what it decides by.", tuple(labels))
        info.add_metric(list(labels.values()), 1)
        return info

    def _ready(self) -> Iterator[Metric]:
        found = readiness(self._node, max_age=_AGE, wait=_WAIT)
        yield _gauge("ready", "1 if the node can decide, as /readyz says.", float(found.ready))
        problems = _family("problem", "1 if this check of /readyz fails.", ("check",))
        for check in CHECKS:
            problems.add_metric([check], float(check in found.problems))
        yield problems
        yield _gauge("database_up", "1 if the database answers.", float("database" not in found.problems))
        success = _family(
            "source_last_success_timestamp_seconds", "Newest sighting a source gave, since 1970.", ("source",)
        )
        failure = _family(
            "source_last_failure_timestamp_seconds", "Newest time a source was not read, since 1970.", ("source",)
        )
        for name, state in found.sources.items():
            if state.success is not None:
                success.add_metric([name], state.success)
            if state.failure is not None:
                failure.add_metric([name], state.failure)
        yield success
        yield failure

    def _head(self) -> Iterator[Metric]:
        seen = self._node.condition.head.newest(max_age=_AGE, wait=_WAIT)
        reachable = seen.error is None and not seen.late
        yield _gauge("chain_reachable", "1 if the chain and the registry could be read.", float(reachable))
        if seen.value is None:
            return
        yield _gauge("chain_head_block", "Newest block seen.", seen.value.number)
        yield _gauge("chain_head_timestamp_seconds", "Time of the newest block seen, since 1970.", seen.value.time)
        standing = _family("operator_standing", "1 for how the key stands in the committee.", ("standing",))
        for item in Standing:
            standing.add_metric([item.value], float(item is seen.value.standing.standing))
        yield standing
        if seen.value.balance is not None:
            yield _gauge("relay_balance_wei", "What the relay's account holds.", seen.value.balance)

    def _filings(self) -> Iterator[Metric]:
        seen = self._node.condition.filings.newest(max_age=_FILINGS_AGE, wait=_WAIT)
        if seen.value is None:
            return
        expiry = _family(
            "approval_expiry_timestamp_seconds", "When an active filing's approval ends, since 1970.", ("filing",)
        )
        for number, state in seen.value.items():
            if state.status is OnChainStatus.APPROVED:
                expiry.add_metric([number], state.valid_until)
        yield expiry
        counts = Counter(state.status for state in seen.value.values())
        yield _counted(
            "filings",
            "Filings by status on chain.",
            "status",
            [item.name for item in OnChainStatus],
            {status.name: count for status, count in counts.items()},
        )
        stored = self._node.condition.stored.newest(max_age=_AGE, wait=_WAIT)
        known = len(stored.value.filings) if stored.value is not None else 0
        hidden = max(known - MAX_FILINGS, 0)
        yield _gauge("filings_not_shown", "Recorded filings beyond those whose state is shown.", hidden)

    def _duties(self) -> Iterator[Metric]:
        swept = self._node.duties.swept
        if swept is None:
            return
        states = Counter(report.state for report in swept[1])
        known = [state.value for state in LifeCycle]
        yield _counted("recorded_filings", "Filings by state in this node's record.", "state", known, states)

    def _watch(self) -> Iterator[Metric]:
        """What the database knows: the same at every replica, whichever ran the newest tick."""
        stored = self._node.condition.stored.newest(max_age=_AGE, wait=_WAIT).value
        if stored is None:
            return
        alerts = _family("alerts", "What a person should look at, as /readyz lists it.", ("kind", "severity"))
        found: Counter[tuple[str, str]] = Counter()
        for (kind, severity), count in stored.alerts.items():
            found[kind if kind in ALERT_KINDS else "other", severity] += count
        for kind in (*ALERT_KINDS, "other"):
            for severity in ("warning", "critical"):
                alerts.add_metric([kind, severity], found[kind, severity])
        yield alerts
        if self._node.config.watch.enabled or stored.ticked is not None:
            # Zero before the first tick: one that never comes is late as well.
            text = "Newest tick of the watch, since 1970; 0: none yet."
            yield _gauge("watch_tick_timestamp_seconds", text, stored.ticked or 0)
        yield _gauge("log_leaves", "Leaves of the append-only log.", stored.log_leaves)
        yield _gauge("relay_transactions_unsettled", "Transactions of the relay that are not final.", stored.unsettled)
        waits = max(time.time() - stored.unmined_since, 0.0) if stored.unmined_since is not None else 0.0
        text = "Age of the relay's oldest transaction that is in no block; 0: none waits."
        yield _gauge("relay_transaction_wait_seconds", text, waits)

    def _endpoints(self) -> Iterator[Metric]:
        """RPC endpoints as they were found when last asked; one that was never asked is left out."""
        labels = ("chain_id", "index", "endpoint")
        up = _family("rpc_endpoint_up", "1 if this endpoint answers, on its chain and not behind the others.", labels)
        for chain in (self._node.config.chain, *self._node.config.chains):
            for item in self._health(chain):
                named = [str(chain.id), str(item.index), endpoint_of(item.shown_url)]
                if item.ok or item.last_error is not None:
                    up.add_metric(named, float(item.ok))
        yield up

    def _health(self, chain: ChainConfig) -> list[EndpointHealth]:
        try:
            return self._node.connections.health(chain)
        except FilingGateError:
            return []  # an address that can't be read: /readyz says so


def _family(name: str, text: str, labels: Sequence[str] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"filing_gate_{name}", text, labels=labels)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"filing_gate_{name}", text, value=value)


def _counted(name: str, text: str, label: str, known: Sequence[str], counts: Counter[str] | dict[str, int]) -> Metric:
    """A gauge with one series for each known value, zero where nothing was counted."""
    family = _family(name, text, (label,))
    for value in known:
        family.add_metric([value], counts.get(value, 0))
    return family
