"""What the database of a successor takes over from that of the key before it, which belongs to the same operator.

A database belongs to one key, so a new key begins with an empty one. Of what it lacks, four things matter:

- dossiers: a revision is held against its predecessors (CHG-1), and a renewal needs the approved one;
- the record of each filing, without which a declared event or an overdue report would no longer stop it;
- the signed statements that the record rests on;
- claims of the signature guard that are live: see below.

Nothing that the old key signed is taken: decisions, signatures and the log stay where they are, for the auditor.

**Why claims.** Old and new key hold one seat, so both together are never two of a quorum. But each alone may be one, of
two different approvals for one sequence; then whoever sends first decides, which does no harm (both passed all rules,
and the registry takes one). Worse is the reverse: the old key and another node have signed one renewal, nobody sent
it, the old key no longer counts, and the new node signs a different one. If a further node is down, neither gets its
quorum until the windows are dead. With the old key's live claims the new node signs what the old one would have signed.
A claim that the new node has made itself for a filing and sequence stays.

Takes as often as it is called, also while both nodes run: what is there is not added twice. A filing's record is copied
whole as long as the new database has none of it; after that only statements are added, as if they came now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, RowMapping, func, select

from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import parse_dossier
from oracle.domain.filing_statement import SignedStatement
from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.errors import InputError
from oracle.store import tables
from oracle.store.database import Database, format_time
from oracle.store.signing_guard import MARGIN_SECONDS

__all__ = ["TakenOver", "take_over"]

#: What the old key did itself.
_OWN = frozenset({RecordKind.SIGNED.value, RecordKind.SENT.value})

_STATEMENT = "statement:"


@dataclass
class TakenOver:
    """How many rows were added."""

    dossiers: int = 0
    statements: int = 0
    events: int = 0
    claims: int = 0

    def as_json(self) -> dict[str, int]:
        """Keys dossiers, statements, events, claims."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def take_over(old: Engine, new: Database, now: int) -> TakenOver:
    """Add to `new` what it lacks of `old`, at `now` in seconds since 1970.

    InputError if `old` is the new one itself, or of another chain or registry.
    """
    before, after = _identity(old), _identity(new.engine)
    if before.get("operator") == after.get("operator"):
        raise InputError(
            "both databases belong to the same key", where="[store]", remedy="name the configuration of the key before"
        )
    for name in ("chain", "registry"):
        if before.get(name) != after.get(name):
            raise InputError(
                f"the old database is of {name} {before.get(name)}, the new one of {after.get(name)}",
                where="[chain]",
                remedy="only a node of the same registry is succeeded",
            )
    taken = TakenOver()
    when = format_time(datetime.fromtimestamp(now, UTC))
    _dossiers(old, new, when, taken)
    _records(old, new, when, taken)
    _claims(old, new, now, taken)
    return taken


def _identity(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return {str(key): str(value) for key, value in connection.execute(select(tables.meta)).all()}


def _requested(new: Database, when: str, path: str, body: bytes) -> int:
    """A request without an answer, as if it had been sent here: what a dossier or a statement rests on."""
    return new.add_request(when, "POST", path, body)


def _dossiers(old: Engine, new: Database, when: str, taken: TakenOver) -> None:
    with old.connect() as connection:
        table = tables.dossiers
        names = connection.execute(select(table.c.hash).order_by(table.c.request_id)).scalars().all()
        for name in names:
            if new.dossier(str(name)) is not None:
                continue
            canonical = connection.execute(select(table.c.canonical).where(table.c.hash == name)).scalar_one()
            dossier = parse_dossier(canonical, what=f"dossier {name}")
            request = _requested(new, when, "/v1/dossiers", canonical)
            taken.dossiers += new.add_dossier(request, dossier)


def _records(old: Engine, new: Database, when: str, taken: TakenOver) -> None:
    table = tables.filing_events
    known = set(new.recorded_filings())
    with old.connect() as connection:
        rows = connection.execute(select(table).where(table.c.kind.not_in(_OWN)).order_by(table.c.id)).mappings().all()
    bodies = _statements(old, (row["key"].removeprefix(_STATEMENT) for row in rows))
    for number in dict.fromkeys(row["number"] for row in rows):
        own = [row for row in rows if row["number"] == number]
        if number not in known:
            new.write(partial(_whole, rows=own, bodies=bodies, when=when))
            taken.events += len(own)
            taken.statements += sum(row["key"].startswith(_STATEMENT) for row in own)
            continue
        here = {item.content.get("statement") for item in new.filing_events(number)}
        for row in own:
            name = row["key"].removeprefix(_STATEMENT)
            if name not in bodies or name in here:
                continue
            # Before the event: fsck wants to find what brought it, also after a crash in between.
            _requested(new, when, *bodies[name])
            content = json.loads(row["content"])
            item = RecordedEvent(RecordKind(row["kind"]), int(row["at"]), row["by"], content, row["evidence"])
            added = new.add_filing_event(number, row["key"], item)
            taken.events += added
            taken.statements += added


def _whole(
    connection: Connection, rows: Sequence[RowMapping], bodies: Mapping[str, tuple[str, bytes]], when: str
) -> None:
    """One filing's record, all or nothing: a later run would not add what is missing in its middle."""
    for row in rows:
        brought = bodies.get(row["key"].removeprefix(_STATEMENT))
        if brought is not None:
            request = {"received_at": when, "method": "POST", "path": brought[0], "body": brought[1]}
            connection.execute(tables.requests.insert().values(request))
        values = {name: value for name, value in row.items() if name != "id"}
        connection.execute(tables.filing_events.insert().values(values))


def _statements(old: Engine, hashes: Iterable[str]) -> dict[str, tuple[str, bytes]]:
    """Path and body of the request that brought each statement, by the statement's SHA-256."""
    wanted = set(hashes)
    found: dict[str, tuple[str, bytes]] = {}
    table = tables.requests
    query = select(table.c.path, table.c.body).where(
        table.c.method == "POST", table.c.path.like("/v1/filings/%/events")
    )
    with old.connect() as connection:
        for path, body in connection.execute(query.order_by(table.c.id)):
            try:
                signed = SignedStatement.model_validate_json(body)
            except ValidationError:
                continue  # it was refused for that
            content = signed.statement.model_dump(mode="json", by_alias=True)
            name = hashlib.sha256(canonical_bytes(content)).hexdigest()
            if name in wanted:
                found.setdefault(name, (str(path), bytes(body)))
    return found


def _claims(old: Engine, new: Database, now: int, taken: TakenOver) -> None:
    table = tables.signing_claims
    newest = select(func.max(table.c.id)).group_by(table.c.filing, table.c.sequence)
    with old.connect() as connection:
        rows = connection.execute(
            select(table).where(table.c.id.in_(newest), table.c.dead_after + MARGIN_SECONDS > now).order_by(table.c.id)
        ).mappings()
        copies = [{name: value for name, value in row.items() if name != "id"} | {"turn": 0} for row in rows]
    for copy in copies:
        taken.claims += new.insert_once(table.insert().values(copy))
