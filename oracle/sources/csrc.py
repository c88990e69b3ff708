"""The regulator's site as a source: fetch half. What the bytes mean is decided in `csrc_parse` and its neighbours.

One visit reads the lists of the configured channels in full, then the notices and withdrawals that may concern the
question, then the newest status table. What cannot be read becomes a FAILURE observation beside what was found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Self, TypeVar, cast

import httpx2
from pydantic import Field, model_validator

from oracle.domain.fields import Text
from oracle.domain.filing import AdverseKind, FilingQuery, Observation, ObservationKind, Party
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.names import fold_name, fold_number
from oracle.errors import UnreachableError
from oracle.evidence.store import EvidenceStore
from oracle.rules.case import SHANGHAI
from oracle.sources.courtesy import Courtesy
from oracle.sources.csrc_lists import Listed, ListPage, parse_channel, parse_list
from oracle.sources.csrc_pages import Page, parse_list_shell, parse_page
from oracle.sources.csrc_parse import PARSER_VERSION, Notice, listed_number, parse_notice, parse_withdrawal
from oracle.sources.csrc_requests import (
    Mention,
    decisions_version,
    mention_of,
    names_somebody,
    near_name_detail,
    near_names,
    period_end,
    requested,
)
from oracle.sources.csrc_table import StatusRow, names_in, parse_table, table_date
from oracle.sources.csrc_wording import Wording
from oracle.sources.document import LOOPBACK, Fetching, check_address
from oracle.sources.docx_text import docx_lines
from oracle.sources.http_capture import Exchange, FetchError, HttpCapture, origin
from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import parse_published, published_day
from oracle.sources.web_address import parsed_address

__all__ = ["PARSER_VERSION", "CsrcConfig", "CsrcSource"]

_INTERVAL = 0.25
_LONGEST = 1000
_LONGEST_URL = 2000
#: Glances share a reading of the lists for so long after it, in seconds, or for so many times as long as it took, but
#: never longer than the last of these.
SHARED_SECONDS, SHARED_TIMES, LONGEST_SHARED = 1.0, 9.0, 60.0
#: Parsed notices that are remembered, about 2 KB each: a watch reads thousands in turn, and few of them change.
NOTICES = 16_384
#: Other parsed pages and files. Those of lists are not among them: they are kept from one reading to the next.
REMEMBERED = 1024
_UNKNOWN_STATE = "the vocabulary does not know {!r}: add it to [vocabulary] once its meaning is sure"

T = TypeVar("T")


class CsrcConfig(Wording, Fetching):
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
    max_pages: int = Field(default=60, gt=0, le=1000)
    page_size: int = Field(default=18, gt=0, le=100)
    #: Notices and withdrawals opened in one visit; more than this is a FAILURE.
    max_details: int = Field(default=60, gt=0, le=1000)
    #: Lists of supplement requests; only the newest `max_supplements` are opened.
    supplement_channels: list[Text] = []
    max_supplements: int = Field(default=8, gt=0, le=200)
    #: Lists of penalties (行政处罚) and market bans (市场禁入), read back over `adverse_years` and anew after that many
    #: seconds: they only ever speak against a filing.
    penalty_channels: list[Text] = []
    market_ban_channels: list[Text] = []
    adverse_years: int = Field(default=3, gt=0, le=50)
    adverse_reread_seconds: int = Field(default=6 * 3600, ge=0, le=7 * 86_400)
    #: Least time between two requests to a host; absent: a quarter of a second, none for this machine.
    min_interval_seconds: float | None = Field(default=None, ge=0, le=60)
    #: Whether robots.txt is asked for and obeyed.
    robots: bool = True

    @model_validator(mode="after")
    def _addresses(self) -> Self:
        base = check_address("base_url", self.base_url)
        if base.query or base.fragment or base.path not in ("", "/"):
            raise ValueError("baseUrl is scheme, host and perhaps port, e.g. https://www.csrc.gov.cn")
        if not self.table_channels and not self.notice_channels:
            raise ValueError("tableChannels or noticeChannels must name a channel, e.g. c101935")
        for code in (*self.table_channels, *self.notice_channels, *self.supplement_channels, *self.adverse_channels):
            if not code.isascii() or not code.isalnum():
                raise ValueError(f"{code!r} is not a channel code, e.g. c101935")
        return self

    @property
    def adverse_channels(self) -> dict[str, AdverseKind]:
        """The channels that name offenders, and what they are lists of."""
        return {
            **dict.fromkeys(self.penalty_channels, AdverseKind.PENALTY),
            **dict.fromkeys(self.market_ban_channels, AdverseKind.MARKET_BAN),
        }

    def courtesy(self, cache: Path | None) -> Courtesy:
        """The manners that the configuration asks for; `cache` keeps validators between visits."""
        remote = httpx2.URL(self.base_url).host not in LOOPBACK
        interval = self.min_interval_seconds
        return Courtesy(
            interval=interval if interval is not None else (_INTERVAL if remote else 0.0),
            robots=self.robots,
            user_agent=self.user_agent,
            folder=cache,
        )

    def allows(self, url: str) -> bool:
        """Whether an address may be asked: the base's scheme, an allowed host and port, no user name."""
        try:
            parsed = parsed_address(url)
        except httpx2.InvalidURL:
            return False
        hosts = {origin(self.base_url), *(host.lower() for host in self.allowed_hosts)}
        same_scheme = parsed.scheme == parsed_address(self.base_url).scheme
        return same_scheme and len(url) <= _LONGEST_URL and not parsed.userinfo and origin(url) in hosts


class CsrcSource:
    """Implements `Source` for the regulator's site. Every visit is independent; safe to use from several threads."""

    def __init__(
        self,
        config: CsrcConfig,
        evidence: EvidenceStore,
        clock: Callable[[], datetime],
        *,
        cache: Path | None = None,
    ) -> None:
        self._config = config
        self._evidence = evidence
        self._clock = clock
        self._courtesy = config.courtesy(cache)
        self._decisions = _Decisions()
        self._memory, self._notices = _Memory(REMEMBERED), _Memory(NOTICES)
        self._sharing = Lock()
        self._shared: _Reading | None = None
        #: What the lists were parsed to by the last reading that could read them all.
        self._lists: Mapping[tuple[Any, ...], Any] = {}

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    def observe(self, query: FilingQuery) -> list[Observation]:
        """What the site says now of the filing with that number, or of that entity. Remote faults become FAILUREs.

        With a number, notices of that number count, and the name (if asked) has to be theirs; without, all notices of
        the entity. The status table is read only if a name is asked: it holds no numbers.
        """
        began = self._clock()
        reading = _Reading(began, self._lists)
        seen = self._visit(query, reading, began)
        self._remember(reading)
        return seen

    def _remember(self, reading: _Reading) -> None:
        """Keep what the lists were parsed to for the next reading, if all of them could be read."""
        if reading.lists and not any(found.fault is not None for found in reading.lists.values()):
            self._lists = reading.parsed

    def glance(self, query: FilingQuery) -> list[Observation]:
        """As `observe`, with lists, withdrawals, tables and requests read once for all glances of a moment.

        That moment lasts `SHARED_SECONDS`, or `SHARED_TIMES` as long as the reading took if all could be read: of the
        time, a tenth goes into reading long lists. The filing's own notice is asked for in any case.
        """
        with self._sharing:
            shared = self._shared
            if shared is None or time.monotonic() > shared.good_until:
                shared = self._shared = self._read_common()
        return self._visit(query, shared, shared.began)

    def _read_common(self) -> _Reading:
        reading, began = _Reading(self._clock(), self._lists), time.monotonic()
        with self._http() as http:
            _Visit(self._config, http, FilingQuery(), reading, self._memory, self._notices).read_common()
        self._remember(reading)
        reading.known = {}  # what the site no longer shows is not kept for as long as this reading serves
        ended = time.monotonic()
        # What could not be read is asked for again soon, or a site that is back would still count as away.
        times = 0.0 if reading.failed else min(SHARED_TIMES * (ended - began), LONGEST_SHARED)
        reading.good_until = ended + max(SHARED_SECONDS, times)
        return reading

    def _http(self) -> HttpCapture:
        config = self._config
        return HttpCapture(config.limits(), config.allows, self._evidence, self._clock, self._courtesy)

    def _visit(self, query: FilingQuery, reading: _Reading, began: datetime) -> list[Observation]:
        with self._http() as http:
            visit = _Visit(self._config, http, query, reading, self._memory, self._notices)
            return [*visit.observations(), *visit.adverse(query.screened(), self._decisions, began)]


@dataclass(frozen=True, slots=True)
class _Answered:
    """What is kept of a list's page, whose body is long: see `Exchange`."""

    url: str
    status: int
    sha256: str
    fetched_at: str


@dataclass(frozen=True, slots=True)
class _Item:
    """A list item with the channel and the page of the list it stood on; `url` is absolute."""

    listed: Listed
    url: str
    channel_id: str
    source: _Answered


@dataclass
class _List:
    """A channel's items as far as they were read, and the fault that ended the reading, if one did."""

    items: _Items
    fault: UnreachableError | None = None
    channel_id: str | None = None


class _Items:
    """Items of lists, each address once, with what a question has to look at found by name and number.

    With thousands of items it would cost more to look through all of them for each filing than all else.
    """

    def __init__(self, items: Iterable[_Item], config: CsrcConfig) -> None:
        # Each address once: a channel's list may hold what its children hold.
        self.all = list({item.url: item for item in items}.values())
        self.withdrawals = [
            (item, meaning) for item in self.all if (meaning := config.withdrawal(item.listed.title)) is not None
        ]
        self.tables = [item for item in self.all if config.is_table(item.listed.title)]
        self.supplements = [item for item in self.all if config.is_supplement(item.listed.title)]
        self._places: dict[str, int] = {}
        self._by_entity: dict[str, list[_Item]] = {}
        self._by_number: dict[str, list[_Item]] = {}
        self._unreadable: list[_Item] = []
        self._unnumbered: list[_Item] = []
        for place, item in enumerate(self.all):
            entity = config.notice_entity(item.listed.title)
            if entity is None:
                continue
            self._places[item.url] = place
            self._by_entity.setdefault(entity, []).append(item)
            try:
                number = listed_number(item.listed, config)
            except ParseError:
                self._unreadable.append(item)
                continue
            (self._unnumbered if number is None else self._by_number.setdefault(number, [])).append(item)

    def notices(self, number: str | None, name: str | None) -> list[_Item]:
        """The notices that have to be opened: theirs is the number or the name, or the list leaves that open."""
        found = list(self._by_entity.get(name, ())) if name is not None else []
        if number is not None:
            found += [*self._by_number.get(number, ()), *self._unreadable]
            found += self._unnumbered if name is None else ()
        each = {item.url: item for item in found}
        return sorted(each.values(), key=lambda item: self._places[item.url])


class _Reading:
    """What was read of the site that is the same for every question, by address and channel. `began` is its time.

    The reading of a visit is its own, or that of all glances until `good_until` (monotonic).
    """

    def __init__(self, began: datetime, known: Mapping[tuple[Any, ...], Any]) -> None:
        """`known` is what an earlier reading parsed."""
        self.began = began
        self.known = known
        self.parsed: dict[tuple[Any, ...], Any] = {}
        self.good_until = 0.0
        self.lists: dict[str, _List] = {}
        self.joined: dict[tuple[str, ...], _Items] = {}
        self.answers: dict[str, Exchange | FetchError] = {}
        self.newest: Exchange | None = None

    def parse(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What the same bytes of a list, named by `key`, were parsed to before, or what `make` makes of them now."""
        found = self.known[key] if key in self.known else make()
        self.parsed[key] = found
        return cast(T, found)

    @property
    def failed(self) -> bool:
        """Whether something could not be read that may be readable a moment later."""
        errors = [found for found in self.answers.values() if isinstance(found, FetchError)]
        gone = [item for item in errors if item.exchange is not None and 400 <= item.exchange.status < 500]
        return len(gone) < len(errors) or any(found.fault is not None for found in self.lists.values())


class _Memory:
    """What bytes were parsed to, by their hash: bytes that are the same are not parsed again. At most so many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._parsed: dict[Any, Any] = {}

    def find(self, key: tuple[Any, ...]) -> Any | None:
        """What was made of a key, None if it is not remembered."""
        with self._lock:
            found = self._parsed.pop(key, None)
            if found is not None:
                self._parsed[key] = found  # the last to be forgotten
            return found

    def get(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What `make` made of the same key before, or makes now; its errors are not kept."""
        found = self.find(key)
        if found is None:
            found = make()
            with self._lock:
                while len(self._parsed) >= self._most:
                    del self._parsed[next(iter(self._parsed))]
                self._parsed[key] = found
        return cast(T, found)


class _Decisions:
    """The channels of decisions as last read; they are long, and change slowly."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.read: dict[str, tuple[datetime, list[_Item]]] = {}


class _Visit:
    """One question to the site."""

    def __init__(
        self,
        config: CsrcConfig,
        http: HttpCapture,
        query: FilingQuery,
        reading: _Reading,
        memory: _Memory,
        notices: _Memory,
    ) -> None:
        self._config = config
        self._http = http
        self._reading = reading
        self._memory = memory
        self._notices = notices
        self._number = fold_number(query.number) if query.number else None
        self._name = fold_name(query.entity_name) if query.entity_name else None
        self._began = reading.began.isoformat(timespec="seconds")
        self._seen: list[Observation] = []
        self._list_read: Exchange | None = None

    def observations(self) -> list[Observation]:
        if not self._number and not self._name:
            self._fail(ParseError("the question has neither a number nor a name", remedy="ask for one of them"))
            return self._seen
        config = self._config
        everything = self._items(*config.notice_channels, *config.table_channels)
        notices = self._items(*config.notice_channels, tell=False).notices(self._number, self._name)
        withdrawals = [item for item, meaning in everything.withdrawals if self._may_end(meaning)]
        self._within_bounds(len(notices) + len(withdrawals))
        for item in notices[: config.max_details]:
            self._attempt(self._notice, item)
        for item in withdrawals[: config.max_details]:
            self._attempt(self._withdrawal, item)
        if self._name:
            for code in config.table_channels:
                self._table(self._items(code, tell=False).tables)
            self._supplements()
        if all(seen.kind is ObservationKind.NEAR_NAME for seen in self._seen):
            self._seen.insert(0, self._absence())
        return self._seen

    def read_common(self) -> None:
        """Read what every question looks at: lists, withdrawals, the newest tables, requests.

        What can't be read is remembered as such, and each question tells of it.
        """
        config = self._config
        for item, _ in self._items(*config.notice_channels, *config.table_channels).withdrawals[: config.max_details]:
            self._attempt(lambda item: self._common(item.url), item)
        for code in config.table_channels:
            self._table(self._items(code).tables, self._table_file)
        for item in self._newest_supplements():
            self._attempt(self._request_file, item)

    def _common(self, url: str, *, referer: str | None = None, whole: bool = False) -> Exchange:
        """The answer to a GET that is the same for every question: one for a reading, and so is its error."""
        answers = self._reading.answers
        if url not in answers:
            try:
                answers[url] = self._http.get(url, referer=referer, whole=whole)
            except FetchError as error:
                answers[url] = error
        found = answers[url]
        if isinstance(found, FetchError):
            raise found.again_raised()
        return found

    # --- lists --------------------------------------------------------------------------------------------------------

    def _items(self, *codes: str, tell: bool = True) -> _Items:
        """The items of channels; those read before a fault are kept, and the fault is a FAILURE if it is to be told."""
        lists = []
        for code in dict.fromkeys(codes):
            if code not in self._reading.lists:
                self._reading.lists[code] = self._list(code)
            found = self._reading.lists[code]
            if found.fault is not None and tell:
                self._fail(found.fault, channel_id=found.channel_id)
            lists.append(found)
        if len(lists) == 1:
            return lists[0].items
        if codes not in self._reading.joined:
            joined = (item for found in lists for item in found.items.all)
            self._reading.joined[codes] = _Items(joined, self._config)
        return self._reading.joined[codes]

    def _list(self, code: str) -> _List:
        items: list[_Item] = []
        channel_id, fault = None, None
        try:
            channel_id = self._channel_id(code)
            self._read_pages(channel_id, items)
        except UnreachableError as error:
            fault = error
        self._reading.newest = self._list_read
        pages = dict.fromkeys((item.source.url, item.source.sha256) for item in items)
        key = ("items", code, channel_id, len(items), *pages)
        return _List(self._reading.parse(key, lambda: _Items(items, self._config)), fault, channel_id)

    def _channel_id(self, code: str) -> str:
        answer = self._http.get(self._at("/getChannelList", channelCode=code))
        found = self._parsed(answer, lambda body: parse_channel(body, code), code)
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

    def _read_pages(self, channel_id: str, items: list[_Item], since: date | None = None) -> None:
        """All pages of a list, or those up to the first that holds nothing of `since` or later."""
        config = self._config
        known: set[str] = set()
        total: int | None = None
        for number in range(1, config.max_pages + 1):
            answer, page = self._list_page(channel_id, number)
            self._list_read = answer
            fresh = {item.url for item in page.items}
            if total is not None and page.total != total:
                raise _list_fault(answer, f"the list's total changed from {total} to {page.total} between two pages")
            if page.number not in (None, number) or fresh & known:
                raise _list_fault(answer, f"page {number} of the list repeats an earlier one")
            total = page.total
            known |= fresh
            items.extend(self._on_page(page, channel_id, answer))
            if since is not None and page.items and _all_before(page.items, since):
                return
            if len(items) >= total:
                break
            if not page.items:
                raise _list_fault(answer, f"the list ends after {len(items)} of {total} items")
        if total is None or len(items) != total:
            raise _list_fault(answer, f"{len(items)} of {total} items were read (maxPages {config.max_pages})")

    def _list_page(self, channel_id: str, number: int) -> tuple[Exchange, ListPage]:
        reading, name = self._reading, parse_list.__qualname__
        url = reading.parse(("address", channel_id, number), lambda: self._list_url(channel_id, number))
        answer = self._http.get(url, read=lambda sha256: (name, sha256) in reading.known)
        key = name, answer.sha256
        return answer, reading.parse(key, lambda: self._made(answer, parse_list))

    def _on_page(self, page: ListPage, channel_id: str, answer: Exchange) -> list[_Item]:
        """The items of a page of a list. An address is resolved against the page's."""
        key = ("addresses", answer.url, answer.sha256)
        addresses = self._reading.parse(key, lambda: [self._resolved(answer.url, item.url) for item in page.items])
        source = _Answered(answer.url, answer.status, answer.sha256, answer.fetched_at)
        return [_Item(item, url, channel_id, source) for item, url in zip(page.items, addresses, strict=True)]

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
        return str(parsed_address(self._config.base_url).join(path).copy_merge_params(query))

    def _resolved(self, page_url: str, address: str) -> str:
        """A printed address against the page it stands on (regulation 3.3), never against the site's root."""
        try:
            resolved = parsed_address(page_url).join(address)
        except (httpx2.InvalidURL, ValueError):
            raise ParseError(f"{address[:100]!r} is not an address", remedy="read the page") from None
        if resolved.scheme == "http" and parsed_address(page_url).scheme == "https":
            resolved = resolved.copy_with(scheme="https")
        return str(resolved)

    # --- notices ------------------------------------------------------------------------------------------------------

    def _notice(self, item: _Item) -> None:
        page, notice = self._read_notice(item)
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

    def _read_notice(self, item: _Item) -> tuple[Exchange, Notice]:
        """The page asked for now, and what it says; where the site calls it unchanged, what it said before."""
        known: dict[str, Notice] = {}

        def read(sha256: str) -> bool:
            found = self._notices.find((sha256, item.listed))
            if found is not None:
                known[sha256] = found
            return found is not None

        page = self._http.get(item.url, read=read)
        if page.sha256 in known:
            return page, known[page.sha256]
        key = (page.sha256, item.listed)
        return page, self._notices.get(
            key, lambda: self._made(page, lambda body: parse_notice(body, self._config, item.listed))
        )

    # --- withdrawals --------------------------------------------------------------------------------------------------

    def _may_end(self, meaning: tuple[LifeCycle, str]) -> bool:
        """Whether it may end the filing; with a number asked every withdrawal may, for its title may name nobody."""
        return self._number is not None or meaning[1] == self._name

    def _withdrawal(self, item: _Item) -> None:
        try:
            page = self._common(item.url)
            ended = self._parsed(page, lambda body: parse_withdrawal(body, self._config, item.listed), item.listed)
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
            as_of=ended.day or published_day(item.listed.published_str),
            title=ended.title,
            record=ended.record(cited[0]) if len(cited) == 1 else None,
        )

    def _numbers_seen(self) -> list[str]:
        return sorted({seen.record.number for seen in self._seen if seen.record is not None})

    # --- the status table ---------------------------------------------------------------------------------------------

    def _table(self, tables: list[_Item], step: Callable[[_Item], object] | None = None) -> None:
        try:
            newest = max(tables, key=_table_age, default=None)
        except UnreachableError as error:
            self._fail(error)
            return
        if newest is not None:
            self._attempt(step or self._rows, newest)

    def _table_file(self, item: _Item) -> tuple[Exchange, Page, Exchange]:
        """The table's page, what it says, and its file."""
        page = self._common(item.url, whole=True)
        detail = self._parsed(page, lambda body: parse_page(body, self._config, item.listed), item.listed)
        # The site gives the file only to a visitor who comes from the page, with its cookie (regulation 3.3).
        found = self._attachment(page, detail, item, ".xlsx")
        if found is None:
            remedy = "read the page; the format may have changed"
            raise FetchError("no xlsx file on the page", url=page.url, remedy=remedy, exchange=page)
        return page, detail, self._common(found, referer=page.url)

    def _rows(self, item: _Item) -> None:
        page, detail, file = self._table_file(item)
        table = self._parsed(file, lambda body: parse_table(body, detail.title), detail.title)
        rows = [row for row in table.rows if self._config.counts(row.application_type) and self._name]
        for row in rows:
            if row.names(self._name or ""):
                self._add_row(item, page, file, row, table.as_of)
        if not any(row.names(self._name or "") for row in rows):
            printed = (name for row in rows for name in names_in(row.company) | names_in(row.filer))
            self._show_near(printed, item, page, file)

    def _attachment(self, page: Exchange, detail: Page, item: _Item, ending: str) -> str | None:
        for printed in (detail.links, item.listed.attachments):
            files = {self._resolved(page.url, link) for link in printed if link.lower().split("?")[0].endswith(ending)}
            if len(files) == 1:
                return files.pop()
            if files:
                what = f"{len(files)} {ending[1:]} files, one is expected"
                raise FetchError(what, url=page.url, remedy="read the page", exchange=page)
        return None

    def _show_near(self, names: Iterable[str], item: _Item, page: Exchange, file: Exchange) -> None:
        for name in near_names(self._name or "", names):
            self._add(
                item,
                page,
                level=0,
                kind=ObservationKind.NEAR_NAME,
                title=item.listed.title,
                attachment_sha256=file.sha256,
                detail=near_name_detail(name, self._name or ""),
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

    # --- supplement requests ------------------------------------------------------------------------------------------

    def _newest_supplements(self) -> list[_Item]:
        if not self._config.supplement_channels:
            return []
        requests = list(self._items(*self._config.supplement_channels).supplements)
        requests.sort(key=lambda item: item.listed.published_str or "", reverse=True)
        return requests[: self._config.max_supplements]

    def _supplements(self) -> None:
        for item in self._newest_supplements():
            self._attempt(self._requests, item)

    def _request_file(self, item: _Item) -> tuple[Exchange, Page, Exchange | None]:
        """A request's page, what it says, and its file, if it has one."""
        page = self._common(item.url, whole=True)
        detail = self._parsed(page, lambda body: parse_page(body, self._config, item.listed), item.listed)
        found = self._attachment(page, detail, item, ".docx")
        return page, detail, self._common(found, referer=page.url) if found is not None else None

    def _requests(self, item: _Item) -> None:
        page, detail, file = self._request_file(item)
        lines = detail.body.splitlines()
        if file is not None:
            lines += self._parsed(file, docx_lines)
        if not requested(lines, self._name or ""):
            return
        self._add(
            item,
            page,
            kind=ObservationKind.SUPPLEMENT,
            status=LifeCycle.SUPPLEMENT,
            as_of=period_end(detail.title) or published_day(item.listed.published_str),
            title=detail.title,
            attachment_sha256=file.sha256 if file else None,
        )

    # --- decisions against somebody -----------------------------------------------------------------------------------

    def adverse(self, parties: Iterable[Party], known: _Decisions, now: datetime) -> list[Observation]:
        """What the channels of penalties and market bans say of each party. These observations are no status."""
        self._seen = []
        for code, kind in self._config.adverse_channels.items():
            try:
                with known.lock:
                    items = self._decisions_of(code, known, now)
            except UnreachableError as error:
                for party in parties:
                    self._unscreened(party, kind, str(error))
                continue
            for party in parties:
                self._named_in(items, party, kind, code)
        return self._seen

    def _decisions_of(self, code: str, known: _Decisions, now: datetime) -> list[_Item]:
        read = known.read.get(code)
        if read is None or now - read[0] > timedelta(seconds=self._config.adverse_reread_seconds):
            items: list[_Item] = []
            since = now.astimezone(SHANGHAI).date() - timedelta(days=366 * self._config.adverse_years)
            self._read_pages(self._channel_id(code), items, since)
            read = known.read[code] = (now, items)
        return read[1]

    def _named_in(self, items: list[_Item], party: Party, kind: AdverseKind, code: str) -> None:
        if party.name is None:
            self._unscreened(party, kind, "these lists know names only, and none was asked for")
            return
        name = fold_name(party.name)
        found = [(item, mention_of(f"{item.listed.title}\n{item.listed.text}", name)) for item in items]
        named = [item for item, how in found if how is Mention.NAMED]
        facts = {"adverse": kind, "party": party, "list_version": decisions_version(code, len(items))}
        for item in named[:20]:
            day = published_day(item.listed.published_str)
            named_here = {"kind": ObservationKind.ADVERSE, "matched_by": "NAME", "title": item.listed.title}
            self._add(item, item.source, as_of=day, **named_here, **facts)
        for item in [item for item, how in found if how is Mention.UNCLEAR][:20]:
            detail = f"{item.listed.title[:200]} holds the name within other words: read {item.url[:500]}"
            self._add(item, item.source, kind=ObservationKind.UNSCREENED, level=0, detail=detail, **facts)
        if not self._seen or self._seen[-1].party != party or self._seen[-1].adverse is not kind:
            at = items[-1] if items else None
            silent = [item for item in items if not item.listed.text and not names_somebody(item.listed.title)]
            if at is None:
                self._unscreened(party, kind, f"channel {code} holds no decision at all")
            elif silent:
                why = f"{len(silent)} decision(s) name nobody in title or list, read them: {silent[0].url[:500]}"
                self._unscreened(party, kind, why)
            else:
                self._add(at, at.source, kind=ObservationKind.SCREENED, **facts)

    def _unscreened(self, party: Party, kind: AdverseKind, why: str) -> None:
        self._seen.append(
            Observation(
                source=self._config.name,
                kind=ObservationKind.UNSCREENED,
                level=0,
                fetched_at=self._began,
                parser_version=PARSER_VERSION,
                adverse=kind,
                party=party,
                detail=why[:_LONGEST],
            )
        )

    # --- observations -------------------------------------------------------------------------------------------------

    def _parsed(self, exchange: Exchange, parse: Callable[[bytes], T], *about: object) -> T:
        """What `parse` makes of the answer's bytes and of `about`, which says all else that it looks at."""
        key = (parse.__qualname__, exchange.sha256, *about)
        return self._memory.get(key, lambda: self._made(exchange, parse))

    def _made(self, exchange: Exchange, parse: Callable[[bytes], T]) -> T:
        """What `parse` makes of the answer's bytes; those that it can't read are asked for again the next time."""
        try:
            return parse(exchange.body)
        except ParseError as error:
            self._http.forget(exchange)
            remedy = error.remedy or "read the stored bytes"
            raise FetchError(error.what, url=exchange.url, remedy=remedy, exchange=exchange) from None

    def _attempt(self, step: Callable[[_Item], object], item: _Item) -> None:
        try:
            step(item)
        except UnreachableError as error:
            self._fail(error, item=item)

    def _within_bounds(self, count: int) -> None:
        if count > self._config.max_details:
            what = f"{count} notices may concern the question, more than maxDetails {self._config.max_details}"
            self._fail(ParseError(what, remedy="ask with the entity's name too, or raise maxDetails"))

    def _add(self, item: _Item, page: Exchange | _Answered, **facts: Any) -> None:
        self._seen.append(
            Observation(
                source=self._config.name,
                fetched_at=page.fetched_at,
                url=page.url,
                http_status=page.status,
                sha256=page.sha256,
                channel_id=item.channel_id,
                manuscript_id=item.listed.manuscript_id,
                published_str=item.listed.published_str,
                published_epoch=item.listed.published_epoch,
                parser_version=PARSER_VERSION,
                **{"level": self._config.level, **facts},
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
            url=self._reading.newest.url if self._reading.newest else self._config.base_url,
            sha256=self._reading.newest.sha256 if self._reading.newest else None,
            parser_version=PARSER_VERSION,
            detail=f"channels {channels} were read in full and say nothing of this filing",
        )


def _all_before(items: Iterable[Listed], day: date) -> bool:
    days = [published_day(item.published_str) for item in items]
    return all(found is not None and found < day for found in days)


def _table_age(item: _Item) -> tuple[date, datetime, str]:
    printed = item.listed.published_str
    if printed is None:
        raise ParseError(
            f"the list gives {item.listed.title!r} no time of publication", remedy="the list's shape has changed"
        )
    return table_date(item.listed.title), parse_published(printed), item.listed.manuscript_id or ""


def _list_fault(answer: Exchange, what: str) -> FetchError:
    return FetchError(what, url=answer.url, remedy="try again: the list may have grown meanwhile", exchange=answer)
