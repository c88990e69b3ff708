"""The tables. Rows are only ever added; an answer is a row of its own, so what was received is kept in any case."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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
)

__all__ = [
    "SCHEMA_VERSION",
    "answers",
    "decision_records",
    "decisions",
    "dossiers",
    "filing_events",
    "meta",
    "metadata",
    "observations",
    "requests",
    "signatures",
    "transaction_attempts",
    "transactions",
]

#: Raised with every change of a table. A node refuses a database of another version.
SCHEMA_VERSION = 1

metadata = MetaData()

meta = Table("meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
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

observations = Table(
    "observations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sighting", String(36), nullable=False),
    Column("number", Text),
    Column("entity_name", Text),
    Column("kind", String(16), nullable=False),
    Column("fetched_at", String(40), nullable=False),
    Column("content", Text, nullable=False),
    Index("observations_by_number", "number", "id"),
    Index("observations_by_entity", "entity_name", "id"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("request_id", ForeignKey("requests.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("dossier_hash", String(66), nullable=False),
    Column("decided_at", Integer, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("outcome", Text, nullable=False),
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
    Column("id", Integer, primary_key=True),
    Column("decision_id", ForeignKey("decisions.id"), nullable=False),
    Column("filing", String(66), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("digest", String(66), nullable=False),
    Column("signature", String(132), nullable=False),
    Column("signed_at", String(40), nullable=False),
    UniqueConstraint("digest", name="signatures_once_a_digest"),
    Index("signatures_by_filing", "filing", "sequence"),
)

filing_events = Table(
    "filing_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Text, nullable=False),
    Column("key", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("evidence", String(64)),
    Column("content", Text, nullable=False),
    UniqueConstraint("number", "key", name="filing_events_once_a_key"),
    Index("filing_events_by_number", "number", "id"),
)

# Unlike the rest these rows change: they are what is being done, and the chain is the record of what was.
transactions = Table(
    "transactions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("sender", String(42), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    # The action while its transaction is alive or has taken effect, else null: one action is one transaction.
    Column("purpose_key", String(200)),
    Column("purpose", String(200)),
    Column("to", String(42)),
    Column("data", LargeBinary, nullable=False),
    Column("gas", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("block", BigInteger),
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
    Column("max_fee", BigInteger, nullable=False),
    Column("tip", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)
