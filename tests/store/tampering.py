"""What an attacker does who has the file, or owns the tables: the triggers go, rows change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from oracle.store import tables
from oracle.store.database import Database

__all__ = ["unprotected"]


@contextmanager
def unprotected(database: Database, *names: str) -> Iterator[Connection]:
    """A transaction in which the rows of these tables (all if none is named) can be changed and removed."""
    sqlite = database.engine.dialect.name == "sqlite"
    with database.engine.connect() as connection:
        if sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            for name in names or tables.APPEND_ONLY:
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}_no_update")
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}_no_delete")
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
