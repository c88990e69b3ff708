"""The database: durable, append-only, tied to one operator, refusing what it can't use."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from oracle.domain.filing import FilingQuery, ObservationKind
from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.errors import FilingGateError, InputError
from oracle.store.database import Database
from tests.samples.dossier import ENTITY_NAME, NUMBER, sample_observation, sample_parsed

WHEN = "2026-11-22T00:00:00.000+00:00"
QUERY = FilingQuery(number=NUMBER, entity_name=ENTITY_NAME)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'node.db'}")


def test_open__twice_and_other_schema__second_refused(tmp_path: Path, database: Database) -> None:
    database.close()
    url = f"sqlite:///{tmp_path / 'node.db'}"
    assert Database(url).ready()
    with closing(sqlite3.connect(tmp_path / "node.db")) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
        connection.execute("update meta set value = '99' where key = 'schema'")
        connection.commit()
    with pytest.raises(InputError, match="has schema 99"):
        Database(url)


@pytest.mark.parametrize("url", ("nonsense", "sqlite:////no/such/folder/node.db", "sqlite:////"))
def test_open__unusable_url__one_clear_error(url: str) -> None:
    with pytest.raises(InputError):
        Database(url)


def test_open__file_is_no_database__one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(InputError, match="can't be opened"):
        Database(f"sqlite:///{path}")


def test_bind_to__another_operator__refused(database: Database) -> None:
    database.bind_to({"operator": "0xA", "chain": "1"})
    database.bind_to({"operator": "0xA", "chain": "1"})
    with pytest.raises(InputError, match="belongs to operator 0xA, not 0xB"):
        database.bind_to({"operator": "0xB"})


def test_dossier__kept_and_read__checked_against_its_hash(tmp_path: Path, database: Database) -> None:
    dossier = sample_parsed()
    name = "0x" + dossier.dossier_hash().hex()
    request = database.add_request(WHEN, "POST", "/v1/dossiers", dossier.canonical())
    assert database.add_dossier(request, dossier)
    assert not database.add_dossier(request, dossier)
    assert database.dossier(name) == dossier
    assert database.dossier("0x" + "00" * 32) is None
    assert database.entity_of(NUMBER) is not None
    with closing(sqlite3.connect(tmp_path / "node.db")) as connection:
        other = dossier.canonical().replace(b"reviewer", b"rev1ewer").replace(b"OWNERSHIP", b"CONTRACT ".strip())
        connection.execute("update dossiers set canonical = ?", (other,))
        connection.commit()
    with pytest.raises(FilingGateError, match="no longer fits its hash"):
        database.dossier(name)


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


def test_signature__same_digest_again__same_is_fine_other_is_an_error(database: Database) -> None:
    request = database.add_request(WHEN, "POST", "/v1/approvals", b"{}")
    decision = database.add_decision(request, "approval", "0x00", 1, {}, {})
    database.add_signature(decision, "0xf", 1, "0xd", "0x51", WHEN)
    database.add_signature(decision, "0xf", 1, "0xd", "0x51", WHEN)
    stored = database.signature("0xd")
    assert stored is not None
    assert stored.signature == "0x51"
    with pytest.raises(IntegrityError):
        database.add_signature(decision, "0xf", 1, "0xd", "0x52", WHEN)


KILLED = """
import os, sys
from oracle.store.database import Database
database = Database(sys.argv[1])
for number in range(100000):
    database.add_request("t", "POST", "/", str(number).encode())
    print(number, flush=True)
"""


def test_add_request__process_killed__nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    command = [sys.executable, "-c", KILLED, f"sqlite:///{path}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for _ in range(20):
            last = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        last = max([last, *(int(line) for line in process.stdout.read().split())])
    with closing(sqlite3.connect(path)) as connection:
        kept = {int(row[0]) for row in connection.execute("select cast(body as text) from requests")}
    assert set(range(last + 1)) <= kept


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
        decision = database.add_decision(request, kind, name, 1, {}, {})
        database.add_signature(decision, "0xf", 1, f"0x{digest}", "0x51", WHEN)
    assert database.newest_signed_dossier("0xf") == "0x2"
    assert database.newest_signed_dossier("0xe") is None
    dossier = sample_parsed()
    database.add_dossier(request, dossier)
    assert database.dossier_numbers(5) == [NUMBER]
    assert database.dossier_numbers(0) == []
