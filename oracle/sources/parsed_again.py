"""Each observation derived again, from stored bytes and the source's configuration, by the parser its version names.

What is compared is everything that the bytes decide: the kind, the state, the record, the day, the title, the party
that was found or not found. Nothing is fetched, and no clock is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Protocol, TypeAlias

from pydantic import ValidationError

from oracle.domain.canonical import canonical_bytes, parse_json
from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.names import fold_name, fold_number
from oracle.errors import InputError
from oracle.sources import csrc_parse, http_json, manual, registry_file, screening
from oracle.sources.csrc import CsrcConfig
from oracle.sources.csrc_lists import Listed, parse_list
from oracle.sources.csrc_pages import parse_page
from oracle.sources.csrc_parse import parse_notice, parse_withdrawal
from oracle.sources.csrc_requests import (
    Mention,
    decisions_version,
    mention_of,
    near_name_detail,
    near_names,
    period_end,
    requested,
)
from oracle.sources.csrc_table import StatusRow, names_in, parse_table
from oracle.sources.detached_signature import Recover, verify
from oracle.sources.docx_text import docx_lines
from oracle.sources.http_json import HttpJsonConfig, stated_in
from oracle.sources.manual import ManualConfig
from oracle.sources.manual_statement import parse_statement, stated_by, who_signed
from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import published_day
from oracle.sources.registry_file import RegistryFileConfig, rows_of
from oracle.sources.screening import ScreeningConfig, entries_of, said_of
from oracle.sources.sightings import CLOCK_SKEW
from oracle.sources.stated_filing import Stated, concerns, stated_facts

__all__ = [
    "SETTINGS_BEGIN",
    "Kept",
    "Settings",
    "answers_needed",
    "difference",
    "kept_settings",
    "read_settings",
    "settings_bytes",
    "why_without_parse",
]

Settings: TypeAlias = CsrcConfig | RegistryFileConfig | HttpJsonConfig | ManualConfig | ScreeningConfig

_TYPES: dict[str, type[Settings]] = {
    "csrc": CsrcConfig,
    "registry-file": RegistryFileConfig,
    "http-json": HttpJsonConfig,
    "manual": ManualConfig,
    "screening": ScreeningConfig,
}
_SCHEMA = "source-settings/v1"
#: How the bytes of `settings_bytes` begin.
SETTINGS_BEGIN = f'{{"schema":"{_SCHEMA}"'.encode()

_REMEDY = "compare the observation with its evidence"
_PAGE_OF_LIST = re.compile(r"(.*[?&]page=)([0-9]{1,4})((?:&.*)?)")


class Kept(Protocol):
    """What of the evidence is at hand. Both raise FilingGateError for what is not there, or is damaged."""

    def payload(self, sha256: str) -> bytes:
        """The bytes of that hash."""
        ...

    def answer(self, url: str, moment: datetime) -> bytes:
        """The body that an address was last seen to have at that moment."""
        ...


# --- how a source was configured --------------------------------------------------------------------------------------


def settings_bytes(sources: Iterable[Mapping[str, Any]]) -> bytes:
    """The configuration of all sources as a file of the store; `sources` as a decision has them, without floats."""
    return canonical_bytes({"schema": _SCHEMA, "sources": list(sources)})


def kept_settings(data: bytes) -> list[tuple[str, Settings]]:
    """(name, configuration) of a file that `settings_bytes` made. InputError if it is none."""
    content = parse_json(data, what=_SCHEMA)
    sources = content.get("sources") if isinstance(content, dict) else None
    if not isinstance(sources, list):
        raise InputError("no list of sources", where=_SCHEMA, remedy="restore the file from a backup")
    return read_settings(sources)


def read_settings(sources: Iterable[Any]) -> list[tuple[str, Settings]]:
    """(name, configuration) of each source that this version can read; others are left out, and so not parsed again."""
    found = []
    for source in sources:
        kind = _TYPES.get(str(source.get("type"))) if isinstance(source, dict) else None
        if kind is None:
            continue
        given = {key: value for key, value in source.items() if key != "type"}
        try:
            settings = kind.model_validate_json(canonical_bytes(given))
        except ValidationError:
            continue
        found.append((settings.name, settings))
    return found


# --- one observation --------------------------------------------------------------------------------------------------


def why_without_parse(seen: Observation) -> str | None:
    """The class of observations that rest on no reading of bytes, None for all others.

    `failure`: what came could not be read when it came; `listUnread`: the same of a list of offenders; `noBytes`:
    nothing was there to be stored, as where nobody has entered a statement.
    """
    if seen.kind is ObservationKind.FAILURE:
        return "failure"
    if seen.kind is ObservationKind.UNSCREENED and seen.list_version is None:
        return "listUnread"
    return "noBytes" if seen.sha256 is None else None


def answers_needed(seen: Observation) -> list[str]:
    """The addresses whose answers `difference` asks `Kept` for: the pages before the one that the observation names."""
    if seen.kind is not ObservationKind.SCREENED or seen.parser_version != csrc_parse.PARSER_VERSION:
        return []
    found = _PAGE_OF_LIST.fullmatch(seen.url or "")
    return [f"{found[1]}{number}{found[3]}" for number in range(1, int(found[2]))] if found else []


def difference(
    seen: Observation, settings: Settings, asked: FilingQuery | None, kept: Kept, recover: Recover
) -> str | None:
    """What the stored bytes say otherwise than the observation, in words; None if they say the same.

    FilingGateError (ParseError) where bytes are missing, cannot be parsed, or no parser of that version is known.
    """
    parser = _PARSERS.get(seen.parser_version)
    if parser is None:
        raise ParseError(
            f"no parser {seen.parser_version} is known here", remedy="use the software that the decision names"
        )
    expected, parse = parser
    if not isinstance(settings, expected):
        raise ParseError(f"the source is configured as another type than {seen.parser_version}", remedy=_REMEDY)
    return parse(seen, settings, asked, kept, recover)


def _compared(seen: Observation, **facts: Any) -> str | None:
    for name, value in facts.items():
        stated = getattr(seen, name)
        if stated != value:
            return f"{name} is {_short(stated)}, the stored bytes give {_short(value)}"
    return None


def _short(value: Any) -> str:
    if value is None:
        return "absent"
    shown = value.model_dump_json(exclude_none=True) if hasattr(value, "model_dump_json") else str(value)
    return shown if len(shown) <= 200 else shown[:200] + "…"


def _one_of(seen: Observation, possible: list[dict[str, Any]], nothing: str) -> str | None:
    """None if one of the possible sets of facts is the observation's, else how the first one differs."""
    differences = [_compared(seen, **facts) for facts in possible]
    return None if None in differences else (differences or [nothing])[0]


def _attachment(seen: Observation, kept: Kept, what: str) -> bytes:
    if seen.attachment_sha256 is None:
        raise ParseError(f"it names no {what}", remedy=_REMEDY)
    return kept.payload(seen.attachment_sha256)


def _asked_name(asked: FilingQuery | None) -> str | None:
    return fold_name(asked.entity_name) if asked is not None and asked.entity_name else None


# --- csrc -------------------------------------------------------------------------------------------------------------


def _csrc(seen: Observation, config: CsrcConfig, asked: FilingQuery | None, kept: Kept, recover: Recover) -> str | None:
    page = kept.payload(seen.sha256 or "")
    match seen.kind:
        case ObservationKind.NOTICE:
            return _notice(seen, page, config, kept)
        case ObservationKind.WITHDRAWAL:
            return _withdrawal(seen, page, config, asked)
        case ObservationKind.STATUS_TABLE:
            return _table(seen, page, config, asked, kept)
        case ObservationKind.NEAR_NAME:
            return _near(seen, page, config, asked, kept)
        case ObservationKind.SUPPLEMENT:
            return _supplement(seen, page, config, asked, kept)
        case ObservationKind.ADVERSE | ObservationKind.UNSCREENED:
            return _decision(seen, page)
        case ObservationKind.SCREENED:
            return _unnamed(seen, config, kept)
        case ObservationKind.ABSENCE:
            parse_list(page)
            return _compared(seen, level=config.level, status=None, record=None)
        case _:
            raise ParseError(f"{seen.kind.value} is no kind of {seen.parser_version}", remedy=_REMEDY)


def _notice(seen: Observation, page: bytes, config: CsrcConfig, kept: Kept) -> str | None:
    listed = _item(kept.payload(seen.attachment_sha256), seen) if seen.attachment_sha256 else None
    notice = parse_notice(page, config, listed)
    return _compared(
        seen,
        record=notice.record,
        status=notice.record.status,
        as_of=notice.record.decision_date,
        title=notice.title,
        level=config.level,
    )


def _item(page: bytes, seen: Observation) -> Listed:
    for item in parse_list(page).items:
        if item.manuscript_id == seen.manuscript_id and item.published_str == seen.published_str:
            return item
    raise ParseError(f"the stored list does not hold item {seen.manuscript_id}", remedy=_REMEDY)


def _withdrawal(seen: Observation, page: bytes, config: CsrcConfig, asked: FilingQuery | None) -> str | None:
    ended = parse_withdrawal(page, config)
    number = fold_number(asked.number) if asked is not None and asked.number else None
    if number is None and seen.record is not None:
        number = seen.record.number
    if number is not None and not ended.cites(number):
        return f"the stored page does not cite {number}"
    return _compared(
        seen,
        status=ended.status,
        as_of=ended.day or published_day(seen.published_str),
        title=ended.title,
        level=config.level,
        record=ended.record(number) if number is not None else None,
    )


def _rows(seen: Observation, page: bytes, config: CsrcConfig, kept: Kept) -> tuple[Any, list[StatusRow]]:
    table = parse_table(_attachment(seen, kept, "table"), parse_page(page, config).title)
    return table.as_of, [row for row in table.rows if config.counts(row.application_type)]


def _table(seen: Observation, page: bytes, config: CsrcConfig, asked: FilingQuery | None, kept: Kept) -> str | None:
    as_of, rows = _rows(seen, page, config, kept)
    name = _asked_name(asked)
    if name is None:
        raise ParseError("whose row it is of is not known", remedy="give the decision or the database it belongs to")
    states = list(dict.fromkeys(row.status for row in rows if row.names(name)))
    possible = [
        {"as_of": as_of, "raw_status": state[:1000] or None, "status": config.state(state), "level": config.level}
        for state in states
    ]
    return _one_of(seen, possible, f"the stored table has no row of {name}")


def _near(seen: Observation, page: bytes, config: CsrcConfig, asked: FilingQuery | None, kept: Kept) -> str | None:
    _, rows = _rows(seen, page, config, kept)
    name = _asked_name(asked) or ""
    printed = (found for row in rows for found in names_in(row.company) | names_in(row.filer))
    details = [{"detail": near_name_detail(found, name), "level": 0} for found in near_names(name, printed)]
    return _one_of(seen, details, "the stored table has no near name")


def _supplement(
    seen: Observation, page: bytes, config: CsrcConfig, asked: FilingQuery | None, kept: Kept
) -> str | None:
    detail = parse_page(page, config)
    lines = detail.body.splitlines()
    if seen.attachment_sha256:
        lines += docx_lines(kept.payload(seen.attachment_sha256))
    name = _asked_name(asked)
    if name is None:
        raise ParseError("whose request it is is not known", remedy="give the decision or the database it belongs to")
    if not requested(lines, name):
        return f"the stored list asks nothing of {name}"
    return _compared(
        seen,
        status=LifeCycle.SUPPLEMENT,
        as_of=period_end(detail.title) or published_day(seen.published_str),
        title=detail.title,
        level=config.level,
    )


def _mention(item: Listed, seen: Observation) -> Mention:
    name = seen.party.name if seen.party is not None else None
    return mention_of(f"{item.title}\n{item.text}", fold_name(name)) if name else Mention.NONE


def _decision(seen: Observation, page: bytes) -> str | None:
    item = _item(page, seen)
    if seen.kind is ObservationKind.UNSCREENED:
        return None if _mention(item, seen) is Mention.UNCLEAR else "the stored decision is clear about the name"
    if _mention(item, seen) is not Mention.NAMED:
        return "the stored decision does not name the party"
    return _compared(seen, title=item.title, as_of=published_day(item.published_str), matched_by="NAME")


def _unnamed(seen: Observation, config: CsrcConfig, kept: Kept) -> str | None:
    """The whole list again, page for page: that it does not name somebody rests on all of them."""
    if not _PAGE_OF_LIST.fullmatch(seen.url or ""):
        raise ParseError("its address is no page of a list", remedy=_REMEDY)
    moment = datetime.fromisoformat(seen.fetched_at)
    pages = [kept.answer(url, moment) for url in answers_needed(seen)]
    items = list(chain.from_iterable(parse_list(page).items for page in (*pages, kept.payload(seen.sha256 or ""))))
    for item in items:
        if _mention(item, seen) is not Mention.NONE:
            return f"the stored list speaks of the party: {item.title[:200]}"
    codes = [code for code, kind in config.adverse_channels.items() if kind is seen.adverse]
    versions = [{"list_version": decisions_version(code, len(items))} for code in codes]
    return _one_of(seen, versions, f"no channel of the configuration is a list of {seen.adverse}")


# --- the other sources ------------------------------------------------------------------------------------------------


def _chosen(stated: list[Stated], seen: Observation, asked: FilingQuery | None) -> Stated | None:
    if asked is None and seen.record is not None:
        asked = FilingQuery(number=seen.record.number, entity_name=seen.record.entity_name)
    if asked is None:
        raise ParseError("what was asked is not known", remedy="give the decision or the database it belongs to")
    found = [row for row in stated if concerns(row, asked)]
    if len(found) > 1:
        raise ParseError(f"{len(found)} entries are of this filing", remedy=_REMEDY)
    return found[0] if found else None


_UNSTATED = {"status": None, "raw_status": None, "record": None, "as_of": None, "detail": None}


def _registry_file(
    seen: Observation, config: RegistryFileConfig, asked: FilingQuery | None, kept: Kept, recover: Recover
) -> str | None:
    register = kept.payload(seen.sha256 or "")
    signature = _attachment(seen, kept, "signature")
    signed = verify(register, signature, config.minisign_keys, config.signers, recover)
    late = _stale(signed.issued_at, seen, config.max_age_seconds + config.deadline_seconds)
    if late:
        return late
    return _compared(
        seen,
        published_str=signed.issued_at.isoformat(),
        title=f"register signed by {signed.key}",
        level=config.level,
        **{**_UNSTATED, **stated_facts(_chosen(rows_of(register, config), seen, asked))},
    )


def _stale(issued: datetime, seen: Observation, seconds: float) -> str | None:
    age = datetime.fromisoformat(seen.fetched_at) - issued
    if age > timedelta(seconds=seconds) or age < -CLOCK_SKEW:
        return f"what it rests on is of {issued.isoformat()}: stale, or of the future, when it was read"
    return None


def _http_json(
    seen: Observation, config: HttpJsonConfig, asked: FilingQuery | None, kept: Kept, recover: Recover
) -> str | None:
    stated = stated_in(kept.payload(seen.sha256 or ""), config)
    return _compared(seen, level=config.level, **{**_UNSTATED, **stated_facts(_chosen(stated, seen, asked))})


def _manual(
    seen: Observation, config: ManualConfig, asked: FilingQuery | None, kept: Kept, recover: Recover
) -> str | None:
    data = kept.payload(seen.sha256 or "")
    file = parse_statement(data, name="statement")
    entered, confirmed = who_signed(file, config.persons, recover, name="statement")
    if confirmed is None:
        return "nobody confirmed the stored statement"
    stated = stated_by(file.statement, name="statement")
    if asked is not None and not concerns(stated, asked):
        return "the stored statement is of another filing"
    return _compared(
        seen,
        source=file.statement.source,
        kind=stated.kind,
        status=stated.status,
        raw_status=stated.raw_status,
        record=stated.record,
        as_of=file.statement.decision_date,
        title=f"entered by {entered}, confirmed by {confirmed}",
        fetched_at=file.statement.seen_at,
        url=file.statement.url,
        attachment_sha256=file.statement.evidence,
        level=config.level,
    )


def _screening(
    seen: Observation, config: ScreeningConfig, asked: FilingQuery | None, kept: Kept, recover: Recover
) -> str | None:
    data = kept.payload(seen.sha256 or "")
    moment = config.stated_moment()
    if config.signed:
        signature = _attachment(seen, kept, "signature")
        moment = verify(data, signature, config.minisign_keys, config.signers, recover).issued_at
    late = _stale(moment, seen, config.max_age_seconds + config.deadline_seconds)
    known = {
        "published_str": moment.isoformat(),
        "list_version": config.version or moment.isoformat(),
        "adverse": config.adverse,
        "level": 0,
    }
    bare = {"as_of": None, "matched_by": None, "detail": None}
    possible = [{**known, **bare, **facts} for facts in said_of(seen.party, entries_of(data, config))]
    return late or _one_of(seen, possible, "the stored list says nothing")


_Parser: TypeAlias = Callable[[Observation, Any, FilingQuery | None, Kept, Recover], str | None]

#: By parser version: the type of its configuration, and what derives an observation again.
_PARSERS: dict[str, tuple[type[Settings], _Parser]] = {
    csrc_parse.PARSER_VERSION: (CsrcConfig, _csrc),
    registry_file.PARSER_VERSION: (RegistryFileConfig, _registry_file),
    http_json.PARSER_VERSION: (HttpJsonConfig, _http_json),
    manual.PARSER_VERSION: (ManualConfig, _manual),
    screening.PARSER_VERSION: (ScreeningConfig, _screening),
}
