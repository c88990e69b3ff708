"""The database: durable, append-only, tied to one operator, refusing what it can't use."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event as hooks
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from oracle.domain.filing import FilingQuery, ObservationKind
from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.errors import FilingGateError, InputError
from oracle.store import tables
from oracle.store.database import Database
from tests.samples.dossier import ENTITY_NAME, NUMBER, sample_observation, sample_parsed
from tests.store.tampering import unprotected

WHEN = "2026-11-22T00:00:00.000+00:00"
QUERY = FilingQuery(number=NUMBER, entity_name=ENTITY_NAME)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def test_open__twice__same_rows(database_url: str, database: Database) -> None:
    number = database.add_request(WHEN, "GET", "/a\0b", b"")
    again = Database(database_url)
    assert again.ready()
    assert again.add_request(WHEN, "GET", "/", b"") > number
    again.close()


@pytest.mark.parametrize("url", ("nonsense", "sqlite:////no/such/folder/node.db", "sqlite:////"))
def test_open__unusable_url__one_clear_error(url: str) -> None:
    with pytest.raises(InputError):
        Database(url)


def test_open__file_is_no_database__one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(InputError, match="can't be opened"):
        Database(f"sqlite:///{path}")


def test_checkpoint__rows_committed__lie_in_the_file_itself(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'node.db'}")
    number = database.add_request(WHEN, "GET", "/kept", b"")
    alone = tmp_path / "alone.db"
    find = "SELECT path FROM requests WHERE id = ?"
    alone.write_bytes((tmp_path / "node.db").read_bytes())
    with closing(sqlite3.connect(alone)) as copy, pytest.raises(sqlite3.OperationalError, match="no such table"):
        copy.execute(find, (number,))
    database.checkpoint()
    alone.write_bytes((tmp_path / "node.db").read_bytes())
    with closing(sqlite3.connect(alone)) as copy:
        assert copy.execute(find, (number,)).fetchall() == [("/kept",)]
    database.close()


def test_checkpoint__another_writes__neither_waits(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(tables.meta.insert().values(key="half", value="way"))
        database.checkpoint()
    assert database.add_request(WHEN, "GET", "/after", b"") > 0


def test_bind_to__another_operator__refused(database: Database) -> None:
    database.bind_to({"operator": "0xA", "chain": "1"})
    database.bind_to({"operator": "0xA", "chain": "1"})
    with pytest.raises(InputError, match="belongs to operator 0xA, not 0xB"):
        database.bind_to({"operator": "0xB"})


def test_dossier__kept_and_read__checked_against_its_hash(database: Database) -> None:
    dossier = sample_parsed()
    name = "0x" + dossier.dossier_hash().hex()
    request = database.add_request(WHEN, "POST", "/v1/dossiers", dossier.canonical())
    assert database.add_dossier(request, dossier)
    assert not database.add_dossier(request, dossier)
    assert database.dossier(name) == dossier
    assert database.dossier("0x" + "00" * 32) is None
    assert database.entity_of(NUMBER) is not None
    assert database.dossier("0x\0") is None
    other = dossier.canonical().replace(b"reviewer", b"rev1ewer")
    with unprotected(database, "dossiers") as connection:
        connection.execute(tables.dossiers.update().values(canonical=other))
    # What is in memory was checked when it came; whoever reads it anew is told.
    assert database.dossier(name) == dossier
    again = Database(database.engine.url.render_as_string(hide_password=False))
    with pytest.raises(FilingGateError, match="no longer fits its hash"):
        again.dossier(name)
    again.close()


def test_sighting__newest_of_the_same_question__only_that(database: Database) -> None:
    old, new = sample_observation(age=7200), sample_observation(age=60)
    gone = sample_observation(ObservationKind.ABSENCE, age=1)
    assert database.last_sighting(QUERY) == []
    database.add_sighting(QUERY, [old, gone])
    database.add_sighting(QUERY, [new])
    assert database.last_sighting(QUERY) == [new]
    assert database.last_sighting(FilingQuery(number=NUMBER)) == []
    database.add_sighting(QUERY, [gone])
    assert database.last_sighting(QUERY) == [gone]
    assert database.earlier_publications(NUMBER) == [new]


def test_earlier_publications__after_many_looks__looks_at_few_rows(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'node.db'}")
    seen = sample_observation(age=60)
    steps: list[int] = []

    def count(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.set_progress_handler(lambda: steps.append(1), 100)

    database.add_sighting(QUERY, [seen] * 2000)
    hooks.listen(database.engine, "checkout", count)
    assert database.earlier_publications(NUMBER) == [seen]
    assert len(steps) < 10  # a look at each row takes over 10,000 steps
    gone = sample_observation(ObservationKind.WITHDRAWAL, age=1)
    database.add_sighting(QUERY, [gone])
    assert database.earlier_publications(NUMBER) == [seen, gone]
    database.close()


def test_signature__same_digest_again__same_is_fine_other_is_an_error(database: Database) -> None:
    request = database.add_request(WHEN, "POST", "/v1/approvals", b"{}")
    decision = database.add_decision(request, "approval", "0x00", 1, True, b"{}")
    database.add_signature(decision, "0xf", 1, "0xd", "0x51", WHEN)
    database.add_signature(decision, "0xf", 1, "0xd", "0x51", WHEN)
    stored = database.signature("0xd")
    assert stored is not None
    assert stored.signature == "0x51"
    with pytest.raises(IntegrityError):
        database.add_signature(decision, "0xf", 1, "0xd", "0x52", WHEN)


KILLED = """
import os, sys, threading
from oracle.store.database import Database
database = Database(sys.argv[1])
def work(first):
    for number in range(first, first + 100000):
        database.add_request("t", "POST", "/", str(number).encode())
        os.write(1, f"{number}\\n".encode())
for thread in range(8):
    threading.Thread(target=work, args=(thread * 1000000,)).start()
"""


def test_add_request__process_killed__nothing_acknowledged_is_lost(database_url: str) -> None:
    command = [sys.executable, "-c", KILLED, database_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        acknowledged = [int(process.stdout.readline()) for _ in range(200)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout.read().split()]
    database = Database(database_url)
    with database.engine.connect() as connection:
        kept = {int(body) for body in connection.execute(select(tables.requests.c.body)).scalars()}
    database.close()
    assert len(acknowledged) >= 200
    assert set(acknowledged) <= kept


def test_add__from_many_threads__every_row_once_in_order_of_its_filing(database: Database) -> None:
    numbers: list[int] = []

    def work(thread: int) -> None:
        for step in range(10):
            numbers.append(database.add_request(WHEN, "GET", f"/{thread}/{step}", b""))
            database.add_filing_event(NUMBER, f"{thread}:{step}", event(RecordKind.MINTED, 1000 - step * thread))
            database.add_filing_event(NUMBER, f"shared:{step}", event(RecordKind.MINTED, step))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == len(set(numbers)) == 80
    events = database.filing_events(NUMBER)
    assert len(events) == 90
    times = [item.at for item in events]
    assert times == sorted(times)


def test_bind_to__two_at_once__both_or_one_is_told(database: Database) -> None:
    told: list[str] = []

    def work(name: str) -> None:
        try:
            database.bind_to({"operator": name})
        except InputError as error:
            told.append(str(error))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("0xA", "0xB", "0xA", "0xB")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 2


def event(kind: RecordKind, at: int, **content: object) -> RecordedEvent:
    return RecordedEvent(kind, at, "somebody", content, "ab" * 32)


def test_filing_events__once_a_key__in_order__time_never_falls(database: Database) -> None:
    declared = event(RecordKind.DECLARED, 100, statement="a", what="火")
    assert database.add_filing_event(NUMBER, "a", declared)
    assert not database.add_filing_event(NUMBER, "a", event(RecordKind.MINTED, 200))
    assert database.add_filing_event("other", "a", event(RecordKind.MINTED, 5))
    # A clock set back must not make the fold refuse what happens now.
    assert database.add_filing_event(NUMBER, "b", event(RecordKind.GONE, 50))
    first, second = database.filing_events(NUMBER)
    assert first == declared
    assert (second.kind, second.at) == (RecordKind.GONE, 100)
    assert database.recorded_filings() == sorted([NUMBER, "other"])


def test_newest_signed_dossier__only_of_approvals(database: Database) -> None:
    request = database.add_request(WHEN, "POST", "/v1/approvals", b"{}")
    for digest, (kind, name) in enumerate((("approval", "0x1"), ("approval", "0x2"), ("update", "0x3"))):
        decision = database.add_decision(request, kind, name, 1, True, b"{}")
        database.add_signature(decision, "0xf", 1, f"0x{digest}", "0x51", WHEN)
    assert database.newest_signed_dossier("0xf") == "0x2"
    assert database.newest_signed_dossier("0xe") is None
    dossier = sample_parsed()
    database.add_dossier(request, dossier)
    assert database.dossier_numbers(5) == [NUMBER]
    assert database.dossier_numbers(0) == []
