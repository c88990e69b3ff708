"""The database of one node: opened, checked, written in single durable transactions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine, Insert, case, func, literal, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from oracle.domain.dossier import Dossier, parse_dossier
from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.domain.names import fold_name, fold_number
from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.evidence.log_leaf import decision_leaf, observation_leaf, signature_leaf
from oracle.store import tables
from oracle.store.engine import make_engine, parse_url, shown
from oracle.store.group_commit import GroupCommit
from oracle.store.kept_dossiers import KeptDossiers
from oracle.store.log import append_leaf, leaves_of_event
from oracle.store.schema import create_or_check

__all__ = ["Database", "StoredSignature", "format_time"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class StoredSignature:
    """A signature this node gave: 0x-hex of 65 bytes."""

    digest: str
    signature: str
    signed_at: str


class Database:
    """Everything a node keeps. Each method is one transaction, durable when it returns. Times are RFC 3339 texts."""

    def __init__(self, url: str) -> None:
        """Open the database at a SQLAlchemy URL of SQLite or PostgreSQL; an empty one gets its tables.

        InputError if it can't be used or is of another version, UnreachableError if its server does not answer.
        """
        parsed = parse_url(url)
        self._where = shown(parsed)
        self._engine = make_engine(parsed)
        self._dossiers = KeptDossiers()
        self._group = GroupCommit(self._engine) if self._engine.dialect.name == "sqlite" else None
        try:
            create_or_check(self._engine, self._where)
        except (SQLAlchemyError, FilingGateError) as error:
            self._engine.dispose()
            if isinstance(error, InputError):
                raise
            if isinstance(error, UnreachableError) and self._group is None:
                raise
            cause = error.what if isinstance(error, FilingGateError) else str(getattr(error, "orig", error))
            raise InputError(
                f"the database can't be opened: {cause.splitlines()[0]}",
                where=self._where,
                remedy="check path, permissions and URL",
            ) from None

    @property
    def engine(self) -> Engine:
        """For further tables beside these. Connections come from one bounded pool; close each soon."""
        return self._engine

    @property
    def where(self) -> str:
        """The database's URL without password, for errors and logs."""
        return self._where

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction, durable when this returns; on SQLite threads share its cost.

        `work` is short, uses nothing but the connection, and may be run more than once before one run counts.
        """
        if self._group is not None:
            return self._group.write(work)
        with self._engine.begin() as connection:
            return work(connection)

    def checkpoint(self) -> None:
        """Have SQLite put what was committed into the database's file now, while others write; else a commit does it,
        now and then, on the time of its caller. PostgreSQL does so by itself."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def ready(self) -> bool:
        """Whether the database answers."""
        try:
            with self._engine.connect() as connection:
                return connection.execute(select(1)).scalar() == 1
        except FilingGateError:
            return False

    def bound(self) -> bool:
        """Whether the database belongs to an operator, chain and registry."""
        with self._engine.connect() as connection:
            return connection.execute(select(tables.meta.c.key).where(tables.meta.c.key == "chain")).first() is not None

    def bind_to(self, identity: dict[str, str]) -> None:
        """Tie the database to one operator, chain and registry at first use; refuse another ever after."""
        for key, value in identity.items():
            # Whether or not it is there: of two replicas that start at once the second finds what the first wrote.
            self.insert_once(tables.meta.insert().values(key=key, value=value))
            with self._engine.connect() as connection:
                known = connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == key)).scalar()
            if known != value:
                raise InputError(
                    f"the database belongs to {key} {known}, not {value}",
                    where="[store]",
                    remedy="give each operator its own database",
                )

    def insert_once(self, statement: Insert) -> bool:
        """Insert a row; False if a constraint of the table says that it is there."""
        try:
            self.write(lambda connection: _inserted(connection, statement))
        except IntegrityError:
            return False
        return True

    def add_request(
        self,
        received_at: str,
        method: str,
        path: str,
        body: bytes,
        *,
        name: str | None = None,
        api_key: str | None = None,
    ) -> int:
        """Keep a request before it is looked at; returns its number.

        `name` is its X-Request-Id, `api_key` the id of the key it came with: never the key, and no other header.
        """
        # PostgreSQL's texts hold no NUL.
        row = {"received_at": received_at, "method": method, "path": path.replace("\0", "%00"), "body": body}

        def added(connection: Connection) -> int:
            number = _inserted(connection, tables.requests.insert().values(row))
            if name is not None:
                origin = {"request_id": number, "name": name, "api_key": api_key}
                connection.execute(tables.request_origins.insert().values(origin))
            return number

        return self.write(added)

    def add_answer(self, request_id: int, answered_at: str, status: int, body: bytes) -> None:
        """Keep an answer before it is sent."""
        row = {"request_id": request_id, "answered_at": answered_at, "status": status, "body": body}
        self.write(lambda connection: connection.execute(tables.answers.insert().values(row)))

    def add_dossier(self, request_id: int, dossier: Dossier) -> bool:
        """Keep a dossier under its hash; False if it was there."""
        name = "0x" + dossier.dossier_hash().hex()
        number = dossier.filing.filing_number
        row = {
            "hash": name,
            "request_id": request_id,
            "number": fold_number(number) if number else None,
            "entity_name": fold_name(dossier.filing_entity.name_zh),
            "canonical": dossier.canonical(),
        }
        try:
            self.write(lambda connection: connection.execute(tables.dossiers.insert().values(row)))
        except IntegrityError:
            if self.dossier(name) is None:
                raise
            return False
        self._dossiers.put(name, dossier)
        return True

    def kept_dossier(self, name: str) -> Dossier | None:
        """The dossier of a hash (0x-hex) if it is in memory; the database is not asked."""
        return self._dossiers.get(name)

    def dossier(self, name: str) -> Dossier | None:
        """The dossier of a hash (0x-hex), checked against it when it is read."""
        kept = self._dossiers.get(name)
        if kept is not None:
            return kept
        if "\0" in name:
            return None  # PostgreSQL takes no such text, not even to look for
        with self._engine.connect() as connection:
            canonical = connection.execute(
                select(tables.dossiers.c.canonical).where(tables.dossiers.c.hash == name)
            ).scalar()
        if canonical is None:
            return None
        dossier = self._checked(name, canonical)
        self._dossiers.put(name, dossier)
        return dossier

    @staticmethod
    def _checked(name: str, canonical: bytes) -> Dossier:
        """A stored dossier, parsed and held against its hash."""
        dossier = parse_dossier(canonical, what=f"stored dossier {name}")
        if "0x" + dossier.dossier_hash().hex() != name:
            raise FilingGateError(
                "the stored dossier no longer fits its hash", where=name, remedy="restore the database from a backup"
            )
        return dossier

    def dossiers_of(self, names: Sequence[str]) -> dict[str, Dossier]:
        """Those of several hashes that are there, each checked against its hash when it is read.

        None is kept for it, or for longer: a round over all filings would drive out those that requests are about.
        """
        found = {name: kept for name in names if (kept := self._dossiers.peek(name)) is not None}
        missing = [name for name in names if name not in found]
        if missing:
            table = tables.dossiers
            with self._engine.connect() as connection:
                query = select(table.c.hash, table.c.canonical).where(table.c.hash.in_(missing))
                rows = connection.execute(query).all()
            found |= {name: self._checked(name, canonical) for name, canonical in rows}
        return found

    def dossiers_after(self, place: int, limit: int) -> list[tuple[int, str]]:
        """(place, hash) of the dossiers handed in after a place, the newest first; begin with place 0."""
        # SQLite finds its own row number without a look at every row; a request's number is in no index.
        column = "rowid" if self._engine.dialect.name == "sqlite" else "request_id"
        query = text(
            f"SELECT {column}, hash FROM dossiers WHERE {column} > :place ORDER BY {column} DESC LIMIT :most"  # noqa: S608 - two words of ours
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query, {"place": place, "most": limit}).all()
        return [(int(row[0]), str(row[1])) for row in rows]

    def entity_of(self, number: str) -> str | None:
        """The entity's folded name in the newest dossier with this folded number."""
        with self._engine.connect() as connection:
            query = (
                select(tables.dossiers.c.entity_name)
                .where(tables.dossiers.c.number == number)
                .order_by(tables.dossiers.c.request_id.desc())
                .limit(1)
            )
            return connection.execute(query).scalar()

    def add_sighting(self, query: FilingQuery, observations: Sequence[Observation]) -> str:
        """Keep what all sources said at one moment; returns the sighting's id."""
        sighting = str(uuid.uuid4())
        rows = [
            {
                "sighting": sighting,
                "number": fold_number(query.number) if query.number else None,
                "entity_name": fold_name(query.entity_name) if query.entity_name else None,
                "kind": item.kind.value,
                "fetched_at": item.fetched_at,
                "content": json.dumps(
                    item.model_dump(mode="json", by_alias=True, exclude_none=True), ensure_ascii=False
                ),
            }
            for item in observations
        ]

        def added(connection: Connection) -> None:
            connection.execute(tables.observations.insert(), rows)
            append_leaf(connection, *(observation_leaf(sighting, at, row) for at, row in enumerate(observations)))

        if rows:
            self.write(added)
        return sighting

    def last_sighting(self, query: FilingQuery) -> list[Observation]:
        """What all sources said when this was last asked; empty if never."""
        table = tables.observations
        number = fold_number(query.number) if query.number else None
        name = fold_name(query.entity_name) if query.entity_name else None
        with self._engine.connect() as connection:
            # An entity may have thousands of sightings, a number has its own: its index is the one to use.
            entity = table.c.entity_name if number is None else table.c.entity_name.concat("")
            newest = (
                select(table.c.sighting)
                .where(table.c.number.is_not_distinct_from(number), entity.is_not_distinct_from(name))
                .order_by(table.c.id.desc())
                .limit(1)
            )
            sighting = connection.execute(newest).scalar()
            # The number is named again for its index.
            rows = (
                connection.execute(
                    select(table.c.content)
                    .where(table.c.number.is_not_distinct_from(number), table.c.sighting == sighting)
                    .order_by(table.c.id)
                )
                .scalars()
                .all()
            )
        return [Observation.model_validate_json(row) for row in rows]

    @staticmethod
    def observation(connection: Connection, number: int) -> Observation:
        """The observation of that number, which is there."""
        table = tables.observations
        content = connection.execute(select(table.c.content).where(table.c.id == number)).scalar_one()
        return Observation.model_validate_json(content)

    def earlier_publications(self, number: str) -> list[Observation]:
        """The newest sighting of a notice and the newest of a withdrawal of this folded number, where ever seen."""
        table = tables.observations
        found = []
        with self._engine.connect() as connection:
            for kind in (ObservationKind.NOTICE, ObservationKind.WITHDRAWAL):
                row = connection.execute(
                    select(table.c.content)
                    .where(table.c.number == number, table.c.kind == literal(kind.value, literal_execute=True))
                    .order_by(table.c.id.desc())
                    .limit(1)
                ).scalar()
                if row is not None:
                    found.append(Observation.model_validate_json(row))
        return found

    def add_decision(
        self,
        request_id: int,
        kind: str,
        dossier_hash: str,
        decided_at: int,
        approved: bool,
        record: bytes,
    ) -> int:
        """Keep a decision with all it was made from, before anything is signed; returns its number.

        `record` is the signed decision record (`oracle.rules.decision_record`), which says all of it.
        """
        row = {
            "request_id": request_id,
            "kind": kind,
            "dossier_hash": dossier_hash,
            "decided_at": decided_at,
            "approved": approved,
        }

        def both(connection: Connection) -> int:
            number = _inserted(connection, tables.decisions.insert().values(row))
            connection.execute(tables.decision_records.insert().values(decision_id=number, record=record))
            append_leaf(connection, decision_leaf(number, record))
            return number

        return self.write(both)

    def decision_record(self, decision_id: int) -> bytes | None:
        """The signed record of a decision, None if there is no such decision or it is older than records."""
        table = tables.decision_records
        with self._engine.connect() as connection:
            return connection.execute(select(table.c.record).where(table.c.decision_id == decision_id)).scalar()

    def decision_ids(self) -> list[int]:
        """The numbers of all decisions that have a record, ascending."""
        table = tables.decision_records
        with self._engine.connect() as connection:
            return list(connection.execute(select(table.c.decision_id).order_by(table.c.decision_id)).scalars())

    def observations(self) -> list[tuple[int, Observation]]:
        """Every observation ever kept, with its number, in the order of sighting."""
        return [(number, seen) for number, _, seen in self.sightings()]

    def sightings(self) -> list[tuple[int, FilingQuery, Observation]]:
        """The same with the number and the name that were asked for, folded."""
        table = tables.observations
        columns = (table.c.id, table.c.number, table.c.entity_name, table.c.content)
        with self._engine.connect() as connection:
            rows = connection.execute(select(*columns).order_by(table.c.id)).all()
        return [
            (int(row[0]), FilingQuery(number=row[1], entity_name=row[2]), Observation.model_validate_json(row[3]))
            for row in rows
        ]

    def signature(self, digest: str) -> StoredSignature | None:
        """The signature given for this digest, if any."""
        table = tables.signatures
        with self._engine.connect() as connection:
            row = connection.execute(
                select(table.c.digest, table.c.signature, table.c.signed_at).where(table.c.digest == digest)
            ).one_or_none()
        return StoredSignature(*row) if row else None

    def add_signature(
        self, decision_id: int, filing: str, sequence: int, digest: str, signature: str, signed_at: str
    ) -> None:
        """Keep a signature before it leaves the node. Signing is deterministic, so a repeat adds nothing."""
        row = {
            "decision_id": decision_id,
            "filing": filing,
            "sequence": sequence,
            "digest": digest,
            "signature": signature,
            "signed_at": signed_at,
        }

        def signed(connection: Connection) -> None:
            connection.execute(tables.signatures.insert().values(row))
            append_leaf(connection, signature_leaf(digest, signature))

        try:
            self.write(signed)
        except IntegrityError:
            known = self.signature(digest)
            if known is None or known.signature != signature:
                raise

    def add_filing_event(self, number: str, key: str, item: RecordedEvent) -> bool:
        """Add to a filing's record; False if the `key` is there: the same thing is recorded once.

        Its time is never before that of the newest event, so that a clock set back loses nothing.
        """
        table = tables.filing_events
        newest = select(func.coalesce(func.max(table.c.at), 0)).where(table.c.number == number).scalar_subquery()
        row = table.insert().values(
            number=number,
            key=key,
            kind=item.kind.value,
            at=case((newest > item.at, newest), else_=item.at),
            by=item.by,
            evidence=item.evidence,
            content=json.dumps(dict(item.content), ensure_ascii=False),
        )

        def added(connection: Connection) -> bool:
            if connection.dialect.name == "postgresql":
                # One writer a filing, as SQLite has one for all: an event's number and time follow the one before.
                connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(number, 0))))
            known = select(table.c.id).where(table.c.number == number, table.c.key == key)
            if connection.execute(known).scalar() is not None:
                return False
            connection.execute(row)
            append_leaf(connection, *leaves_of_event(key, item))
            return True

        return self.write(added)

    def filing_events(self, number: str) -> list[RecordedEvent]:
        """The record of a filing by its folded number, in the order of recording."""
        return self.records([number])[number]

    def records(self, numbers: Sequence[str]) -> dict[str, list[RecordedEvent]]:
        """The records of several filings by their folded numbers, each in the order of recording."""
        table = tables.filing_events
        columns = (table.c.number, table.c.kind, table.c.at, table.c.by, table.c.content, table.c.evidence)
        with self._engine.connect() as connection:
            query = select(*columns).where(table.c.number.in_(numbers)).order_by(table.c.id)
            rows = connection.execute(query).all()
        found: dict[str, list[RecordedEvent]] = {number: [] for number in numbers}
        for number, kind, at, by, content, evidence in rows:
            found[number].append(RecordedEvent(RecordKind(kind), int(at), by, json.loads(content), evidence))
        return found

    def counted(self) -> tuple[int, int]:
        """How many rows all records have, and how many dossiers there are: neither loses one."""
        with self._engine.connect() as connection:
            events, dossiers = (
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (tables.filing_events, tables.dossiers)
            )
        return int(events), int(dossiers)

    def recorded_filings(self) -> list[str]:
        """The folded numbers of all filings that have a record."""
        table = tables.filing_events
        with self._engine.connect() as connection:
            # Sorted here: databases differ in how they order Chinese.
            return sorted(connection.execute(select(table.c.number).distinct()).scalars())

    def dossier_numbers(self, limit: int) -> list[str]:
        """The folded numbers of the dossiers handed in, those of the newest first, at most `limit`."""
        table = tables.dossiers
        with self._engine.connect() as connection:
            newest = func.max(table.c.request_id)
            query = select(table.c.number).where(table.c.number.is_not(None)).group_by(table.c.number)
            return list(connection.execute(query.order_by(newest.desc()).limit(limit)).scalars())

    def newest_signed_dossier(self, filing: str) -> str | None:
        """The dossier hash of the newest approval of this filing (0x-hex) that this node signed."""
        signed, made = tables.signatures, tables.decisions
        with self._engine.connect() as connection:
            return connection.execute(
                select(made.c.dossier_hash)
                .join_from(signed, made, made.c.id == signed.c.decision_id)
                .where(signed.c.filing == filing, made.c.kind == "approval")
                .order_by(signed.c.id.desc())
                .limit(1)
            ).scalar()


def _inserted(connection: Connection, statement: Insert) -> int:
    """The number of the row that was inserted, 0 in a table whose rows have none."""
    key = connection.execute(statement).inserted_primary_key
    return int(key[0]) if key is not None and isinstance(key[0], int) else 0


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return moment.isoformat(timespec="milliseconds")
