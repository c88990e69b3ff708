"""Signatures collected so far over a proposal, so that a later run asks only the nodes whose signature is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, Table, select
from sqlalchemy.exc import IntegrityError

from oracle.domain.approval import FilingUpdate, OperatorSignature
from oracle.store import tables

__all__ = ["Collected", "Collections"]

_PROPOSALS, _SIGNATURES = tables.collections, tables.collected_signatures


@dataclass(frozen=True)
class Collected:
    """An update that was proposed, and what nodes (by URL) have signed of it."""

    update: FilingUpdate
    digest: str
    signatures: tuple[tuple[str, OperatorSignature], ...]


class Collections:
    """The tables `collections` and `collected_signatures`: rows are only added."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self, filing: str, sequence: int, after: int) -> Collected | None:
        """The proposal for this filing (0x-hex) and sequence that ends last, if it ends after `after`."""
        query = (
            select(_PROPOSALS.c.digest, _PROPOSALS.c.proposal)
            .where(_PROPOSALS.c.filing == filing, _PROPOSALS.c.sequence == sequence, _PROPOSALS.c.valid_until > after)
            .order_by(_PROPOSALS.c.valid_until.desc(), _PROPOSALS.c.digest)
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return Collected(FilingUpdate.model_validate_json(row[1]), row[0], self.signatures(row[0]))

    def signatures(self, digest: str) -> tuple[tuple[str, OperatorSignature], ...]:
        """What was signed of a proposal, by node."""
        query = select(_SIGNATURES.c.node, _SIGNATURES.c.operator, _SIGNATURES.c.signature)
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(_SIGNATURES.c.digest == digest).order_by(_SIGNATURES.c.operator))
            return tuple((node, OperatorSignature(operator=who, signature=given)) for node, who, given in rows)

    def add(self, update: FilingUpdate, digest: str) -> None:
        """Keep a proposal before any node is asked."""
        row = {
            "digest": digest,
            "filing": update.filing,
            "sequence": update.sequence,
            "valid_until": update.valid_until,
            "proposal": update.model_dump_json(by_alias=True),
        }
        self._add(_PROPOSALS, row)

    def add_signature(self, digest: str, node: str, signature: OperatorSignature) -> None:
        """Keep a signature that was verified."""
        row = {"digest": digest, "operator": signature.operator, "signature": signature.signature, "node": node}
        self._add(_SIGNATURES, row)

    def _add(self, table: Table, row: Mapping[str, object]) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(table.insert().values(dict(row)))
        except IntegrityError:
            return  # known
