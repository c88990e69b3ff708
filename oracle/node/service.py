"""One operator's node: it observes, evaluates, decides and signs, and stores each of them before it counts."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy.exc import IntegrityError

from oracle import __version__
from oracle.chain.durable_sender import DurableSender, Finality, Pace
from oracle.chain.registry import FilingState, Registry
from oracle.chain.rpc import connect, raw_call
from oracle.chain.sender import Sender
from oracle.domain.approval import FilingApproval, FilingUpdate, OnChainStatus, OperatorSignature
from oracle.domain.dossier import Dossier
from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.names import filing_id, fold_number, parse_number
from oracle.domain.reporting import RecordedReport
from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.evidence.manifest import manifest_of
from oracle.evidence.store import EvidenceStore
from oracle.node.chain_view import ChainView
from oracle.node.condition import Condition
from oracle.node.config import (
    ChainConfig,
    CsrcSourceConfig,
    HttpJsonSourceConfig,
    ManualSourceConfig,
    NodeConfig,
    RegistryFileSourceConfig,
    RelayConfig,
    ScreeningSourceConfig,
    SourceConfig,
    read_secret,
)
from oracle.node.connections import Connections
from oracle.node.duties import Duties
from oracle.node.facts import planned_facts
from oracle.node.key import open_keystore, open_signer
from oracle.node.membership import Membership, membership_of
from oracle.node.metrics import Metrics
from oracle.node.node_collector import NodeCollector
from oracle.node.published_log import PublishedLog, open_log
from oracle.node.readiness import clock_fault
from oracle.rules.case import Case, TrancheFacts, query_for, standing_from
from oracle.rules.decision import CLOCK_SKEW_SECONDS, Decision, FilingOnChain, decide_approval, decide_update
from oracle.rules.decision_record import Circumstances, document_bytes, signed_envelope, without_floats
from oracle.rules.table import RULESET_VERSION, ruleset_hash
from oracle.signing.content import Trial, sign_document, sign_text, try_signer
from oracle.signing.eip712 import Domain, approval_digest, update_digest
from oracle.signing.keys import KeySigner, Signer
from oracle.signing.personal_message import decision_message
from oracle.signing.recovery import recover
from oracle.sources import SharingSource, Source
from oracle.sources.csrc import CsrcSource
from oracle.sources.http_json import HttpJsonSource
from oracle.sources.manual import ManualSource
from oracle.sources.parsed_again import settings_bytes
from oracle.sources.registry_file import RegistryFileSource
from oracle.sources.screening import ScreeningSource
from oracle.sources.timestamp_authority import TimestampAuthority
from oracle.store.database import Database, format_time
from oracle.store.evidence_place import open_evidence
from oracle.store.signing_guard import GuardRefusedError, SigningGuard
from oracle.store.transactions import StoredTransactions
from oracle.store.watch_state import WatchState

__all__ = [
    "MAX_REVISIONS",
    "Answer",
    "Node",
    "make_authority",
    "make_sources",
    "open_node",
    "source_settings",
]

LOG = logging.getLogger("filing_gate.node")

#: A view of the chain that was brought up to the newest block so many seconds ago is as good as a new one.
CHAIN_SECONDS = 1.0

#: A dossier with more predecessors than this is not followed to its beginning, and so CHG-1 does not pass.
MAX_REVISIONS = 100


@dataclass(frozen=True)
class Answer:
    """A node's answer to a proposal. `decision_id` names its record.

    `signature` only if the decision is yes and the signature guard lets it be signed; `guard` if it does not.
    """

    decision: Decision
    digest: str
    signature: OperatorSignature | None
    decision_id: int
    guard: GuardRefusedError | None = None


class Node:
    """One operator. Thread-safe: each call uses its own database transactions."""

    def __init__(
        self,
        config: NodeConfig,
        database: Database,
        sources: Sequence[Source],
        signer: Signer,
        evidence: EvidenceStore,
        relay: Sender | None = None,
        authority: TimestampAuthority | None = None,
        log: PublishedLog | None = None,
    ) -> None:
        self.config = config
        self.database = database
        self.evidence = evidence
        self._sources = tuple(sources)
        self._screens = any(
            isinstance(item, ScreeningSourceConfig) or (isinstance(item, CsrcSourceConfig) and item.adverse_channels)
            for item in config.sources
        )
        self._signer = signer
        self._authority = authority
        self.log = log
        self._domain = Domain(config.chain.id, config.chain.registry)
        self._settings = source_settings(config)
        self.metrics = Metrics()
        evidence.wrote = self.metrics.wrote
        self.connections = Connections(self.metrics.rpc)
        #: Who brings on chain what this node may, None without [relay].
        self.relay = relay
        self.guard = SigningGuard(database.engine)
        seconds = min(CHAIN_SECONDS, config.http.cache_seconds)
        self.view = ChainView(self.registry, config.chain.id, seconds)
        self.duties = Duties(config, database, self.registry, signer, relay, self.metrics.signed, self.connections)
        self.condition = Condition(
            lambda: self.config, database, self.registry, signer, relay.address if relay is not None else None
        )
        self.metrics.add(NodeCollector(self))
        for source in config.sources:
            self.metrics.expect_source(source.name)

    @property
    def address(self) -> str:
        """The operator's address."""
        return self._signer.address

    @property
    def signs_here(self) -> bool:
        """Whether a signature is made in this process, so that none can be anywhere that this process did not put."""
        return isinstance(self._signer, KeySigner)

    @property
    def stamps(self) -> bool:
        """Whether a time stamp is put on what a decision rests on."""
        return self._authority is not None

    def registry(self) -> Registry:
        """The registry, on a connection to the configured chain."""
        return self.connections.registry(self.config.chain)

    def ruleset(self) -> str:
        """`rulesetHash` of this node, 0x-hex."""
        return "0x" + ruleset_hash(self.config.policy).hex()

    def operator(self) -> dict[str, Any]:
        """What `GET /v1/operator` says."""
        return {
            "operator": self.address,
            "name": self.config.name,
            "chainId": self.config.chain.id,
            "registry": self.config.chain.registry,
            "ruleset": RULESET_VERSION,
            "rulesetHash": self.ruleset(),
            "log": self.log.binding() if self.log is not None else None,
        }

    def membership(self) -> Membership:
        """Where this node's key stands in the committee, with announced and recent changes."""
        return membership_of(self.address, self.registry())

    def try_key(self) -> Trial:
        """Make a signature that approves nothing, to see that the key works. Errors as the key's place gives them."""
        return try_signer(self._signer)

    def observe(self, query: FilingQuery, *, fresh: bool = False, shared: bool = False) -> list[Observation]:
        """What all sources say, from the store if young enough, else asked now and stored before it is returned.

        With `shared`, what a source says of all filings alike may have been read a moment before, for another filing.
        """
        known = [] if fresh or self.asks_parties(query) else self.database.last_sighting(query)
        if self.is_fresh(known, time.time()):
            return known
        seen = [item for source in self._sources for item in self._asked(source, query, shared)]
        self.database.add_sighting(query, seen)
        return seen

    def asks_parties(self, query: FilingQuery) -> bool:
        """Whether lists are to be asked for others than the filing entity, of whom a kept sighting may say nothing."""
        return bool(query.parties) and self._screens

    def is_fresh(self, seen: Sequence[Observation], now: float) -> bool:
        """Whether a sighting is young enough at `now` (seconds since 1970) to be answered from."""
        oldest = now - self.config.http.cache_seconds
        # What was seen after this moment was seen by a clock that has been set back: it is no fresh sighting.
        return bool(seen) and all(oldest < datetime.fromisoformat(item.fetched_at).timestamp() <= now for item in seen)

    def _asked(self, source: Source, query: FilingQuery, shared: bool) -> list[Observation]:
        """What one source says now; that it was asked is counted and logged."""
        began = time.monotonic()
        seen = source.glance(query) if shared and isinstance(source, SharingSource) else source.observe(query)
        seconds = time.monotonic() - began
        unread = [item for item in seen if item.kind in (ObservationKind.FAILURE, ObservationKind.UNSCREENED)]
        self.metrics.observed(source.name, [item.kind.value for item in seen], seconds, ok=not unread)
        facts = {"source": source.name, "filing": query.number, "seconds": round(seconds, 3)}
        if unread:
            LOG.warning("source not read", extra={**facts, "why": unread[0].detail})
        else:
            LOG.info("source read", extra={**facts, "kinds": sorted({item.kind.value for item in seen})})
        return seen

    def case(
        self,
        dossier: Dossier,
        *,
        chain: Registry | None,
        fresh: bool = False,
        shared: bool = False,
        now: int | None = None,
    ) -> Case:
        """The case of a dossier: observed, with the chain's facts if a registry is given. `now` is this moment if None.

        With `fresh` every source is asked, with `shared` as in `observe`; what they say is stored in any case.
        """
        query = query_for(dossier)
        earlier = self.database.earlier_publications(fold_number(query.number)) if query.number else []
        observations = self.observe(query, fresh=fresh, shared=shared)
        tranches = None
        if chain is not None:
            tranches = planned_facts(dossier, self.config, chain, self.connections.registry)
        moment = int(time.time()) if now is None else now
        case = self.case_of(dossier, moment, tuple(observations), tuple(earlier), tranches)
        if chain is None or case.number is None:
            return case
        known = self.duties.facts(case.number, chain, case.now)
        trusted = known.on_chain == "0x" + dossier.dossier_hash().hex()
        self.duties.observed(case, trusted=trusted)
        known = self.duties.facts(case.number, chain, case.now) if trusted else known
        return replace(case, approved=known.approved, recorded=known.recorded, state=known.state)

    def case_of(
        self,
        dossier: Dossier,
        now: int,
        observations: tuple[Observation, ...],
        earlier: tuple[Observation, ...],
        tranches: tuple[TrancheFacts, ...] | None,
        approved: tuple[str, ...] = (),
        recorded: tuple[RecordedReport, ...] = (),
    ) -> Case:
        """The case of a dossier from what was read elsewhere."""
        return Case(
            dossier=dossier,
            policy=self.config.policy,
            now=now,
            observations=observations,
            earlier=earlier,
            tranches=tranches,
            revisions=self._revisions(dossier),
            signers=(self.config.name, self.address),
            approved=approved,
            recorded=recorded,
        )

    def alerts(self) -> list[dict[str, Any]]:
        """What a person should look at: keys filing (number; None for the node), kind, severity, since, text."""
        rows = WatchState(self.database.engine).with_alerts()
        return [{"filing": row.number or None, **alert} for row in rows for alert in row.alerts]

    def unread_chains(self) -> list[str]:
        """What is wrong with each further chain that can't be read, one sentence a chain."""
        faults = []
        for chain in self.config.chains:
            try:
                self.connections.registry(chain)
            except (UnreachableError, InputError) as error:
                faults.append(f"chain {chain.id} can't be read, so filings with tranches there don't pass: {error}")
        return faults

    def _revisions(self, dossier: Dossier) -> tuple[Dossier, ...]:
        """The dossier's predecessors, newest first, up to the first that this node was never given."""
        found: list[Dossier] = []
        name = dossier.prev_dossier_hash
        while name is not None and len(found) < MAX_REVISIONS:
            before = self.database.dossier(name)
            if before is None:
                break
            found.append(before)
            name = before.prev_dossier_hash
        return tuple(found)

    def _dossier(self, name: str) -> Dossier:
        dossier = self.database.dossier(name)
        if dossier is None:
            raise InputError(
                "this node has no dossier with this hash", where="dossierHash", remedy="POST /v1/dossiers first"
            )
        return dossier

    def approve(self, request_id: int, proposed: FilingApproval) -> Answer:
        """Decide on a proposed approval; sign it if every rule passes and every field is this node's own.

        InputError if the dossier is unknown, UnreachableError if the chain can't be read, or if the configuration asks
        for a time stamp and there is none.
        """
        dossier = self._dossier(proposed.dossier_hash)
        registry = self.registry()
        case = self.case(dossier, chain=registry)
        self._stamp(case)
        state = self._state(registry, proposed.filing)
        decision = decide_approval(case, self.config.chain.id, state, proposed)
        digest = self.digest_of(proposed)
        return self._conclude(request_id, "approval", case, registry, state, proposed, decision, digest)

    def digest_of(self, proposed: FilingApproval) -> bytes:
        """The EIP-712 digest of an approval for this node's registry, 32 bytes."""
        return approval_digest(self._domain, proposed)

    def update(self, request_id: int, dossier_hash: str, proposed: FilingUpdate) -> Answer:
        """Decide on a proposed update (renew, resume, revoke, complete). Errors as `approve`."""
        dossier = self._dossier(dossier_hash)
        registry = self.registry()
        # A resume or revocation rests on what the regulator says at this moment, not on a cached sighting.
        case = self.case(dossier, chain=registry, fresh=True)
        if proposed.status == OnChainStatus.APPROVED:
            self._stamp(case)
        state = self._state(registry, proposed.filing)
        decision = decide_update(case, state, proposed)
        digest = update_digest(self._domain, proposed)
        return self._conclude(request_id, "update", case, registry, state, proposed, decision, digest)

    def _stamp(self, case: Case) -> None:
        """Have a time stamp put on what a decision that lets mint will rest on. No record ever claims one.

        A stamp that is asked for and not there raises UnreachableError, and nothing is decided; one that is merely
        wished for is missed by `evidence verify`. What stops minting is neither stamped nor delayed.
        """
        if self._authority is None:
            return
        name = "0x" + case.dossier.dossier_hash().hex()
        manifest = manifest_of(name, (*case.observations, *case.earlier), self.evidence)
        try:
            self._authority.stamp(manifest.as_bytes())
        except UnreachableError as error:
            if self._authority.required:
                raise UnreachableError(
                    f"the evidence has no time stamp: {error.what}", where="[timestamp]", remedy=error.remedy
                ) from None

    @staticmethod
    def _state(registry: Registry, filing: str) -> FilingOnChain:
        state: FilingState = registry.filing_state(filing)
        return FilingOnChain(
            state.status, state.valid_after, state.valid_until, state.sequence, registry.max_validity()
        )

    def _conclude(
        self,
        request_id: int,
        kind: str,
        case: Case,
        registry: Registry,
        state: FilingOnChain,
        proposed: FilingApproval | FilingUpdate,
        decision: Decision,
        digest: bytes,
    ) -> Answer:
        dossier_hash = "0x" + case.dossier.dossier_hash().hex()
        record = self.signed(self.document(kind, case, state, proposed, decision, digest))
        for dossier in (case.dossier, *case.revisions):
            self.evidence.put(dossier.canonical())
        self.evidence.put(record)
        decision_id = self.database.add_decision(request_id, kind, dossier_hash, case.now, decision.approved, record)
        self.tell_decided(kind, case, proposed, decision, decision_id)
        if not decision.approved:
            return Answer(decision, "0x" + digest.hex(), None, decision_id)
        if isinstance(proposed, FilingApproval) or proposed.status == OnChainStatus.APPROVED:
            self.check_clock(registry.block_time(), state, proposed.valid_until)
            try:
                self._claim(registry, state, dossier_hash, proposed, digest)
            except GuardRefusedError as refusal:
                self.metrics.guarded()
                return Answer(decision, "0x" + digest.hex(), None, decision_id, refusal)
        signature = self._signature(decision_id, proposed, digest)
        self.metrics.signed(kind)
        return Answer(decision, "0x" + digest.hex(), signature, decision_id)

    def check_clock(self, block: int, state: FilingOnChain, valid_until: int) -> None:
        """UnreachableError if the chain's own clock speaks against a window that this machine's clock allows.

        Rules and windows are held to this machine's clock; where it is off, nothing that lets mint is signed. A chain
        whose head is not watched (`readiness.head_seconds` 0, as on development chains, which make blocks on demand
        and whose clock is moved at will) only refuses windows that are over by its own clock. `block` is the newest
        block's time.
        """
        limits = self.config.readiness
        slack = max(limits.clock_seconds, CLOCK_SKEW_SECONDS)
        allowed = limits.model_copy(update={"clock_seconds": slack})
        watched = limits.head_limit(self.config.chain.id) > 0
        wrong = clock_fault(block, time.time(), allowed, self.config.chain.id) if watched else None
        if wrong is None and valid_until <= block:
            wrong = f"the window ends at {valid_until}, and the newest block is of {block}"
        if wrong is None and watched and valid_until > block + state.max_validity + slack:
            wrong = f"the window ends at {valid_until}, too far ahead of the newest block, which is of {block}"
        if wrong is not None:
            raise UnreachableError(
                f"nothing is signed: {wrong}", where="[readiness]", remedy="compare this machine's clock with the chain"
            )

    @staticmethod
    def claimed_request(dossier_hash: str, proposed: FilingApproval | FilingUpdate) -> str:
        """The request that proposes this, as the signature guard keeps it."""
        document = orjson.Fragment(proposed.canonical_form)
        approval = isinstance(proposed, FilingApproval)
        request = {"approval": document} if approval else {"dossierHash": dossier_hash, "update": document}
        return orjson.dumps(request).decode()

    def _claim(
        self,
        registry: Registry,
        state: FilingOnChain,
        dossier_hash: str,
        proposed: FilingApproval | FilingUpdate,
        digest: bytes,
    ) -> None:
        """Nothing that lets mint is signed unless the guard has it. GuardRefusedError if it has another."""
        self.guard.claim(
            proposed.filing,
            proposed.sequence,
            "0x" + digest.hex(),
            proposed.valid_until,
            self.claimed_request(dossier_hash, proposed),
            min(int(time.time()), registry.block_time()),
            longest=CLOCK_SKEW_SECONDS + state.max_validity,
        )

    def _signature(self, decision_id: int, proposed: FilingApproval | FilingUpdate, digest: bytes) -> OperatorSignature:
        """The signature over a proposal, stored before it is returned; the one given before, if there is one."""
        kept = self.database.signature("0x" + digest.hex())
        if kept is None:
            made = self.made_over(proposed)
            when = format_time(datetime.now(UTC))
            try:
                self.database.add_signature(
                    decision_id, proposed.filing, proposed.sequence, "0x" + digest.hex(), made, when
                )
            except IntegrityError:
                # A replica was faster, and a device signs the same digest differently each time.
                kept = self.database.signature("0x" + digest.hex())
                if kept is None:
                    raise
        signature = made if kept is None else kept.signature
        return OperatorSignature(operator=self.address, signature=signature)

    def made_over(self, proposed: FilingApproval | FilingUpdate) -> str:
        """This node's signature over a proposal, 0x-hex. Whoever calls this has stored, or stores before anything
        leaves the process, that it was made. Errors as `_made`."""
        return "0x" + self._made(sign_document, self._domain, proposed).hex()

    def _made(self, sign: Callable[..., bytes], *content: Any) -> bytes:
        """A signature by this node's key. UnreachableError for what a caller can't mend by asking differently."""
        try:
            return sign(self._signer, *content)
        except InputError as error:
            raise UnreachableError(f"the key does not sign: {error.what}", where="[key]", remedy="try again") from None

    def tell_decided(
        self,
        kind: str,
        case: Case,
        proposed: FilingApproval | FilingUpdate,
        decision: Decision,
        decision_id: int,
        **more: Any,
    ) -> None:
        """Count and log a decision that is stored."""
        failed = [finding.rule for finding in decision.verdicts.not_passed]
        self.metrics.decided(kind, decision.approved, failed)
        LOG.info(
            "decided",
            extra={
                "kind": kind,
                "filing": case.number,
                "sequence": proposed.sequence,
                "decision": decision_id,
                "approved": decision.approved,
                "not_passed": failed,
                "differences": [item.field for item in decision.differences],
                **more,
            },
        )

    def document(
        self,
        kind: str,
        case: Case,
        state: FilingOnChain,
        proposed: FilingApproval | FilingUpdate,
        decision: Decision,
        digest: bytes,
    ) -> bytes:
        """The document of a decision, which `signed` makes the record."""
        about = Circumstances(
            kind="approval" if kind == "approval" else "update",
            operator=self.address,
            chain_id=self.config.chain.id,
            registry=self.config.chain.registry,
            chain=state,
            proposed=proposed,
            digest="0x" + digest.hex(),
            software=f"filing-gate/{__version__}",
            sources=self._settings,
        )
        return document_bytes(case, about, decision)

    def signed(self, document: bytes) -> bytes:
        """The signed decision record, by this node's key. Errors as `made_over`."""
        signature = self._made(sign_text, decision_message(hashlib.sha256(document).hexdigest()))
        return signed_envelope(document, self.address, signature)

    def filing(self, raw_number: str) -> dict[str, Any]:
        """What `GET /v1/filings/{number}` says: this node's sightings, the record's hash, the state on chain."""
        number = parse_number(raw_number, self.config.policy.number_pattern)
        observations = self.observe(FilingQuery(number=number, entity_name=self.database.entity_of(number)))
        standing = standing_from(tuple(observations), number, self.config.policy)
        filing = "0x" + filing_id(number).hex()
        try:
            on_chain = self.registry().filing_state(filing)
            state: dict[str, Any] | None = {
                "status": on_chain.status.name,
                "validAfter": on_chain.valid_after,
                "validUntil": on_chain.valid_until,
                "sequence": on_chain.sequence,
            }
        except UnreachableError:
            state = None
        return {
            "number": number,
            "filing": filing,
            "status": standing.status.value if standing.status else None,
            "reason": standing.reason,
            "record": standing.record.model_dump(mode="json", by_alias=True, exclude_none=True)
            if standing.record
            else None,
            "recordHash": "0x" + standing.record.record_hash().hex() if standing.record else None,
            "rulesetHash": self.ruleset(),
            "operator": self.address,
            "onChain": state,
            "sources": [item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in observations],
        }


def source_settings(config: NodeConfig) -> tuple[dict[str, Any], ...]:
    """How the sources are configured, as a decision and the evidence store keep it."""
    return tuple(without_floats(item.model_dump(mode="json", by_alias=True)) for item in config.sources)


def make_sources(config: NodeConfig, evidence: EvidenceStore) -> list[Source]:
    """The configured sources, each storing into `evidence`; how they are configured is stored there first."""
    evidence.put(settings_bytes(source_settings(config)))
    return [_source(item, config, evidence) for item in config.sources]


def _source(item: SourceConfig, config: NodeConfig, evidence: EvidenceStore) -> Source:
    def clock() -> datetime:
        return datetime.now(UTC)

    state = config.path(config.store.state)
    if isinstance(item, CsrcSourceConfig):
        return CsrcSource(item, evidence, clock, cache=state / "answers")
    if isinstance(item, HttpJsonSourceConfig):
        return HttpJsonSource(item, evidence, clock, secret=_secret_of(item, config))
    if isinstance(item, ManualSourceConfig):
        return ManualSource(item, evidence, clock, recover=recover, base=config.base)
    registers = state / "registers"
    if isinstance(item, RegistryFileSourceConfig):
        return RegistryFileSource(item, evidence, clock, recover=recover, base=config.base, state=registers)
    return ScreeningSource(item, evidence, clock, recover=recover, base=config.base, state=registers)


def _secret_of(item: HttpJsonSourceConfig, config: NodeConfig) -> Callable[[], str | None]:
    """Reads the secret anew each time, so that a changed one is used without a restart."""
    if item.auth_env is None and item.auth_file is None:
        return lambda: None
    file = config.path(item.auth_file) if item.auth_file else None
    key = f"sources.{item.name}.{'auth_env' if item.auth_env else 'auth_file'}"
    return lambda: read_secret(key, env=item.auth_env, file=file)


def open_node(config: NodeConfig) -> Node:
    """A node from its configuration: key loaded, database opened and tied to operator, chain and registry."""
    signer = open_signer(config)
    relay = open_keystore(config, "relay", config.relay) if config.relay is not None else None
    if relay is not None and relay.address == signer.address:
        raise InputError(
            "the relay's key is the operator's own",
            where="relay.keystore",
            remedy="make one that holds gas and nothing else: the operator's key sends no transactions",
        )
    evidence = open_evidence(config.store.evidence, base=config.base)
    database = Database(config.database_url())
    try:
        if not database.bound():
            _require_registry(config.chain, signer.address)
        database.bind_to({"operator": signer.address, "chain": str(config.chain.id), "registry": config.chain.registry})
    except FilingGateError:
        database.close()
        raise
    sender = _sender(config, config.relay, relay, database) if config.relay is not None and relay is not None else None
    sources, authority = make_sources(config, evidence), make_authority(config, evidence)
    log = open_log(config, database.engine, signer)
    return Node(config, database, sources, signer, evidence, sender, authority, log)


def _require_registry(chain: ChainConfig, operator: str) -> None:
    """Before a database belongs to an operator, chain and registry for good: InputError if these do not go together.

    Where no endpoint answers nothing is known: whoever starts the node says so.
    """
    wrong: InputError | None = None
    for url in chain.urls():
        try:
            w3 = connect(url, chain_id=chain.id)
            code = raw_call(w3, "eth_getCode", [chain.registry, "latest"])
            membership = membership_of(operator, Registry(w3, chain.registry)) if code != "0x" else None
        except UnreachableError:
            continue
        except InputError as error:
            wrong = InputError(error.what, where=f"[chain] {error.where}", remedy="correct [chain] id, or the endpoint")
            continue
        if membership is None:
            raise InputError(
                f"no contract at {chain.registry} on chain {chain.id}",
                where="[chain] registry",
                remedy="enter the address that `filing-gate deploy` printed",
            )
        membership.require()
        return
    if wrong is not None:
        raise wrong


def _sender(config: NodeConfig, relay: RelayConfig, signer: Signer, database: Database) -> DurableSender:
    return DurableSender(
        signer,
        StoredTransactions(database.engine),
        chain_id=config.chain.id,
        caps=relay.fee_caps(),
        finality=Finality(config.chain.confirmations, config.chain.finalized),
        pace=Pace(relay.replace_after_seconds, relay.wait_seconds),
    )


def make_authority(config: NodeConfig, evidence: EvidenceStore) -> TimestampAuthority | None:
    """The configured time stamp authority, None if there is none."""
    if config.timestamp is None:
        return None
    return TimestampAuthority(config.timestamp, evidence, lambda: datetime.now(UTC), base=config.base)
