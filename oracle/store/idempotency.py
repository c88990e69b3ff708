"""Idempotency keys: a POST that is repeated with the same key is answered as the first was and does nothing again.

What is kept is which stored request took the key; its answer is the one of the table `answers`, so it survives a
restart and is the same at every replica.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError

from oracle.store import tables

__all__ = ["Claim", "IdempotencyKeys"]

#: No call works longer than this, in seconds: after it, a request without an answer belongs to a node that died.
LONGEST_WORK = 300


@dataclass(frozen=True)
class Claim:
    """What became of a claim: `taken` (do the work), the kept answer, or neither.

    If neither, `same` says which: True while the first request is in work, False if the key stands for another request.
    """

    taken: bool
    same: bool = True
    status: int | None = None
    body: bytes | None = None


class IdempotencyKeys:
    """The table of keys. `owner` is the id of the API key, so that two callers' keys never meet."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, owner: str, name: str, fingerprint: str, request_id: int, now: int, keep_seconds: int) -> Claim:
        """Take the key for this request, or say what the request that holds it came to.

        A key is free again after `keep_seconds`, when the first request ended in a fault of the node (5xx: nothing was
        decided), or when it has had no answer for longer than any work takes.
        """
        table, answers = tables.idempotency_keys, tables.answers
        row = {"fingerprint": fingerprint, "request_id": request_id, "taken_at": now}
        try:
            with self._engine.begin() as connection:
                connection.execute(table.delete().where(table.c.taken_at <= now - keep_seconds))
                connection.execute(table.insert().values(owner=owner, name=name, **row))
            return Claim(taken=True)
        except IntegrityError:
            pass
        mine = (table.c.owner == owner) & (table.c.name == name)
        with self._engine.connect() as connection:
            held = connection.execute(
                select(table.c.fingerprint, table.c.request_id, table.c.taken_at, answers.c.status, answers.c.body)
                .join_from(table, answers, answers.c.request_id == table.c.request_id, isouter=True)
                .where(mine)
            ).one_or_none()
        if held is None:
            return Claim(taken=False)  # given back at this moment: the caller asks again
        if held.fingerprint != fingerprint:
            return Claim(taken=False, same=False)
        if held.status is not None and held.status < 500:
            return Claim(taken=False, status=held.status, body=bytes(held.body))
        if held.status is None and held.taken_at > now - LONGEST_WORK:
            return Claim(taken=False)
        with self._engine.begin() as connection:
            change = table.update().where(mine, table.c.request_id == held.request_id).values(**row)
            return Claim(taken=connection.execute(change).rowcount == 1)

    def release(self, owner: str, name: str, request_id: int) -> None:
        """Give back the key of a request that ended without an answer."""
        table = tables.idempotency_keys
        mine = (table.c.owner == owner, table.c.name == name, table.c.request_id == request_id)
        with self._engine.begin() as connection:
            connection.execute(table.delete().where(*mine))
