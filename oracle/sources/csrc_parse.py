"""Notices and withdrawals: a page's bytes to a record (regulation 2.2). Pure: the same bytes give the same record.

Lists are read by `csrc_lists`, pages by `csrc_pages`, the status table by `csrc_table`; the words they look for are
`csrc_wording`. `record_again` derives the record of a stored observation from its bytes alone. Whatever the bytes are,
these functions raise ParseError and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError

from oracle.domain.fields import Money
from oracle.domain.filing import FilingRecord
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.names import fold_number
from oracle.sources.csrc_lists import Listed, parse_list
from oracle.sources.csrc_pages import Page, parse_page
from oracle.sources.csrc_wording import Wording
from oracle.sources.labelled_fields import pick
from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import parse_date, parse_quantity, plain_decimal

__all__ = [
    "PARSER_VERSION",
    "Notice",
    "Withdrawal",
    "listed_number",
    "parse_notice",
    "parse_withdrawal",
    "record_again",
]

#: Part of every observation: what read the bytes. It grows when the same bytes could give another record.
PARSER_VERSION = "csrc/1"


@dataclass(frozen=True)
class Notice:
    """A filing notice (备案通知书). `from_list` tells that number or date stood only in the list's metadata."""

    title: str
    record: FilingRecord
    from_list: bool


@dataclass(frozen=True)
class Withdrawal:
    """A notice that ends a filing. `entity` is folded, "" if the title names none; `day` is None if none is stated."""

    title: str
    status: LifeCycle
    entity: str
    day: date | None
    text: str

    def cites(self, number: str) -> bool:
        """Whether it names that folded number. A looser test than a notice has to pass: a doubt must stop minting."""
        return number in self.text

    @property
    def cites_any(self) -> bool:
        """Whether it names any number at all."""
        return re.search("〔[0-9]{4}〕", self.text) is not None

    def record(self, number: str) -> FilingRecord | None:
        """The ended filing, None where the page states too little for one."""
        if not self.entity or self.day is None:
            return None
        return FilingRecord(number=number, entity_name=self.entity, status=self.status, decision_date=self.day)


def listed_number(item: Listed, wording: Wording) -> str | None:
    """The folded 文号 in a list item's metadata, None if it holds none."""
    found = pick(item.fields, wording.number_labels, "文号 of the list item")
    return fold_number(found) if found else None


def parse_notice(data: bytes, wording: Wording, listed: Listed | None = None) -> Notice:
    """A filing notice's page to its record.

    The number is the page's own 文号, never one cited in the text; where the page has none, the list item's metadata
    count. Where both have one they must agree, as must the titles.
    """
    page = parse_page(data, wording, listed)
    entity = wording.notice_entity(page.title)
    if not entity:
        raise ParseError(
            f"{page.title!r} is not the title of a filing notice", remedy="correct noticeTitle if it should be"
        )
    number, number_listed = _agreed(page, listed, wording.number_labels, "文号", fold_number)
    if not re.fullmatch(wording.number_pattern, number):
        raise ParseError(
            f"the 文号 {number[:80]!r} has not the form of a filing number",
            remedy="correct numberPattern if it should have",
        )
    day, day_listed = _agreed(page, listed, wording.date_labels, "发文日期", lambda text: parse_date(text).isoformat())
    return Notice(
        page.title, _record(page, entity, number, date.fromisoformat(day), wording), number_listed or day_listed
    )


def _agreed(
    page: Page, listed: Listed | None, labels: list[str], what: str, read: Callable[[str], str]
) -> tuple[str, bool]:
    """The value of the page, else of the list; and whether it is the list's."""
    printed = pick(page.fields, labels, f"{what} of the page")
    in_list = pick(listed.fields, labels, f"{what} of the list item") if listed else None
    if printed and in_list and read(printed) != read(in_list):
        raise ParseError(
            f"{what} is {in_list!r} in the list and {printed!r} on the page",
            remedy="read both; wait until the site agrees",
        )
    found = printed or in_list
    if not found:
        raise ParseError(
            f"the page states no {what} of its own", remedy="read the page; correct numberLabels or dateLabels"
        )
    return read(found), printed is None


def _record(page: Page, entity: str, number: str, day: date, wording: Wording) -> FilingRecord:
    if "\ufffd" in entity + number:
        # What stands for a byte or character that could not be read: no name, and no number, is half known.
        raise ParseError("the name or the number holds a character that could not be read", remedy="read the page")
    until = _stated(page.body, [(pattern, "") for pattern in wording.valid_until_patterns], "date", "end of validity")
    try:
        return FilingRecord(
            number=number,
            entity_name=entity,
            status=LifeCycle.FILED,
            decision_date=day,
            units=_units(page.body, wording),
            amount=_amount(page.body, wording),
            valid_until=parse_date(until[0]) if until else None,
        )
    except ValidationError as error:
        raise ParseError(
            f"the notice's values cannot be a record: {error.errors()[0]['msg']}", remedy="read the page"
        ) from None


def _units(body: str, wording: Wording) -> int | None:
    found = _stated(body, [(pattern, "") for pattern in wording.units_patterns], "value", "number of units")
    if found is None:
        return None
    units = parse_quantity(found[0])
    if units != units.to_integral_value():
        raise ParseError(f"{found[0]!r} units are not a whole number", remedy="read the page; check unitsPatterns")
    return int(units)


def _amount(body: str, wording: Wording) -> Money | None:
    found = _stated(body, [(entry.pattern, entry.ccy) for entry in wording.amount_patterns], "value", "amount")
    return Money(amount=plain_decimal(parse_quantity(found[0])), ccy=found[1]) if found else None


def _stated(body: str, patterns: list[tuple[str, str]], group: str, what: str) -> tuple[str, str] | None:
    """The one value that the patterns find, with its pattern's currency; ParseError if they find two that differ."""
    read = parse_date if group == "date" else parse_quantity
    found = {
        (read(match[group]), tag): match[group] for pattern, tag in patterns for match in re.finditer(pattern, body)
    }
    if len(found) > 1:
        raise ParseError(
            f"the text states the {what} differently: {', '.join(found.values())[:200]}", remedy="read the page"
        )
    return next(((text, tag) for (_, tag), text in found.items()), None)


def parse_withdrawal(data: bytes, wording: Wording, listed: Listed | None = None) -> Withdrawal:
    """The page of a notice that ends a filing. Lenient where it can be: a missing date does not hide a withdrawal."""
    page = parse_page(data, wording, listed)
    meaning = wording.withdrawal(page.title)
    if meaning is None:
        raise ParseError(
            f"{page.title!r} is not the title of a withdrawal", remedy="correct withdrawalTitles if it should be"
        )
    printed = pick(page.fields, wording.date_labels, "发文日期 of the page")
    return Withdrawal(
        title=page.title,
        status=meaning[0],
        entity=meaning[1],
        day=parse_date(printed) if printed else None,
        text=fold_number(page.title + page.body),
    )


def record_again(
    page: bytes, wording: Wording, *, in_list: bytes | None = None, manuscript_id: str | None = None
) -> FilingRecord:
    """The record of a NOTICE observation from stored bytes: its `sha256`, and its `attachment_sha256` if it has one.

    A notice whose number or date stood only in the list's metadata names that list's bytes as its attachment.
    """
    listed = None
    if in_list is not None:
        listed = next((item for item in parse_list(in_list).items if item.manuscript_id == manuscript_id), None)
        if listed is None:
            raise ParseError(
                f"the stored list does not hold item {manuscript_id}",
                remedy="compare the observation with its evidence",
            )
    return parse_notice(page, wording, listed).record
