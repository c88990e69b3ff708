"""Connections to a node's database: pooled, bounded, durable on every commit, and lost ones told as one error."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, TimeoutError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from oracle.errors import FilingGateError, InputError, UnreachableError

__all__ = ["make_engine", "parse_url", "shown"]

#: Connections kept, and how many more there may be at once; a request beyond waits, then is told to come again.
_POOL = 10
_OVERFLOW = 15
_WAIT_SECONDS = 10

#: A server that went away without a word is noticed, and none is waited for without end.
_POSTGRES = {
    "connect_timeout": 5,
    "client_encoding": "utf8",
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


def parse_url(text: str) -> URL:
    """A SQLAlchemy URL of SQLite (a file) or PostgreSQL (by psycopg, whatever the name says). InputError otherwise."""
    try:
        url = make_url(text)
        driver = url.drivername
        if driver in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        elif driver in ("sqlite", "sqlite+pysqlite"):
            if url.database in (None, "", ":memory:") or url.query:
                raise ArgumentError("no file")
        elif driver != "postgresql+psycopg":
            raise ArgumentError("unknown kind")
    except (ArgumentError, ValueError):
        # What was given is not shown: it may hold a password that was not written as a URL wants it.
        raise InputError(
            "not a database URL",
            where="[store] url",
            remedy='write e.g. "sqlite:///node.db" or "postgresql://user@host/name"; in a password write @ as %40',
        ) from None
    return url


def shown(url: URL) -> str:
    """The URL for an error or a log: without password and options."""
    host = url.query.get("host") if not url.host else None
    return url.set(query={"host": host} if host else {}).render_as_string(hide_password=True)


class _BoundedPool(QueuePool):
    """A pool whose exhaustion is an error of ours."""

    def connect(self) -> PoolProxiedConnection:
        """A connection, or UnreachableError when all were busy for too long."""
        try:
            return super().connect()
        except TimeoutError:
            raise UnreachableError(
                f"all {_POOL + _OVERFLOW} database connections were busy for {_WAIT_SECONDS} s",
                where="[store]",
                remedy="try again; if it stays so, look for what holds the database",
            ) from None


def make_engine(url: URL) -> Engine:
    """An engine that reports a lost, locked or full database as UnreachableError, a damaged one as FilingGateError."""
    sqlite = url.get_backend_name() == "sqlite"
    options: dict[str, Any] = {"timeout": 10} if sqlite else dict(_POSTGRES)
    options = {key: value for key, value in options.items() if key not in url.query}
    engine = create_engine(
        url,
        poolclass=_BoundedPool,
        pool_size=_POOL,
        max_overflow=_OVERFLOW,
        pool_timeout=_WAIT_SECONDS,
        # The connection used last has the pages of the moment at hand.
        pool_use_lifo=True,
        pool_pre_ping=not sqlite,
        connect_args=options,
        # A statement's values are rows of ours: they belong into no error text.
        hide_parameters=True,
    )
    event.listen(engine, "connect", _sqlite_settings if sqlite else _postgres_settings)
    event.listen(engine, "handle_error", _Faults(url))
    return engine


def _sqlite_settings(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # WAL lets readers go on while one writes; FULL makes a commit survive power loss.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    # 4 MB of pages at hand for each connection: by default a node under load reads the same pages of its indices again
    # and again. And up to 48 MB of log before a commit puts it into the database; under load somebody else does.
    cursor.execute("PRAGMA cache_size=-4000")
    cursor.execute("PRAGMA wal_autocheckpoint=12000")
    cursor.execute("PRAGMA foreign_keys=ON")
    # Without it, INSERT OR REPLACE would remove rows past the triggers that forbid it.
    cursor.execute("PRAGMA recursive_triggers=ON")
    cursor.close()


def _postgres_settings(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        # A server may be set up to acknowledge before it has written; stronger settings stay.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        cursor.execute("SHOW server_encoding")
        encoding = cursor.fetchone()[0]
    connection.commit()
    if encoding != "UTF8":
        raise InputError(
            f"the database's encoding is {encoding}, which does not hold Chinese text",
            where="[store] url",
            remedy="create it with ENCODING 'UTF8'",
        )


class _Faults:
    """Turns a driver's error into one of ours where it tells of the database and not of a row."""

    def __init__(self, url: URL) -> None:
        self._where = shown(url)
        self._password = str(url.password) if url.password else None

    def __call__(self, context: ExceptionContext) -> None:
        if context.is_pre_ping:
            return
        error = context.original_exception
        names = {kind.__name__ for kind in type(error).__mro__}
        lines = str(error).strip().splitlines() or [type(error).__name__]
        cause = lines[0]
        if self._password:
            cause = cause.replace(self._password, "***")
        if context.is_disconnect or names & {"OperationalError", "InterfaceError", "InternalError"}:
            raise UnreachableError(
                f"the database can't be used: {cause}",
                where=self._where,
                remedy="check that it runs, has room and may be written; then try again",
            ) from None
        if type(error).__name__ == "DatabaseError":
            raise FilingGateError(
                f"the database is damaged: {cause}",
                where=self._where,
                remedy="run `filing-gate store fsck`; restore it from a backup",
            ) from None
