"""What a node knows, page by page: filings by number, decisions from the newest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select, union

from oracle.store import tables

__all__ = ["DecidedCase", "ListedDecision", "Lists"]


@dataclass(frozen=True)
class ListedDecision:
    """One decision: `decided_at` in seconds since 1970."""

    id: int
    kind: str
    dossier_hash: str
    decided_at: int
    approved: bool


@dataclass(frozen=True)
class DecidedCase:
    """A decision and its `outcome`: keys approved, verdicts, failed, differences."""

    id: int
    kind: str
    decided_at: int
    outcome: dict[str, Any]


class Lists:
    """Pages by key, never by offset: a row that is added meanwhile neither hides nor repeats another."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def filings(self, after: str | None, limit: int) -> list[tuple[str, str | None]]:
        """(folded number, folded entity name of the newest dossier) of filings with a dossier or a record."""
        handed_in, recorded = tables.dossiers, tables.filing_events
        numbers = union(
            select(handed_in.c.number).where(handed_in.c.number.is_not(None)), select(recorded.c.number)
        ).subquery()
        named = (
            select(handed_in.c.entity_name)
            .where(handed_in.c.number == numbers.c.number)
            .order_by(handed_in.c.request_id.desc())
            .limit(1)
            .correlate(numbers)
            .scalar_subquery()
        )
        query = select(numbers.c.number, named).order_by(numbers.c.number).limit(limit)
        if after is not None:
            query = query.where(numbers.c.number > after)
        with self._engine.connect() as connection:
            return [(str(number), name) for number, name in connection.execute(query).all()]

    def decisions(self, before: int | None, limit: int) -> list[ListedDecision]:
        """Decisions with a number below `before`, newest first."""
        table = tables.decisions
        query = select(table).order_by(table.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(table.c.id < before)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [ListedDecision(row.id, row.kind, row.dossier_hash, row.decided_at, row.approved) for row in rows]

    def decision(self, number: int) -> DecidedCase | None:
        """One decision with its outcome; None if there is none of this number."""
        table, records = tables.decisions, tables.decision_records
        query = (
            select(table, records.c.record)
            .outerjoin(records, records.c.decision_id == table.c.id)
            .where(table.c.id == number)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        outcome = json.loads(row.old_outcome) if row.record is None else json.loads(row.record)["decision"]["outcome"]
        return DecidedCase(row.id, row.kind, row.decided_at, outcome)

    def signed_at(self, number: int) -> str | None:
        """When this node signed for a decision (RFC 3339); None if it did not."""
        table = tables.signatures
        with self._engine.connect() as connection:
            return connection.execute(select(table.c.signed_at).where(table.c.decision_id == number)).scalar()

    def received_at(self, dossier_hash: str) -> str | None:
        """When a dossier was handed in (RFC 3339)."""
        query = (
            select(tables.requests.c.received_at)
            .join(tables.dossiers, tables.dossiers.c.request_id == tables.requests.c.id)
            .where(tables.dossiers.c.hash == dossier_hash)
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()
