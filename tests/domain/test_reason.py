"""A reason as 32 bytes: in words if they fit, else by hash; and back without anything that steers a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.domain.canonical import keccak256
from oracle.domain.reason import decode_reason, encode_reason


def back(text: str) -> str:
    return decode_reason(bytes.fromhex(encode_reason(text)[2:]))


@pytest.mark.parametrize("text", ("", "notice gone", "撤回备案", "a" * 32, "é" * 16, "撤" * 10 + "ab"))
def test_encode__fits_32_bytes__comes_back_in_words(text: str) -> None:
    assert len(encode_reason(text)) == 66
    assert back(text) == text


def test_encode__short__is_the_text_padded_with_zeros() -> None:
    assert encode_reason("late") == "0x" + b"late".hex() + "00" * 28


@pytest.mark.parametrize("text", ("a" * 33, "撤" * 11, "r" * 10_000))
def test_encode__longer__is_its_keccak256(text: str) -> None:
    assert encode_reason(text) == "0x" + keccak256(text.encode()).hex()
    assert back(text) == encode_reason(text)


@pytest.mark.parametrize(
    "data",
    (
        b"\x1b[2J".ljust(32, b"\0"),
        b"line\nline".ljust(32, b"\0"),
        "\u202egpj".encode().ljust(32, b"\0"),
        "\u009b31m".encode().ljust(32, b"\0"),
        b"\xff" * 32,
        b"a\0b".ljust(32, b"\0"),
        b"\xe6\x92".ljust(32, b"\0"),
    ),
)
def test_decode__control_characters_or_no_text__hex(data: bytes) -> None:
    assert decode_reason(data) == "0x" + data.hex()


@given(st.binary(min_size=32, max_size=32))
def test_decode__any_bytes__printable(data: bytes) -> None:
    assert decode_reason(data).isprintable()


@given(st.text(max_size=40))
def test_encode__any_text__32_bytes_and_readable(text: str) -> None:
    assert len(encode_reason(text)) == 66
    assert back(text).isprintable()
