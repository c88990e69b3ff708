"""The sessions of people signed in to a node's pages: made from an API key, kept only as a hash, short.

A session's token reads `<id>_<secret>` and stands in a cookie alone. The id names it in lists and is no secret. A
session is looked up together with its key at every request: it ends with its time, when it is signed out, and at the
moment its key is revoked or expires, at every replica.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, select

from oracle.store import tables
from oracle.store.api_keys import ApiKey, api_key_of

__all__ = ["Session", "Sessions"]

_TOKEN = re.compile(r"([0-9a-f]{12})_([0-9a-f]{64})")


@dataclass(frozen=True)
class Session:
    """A session without its secret; `key` is None where callers need none. Times are seconds since 1970."""

    id: str
    key: ApiKey | None
    created_at: int
    expires_at: int


def _hash(token: str) -> str:
    # A plain hash, as for API keys: 256 bits of chance can't be guessed.
    return hashlib.sha256(token.encode("ascii")).hexdigest()


class Sessions:
    """The table of sessions. Each method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def new(self, key: ApiKey | None, now: int, seconds: int) -> tuple[Session, str]:
        """Begin a session for a key that was just found good: what is kept of it, and its token. Removes ended ones."""
        table = tables.page_sessions
        token = f"{secrets.token_hex(6)}_{secrets.token_hex(32)}"
        made = Session(token[:12], key, now, now + seconds)
        with self._engine.begin() as connection:
            connection.execute(table.delete().where(table.c.expires_at <= now))
            connection.execute(
                table.insert().values(
                    id=made.id,
                    hash=_hash(token),
                    api_key=key.id if key is not None else None,
                    created_at=now,
                    expires_at=made.expires_at,
                )
            )
        return made, token

    def find(self, token: str, now: int) -> Session | None:
        """The session if the token is one of this node's, and it and its key are good at `now`."""
        shape = _TOKEN.fullmatch(token)
        if shape is None:
            return None
        found = self._read(tables.page_sessions.c.id == shape[1], now)
        if not found or not hmac.compare_digest(found[0][1], _hash(token)):
            return None
        return found[0][0]

    def all(self, now: int) -> list[Session]:
        """Every session that is good at `now`, the newest first."""
        return [session for session, _ in self._read(None, now)]

    def end(self, number: str) -> bool:
        """End a session at once; False if there was none with this id."""
        table = tables.page_sessions
        with self._engine.begin() as connection:
            return bool(connection.execute(table.delete().where(table.c.id == number)).rowcount)

    def _read(self, condition: ColumnElement[bool] | None, now: int) -> list[tuple[Session, str]]:
        mine, keys = tables.page_sessions, tables.api_keys
        named = [column.label(f"key_{column.name}") for column in keys.c]
        query = (
            select(mine, *named)
            .join_from(mine, keys, keys.c.id == mine.c.api_key, isouter=True)
            .where(mine.c.expires_at > now)
            .order_by(mine.c.created_at.desc(), mine.c.id)
        )
        if condition is not None:
            query = query.where(condition)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        found = []
        for row in rows:
            key = (
                api_key_of({name: row[f"key_{name}"] for name in (column.name for column in keys.c)})
                if row["api_key"]
                else None
            )
            if key is None or key.good(now):
                found.append((Session(row["id"], key, row["created_at"], row["expires_at"]), str(row["hash"])))
        return found
