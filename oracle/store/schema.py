"""Which version a database's tables have, and how an older one is brought to the newest: by `oracle.store.migrations`.

A new database is made by the migrations. An older one is changed only when an operator says so
(`filing-gate store upgrade`), because replicas of the version before may still be running on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, func, inspect, select, text

from oracle.errors import InputError
from oracle.store import tables

__all__ = [
    "FIRST",
    "HEAD",
    "Step",
    "begin_writing",
    "check_version",
    "create_or_check",
    "database_version",
    "upgrade",
    "version_of",
]

#: The newest migration. Raised with every new file in `migrations/versions`.
HEAD = "0007"
#: What a database without migrations, of the version before them, has.
FIRST = "0001"

#: Any number that nothing else in the database locks with.
_UPGRADE_LOCK = 0x66696C67


@dataclass(frozen=True)
class Step:
    """One migration: its number and what it does."""

    version: str
    what: str


def begin_writing(connection: Connection) -> None:
    """Begin a transaction that may write: SQLite takes its one write lock now, and not at the first change."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def version_of(connection: Connection, where: str) -> str | None:
    """The version of a database's tables; None if it holds none of ours. InputError if they have no version."""
    names = set(inspect(connection).get_table_names())
    if "alembic_version" in names:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if version is not None:
            return str(version)
    if "meta" not in names:
        return None
    stated = connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == "schema")).scalar()
    if stated == "1":
        return FIRST
    raise InputError(
        "the database has tables but no version that this program knows",
        where=where,
        remedy="restore it from a backup, or name an empty database",
    )


def database_version(engine: Engine, where: str) -> str | None:
    """The same by an engine."""
    with engine.connect() as connection:
        return version_of(connection, where)


def create_or_check(engine: Engine, where: str) -> None:
    """Make the tables of a new database; InputError if an existing one is older or newer than this program."""
    if database_version(engine, where) is None:
        # Another process may do the same at this moment: whoever comes second finds the work done.
        upgrade(engine, where, only_new=True)
    check_version(engine, where)


def check_version(engine: Engine, where: str) -> None:
    """InputError unless the database's tables are those of this program."""
    version = database_version(engine, where)
    if version == HEAD:
        return
    if version is None:
        raise InputError("there are no tables of a node", where=where, remedy="check [store] url")
    if version.isdecimal() and version < HEAD:
        raise InputError(
            f"the database is of version {version}, this program needs {HEAD}",
            where=where,
            remedy="run `filing-gate store upgrade --config FILE`",
        )
    raise InputError(
        f"the database is of version {version}, which is newer than this program's {HEAD}",
        where=where,
        remedy="use the version of filing-gate that it was made with, or a newer one",
    )


def upgrade(engine: Engine, where: str, *, only_new: bool = False, target: str = HEAD) -> tuple[Step, ...]:
    """Bring the tables to the target in one transaction, one process at a time; returns the steps taken.

    With `only_new` nothing is done to a database that holds tables of ours. InputError for a newer one.
    """
    # Alembic costs a third of a second to import, and a database is opened far more often than changed.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(Path(__file__).with_name("migrations")))
    taken: list[Step] = []
    with engine.begin() as connection:
        begin_writing(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        version = version_of(connection, where)
        if version == target or (version is not None and only_new):
            return ()
        known = {item.revision: item.doc for item in script.walk_revisions()}
        if version is not None and version not in known:
            raise InputError(
                f"the database is of version {version}, which this program does not know",
                where=where,
                remedy="use the version of filing-gate that it was made with, or a newer one",
            )
        context = MigrationContext.configure(
            connection,
            opts={"fn": lambda revision, _: script._upgrade_revs(target, revision)},
        )
        if version == FIRST and not inspect(connection).has_table("alembic_version"):
            context.stamp(script, FIRST)
        with Operations.context(context):
            context.run_migrations()
        after = sorted(item for item in known if item <= target and (version is None or item > version))
        taken = [Step(item, known[item]) for item in after]
    return tuple(taken)
