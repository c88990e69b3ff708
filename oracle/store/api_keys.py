"""The API keys of a node: made once, shown once, kept only as a hash, and looked up at every call.

A key reads `fgk_<id>_<secret>`. The id names it in lists, logs and stored requests and is no secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, RowMapping, select

from oracle.errors import InputError
from oracle.store import tables

__all__ = ["KEY_MARK", "ApiKey", "ApiKeys", "Scope", "api_key_of"]

#: How every key begins, so that a leaked one is recognised wherever it turns up.
KEY_MARK = "fgk_"

_KEY = re.compile(r"fgk_([0-9a-f]{12})_([0-9a-f]{64})")


class Scope(StrEnum):
    """What a key may do; which call needs which is in `oracle.node.access`."""

    ISSUER = "issuer"
    AUDITOR = "auditor"
    OPERATOR = "operator"


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret. Times are seconds since 1970; `expires_at` is None for a key without an end."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None

    def good(self, now: int) -> bool:
        """Whether the key may be used at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def as_json(self) -> dict[str, Any]:
        """Keys id, name, scopes, createdAt, expiresAt, revokedAt."""
        return {
            "id": self.id,
            "name": self.name,
            "scopes": sorted(self.scopes),
            "createdAt": self.created_at,
            "expiresAt": self.expires_at,
            "revokedAt": self.revoked_at,
        }


def _hash(key: str) -> str:
    # A plain hash is right here: the secret is 256 bits of chance, so no list of likely ones can be tried, which is
    # all that a slow, salted password hash guards against; and this runs at every call.
    return hashlib.sha256(key.encode("ascii")).hexdigest()


class ApiKeys:
    """The table of keys. Each method is one transaction; a revocation holds for the next look, at every replica."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def new(self, name: str, scopes: Iterable[Scope], now: int, expires_at: int | None = None) -> tuple[ApiKey, str]:
        """Make a key: what is kept of it, and the key itself, which nobody can show again."""
        chosen = frozenset(scopes)
        if not chosen:
            raise InputError("a key needs a scope", where="--scope", remedy="give issuer, auditor or operator")
        number = secrets.token_hex(6)
        key = f"{KEY_MARK}{number}_{secrets.token_hex(32)}"
        kept = ApiKey(number, name, chosen, now, expires_at)
        with self._engine.begin() as connection:
            connection.execute(
                tables.api_keys.insert().values(
                    id=number,
                    name=name,
                    hash=_hash(key),
                    scopes=" ".join(sorted(chosen)),
                    created_at=now,
                    expires_at=expires_at,
                )
            )
        return kept, key

    def find(self, key: str, now: int) -> ApiKey | None:
        """The key if it is one of this node's and good at `now`."""
        shape = _KEY.fullmatch(key)
        if shape is None:
            return None
        table = tables.api_keys
        with self._engine.connect() as connection:
            row = connection.execute(select(table).where(table.c.id == shape[1])).mappings().one_or_none()
        if row is None or not hmac.compare_digest(str(row["hash"]), _hash(key)):
            return None
        found = api_key_of(row)
        return found if found.good(now) else None

    def all(self) -> list[ApiKey]:
        """Every key ever made, oldest first."""
        table = tables.api_keys
        with self._engine.connect() as connection:
            rows = connection.execute(select(table).order_by(table.c.created_at, table.c.id)).mappings().all()
        return [api_key_of(row) for row in rows]

    def revoke(self, number: str, now: int) -> bool:
        """End a key for ever; False if it was revoked before. InputError if there is none with this id."""
        table = tables.api_keys
        with self._engine.begin() as connection:
            change = table.update().where(table.c.id == number, table.c.revoked_at.is_(None)).values(revoked_at=now)
            if connection.execute(change).rowcount:
                return True
            known = connection.execute(select(table.c.id).where(table.c.id == number)).scalar()
        if known is None:
            raise InputError("no key has this id", where="ID", remedy="see `filing-gate api-key list`")
        return False


def api_key_of(row: Mapping[str, Any] | RowMapping) -> ApiKey:
    """What a row of the table says of a key."""
    scopes = frozenset(Scope(item) for item in row["scopes"].split())
    return ApiKey(row["id"], row["name"], scopes, row["created_at"], row["expires_at"], row["revoked_at"])
