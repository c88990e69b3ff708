"""The site's list service: JSON bytes to channel ids and list items (regulation 3.1, 3.2). Pure."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any

from oracle.domain.canonical import parse_json
from oracle.errors import InputError
from oracle.sources.labelled_fields import DRIFT, Fields, add_field, printed_text
from oracle.sources.parse_error import ParseError

__all__ = ["CHANNEL_ID", "MAX_TITLE", "ListPage", "Listed", "looks_like_html", "parse_channel", "parse_list"]

CHANNEL_ID = re.compile(r"[0-9a-fA-F]{32}")
#: Characters of the longest text that is believed to be a title.
MAX_TITLE = 500
_MAX_CONTENT = 200_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One item of a channel's list. Addresses are as printed, still relative; `fields` is the item's metadata."""

    title: str
    url: str
    manuscript_id: str | None = None
    published_str: str | None = None
    published_epoch: int | None = None
    attachments: tuple[str, ...] = ()
    #: The item's text as far as the list itself gives it, without markup; "" if it does not.
    text: str = ""
    fields: Fields = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class ListPage:
    """One page of a channel's list. `number` is the page it says it is, if it says so."""

    total: int
    number: int | None
    items: tuple[Listed, ...]


def looks_like_html(data: bytes) -> bool:
    """Whether the bytes begin as a web page does. The site answers refusals with one, and status 200."""
    return (
        data[:200]
        .lstrip(b"\xef\xbb\xbf \t\r\n")
        .lower()
        .startswith((b"<!doctype", b"<html", b"<head", b"<script", b"<meta"))
    )


def _json(data: bytes, what: str) -> dict[str, Any]:
    if looks_like_html(data):
        raise ParseError(
            f"{what}: a web page came instead of JSON", remedy="the site may be blocking this host; try again later"
        )
    try:
        value = parse_json(data, what=what)
    except InputError as error:
        raise ParseError(f"{what}: {error.what}", remedy=DRIFT) from None
    return _object(value, what)


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ParseError(f"{what} is not an object", remedy=DRIFT)
    return value


def _array(value: Any, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ParseError(f"{what} is not an array", remedy=DRIFT)
    return value


def _whole(value: Any, what: str) -> int:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ParseError(f"{what} is not a whole number", remedy=DRIFT)
    return value


def parse_channel(data: bytes, code: str) -> str | None:
    """The 32-digit id of channel `code` in an answer of getChannelList, None if the answer does not hold it."""
    results = _json(data, "channel list").get("results")
    waiting = [results] if isinstance(results, dict) else _array(results, "results")
    top = isinstance(results, dict)
    while waiting:
        channel = _object(waiting.pop(), "channel")
        named = channel.get("channelCode", code if top else None)
        found = channel.get("channelId")
        if named == code and isinstance(found, str) and CHANNEL_ID.fullmatch(found):
            return found.lower()
        waiting.extend(_array(channel.get("children"), "children"))
        top = False
    return None


def parse_list(data: bytes) -> ListPage:
    """An answer of searchList."""
    body = _object(_json(data, "list").get("data"), "data")
    if "total" not in body or "results" not in body:
        raise ParseError("the list has no total or no results", remedy=DRIFT)
    number = body.get("page")
    return ListPage(
        total=_whole(body["total"], "total"),
        number=None if number is None else _whole(number, "page"),
        items=tuple(_listed(_object(item, "list item")) for item in _array(body["results"], "results")),
    )


def _listed(item: dict[str, Any]) -> Listed:
    title, url = printed_text(item.get("title")), printed_text(item.get("url"))
    if not title or not url or len(title) > MAX_TITLE:
        raise ParseError("a list item has no usable title or url", remedy=DRIFT)
    epoch = item.get("publishedTime")
    files = [_object(entry, "resList entry") for entry in _array(item.get("resList"), "resList")]
    return Listed(
        title=title,
        url=url,
        manuscript_id=printed_text(item.get("manuscriptId")),
        published_str=printed_text(item.get("publishedTimeStr")),
        published_epoch=epoch
        if isinstance(epoch, int) and not isinstance(epoch, bool) and abs(epoch) < 2**53
        else None,
        attachments=tuple(path for path in (printed_text(entry.get("filePath")) for entry in files) if path),
        text=_content(item),
        fields=_metadata(item),
    )


def _content(item: dict[str, Any]) -> str:
    found = [item.get(key) for key in ("content", "contentHtml")]
    texts = [value[:_MAX_CONTENT] for value in found if isinstance(value, str) and value != "null"]
    try:
        # The second bracket may not open another tag: a text of nothing but "<" is then read in one pass.
        return "\n".join(html.unescape(re.sub(r"<[^<>]*>", "\n", text)) for text in texts).strip()
    except ValueError:  # a character's number with thousands of digits
        raise ParseError("a list item's text holds a character that does not exist", remedy=DRIFT) from None


def _metadata(item: dict[str, Any]) -> Fields:
    """Values by key and by name; the spelling of the keys differs between sites of this system (regulation 3.2)."""
    fields: Fields = {}
    for group in _array(item.get("domainMetaList"), "domainMetaList"):
        for entry in _array(_object(group, "domainMetaList entry").get("resultList"), "resultList"):
            meta = _object(entry, "resultList entry")
            for label in {printed_text(meta.get("key")), printed_text(meta.get("name"))}:
                add_field(fields, label or "", printed_text(meta.get("value")))
    return fields
