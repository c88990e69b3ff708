"""The database of one node: opened, checked, written in single durable transactions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, case, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from oracle.domain.dossier import Dossier, parse_dossier
from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.domain.names import fold_name, fold_number
from oracle.errors import FilingGateError, InputError
from oracle.store import tables

__all__ = ["Database", "StoredSignature", "format_time"]


@dataclass(frozen=True)
class StoredSignature:
    """A signature this node gave: 0x-hex of 65 bytes."""

    digest: str
    signature: str
    signed_at: str


def _sqlite_settings(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # WAL lets readers go on while one writes; FULL makes a commit survive power loss.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.close()


class Database:
    """Everything a node keeps. Each method is one transaction, durable when it returns. Times are RFC 3339 texts."""

    def __init__(self, url: str) -> None:
        """Open (and create, if new) the database at a SQLAlchemy URL. InputError if it can't be used."""
        try:
            shown = make_url(url).render_as_string(hide_password=True)
            self._engine = _engine(url)
            tables.metadata.create_all(self._engine)
            with self._engine.begin() as connection:
                known = connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == "schema")).scalar()
                if known is None:
                    connection.execute(tables.meta.insert().values(key="schema", value=str(tables.SCHEMA_VERSION)))
        except ArgumentError:
            raise InputError(
                "not a database URL", where="[store] url", remedy='write e.g. "sqlite:///node.db"'
            ) from None
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", error)).splitlines()[0]
            raise InputError(
                f"the database can't be opened: {cause}", where=shown, remedy="check path, permissions and URL"
            ) from None
        if known not in (None, str(tables.SCHEMA_VERSION)):
            raise InputError(
                f"the database has schema {known}, this version needs {tables.SCHEMA_VERSION}",
                where=shown,
                remedy="use the matching version of filing-gate",
            )

    @property
    def engine(self) -> Engine:
        """For the classes that keep tables of their own (`oracle.store.*`)."""
        return self._engine

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def ready(self) -> bool:
        """Whether the database answers."""
        try:
            with self._engine.connect() as connection:
                return connection.execute(select(1)).scalar() == 1
        except OperationalError:
            return False

    def bind_to(self, identity: dict[str, str]) -> None:
        """Tie the database to one operator, chain and registry at first use; refuse another ever after."""
        with self._engine.begin() as connection:
            for key, value in identity.items():
                known = connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == key)).scalar()
                if known is None:
                    connection.execute(tables.meta.insert().values(key=key, value=value))
                elif known != value:
                    raise InputError(
                        f"the database belongs to {key} {known}, not {value}",
                        where="[store]",
                        remedy="give each operator its own database",
                    )

    def add_request(self, received_at: str, method: str, path: str, body: bytes) -> int:
        """Keep a request before it is looked at; returns its number."""
        with self._engine.begin() as connection:
            result = connection.execute(
                tables.requests.insert().values(received_at=received_at, method=method, path=path, body=body)
            )
            return int(result.inserted_primary_key[0])  # type: ignore[index]

    def add_answer(self, request_id: int, answered_at: str, status: int, body: bytes) -> None:
        """Keep an answer before it is sent."""
        with self._engine.begin() as connection:
            connection.execute(
                tables.answers.insert().values(request_id=request_id, answered_at=answered_at, status=status, body=body)
            )

    def add_dossier(self, request_id: int, dossier: Dossier) -> bool:
        """Keep a dossier under its hash; False if it was there."""
        name = "0x" + dossier.dossier_hash().hex()
        number = dossier.filing.filing_number
        with self._engine.begin() as connection:
            if connection.execute(select(tables.dossiers.c.hash).where(tables.dossiers.c.hash == name)).scalar():
                return False
            connection.execute(
                tables.dossiers.insert().values(
                    hash=name,
                    request_id=request_id,
                    number=fold_number(number) if number else None,
                    entity_name=fold_name(dossier.filing_entity.name_zh),
                    canonical=dossier.canonical(),
                )
            )
            return True

    def dossier(self, name: str) -> Dossier | None:
        """The dossier of a hash (0x-hex), checked against it again."""
        with self._engine.connect() as connection:
            canonical = connection.execute(
                select(tables.dossiers.c.canonical).where(tables.dossiers.c.hash == name)
            ).scalar()
        if canonical is None:
            return None
        dossier = parse_dossier(canonical, what=f"stored dossier {name}")
        if "0x" + dossier.dossier_hash().hex() != name:
            raise FilingGateError(
                "the stored dossier no longer fits its hash", where=name, remedy="restore the database from a backup"
            )
        return dossier

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
        with self._engine.begin() as connection:
            if rows:
                connection.execute(tables.observations.insert(), rows)
        return sighting

    def last_sighting(self, query: FilingQuery) -> list[Observation]:
        """What all sources said when this was last asked; empty if never."""
        table = tables.observations
        number = fold_number(query.number) if query.number else None
        name = fold_name(query.entity_name) if query.entity_name else None
        with self._engine.connect() as connection:
            newest = (
                select(table.c.sighting)
                .where(table.c.number.is_not_distinct_from(number), table.c.entity_name.is_not_distinct_from(name))
                .order_by(table.c.id.desc())
                .limit(1)
            )
            sighting = connection.execute(newest).scalar()
            rows = (
                connection.execute(select(table.c.content).where(table.c.sighting == sighting).order_by(table.c.id))
                .scalars()
                .all()
            )
        return [Observation.model_validate_json(row) for row in rows]

    def earlier_publications(self, number: str) -> list[Observation]:
        """The newest sighting of a notice and the newest of a withdrawal of this folded number, where ever seen."""
        table = tables.observations
        found = []
        with self._engine.connect() as connection:
            for kind in (ObservationKind.NOTICE, ObservationKind.WITHDRAWAL):
                row = connection.execute(
                    select(table.c.content)
                    .where(table.c.number == number, table.c.kind == kind.value)
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
        inputs: dict[str, Any],
        outcome: dict[str, Any],
        record: bytes | None = None,
    ) -> int:
        """Keep a decision with all it was made from, before anything is signed; returns its number.

        `record` is the signed decision record (`oracle.rules.decision_record`).
        """
        with self._engine.begin() as connection:
            result = connection.execute(
                tables.decisions.insert().values(
                    request_id=request_id,
                    kind=kind,
                    dossier_hash=dossier_hash,
                    decided_at=decided_at,
                    inputs=json.dumps(inputs, ensure_ascii=False),
                    outcome=json.dumps(outcome, ensure_ascii=False),
                )
            )
            number = int(result.inserted_primary_key[0])  # type: ignore[index]
            if record is not None:
                connection.execute(tables.decision_records.insert().values(decision_id=number, record=record))
            return number

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
        try:
            with self._engine.begin() as connection:
                connection.execute(tables.signatures.insert().values(row))
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
        try:
            with self._engine.begin() as connection:
                # One statement: a read first would make a second writer fail instead of wait.
                connection.execute(
                    table.insert().values(
                        number=number,
                        key=key,
                        kind=item.kind.value,
                        at=case((newest > item.at, newest), else_=item.at),
                        by=item.by,
                        evidence=item.evidence,
                        content=json.dumps(dict(item.content), ensure_ascii=False),
                    )
                )
        except IntegrityError:
            return False
        return True

    def filing_events(self, number: str) -> list[RecordedEvent]:
        """The record of a filing by its folded number, in the order of recording."""
        table = tables.filing_events
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(table.c.kind, table.c.at, table.c.by, table.c.content, table.c.evidence)
                .where(table.c.number == number)
                .order_by(table.c.id)
            ).all()
        return [
            RecordedEvent(RecordKind(kind), int(at), by, json.loads(content), evidence)
            for kind, at, by, content, evidence in rows
        ]

    def recorded_filings(self) -> list[str]:
        """The folded numbers of all filings that have a record."""
        table = tables.filing_events
        with self._engine.connect() as connection:
            return list(connection.execute(select(table.c.number).distinct().order_by(table.c.number)).scalars())

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


def _engine(url: str) -> Engine:
    engine = create_engine(url, poolclass=NullPool) if url.startswith("sqlite") else create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_settings)
    return engine


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return moment.isoformat(timespec="milliseconds")
