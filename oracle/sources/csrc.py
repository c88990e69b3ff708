"""The regulator's site as a source: fetch half. What the bytes mean is decided in `csrc_parse` and its neighbours.

One visit reads the lists of the configured channels in full, then the notices and withdrawals that may concern the
question, then the newest status table. What cannot be read becomes a FAILURE observation beside what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self, TypeVar

import httpx2
from pydantic import Field, model_validator

from oracle.domain.fields import Text
from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.names import fold_name, fold_number
from oracle.errors import UnreachableError
from oracle.evidence.store import EvidenceStore
from oracle.sources.csrc_lists import Listed, parse_channel, parse_list
from oracle.sources.csrc_pages import Page, parse_list_shell, parse_page
from oracle.sources.csrc_parse import PARSER_VERSION, listed_number, parse_notice, parse_withdrawal
from oracle.sources.csrc_table import StatusRow, parse_table, table_date
from oracle.sources.csrc_wording import Wording
from oracle.sources.http_capture import Exchange, FetchError, HttpCapture, HttpLimits, origin
from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import parse_published

__all__ = ["PARSER_VERSION", "CsrcConfig", "CsrcSource"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LONGEST = 1000
_LONGEST_URL = 2000
_UNKNOWN_STATE = "the vocabulary does not know {!r}: add it to [vocabulary] once its meaning is sure"

T = TypeVar("T")


class CsrcConfig(Wording):
    """One site of the regulator's system, and how to read it. Times in seconds, sizes in bytes.

    No channel is known for token filings (regulation 3.1), so `table_channels` and `notice_channels` have no default.
    """

    name: Text = "csrc"
    base_url: Text = "https://www.csrc.gov.cn"
    #: `host` or `host:port` that addresses may lead to besides the host of `base_url`.
    allowed_hosts: list[Text] = []
    table_channels: list[Text] = []
    notice_channels: list[Text] = []
    #: Where a channel's list stands as a web page, asked for the channel's id if the list of channels does not hold it.
    list_page_path: Text = "/csrc/{code}/common_list.shtml"
    #: Evidence level of what is seen (regulation 7a: 3 = official publication).
    level: int = Field(default=3, ge=0, le=4)
    timeout_seconds: float = Field(default=10.0, gt=0, le=120)
    deadline_seconds: float = Field(default=30.0, gt=0, le=600)
    max_bytes: int = Field(default=20_000_000, gt=0)
    max_pages: int = Field(default=60, gt=0, le=1000)
    page_size: int = Field(default=18, gt=0, le=100)
    #: Notices and withdrawals opened in one visit; more than this is a FAILURE.
    max_details: int = Field(default=60, gt=0, le=1000)
    attempts: int = Field(default=3, ge=1, le=10)
    backoff_seconds: float = Field(default=0.5, ge=0, le=60)
    user_agent: Text = "filing-gate"

    @model_validator(mode="after")
    def _addresses(self) -> Self:
        try:
            base = httpx2.URL(self.base_url)
        except httpx2.InvalidURL as error:
            raise ValueError(f"baseUrl is not an address: {error}") from None
        if base.userinfo or base.query or base.fragment or base.path not in ("", "/") or not base.host:
            raise ValueError("baseUrl is scheme, host and perhaps port, e.g. https://www.csrc.gov.cn")
        if base.scheme != "https" and not (base.scheme == "http" and base.host in _LOOPBACK):
            raise ValueError("baseUrl must be https (http only to this machine)")
        if not self.table_channels and not self.notice_channels:
            raise ValueError("tableChannels or noticeChannels must name a channel, e.g. c101935")
        for code in (*self.table_channels, *self.notice_channels):
            if not code.isascii() or not code.isalnum():
                raise ValueError(f"{code!r} is not a channel code, e.g. c101935")
        return self

    def allows(self, url: str) -> bool:
        """Whether an address may be asked: the base's scheme, an allowed host and port, no user name."""
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL:
            return False
        hosts = {origin(self.base_url), *(host.lower() for host in self.allowed_hosts)}
        same_scheme = parsed.scheme == httpx2.URL(self.base_url).scheme
        return same_scheme and len(url) <= _LONGEST_URL and not parsed.userinfo and origin(url) in hosts

    def limits(self) -> HttpLimits:
        """The bounds of one visit."""
        return HttpLimits(
            timeout=self.timeout_seconds,
            deadline=self.deadline_seconds,
            max_bytes=self.max_bytes,
            attempts=self.attempts,
            backoff=self.backoff_seconds,
            user_agent=self.user_agent,
        )


class CsrcSource:
    """Implements `Source` for the regulator's site. Every visit is independent; safe to use from several threads."""

    def __init__(self, config: CsrcConfig, evidence: EvidenceStore, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._evidence = evidence
        self._clock = clock

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    def observe(self, query: FilingQuery) -> list[Observation]:
        """What the site says now of the filing with that number, or of that entity. Remote faults become FAILUREs.

        With a number, notices of that number count, and the name (if asked) has to be theirs; without, all notices of
        the entity. The status table is read only if a name is asked: it holds no numbers.
        """
        began = self._clock().isoformat(timespec="seconds")
        config = self._config
        with HttpCapture(config.limits(), config.allows, self._evidence, self._clock) as http:
            return _Visit(config, http, query, began).observations()


@dataclass(frozen=True)
class _Item:
    """A list item with the channel and the page of the list it stood on; `url` is absolute."""

    listed: Listed
    url: str
    channel_id: str
    source: Exchange


class _Visit:
    """One question to the site."""

    def __init__(self, config: CsrcConfig, http: HttpCapture, query: FilingQuery, began: str) -> None:
        self._config = config
        self._http = http
        self._number = fold_number(query.number) if query.number else None
        self._name = fold_name(query.entity_name) if query.entity_name else None
        self._began = began
        self._seen: list[Observation] = []
        self._list_read: Exchange | None = None

    def observations(self) -> list[Observation]:
        if not self._number and not self._name:
            self._fail(ParseError("the question has neither a number nor a name", remedy="ask for one of them"))
            return self._seen
        config = self._config
        lists = {code: self._list(code) for code in dict.fromkeys((*config.notice_channels, *config.table_channels))}
        everything = _once_each(item for items in lists.values() for item in items)
        noticed = _once_each(item for code in config.notice_channels for item in lists[code])
        withdrawals = [item for item in everything if self._may_end(item)]
        notices = [item for item in noticed if self._may_concern(item)]
        self._within_bounds(len(notices) + len(withdrawals))
        for item in notices[: config.max_details]:
            self._attempt(self._notice, item)
        for item in withdrawals[: config.max_details]:
            self._attempt(self._withdrawal, item)
        if self._name:
            for code in config.table_channels:
                self._table(lists[code])
        return self._seen or [self._absence()]

    # --- lists --------------------------------------------------------------------------------------------------------

    def _list(self, code: str) -> list[_Item]:
        """The items of a channel; those read before a fault are kept, and the fault is a FAILURE."""
        items: list[_Item] = []
        try:
            channel_id = self._channel_id(code)
        except UnreachableError as error:
            self._fail(error)
            return items
        try:
            self._read_pages(channel_id, items)
        except UnreachableError as error:
            self._fail(error, channel_id=channel_id)
        return items

    def _channel_id(self, code: str) -> str:
        answer = self._http.get(self._at("/getChannelList", channelCode=code))
        found = self._parsed(answer, lambda body: parse_channel(body, code))
        if found:
            return found
        shell = self._http.get(self._at(self._config.list_page_path.replace("{code}", code)))
        found = self._parsed(shell, parse_list_shell)
        if found:
            return found
        raise FetchError(
            f"channel {code} has no id",
            url=answer.url,
            remedy="check the channel code in the node's TOML",
            exchange=answer,
        )

    def _read_pages(self, channel_id: str, items: list[_Item]) -> None:
        config = self._config
        known: set[str] = set()
        total: int | None = None
        for number in range(1, config.max_pages + 1):
            answer = self._http.get(self._list_url(channel_id, number))
            page = self._parsed(answer, parse_list)
            self._list_read = answer
            fresh = {item.url for item in page.items}
            if total is not None and page.total != total:
                raise _list_fault(answer, f"the list's total changed from {total} to {page.total} between two pages")
            if page.number not in (None, number) or fresh & known:
                raise _list_fault(answer, f"page {number} of the list repeats an earlier one")
            total = page.total
            known |= fresh
            items.extend(_Item(item, self._resolved(answer.url, item.url), channel_id, answer) for item in page.items)
            if len(items) >= total:
                break
            if not page.items:
                raise _list_fault(answer, f"the list ends after {len(items)} of {total} items")
        if total is None or len(items) != total:
            raise _list_fault(answer, f"{len(items)} of {total} items were read (maxPages {config.max_pages})")

    def _list_url(self, channel_id: str, number: int) -> str:
        return self._at(
            f"/searchList/{channel_id}",
            _isAgg="true",
            _isJson="true",
            _pageSize=str(self._config.page_size),
            _template="index",
            _rangeTimeGte="",
            _channelName="",
            page=str(number),
        )

    def _at(self, path: str, **query: str) -> str:
        return str(httpx2.URL(self._config.base_url).join(path).copy_merge_params(query))

    def _resolved(self, page_url: str, address: str) -> str:
        """A printed address against the page it stands on (regulation 3.3), never against the site's root."""
        try:
            resolved = httpx2.URL(page_url).join(address)
        except (httpx2.InvalidURL, ValueError):
            raise ParseError(f"{address[:100]!r} is not an address", remedy="read the page") from None
        if resolved.scheme == "http" and httpx2.URL(page_url).scheme == "https":
            resolved = resolved.copy_with(scheme="https")
        return str(resolved)

    # --- notices ------------------------------------------------------------------------------------------------------

    def _may_concern(self, item: _Item) -> bool:
        """Whether a notice has to be opened: its number or its name is asked for, or the list leaves that open."""
        entity = self._config.notice_entity(item.listed.title)
        if entity is None:
            return False
        if self._name is not None and entity == self._name:
            return True
        if self._number is None:
            return False
        try:
            number = listed_number(item.listed, self._config)
        except ParseError:
            return True
        return number == self._number or (number is None and self._name is None)

    def _notice(self, item: _Item) -> None:
        page = self._http.get(item.url)
        notice = self._parsed(page, lambda body: parse_notice(body, self._config, item.listed))
        record = notice.record
        if self._number is not None and record.number != self._number:
            return
        if self._name is not None and record.entity_name != self._name:
            what = f"the notice {record.number} is of {record.entity_name}, not of {self._name}"
            raise FetchError(what, url=page.url, remedy="correct number or name of the filing", exchange=page)
        self._add(
            item,
            page,
            kind=ObservationKind.NOTICE,
            status=record.status,
            as_of=record.decision_date,
            title=notice.title,
            record=record,
            attachment_sha256=item.source.sha256 if notice.from_list else None,
        )

    # --- withdrawals --------------------------------------------------------------------------------------------------

    def _may_end(self, item: _Item) -> bool:
        """Whether it may end the filing; with a number asked every withdrawal may, for its title may name nobody."""
        meaning = self._config.withdrawal(item.listed.title)
        return meaning is not None and (self._number is not None or meaning[1] == self._name)

    def _withdrawal(self, item: _Item) -> None:
        try:
            page = self._http.get(item.url)
            ended = self._parsed(page, lambda body: parse_withdrawal(body, self._config, item.listed))
        except UnreachableError:
            meaning = self._config.withdrawal(item.listed.title)
            if meaning and meaning[1] and self._name and meaning[1] != self._name:
                return
            raise
        numbers = [self._number] if self._number else self._numbers_seen()
        cited = [number for number in numbers if ended.cites(number)]
        if self._number and not cited:
            if ended.entity == self._name and not ended.cites_any:
                what = f"{ended.title!r} names the entity and no filing number"
                raise FetchError(what, url=page.url, remedy="read the page and decide by hand", exchange=page)
            return
        self._add(
            item,
            page,
            kind=ObservationKind.WITHDRAWAL,
            status=ended.status,
            as_of=ended.day or _published_day(item.listed),
            title=ended.title,
            record=ended.record(cited[0]) if len(cited) == 1 else None,
        )

    def _numbers_seen(self) -> list[str]:
        return sorted({seen.record.number for seen in self._seen if seen.record is not None})

    # --- the status table ---------------------------------------------------------------------------------------------

    def _table(self, items: list[_Item]) -> None:
        tables = [item for item in items if self._config.is_table(item.listed.title)]
        try:
            newest = max(tables, key=_table_age, default=None)
        except UnreachableError as error:
            self._fail(error)
            return
        if newest is not None:
            self._attempt(self._rows, newest)

    def _rows(self, item: _Item) -> None:
        page = self._http.get(item.url)
        detail = self._parsed(page, lambda body: parse_page(body, self._config, item.listed))
        # The site gives the file only to a visitor who comes from the page, with its cookie (regulation 3.3).
        file = self._http.get(self._attachment(page, detail, item), referer=page.url)
        table = self._parsed(file, lambda body: parse_table(body, detail.title))
        for row in table.rows:
            if self._config.counts(row.application_type) and self._name and row.names(self._name):
                self._add_row(item, page, file, row, table.as_of)

    def _attachment(self, page: Exchange, detail: Page, item: _Item) -> str:
        for printed in (detail.links, item.listed.attachments):
            files = {self._resolved(page.url, link) for link in printed if link.lower().split("?")[0].endswith(".xlsx")}
            if len(files) == 1:
                return files.pop()
            if files:
                raise FetchError(
                    f"{len(files)} xlsx files, one is expected", url=page.url, remedy="read the page", exchange=page
                )
        raise FetchError(
            "no xlsx file on the page", url=page.url, remedy="read the page; the format may have changed", exchange=page
        )

    def _add_row(self, item: _Item, page: Exchange, file: Exchange, row: StatusRow, as_of: date) -> None:
        status = self._config.state(row.status)
        self._add(
            item,
            page,
            kind=ObservationKind.STATUS_TABLE,
            status=status,
            raw_status=row.status[:_LONGEST] or None,
            as_of=as_of,
            title=item.listed.title,
            attachment_sha256=file.sha256,
            detail=None if status else _UNKNOWN_STATE.format(row.status[:100]),
        )

    # --- observations -------------------------------------------------------------------------------------------------

    def _parsed(self, exchange: Exchange, parse: Callable[[bytes], T]) -> T:
        try:
            return parse(exchange.body)
        except ParseError as error:
            remedy = error.remedy or "read the stored bytes"
            raise FetchError(error.what, url=exchange.url, remedy=remedy, exchange=exchange) from None

    def _attempt(self, step: Callable[[_Item], None], item: _Item) -> None:
        try:
            step(item)
        except UnreachableError as error:
            self._fail(error, item=item)

    def _within_bounds(self, count: int) -> None:
        if count > self._config.max_details:
            what = f"{count} notices may concern the question, more than maxDetails {self._config.max_details}"
            self._fail(ParseError(what, remedy="ask with the entity's name too, or raise maxDetails"))

    def _add(self, item: _Item, page: Exchange, **facts: Any) -> None:
        self._seen.append(
            Observation(
                source=self._config.name,
                level=self._config.level,
                fetched_at=page.fetched_at,
                url=page.url,
                http_status=page.status,
                sha256=page.sha256,
                channel_id=item.channel_id,
                manuscript_id=item.listed.manuscript_id,
                published_str=item.listed.published_str,
                published_epoch=item.listed.published_epoch,
                parser_version=PARSER_VERSION,
                **facts,
            )
        )

    def _fail(self, error: UnreachableError, *, item: _Item | None = None, channel_id: str | None = None) -> None:
        exchange = error.exchange if isinstance(error, FetchError) else None
        self._seen.append(
            Observation(
                source=self._config.name,
                kind=ObservationKind.FAILURE,
                level=0,
                fetched_at=exchange.fetched_at if exchange else self._began,
                url=error.url[:_LONGEST] if isinstance(error, FetchError) else None,
                http_status=exchange.status or None if exchange else None,
                sha256=exchange.sha256 if exchange else None,
                channel_id=item.channel_id if item else channel_id,
                manuscript_id=item.listed.manuscript_id if item else None,
                title=item.listed.title if item else None,
                parser_version=PARSER_VERSION,
                detail=str(error)[:_LONGEST],
            )
        )

    def _absence(self) -> Observation:
        channels = ", ".join(dict.fromkeys((*self._config.notice_channels, *self._config.table_channels)))
        return Observation(
            source=self._config.name,
            kind=ObservationKind.ABSENCE,
            level=self._config.level,
            fetched_at=self._began,
            url=self._list_read.url if self._list_read else self._config.base_url,
            sha256=self._list_read.sha256 if self._list_read else None,
            parser_version=PARSER_VERSION,
            detail=f"channels {channels} were read in full and say nothing of this filing",
        )


def _once_each(items: Iterable[_Item]) -> list[_Item]:
    """Each address once: a channel's list may hold what its children hold."""
    return list({item.url: item for item in items}.values())


def _table_age(item: _Item) -> tuple[date, datetime, str]:
    printed = item.listed.published_str
    if printed is None:
        raise ParseError(
            f"the list gives {item.listed.title!r} no time of publication", remedy="the list's shape has changed"
        )
    return table_date(item.listed.title), parse_published(printed), item.listed.manuscript_id or ""


def _published_day(listed: Listed) -> date | None:
    try:
        return parse_published(listed.published_str).date() if listed.published_str else None
    except ParseError:
        return None


def _list_fault(answer: Exchange, what: str) -> FetchError:
    return FetchError(what, url=answer.url, remedy="try again: the list may have grown meanwhile", exchange=answer)
