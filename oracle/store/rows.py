"""All rows of a node's tables at one moment, as the database holds them: nothing is converted, nothing believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text

from oracle.errors import FilingGateError
from oracle.store import tables
from oracle.store.log_faults import faults_of_log

__all__ = ["StoredRows", "stored_rows"]

#: Rows fetched at once; a request may have megabytes.
_AT_ONCE = 100


class StoredRows:
    """The tables of one moment. Values are what the driver gives: int, str, bytes, None, in a damaged file anything."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.sqlite = connection.dialect.name == "sqlite"

    def faults(self) -> list[str]:
        """What the database itself finds wrong with its pages, indexes and constraints; PostgreSQL is not asked."""
        if not self.sqlite:
            return []
        try:
            return [
                str(row[0])
                for row in self._connection.execute(text("PRAGMA integrity_check(20)"))
                if str(row[0]) != "ok"
            ]
        except FilingGateError as error:
            return [error.what]

    def all(self, table: str) -> Iterator[Mapping[str, Any]]:
        """Every row of a table by its key, ascending."""
        known = tables.metadata.tables[table]
        columns = ", ".join(f'"{column.name}"' for column in known.columns)
        key = ", ".join(f'"{column.name}"' for column in known.primary_key.columns)
        found = self._connection.execution_options(yield_per=_AT_ONCE).execute(
            text(f'SELECT {columns} FROM "{table}" ORDER BY {key}')  # noqa: S608
        )
        for row in found.mappings():
            yield {str(name): value for name, value in row.items()}

    def one(self, table: str, key: Any) -> Mapping[str, Any] | None:
        """The row of that key (of a table whose key is one column)."""
        known = tables.metadata.tables[table]
        columns = ", ".join(f'"{column.name}"' for column in known.columns)
        (column,) = known.primary_key.columns
        found = self._connection.execute(
            text(f'SELECT {columns} FROM "{table}" WHERE "{column.name}" = :key'),  # noqa: S608
            {"key": key},
        )
        row = found.mappings().one_or_none()
        return None if row is None else {str(name): value for name, value in row.items()}

    def log_faults(self) -> Iterator[str]:
        """One sentence for each thing of the append-only log that does not hold, the rows it is of included."""
        return faults_of_log(self._connection)


@contextmanager
def stored_rows(engine: Engine) -> Iterator[StoredRows]:
    """The rows as they are now; what is written meanwhile is not seen."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            driver: Any = connection.connection.driver_connection
            # Text that is no UTF-8 is a finding, not an error of the driver.
            driver.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            connection.exec_driver_sql("BEGIN")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        try:
            yield StoredRows(connection)
        finally:
            connection.rollback()
            if connection.dialect.name == "sqlite":
                driver.text_factory = str
