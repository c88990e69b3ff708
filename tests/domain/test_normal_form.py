"""Normal forms: those of Unicode for every text of a language, and bounded for the rest."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.domain.normal_form import nfc, nfkc, without_blanks
from tests.pace import within

BLANKS = " \t\n\u00a0\u200b\u3000\ufeff\x00"


@given(st.text(max_size=100) | st.text(alphabet="aé한ガ\u0300\u0316ﾞ（８", max_size=150))
def test_normal_forms__short_text__as_unicode_defines_them(text: str) -> None:
    assert nfc(text) == unicodedata.normalize("NFC", text)
    assert nfkc(text) == unicodedata.normalize("NFKC", text)


@given(st.lists(st.text(alphabet="甲é（８" + BLANKS, max_size=9), min_size=30, max_size=60))
def test_nfkc__long_text_without_runs_of_marks__as_unicode_defines_it(words: list[str]) -> None:
    text = "\u0300".join(words)
    assert nfkc(text) == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize("pair", ("\u0300\u0316", "\uff9e\u0316"))
@pytest.mark.parametrize("form", (nfc, nfkc))
def test_normal_forms__a_megabyte_of_marks__within_a_second_and_stable(form: type[str], pair: str) -> None:
    text = "a" + pair * 200_000
    assert within(1, lambda: form(text))
    once = form(text)
    assert form(once) == once


@given(st.text(alphabet="甲 a" + BLANKS, max_size=30))
def test_without_blanks__drops_them_and_nothing_else(text: str) -> None:
    assert without_blanks(text) == "".join(char for char in text if char not in BLANKS)
