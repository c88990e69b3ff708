"""Amounts as people write them, base units as the chain counts them: exact both ways."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oracle.domain.units import format_units, parse_units
from oracle.errors import InputError

DECIMALS = st.integers(min_value=0, max_value=18)


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    (
        ("1", 0, 1),
        ("1500", 6, 1_500_000_000),
        ("0.25", 6, 250_000),
        ("1.5", 1, 15),
        ("1.50", 1, 15),
        ("1.000000000", 0, 1),
        ("000.1", 1, 1),
        ("0.000000000000000001", 18, 1),
        (str(2**256 - 1), 0, None),
        ("115792089237316195423570985008687907853269984665640564039457.584007913129639935", 18, 2**256 - 1),
    ),
)
def test_parse__written_well__exact(text: str, decimals: int, units: int | None) -> None:
    if units is None:  # more than 60 digits before the point is nobody's amount
        with pytest.raises(InputError, match="not an amount"):
            parse_units(text, decimals)
    else:
        assert parse_units(text, decimals) == units


@pytest.mark.parametrize(
    "text",
    (
        "",
        " ",
        "1 ",
        " 1",
        "+1",
        "-1",
        "1.",
        ".1",
        ".",
        "1,5",
        "1e3",
        "1_000",
        "0x1",
        "1.2.3",
        "one",
        "１",
        "٣",
        "1\n",
        "∞",
    ),
)
def test_parse__not_digits_with_a_point__refused(text: str) -> None:
    with pytest.raises(InputError, match="not an amount") as caught:
        parse_units(text, 6)
    assert caught.value.where == "AMOUNT"
    assert caught.value.remedy


@pytest.mark.parametrize("text", ("0", "0.0", "000", "0.000000"))
def test_parse__zero__refused(text: str) -> None:
    with pytest.raises(InputError, match="zero"):
        parse_units(text, 6)


@pytest.mark.parametrize(("text", "decimals"), (("0.5", 0), ("1.0000001", 6), ("1." + "0" * 18 + "1", 18)))
def test_parse__finer_than_the_token__refused_not_rounded(text: str, decimals: int) -> None:
    with pytest.raises(InputError, match=f"more than the token's {decimals} decimals"):
        parse_units(text, decimals)


def test_parse__more_than_256_bits__refused() -> None:
    whole, rest = divmod(2**256, 10**18)
    with pytest.raises(InputError, match="more than a token can count"):
        parse_units(f"{whole}.{rest:018}", 18)


@pytest.mark.parametrize("text", ("9" * 100_000, "1." + "1" * 100_000, "x" * 100_000))
def test_parse__very_long__refused_in_a_short_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_units(text, 6)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    (
        (0, 6, "0"),
        (1, 6, "0.000001"),
        (1_500_000, 6, "1.5"),
        (1_000_000_000_000, 6, "1,000,000"),
        (1234, 0, "1,234"),
        (10**18, 18, "1"),
        (10**18 + 1, 18, "1.000000000000000001"),
    ),
)
def test_format__as_people_read_it(units: int, decimals: int, text: str) -> None:
    assert format_units(units, decimals) == text


@given(st.integers(min_value=1, max_value=10**60 - 1), DECIMALS)
def test_format_and_parse__any_amount__come_back(units: int, decimals: int) -> None:
    assert parse_units(format_units(units, decimals).replace(",", ""), decimals) == units


@given(st.integers(min_value=0, max_value=10**30), DECIMALS, st.data())
def test_parse__any_split__is_whole_times_ten_to_the_decimals_plus_rest(
    whole: int, decimals: int, data: st.DataObject
) -> None:
    rest = data.draw(st.integers(min_value=0, max_value=10**decimals - 1))
    text = f"{whole}.{rest:0{decimals}}" if decimals else str(whole)
    assume(whole or rest)
    assert parse_units(text, decimals) == whole * 10**decimals + rest
