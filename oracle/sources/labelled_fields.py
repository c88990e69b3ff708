"""Values under a label, as a list's metadata and a page's header table print them: 文号, 发文日期, …"""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import squeezed

__all__ = ["DRIFT", "Fields", "add_field", "pick", "printed_text"]

#: The remedy where bytes do not have the known shape.
DRIFT = "the site's shape has changed: compare the stored bytes with the parser before trusting this source again"

_EMPTY = frozenset({"", "null", "无", "-", "--", "/"})
_MAX_TEXT = 2000
_MAX_VALUES = 50

#: Label to the different values that stand under it.
Fields = dict[str, tuple[str, ...]]


def printed_text(value: Any) -> str | None:
    """A printable text of sensible length, None for what is empty, `"null"` or unusable."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > _MAX_TEXT or squeezed(value) in _EMPTY:
        return None
    if any(unicodedata.category(char) == "Cs" for char in value):
        raise ParseError("a text holds half a character (a lone surrogate)", remedy=DRIFT)
    return value.replace("\x00", "").strip()


def add_field(fields: Fields, label: str, value: str | None) -> None:
    """Put a value under its label, once; an empty label or value is left out. ParseError for absurdly many values."""
    name = sys.intern(squeezed(label).rstrip(":"))  # a few labels, at thousands of items
    known = fields.get(name, ())
    if not name or not value or value in known:
        return
    if len(known) == _MAX_VALUES:
        raise ParseError(f"{name[:50]} stands there with more than {_MAX_VALUES} values", remedy=DRIFT)
    fields[name] = (*known, value)


def pick(fields: Fields, labels: list[str], what: str) -> str | None:
    """The one value under any of the labels, None if there is none; ParseError naming `what` if two differ."""
    values = {squeezed(value): value for label in labels for value in fields.get(squeezed(label), ())}
    if len(values) > 1:
        raise ParseError(
            f"{what} stands there with different values: {', '.join(sorted(values))[:200]}", remedy="read the page"
        )
    return next(iter(values.values()), None)
