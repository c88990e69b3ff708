"""Withdrawals found without a look at every sighting of the filing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index."""
    only = sa.text("kind = 'WITHDRAWAL'")
    op.create_index(
        "observations_of_withdrawals",
        "observations",
        ["number", "id"],
        unique=False,
        sqlite_where=only,
        postgresql_where=only,
    )
