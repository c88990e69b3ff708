"""Who is signed in to the pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "page_sessions",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("api_key", sa.String(length=16), nullable=True),
        sa.Column("created_at", _LONG, nullable=False),
        sa.Column("expires_at", _LONG, nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key"],
            ["api_keys.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("page_sessions_by_end", "page_sessions", ["expires_at"], unique=False)
