"""What an attacker does who has the file, or owns the tables: the triggers go, rows change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from oracle.store.database import Database

__all__ = ["unprotected"]


@contextmanager
def unprotected(database: Database, table: str) -> Iterator[Connection]:
    """A transaction in which the rows of a table can be changed and removed, even where others refer to them."""
    sqlite = database.engine.dialect.name == "sqlite"
    with database.engine.connect() as connection:
        if sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_no_update")
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_no_delete")
        else:
            # Triggers and foreign keys alike, as a superuser may.
            connection.execute(text("SET session_replication_role = replica"))
        yield connection
        connection.commit()
        if sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        else:
            connection.execute(text("SET session_replication_role = origin"))
            connection.commit()
