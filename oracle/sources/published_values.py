"""Numbers and dates as Chinese publications write them, read exactly: 1,000,000 · １００万 · 1.5亿 · 2026年11月20日.

A value that could be read in two ways is refused; no float is ever involved.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, localcontext

from oracle.domain.normal_form import nfkc, without_blanks
from oracle.rules.case import SHANGHAI
from oracle.sources.parse_error import ParseError

__all__ = [
    "XLSX_DAY_ZERO",
    "find_date",
    "half_width",
    "parse_date",
    "parse_published",
    "parse_quantity",
    "plain_decimal",
    "published_day",
    "squeezed",
]

_SCALES = {"": 1, "万": 10**4, "亿": 10**8, "万亿": 10**12}
_PART = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]+)?(万亿|亿|万)?")
_DATE = r"([0-9]{4})(?:年|-|/|\.)([0-9]{1,2})(?:月|-|/|\.)([0-9]{1,2})日?"
_CLOCK = r"(?:[ T]?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)?"
_MAX_DIGITS = 60
#: The day before which a spreadsheet's serial dates count.
XLSX_DAY_ZERO = date(1899, 12, 30)


def half_width(text: str) -> str:
    """NFKC, except that ， stays: it separates clauses, and as a comma it would glue two numbers together."""
    return "，".join(nfkc(part) for part in text.split("，"))


def squeezed(text: str) -> str:
    """NFKC without blanks, control and invisible characters; brackets are half-width afterwards."""
    return without_blanks(nfkc(text))


def parse_quantity(text: str) -> Decimal:
    """`1,000,000`, `150万`, `1.5亿`, `1亿5,000万` as an exact number. ParseError if any part does not fit."""
    total, position, above = Decimal(0), 0, 10**16
    if not text or len(text) > _MAX_DIGITS:
        raise _not_a_number(text)
    while position < len(text):
        part = _PART.match(text, position)
        scale = _SCALES[part.group(3) or ""] if part else above
        if part is None or scale >= above:
            raise _not_a_number(text)
        with localcontext(prec=2 * _MAX_DIGITS):
            total += Decimal(part.group(1).replace(",", "") + (part.group(2) or "")) * scale
        position, above = part.end(), scale
    return total


def _not_a_number(text: str) -> ParseError:
    return ParseError(
        f"{text[:60]!r} is not a number that can be read exactly", remedy="read the page; check the body patterns"
    )


def plain_decimal(value: Decimal) -> str:
    """The shortest decimal string of the value: no exponent, no trailing zeros after the point."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_date(text: str) -> date:
    """`2026年11月20日` or `2026-11-20`, with or without a time of day. ParseError otherwise."""
    found = re.fullmatch(_DATE + _CLOCK, half_width(text).strip())
    return _date(found, text)


def find_date(text: str, before: str) -> date | None:
    """The one date that directly follows `before` in the text, None if there is none; ParseError if two differ."""
    found = {_date(match, text) for match in re.finditer(re.escape(before) + _DATE, squeezed(text))}
    if len(found) > 1:
        raise ParseError(f"{text[:80]!r} gives more than one date after {before}", remedy="read the page")
    return found.pop() if found else None


def _date(found: re.Match[str] | None, text: str) -> date:
    try:
        if found:
            return date(*(int(part) for part in found.groups()))
    except ValueError:
        pass
    raise ParseError(
        f"{text[:60]!r} is not a date", remedy="read the page; dates are expected as 2026年11月20日 or 2026-11-20"
    )


def parse_published(text: str) -> datetime:
    """`publishedTimeStr`, e.g. 2026-09-28 14:30:12, as a time at +08:00 (regulation 3.3). ParseError otherwise."""
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    except ValueError:
        raise ParseError(
            f"{text[:60]!r} is not a time of publication", remedy="the list's shape has changed: report it"
        ) from None


def published_day(text: str | None) -> date | None:
    """The day of a `publishedTimeStr`; None where there is none, or none that can be read."""
    try:
        return parse_published(text).date() if text else None
    except ParseError:
        return None
