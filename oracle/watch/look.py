"""One look at a filing: its sources asked anew, its approved dossier judged, its deadlines counted, its needs named."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from oracle.chain.registry import FilingState, Registry
from oracle.domain.approval import OnChainStatus
from oracle.domain.dossier import Dossier
from oracle.domain.life_record import RecordedEvent
from oracle.domain.names import filing_id
from oracle.errors import FilingGateError, UnreachableError
from oracle.node.duties import Report
from oracle.node.service import Node
from oracle.rules.decision import latest_end
from oracle.rules.table import evaluate
from oracle.store.watch_state import Watched, WatchState
from oracle.watch.judge import Judgement, Outcome, judge
from oracle.watch.schedule import next_regular, pause_after, renewal_end, renewal_time

__all__ = ["Look", "Need", "alerts_since", "look", "renew_key", "shown_left", "suspend_key"]

LOG = logging.getLogger("filing_gate.watch")

#: A filing that is revoked or completed is looked at again after this time, in case the chain was reorganised.
FINAL_SECONDS = 86_400

_FINAL = (OnChainStatus.REVOKED, OnChainStatus.COMPLETED)


@dataclass(frozen=True)
class Need:
    """Something to be done on chain: `kind` is "renew" or "suspend". `key` names it for all replicas and restarts."""

    kind: str
    number: str
    sequence: int

    @property
    def key(self) -> str:
        """`<kind>:<filing>:<sequence>`."""
        return f"{self.kind}:0x{filing_id(self.number).hex()}:{self.sequence}"


@dataclass
class Look:
    """What a look found. `need` is None where there is nothing to do; the rest is kept in the database already."""

    report: Report
    outcome: Outcome
    need: Need | None = None
    alerts: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Seen:
    """What is being found out."""

    report: Report
    state: FilingState | None = None
    judgement: Judgement = field(default_factory=lambda: Judgement(Outcome.UNREAD))
    stopped: bool = False
    renewable_until: int | None = None
    alerts: list[tuple[str, str]] = field(default_factory=list)


def renew_key(filing: str, sequence: int) -> str:
    """The key of the renewal of a filing (0x-hex) that stands at a sequence."""
    return f"renew:{filing}:{sequence}"


def suspend_key(filing: str, sequence: int) -> str:
    """The key of its suspension."""
    return f"suspend:{filing}:{sequence}"


def look(
    node: Node,
    watch: WatchState,
    registry: Registry | None,
    number: str,
    now: int,
    record: list[RecordedEvent] | None = None,
    dossiers: Mapping[str, Dossier] | None = None,
) -> Look:
    """Look at a filing (folded number) and keep what was found. `registry` None: the chain could not be reached.

    `record` is the filing's record if it was read in this moment, `dossiers` as in `Duties.looking`. Raises nothing for
    the filing's, a source's or the chain's sake: the outcome and the alerts say what is wrong.
    """
    with node.duties.looking(number, record, dossiers):
        return _look(node, watch, registry, number, now)


def _look(node: Node, watch: WatchState, registry: Registry | None, number: str, now: int) -> Look:
    before = watch.get(number)
    seen = _Seen(Report(number))
    try:
        if registry is None:
            raise UnreachableError("the chain was not read")
        _see(node, registry, number, now, seen)
    except FilingGateError as error:
        seen.judgement = Judgement(Outcome.UNREAD)
        seen.report.unreachable = isinstance(error, UnreachableError)
        seen.report.problems.append(str(error))
    for problem in seen.report.problems:
        LOG.warning("%s: %s", number, problem)
    need = _need(node, number, now, seen)
    found = alerts_since(before.alerts, _alerts(node, watch, number, now, seen, before), now)
    for alert in found:
        if alert["since"] == now:
            LOG.warning("%s: %s", number, alert["text"])
    watch.looked(replace(_scheduled(node, number, now, seen, before), alerts=tuple(found)))
    seen.report.alerts = [alert["text"] for alert in found]
    node.duties.noted(seen.report, now)
    return Look(seen.report, seen.judgement.outcome, need, found)


def _see(node: Node, registry: Registry, number: str, now: int, seen: _Seen) -> None:
    duties, report = node.duties, seen.report
    seen.state = state = duties.sync(number, registry, now)
    if state.status is OnChainStatus.NONE:
        seen.judgement = Judgement(Outcome.NOT_APPROVED)
        return
    try:
        _judge(node, registry, number, now, seen)
    except FilingGateError as error:  # a source that can't even be asked must not keep what is recorded from counting
        report.unreachable = isinstance(error, UnreachableError)
        report.problems.append(str(error))
    # The sources may have taken their time, and an issuer may have declared something in it.
    duties.read_again(number)
    duties.overdue(number, registry, state, now, report)
    folded = duties.folded(number, now)
    report.state, seen.stopped = folded.life.state.value, folded.stopped
    seen.alerts += duties.alerts(number, folded, registry, state, now)


def _judge(node: Node, registry: Registry, number: str, now: int, seen: _Seen) -> None:
    duties, state = node.duties, seen.state
    dossier = duties.approved_dossier(number, state)
    if dossier is None:
        seen.judgement = Judgement(Outcome.NO_DOSSIER)
        return
    if state is not None and state.status in _FINAL:
        seen.judgement = Judgement(Outcome.FINAL)
        return
    case = node.case(dossier, chain=registry, fresh=True, shared=True, now=now)
    seen.judgement = judge(case, evaluate(case))
    if seen.judgement.outcome is Outcome.ADVERSE:
        rules = [item.rule for item in seen.judgement.findings]
        duties.adverse(number, rules, seen.judgement.explanation, registry, now, seen.report)
    elif seen.judgement.outcome is Outcome.CLEAR:
        longest = min(node.config.policy.max_approval_seconds, registry.max_validity())
        seen.renewable_until = renewal_end(node.config.watch, now, longest, latest_end(case))


def _need(node: Node, number: str, now: int, seen: _Seen) -> Need | None:
    state = seen.state
    if state is None or state.status is not OnChainStatus.APPROVED:
        return None
    if seen.stopped:
        return Need("suspend", number, state.sequence)
    if node.relay is None or not node.config.watch.nodes or not _renewable(seen, state):
        return None
    filing = "0x" + filing_id(number).hex()
    due = renewal_time(filing, node.address, node.config.watch, state.valid_until) <= now
    return Need("renew", number, state.sequence) if due else None


def _renewable(seen: _Seen, state: FilingState) -> bool:
    """Whether a renewal would lengthen the window: not at the end of the offer, the filing or a document."""
    return seen.renewable_until is not None and seen.renewable_until > state.valid_until


def _scheduled(node: Node, number: str, now: int, seen: _Seen, before: Watched) -> Watched:
    config, outcome = node.config.watch, seen.judgement.outcome
    filing = "0x" + filing_id(number).hex()
    unclear = outcome in (Outcome.INDETERMINATE, Outcome.UNREAD)
    looks = before.unclear_looks + 1 if unclear else 0
    since = (before.unclear_since if before.unclear_since is not None else now) if unclear else None
    if outcome is Outcome.FINAL:
        at = now + FINAL_SECONDS
    elif unclear:
        at = now + pause_after(looks, config)
    else:
        at = next_regular(filing, node.address, config, now)
    if outcome is Outcome.CLEAR and seen.state is not None and seen.state.status is OnChainStatus.APPROVED:
        begin = renewal_time(filing, node.address, config, seen.state.valid_until)
        at = min(at, begin) if begin > now else at
    if seen.stopped and seen.state is not None and seen.state.status is OnChainStatus.APPROVED:
        at = now + node.config.duties.sweep_seconds  # until the chain shows the suspension
    # The claim stays: a caller killed before it has handed its actions on looks again.
    return Watched(number, at, now, outcome.value, since, looks, claimed_by=before.claimed_by)


def shown_left(valid_until: int, now: int) -> str:
    """How long a window still lasts, in words."""
    left = valid_until - now
    if left <= 0:
        return "minting has stopped: the window has ended"
    return f"minting stops in {left // 3600} h {left % 3600 // 60} min unless it is renewed"


def _alerts(
    node: Node, watch: WatchState, number: str, now: int, seen: _Seen, before: Watched
) -> Iterable[tuple[str, str, str]]:
    """(kind, severity, sentence) of everything a person should look at."""
    state, outcome = seen.state, seen.judgement.outcome
    severities = {"suspension": "critical", "report": "warning", "dossier": "warning", "status": "warning"}
    for kind, text in seen.alerts:
        yield kind, severities[kind], text
    for text in seen.report.problems:
        yield "unread", "warning", text
    if state is None or state.status is not OnChainStatus.APPROVED:
        return
    filing, left = "0x" + filing_id(number).hex(), state.valid_until - now
    near = left <= node.config.watch.renew_before_seconds // 2
    severity = "critical" if near else "warning"
    shown = shown_left(state.valid_until, now)
    if outcome is Outcome.INDETERMINATE:
        since = before.unclear_since if before.unclear_since is not None else now
        when = datetime.fromtimestamp(since, UTC)
        told = f"INDETERMINATE since {when:%Y-%m-%d %H:%M}Z: {seen.judgement.explanation}"
        yield "indeterminate", severity, f"{told}; {shown}"
    if outcome is Outcome.LAPSING:
        yield "lapsing", severity, f"not renewed, {seen.judgement.explanation}; {shown}"
    for action in watch.failed_actions([suspend_key(filing, state.sequence), renew_key(filing, state.sequence)]):
        kind = action.key.split(":", 1)[0]
        if (kind == "suspend") == seen.stopped:
            rank = "critical" if kind == "suspend" else severity
            yield action.failure_kind or kind, rank, f"{kind}, try {action.attempt}: {action.failure}"
    if near and not seen.stopped and (_renewable(seen, state) or outcome is not Outcome.CLEAR):
        yield "expiry", "critical", f"not renewed yet; {shown}"


def alerts_since(
    before: Iterable[dict[str, Any]], found: Iterable[tuple[str, str, str]], now: int
) -> list[dict[str, Any]]:
    """Alerts with keys kind, severity, text, since: one that stood there before keeps the time at which it arose."""
    known = {(item["kind"], item["text"] if item["kind"] in _BY_TEXT else ""): item["since"] for item in before}
    rows = []
    for kind, severity, text in found:
        since = known.get((kind, text if kind in _BY_TEXT else ""), now)
        rows.append({"kind": kind, "severity": severity, "text": text, "since": since})
    return rows


#: Several of these may stand beside each other; of every other kind a filing has one.
_BY_TEXT = frozenset({"report", "status", "unread"})
