"""Identifiers and amounts as a dossier carries them (regulation, section 4)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import stdnum.iso7064.mod_97_10
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from oracle.domain.fields import (
    H256,
    Address,
    ChainRef,
    CountryCode,
    Currency,
    Dec,
    Isin,
    Lei,
    RegionCn,
    Text,
    Timestamp,
    Uint,
    Uscc,
    exact,
)

CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def read(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value, strict=True)


def fault(kind: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    "code",
    (
        "91310000MA1FL00030",  # the sum's remainder is 0: the check character is 0, not index 31
        "91310000MA1FL00320",
        "91110000600037341L",
        "91350100M000100Y43",
        "91110108551385082Q",
    ),
)
def test_uscc__valid__kept(code: str) -> None:
    assert read(Uscc, code) == code


@pytest.mark.parametrize(
    ("code", "words"),
    (
        ("91350100M000100Y4A", "check character does not fit (GB 32100-2015)"),
        ("91310000MA1FL00031", "check character"),
        ("91310000MA1FL0003", "wrong length"),
        ("91310000MA1FL000300", "wrong length"),
        ("91310000MI1FL00030", "a character stands where"),
        ("9131000OMA1FL00030", "a character stands where"),
        ("A1310000MA1FL00030", "a character stands where"),
    ),
)
def test_uscc__invalid__says_why(code: str, words: str) -> None:
    assert words in fault(Uscc, code)


def test_uscc__every_single_character_changed__refused() -> None:
    code = "91110000600037341L"
    for place, right in enumerate(code):
        for wrong in "0123456789ABCDEFGHJKLMNPQRTUWXY":
            if wrong != right:
                fault(Uscc, code[:place] + wrong + code[place + 1 :])


def test_lei__standard_example__kept_and_its_neighbour_refused() -> None:
    assert read(Lei, "984500001AB7C6C7F577") == "984500001AB7C6C7F577"
    assert "ISO 17442" in fault(Lei, "984500001AB7C6C7F578")
    assert "ISO 17442" in fault(Lei, "984500001AB7C6C7F57")


def test_lei__right_remainder_of_another_length__refused() -> None:
    # ISO 7064 alone is met by strings of any length.
    assert "wrong length" in fault(Lei, "984500001AB" + stdnum.iso7064.mod_97_10.calc_check_digits("984500001AB"))


def test_isin__known__kept_and_its_neighbour_refused() -> None:
    assert read(Isin, "US0378331005") == "US0378331005"
    assert "ISO 6166" in fault(Isin, "US0378331006")


@pytest.mark.parametrize("written", (CHECKSUMMED, CHECKSUMMED.lower()))
def test_address__eip55_or_lower_case__kept_in_eip55(written: str) -> None:
    assert read(Address, written) == CHECKSUMMED


@pytest.mark.parametrize(
    ("written", "words"),
    (
        (CHECKSUMMED.replace("aAeb", "AAeb"), "EIP-55"),
        (CHECKSUMMED.upper().replace("0X", "0x"), "EIP-55"),
        (CHECKSUMMED[:-1], "40 hexadecimal digits"),
        (CHECKSUMMED[2:], "40 hexadecimal digits"),
        ("0X" + CHECKSUMMED[2:], "40 hexadecimal digits"),
        (CHECKSUMMED + "\n", "40 hexadecimal digits"),
    ),
)
def test_address__wrong__says_why(written: str, words: str) -> None:
    assert words in fault(Address, written)


@pytest.mark.parametrize("value", (0, 1, "0", "1", 2**53, str(2**53), str(2**256 - 1)))
def test_uint__whole_number__kept_exactly(value: int | str) -> None:
    assert read(Uint, value) == int(value)


@pytest.mark.parametrize(
    "value",
    (-1, "-1", "+1", "01", "1.0", "1e3", "", " 1", "1 ", "１", "٣", 1.0, True, None, 2**256, str(2**256), "9" * 79),
)
def test_uint__anything_else__refused(value: object) -> None:
    fault(Uint, value)


def test_uint__float__told_what_to_write() -> None:
    assert fault(Uint, 1000.0).endswith("a float is not an amount: write a whole number, or a string of digits")


@pytest.mark.parametrize("value", ("0", "0.1", "100.50", "9" * 30 + "." + "9" * 18))
def test_dec__decimal_string__kept(value: str) -> None:
    assert read(Dec, value) == value
    assert exact(value) == Fraction(value)


@pytest.mark.parametrize(
    "value",
    (
        "",
        ".5",
        "5.",
        "-1",
        "+1",
        "1e3",
        "01",
        "1,000",
        " 1",
        "1\n",
        "１",
        "0x1",
        "NaN",
        "1" * 31,
        "0." + "1" * 19,
        1,
        1.5,
    ),
)
def test_dec__anything_else__refused(value: object) -> None:
    fault(Dec, value)


@given(st.integers(0, 10**30 - 1), st.integers(0, 18))
def test_dec__any_written_decimal__is_exact(digits: int, places: int) -> None:
    text = str(digits).rjust(places + 1, "0")
    written = f"{text[:-places]}.{text[-places:]}" if places else text
    assert exact(read(Dec, written)) == Fraction(digits, 10**places)


@pytest.mark.parametrize(
    "value", ("2026-10-12T09:30:00+08:00", "2026-10-12T01:30:00Z", "2026-10-12T01:30:00.123456+00:00")
)
def test_timestamp__with_offset__kept(value: str) -> None:
    assert read(Timestamp, value) == value


@pytest.mark.parametrize(
    ("value", "words"),
    (
        ("2026-10-12T09:30:00", "no offset"),
        ("2026-10-12", "no offset"),
        ("2026-10-12 09:30:00+08:00", "no offset"),
        ("2026-02-30T09:30:00+08:00", "RFC 3339"),
        ("yesterday", "RFC 3339"),
    ),
)
def test_timestamp__without_offset_or_no_time__says_why(value: str, words: str) -> None:
    assert words in fault(Timestamp, value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    (
        (H256, "0x" + "ab" * 32, "0x" + "ab" * 31),
        (ChainRef, "eip155:31337", "eip155:0"),
        (ChainRef, "eip155:1", "solana:1"),
        (CountryCode, "HK", "hk"),
        (CountryCode, "TW", "TWN"),
        (RegionCn, "CN-SH", "SH"),
        (Currency, "CNHC", "¥"),
        (Text, "示例", ""),
        (Text, "a" * 4000, "a" * 4001),
        (Text, "a", "a\x00"),
    ),
)
def test_short_codes__good_kept_bad_refused(kind: Any, good: str, bad: str) -> None:
    assert read(kind, good) == good
    fault(kind, bad)


def test_h256__upper_case__is_lowered() -> None:
    assert read(H256, "0x" + "AB" * 32) == "0x" + "ab" * 32


def test_text__decomposed__is_composed() -> None:
    assert read(Text, "e\u0301") == "\u00e9"
