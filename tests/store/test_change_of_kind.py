"""A backup of SQLite restored into PostgreSQL: every row, the numbering, the mark of the restore."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from oracle.errors import InputError
from oracle.store import tables
from oracle.store.backup import back_up, restore
from oracle.store.database import Database
from oracle.store.signing_guard import SigningGuard

pytestmark = pytest.mark.slow


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Two requests with bytes that are no text, and a claim."""
    url = f"sqlite:///{tmp_path / 'node.db'}"
    database = Database(url)
    database.bind_to({"operator": "0xA", "chain": "1"})
    for number in range(2):
        database.add_request("2026-11-22T00:00:00Z", "POST", f"/v1/{number}", b"\x00\xff", name="n")
    SigningGuard(database.engine).claim("0x01", 1, "0x02", 500, "{}", 100, longest=10)
    database.close()
    back_up(url, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("made_before", (False, True))
def test_restore__sqlite_into_postgres__all_rows_and_the_next_number(
    backup: Path, postgres_url: str, made_before: bool
) -> None:
    if made_before:  # `filing-gate store upgrade` on the new database
        Database(postgres_url).close()
    restore(postgres_url, backup, 1_000)
    database = Database(postgres_url)
    assert database.add_request("2026-11-22T00:00:01Z", "GET", "/v1/3", b"") == 3
    with database.engine.connect() as connection:
        assert connection.execute(select(tables.requests.c.body).order_by(tables.requests.c.id)).scalars().all() == [
            *(b"\x00\xff", b"\x00\xff", b"")
        ]
        assert connection.execute(select(func.count()).select_from(tables.signing_claims)).scalar() == 1
    assert SigningGuard(database.engine).restored_at() == 1_000
    database.bind_to({"operator": "0xA", "chain": "1"})
    database.close()


def test_restore__postgres_holds_a_row__refused_and_as_it_was(backup: Path, postgres_url: str) -> None:
    database = Database(postgres_url)
    database.add_request("2026-11-22T00:00:00Z", "GET", "/own", b"")
    with pytest.raises(InputError, match="not empty"):
        restore(postgres_url, backup, 1_000)
    with database.engine.connect() as connection:
        assert connection.execute(select(tables.requests.c.path)).scalars().all() == ["/own"]
    assert SigningGuard(database.engine).restored_at() is None
    database.close()
