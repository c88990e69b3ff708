"""Lists of offenders as a source: dishonest debtors, open investigations, penalties, sanctions (BAR-3, BAR-4, NL-2).

A list is a file (JSON, CSV, XLSX) with its version and day, from the configuration or signed as a register is. Parties
are matched by unified social credit code, or by the exact folded name; who is not found is SCREENED only if the list
was read in full and is fresh. Lists speak only against a filing, never for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, Self

import stdnum.cn.uscc
from pydantic import Field, field_validator, model_validator

from oracle.domain.fields import Address, Text
from oracle.domain.filing import AdverseKind, FilingQuery, Observation, ObservationKind, Party
from oracle.domain.names import fold_name
from oracle.errors import UnreachableError
from oracle.rules.case import SHANGHAI
from oracle.sources.detached_signature import minisign_key, verify
from oracle.sources.document import Document, check_address
from oracle.sources.file_source import FileSource, NamedFile
from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import XLSX_DAY_ZERO, parse_date
from oracle.sources.register_rows import Format, read_rows
from oracle.sources.sightings import LONGEST, failure

__all__ = ["PARSER_VERSION", "Listing", "ScreeningConfig", "ScreeningSource", "entries_of", "matches", "said_of"]

PARSER_VERSION = "screening/1"
_FIELDS = ("name", "uscc", "since", "reference")
_MOST_HITS = 20
_REMEDY = "ask for a clean list: a name that cannot be read may be the one that is looked for"


class ScreeningConfig(NamedFile):
    """One list. `version` and `as_of` (a day in Shanghai) may be left out where the list is signed.

    `columns` gives the labels of name, uscc, since and reference where they differ. `max_age_seconds` counts from the
    end of `as_of`, or from the moment the signature states.
    """

    name: Text = "screening"
    adverse: AdverseKind = Field(strict=False)
    format: Format
    version: Text | None = None
    as_of: date | None = Field(default=None, strict=False)
    columns: dict[str, Text] = {}
    max_age_seconds: int = Field(default=7 * 86_400, gt=0)
    signature: Text | None = None
    minisign_keys: list[Text] = []
    signers: list[Address] = []

    @field_validator("columns")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        if not set(value) <= set(_FIELDS):
            raise ValueError(f"fields of a list are {', '.join(_FIELDS)}")
        return value

    @model_validator(mode="after")
    def _dated(self) -> Self:
        for key in self.minisign_keys:
            minisign_key(key)
        if not self.signed and (self.version is None or self.as_of is None):
            raise ValueError("a list without a signature needs version and asOf: its freshness must be known")
        if self.signature is not None and not self.signed:
            raise ValueError("signature needs minisignKeys or signers")
        if self.url and self.signature:
            check_address("signature", self.signature)
        return self

    @property
    def signed(self) -> bool:
        """Whether the list has to carry a signature."""
        return bool(self.minisign_keys or self.signers)

    def stated_moment(self) -> datetime:
        """The moment that `as_of` gives: the beginning of that day in Shanghai."""
        return datetime.combine(self.as_of or date.min, datetime.min.time(), SHANGHAI)


@dataclass(frozen=True)
class Listing:
    """One entry: folded name, code, since when, and the list's own words for it."""

    name: str | None
    uscc: str | None
    since: date | None
    reference: str | None


def entries_of(data: bytes, config: ScreeningConfig) -> list[Listing]:
    """All entries of a list's bytes. ParseError names the row that cannot be read: a skipped row could be the one."""
    labels = {name: config.columns.get(name, name) for name in _FIELDS}
    needed = ("name",) if "uscc" not in config.columns else ("name", "uscc")
    return [_entry(row, index) for index, row in enumerate(read_rows(data, config.format, labels, needed), 1)]


def _entry(row: dict[str, Any], index: int) -> Listing:
    texts: dict[str, str | None] = {}
    for name in _FIELDS:
        value = row.get(name)
        if isinstance(value, date | datetime):
            value = value.isoformat()[:10]
        elif isinstance(value, float) and name == "since" and 1 <= value < 100_000:
            value = date.fromordinal(XLSX_DAY_ZERO.toordinal() + int(value)).isoformat()
        elif isinstance(value, float | int) and name == "reference":
            value = str(value)[:100]
        if value is not None and (not isinstance(value, str) or len(value) > LONGEST):
            raise ParseError(f"row {index}: {name} is no text of usual length", remedy=_REMEDY)
        texts[name] = value.strip() if value and value.strip() else None
    folded = fold_name(texts["name"]) if texts["name"] else None
    uscc = fold_name(texts["uscc"]).upper() if texts["uscc"] else None
    if not folded and not uscc:
        raise ParseError(f"row {index}: neither name nor code", remedy=_REMEDY)
    # A code that fails its check is of no use for a match, and the row's name still is.
    if uscc is not None and not (len(uscc) == 18 and stdnum.cn.uscc.is_valid(uscc)):
        if not folded:
            raise ParseError(f"row {index}: {uscc[:40]!r} is no unified social credit code", remedy=_REMEDY)
        uscc = None
    since = texts["since"]
    return Listing(folded, uscc, parse_date(since) if since else None, texts["reference"])


def matches(entry: Listing, party: Party) -> Literal["USCC", "NAME"] | None:
    """What an entry names the party by, if it does. Two different codes mean two entities, whatever their name."""
    if entry.uscc and party.uscc:
        return "USCC" if entry.uscc == party.uscc else None
    if entry.name and party.name and entry.name == fold_name(party.name):
        return "NAME"
    return None


def _comparable(entry: Listing, party: Party) -> bool:
    return bool((entry.uscc and party.uscc) or (entry.name and party.name))


def said_of(party: Party | None, entries: list[Listing]) -> list[dict[str, Any]]:
    """What a list's entries say of a party, as fields of an Observation: a hit each, or one that there is none."""
    if party is None:
        return [{"kind": ObservationKind.UNSCREENED, "detail": "nobody was asked for"}]
    hits = [(entry, by) for entry in entries if (by := matches(entry, party)) is not None]
    if hits:
        return [
            {
                "kind": ObservationKind.ADVERSE,
                "matched_by": by,
                "as_of": entry.since,
                "detail": f"listed as {entry.name or entry.uscc}: {entry.reference or 'no reference'}"[:LONGEST],
            }
            for entry, by in hits[:_MOST_HITS]
        ]
    if any(not _comparable(entry, party) for entry in entries):
        detail = "the list has entries without what the party is asked for by: give both its name and its code"
        return [{"kind": ObservationKind.UNSCREENED, "detail": detail}]
    return [{"kind": ObservationKind.SCREENED}]


@dataclass(frozen=True)
class _Read:
    """A list as read: its entries, its version, the moment it speaks of, the bytes, the SHA-256 of its signature."""

    entries: list[Listing]
    version: str
    moment: datetime
    document: Document
    signature: str | None


class ScreeningSource(FileSource[ScreeningConfig]):
    """Implements `Source` for one list. Each party gets an ADVERSE for each hit, else SCREENED or UNSCREENED."""

    def observe(self, query: FilingQuery) -> list[Observation]:
        """What the list says of every party of the question."""
        began = self._clock()
        parties = query.screened() or (None,)
        try:
            known = self._list(began)
        except UnreachableError as error:
            unread = failure(self.name, PARSER_VERSION, began, error)
            facts = {"kind": ObservationKind.UNSCREENED, "adverse": self._config.adverse}
            return [unread.model_copy(update={**facts, "party": party}) for party in parties]
        return [seen for party in parties for seen in self._of(party, known)]

    def _list(self, now: datetime) -> _Read:
        config = self._config
        if config.signed:
            place = (config.path, config.url)
            beside = config.signature or f"{config.path or config.url}.minisig"
            document, signature = self._read(place, (None, beside) if config.url else (beside, None))
            signed = verify(document.body, signature.body, config.minisign_keys, config.signers, self._recover)
            moment, vouched = signed.issued_at, signature.sha256
        else:
            (document,) = self._read((config.path, config.url))
            moment, vouched = config.stated_moment(), None
        version = config.version or moment.isoformat()
        # A list may be dated the day it is read, and a day has 24 hours.
        if moment > now + timedelta(minutes=5):
            raise ParseError(f"list {version} is of {moment.isoformat()}, in the future", remedy="check asOf")
        if now - moment > timedelta(seconds=config.max_age_seconds):
            raise ParseError(
                f"list {version} is of {moment.isoformat()}, stale after {config.max_age_seconds} s",
                remedy="fetch a newer list; then correct version and asOf",
            )
        entries = entries_of(document.body, config)
        if config.signed:
            self._seen.advance(moment, document.sha256)
        return _Read(entries, version, moment, document, vouched)

    def _of(self, party: Party | None, known: _Read) -> list[Observation]:
        return [self._observation(party, known, **facts) for facts in said_of(party, known.entries)]

    def _observation(self, party: Party | None, known: _Read, **facts: Any) -> Observation:
        document = known.document
        return Observation(
            source=self.name,
            level=0,
            fetched_at=document.fetched_at,
            url=document.url,
            http_status=document.http_status,
            sha256=document.sha256,
            attachment_sha256=known.signature,
            published_str=known.moment.isoformat(),
            parser_version=PARSER_VERSION,
            adverse=self._config.adverse,
            party=party,
            list_version=known.version,
            **facts,
        )
