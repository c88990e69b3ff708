"""Writes that share a commit: each has its own fate, and none is told of before it is on disk."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import IntegrityError

from oracle.errors import FilingGateError, UnreachableError
from oracle.store import tables
from oracle.store.database import Database
from oracle.store.group_commit import GroupCommit


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'node.db'}")


def row(number: int) -> dict[str, object]:
    return {"id": number, "received_at": "t", "method": "GET", "path": "/", "body": b""}


def kept(database: Database) -> list[int]:
    with database.engine.connect() as connection:
        return list(connection.execute(select(tables.requests.c.id).order_by(tables.requests.c.id)).scalars())


def together(database: Database, *works: object) -> list[object]:
    """Have all run in one group: the first waits in its transaction until the others have lined up behind it."""
    group = GroupCommit(database.engine)
    begun, go = threading.Event(), threading.Event()
    outcomes: list[object] = [None] * len(works)

    def first(_: Connection) -> None:
        begun.set()
        go.wait(10)

    def run(place: int, work: object) -> None:
        try:
            outcomes[place] = group.write(work)  # type: ignore[arg-type]
        except (IntegrityError, FilingGateError, ValueError) as error:
            outcomes[place] = error

    leader = threading.Thread(target=group.write, args=(first,))
    leader.start()
    begun.wait(10)
    threads = []
    for place, work in enumerate(works):
        threads.append(threading.Thread(target=run, args=(place, work)))
        threads[-1].start()
        while len(group._waiting) < place + 1:
            threading.Event().wait(0.001)
    go.set()
    for thread in (leader, *threads):
        thread.join(10)
    return outcomes


def test_group__one_fails__only_its_own_changes_are_undone(database: Database) -> None:
    def good(number: int) -> object:
        return lambda connection: connection.execute(tables.requests.insert().values(row(number))) and number

    def bad(connection: Connection) -> None:
        connection.execute(tables.requests.insert().values(row(5)))
        connection.execute(tables.requests.insert().values(row(1)))

    def broken(connection: Connection) -> None:
        connection.execute(tables.requests.insert().values(row(6)))
        raise ValueError("not the database's fault")

    outcomes = together(database, good(1), bad, good(2), broken, good(3))
    assert (outcomes[0], outcomes[2], outcomes[4]) == (1, 2, 3)
    assert isinstance(outcomes[1], IntegrityError)
    assert isinstance(outcomes[3], ValueError)
    assert kept(database) == [1, 2, 3]
    database.close()


def test_group__its_transaction_is_lost__each_is_written_alone(database: Database) -> None:
    def good(number: int) -> object:
        return lambda connection: connection.execute(tables.requests.insert().values(row(number))) and number

    def ends(connection: Connection) -> None:
        # As SQLite does by itself when a disk is full: everything of the transaction is gone.
        connection.exec_driver_sql("ROLLBACK")
        raise UnreachableError("the disk is full")

    outcomes = together(database, good(1), ends, good(2))
    assert (outcomes[0], outcomes[2]) == (1, 2)
    assert isinstance(outcomes[1], UnreachableError)
    assert kept(database) == [1, 2]
    database.close()


def test_group__disk_full__clear_error_and_later_writes_go_on(database: Database) -> None:
    with database.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    first = database.add_request("t", "POST", "/", b"x")

    def full(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        try:
            connection.execute(tables.requests.insert().values({**row(99), "body": bytes(100_000)}))
        finally:
            connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")

    with pytest.raises(UnreachableError, match="disk is full"):
        database.write(full)
    second = database.add_request("t", "POST", "/", b"y")
    assert kept(database) == [first, second]
    database.close()


def test_group__a_waiting_thread_is_interrupted__others_are_written(database: Database, monkeypatch) -> None:
    group = GroupCommit(database.engine)
    begun, go = threading.Event(), threading.Event()

    def first(_: Connection) -> None:
        begun.set()
        go.wait(10)

    leader = threading.Thread(target=group.write, args=(first,))
    leader.start()
    begun.wait(10)

    def interrupted(_event: object, _timeout: object = None) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            group.write(lambda connection: connection.execute(tables.requests.insert().values(row(1))))
    go.set()
    leader.join(10)
    group.write(lambda connection: connection.execute(tables.requests.insert().values(row(2))))
    assert kept(database) == [2]
    database.close()
