"""A node's database proven: every hash, digest and signature in it derived again, every row held against the others.

The rows come as the database holds them, and none is believed. What only the chain can tell (`audit`) or only the
checkpoints that others keep (newest rows that were removed with everything that names them) is not told here.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import ValidationError

from oracle.audit.evidence_check import Sighting, StampTerms, prove_store
from oracle.audit.log_check import LogBinding, verify_binding
from oracle.audit.replay import SignedDecision, parse_decision
from oracle.domain.approval import FilingApproval, FilingUpdate, OnChainStatus, Suspension
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier, parse_dossier
from oracle.domain.filing import FilingQuery, Observation
from oracle.domain.filing_statement import SignedStatement, statement_message
from oracle.domain.life_record import RecordedEvent, RecordKind, fold
from oracle.domain.names import fold_name, fold_number
from oracle.errors import FilingGateError
from oracle.evidence.log_tree import BadLogProof
from oracle.evidence.store import EvidenceStore, sha256_hex
from oracle.proof.kept_actions import (
    Claims,
    Sent,
    api_key_faults,
    collected_faults,
    collection_faults,
    idempotency_faults,
    session_faults,
)
from oracle.proof.row_values import Unfit, json_of, signer_fault, value_of
from oracle.rules.decision_record import dossier_hashes
from oracle.signing.eip712 import Domain, approval_digest, suspension_digest, update_digest
from oracle.signing.personal_message import message_digest
from oracle.sources.parsed_again import Settings

__all__ = ["DATABASE_FINDINGS", "DatabaseFinding", "DatabaseProof", "Rows", "prove_database"]

#: Every finding that can be named: id -> what it means. Ids never change their meaning.
DATABASE_FINDINGS: dict[str, str] = {
    "DATABASE": "the database itself finds its file or its constraints damaged",
    "IDENTITY": "the database does not say whose it is, or a row is of another operator, chain or registry",
    "ROW": "a value is of a type, or in a form, that no node writes",
    "SEQUENCE": "row numbers are missing: rows were removed",
    "REFERENCE": "a row belongs to another that is not there",
    "DOSSIER": "a dossier does not give the hash it is kept under, or its columns are not its own",
    "REQUEST": "a request does not say what was made of it",
    "ANSWER": "an answer names a decision, digest or signature other than the one that is kept",
    "OBSERVATION": "an observation's columns are not those of its content",
    "DECISION": "a decision differs from its signed record, or its digest is not that of what was proposed",
    "RECORD": "a decision record is missing, unreadable, not signed by the operator, or not in the evidence",
    "SIGNATURE": "a signature is not the operator's over what the decision approved",
    "EVENT": "an event of a filing's record is not what its key, statement or signature says",
    "LIFE": "a filing's record does not fold, or its time falls",
    "LOG": "the append-only log does not fit its hashes, its checkpoints, its key or the rows it is of",
    "CLAIM": "a claim of the signature guard is not its proposal's, two were live at once, or a signature has none",
    "TRANSACTION": "a transaction of the relay is not what its signed bytes say, or not the sender's",
    "COLLECTED": "a proposal that was collected for, or another operator's signature over it, does not hold",
    "KEY": "an API key or session is of a form that no node writes, or an idempotency key stands for another request",
    "EVIDENCE": "the evidence store, or what was parsed from it, does not hold (see `evidence verify`)",
}

_NUMBERED = ("requests", "observations", "decisions", "signatures", "filing_events", "signing_claims")
#: Table, its column, the table that it refers to and the column there, what the row is called by.
_REFERENCES = (
    ("answers", "request_id", "requests", "id", "request_id"),
    ("dossiers", "request_id", "requests", "id", "hash"),
    ("decisions", "request_id", "requests", "id", "id"),
    ("decision_records", "decision_id", "decisions", "id", "decision_id"),
    ("signatures", "decision_id", "decisions", "id", "id"),
    ("request_origins", "request_id", "requests", "id", "request_id"),
    ("request_origins", "api_key", "api_keys", "id", "request_id"),
    ("idempotency_keys", "request_id", "requests", "id", "name"),
    ("idempotency_keys", "owner", "api_keys", "id", "name"),
    ("page_sessions", "api_key", "api_keys", "id", "id"),
    ("transaction_attempts", "transaction_id", "transactions", "id", "hash"),
    ("collected_signatures", "digest", "collections", "digest", "operator"),
)

#: The owner of an idempotency key where callers need no key.
_NOBODY = "-"


_ADDRESS = re.compile("0x[0-9a-fA-F]{40}")

#: Where a node cuts off the key of an ADVERSE event that names many rules.
_LONGEST_ADVERSE_KEY = 200


class Rows(Protocol):
    """A database's rows of one moment, by table; values as the driver gives them."""

    sqlite: bool

    def faults(self) -> list[str]:
        """What the database itself finds wrong."""
        ...

    def all(self, table: str) -> Iterator[Mapping[str, Any]]:
        """Every row by its key, ascending."""
        ...

    def one(self, table: str, key: Any) -> Mapping[str, Any] | None:
        """The row of that key."""
        ...

    def log_faults(self) -> Iterator[str]:
        """One sentence for each thing of the append-only log that does not hold, its rows included."""
        ...


@dataclass(frozen=True)
class DatabaseFinding:
    """One thing that does not hold: an id of DATABASE_FINDINGS, the row (`table key`), what is wrong."""

    id: str
    subject: str
    problem: str

    def as_json(self) -> dict[str, str]:
        """Keys id, title, subject, problem."""
        return {
            "id": self.id,
            "title": DATABASE_FINDINGS[self.id],
            "subject": self.subject,
            "problem": self.problem,
        }


@dataclass
class DatabaseProof:
    """What was checked, by count, and what does not hold."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[DatabaseFinding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything holds."""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """Keys clean, checked (counts by name), findings."""
        return {
            "clean": self.clean,
            "checked": dict(sorted(self.counts.items())),
            "findings": [item.as_json() for item in self.findings],
        }


def prove_database(
    rows: Rows,
    store: EvidenceStore,
    *,
    settings: Iterable[tuple[str, Settings]] = (),
    terms: StampTerms | None = None,
) -> DatabaseProof:
    """Prove a database and the evidence that it rests on. `settings` and `terms` are as for `prove_store`.

    Whatever is wrong with a row is a finding; UnreachableError if database or evidence cannot be read at all.
    """
    proof = _Proof(rows, store)
    for problem in rows.faults():
        proof.add("DATABASE", "file", problem)
    if proof.result.clean:
        # In a damaged file one fault would be told a thousand times.
        proof.tables()
        proof.evidence(settings, terms)
    return proof.result


def _same(left: Any, right: Any) -> bool:
    return canonical_bytes(left) == canonical_bytes(right)


class _Proof:
    def __init__(self, rows: Rows, store: EvidenceStore) -> None:
        self.rows = rows
        self.store = store
        self.result = DatabaseProof()
        self._identity: dict[str, str] = {}
        self._sightings: list[Sighting] = []
        self._records: dict[str, bytes] = {}
        #: The names of records that need not be in the evidence store yet, nor what they rest on of the database.
        self._unfiled: set[str] = set()
        self._leaves: dict[str, int] | None = None
        self._statements: dict[str, SignedStatement] = {}
        self._signatures: dict[str, str] = {}
        self._said: dict[Any, _Said] = {}
        self._claims = Claims()
        self._guarded = False

    def add(self, ident: str, subject: str, problem: str) -> None:
        """Note a finding."""
        self.result.findings.append(DatabaseFinding(ident, subject, problem))

    def _each(self, table: str, key: str, ident: str, check: Callable[[str, Mapping[str, Any]], None]) -> None:
        """Check every row of a table; what can't be read of it is a finding `ident`, or ROW."""
        for row in self.rows.all(table):
            self.result.counts[table] += 1
            subject = f"{table} {str(row[key])[:80]}"
            try:
                check(subject, row)
            except Unfit as error:
                self.add("ROW", subject, str(error))
            except FilingGateError as error:
                self.add(ident, subject, f"{error.where}: {error.what}" if error.where else error.what)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                place = ".".join(str(part) for part in first["loc"])
                self.add(ident, subject, f"{place}: {first['msg']}")

    def tables(self) -> None:
        """Every table, in an order in which each finds what it is held against."""
        self._identity = {str(row["key"]): str(row["value"]) for row in self.rows.all("meta")}
        for table in _NUMBERED:
            self._sequence(table)
        for child, column, parent, parent_key, key in _REFERENCES:
            self._references(child, column, parent, parent_key, key)
        self._each("requests", "id", "ROW", self._request)
        self._each("dossiers", "hash", "DOSSIER", self._dossier)
        self._each("observations", "id", "OBSERVATION", self._observation)
        self._each("decision_records", "decision_id", "RECORD", self._record)
        self._each("decisions", "id", "DECISION", self._decision)
        self._each("signing_claims", "id", "CLAIM", self._claim)
        self._each("signatures", "id", "SIGNATURE", self._signature)
        self._each("answers", "request_id", "ANSWER", self._answer)
        self._events()
        self._log()
        self._actions()

    # --- numbers and references ---------------------------------------------------------------------------------------

    def _sequence(self, table: str) -> None:
        """SQLite gives numbers without a gap; PostgreSQL leaves one for every insert that was refused."""
        before = 0
        for row in self.rows.all(table):
            number = row["id"]
            if not isinstance(number, int) or number <= 0:
                self.add("ROW", f"{table} {str(number)[:40]}", "the number is not a positive integer")
                continue
            if self.rows.sqlite and number != before + 1:
                self.add("SEQUENCE", f"{table} {number}", f"the one before it is {before}")
            before = number

    def _references(self, child: str, column: str, parent: str, parent_key: str, key: str) -> None:
        known = {None, _NOBODY, *(row[parent_key] for row in self.rows.all(parent))}
        for row in self.rows.all(child):
            if row[column] not in known:
                subject = f"{child} {str(row[key])[:80]}"
                self.add("REFERENCE", subject, f"{parent} {str(row[column])[:40]} is not there")

    # --- requests and answers -----------------------------------------------------------------------------------------

    def _request(self, _: str, row: Mapping[str, Any]) -> None:
        path, body = value_of(row, "path", str), value_of(row, "body", bytes)
        value_of(row, "received_at", str), value_of(row, "method", str)
        if path.startswith("/v1/filings/") and path.endswith("/events"):
            try:
                signed = SignedStatement.model_validate_json(body)
            except ValidationError:
                return  # it was refused for that
            self._statements[_statement_hash(signed)] = signed

    def _answer(self, subject: str, row: Mapping[str, Any]) -> None:
        status, body = value_of(row, "status", int), value_of(row, "body", bytes)
        value_of(row, "answered_at", str)
        request = self.rows.one("requests", row["request_id"])
        if request is None or not str(request["path"]).startswith(("/v1/approvals", "/v1/updates")):
            return
        content = json_of({"body": body}, "body")
        decision, digest, signature = (content.get(name) for name in ("decision", "digest", "signature"))
        if (status == 200) != isinstance(signature, str):
            self.add("ANSWER", subject, f"status {status} {'with' if signature else 'without'} a signature")
        if decision is None:
            return
        said = self._said.get(decision) if type(decision) is int else None
        if said is None or said.digest != digest:
            self.add("ANSWER", subject, f"says decision {str(decision)[:40]} with a digest that is not that one's")
        elif signature is not None and self._signatures.get(str(digest)) != signature:
            self.add("ANSWER", subject, f"gives a signature over {digest} that is not the one kept")

    # --- dossiers and observations ------------------------------------------------------------------------------------

    def _dossier(self, subject: str, row: Mapping[str, Any]) -> None:
        canonical = value_of(row, "canonical", bytes)
        dossier = parse_dossier(canonical, what="canonical")
        name = "0x" + dossier.dossier_hash().hex()
        if name != row["hash"] or dossier.canonical() != canonical:
            self.add("DOSSIER", subject, f"its bytes give {name}")
            return
        number = dossier.filing.filing_number
        own = (fold_number(number) if number else None, fold_name(dossier.filing_entity.name_zh))
        if own != (row["number"], row["entity_name"]):
            self.add("DOSSIER", subject, "number or entity_name is not the dossier's")
        request = self.rows.one("requests", row["request_id"])
        if request is None or request["path"] != "/v1/dossiers":
            return
        try:
            handed_in = parse_dossier(value_of(request, "body", bytes), what="request").dossier_hash()
        except FilingGateError:
            handed_in = b""
        if handed_in != dossier.dossier_hash():
            self.add("REQUEST", f"requests {row['request_id']}", f"does not hold the dossier {name}")

    def _observation(self, subject: str, row: Mapping[str, Any]) -> None:
        seen = Observation.model_validate_json(value_of(row, "content", str))
        for name, own in (("kind", seen.kind.value), ("fetched_at", seen.fetched_at)):
            if row[name] != own:
                self.add("OBSERVATION", subject, f"{name} is {str(row[name])[:60]}, its content says {own}")
        number, entity = (row[name] and value_of(row, name, str) for name in ("number", "entity_name"))
        value_of(row, "sighting", str)
        asked = FilingQuery(number=number or None, entity_name=entity or None)
        self._sightings.append(Sighting(subject, asked, seen))

    # --- decisions ----------------------------------------------------------------------------------------------------

    def _record(self, subject: str, row: Mapping[str, Any]) -> None:
        data = value_of(row, "record", bytes)
        self._records[subject] = data
        signed = parse_decision(data, what="record")
        fault = signed.signature_fault()
        if fault is not None:
            self.add("RECORD", subject, fault)
        self._check_identity(subject, signed)
        if not self._filed(int(row["decision_id"])):
            self._unfiled.add(subject)
        elif not self.store.holds(sha256_hex(data)):
            self.add("RECORD", subject, f"the evidence holds no record with SHA-256 {sha256_hex(data)}")

    def _filed(self, decision: int) -> bool:
        """Whether a record has to be in the evidence store by now; the newest may be about to be put there."""
        below = self._identity.get("records_filed")
        if below is None or not below.isdecimal():
            return True
        if self._leaves is None:
            kept = self.rows.all("log_leaves")
            self._leaves = {str(row["ident"]): int(row["index"]) for row in kept if row["kind"] == "decision"}
        return self._leaves.get(str(decision), 0) < int(below)

    def _check_identity(self, subject: str, signed: SignedDecision) -> None:
        chain = signed.document.get("chain")
        said = {
            "operator": signed.document.get("operator"),
            "chain": chain.get("id") if isinstance(chain, Mapping) else None,
            "registry": chain.get("registry") if isinstance(chain, Mapping) else None,
        }
        for name, value in said.items():
            if str(value) != self._identity.get(name):
                self.add("IDENTITY", subject, f"is of {name} {str(value)[:60]}, the database of {self._whose(name)}")

    def _whose(self, name: str) -> str:
        return self._identity.get(name, "nobody")[:60]

    def _decision(self, subject: str, row: Mapping[str, Any]) -> None:
        data = self._records.get(f"decision_records {row['id']}")
        if data is None and (row["old_inputs"] is None or self._recorded_before(int(row["id"]))):
            self.add("RECORD", subject, "has no record, and is not from before there were any")
            return
        signed = None if data is None else parse_decision(data, what="record")
        said = self._said[row["id"]] = _Said.of(row, signed)
        if said.digest != "0x" + self._digest(said.proposed).hex():
            self.add("DECISION", subject, "the digest is not that of what was proposed at this chain and registry")
        if row["approved"] not in (0, 1) or bool(row["approved"]) is not said.approved:
            self.add("DECISION", subject, "approved is not what was decided")
        if signed is not None:
            self._against_record(subject, row, signed)
        self._against_request(row, said.proposed)

    def _recorded_before(self, decision: int) -> bool:
        """Nodes of before kept no records; since the first, every decision has one."""
        return any(int(name.split()[1]) < decision for name in self._records)

    def _domain(self) -> Domain:
        chain, registry = self._identity.get("chain", ""), self._identity.get("registry", "")
        if not (chain.isdecimal() and len(chain) < 20 and _ADDRESS.fullmatch(registry)):
            raise Unfit("the database does not say of which chain and registry it is")
        return Domain(int(chain), registry)

    def _digest(self, proposed: FilingApproval | FilingUpdate) -> bytes:
        domain = self._domain()
        if isinstance(proposed, FilingApproval):
            return approval_digest(domain, proposed)
        return update_digest(domain, proposed)

    def _against_record(self, subject: str, row: Mapping[str, Any], signed: SignedDecision) -> None:
        document = signed.document
        pairs = {
            "kind": (row["kind"], document.get("kind")),
            "dossier_hash": (row["dossier_hash"], document.get("dossierHash")),
            "decided_at": (row["decided_at"], document.get("decidedAt")),
        }
        for name, (kept, recorded) in pairs.items():
            if not _same(kept, recorded):
                self.add("DECISION", subject, f"{name} is not what the signed record says")
        for name in ("old_inputs", "old_outcome"):
            if row[name] is not None:
                self.add("DECISION", subject, f"{name} says a second time what the signed record says")

    def _against_request(self, row: Mapping[str, Any], proposed: FilingApproval | FilingUpdate) -> None:
        request = self.rows.one("requests", row["request_id"])
        key = {"/v1/approvals": "approval", "/v1/updates": "update"}.get(str(request["path"])) if request else None
        if request is None or key is None:
            return
        try:
            body = json_of({"body": value_of(request, "body", bytes)}, "body")
            asked = type(proposed).model_validate_json(canonical_bytes(body.get(key)))
        except (Unfit, FilingGateError, ValidationError):
            asked = None
        if asked != proposed:
            self.add("REQUEST", f"requests {row['request_id']}", f"does not propose what decision {row['id']} is about")

    def _signature(self, subject: str, row: Mapping[str, Any]) -> None:
        digest, signature = value_of(row, "digest", str), value_of(row, "signature", str)
        self._signatures[digest] = signature
        value_of(row, "signed_at", str)
        decision = self.rows.one("decisions", row["decision_id"])
        if decision is None:
            return  # told as REFERENCE
        said = self._said.get(decision["id"])
        if said is None:
            self.add("SIGNATURE", subject, "nothing that can be read says what the decision was about")
            return
        proposed, expected = said.proposed, self._digest(said.proposed)
        if digest != "0x" + expected.hex():
            self.add("SIGNATURE", subject, "its digest is not that of what the decision was about")
        if (proposed.filing, proposed.sequence) != (row["filing"], row["sequence"]):
            self.add("SIGNATURE", subject, "filing or sequence is not what the decision was about")
        if not said.approved:
            self.add("SIGNATURE", subject, "the decision was no")
        fault = signer_fault(expected, signature, self._identity.get("operator"))
        if fault is not None:
            self.add("SIGNATURE", subject, fault)
        if isinstance(proposed, FilingApproval) or proposed.status == OnChainStatus.APPROVED:
            self._against_claims(subject, digest, decision["request_id"])

    def _claim(self, subject: str, row: Mapping[str, Any]) -> None:
        for fault in self._claims.faults(self._domain(), row):
            self.add("CLAIM", subject, fault)

    def _against_claims(self, subject: str, digest: str, request: Any) -> None:
        """What lets mint was claimed before it was signed. Nodes of before had no guard: the first signature with a
        claim, or a request with an origin, is of a node that has one."""
        claimed = digest in self._claims.digests
        if not claimed and (self._guarded or self.rows.one("request_origins", request) is not None):
            self.add("CLAIM", subject, "it lets mint, and was signed without a claim")
        self._guarded = self._guarded or claimed

    # --- the record of each filing ------------------------------------------------------------------------------------

    def _events(self) -> None:
        records: dict[str, list[RecordedEvent]] = {}

        def event(subject: str, row: Mapping[str, Any]) -> None:
            number, kind, content = value_of(row, "number", str), value_of(row, "kind", str), json_of(row, "content")
            if kind not in RecordKind.__members__:
                raise Unfit(f"the kind {kind[:20]} is none")
            item = RecordedEvent(
                RecordKind(kind), value_of(row, "at", int), value_of(row, "by", str), content, row["evidence"]
            )
            fault = self._event_fault(value_of(row, "key", str), item)
            if fault is not None:
                self.add("EVENT", subject, fault)
            before = records.setdefault(number, [])
            if before and item.at < before[-1].at:
                self.add("LIFE", subject, f"at {item.at} comes after {before[-1].at}")
            before.append(item)

        self._each("filing_events", "id", "EVENT", event)
        for number, items in records.items():
            self.result.counts["filings"] += 1
            try:
                fold(items, items[-1].at)
            except (KeyError, TypeError, ValueError, FilingGateError) as error:
                self.add("LIFE", f"filing {number[:80]}", f"its record does not fold: {type(error).__name__} {error}")

    def _event_fault(self, key: str, item: RecordedEvent) -> str | None:
        """What is wrong with an event by itself; None if nothing is."""
        content = item.content
        if key.startswith("statement:"):
            return self._statement_fault(key.removeprefix("statement:"), item)
        if item.kind is RecordKind.SIGNED:
            return self._suspension_fault(key, item)
        begin = {
            RecordKind.SENT: f"sent:{content.get('transaction')}",
            RecordKind.OVERDUE: f"overdue:{content.get('kind')}:{content.get('eventOn')}:",
            RecordKind.ADVERSE: f"adverse:{','.join(map(str, content.get('rules') or ()))}:"[:_LONGEST_ADVERSE_KEY],
            RecordKind.MINTED: "minted",
            RecordKind.ADVERSE: "adverse:",
            RecordKind.OBSERVED: "seen:",
            RecordKind.GONE: "seen:",
            RecordKind.REPORTED: f"dossier:{content.get('kind')}:{content.get('eventOn')}",
        }.get(item.kind, f"chain:{content.get('block')}:{content.get('transaction')}:")
        return None if key.startswith(begin) else f"its key {key[:80]} is not that of {item.kind.value}"

    def _statement_fault(self, sha256: str, item: RecordedEvent) -> str | None:
        signed = self._statements.get(sha256)
        if signed is None:
            return f"no request brought the statement {sha256[:64]}"
        stated = signed.statement
        own = {
            "kind": stated.kind,
            "eventOn": stated.event_on.isoformat(),
            "reportedOn": stated.reported_on.isoformat() if stated.reported_on else None,
            "what": stated.what,
            "statement": sha256,
            "at": stated.at,
        }
        kept = {name: item.content.get(name) for name in own}
        kind = RecordKind.DECLARED if stated.act == "DECLARE" else RecordKind.REPORTED
        if (kept, item.kind, item.evidence) != (own, kind, stated.evidence):
            return "is not what the signed statement says"
        digest = message_digest(statement_message(stated))
        return signer_fault(digest, str(item.content.get("signature")), item.by)

    def _suspension_fault(self, key: str, item: RecordedEvent) -> str | None:
        given = item.content.get("signature")
        try:
            suspension = Suspension.model_validate_json(canonical_bytes(item.content.get("suspension")))
        except ValidationError:
            return "holds no suspension"
        if not isinstance(given, dict):
            return "holds no signature"
        digest = suspension_digest(self._domain(), suspension)
        if key != "signed:0x" + digest.hex():
            return "its key is not the digest of its suspension"
        if not given.get("operator") == item.by == self._identity.get("operator"):
            return f"signed by {str(given.get('operator'))[:60]}, the database is {self._whose('operator')}'s"
        return signer_fault(digest, str(given.get("signature")), item.by)

    # --- log, transactions, what was collected, keys -----------------------------------------------------------------

    def _log(self) -> None:
        self.result.counts["log_leaves"] = sum(1 for _ in self.rows.all("log_leaves"))
        for problem in self.rows.log_faults():
            self.add("LOG", "log", problem)

        def key(subject: str, row: Mapping[str, Any]) -> None:
            named = {
                "verifierKey": row["verifier_key"],
                "statement": row["statement"],
                "signature": row["signature"],
            }
            try:
                operator, _ = verify_binding(LogBinding.model_validate(named))
            except BadLogProof as error:
                self.add("LOG", subject, str(error))
                return
            if operator != self._identity.get("operator"):
                self.add("LOG", subject, f"{operator} signed for this key, the database is {self._whose('operator')}'s")

        self._each("log_keys", "verifier_key", "LOG", key)

    def _actions(self) -> None:
        sent = Sent()

        def told(ident: str, faults: Callable[[Mapping[str, Any]], Iterator[str]]) -> Callable[..., None]:
            def check(subject: str, row: Mapping[str, Any]) -> None:
                for fault in faults(row):
                    self.add(ident, subject, fault)

            return check

        chain = self._identity.get("chain")
        self._each("transaction_attempts", "hash", "TRANSACTION", lambda _, row: sent.attempt(row))
        self._each("transactions", "id", "TRANSACTION", told("TRANSACTION", lambda row: sent.faults(chain, row)))
        collection = told("COLLECTED", lambda row: collection_faults(self._domain(), row))
        self._each("collections", "digest", "COLLECTED", collection)
        self._each("collected_signatures", "operator", "COLLECTED", told("COLLECTED", collected_faults))
        self._each("api_keys", "id", "KEY", told("KEY", api_key_faults))
        self._each("page_sessions", "id", "KEY", told("KEY", session_faults))

        def idempotency(row: Mapping[str, Any]) -> Iterator[str]:
            return idempotency_faults(row, self.rows.one("requests", row["request_id"]))

        self._each("idempotency_keys", "name", "KEY", told("KEY", idempotency))

    # --- evidence -----------------------------------------------------------------------------------------------------

    def evidence(self, settings: Iterable[tuple[str, Settings]], terms: StampTerms | None) -> None:
        """The evidence store, and every observation and decision of the database held against it."""
        told = {item.subject for item in self.result.findings}
        records = {name: data for name, data in self._records.items() if name not in told}
        proof = prove_store(
            self.store,
            decisions=records,
            sightings=self._sightings,
            settings=settings,
            terms=terms,
            dossiers={name: self._own_dossiers(data) for name, data in records.items() if name in self._unfiled},
        )
        for name, count in proof.check.counts.items():
            self.result.counts[f"evidence.{name}"] = count
        for item in proof.check.findings:
            self.add("EVIDENCE", item.subject, f"{item.kind}: {item.problem}")

    def _own_dossiers(self, record: bytes) -> dict[str, Dossier]:
        """What a record names of the database's dossiers. What is wrong with one of them was told before."""
        found = {}
        for name in dossier_hashes(parse_decision(record, what="record").document):
            row = self.rows.one("dossiers", name)
            with suppress(FilingGateError):
                dossier = parse_dossier(value_of(row, "canonical", bytes), what=name) if row is not None else None
                if dossier is not None and "0x" + dossier.dossier_hash().hex() == name:
                    found[name] = dossier
        return found


@dataclass(frozen=True)
class _Said:
    """What a decision was about, the digest (0x-hex) of that, and whether it was yes."""

    proposed: FilingApproval | FilingUpdate
    digest: str
    approved: bool

    @classmethod
    def of(cls, row: Mapping[str, Any], signed: SignedDecision | None) -> _Said:
        """By the signed record; by the row's own copy where there is none."""
        if signed is not None:
            inputs: Mapping[str, Any] = signed.document
            outcome = inputs.get("outcome")
        else:
            inputs, outcome = json_of(row, "old_inputs"), json_of(row, "old_outcome")
        data = canonical_bytes(inputs.get("proposed"))
        proposed: FilingApproval | FilingUpdate
        if row["kind"] == "approval":
            proposed = FilingApproval.model_validate_json(data)
        elif row["kind"] == "update":
            proposed = FilingUpdate.model_validate_json(data)
        else:
            raise Unfit(f"the kind {str(row['kind'])[:20]} is none")
        approved = isinstance(outcome, dict) and outcome.get("approved") is True
        return cls(proposed, str(inputs.get("digest")), approved)


def _statement_hash(signed: SignedStatement) -> str:
    content = signed.statement.model_dump(mode="json", by_alias=True)
    return hashlib.sha256(canonical_bytes(content)).hexdigest()
