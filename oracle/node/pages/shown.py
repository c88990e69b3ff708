"""How values and sentences are written on a page: moments, amounts, hashes, spans. The filters of the templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from oracle.chain.filing_picture import in_utc
from oracle.node.pages.told import meaning, told

__all__ = ["FILTERS", "amount", "cut", "percent", "seconds_of", "size", "span", "utc"]


def utc(moment: int | None) -> str:
    """Seconds since 1970 to the minute."""
    return "–" if moment is None else in_utc(moment, "%Y-%m-%d %H:%M UTC")


def seconds_of(text: str) -> int:
    """RFC 3339 as seconds since 1970."""
    return int(datetime.fromisoformat(text).timestamp())


def stamp(moment: int) -> str:
    """The same for a machine: the value of `<time datetime>`."""
    return in_utc(moment, "%Y-%m-%dT%H:%M:%SZ")


def amount(units: int | str, decimals: int = 0) -> str:
    """Base units as an exact decimal with grouped digits: amount(1234500, 2) is 12,345."""
    whole, rest = divmod(int(units), 10**decimals)
    tail = str(rest).rjust(decimals, "0").rstrip("0") if decimals else ""
    return f"{whole:,}" + (f".{tail}" if tail else "")


def size(count: int) -> str:
    """Bytes in the largest binary unit of which there is one, rounded down to a tenth: size(1536) is 1.5 KiB."""
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if count >= 1024**power:
            whole, tenth = divmod(count * 10 // 1024**power, 10)
            return f"{whole:,}.{tenth} {unit}"
    return f"{count} B"


def percent(part: int | str, whole: int | str) -> str:
    """Share in per cent with one decimal, rounded down so that 100 means all."""
    if not int(whole):
        return "0"
    tenths = int(part) * 1000 // int(whole)
    return f"{tenths // 10}" if tenths % 10 == 0 else f"{tenths / 10:.1f}"


def cut(text: str, head: int = 10, tail: int = 6) -> str:
    """A hash or address shortened in the middle; the whole belongs into a title or a copyable place."""
    return text if len(text) <= head + tail + 1 else f"{text[:head]}…{text[-tail:]}"


def span(seconds: int, t: Callable[..., str]) -> str:
    """A span of time in its two largest units, e.g. "3 days 4 h"."""
    seconds = max(seconds, 0)
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days >= 3:
        return t("time.days", n=days)
    if days:
        return t("time.days_hours", n=days, h=hours)
    if hours:
        return t("time.hours_minutes", n=hours, m=minutes)
    return t("time.minutes", n=minutes) if minutes else t("time.seconds", n=seconds)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "utc": utc,
    "stamp": stamp,
    "amount": amount,
    "size": size,
    "percent": percent,
    "cut": cut,
    "span": span,
    "told": told,
    "meaning": meaning,
}
