"""The tables. Rows are only ever added; an answer is a row of its own, so what was received is kept in any case.

Four hold working state and are changed in place: `watched_filings`, `watch_actions`, `watch_replicas`, `page_sessions`.
They prove nothing.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

__all__ = [
    "APPEND_ONLY",
    "Long",
    "answers",
    "api_keys",
    "collected_signatures",
    "collections",
    "decision_records",
    "decisions",
    "dossiers",
    "filing_events",
    "log_checkpoints",
    "log_head",
    "log_keys",
    "log_leaves",
    "log_nodes",
    "idempotency_keys",
    "meta",
    "metadata",
    "observations",
    "page_sessions",
    "request_origins",
    "requests",
    "signatures",
    "signing_claims",
    "transaction_attempts",
    "transactions",
    "watch_actions",
    "watch_replicas",
    "watched_filings",
]

#: 64 bits on both. SQLite's INTEGER has them, and it alone numbers rows by itself.
Long = BigInteger().with_variant(Integer(), "sqlite")

#: What the database itself refuses to change or remove (triggers, see `oracle.store.append_only`).
APPEND_ONLY = (
    "requests",
    "answers",
    "dossiers",
    "observations",
    "decisions",
    "decision_records",
    "signatures",
    "filing_events",
    "log_leaves",
    "log_nodes",
    "log_checkpoints",
    "signing_claims",
    "request_origins",
)

metadata = MetaData()

meta = Table("meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))

requests = Table(
    "requests",
    metadata,
    Column("id", Long, primary_key=True),
    Column("received_at", String(40), nullable=False),
    Column("method", String(8), nullable=False),
    Column("path", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("request_id", ForeignKey("requests.id"), primary_key=True),
    Column("answered_at", String(40), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

dossiers = Table(
    "dossiers",
    metadata,
    Column("hash", String(66), primary_key=True),
    Column("request_id", ForeignKey("requests.id"), nullable=False),
    Column("number", Text),
    Column("entity_name", Text, nullable=False),
    Column("canonical", LargeBinary, nullable=False),
    Index("dossiers_by_number", "number"),
)

_WITHDRAWN = text("kind = 'WITHDRAWAL'")

observations = Table(
    "observations",
    metadata,
    Column("id", Long, primary_key=True),
    Column("sighting", String(36), nullable=False),
    Column("number", Text),
    Column("entity_name", Text),
    Column("kind", String(16), nullable=False),
    Column("fetched_at", String(40), nullable=False),
    Column("content", Text, nullable=False),
    Index("observations_by_number", "number", "id"),
    Index("observations_by_entity", "entity_name", "id"),
    # A filing has a sighting for every look of many years, and hardly ever a withdrawal.
    Index("observations_of_withdrawals", "number", "id", sqlite_where=_WITHDRAWN, postgresql_where=_WITHDRAWN),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Long, primary_key=True),
    Column("request_id", ForeignKey("requests.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("dossier_hash", String(66), nullable=False),
    Column("decided_at", Long, nullable=False),
    Column("approved", Boolean, nullable=False, server_default=false()),
    # JSON, of decisions from before there were records only: the record says it.
    Column("old_inputs", Text),
    Column("old_outcome", Text),
)

decision_records = Table(
    "decision_records",
    metadata,
    Column("decision_id", ForeignKey("decisions.id"), primary_key=True),
    Column("record", LargeBinary, nullable=False),
)

signatures = Table(
    "signatures",
    metadata,
    Column("id", Long, primary_key=True),
    Column("decision_id", ForeignKey("decisions.id"), nullable=False),
    Column("filing", String(66), nullable=False),
    Column("sequence", Long, nullable=False),
    Column("digest", String(66), nullable=False),
    Column("signature", String(132), nullable=False),
    Column("signed_at", String(40), nullable=False),
    UniqueConstraint("digest", name="signatures_once_a_digest"),
    Index("signatures_by_filing", "filing", "sequence"),
)

filing_events = Table(
    "filing_events",
    metadata,
    Column("id", Long, primary_key=True),
    Column("number", Text, nullable=False),
    Column("key", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Long, nullable=False),
    Column("by", Text, nullable=False),
    Column("evidence", String(64)),
    Column("content", Text, nullable=False),
    UniqueConstraint("number", "key", name="filing_events_once_a_key"),
    Index("filing_events_by_number", "number", "id"),
)

#: The transparency log (`oracle.store.log`). The head's one row is what writers queue for.
log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", Long, nullable=False),
)

log_leaves = Table(
    "log_leaves",
    metadata,
    Column("index", Long, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # What stands in the leaf, to find it by.
    Column("kind", String(16), nullable=False),
    Column("ident", String(80), nullable=False),
    Column("sha256", String(64), nullable=False),
    Index("log_leaves_by_hash", "hash"),
    Index("log_leaves_by_subject", "kind", "ident"),
    Index("log_leaves_by_content", "sha256"),
)

#: The root of each full tile: level 1 is over 256 leaves, level 2 over 256 of those, and so on.
log_nodes = Table(
    "log_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("index", Long, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

log_keys = Table(
    "log_keys",
    metadata,
    Column("verifier_key", String(300), primary_key=True),
    Column("statement", Text, nullable=False),
    Column("signature", String(132), nullable=False),
)

log_checkpoints = Table(
    "log_checkpoints",
    metadata,
    Column("verifier_key", String(300), primary_key=True),
    Column("size", Long, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
)

# Unlike the rest these rows change: they are what is being done, and the chain is the record of what was.
transactions = Table(
    "transactions",
    metadata,
    Column("id", Long, primary_key=True),
    Column("chain_id", Long, nullable=False),
    Column("sender", String(42), nullable=False),
    Column("nonce", Long, nullable=False),
    # The action while its transaction is alive or has taken effect, else null: one action is one transaction.
    Column("purpose_key", String(200)),
    Column("purpose", String(200)),
    Column("to", String(42)),
    Column("data", LargeBinary, nullable=False),
    Column("gas", Long, nullable=False),
    Column("state", String(16), nullable=False),
    Column("changed_at", Long, nullable=False),
    Column("block", Long),
    Column("block_hash", String(66)),
    Column("mined_hash", String(66)),
    Column("note", Text),
    UniqueConstraint("chain_id", "sender", "nonce", name="transactions_once_a_nonce"),
    UniqueConstraint("chain_id", "purpose_key", name="transactions_once_a_purpose"),
    Index("transactions_by_state", "chain_id", "sender", "state"),
)

transaction_attempts = Table(
    "transaction_attempts",
    metadata,
    Column("transaction_id", ForeignKey("transactions.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("hash", String(66), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    # Wei for one gas.
    Column("max_fee", Long, nullable=False),
    Column("tip", Long, nullable=False),
    Column("made_at", Long, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", Long, nullable=False),
    Column("expires_at", Long),
    Column("revoked_at", Long),
)

#: Who is signed in to the pages (`sessions`). A row is removed when its session ends.
page_sessions = Table(
    "page_sessions",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("hash", String(64), nullable=False),
    # None where callers need no key.
    Column("api_key", ForeignKey("api_keys.id")),
    Column("created_at", Long, nullable=False),
    Column("expires_at", Long, nullable=False),
    Index("page_sessions_by_end", "expires_at"),
)

request_origins = Table(
    "request_origins",
    metadata,
    Column("request_id", ForeignKey("requests.id"), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("api_key", String(16)),
    Index("request_origins_by_name", "name"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner", String(16), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("request_id", ForeignKey("requests.id"), nullable=False),
    Column("taken_at", Long, nullable=False),
    Index("idempotency_keys_by_age", "taken_at"),
)

#: What lets mint and was about to be signed (`signing_guard`). Turn n + 1 for a filing and sequence follows a dead n.
signing_claims = Table(
    "signing_claims",
    metadata,
    Column("id", Long, primary_key=True),
    Column("filing", String(66), nullable=False),
    Column("sequence", Long, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("digest", String(66), nullable=False),
    Column("dead_after", Long, nullable=False),
    Column("proposal", Text, nullable=False),
    Column("claimed_at", Long, nullable=False),
    UniqueConstraint("filing", "sequence", "turn", name="signing_claims_once_a_turn"),
)

watched_filings = Table(
    "watched_filings",
    metadata,
    Column("number", Text, primary_key=True),
    Column("next_at", Long, nullable=False),
    Column("looked_at", Long, nullable=False),
    Column("outcome", String(24), nullable=False),
    Column("unclear_since", Long),
    Column("unclear_looks", Integer, nullable=False),
    Column("alerts", Text, nullable=False),
    Column("claimed_by", String(120)),
    Index("watched_filings_by_time", "next_at"),
)

watch_actions = Table(
    "watch_actions",
    metadata,
    Column("key", String(120), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("begun_by", String(120), nullable=False),
    Column("acting_since", Long),
    Column("failures", Integer, nullable=False),
    Column("failure_kind", String(24)),
    Column("failure", Text),
)

watch_replicas = Table(
    "watch_replicas",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("beat_at", Long, nullable=False),
)

collections = Table(
    "collections",
    metadata,
    Column("digest", String(66), primary_key=True),
    Column("filing", String(66), nullable=False),
    Column("sequence", Long, nullable=False),
    Column("valid_until", Long, nullable=False),
    Column("proposal", Text, nullable=False),
    Index("collections_by_filing", "filing", "sequence"),
)

collected_signatures = Table(
    "collected_signatures",
    metadata,
    Column("digest", ForeignKey("collections.digest"), primary_key=True),
    Column("operator", String(42), primary_key=True),
    Column("signature", String(132), nullable=False),
    Column("node", Text, nullable=False),
)
