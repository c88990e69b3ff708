"""What the watch keeps: when each filing is looked at, actions begun, replicas, signatures collected."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "collections",
        sa.Column("digest", sa.String(length=66), nullable=False),
        sa.Column("filing", sa.String(length=66), nullable=False),
        sa.Column("sequence", _LONG, nullable=False),
        sa.Column("valid_until", _LONG, nullable=False),
        sa.Column("proposal", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("collections_by_filing", "collections", ["filing", "sequence"], unique=False)
    op.create_table(
        "watch_actions",
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("begun_by", sa.String(length=120), nullable=False),
        sa.Column("acting_since", _LONG, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failure_kind", sa.String(length=24), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "watch_replicas",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("beat_at", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "watched_filings",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("next_at", _LONG, nullable=False),
        sa.Column("looked_at", _LONG, nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=False),
        sa.Column("unclear_since", _LONG, nullable=True),
        sa.Column("unclear_looks", sa.Integer(), nullable=False),
        sa.Column("alerts", sa.Text(), nullable=False),
        sa.Column("claimed_by", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("watched_filings_by_time", "watched_filings", ["next_at"], unique=False)
    op.create_table(
        "collected_signatures",
        sa.Column("digest", sa.String(length=66), nullable=False),
        sa.Column("operator", sa.String(length=42), nullable=False),
        sa.Column("signature", sa.String(length=132), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest"],
            ["collections.digest"],
        ),
        sa.PrimaryKeyConstraint("digest", "operator"),
    )
