"""The tables. Rows are only ever added; an answer is a row of its own, so what was received is kept in any case.

Three hold working state and are changed in place: `watched_filings`, `watch_actions`, `watch_replicas`. They prove
nothing.
"""

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
    "collected_signatures",
    "collections",
    "decision_records",
    "decisions",
    "dossiers",
    "filing_events",
    "meta",
    "metadata",
    "observations",
    "requests",
    "signatures",
    "watch_actions",
    "watch_replicas",
    "watched_filings",
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

watched_filings = Table(
    "watched_filings",
    metadata,
    Column("number", Text, primary_key=True),
    Column("next_at", BigInteger, nullable=False),
    Column("looked_at", BigInteger, nullable=False),
    Column("outcome", String(24), nullable=False),
    Column("unclear_since", BigInteger),
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
    Column("acting_since", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("failure_kind", String(24)),
    Column("failure", Text),
)

watch_replicas = Table(
    "watch_replicas",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("beat_at", BigInteger, nullable=False),
)

collections = Table(
    "collections",
    metadata,
    Column("digest", String(66), primary_key=True),
    Column("filing", String(66), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=False),
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
