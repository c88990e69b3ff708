"""URLs and connections: what can't be used is one error, and no password is in it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

import oracle.store.engine
from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.store.database import Database
from oracle.store.engine import make_engine, parse_url, shown

SECRET = "hunter2"


@pytest.mark.parametrize(
    "url",
    (
        "nonsense",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://u:hunter2@h/d",
        "postgresql://u:hunter2@h:port/d",
        "postgresql+asyncpg://u:hunter2@h/d",
    ),
)
def test_parse__not_usable__one_error_without_the_password(url: str) -> None:
    with pytest.raises(InputError, match="not a database URL") as caught:
        parse_url(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("scheme", ("postgresql", "postgres", "postgresql+psycopg"))
def test_parse__any_name_of_postgresql__psycopg(scheme: str) -> None:
    url = parse_url(f"{scheme}://u:hunter2@h/d?sslmode=require&sslpassword=hunter2")
    assert url.drivername == "postgresql+psycopg"
    assert SECRET not in shown(url)


def test_open__no_server__unreachable_without_the_password() -> None:
    with pytest.raises(UnreachableError) as caught:
        Database("postgresql://u:hunter2@127.0.0.1:1/d?password=hunter2")
    assert SECRET not in str(caught.value)
    assert caught.value.remedy


def test_open__no_such_database__unreachable(postgres_url: str) -> None:
    url = make_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(UnreachableError, match="does not exist"):
        Database(url)


def test_open__encoding_that_holds_no_chinese__refused(postgres_server: Any, postgres_url: str) -> None:
    with psycopg.connect(postgres_server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    url = make_url(postgres_url).set(database="plain").render_as_string(hide_password=False)
    with pytest.raises(InputError, match="encoding is SQL_ASCII"):
        Database(url)
    with psycopg.connect(postgres_server.get_uri(), autocommit=True) as connection:
        connection.execute("DROP DATABASE plain WITH (FORCE)")


def test_write__connection_lost__one_error_then_it_goes_on(postgres_url: str) -> None:
    database = Database(postgres_url)
    first = database.add_request("t", "GET", "/", b"kept")

    def dies(connection: Connection) -> None:
        connection.execute(text("INSERT INTO requests (received_at, method, path, body) VALUES ('t', 'G', '/', '')"))
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(UnreachableError, match="can't be used"):
        database.write(dies)
    # Idle connections that the server cut are not noticed by anybody.
    with psycopg.connect(
        make_url(postgres_url).set(drivername="postgresql").render_as_string(), autocommit=True
    ) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert database.ready()
    assert database.add_request("t", "GET", "/", b"after") > first
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM requests")).scalar() == 2
    database.close()


def test_ready__file_became_unreadable__false_or_damaged_not_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    database = Database(f"sqlite:///{path}")
    database.close()
    path.write_bytes(b"overwritten by something else" * 1000)
    with pytest.raises(FilingGateError, match="damaged"):
        database.add_request("t", "GET", "/", b"")
    assert not database.ready()
    database.close()


def test_pool__all_connections_busy__one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_POOL", 1), ("_OVERFLOW", 0), ("_WAIT_SECONDS", 0.05)):
        monkeypatch.setattr(oracle.store.engine, name, value)
    engine = make_engine(parse_url(f"sqlite:///{tmp_path / 'node.db'}"))
    with engine.connect(), pytest.raises(UnreachableError, match="connections were busy"):
        engine.connect()
    engine.dispose()


def test_write__another_process_holds_the_lock__waits_and_then_writes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'node.db'}"
    database, other = Database(url), Database(url)
    held, done = threading.Event(), threading.Event()

    def holds(_: Connection) -> None:
        held.set()
        done.wait(0.3)

    thread = threading.Thread(target=other.write, args=(holds,))
    thread.start()
    held.wait(10)
    assert database.add_request("t", "GET", "/", b"") == 1
    thread.join()
    database.close()
    other.close()
