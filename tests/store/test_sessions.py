"""Sessions of the pages: kept as a hash, ended by time, by sign-out and with their key, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle.store.api_keys import ApiKeys, Scope
from oracle.store.database import Database
from oracle.store.sessions import Sessions

NOW = 1_800_000_000


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    yield made
    made.close()


def test_session__begun__found_by_its_token_alone_until_its_end(database: Database) -> None:
    sessions = Sessions(database.engine)
    key, _ = ApiKeys(database.engine).new("示例", [Scope.OPERATOR], NOW)
    made, token = sessions.new(key, NOW, 600)
    assert sessions.find(token, NOW + 599) == made
    assert made.key == key
    last = token[-1]
    for wrong in (token[:-1] + ("1" if last == "0" else "0"), token[:12], "", token + "0", token.upper() + "é"):
        assert sessions.find(wrong, NOW) is None
    assert sessions.find(token, NOW + 600) is None


def test_session__signed_out_or_its_key_revoked_or_expired__ends_at_once(database: Database) -> None:
    sessions, keys = Sessions(database.engine), ApiKeys(database.engine)
    key, _ = keys.new("a", [Scope.OPERATOR], NOW, NOW + 300)
    (_, one), (two_kept, two) = sessions.new(key, NOW, 600), sessions.new(key, NOW, 600)
    assert sessions.end(two_kept.id)
    assert not sessions.end(two_kept.id)
    assert sessions.find(two, NOW) is None
    assert sessions.find(one, NOW + 299) is not None
    assert sessions.find(one, NOW + 300) is None
    keys.revoke(key.id, NOW + 1)
    assert sessions.find(one, NOW + 1) is None
    assert sessions.all(NOW + 1) == []


def test_sessions__listed__newest_first_and_ended_ones_removed(database: Database) -> None:
    sessions = Sessions(database.engine)
    old, _ = sessions.new(None, NOW, 60)
    kept, _ = sessions.new(None, NOW + 30, 600)
    assert sessions.all(NOW + 59) == [kept, old]
    newest, _ = sessions.new(None, NOW + 60, 600)
    assert sessions.all(NOW + 1) == [newest, kept]


def test_session__kept__no_secret_on_the_disk(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'node.db'}")
    key, _ = ApiKeys(database.engine).new("a", [Scope.OPERATOR], NOW)
    _, token = Sessions(database.engine).new(key, NOW, 600)
    database.close()
    secret = token.partition("_")[2].encode()
    assert [path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_bytes()] == []
