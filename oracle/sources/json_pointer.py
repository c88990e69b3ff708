"""JSON Pointers (RFC 6901): `/data/filings/0/number`, with ~0 for ~ and ~1 for /."""

from __future__ import annotations

import re
from typing import Any

from oracle.sources.parse_error import ParseError

__all__ = ["MISSING", "check_pointer", "resolve"]


class _Missing:
    """The type of `MISSING`."""


#: What `resolve` gives where the pointer leads to nothing; null is a value and not this.
MISSING = _Missing()


def check_pointer(pointer: str) -> str:
    """The pointer itself; ValueError if it has not the form of one."""
    if len(pointer) > 1000 or not re.fullmatch(r"(/([^~/]|~[01])*)*", pointer):
        raise ValueError(f"{pointer[:100]!r} is not a JSON Pointer: write e.g. /data/0/number (RFC 6901)")
    return pointer


def resolve(document: Any, pointer: str) -> Any:
    """The value the pointer leads to, `MISSING` if there is none. ParseError where it leads into a text or number."""
    value = document
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            if key not in value:
                return MISSING
            value = value[key]
        elif isinstance(value, list):
            if not re.fullmatch(r"0|[1-9][0-9]{0,8}", key, re.ASCII):
                raise ParseError(f"{pointer}: {key[:50]!r} is no place in an array", remedy="correct the pointer")
            if int(key) >= len(value):
                return MISSING
            value = value[int(key)]
        elif value is None:
            return MISSING
        else:
            raise ParseError(
                f"{pointer}: leads into a {type(value).__name__}", remedy="correct the pointer, or the API has changed"
            )
    return value
