"""Up to which leaf of the log the decision records are in the evidence store; see `oracle.node.clerk`.

Leaves have one total order without gaps, in which they also become visible, so one number says it all.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, cast, select
from sqlalchemy.exc import IntegrityError

from oracle.store import tables
from oracle.store.database import Database

__all__ = ["filed_below", "mark_filed", "records_from"]

_KEY = "records_filed"


def filed_below(connection: Connection) -> int | None:
    """The first leaf whose record need not be in the evidence store yet; None in a database where all must be."""
    value = connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == _KEY)).scalar()
    return None if value is None else int(value)


def mark_filed(database: Database, below: int) -> None:
    """All records of leaves before `below` are in the evidence store. Never goes back."""

    def marked(connection: Connection) -> None:
        known = filed_below(connection)
        if known is None:
            connection.execute(tables.meta.insert().values(key=_KEY, value=str(below)))
        elif known < below:
            connection.execute(tables.meta.update().where(tables.meta.c.key == _KEY).values(value=str(below)))

    try:
        database.write(marked)
    except IntegrityError:
        database.write(marked)  # another replica made the row in this moment


def records_from(engine: Engine, limit: int) -> list[tuple[int, bytes]]:
    """(index of the leaf, record) of the next decisions to file, at most `limit`, in the log's order."""
    leaves, records = tables.log_leaves, tables.decision_records
    with engine.connect() as connection:
        below = filed_below(connection) or 0
        query: Any = (
            select(leaves.c.index, records.c.record)
            .join_from(leaves, records, records.c.decision_id == cast(leaves.c.ident, BigInteger))
            .where(leaves.c.index >= below, leaves.c.kind == "decision")
            .order_by(leaves.c.index)
            .limit(limit)
        )
        return [(int(row[0]), bytes(row[1])) for row in connection.execute(query)]
