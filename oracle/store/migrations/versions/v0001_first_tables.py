"""The tables of the first version, which had no migrations: such a database is known by `meta.schema` = 1."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "meta", sa.Column("key", sa.String(64), primary_key=True), sa.Column("value", sa.Text, nullable=False)
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("received_at", sa.String(40), nullable=False),
        sa.Column("method", sa.String(8), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("request_id", sa.Integer, sa.ForeignKey("requests.id"), primary_key=True, autoincrement=False),
        sa.Column("answered_at", sa.String(40), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "dossiers",
        sa.Column("hash", sa.String(66), primary_key=True),
        sa.Column("request_id", sa.Integer, sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("number", sa.Text),
        sa.Column("entity_name", sa.Text, nullable=False),
        sa.Column("canonical", sa.LargeBinary, nullable=False),
    )
    op.create_index("dossiers_by_number", "dossiers", ["number"])
    op.create_table(
        "observations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sighting", sa.String(36), nullable=False),
        sa.Column("number", sa.Text),
        sa.Column("entity_name", sa.Text),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("fetched_at", sa.String(40), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_index("observations_by_number", "observations", ["number", "id"])
    op.create_index("observations_by_entity", "observations", ["entity_name", "id"])
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("request_id", sa.Integer, sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("dossier_hash", sa.String(66), nullable=False),
        sa.Column("decided_at", sa.Integer, nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
    )
    op.create_table(
        "decision_records",
        sa.Column("decision_id", sa.Integer, sa.ForeignKey("decisions.id"), primary_key=True, autoincrement=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "signatures",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("decision_id", sa.Integer, sa.ForeignKey("decisions.id"), nullable=False),
        sa.Column("filing", sa.String(66), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(66), nullable=False),
        sa.Column("signature", sa.String(132), nullable=False),
        sa.Column("signed_at", sa.String(40), nullable=False),
        sa.UniqueConstraint("digest", name="signatures_once_a_digest"),
    )
    op.create_index("signatures_by_filing", "signatures", ["filing", "sequence"])
    op.create_table(
        "filing_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("evidence", sa.String(64)),
        sa.Column("content", sa.Text, nullable=False),
        sa.UniqueConstraint("number", "key", name="filing_events_once_a_key"),
    )
    op.create_index("filing_events_by_number", "filing_events", ["number", "id"])
