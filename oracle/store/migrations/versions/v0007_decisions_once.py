"""What a decision's signed record says is no longer kept beside it a second time; `approved` is a column."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from oracle.store.append_only import forbid_changes, permit_changes

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

#: Decisions from before there were records keep what they have, under other names: a replica of the version before can
#: add no decision then, and signs nothing.
_ALONE = "NOT EXISTS (SELECT 1 FROM decision_records WHERE decision_id = decisions.id)"


def upgrade() -> None:
    """Take the copies out, row by row; the numbers and all else of a row stay."""
    connection = op.get_bind()
    permit_changes(connection, "decisions")
    op.add_column("decisions", sa.Column("approved", sa.Boolean, nullable=False, server_default=sa.false()))
    yes = "json_extract(outcome, '$.approved') = 1"
    if connection.dialect.name == "postgresql":
        yes = "(outcome::json ->> 'approved') = 'true'"
    op.execute(sa.text(f"UPDATE decisions SET approved = true WHERE {yes}"))  # noqa: S608 - of the lines above
    for name in ("inputs", "outcome"):
        op.add_column("decisions", sa.Column(f"old_{name}", sa.Text))
        op.execute(sa.text(f"UPDATE decisions SET old_{name} = {name} WHERE {_ALONE}"))  # noqa: S608 - of the lines above
        op.drop_column("decisions", name)
    forbid_changes(connection, "decisions")
