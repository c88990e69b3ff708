"""A backup of SQLite put into an empty PostgreSQL: how a node grows from one machine to many replicas."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, Integer, insert, inspect, select, text

from oracle.errors import InputError
from oracle.store import tables
from oracle.store.engine import make_engine, parse_url, shown
from oracle.store.schema import HEAD, database_version, upgrade
from oracle.store.signing_guard import SigningGuard

__all__ = ["fill_postgres"]

#: Rows written at once; a request may have megabytes.
_AT_ONCE = 100


def fill_postgres(url: URL, file: Path, at: int) -> None:
    """Write every row of a backup of SQLite (already checked) into a PostgreSQL without a row, in one transaction.

    The database then says that it was restored `at` (seconds since 1970). InputError if it holds a row or other
    tables, or if the backup is of an older version.
    """
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            if inspect(connection).get_table_names() and not _without_rows(connection, shown(url)):
                raise InputError(
                    "the database is not empty", where=shown(url), remedy="restore into a new one, and name that"
                )
        with _marked_copy(file, at) as source:
            upgrade(engine, shown(url))
            with source.connect() as reading, engine.begin() as writing:
                _copy(reading, writing)
    finally:
        engine.dispose()


def _without_rows(connection: Connection, where: str) -> bool:
    """Whether there are exactly a node's tables, of this version, and nothing in them."""
    if set(inspect(connection).get_table_names()) - {"alembic_version"} != set(tables.metadata.tables):
        return False
    if database_version(connection.engine, where) != HEAD:
        return False
    # The migrations write to `meta`.
    held = (table for table in tables.metadata.sorted_tables if table is not tables.meta)
    rows = (connection.execute(select(text("1")).select_from(table).limit(1)) for table in held)
    return all(found.first() is None for found in rows)


@contextmanager
def _marked_copy(file: Path, at: int) -> Iterator[Engine]:
    """The backup beside itself, saying already that it was restored: so no row arrives without the mark."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".restore-") as folder:
        part = Path(folder) / "node.db"
        shutil.copyfile(file, part)
        part.chmod(0o600)
        engine = make_engine(parse_url(f"sqlite:///{part.resolve()}"))
        try:
            version = database_version(engine, str(file))
            if version != HEAD:
                raise InputError(
                    f"is of version {version}, this program's is {HEAD}",
                    where=str(file),
                    remedy="run `filing-gate store upgrade` on the SQLite database, then back it up again",
                )
            SigningGuard(engine).mark_restored(at)
            yield engine
        finally:
            engine.dispose()


def _copy(reading: Connection, writing: Connection) -> None:
    writing.execute(tables.meta.delete())
    for table in tables.metadata.sorted_tables:
        keys = list(table.primary_key.columns)
        found = reading.execution_options(yield_per=_AT_ONCE).execute(select(table).order_by(*keys))
        for rows in found.mappings().partitions(_AT_ONCE):
            writing.execute(insert(table), [dict(row) for row in rows])
        if [column.name for column in keys] == ["id"] and isinstance(keys[0].type, Integer):
            # Rows that came with their number do not move what numbers the next one.
            counted = text(
                f"SELECT setval(CAST(s AS regclass), (SELECT max(id) FROM {table.name})) "  # noqa: S608
                f"FROM pg_get_serial_sequence('{table.name}', 'id') AS s "
                f"WHERE s IS NOT NULL AND EXISTS (SELECT 1 FROM {table.name})"
            )
            writing.execute(counted)
