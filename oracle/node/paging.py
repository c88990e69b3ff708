"""Pages of a list: `limit` and `cursor` in the query, the next cursor in the answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from oracle.errors import InputError
from oracle.node.query import query_of

__all__ = ["MAX_PAGE", "Page", "cursor_of", "page_of", "page_parameters", "split"]

MAX_PAGE = 200
_CURSOR = r"^[A-Za-z0-9_-]{1,1000}$"
#: No row's number is longer; what is would not fit a database's integer.
_MAX_DIGITS = 18

Row = TypeVar("Row")


class Page(BaseModel):
    """Which part of a list is asked for. A cursor is opaque: only what an answer gave is good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(ge=1, le=MAX_PAGE)
    cursor: str | None = Field(default=None, pattern=_CURSOR)

    def text(self) -> str | None:
        """The text the cursor stands for. InputError if it stands for none."""
        if self.cursor is None:
            return None
        try:
            text = base64.b64decode(self.cursor + "=" * (-len(self.cursor) % 4), b"-_", validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            text = ""
        if not text or not text.isprintable() or cursor_of(text) != self.cursor:
            raise InputError("not a cursor of this list", where="cursor", remedy="use one that an answer gave")
        return text

    def number(self) -> int | None:
        """The row number the cursor stands for. InputError if it stands for none."""
        text = self.text()
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
            raise InputError("not a cursor of this list", where="cursor", remedy="use one that an answer gave")
        return int(text)


def cursor_of(value: object) -> str:
    """The cursor that stands for a text or number."""
    return base64.urlsafe_b64encode(str(value).encode("utf-8")).decode("ascii").rstrip("=")


def page_of(request: Request, usual: int) -> Page:
    """The page a request asks for, `usual` rows if it says nothing. InputError names what is wrong in the query."""
    return query_of(request, Page, limit=usual)


def page_parameters(usual: int) -> dict[str, Any]:
    """The same for the API's description."""
    return {
        "parameters": [
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "description": "How many rows at most.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": usual},
            },
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "Where the page begins: the cursor that the answer before gave.",
                "schema": {"type": "string", "pattern": _CURSOR},
            },
        ]
    }


def split(rows: Sequence[Row], page: Page) -> tuple[Sequence[Row], Row | None]:
    """The page of rows that were asked for with one more than its limit, and its last row if another page follows."""
    if len(rows) <= page.limit:
        return rows, None
    return rows[: page.limit], rows[page.limit - 1]
