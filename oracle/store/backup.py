"""A database copied to one file while it is used, and put back from it.

SQLite: its own online backup; the file is a database itself. PostgreSQL: the server's programs pg_dump and pg_restore,
custom format. The evidence is not in the database: back up its folder or bucket after the database, so that it holds
all that the database names.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, inspect

from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.store.change_of_kind import fill_postgres
from oracle.store.engine import make_engine, parse_url, shown
from oracle.store.schema import HEAD, version_of
from oracle.store.signing_guard import SigningGuard

__all__ = ["back_up", "check_backup", "restore"]

_SQLITE_MAGIC = b"SQLite format 3\0"
_DUMP_MAGIC = b"PGDMP"
#: A dump of years may take long; one that takes longer hangs.
_SECONDS = 6 * 3600


def back_up(url: str, file: Path) -> int:
    """Write a consistent copy of the database to a new file; returns its size in bytes.

    InputError if the file is there, FilingGateError if the copy is not whole (nothing is left then).
    """
    parsed = parse_url(url)
    if file.exists():
        raise InputError("the file is there already", where=str(file), remedy="choose another name")
    part = file.with_name(file.name + ".part")
    try:
        if parsed.get_backend_name() == "sqlite":
            _copy_sqlite(Path(str(parsed.database)), part)
        else:
            part.touch(mode=0o600)
            _run(parsed, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={part}")
        check_backup(part, parsed)
        _flush(part)
        # Unlike a rename this never replaces a file that has come meanwhile.
        os.link(part, file)
    except FileExistsError:
        raise InputError("the file is there already", where=str(file), remedy="choose another name") from None
    finally:
        for leftover in (part, Path(f"{part}-wal"), Path(f"{part}-shm")):
            leftover.unlink(missing_ok=True)
    _flush(file.parent)
    return file.stat().st_size


def _copy_sqlite(database: Path, part: Path) -> None:
    if not database.is_file():
        raise InputError("there is no such database", where=str(database), remedy="check [store] url")
    part.touch(mode=0o600)
    try:
        with (
            closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as source,
            closing(sqlite3.connect(part)) as target,
        ):
            source.backup(target)
            # One file, without the two that WAL keeps beside it.
            target.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise FilingGateError(
            f"the database can't be copied: {error}", where=str(database), remedy="run `filing-gate store fsck`"
        ) from None


def check_backup(file: Path, url: URL) -> None:
    """Whether a file is a whole backup for a database of that kind, and not newer than this program.

    InputError if it is none, FilingGateError if it is damaged.
    """
    sqlite = url.get_backend_name() == "sqlite"
    if not _begin(file).startswith(_SQLITE_MAGIC if sqlite else _DUMP_MAGIC):
        kind = "SQLite database" if sqlite else "dump of PostgreSQL (pg_dump -Fc)"
        raise InputError(f"not a {kind}", where=str(file), remedy="give a file of `filing-gate store backup`")
    if sqlite:
        _check_sqlite(file)
    else:
        listed = _run(url, "pg_restore", "--list", str(file), connected=False)
        if " TABLE DATA " not in listed or " meta " not in listed:
            raise InputError("holds no table of a node", where=str(file), remedy="give a backup of a node's database")


def _begin(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_SQLITE_MAGIC))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file), remedy="check the path") from None


def _check_sqlite(file: Path) -> None:
    try:
        # Immutable: nothing beside the file is read or made.
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?immutable=1", uri=True)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
            if found != ["ok"]:
                raise FilingGateError(f"the file is damaged: {found[0]}", where=str(file), remedy="take another backup")
            names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            version = None
            if "alembic_version" in names:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
                version = str(row[0]) if row else None
    except sqlite3.Error as error:
        raise FilingGateError(f"the file is damaged: {error}", where=str(file), remedy="take another backup") from None
    if "meta" not in names:
        raise InputError("holds no table of a node", where=str(file), remedy="give a backup of a node's database")
    if version is not None and version > HEAD:
        raise InputError(
            f"is of version {version}, newer than this program's {HEAD}",
            where=str(file),
            remedy="use the version of filing-gate that it was made with, or a newer one",
        )


def restore(url: str, file: Path, at: int) -> None:
    """Put a backup into an empty or absent database; every other is refused, and nothing is changed then.

    A backup of SQLite may go into PostgreSQL, not the other way round.

    The database then says that it was restored `at` (seconds since 1970), which binds the signing guard. Errors as
    `check_backup`; InputError if the database holds anything.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite" and _begin(file).startswith(_SQLITE_MAGIC):
        _check_sqlite(file)
        fill_postgres(parsed, file, at)
        return
    check_backup(file, parsed)
    if parsed.get_backend_name() == "sqlite":
        _restore_sqlite(Path(str(parsed.database)), file, at)
        return
    engine = make_engine(parsed)
    try:
        with engine.connect() as connection:
            names = inspect(connection).get_table_names()
            known = version_of(connection, shown(parsed)) if names else None
    finally:
        engine.dispose()
    if names:
        raise _taken(shown(parsed), known)
    _run(
        parsed,
        "pg_restore",
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "--no-privileges",
        f"--dbname={_bare(parsed)}",
        str(file),
        connected=False,
    )
    _mark(parsed, at)


def _mark(parsed: URL, at: int) -> None:
    engine = make_engine(parsed)
    try:
        SigningGuard(engine).mark_restored(at)
    finally:
        engine.dispose()


def _taken(where: str, version: str | None) -> InputError:
    held = f"a node's tables of version {version}" if version else "tables"
    return InputError(
        f"the database is not empty: it holds {held}", where=where, remedy="restore into a new one, and name that"
    )


def _restore_sqlite(database: Path, file: Path, at: int) -> None:
    for leftover in (Path(f"{database}-wal"), Path(f"{database}-journal")):
        # SQLite would play it into the restored file.
        if leftover.exists() and not database.exists():
            raise InputError(
                "a leftover of another database", where=str(leftover), remedy="move it away; it may hold its last rows"
            )
    empty = not database.exists()
    if not empty:
        try:
            with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
                empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        except sqlite3.Error:
            empty = False
    if not empty:
        raise _taken(str(database), None)
    part = database.with_name(database.name + ".part")
    try:
        shutil.copyfile(file, part)
        part.chmod(0o600)
        # Before it takes the database's name: no moment of a crash leaves a restored database that does not say so.
        _mark(parse_url(f"sqlite:///{part.resolve()}"), at)
        with closing(sqlite3.connect(part)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _flush(part)
        if database.exists():
            part.replace(database)
        else:
            os.link(part, database)
    except FileExistsError:
        raise _taken(str(database), None) from None
    finally:
        for leftover in (part, Path(f"{part}-wal"), Path(f"{part}-shm")):
            leftover.unlink(missing_ok=True)
    _flush(database.parent)


def _flush(path: Path) -> None:
    """Have a file, or a folder's names, written to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _bare(url: URL) -> str:
    """The URL as libpq reads it, without the password: arguments of a program are seen by every user."""
    bare = url.set(drivername="postgresql").difference_update_query(["password", "sslpassword"])
    return URL.create(
        "postgresql", bare.username, None, bare.host, bare.port, bare.database, bare.query
    ).render_as_string(hide_password=False)


def _run(url: URL, program: str, *arguments: str, connected: bool = True) -> str:
    """Run one of PostgreSQL's programs; what it prints. InputError if it is not there, UnreachableError if it fails."""
    path = shutil.which(program)
    if path is None:
        raise InputError(
            f"the program {program} is not installed",
            where="PATH",
            remedy="install the package postgresql-client, of the server's version or newer",
        )
    secrets = {"PGPASSWORD": url.password or url.query.get("password"), "PGSSLPASSWORD": url.query.get("sslpassword")}
    environment = {**os.environ, **{key: str(value) for key, value in secrets.items() if value}}
    command = [path, *arguments, *([f"--dbname={_bare(url)}"] if connected else [])]
    if program == "pg_dump" or "--single-transaction" in arguments:
        command.insert(1, "--no-password")
    try:
        done = subprocess.run(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"{program} did not end", where=shown(url), remedy="look at the server") from None
    if done.returncode != 0:
        words = " ".join(done.stderr.split())[:300] or f"exit code {done.returncode}"
        for secret in filter(None, secrets.values()):
            words = words.replace(str(secret), "***")
        raise UnreachableError(
            f"{program} failed: {words}", where=shown(url), remedy="check server, rights and the program's version"
        )
    return done.stdout
