"""Rows can no longer be changed or removed; row numbers, times and sequences have 64 bits on PostgreSQL too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from oracle.store.append_only import forbid_changes

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LONG = (
    ("requests", "id"),
    ("answers", "request_id"),
    ("dossiers", "request_id"),
    ("observations", "id"),
    ("decisions", "id"),
    ("decisions", "request_id"),
    ("decisions", "decided_at"),
    ("decision_records", "decision_id"),
    ("signatures", "id"),
    ("signatures", "decision_id"),
    ("signatures", "sequence"),
    ("filing_events", "id"),
    ("filing_events", "at"),
)
_APPEND_ONLY = (
    "requests",
    "answers",
    "dossiers",
    "observations",
    "decisions",
    "decision_records",
    "signatures",
    "filing_events",
)


def upgrade() -> None:
    """Widen, and forbid."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        for table, column in _LONG:
            op.alter_column(table, column, type_=sa.BigInteger())
        for table in ("requests", "observations", "decisions", "signatures", "filing_events"):
            op.execute(sa.text(f"ALTER SEQUENCE {table}_id_seq AS bigint"))
    forbid_changes(connection, *_APPEND_ONLY)
    # The version before migrations looks only here, and must refuse what it does not know.
    op.execute(sa.text("DELETE FROM meta WHERE key = 'schema'"))
    op.execute(sa.text("INSERT INTO meta (key, value) VALUES ('schema', '2')"))
