"""The tables' versions: made by migrations alone, recognised, refused, brought up to date once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

import oracle.store
from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.store import tables
from oracle.store.database import Database
from oracle.store.engine import make_engine, parse_url
from oracle.store.schema import HEAD, database_version, upgrade

MIGRATIONS = Path(oracle.store.__file__).with_name("migrations")
SQLITE = create_engine("sqlite://")
VERSIONS = sorted(item.revision for item in ScriptDirectory(str(MIGRATIONS)).walk_revisions())


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    made = make_engine(parse_url(empty_url))
    yield made
    made.dispose()


def as_before(engine: Engine) -> None:
    """What the version without migrations made: its tables, its mark, no triggers."""
    upgrade(engine, "test", target="0001")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(tables.meta.insert().values(key="schema", value="1"))
        connection.execute(
            text("INSERT INTO requests (received_at, method, path, body) VALUES ('t', 'GET', '/', :body)"),
            {"body": b"1"},
        )


def test_migrations__make_exactly_the_tables__on_both(engine: Engine) -> None:
    upgrade(engine, "test")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_head__is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_open__made_before_migrations__refused_then_upgraded_with_its_rows(empty_url: str, engine: Engine) -> None:
    as_before(engine)
    with pytest.raises(InputError, match=r"of version 0001.*filing-gate store upgrade"):
        Database(empty_url)
    with engine.connect() as connection:
        assert "alembic_version" not in inspect(connection).get_table_names()
    assert [step.version for step in upgrade(engine, "test")] == VERSIONS[1:]
    assert upgrade(engine, "test") == ()
    database = Database(empty_url)
    assert database.add_request("t", "GET", "/", b"") == 2
    database.close()
    with engine.connect() as connection:
        # The version before looks here, and must not take this for its own.
        stated = connection.execute(tables.meta.select().where(tables.meta.c.key == "schema")).one()
    assert stated.value == "2"


def test_upgrade__decisions_with_and_without_records__keep_what_only_they_say(engine: Engine) -> None:
    upgrade(engine, "test", target="0006")
    yes, no = '{"approved":true,"failed":[]}', '{"approved":false,"failed":["DOC-1"]}'
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO requests (received_at, method, path, body) VALUES ('t', 'POST', '/', :body)"),
            {"body": b"1"},
        )
        insert = "INSERT INTO decisions (request_id, kind, dossier_hash, decided_at, inputs, outcome)"
        for outcome in (yes, no, yes, no):
            connection.execute(text(f"{insert} VALUES (1, 'approval', '0x', 1, '{{}}', :it)"), {"it": outcome})
        record = {"record": b"{}"}
        connection.execute(text("INSERT INTO decision_records (decision_id, record) VALUES (3, :record)"), record)
        connection.execute(text("INSERT INTO decision_records (decision_id, record) VALUES (4, :record)"), record)
        connection.execute(
            text(
                "INSERT INTO signatures (decision_id, filing, sequence, digest, signature, signed_at) "
                "VALUES (3, '0x', 1, '0x', '0x', 't')"
            )
        )
    assert [step.version for step in upgrade(engine, "test")] == ["0007"]
    with engine.begin() as connection:
        found = connection.execute(select(tables.decisions).order_by(tables.decisions.c.id)).all()
        assert [(row.id, row.approved, row.old_inputs, row.old_outcome) for row in found] == [
            (1, True, "{}", yes),
            (2, False, "{}", no),
            (3, True, None, None),
            (4, False, None, None),
        ]
        with pytest.raises(IntegrityError, match="never changed"), connection.begin_nested():
            connection.execute(text("UPDATE decisions SET approved = true"))
        with (
            pytest.raises((DBAPIError, UnreachableError)),
            connection.begin_nested(),
        ):  # a replica of the version before
            connection.execute(text(f"{insert} VALUES (1, 'approval', '0x', 1, '{{}}', '{{}}')"))
        made = {"request_id": 1, "kind": "approval", "dossier_hash": "0x", "decided_at": 1, "approved": True}
        assert connection.execute(tables.decisions.insert().values(made)).inserted_primary_key == (5,)


def test_open__newer_version_or_none__refused(empty_url: str, engine: Engine) -> None:
    upgrade(engine, "test")
    for version, fault in (("9999", "newer than this program"), ("abcd", "newer than this program")):
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
        with pytest.raises(InputError, match=fault):
            Database(empty_url)
        with pytest.raises(InputError, match="does not know"):
            upgrade(engine, "test")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(InputError, match="no version that this program knows"):
        Database(empty_url)


def test_upgrade__by_several_at_once__each_step_once(empty_url: str, engine: Engine) -> None:
    as_before(engine)
    taken: list[int] = []
    failed: list[FilingGateError] = []

    def work() -> None:
        own = make_engine(parse_url(empty_url))
        try:
            taken.append(len(upgrade(own, "test")))
        except FilingGateError as error:
            failed.append(error)
        own.dispose()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sorted(taken), failed) == ([0, 0, len(VERSIONS) - 1], [])
    assert database_version(engine, "test") == HEAD


def test_open__new_database_by_several_at_once__made_once(empty_url: str) -> None:
    opened: list[Database] = []
    threads = [threading.Thread(target=lambda: opened.append(Database(empty_url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [database.ready() for database in opened] == [True] * 3
    for database in opened:
        database.close()


@pytest.mark.parametrize("table", tables.APPEND_ONLY)
def test_append_only__update_and_delete_of_a_row__refused_by_the_file_itself(tmp_path: Path, table: str) -> None:
    Database(f"sqlite:///{tmp_path / 'node.db'}").close()
    known = tables.metadata.tables[table]
    with closing(sqlite3.connect(tmp_path / "node.db")) as connection:
        connection.execute(str(known.insert().compile(SQLITE)), [1] * len(known.columns))
        column = next(iter(known.columns))
        for statement in (known.update().values({column: 2}), known.delete()):
            compiled = statement.compile(SQLITE)
            with pytest.raises(sqlite3.IntegrityError, match=f"rows of {table} are never changed"):
                connection.execute(str(compiled), [2] * len(compiled.params))


def test_append_only__through_the_nodes_own_engine__refused_on_both(database_url: str) -> None:
    database = Database(database_url)
    if database.engine.dialect.name == "postgresql":
        for table in tables.APPEND_ONLY:
            known = tables.metadata.tables[table]
            column = next(iter(known.columns))
            for statement in (
                known.update().values({column: column}),
                known.delete(),
                text(f"TRUNCATE {table} CASCADE"),
            ):
                with pytest.raises(IntegrityError, match="are never changed"), database.engine.begin() as connection:
                    connection.execute(statement)
    else:
        # Not past the triggers by replacing either.
        number = database.add_request("t", "GET", "/", b"first")
        with pytest.raises(IntegrityError, match="are never changed"), database.engine.begin() as connection:
            connection.execute(
                text("INSERT OR REPLACE INTO requests VALUES (:id, 't', 'GET', '/', 'other')"), {"id": number}
            )
    database.close()
