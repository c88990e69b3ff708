"""Triggers by which the database itself refuses to change or remove a row that was once written.

They hold for every client of the database, this program included. Whoever owns the file or the tables can drop them:
that is what `filing-gate store fsck` and the node's log are for.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

__all__ = ["forbid_changes", "permit_changes"]

_FUNCTION = "filing_gate_append_only"


def forbid_changes(connection: Connection, *names: str) -> None:
    """Have the database refuse UPDATE and DELETE (PostgreSQL: TRUNCATE too) on tables; for migrations."""
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        connection.execute(
            text(
                f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME "
                "USING ERRCODE = 'integrity_constraint_violation'; END $$"
            )
        )
    for name in names:
        if sqlite:
            for action in ("UPDATE", "DELETE"):
                connection.exec_driver_sql(
                    f"CREATE TRIGGER {name}_no_{action.lower()} BEFORE {action} ON {name} "
                    f"BEGIN SELECT RAISE(ABORT, 'rows of {name} are never changed'); END"
                )
        else:
            # For each statement, so that one that would hit no row is told as well.
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"
            )


def permit_changes(connection: Connection, *names: str) -> None:
    """Take back what `forbid_changes` did; for a migration that changes rows and then forbids it again."""
    for name in names:
        if connection.dialect.name == "sqlite":
            for action in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER {name}_no_{action}")
        else:
            connection.exec_driver_sql(f"DROP TRIGGER {name}_append_only ON {name}")
