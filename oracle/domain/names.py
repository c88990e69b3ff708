"""Names and filing numbers as the regulator prints them, folded to one form.

The regulator mixes full- and half-width brackets, digits and blanks in one name (regulation 3.3), so both sides of a
comparison are folded and then compared exactly; nothing is ever matched fuzzily.
"""

from __future__ import annotations

import re
from functools import lru_cache

from oracle.domain.canonical import keccak256
from oracle.domain.normal_form import nfkc, without_blanks
from oracle.errors import InputError

__all__ = ["DEFAULT_NUMBER_PATTERN", "filing_id", "fold_name", "fold_number", "parse_number"]

#: Default shape of a 文号, e.g. 国合函〔2026〕886号. No format has been published for this regime: configuration.
DEFAULT_NUMBER_PATTERN = r".+〔\d{4}〕\d+号"

_OPEN = "([{〔【〖〈《［（｛"
_CLOSE = ")]}〕】〗〉》］）｝"


def _brackets(opening: str, closing: str) -> dict[int, str]:
    return {ord(char): opening for char in _OPEN} | {ord(char): closing for char in _CLOSE}


_IN_NAMES = _brackets("(", ")")
_IN_NUMBERS = _brackets("〔", "〕")


@lru_cache(maxsize=1_024)
def _folded(text: str, in_names: bool) -> str:
    return _fold(text, _IN_NAMES if in_names else _IN_NUMBERS)


def _fold(text: str, brackets: dict[int, str]) -> str:
    # A removed blank can bring an accent beside a letter: composed once more, so that folding twice changes nothing.
    return nfkc(without_blanks(nfkc(text)).translate(brackets))


def fold_name(name: str) -> str:
    """A company name after NFKC, with all brackets as ( ), without any blank. Case is kept."""
    return _folded(name, True)


def fold_number(number: str) -> str:
    """A filing number after NFKC, with all brackets as 〔 〕, without any blank."""
    return _folded(number, False)


def parse_number(number: str, pattern: str = DEFAULT_NUMBER_PATTERN) -> str:
    """The folded number if it fits `pattern` (a regular expression matched whole); InputError otherwise."""
    folded = fold_number(number)
    if not re.fullmatch(pattern, folded):
        raise InputError(
            f"{number!r} is not a filing number",
            where="filing number",
            remedy="write it as published, e.g. 国合函〔2026〕886号, or set number_pattern in the policy",
        )
    return folded


def filing_id(number: str) -> bytes:
    """`filing` on chain: keccak256 of the folded number in UTF-8, 32 bytes."""
    return keccak256(fold_number(number).encode("utf-8"))
