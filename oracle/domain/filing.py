"""What the regulator published of a filing, and how it was seen.

A `FilingRecord` is the normalised content of a publication: two operators who read the same notice get the same record
and so the same `record_hash`. An `Observation` is one sighting: which source, when, which bytes, what it said.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Literal

from pydantic import Field

from oracle.domain.canonical import canonical_hash
from oracle.domain.fields import Frozen, Money, Text, Timestamp, Uint
from oracle.domain.lifecycle import LifeCycle

__all__ = ["FilingQuery", "FilingRecord", "Observation", "ObservationKind"]


class FilingQuery(Frozen):
    """What a source is asked for: the filing number, the filing entity's name, or both.

    A status table knows only names, a notice both (regulation 2.2).
    """

    number: Text | None = None
    entity_name: Text | None = None


class FilingRecord(Frozen):
    """The published facts of one filing, normalised. Numbers and names are folded (`domain.names`)."""

    schema_: Literal["filing-record/v1"] = Field(default="filing-record/v1", alias="schema")
    number: Text
    entity_name: Text
    status: LifeCycle
    decision_date: date
    units: Uint | None = None
    amount: Money | None = None
    valid_until: date | None = None

    def record_hash(self) -> bytes:
        """keccak256 of the record's canonical form: `recordHash` on chain."""
        return canonical_hash(self.model_dump(mode="json", by_alias=True, exclude_none=True))


class ObservationKind(StrEnum):
    """What was seen."""

    STATUS_TABLE = "STATUS_TABLE"
    NOTICE = "NOTICE"
    WITHDRAWAL = "WITHDRAWAL"
    ABSENCE = "ABSENCE"
    """The source answered and says nothing of this filing: never 'not filed', never 'filed'."""
    FAILURE = "FAILURE"
    """The source could not be read."""


class Observation(Frozen):
    """One sighting. `level` is the evidence level (regulation 7a); `status` is None where nothing can be concluded.

    `as_of` is the day the publication speaks of, in Shanghai time; `sha256` and `attachment_sha256` name stored bytes.
    """

    source: Text
    kind: ObservationKind
    level: int = Field(ge=0, le=4)
    fetched_at: Timestamp
    status: LifeCycle | None = None
    raw_status: Text | None = None
    as_of: date | None = None
    title: Text | None = None
    url: Text | None = None
    manuscript_id: Text | None = None
    channel_id: Text | None = None
    published_str: Text | None = None
    published_epoch: int | None = None
    http_status: int | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    attachment_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    parser_version: Text
    record: FilingRecord | None = None
    detail: Text | None = None
