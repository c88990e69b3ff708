"""Approvals as the database keeps them, many at a time: one question for what a decision needs, one transaction for all
that comes of it.

What is read is not remembered here: each question tells which rows are the newest now, whoever wrote them, so a caller
may keep the content of rows, which never change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table

from oracle.evidence.log_leaf import decision_leaf, signature_leaf
from oracle.store import tables
from oracle.store.added_rows import add_rows
from oracle.store.log import append_leaf

__all__ = ["Asked", "Concluded", "Newest", "add_concluded", "newest", "sighting_rows"]


@dataclass(frozen=True)
class Asked:
    """What is asked about: folded number and name, the filing (0x-hex) and sequence, the digest to sign (0x-hex)."""

    number: str
    entity_name: str
    filing: str
    sequence: int
    digest: str


@dataclass(frozen=True)
class Newest:
    """The newest rows: sighting, observation ids of notice and withdrawal, id in the filing's record, the dossier of
    the approval signed last, the guard's claim (digest, dead_after) at the sequence, the signature over the digest."""

    sighting: str | None
    notice: int | None
    withdrawal: int | None
    event: int | None
    signed_dossier: str | None
    claim: str | None
    dead_after: int | None
    signature: str | None


@dataclass(frozen=True)
class Concluded:
    """An approval that was decided and signed: everything that is kept of it but the numbers.

    `claim` is the request that the signature guard keeps, None if it has this one; `signature` is 0x-hex, `signed` says
    whether it is new. `answer` gives the body of the answer, by the number of the decision.
    """

    received_at: str
    path: str
    body: bytes
    name: str
    api_key: str | None
    dossier_hash: str
    decided_at: int
    record: bytes
    filing: str
    sequence: int
    digest: str
    dead_after: int
    claim: str | None
    claimed_at: int
    signature: str
    signed: bool
    answer: Callable[[int], bytes]


# An entity may have thousands of sightings, a number has its own: the name is written so that no index fits it.
_NEWEST = """
WITH asked(place, number, entity, filing, sequence, digest) AS (VALUES {rows})
SELECT
 (SELECT o.sighting FROM observations o WHERE o.number = asked.number AND o.entity_name || '' = asked.entity
  ORDER BY o.id DESC LIMIT 1),
 (SELECT max(o.id) FROM observations o WHERE o.number = asked.number AND o.kind = 'NOTICE'),
 (SELECT max(o.id) FROM observations o WHERE o.number = asked.number AND o.kind = 'WITHDRAWAL'),
 (SELECT max(e.id) FROM filing_events e WHERE e.number = asked.number),
 (SELECT d.dossier_hash FROM signatures s JOIN decisions d ON d.id = s.decision_id
  WHERE s.filing = asked.filing AND d.kind = 'approval' ORDER BY s.id DESC LIMIT 1),
 (SELECT c.digest FROM signing_claims c WHERE c.filing = asked.filing AND c.sequence = asked.sequence
  ORDER BY c.turn DESC LIMIT 1),
 (SELECT c.dead_after FROM signing_claims c WHERE c.filing = asked.filing AND c.sequence = asked.sequence
  ORDER BY c.turn DESC LIMIT 1),
 (SELECT s.signature FROM signatures s WHERE s.digest = asked.digest)
FROM asked ORDER BY asked.place
"""


#: The number is named for its index.
_ROWS = "SELECT id, content FROM observations WHERE number = ? AND sighting = ? ORDER BY id"


def newest(connection: Connection, asked: Sequence[Asked]) -> list[Newest]:
    """The newest rows for each, in one question."""
    if not asked:
        return []
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    row = f"({mark}, {mark}, {mark}, {mark}, CAST({mark} AS BIGINT), {mark})"
    values: list[Any] = []
    for place, item in enumerate(asked):
        values += (place, item.number, item.entity_name, item.filing, item.sequence, item.digest)
    found = connection.exec_driver_sql(_NEWEST.format(rows=", ".join([row] * len(asked))), tuple(values))
    return [Newest(*item) for item in found]


def sighting_rows(connection: Connection, number: str, sighting: str) -> list[tuple[int, str]]:
    """(id, content) of the observations of one sighting of a filing, in their order."""
    query = _ROWS if connection.dialect.name == "sqlite" else _ROWS.replace("?", "%s")
    return [(int(row[0]), str(row[1])) for row in connection.exec_driver_sql(query, (number, sighting))]


def add_concluded(connection: Connection, items: Sequence[Concluded], answered_at: str) -> list[tuple[int, bytes]]:
    """Keep requests, decisions, records, claims, signatures, leaves and answers; (number of the decision, answer) each.

    IntegrityError, and nothing is kept, if another replica claimed one of the sequences or signed one of the digests.
    """
    claims = [i for i in items if i.claim is not None]
    numbers, decisions, claim_ids, signature_ids = _numbers(
        connection,
        (tables.requests, len(items)),
        (tables.decisions, len(items)),
        (tables.signing_claims, len(claims)),
        (tables.signatures, sum(item.signed for item in items)),
    )
    each = list(zip(items, numbers, decisions, strict=True))
    answers = [item.answer(decision) for item, _, decision in each]
    add_rows(connection, tables.requests, [(n, i.received_at, "POST", i.path, i.body) for i, n, _ in each])
    add_rows(connection, tables.request_origins, [(n, i.name, i.api_key) for i, n, _ in each])
    add_rows(
        connection,
        tables.decisions,
        [(d, n, "approval", i.dossier_hash, i.decided_at, True, None, None) for i, n, d in each],
    )
    add_rows(connection, tables.decision_records, [(d, i.record) for i, _, d in each])
    add_rows(
        connection,
        tables.signing_claims,
        [
            (number, i.filing, i.sequence, 0, i.digest, i.dead_after, i.claim, i.claimed_at)
            for number, i in zip(claim_ids, claims, strict=True)
        ],
    )
    signed = [(i, d) for i, _, d in each if i.signed]
    add_rows(
        connection,
        tables.signatures,
        [
            (number, d, i.filing, i.sequence, i.digest, i.signature, answered_at)
            for number, (i, d) in zip(signature_ids, signed, strict=True)
        ],
    )
    add_rows(
        connection,
        tables.answers,
        [(n, answered_at, 200, answer) for (_, n, _), answer in zip(each, answers, strict=True)],
    )
    leaves = []
    for item, _, decision in each:
        leaves.append(decision_leaf(decision, item.record))
        if item.signed:
            leaves.append(signature_leaf(item.digest, item.signature))
    append_leaf(connection, *leaves)
    return list(zip(decisions, answers, strict=True))


def _numbers(connection: Connection, *wanted: tuple[Table, int]) -> list[list[int]]:
    """Numbers for so many new rows of each table that nobody else gets: SQLite has one writer, PostgreSQL sequences."""
    if connection.dialect.name == "sqlite":
        newest_ids = ", ".join(f'(SELECT coalesce(max(id), 0) FROM "{table.name}")' for table, _ in wanted)  # noqa: S608 - tables of ours
        last = connection.exec_driver_sql(f"SELECT {newest_ids}").one()
        return [list(range(start + 1, start + count + 1)) for start, (_, count) in zip(last, wanted, strict=True)]
    queries = [
        f"SELECT {place}, nextval(pg_get_serial_sequence('{table.name}', 'id')) FROM generate_series(1, {count:d})"  # noqa: S608 - tables of ours
        for place, (table, count) in enumerate(wanted)
    ]
    found: list[list[int]] = [[] for _ in wanted]
    for place, number in sorted(connection.exec_driver_sql(" UNION ALL ".join(queries)).tuples()):
        found[place].append(int(number))
    return found
