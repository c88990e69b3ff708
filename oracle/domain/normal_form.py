"""Unicode normal forms within bounded time, and text without blanks.

Normalisation sorts a run of combining marks by insertion, which takes minutes for a megabyte of them. Runs are broken
beforehand, as the stream-safe text format does (UAX #15, 13); no word of any language has so long a run.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["nfc", "nfkc", "without_blanks"]

_LONGEST_RUN = 30
#: COMBINING GRAPHEME JOINER: no mark is sorted past it.
_JOINER = "\u034f"
#: Shorter texts are normalised as they are: their square is no matter.
_SHORT = 200


def nfc(text: str) -> str:
    """The text in NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", _stream_safe(text))


def nfkc(text: str) -> str:
    """The text in NFKC: full-width and other compatibility forms become the plain ones."""
    return text if text.isascii() else unicodedata.normalize("NFKC", _stream_safe(text))


def without_blanks(text: str) -> str:
    """The text without blanks (Z*), control and invisible characters (Cc, Cf): they carry no meaning in a name."""
    if text.isprintable() and " " not in text:  # of all blanks only this one is printable
        return text
    # Each character is judged once, however often it stands there.
    dropped = {ord(char): None for char in set(text) if _is_blank(unicodedata.category(char))}
    return text.translate(dropped) if dropped else text


def _is_blank(category: str) -> bool:
    return category[0] == "Z" or category in ("Cc", "Cf")


def _stream_safe(text: str) -> str:
    if len(text) <= _SHORT:
        return text
    marks = [char for char in set(text) if unicodedata.combining(unicodedata.normalize("NFKD", char)[0])]
    if not marks:
        return text
    run = f"[{''.join(map(re.escape, marks))}]{{{_LONGEST_RUN}}}"
    return re.sub(f"({run})(?=[{''.join(map(re.escape, marks))}])", rf"\1{_JOINER}", text)
