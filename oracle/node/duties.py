"""Duties after the filing (P8): the record of each filing, the deadlines, and the suspension that follows a breach.

`Duties.take` records what an issuer states, `Duties.sweep` does what time and chain ask for; both may be repeated at
any moment and by several processes. What is to be stopped is known from the record alone, so nothing is forgotten
between signing a suspension and sending it: as long as the record says stop and the chain does not, it is sent again.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from pydantic import ValidationError

from oracle.chain.durable_sender import DurableSender, NotMinedYetError, Standing
from oracle.chain.events import Event
from oracle.chain.filing_history import block_time, filing_events, latest_block, since_newest_approval
from oracle.chain.registry import FilingState, Registry
from oracle.chain.sender import Sender
from oracle.chain.snapshot import Snapshot
from oracle.domain.approval import OnChainStatus, OperatorSignature, Suspension
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier, problems_of
from oracle.domain.filing import FilingQuery
from oracle.domain.filing_statement import FilingStatement, SignedStatement, statement_message
from oracle.domain.life_record import Folded, RecordedEvent, RecordKind, fold, recorded_reports
from oracle.domain.lifecycle import LifeCycle, PublishedStatus
from oracle.domain.names import filing_id, fold_number, parse_number
from oracle.domain.reason import decode_reason, encode_reason
from oracle.domain.reporting import DueReport, RecordedReport, ReportState, recorded_due, reports_due
from oracle.errors import FilingGateError, InputError, RefusedError, UnreachableError
from oracle.node.config import NodeConfig
from oracle.node.connections import Connections
from oracle.node.facts import planned_facts
from oracle.rules.calendar_months import months_after
from oracle.rules.case import SHANGHAI, Case
from oracle.rules.filing import CLOCK_SKEW_SECONDS
from oracle.rules.life_events import seen_events
from oracle.rules.table import applied
from oracle.signing.content import sign_document, sign_text
from oracle.signing.eip712 import Domain, suspension_digest
from oracle.signing.keys import Signer
from oracle.signing.personal_message import message_digest
from oracle.signing.recovery import InvalidSignature, recover
from oracle.store.database import Database

__all__ = [
    "EVENTS_SHOWN",
    "Duties",
    "Facts",
    "ForbiddenError",
    "Report",
    "Taken",
    "UnknownFilingError",
]

LOG = logging.getLogger("filing_gate.duties")

#: A statement older than this is signed anew: an old one that somebody kept must not stop a filing later.
STATEMENT_SECONDS = 86_400

#: What is said where a suspension waits for somebody to relay it.
NO_RELAY = (
    "the suspension is signed and not on chain: no [relay] is configured; anybody may bring it there with "
    "`filing-gate suspend --node`"
)

#: Filings without a record that one sweep asks the chain for; the newest dossiers first.
MAX_UNRECORDED = 20_000

#: Rows of the record in one view.
EVENTS_SHOWN = 200

_CHAIN_KINDS = frozenset(
    {RecordKind.APPROVED, RecordKind.RENEWED, RecordKind.SUSPENDED, RecordKind.RESUMED, RecordKind.CLOSED}
)
_SEEN_KINDS = frozenset({RecordKind.OBSERVED, RecordKind.GONE})


class ForbiddenError(RefusedError):
    """Whoever signed has no right to state this."""


class UnknownFilingError(InputError):
    """This node has neither a record nor a dossier of the filing."""


@dataclass(frozen=True)
class Facts:
    """What record and store contribute to a case (see `Case`); `on_chain` is the newest approval's dossier there."""

    on_chain: str | None
    approved: tuple[str, ...]
    recorded: tuple[RecordedReport, ...]
    state: LifeCycle | None


@dataclass(frozen=True)
class Taken:
    """What became of a statement. `done` is False while a filing that is to be stopped is not stopped on chain."""

    new: bool
    done: bool
    view: dict[str, Any]


@dataclass
class Report:
    """What a sweep found at one filing: its state, what it did, what a person should look at, what failed."""

    number: str
    state: str = LifeCycle.UNKNOWN.value
    done: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unreachable: bool = False

    def as_json(self) -> dict[str, Any]:
        """Keys number, state, done, alerts, problems."""
        return {
            "number": self.number,
            "state": self.state,
            "done": self.done,
            "alerts": self.alerts,
            "problems": self.problems,
        }


class Duties:
    """One node's duties. Thread-safe; several processes may share a database."""

    def __init__(
        self,
        config: NodeConfig,
        database: Database,
        registry: Callable[[], Registry],
        signer: Signer,
        relay: Sender | None = None,
        signed: Callable[[str], None] = lambda _kind: None,
        connections: Connections | None = None,
    ) -> None:
        """`signed` is told the kind of each signature given."""
        self._tell_signed = signed
        self._config = config
        self._database = database
        self._registry = registry
        self._signer = signer
        self._relay = relay
        self._connections = connections or Connections()
        self._domain = Domain(config.chain.id, config.chain.registry)
        self._lock = threading.Lock()
        self._memory = threading.local()
        self._filings: tuple[tuple[int, int], tuple[str, ...]] | None = None
        self._swept_at: int | None = None
        self._reports: dict[str, Report] = {}
        #: How the relay's transactions stood when last looked at; None before, and for a relay that keeps no book.
        self.standing: Standing | None = None

    # The record ------------------------------------------------------------------------------------------------------

    @contextmanager
    def looking(
        self,
        number: str,
        record: list[RecordedEvent] | None = None,
        dossiers: Mapping[str, Dossier] | None = None,
    ) -> Iterator[None]:
        """Within the block this thread reads a filing's record once, and again after it has added to it.

        What another process records meanwhile counts at the next look, as if it came after this one. `record` is what
        was read of it in this moment, `dossiers` are some by their hash that need not be read.
        """
        self._memory.record = {} if record is None else {number: record}
        self._memory.dossiers = dict(dossiers or {})
        try:
            yield
        finally:
            self._memory.record = self._memory.dossiers = None

    def read_again(self, number: str) -> None:
        """Within `looking`: what was recorded since the block began counts from here on."""
        memory = getattr(self._memory, "record", None)
        if memory is not None:
            memory.pop(number, None)

    def _record(self, number: str) -> list[RecordedEvent]:
        memory: dict[str, list[RecordedEvent]] | None = getattr(self._memory, "record", None)
        if memory is None:
            return self._database.filing_events(number)
        if number not in memory:
            memory[number] = self._database.filing_events(number)
        return memory[number]

    def _dossier(self, name: str) -> Dossier | None:
        memory: dict[str, Dossier] | None = getattr(self._memory, "dossiers", None)
        if memory is None:
            return self._database.dossier(name)
        if name not in memory:
            memory |= self._database.dossiers_of([name])
        return memory.get(name)

    def _add(self, number: str, key: str, item: RecordedEvent) -> bool:
        added = self._database.add_filing_event(number, key, item)
        self.read_again(number)
        return added

    def approved_dossiers(self, records: Mapping[str, Sequence[RecordedEvent]]) -> dict[str, Dossier]:
        """By their hash, the dossiers of the newest approvals in these records, read at once."""
        approved = ([item for item in events if item.kind is RecordKind.APPROVED] for events in records.values())
        return self._database.dossiers_of([rows[-1].content["dossierHash"] for rows in approved if rows])

    def glance(
        self, registry: Registry, records: Mapping[str, Sequence[RecordedEvent]], dossiers: Iterable[Dossier]
    ) -> Snapshot:
        """The registry as it stands now; all that looks at these filings (by folded number) ask of it is read at once.

        `dossiers` are those of `approved_dossiers`. UnreachableError if the chain can't be read.
        """
        blocks: dict[str, int | None] = {}
        for number, events in records.items():
            rows = [item for item in events if item.kind in _CHAIN_KINDS]
            blocks[_id(number)] = int(rows[-1].content["block"]) if rows else None
        own = f"eip155:{self._config.chain.id}"
        tokens = [item.contract for dossier in dossiers for item in dossier.issue_plan.tranches if item.chain == own]
        return Snapshot(registry, blocks, tokens, self._connections.constants)

    # What is known ---------------------------------------------------------------------------------------------------

    def facts(self, number: str, registry: Registry, now: int) -> Facts:
        """What record and store know of a filing (folded number), after the chain was read.

        A filing that was never approved on chain has no state: there is nothing to suspend, and the rules alone decide.
        """
        chain = self.sync(number, registry, now)
        events = self._record(number)
        approval = _newest_approval(events, chain)
        # Before the first approval on chain, what this node has signed is what a fresh dossier would sidestep.
        known = approval.content["dossierHash"] if approval else self._database.newest_signed_dossier(_id(number))
        state = fold(events, now).life.state if approval and chain.sequence else None
        on_chain = approval.content["dossierHash"] if approval else None
        return Facts(on_chain, (known,) if known else (), recorded_reports(events), state)

    def observed(self, case: Case, *, trusted: bool) -> None:
        """Record what the sources say of a case's filing, if it is news.

        A dossier that anybody may have handed in says which rows of a table are looked at; unless it is `trusted`
        (approved on chain), only wordings that nobody knows are recorded, which move nothing and raise an alert.
        """
        if case.number is None:
            return
        for event in seen_events(case):
            unmapped = isinstance(event, PublishedStatus) and event.status is None
            if trusted or unmapped:
                self._record_seen(case.number, event if isinstance(event, PublishedStatus) else None, case)

    def _record_seen(self, number: str, event: PublishedStatus | None, case: Case) -> None:
        seen = [item for item in self._record(number) if item.kind in _SEEN_KINDS]
        by, evidence = "sources", None
        if event is None:
            item = RecordedEvent(RecordKind.GONE, case.now, by)
        else:
            content = {
                "status": event.status.value if event.status else None,
                "level": event.level,
                "wording": event.wording[:200],
                "validUntil": event.valid_until,
                "revision": event.revision,
            }
            shown = case.standing.observation
            if shown is not None:
                by, evidence = shown.source, shown.sha256
            item = RecordedEvent(RecordKind.OBSERVED, case.now, by, content, evidence)
        if seen and (seen[-1].kind, dict(seen[-1].content)) == (item.kind, dict(item.content)):
            return
        if event is not None and event.status is None:
            if any(dict(old.content) == dict(item.content) for old in seen[-20:]):
                return
            LOG.warning("%s: unmapped status %r: state kept, look at the source", number, event.wording[:200])
        self._add(number, f"seen:{len(seen)}:{item.content.get('status')}", item)

    def sync(self, number: str, registry: Registry, now: int) -> FilingState:
        """Bring the record up to what the chain says of the filing. UnreachableError if it can't be read."""
        filing = _id(number)
        state = registry.filing_state(filing)
        if state.sequence == 0:
            return state
        head = latest_block(registry)
        events = self._record(number)
        rows = [item for item in events if item.kind in _CHAIN_KINDS]
        first = self._known_block(rows, registry, filing, head)
        if first is None:
            found = since_newest_approval(registry, filing, head)
        elif rows[-1].content["sequence"] == state.sequence:
            found = []
        else:
            found = filing_events(registry, filing, first, head)
        for event in found:
            self._record_chain(number, event, registry, now)
        dossier = self.approved_dossier(number, state)
        if dossier is not None:
            self._record_dossier(number, dossier, registry, now)
        return state

    @staticmethod
    def _known_block(rows: Sequence[RecordedEvent], registry: Registry, filing: str, head: int) -> int | None:
        """The block of the newest recorded change if the chain still has it there; None after a reorganisation."""
        if not rows or rows[-1].content["block"] > head:
            return None
        block = int(rows[-1].content["block"])
        there = {event.transaction for event in filing_events(registry, filing, block, block)}
        return block if rows[-1].content["transaction"] in there else None

    def _record_chain(self, number: str, event: Event, registry: Registry, now: int) -> None:
        values = event.values
        content: dict[str, Any] = {
            "sequence": int(values["sequence"]),
            "block": event.block,
            "transaction": event.transaction,
        }
        by = f"registry {registry.address}"
        if event.name == "FilingApproved":
            kind = RecordKind.APPROVED
            name = "0x" + values["dossierHash"].hex()
            dossier = self._dossier(name)
            content |= {
                "dossierHash": name,
                "term": self._term(dossier, now),
                "revision": dossier.revision if dossier else 1,
            }
        elif event.name == "FilingSuspended":
            kind, by = RecordKind.SUSPENDED, str(values["operator"])
            content["reason"] = decode_reason(values["reason"])
        else:
            kind = self._kind_of_update(number, event, registry)
            if kind is RecordKind.CLOSED:
                content["status"] = OnChainStatus(values["status"]).name
            elif kind is RecordKind.RESUMED:
                content["signers"] = registry.threshold()
        key = f"chain:{event.block}:{event.transaction}:{event.log_index}"
        if self._add(number, key, RecordedEvent(kind, now, by, content)):
            LOG.info("%s: %s on chain, sequence %s", number, kind.value, content["sequence"])

    def _kind_of_update(self, number: str, event: Event, registry: Registry) -> RecordKind:
        """A renewal lifts nothing, and neither does a resumption that is older than the newest reason to stop."""
        status = OnChainStatus(event.values["status"])
        if status in (OnChainStatus.REVOKED, OnChainStatus.COMPLETED):
            return RecordKind.CLOSED
        if status is OnChainStatus.SUSPENDED:
            return RecordKind.SUSPENDED
        events = self._record(number)
        before = [item for item in events if item.kind in _CHAIN_KINDS]
        if not before or before[-1].kind is not RecordKind.SUSPENDED:
            return RecordKind.RENEWED
        stops = [item for item in events if _stops(item)]
        if not stops:
            return RecordKind.RESUMED
        block = stops[-1].content.get("block")
        if block is not None:
            return RecordKind.RESUMED if event.block > block else RecordKind.RENEWED
        # The chain could not be read then: its clock has to do.
        late = block_time(registry, event.block) >= stops[-1].at
        return RecordKind.RESUMED if late else RecordKind.RENEWED

    def _record_dossier(self, number: str, dossier: Dossier, registry: Registry, now: int) -> None:
        """What the approved dossier and the tokens it names say: something was issued, the issue was completed."""
        events = self._record(number)
        if not any(item.kind is RecordKind.MINTED for item in events) and self._issued(dossier, registry):
            minted = RecordedEvent(RecordKind.MINTED, now, f"registry {registry.address}")
            self._add(number, "minted", minted)
        today = _today(now)
        for report in dossier.post_filing.reports:
            if report.kind != "COMPLETION" or report.reported_on is None or report.reported_on > today:
                continue
            content = {
                "kind": report.kind,
                "eventOn": report.event_on.isoformat(),
                "reportedOn": report.reported_on.isoformat(),
                "statement": "dossier",
            }
            shown = next((item.sha256 for item in dossier.evidence if item.id == report.evidence), None)
            item = RecordedEvent(RecordKind.REPORTED, now, "approved dossier", content, shown)
            self._add(number, f"dossier:{report.kind}:{report.event_on}", item)

    def _term(self, dossier: Dossier | None, now: int) -> int:
        """The end of the filing's term as the approved dossier states it, else by the policy's analogy (FILE-4)."""
        policy = self._config.policy
        own = dossier.filing if dossier else None
        end = own.valid_until if own else None
        if end is None and any(rule.id == "FILE-4" for rule in applied(policy)):
            start = own.decision_date if own and own.decision_date else _today(now)
            end = months_after(start, policy.default_validity_months)
        return int(datetime.combine(end or date.max, time(), SHANGHAI).timestamp())

    def approved_dossier(self, number: str, state: FilingState | None) -> Dossier | None:
        """The dossier of the newest approval on chain; None if there is no approval, or the dossier was never given."""
        approval = _newest_approval(self._record(number), state)
        return self._dossier(approval.content["dossierHash"]) if approval else None

    def _issued(self, dossier: Dossier, registry: Registry) -> bool | None:
        """Whether anything was issued on any chain; None where none is known and one was not read."""
        facts = planned_facts(dossier, self._config, registry, self._connections.registry)
        if any(item.issued > 0 for item in facts):
            return True
        return False if len(facts) == len(dossier.issue_plan.tranches) else None

    def due(self, number: str, registry: Registry | None, state: FilingState | None) -> tuple[DueReport, ...]:
        """Every report made or owed under a filing, by its approved dossier and its record."""
        recorded = recorded_reports(self._record(number))
        days = self._config.policy.report_working_days
        dossier = self.approved_dossier(number, state)
        if dossier is None:
            return recorded_due(recorded, days)
        issued = self._issued(dossier, registry) if registry is not None else None
        return reports_due(dossier, days, issued=issued, recorded=recorded)

    # What an issuer states -------------------------------------------------------------------------------------------

    def take(self, raw_number: str, signed: SignedStatement, now: int) -> Taken:
        """Record a signed statement, and stop the filing at once if it declares a major risk.

        ForbiddenError for a signer without the right, UnknownFilingError for a filing this node knows nothing of,
        RefusedError for a major risk of a filing that was never approved, InputError for anything else that is wrong.
        A repeat changes nothing and answers as the first did.
        """
        number = parse_number(raw_number, self._config.policy.number_pattern)
        statement = signed.statement
        self._check_signer(number, signed)
        sha256 = hashlib.sha256(canonical_bytes(statement.model_dump(mode="json", by_alias=True))).hexdigest()
        events = self._record(number)
        known = any(item.content.get("statement") == sha256 for item in events)
        if not known:
            self._check_time(signed, now)
            if not events and number not in self._database.dossier_numbers(MAX_UNRECORDED):
                raise UnknownFilingError(
                    "this node has no dossier of this filing", where=number, remedy="POST /v1/dossiers first"
                )
        registry, state, problem = self._read_chain(number, now)
        stops = statement.act == "DECLARE" and statement.kind == "MAJOR_RISK"
        if not known and stops and state is not None and state.status is OnChainStatus.NONE:
            raise RefusedError(
                "the filing was never approved on this chain, so there is nothing to suspend",
                where=number,
                remedy="write the event into the dossier: postFiling.reports",
            )
        content = {
            "kind": statement.kind,
            "eventOn": statement.event_on.isoformat(),
            **({"reportedOn": statement.reported_on.isoformat()} if statement.reported_on else {}),
            "what": statement.what,
            "statement": sha256,
            "signature": signed.signature,
            "at": statement.at,
            "block": _head(registry),
        }
        kind = RecordKind.DECLARED if statement.act == "DECLARE" else RecordKind.REPORTED
        item = RecordedEvent(kind, now, signed.by, content, statement.evidence)
        new = not known and self._add(number, f"statement:{sha256}", item)
        if new:
            LOG.warning("%s: %s %s of %s by %s", number, statement.act, statement.kind, statement.event_on, signed.by)
        done = True
        if self.folded(number, now).stopped:
            report = Report(number, problems=[problem] if problem else [])
            on_chain = registry is not None and self.stop(number, registry, report, now)
            done = on_chain or not stops
            problem = "; ".join(report.problems) or None
        view = self.view(number, now)
        return Taken(new, done, {**view, "new": new, "done": done, "problem": problem})

    def own_statement(self, raw_number: str, what: str, event_on: date, at: int) -> SignedStatement:
        """A major risk of a filing declared by this node's own key, to be given to `take`. InputError names a field."""
        fields = {
            "act": "DECLARE",
            "kind": "MAJOR_RISK",
            "number": parse_number(raw_number, self._config.policy.number_pattern),
            "chainId": self._config.chain.id,
            "registry": self._config.chain.registry,
            "eventOn": event_on.isoformat(),
            "what": what,
            "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds"),
        }
        try:
            statement = FilingStatement.model_validate_json(canonical_bytes(fields))
        except ValidationError as error:
            rows = problems_of(error)
            raise InputError(
                rows[0]["problem"], where=rows[0]["field"], remedy="correct the field", details=rows
            ) from None
        signature = "0x" + sign_text(self._signer, statement_message(statement)).hex()
        return SignedStatement(statement=statement, by=self._signer.address, signature=signature)

    def _check_signer(self, number: str, signed: SignedStatement) -> None:
        statement, config = signed.statement, self._config
        expected = {
            "number": (fold_number(statement.number), number),
            "chainId": (statement.chain_id, config.chain.id),
            "registry": (statement.registry, config.chain.registry),
        }
        for name, (given, own) in expected.items():
            if given != own:
                raise InputError(
                    f"the statement is for {given}, this is {own}", where=f"statement.{name}", remedy="sign it for this"
                )
        try:
            signer = recover(message_digest(statement_message(statement)), bytes.fromhex(signed.signature[2:]))
        except InvalidSignature as error:
            raise ForbiddenError(f"not a signature: {error}", where="signature", remedy="sign it again") from None
        if signer != signed.by:
            raise ForbiddenError(
                f"the signature is not {signed.by}'s", where="signature", remedy="sign exactly the statement sent"
            )
        allowed = signer == self._signer.address or any(
            item.address == signer and (not item.filings or number in map(fold_number, item.filings))
            for item in config.duties.declarants
        )
        if not allowed:
            raise ForbiddenError(
                f"{signer} may not speak for {number} at this node",
                where="by",
                remedy="the operator names declarants under [duties] in its configuration",
            )

    @staticmethod
    def _check_time(signed: SignedStatement, now: int) -> None:
        statement = signed.statement
        if not now - STATEMENT_SECONDS <= statement.signed_at <= now + CLOCK_SKEW_SECONDS:
            raise InputError(
                f"signed at {statement.at}, which is not within the last day", where="statement.at", remedy="sign anew"
            )
        for name, day in (("eventOn", statement.event_on), ("reportedOn", statement.reported_on)):
            if day is not None and day > _today(now):
                raise InputError(f"{day} has not come yet", where=f"statement.{name}", remedy="state it when it has")

    def _read_chain(self, number: str, now: int) -> tuple[Registry | None, FilingState | None, str | None]:
        try:
            registry = self._registry()
            return registry, self.sync(number, registry, now), None
        except FilingGateError as error:
            return None, None, f"the chain was not read: {error}"

    # What time asks for ----------------------------------------------------------------------------------------------

    def sweep(self, now: int) -> tuple[Report, ...]:
        """Look at every filing once: what changed on chain, which report is overdue, which stop is not on chain yet.

        Raises nothing for one filing's or the chain's sake: its `problems` say what failed, and the next sweep tries
        again. Sweeping twice, or two at once, does no harm: a suspension that is there already changes nothing.
        """
        with self._lock:
            self.tend()
            recorded = set(self._database.recorded_filings())
            reports = tuple(self._sweep_one(number, now) for number in self.filings())
            before = {(item.number, text) for item in self._reports.values() for text in item.alerts}
            for report in reports:
                for text in report.alerts:
                    if (report.number, text) not in before:
                        LOG.warning("%s: %s", report.number, text)
            kept = tuple(report for report in reports if report.number in recorded or report.done or report.problems)
            self._swept_at, self._reports = now, {report.number: report for report in kept}
            return kept

    def tend(self) -> Standing | None:
        """Bring on the relay's transactions that are not final: sent again, replaced, followed. None without a book.

        Raises nothing for the chain's sake: the log says what failed, and the next call tries again.
        """
        if not isinstance(self._relay, DurableSender):
            return None
        try:
            standing = self._relay.tend(self._registry().w3)
        except FilingGateError as error:
            LOG.warning("the relay's transactions were not looked at: %s", error)
            return None
        for text in standing.alerts:
            if self.standing is None or text not in self.standing.alerts:
                LOG.warning("relay: %s", text)
        self.standing = standing
        return standing

    def filings(self) -> list[str]:
        """The folded numbers of all filings with a record, and of the newest dossiers without one."""
        counted = self._database.counted()
        if self._filings is None or self._filings[0] != counted:
            # Counted before they are read: what comes in between is read again the next time.
            recorded = self._database.recorded_filings()
            known = set(recorded)
            others = [name for name in self._database.dossier_numbers(MAX_UNRECORDED) if name not in known]
            self._filings = counted, (*recorded, *others)
        return list(self._filings[1])

    def noted(self, report: Report, now: int) -> None:
        """Put one filing's report into `swept`."""
        with self._lock:
            self._swept_at = now
            self._reports[report.number] = report

    @property
    def swept(self) -> tuple[int, tuple[Report, ...]] | None:
        """When the newest sweep or look ended (seconds since 1970) and what was found; None before the first."""
        with self._lock:
            return None if self._swept_at is None else (self._swept_at, tuple(self._reports.values()))

    def _sweep_one(self, number: str, now: int) -> Report:
        report = Report(number)
        try:
            registry, state, problem = self._read_chain(number, now)
            if problem is not None:
                report.unreachable = True
                report.problems.append(problem)
            events = self._record(number)
            if not events:
                return report
            self._sighted(number, state, now)
            self.overdue(number, registry, state, now, report)
            if registry is not None and self.folded(number, now).stopped:
                self.stop(number, registry, report, now)
            folded = self.folded(number, now)
            report.state = folded.life.state.value
            report.alerts += [text for _, text in self.alerts(number, folded, registry, state, now)]
        except FilingGateError as error:
            report.unreachable = isinstance(error, UnreachableError)
            report.problems.append(str(error))
        for problem in report.problems:
            LOG.warning("%s: %s", number, problem)
        return report

    def _sighted(self, number: str, state: FilingState | None, now: int) -> None:
        """Record what the newest stored sighting of the approved dossier's filing says."""
        dossier = self.approved_dossier(number, state)
        if dossier is None:
            return
        seen = self._database.last_sighting(FilingQuery(number=number, entity_name=dossier.filing_entity.name_zh))
        earlier = self._database.earlier_publications(number)
        self.observed(Case(dossier, self._config.policy, now, tuple(seen), tuple(earlier)), trusted=True)

    def overdue(
        self, number: str, registry: Registry | None, state: FilingState | None, now: int, report: Report
    ) -> None:
        """Record every report that is overdue; `report.done` tells of those that are news."""
        for row in self.due(number, registry, state):
            self._overdue(number, row, registry, now, report)

    def adverse(
        self, number: str, rules: Sequence[str], explanation: str, registry: Registry, now: int, report: Report
    ) -> None:
        """Record that rules failed on what was seen, which stops the filing: once, and again after a resumption."""
        events = self._record(number)
        resumed = sum(item.kind is RecordKind.RESUMED for item in events)
        content: dict[str, Any] = {"rules": list(rules), "explanation": explanation[:500], "block": _head(registry)}
        item = RecordedEvent(RecordKind.ADVERSE, now, "rules", content)
        if self._add(number, f"adverse:{','.join(rules)}:{resumed}"[:200], item):
            report.done.append(f"{', '.join(rules)} failed on what was seen: suspended by the record")

    def _overdue(self, number: str, row: DueReport, registry: Registry | None, now: int, report: Report) -> None:
        """Record an overdue report, which stops the filing: once, and again if it still stands after a resumption."""
        if row.state(_today(now)) is not ReportState.OVERDUE:
            return
        events = self._record(number)
        resumed = sum(item.kind is RecordKind.RESUMED for item in events)
        content: dict[str, Any] = {"kind": row.kind, "eventOn": row.event_on.isoformat(), "due": str(row.due)}
        content["block"] = _head(registry)
        item = RecordedEvent(RecordKind.OVERDUE, now, "clock", content)
        if self._add(number, f"overdue:{row.kind}:{row.event_on}:{resumed}", item):
            report.done.append(f"{row.kind} report of {row.event_on} was due on {row.due}: suspended by the record")

    def stop(self, number: str, registry: Registry, report: Report, now: int) -> bool:
        """Bring the suspension on chain if it is not there; True only when the chain shows that nothing may be minted.

        The signature is stored before it leaves. Raises nothing: `report.problems` says what failed.
        """
        filing, failure = _id(number), ""
        for _ in range(2):  # once more if the filing's sequence moved in between
            try:
                state = registry.filing_state(filing)
                if state.status is not OnChainStatus.APPROVED:
                    return state.status is not OnChainStatus.NONE
                suspension, signature = self.sign_suspension(number, state, now)
                if self._relay is None:
                    report.problems.append(NO_RELAY)
                    return False
                transaction = self.send_suspension(number, registry, suspension, signature, now)
            except NotMinedYetError as error:
                report.problems.append(f"the suspension is sent and not on chain yet: {error}")
                return False
            except FilingGateError as error:
                failure = f"the suspension is signed and could not be brought on chain: {error}"
                continue
            report.done.append(f"suspended on chain, transaction {transaction}")
            return self._confirmed(number, registry, report, now)
        report.problems.append(failure)
        return False

    def _confirmed(self, number: str, registry: Registry, report: Report, now: int) -> bool:
        try:
            return self.sync(number, registry, now).status is OnChainStatus.SUSPENDED
        except (UnreachableError, RefusedError) as error:
            report.problems.append(f"whether the suspension took effect was not read: {error}")
            return False

    def sign_suspension(self, number: str, state: FilingState, now: int) -> tuple[Suspension, OperatorSignature]:
        """This node's signature over a suspension at the filing's present sequence, stored before it is returned."""
        reason = encode_reason(self._reason(number))
        suspension = Suspension(filing=_id(number), sequence=state.sequence, reason=reason)
        digest = suspension_digest(self._domain, suspension)
        signed = sign_document(self._signer, self._domain, suspension)
        signature = OperatorSignature(operator=self._signer.address, signature="0x" + signed.hex())
        content = {
            "suspension": suspension.model_dump(mode="json", by_alias=True),
            "signature": signature.model_dump(mode="json", by_alias=True),
        }
        item = RecordedEvent(RecordKind.SIGNED, now, self._signer.address, content)
        if self._add(number, f"signed:0x{digest.hex()}", item):
            self._tell_signed("suspension")
        return suspension, signature

    def send_suspension(
        self, number: str, registry: Registry, suspension: Suspension, signature: OperatorSignature, now: int
    ) -> str:
        """Bring a signed suspension on chain by the relay; returns the transaction's hash, 0x-hex.

        RefusedError if there is no relay, or the chain says no; UnreachableError if it does not answer.
        """
        if self._relay is None:
            raise RefusedError(NO_RELAY)
        receipt = registry.suspend_by_signature(self._relay, suspension, signature)
        transaction = "0x" + bytes(receipt["transactionHash"]).hex()
        sent = {"sequence": suspension.sequence, "transaction": transaction}
        item = RecordedEvent(RecordKind.SENT, now, self._relay.address, sent)
        self._add(number, f"sent:{transaction}", item)
        return transaction

    def _reason(self, number: str) -> str:
        """Why, in the 32 bytes that the chain keeps in words."""
        stops = [item for item in self._record(number) if _stops(item)]
        if not stops:
            return "regulator's page contradicts"
        if stops[-1].kind is RecordKind.ADVERSE:
            return f"failed: {', '.join(stops[-1].content['rules'])}"
        kind = stops[-1].content["kind"].lower().replace("_", " ")
        return f"{kind} declared" if stops[-1].kind is RecordKind.DECLARED else f"{kind} report overdue"

    # What a person sees ----------------------------------------------------------------------------------------------

    def folded(self, number: str, now: int) -> Folded:
        """Where the filing stands by its record."""
        return fold(self._record(number), now)

    def view(
        self, raw_number: str, now: int, *, events: int = EVENTS_SHOWN, before: int | None = None
    ) -> dict[str, Any]:
        """What `GET /v1/filings/{number}/duties` says. UnknownFilingError if there is no record of the filing.

        Of the record it shows the newest `events` rows, or the newest that come before row `before` (counted from 0).
        """
        number = parse_number(raw_number, self._config.policy.number_pattern)
        registry, state, problem = self._read_chain(number, now)
        recorded = self._record(number)
        if not recorded:
            raise UnknownFilingError(
                "this node has no record of this filing", where=number, remedy="it begins with the first approval"
            )
        folded = self.folded(number, now)
        alerts = [text for _, text in self.alerts(number, folded, registry, state, now)]
        # The record only grows, so a row's place in it never changes.
        end = len(recorded) if before is None else min(before, len(recorded))
        first = max(0, end - events)
        return {
            "number": number,
            "filing": _id(number),
            "operator": self._signer.address,
            "state": folded.life.state.value,
            "since": folded.life.at,
            "stopped": folded.stopped,
            "onChain": None if state is None else {"status": state.status.name, "sequence": state.sequence},
            "suspension": self._to_relay(recorded, state),
            "reportWorkingDays": self._config.policy.report_working_days,
            "duties": [_due_json(row, _today(now)) for row in self.due(number, registry, state)],
            "alerts": [*alerts, *([problem] if problem else [])],
            "history": [alert.as_json() for alert in folded.alerts[-100:]],
            "events": [item.as_json() for item in recorded[first:end]],
            "earlierEvents": first or None,
        }

    @staticmethod
    def _to_relay(events: Sequence[RecordedEvent], state: FilingState | None) -> dict[str, Any] | None:
        """The signed suspension that would take effect now, for anybody to relay."""
        signed = [item.content for item in events if item.kind is RecordKind.SIGNED]
        if not signed or (state is not None and state.status is not OnChainStatus.APPROVED):
            return None
        newest = signed[-1]
        return dict(newest) if state is None or newest["suspension"]["sequence"] == state.sequence else None

    def alerts(
        self, number: str, folded: Folded, registry: Registry | None, state: FilingState | None, now: int
    ) -> list[tuple[str, str]]:
        """What a person should look at now: (kind, sentence). Kinds: suspension, status, dossier, report."""
        today = _today(now)
        found = []
        if folded.stopped and (state is None or state.status is OnChainStatus.APPROVED):
            found.append(("suspension", "to be suspended, and not suspended on chain"))
        seen = [item for item in self._record(number) if item.kind in _SEEN_KINDS]
        if seen and seen[-1].kind is RecordKind.OBSERVED and seen[-1].content["status"] is None:
            wording = seen[-1].content["wording"]
            found.append(("status", f"unmapped status {wording!r}: where the filing stands is INDETERMINATE"))
        if self.approved_dossier(number, state) is None:
            text = "the approved dossier is not known here: its deadlines are not watched; hand it in"
            found.append(("dossier", text))
        for row in self.due(number, registry, state):
            standing = row.state(today)
            if standing is ReportState.OVERDUE:
                found.append(("report", f"the {row.kind} report of {row.event_on} was due on {row.due}"))
            elif standing is ReportState.UNKNOWN:
                why = "beyond the working-day calendar" if row.due is None else "the chain was not read"
                text = f"INDETERMINATE whether the {row.kind} report of {row.event_on} is overdue: {why}"
                found.append(("report", text))
            elif row.due is None and row.reported_on is None:
                text = f"the deadline of the {row.kind} report of {row.event_on} lies beyond the calendar"
                found.append(("report", text))
        return found


def _head(registry: Registry | None) -> int | None:
    """The newest block, after which a resumption must come to lift a stop; None if the chain can't be read."""
    try:
        return latest_block(registry) if registry is not None else None
    except (UnreachableError, RefusedError):
        return None


def _id(number: str) -> str:
    return "0x" + filing_id(number).hex()


def _today(now: int) -> date:
    return datetime.fromtimestamp(now, UTC).astimezone(SHANGHAI).date()


def _stops(item: RecordedEvent) -> bool:
    """Whether a row is this node's own reason to stop."""
    return item.kind in (RecordKind.OVERDUE, RecordKind.ADVERSE) or (
        item.kind is RecordKind.DECLARED and item.content["kind"] == "MAJOR_RISK"
    )


def _newest_approval(events: Sequence[RecordedEvent], state: FilingState | None) -> RecordedEvent | None:
    """The newest approval recorded; none if the chain is behind it, as after a reorganisation."""
    rows = [item for item in events if item.kind is RecordKind.APPROVED]
    if not rows or (state is not None and rows[-1].content["sequence"] > state.sequence):
        return None
    return rows[-1]


def _due_json(row: DueReport, today: date) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "where": row.where,
        "eventOn": row.event_on.isoformat(),
        "due": row.due.isoformat() if row.due else None,
        "reportedOn": row.reported_on.isoformat() if row.reported_on else None,
        "state": row.state(today).value,
    }
