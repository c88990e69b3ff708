"""Numbers and dates as they are printed, and nothing that could be read in two ways."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import (
    find_date,
    half_width,
    parse_date,
    parse_published,
    parse_quantity,
    plain_decimal,
)


@pytest.mark.parametrize(
    ("printed", "value"),
    (
        ("1,000,000", "1000000"),
        ("1000000", "1000000"),
        ("100万", "1000000"),
        ("1.5亿", "150000000"),
        ("1亿5,000万", "150000000"),
        ("2万亿", "2000000000000"),
        ("100,000,000.00", "100000000"),
        ("0.10", "0.1"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("0.000000000000000001", "0.000000000000000001"),
    ),
)
def test_parse_quantity__printed__exact(printed: str, value: str) -> None:
    assert plain_decimal(parse_quantity(printed)) == value


@pytest.mark.parametrize(
    "printed",
    (
        "",
        "1,00",
        "1,0000",
        "12,34",
        "万",
        "1万万",
        "5万1亿",
        "1.5.2",
        "1,000,",
        ".5",
        "-5",
        "1e5",
        "１００",
        "٣",
        "9" * 61,
    ),
)
def test_parse_quantity__unclear__refused(printed: str) -> None:
    with pytest.raises(ParseError, match="is not a number that can be read exactly"):
        parse_quantity(printed)


@given(st.integers(min_value=0, max_value=10**30))
def test_parse_quantity__any_whole_number__survives_both_spellings(value: int) -> None:
    assert parse_quantity(str(value)) == parse_quantity(f"{value:,}") == Decimal(value)


@given(st.text(alphabet="0123456789,.万亿", max_size=20))
def test_parse_quantity__any_text__number_or_parse_error(printed: str) -> None:
    try:
        value = parse_quantity(printed)
    except ParseError:
        return
    assert value >= 0


def test_half_width__full_width_digits__ascii_but_the_chinese_comma_stays() -> None:
    assert half_width("发行１，０００．５份，不超过５００") == "发行1，000.5份，不超过500"


@pytest.mark.parametrize(
    "printed",
    ("2026年11月20日", "2026-11-20", "2026/11/20", "2026-11-20 09:30:00", "２０２６年１１月２０日", " 2026.11.20 "),
)
def test_parse_date__usual_spellings__one_day(printed: str) -> None:
    assert parse_date(printed) == date(2026, 11, 20)


@pytest.mark.parametrize("printed", ("", "2026年13月1日", "2026-02-30", "20261120", "2026-11", "昨天", "2026-11-20x"))
def test_parse_date__no_date__refused(printed: str) -> None:
    with pytest.raises(ParseError, match="is not a date"):
        parse_date(printed)


def test_find_date__title__day_it_speaks_of() -> None:
    assert find_date("情况表（截至2026年9月30日）", "截至") == date(2026, 9, 30)
    assert find_date("情况表", "截至") is None
    with pytest.raises(ParseError, match="more than one date"):
        find_date("截至2026年9月30日，截至2026年10月9日", "截至")


def test_parse_published__string__time_in_shanghai() -> None:
    assert parse_published("2026-09-28 14:30:12").isoformat() == "2026-09-28T14:30:12+08:00"
    with pytest.raises(ParseError, match="time of publication"):
        parse_published("1790548212000")
