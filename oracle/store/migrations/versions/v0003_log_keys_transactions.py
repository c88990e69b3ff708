"""The node's log, its transactions, API keys and idempotency keys, the signing guard."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from oracle.store.append_only import forbid_changes
from oracle.store.log import append_leaf
from oracle.store.log_faults import rows_as_leaves

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables; rows from before the log get their leaves."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", _LONG, nullable=False),
        sa.Column("expires_at", _LONG, nullable=True),
        sa.Column("revoked_at", _LONG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "log_checkpoints",
        sa.Column("verifier_key", sa.String(length=300), nullable=False),
        sa.Column("size", _LONG, autoincrement=False, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("verifier_key", "size"),
    )
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "log_keys",
        sa.Column("verifier_key", sa.String(length=300), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=132), nullable=False),
        sa.PrimaryKeyConstraint("verifier_key"),
    )
    op.create_table(
        "log_leaves",
        sa.Column("index", _LONG, autoincrement=False, nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("ident", sa.String(length=80), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("index"),
    )
    op.create_index("log_leaves_by_content", "log_leaves", ["sha256"], unique=False)
    op.create_index("log_leaves_by_hash", "log_leaves", ["hash"], unique=False)
    op.create_index("log_leaves_by_subject", "log_leaves", ["kind", "ident"], unique=False)
    op.create_table(
        "log_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", _LONG, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "index"),
    )
    op.create_table(
        "signing_claims",
        sa.Column("id", _LONG, nullable=False),
        sa.Column("filing", sa.String(length=66), nullable=False),
        sa.Column("sequence", _LONG, nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=66), nullable=False),
        sa.Column("dead_after", _LONG, nullable=False),
        sa.Column("proposal", sa.Text(), nullable=False),
        sa.Column("claimed_at", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("filing", "sequence", "turn", name="signing_claims_once_a_turn"),
    )
    op.create_table(
        "transactions",
        sa.Column("id", _LONG, nullable=False),
        sa.Column("chain_id", _LONG, nullable=False),
        sa.Column("sender", sa.String(length=42), nullable=False),
        sa.Column("nonce", _LONG, nullable=False),
        sa.Column("purpose_key", sa.String(length=200), nullable=True),
        sa.Column("purpose", sa.String(length=200), nullable=True),
        sa.Column("to", sa.String(length=42), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("gas", _LONG, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("changed_at", _LONG, nullable=False),
        sa.Column("block", _LONG, nullable=True),
        sa.Column("block_hash", sa.String(length=66), nullable=True),
        sa.Column("mined_hash", sa.String(length=66), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("chain_id", "purpose_key", name="transactions_once_a_purpose"),
        sa.UniqueConstraint("chain_id", "sender", "nonce", name="transactions_once_a_nonce"),
    )
    op.create_index("transactions_by_state", "transactions", ["chain_id", "sender", "state"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("request_id", _LONG, nullable=False),
        sa.Column("taken_at", _LONG, nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["requests.id"],
        ),
        sa.PrimaryKeyConstraint("owner", "name"),
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["taken_at"], unique=False)
    op.create_table(
        "request_origins",
        sa.Column("request_id", _LONG, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("api_key", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["requests.id"],
        ),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("request_origins_by_name", "request_origins", ["name"], unique=False)
    op.create_table(
        "transaction_attempts",
        sa.Column("transaction_id", _LONG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("max_fee", _LONG, nullable=False),
        sa.Column("tip", _LONG, nullable=False),
        sa.Column("made_at", _LONG, nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transactions.id"],
        ),
        sa.PrimaryKeyConstraint("transaction_id", "number"),
    )
    connection = op.get_bind()
    append_leaf(connection, *rows_as_leaves(connection))
    forbid_changes(connection, "log_leaves", "log_nodes", "log_checkpoints", "signing_claims", "request_origins")
