"""`store upgrade | backup | restore | fsck` as an operator calls them, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from oracle.evidence.store import EvidenceStore
from oracle.store.database import Database
from oracle.store.engine import make_engine, parse_url
from oracle.store.schema import HEAD, upgrade
from tests.cli.command_line import gate
from tests.samples.dossier import sample_parsed
from tests.store.tampering import unprotected

WHEN = "2026-11-22T00:00:00.000+00:00"


def config_for(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node's configuration whose database URL is in a variable, as one with a password must be."""
    folder.mkdir(parents=True, exist_ok=True)
    EvidenceStore(folder / "evidence").put(b"something seen")
    monkeypatch.setenv("NODE_DATABASE", url)
    path = folder / "node.toml"
    path.write_text(
        'name = "operator"\n[chain]\nid = 31337\nregistry = "0x' + "11" * 20 + '"\nrpc_url = "http://127.0.0.1:1"\n'
        '[key]\nkeystore = "keystore.json"\npassword_env = "UNUSED"\n[store]\nurl_env = "NODE_DATABASE"\n'
        '[[sources]]\ntype = "csrc"\nbase_url = "http://127.0.0.1:1"\ntable_channels = ["c1"]\n'
    )
    return path


def filled(url: str) -> None:
    database = Database(url)
    dossier = sample_parsed()
    number = database.add_request(WHEN, "POST", "/v1/dossiers", dossier.canonical())
    database.add_dossier(number, dossier)
    database.add_answer(number, WHEN, 201, b"{}")
    database.close()


@pytest.fixture
def postgres_on_path(request: pytest.FixtureRequest, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own pg_dump: an older one refuses."""
    if database_url.startswith("postgresql"):
        monkeypatch.setenv("PATH", str(request.getfixturevalue("postgres_programs")), prepend=":")


@pytest.mark.usefixtures("postgres_on_path")
def test_backup_restore__into_an_empty_database__same_rows_proven(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(tmp_path / "node", database_url, monkeypatch)
    filled(database_url)
    still_running = Database(database_url)
    copy = tmp_path / "node.backup"
    answer = gate("store", "backup", copy, "--config", config, "--json")
    assert answer.code == 0, answer
    assert answer.json["bytes"] == copy.stat().st_size
    assert gate("store", "backup", copy, "--config", config).code == 2
    refused = gate("store", "restore", copy, "--config", config)
    assert refused.code == 2
    assert "not empty" in refused.line
    still_running.close()
    # The database is lost.
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        for name in ("node.db", "node.db-wal", "node.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
    else:
        engine = make_engine(url)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    answer = gate("store", "restore", copy, "--config", config, "--json")
    assert answer.code == 0, answer
    assert answer.json["checked"]["dossiers"] == answer.json["checked"]["answers"] == 1
    database = Database(database_url)
    assert database.add_request(WHEN, "GET", "/", b"") > 1
    database.close()
    broken = bytearray(copy.read_bytes())
    broken[:20] = bytes(20)
    (tmp_path / "broken").write_bytes(bytes(broken))
    assert gate("store", "restore", tmp_path / "broken", "--config", config).code == 2


def test_fsck__a_row_changed__named_and_exit_1(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(tmp_path / "node", database_url, monkeypatch)
    filled(database_url)
    assert gate("store", "fsck", "--config", config).code == 0
    database = Database(database_url)
    with unprotected(database, "dossiers") as connection:
        connection.execute(text("UPDATE dossiers SET number = 'another'"))
    with unprotected(database, "requests") as connection:
        connection.execute(text("DELETE FROM requests"))
    database.close()
    answer = gate("store", "fsck", "--config", config, "--json")
    assert answer.code == 1
    assert {item["id"] for item in answer.json["findings"]} == {"DOSSIER", "REFERENCE"}
    assert "DOSSIER dossiers 0x" in gate("store", "fsck", "--config", config).out


def test_upgrade__made_before_migrations__backed_up_and_brought_up_once(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(tmp_path / "node", empty_url, monkeypatch)
    engine = make_engine(parse_url(empty_url))
    upgrade(engine, "test", target="0001")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(text("INSERT INTO meta (key, value) VALUES ('schema', '1')"))
    engine.dispose()
    refused = gate("store", "fsck", "--config", config)
    assert refused.code == 2
    assert "filing-gate store upgrade" in refused.line
    answer = gate("store", "upgrade", "--config", config, "--json")
    assert answer.code == 0, answer
    assert (answer.json["before"], answer.json["now"]) == ("0001", HEAD)
    if answer.json["backup"]:
        with closing(sqlite3.connect(answer.json["backup"])) as connection:
            assert connection.execute("SELECT value FROM meta").fetchall() == [("1",)]
    assert bool(answer.json["backup"]) == empty_url.startswith("sqlite")
    again = gate("store", "upgrade", "--config", config)
    assert again.code == 0
    assert "nothing was to do" in again.out
    assert gate("store", "fsck", "--config", config).code == 0


def test_store__no_database__refused_and_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "node.db"
    config = config_for(tmp_path / "node", f"sqlite:///{file}", monkeypatch)
    for arguments in (("fsck",), ("upgrade",), ("backup", tmp_path / "copy")):
        answer = gate("store", *arguments, "--config", config)
        assert answer.code == 2
        assert "no such database" in answer.line
    assert sorted(item.name for item in tmp_path.iterdir()) == ["node"]


def test_restore__log_of_a_lost_database_beside_it__refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "node.db"
    config = config_for(tmp_path / "node", f"sqlite:///{file}", monkeypatch)
    filled(f"sqlite:///{file}")
    assert gate("store", "backup", tmp_path / "copy", "--config", config).code == 0
    file.unlink()
    (tmp_path / "node.db-wal").write_bytes(b"last rows")
    answer = gate("store", "restore", tmp_path / "copy", "--config", config)
    assert answer.code == 2
    assert "leftover" in answer.line
    assert not file.exists()


def test_backup__postgresql_without_its_programs__names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(tmp_path / "node", "postgresql://u:hunter2@127.0.0.1:1/d", monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = gate("store", "backup", tmp_path / "copy", "--config", config)
    assert answer.code == 2
    assert "postgresql-client" in answer.line
    assert not (tmp_path / "copy").exists()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("lines", "fault"),
    (
        ('url = "sqlite:///a.db"\nurl_env = "A"', "exactly one of url and url_env"),
        ('url = "postgresql://u:hunter2@h/d"', "url holds a password"),
        ('url = "postgresql://h/d?password=hunter2"', "url holds a password"),
    ),
)
def test_config__password_in_the_file_or_two_urls__refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, fault: str
) -> None:
    config = config_for(tmp_path / "node", "unused", monkeypatch)
    config.write_text(config.read_text().replace('url_env = "NODE_DATABASE"', lines))
    answer = gate("store", "fsck", "--config", config)
    assert answer.code == 2
    assert fault in answer.line
    assert "hunter2" not in answer.err
