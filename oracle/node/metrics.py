"""What a node counts, for Prometheus. One registry of metrics a node; whoever does something reports it here.

Every name begins with `filing_gate_` and ends in its unit. A label takes a bounded number of values: what comes after
the last of them is counted under `other`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from oracle import __version__

__all__ = ["DECISION_KINDS", "SIGNED_KINDS", "Metrics", "endpoint_of"]

DECISION_KINDS = ("approval", "update")
SIGNED_KINDS = ("approval", "update", "suspension")

_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
_OTHER = "other"
_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


def endpoint_of(url: str) -> str:
    """`host` or `host:port` of a URL: user, path and query may hold an access key."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return _OTHER
    return f"{parts.hostname}{port}" if parts.hostname else _OTHER


class _Bounded:
    """Lets the first `limit` different values of a label through. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, value: str) -> str:
        with self._lock:
            if value not in self._known and len(self._known) >= self._limit:
                return _OTHER
            self._known.add(value)
            return value


class Metrics:
    """The counters of one node. Thread-safe; no method raises or waits. Times are seconds, amounts wei and bytes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._rule, self._source, self._job, self._endpoint, self._route = (
            _Bounded(limit) for limit in (100, 40, 20, 40, 60)
        )
        made = self.registry
        Gauge("filing_gate_build_info", "Version of the software.", ("version",), registry=made).labels(
            __version__
        ).set(1)
        self._visits = Counter("filing_gate_source_visits", "Visits to a source.", ("source", "outcome"), registry=made)
        self._visit_seconds = Histogram(
            "filing_gate_source_visit_duration_seconds",
            "Length of a visit to a source.",
            ("source",),
            buckets=_SLOW,
            registry=made,
        )
        self._sightings = Counter(
            "filing_gate_observations", "What sources said, by kind.", ("source", "kind"), registry=made
        )
        self._decisions = Counter(
            "filing_gate_decisions", "Decisions on proposals.", ("kind", "outcome"), registry=made
        )
        self._rules = Counter(
            "filing_gate_rules_not_passed", "Rules that did not pass in a decision.", ("rule",), registry=made
        )
        self._signed = Counter("filing_gate_signatures", "Signatures given.", ("kind",), registry=made)
        self._guarded = Counter(
            "filing_gate_guard_refusals",
            "Proposals that the rules passed and the signature guard refused.",
            registry=made,
        )
        self._job_runs = Counter(
            "filing_gate_job_runs", "Runs of a background job.", ("task", "outcome"), registry=made
        )
        self._job_lag = Gauge(
            "filing_gate_job_lag_seconds", "How much later than planned the newest run began.", ("task",), registry=made
        )
        self._job_success = Gauge(
            "filing_gate_job_last_success_timestamp_seconds",
            "End of the newest run that succeeded, seconds since 1970.",
            ("task",),
            registry=made,
        )
        self._rpc = Counter(
            "filing_gate_rpc_requests",
            "Calls to an Ethereum node; failed: it gave no usable answer.",
            ("endpoint", "outcome"),
            registry=made,
        )
        self._rpc_seconds = Histogram(
            "filing_gate_rpc_request_duration_seconds",
            "Length of a call to an Ethereum node.",
            ("endpoint",),
            buckets=_FAST,
            registry=made,
        )
        self._http = Counter(
            "filing_gate_http_requests",
            "Requests to the API, by the route's template.",
            ("method", "route", "status"),
            registry=made,
        )
        self._http_seconds = Histogram(
            "filing_gate_http_request_duration_seconds",
            "Length of a request to the API.",
            ("method", "route"),
            buckets=_FAST,
            registry=made,
        )
        self._in_progress = Gauge(
            "filing_gate_http_requests_in_progress", "Requests to the API not answered yet.", registry=made
        )
        self._evidence = Counter(
            "filing_gate_evidence_written_bytes", "Bytes written to the evidence store.", registry=made
        )
        # It puts `process_` behind the namespace itself.
        ProcessCollector(namespace="filing_gate", registry=made)
        # A series that is missing until the first event can't be alerted on.
        for kind in DECISION_KINDS:
            for outcome in ("approved", "refused"):
                self._decisions.labels(kind, outcome)
        for kind in SIGNED_KINDS:
            self._signed.labels(kind)

    def expect_source(self, source: str) -> None:
        """A source that is configured: its counters begin at zero."""
        for outcome in ("ok", "failed"):
            self._visits.labels(self._source(source), outcome)

    def add(self, collector: Collector) -> None:
        """Have a collector asked at each scrape."""
        self.registry.register(collector)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format 0.0.4, as `GET /metrics` gives it."""
        return generate_latest(self.registry)

    def observed(self, source: str, kinds: Iterable[str], seconds: float, *, ok: bool) -> None:
        """A source was visited and said things of these kinds; `ok` unless it could not be read."""
        name = self._source(source)
        self._visits.labels(name, "ok" if ok else "failed").inc()
        self._visit_seconds.labels(name).observe(seconds)
        for kind in kinds:
            self._sightings.labels(name, kind).inc()

    def decided(self, kind: str, approved: bool, failed_rules: Iterable[str]) -> None:
        """A proposal of `kind` (approval, update) was decided; `failed_rules` are the ids that did not pass."""
        self._decisions.labels(kind, "approved" if approved else "refused").inc()
        for rule in failed_rules:
            self._rules.labels(self._rule(rule)).inc()

    def signed(self, kind: str) -> None:
        """A signature of `kind` (approval, update, suspension) was given."""
        self._signed.labels(kind).inc()

    def guarded(self) -> None:
        """A proposal passed the rules, and the signature guard did not let it be signed."""
        self._guarded.inc()

    def job(self, name: str, lag: float, ok: bool) -> None:
        """A background job ended that began `lag` seconds later than planned.

        Its label is `task`: Prometheus has a `job` of its own.
        """
        name = self._job(name)
        self._job_runs.labels(name, "ok" if ok else "failed").inc()
        self._job_lag.labels(name).set(max(lag, 0.0))
        if ok:
            self._job_success.labels(name).set(time.time())

    def rpc(self, endpoint: str, ok: bool, seconds: float) -> None:
        """An Ethereum node was called; `endpoint` is its URL or host, of which only the host is kept."""
        name = self._endpoint(endpoint_of(endpoint) if "://" in endpoint else endpoint)
        self._rpc.labels(name, "ok" if ok else "failed").inc()
        self._rpc_seconds.labels(name).observe(seconds)

    def wrote(self, size: int) -> None:
        """Bytes were written to the evidence store."""
        self._evidence.inc(size)

    def began_request(self) -> None:
        """A request to the API came in; `ended_request` must follow."""
        self._in_progress.inc()

    def ended_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """It was answered; `route` is the template of its path, e.g. /v1/filings/{number}."""
        self._in_progress.dec()
        name, verb = self._route(route), method if method in _METHODS else _OTHER
        self._http.labels(verb, name, str(status)).inc()
        self._http_seconds.labels(verb, name).observe(seconds)
