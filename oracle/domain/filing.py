"""What the regulator published of a filing, and how it was seen.

A `FilingRecord` is the normalised content of a publication: two operators who read the same notice get the same record
and so the same `record_hash`. An `Observation` is one sighting: which source, when, which bytes, what it said.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Literal

from pydantic import Field

from oracle.domain.canonical import canonical_bytes, canonical_hash
from oracle.domain.fields import Frozen, Money, Text, Timestamp, Uint, Uscc
from oracle.domain.lifecycle import LifeCycle

__all__ = ["AdverseKind", "FilingQuery", "FilingRecord", "Observation", "ObservationKind", "Party"]


class Party(Frozen):
    """A legal person that lists of offenders are asked for: the entity, a controller, a cash-flow provider.

    Natural persons are in a dossier as salted hashes only, so no list can be asked for them.
    """

    name: Text | None = None
    uscc: Uscc | None = None


class FilingQuery(Frozen):
    """What a source is asked for: the filing number, the filing entity's name, or both.

    A status table knows only names, a notice both (regulation 2.2). `uscc` is the entity's own code where the asker
    knows it; `parties` are the others that lists of offenders are asked for.
    """

    number: Text | None = None
    entity_name: Text | None = None
    uscc: Uscc | None = None
    parties: tuple[Party, ...] = ()

    def screened(self) -> tuple[Party, ...]:
        """Everybody that lists are asked for, the entity first, each once."""
        entity = Party(name=self.entity_name, uscc=self.uscc)
        return tuple(dict.fromkeys(party for party in (entity, *self.parties) if party.name or party.uscc))


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

    @cached_property
    def hash_of_form(self) -> bytes:
        """See `record_hash`; computed once."""
        return canonical_hash(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    def record_hash(self) -> bytes:
        """keccak256 of the record's canonical form: `recordHash` on chain."""
        return self.hash_of_form


class ObservationKind(StrEnum):
    """What was seen."""

    STATUS_TABLE = "STATUS_TABLE"
    NOTICE = "NOTICE"
    WITHDRAWAL = "WITHDRAWAL"
    ABSENCE = "ABSENCE"
    """The source answered and says nothing of this filing: never 'not filed', never 'filed'."""
    FAILURE = "FAILURE"
    """The source could not be read."""
    SUPPLEMENT = "SUPPLEMENT"
    """The regulator asked the entity for more material (补充材料要求); never evidence that anything is filed."""
    ADVERSE = "ADVERSE"
    """A list names the entity or another party: a penalty, a market ban, a sanction, … (`adverse`, `party`)."""
    SCREENED = "SCREENED"
    """A list was read in full, is fresh, and does not name `party`."""
    UNSCREENED = "UNSCREENED"
    """A list could not be read or is stale: whether it names `party` is not known."""
    NEAR_NAME = "NEAR_NAME"
    """A name much like the asked one. For the operator's eye only: no rule and no status rests on it."""


class AdverseKind(StrEnum):
    """What a list that names somebody is a list of."""

    PENALTY = "PENALTY"
    MARKET_BAN = "MARKET_BAN"
    DISHONEST = "DISHONEST"
    """Dishonest debtors and other dishonest entities (失信被执行人); NL-2."""
    INVESTIGATION = "INVESTIGATION"
    """Filed investigations without a conclusion (立案调查); BAR-4."""
    SANCTION = "SANCTION"


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
    #: Only for ADVERSE, SCREENED and UNSCREENED: which list, who was asked for, and what the match rests on.
    adverse: AdverseKind | None = None
    party: Party | None = None
    matched_by: Literal["USCC", "NAME"] | None = None
    list_version: Text | None = None

    @cached_property
    def canonical_form(self) -> bytes:
        """RFC 8785 bytes of every field that has a value, computed once."""
        return canonical_bytes(self.model_dump(mode="json", by_alias=True, exclude_none=True))
