"""What persons saw, as a source: a folder of files that one entered and another confirmed (`manual_statement`).

For the time in which the regulator publishes in a way no other source can read. A file that is not confirmed counts for
nothing; one that does not hold (a signature, a name that is not listed) stops the source until somebody has looked.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from oracle.domain.fields import Frozen, Text
from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.errors import FilingGateError, InputError, RefusedError, UnreachableError
from oracle.evidence.store import EvidenceStore
from oracle.sources.detached_signature import Recover
from oracle.sources.document import read_file
from oracle.sources.manual_statement import (
    MAX_STATEMENT_BYTES,
    ManualFile,
    Person,
    SignedAct,
    parse_statement,
    stated_by,
    who_signed,
)
from oracle.sources.parse_error import ParseError
from oracle.sources.sightings import CLOCK_SKEW, failure
from oracle.sources.stated_filing import Stated, concerns

__all__ = [
    "PARSER_VERSION",
    "Kept",
    "ManualConfig",
    "ManualSource",
    "confirm_statement",
    "kept_statements",
    "statement_path",
    "write_statement",
]

PARSER_VERSION = "manual/1"
_MAX_FILES = 1000


class ManualConfig(Frozen):
    """One folder of statements (relative to the configuration) and the persons who may sign them."""

    name: Text = "manual"
    folder: Text = "manual"
    #: Evidence level of a confirmed statement (regulation 7a lists this source beside the fetching ones).
    level: int = Field(default=2, ge=0, le=3)
    persons: list[Person] = Field(min_length=2, max_length=100)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [person.name for person in self.persons]
        addresses = [address for person in self.persons for address in person.addresses]
        if len(set(names)) != len(names) or len(set(addresses)) != len(addresses):
            raise ValueError("persons: a name or an address stands there twice")
        return self


def statement_path(folder: Path, file: ManualFile) -> Path:
    """Where a statement's file stands: its hash is its name."""
    return folder / f"{file.statement.statement_hash()[2:]}.json"


def write_statement(folder: Path, file: ManualFile) -> Path:
    """Write the file whole, replacing the one of the same statement."""
    path = statement_path(folder, file)
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
    with os.fdopen(handle, "wb") as out:
        out.write(file.as_bytes())
        out.flush()
        os.fsync(out.fileno())
    os.replace(temporary, path)
    return path


@dataclass(frozen=True)
class Kept:
    """A file of the folder: its bytes and what they say, who entered and who confirmed it (None: nobody yet).

    One that does not hold has a `fault` and nothing else: it stops the source until somebody has looked.
    """

    path: Path
    data: bytes = b""
    file: ManualFile | None = None
    entered: str | None = None
    confirmed: str | None = None
    fault: str | None = None


def _paths(folder: Path) -> list[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ParseError(f"the folder cannot be read: {error.strerror}", remedy="check its permissions") from None
    if len(paths) > _MAX_FILES:
        raise ParseError(f"the folder holds more than {_MAX_FILES} files", remedy="move old ones away")
    return paths


def _read(path: Path, config: ManualConfig, recover: Recover) -> tuple[Kept, ManualFile]:
    data = read_file(path, MAX_STATEMENT_BYTES, name=path.name)
    file = parse_statement(data, name=path.name)
    stated_by(file.statement, name=path.name)
    if file.statement.source != config.name:
        raise ParseError(
            f"{path.name}: made for source {file.statement.source}, not {config.name}",
            remedy="move it to that source's folder, or give --source",
        )
    entered, confirmed = who_signed(file, config.persons, recover, name=path.name)
    return Kept(path, data, file, entered, confirmed), file


def kept_statements(folder: Path, config: ManualConfig, recover: Recover) -> list[Kept]:
    """Every file of the folder, those that do not hold too. ParseError if the folder can't be read."""
    found = []
    for path in _paths(folder):
        try:
            found.append(_read(path, config, recover)[0])
        except UnreachableError as error:
            found.append(Kept(path, fault=str(error)))
    return found


def confirm_statement(
    path: Path, act: SignedAct, config: ManualConfig, recover: Recover, now: datetime, *, folder: Path
) -> Path:
    """Put a second listed person's signature beside the first, into the source's folder; returns where the file stands.

    RefusedError for a signature that does not count or a statement that is confirmed already: nothing is changed then.
    ParseError if the file itself does not hold.
    """
    kept, file = _read(path, config, recover)
    if kept.confirmed is not None:
        raise RefusedError("somebody has confirmed it already", where=path.name, remedy="nothing is left to do")
    if datetime.fromisoformat(act.at) > now + CLOCK_SKEW:
        raise RefusedError("the signature states a time to come", where="at", remedy="check the clocks, and sign anew")
    confirmed = file.model_copy(update={"confirmed": act})
    try:
        who_signed(confirmed, config.persons, recover, name=path.name)
    except ParseError as error:
        raise RefusedError(error.what, remedy=error.remedy) from None
    return write_statement(folder, confirmed)


class ManualSource:
    """Implements `Source` for statements of persons. `base` is the folder that `folder` is relative to."""

    def __init__(
        self,
        config: ManualConfig,
        evidence: EvidenceStore,
        clock: Callable[[], datetime],
        *,
        recover: Recover,
        base: Path,
    ) -> None:
        self._config = config
        self._evidence = evidence
        self._clock = clock
        self._recover = recover
        self._folder = base / config.folder

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    def observe(self, query: FilingQuery) -> list[Observation]:
        """The newest confirmed statement on the filing, and every one that ends it; ABSENCE if there is none."""
        began = self._clock()
        try:
            found, waiting = self._statements(query, began)
        except UnreachableError as error:
            return [failure(self.name, PARSER_VERSION, began, error)]
        if not found:
            return [self._absence(began, waiting)]
        newest = max(datetime.fromisoformat(seen.fetched_at) for seen in found)
        return [
            seen
            for seen in found
            if seen.kind is ObservationKind.WITHDRAWAL or datetime.fromisoformat(seen.fetched_at) == newest
        ]

    def _statements(self, query: FilingQuery, now: datetime) -> tuple[list[Observation], int]:
        found, waiting = [], 0
        for path in _paths(self._folder):
            kept, file = _read(path, self._config, self._recover)
            stated = stated_by(file.statement, name=path.name)
            if not concerns(stated, query):
                continue
            if kept.confirmed is None:
                waiting += 1
                continue
            title = f"entered by {kept.entered}, confirmed by {kept.confirmed}"
            found.append(self._seen(file, stated, kept.data, title, now, path))
        return found, waiting

    def _seen(
        self, file: ManualFile, stated: Stated, data: bytes, title: str, now: datetime, path: Path
    ) -> Observation:
        statement = file.statement
        if datetime.fromisoformat(statement.seen_at) > now + CLOCK_SKEW:
            raise ParseError(f"{path.name}: seen in the future", remedy="check the clocks, and enter it anew")
        if statement.evidence is not None:
            self._check_evidence(statement.evidence, path)
        return Observation(
            source=self.name,
            kind=stated.kind,
            level=self._config.level,
            fetched_at=statement.seen_at,
            status=stated.status,
            raw_status=stated.raw_status,
            as_of=statement.decision_date,
            title=title,
            url=statement.url,
            sha256=self._evidence.put(data),
            attachment_sha256=statement.evidence,
            parser_version=PARSER_VERSION,
            record=stated.record,
        )

    def _check_evidence(self, sha256: str, path: Path) -> None:
        try:
            self._evidence.get(sha256)
        except (InputError, FilingGateError) as error:
            raise ParseError(f"{path.name}: its evidence: {error.what}", remedy=error.remedy) from None

    def _absence(self, began: datetime, waiting: int) -> Observation:
        return Observation(
            source=self.name,
            kind=ObservationKind.ABSENCE,
            level=self._config.level,
            fetched_at=began.isoformat(timespec="seconds"),
            parser_version=PARSER_VERSION,
            detail=f"no confirmed statement on this filing; {waiting} wait(s) for confirmation",
        )
