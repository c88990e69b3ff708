"""An xlsx file from outside, opened within bounds: true sizes, no cell far from the rest, visible sheets only."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetVisibleEnum,
    XmlError,
    ZipError,
)

from oracle.sources.bounded_zip import rebuilt_zip
from oracle.sources.csrc_lists import looks_like_html
from oracle.sources.parse_error import ParseError

__all__ = ["filled_cells", "open_sheets"]

_MAX_ROWS = 50_000
_MAX_COLUMNS = 200
_DRIFT = "the table's shape has changed: compare the stored attachment with the parser"


def open_sheets(data: bytes) -> list[CalamineSheet]:
    """The visible sheets of an xlsx file. ParseError for anything else, damaged or absurdly large."""
    if not data.startswith(b"PK\x03\x04"):
        raise ParseError(_refusal(data), remedy="try again later; the stored bytes show what came")
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(_checked_archive(data)))
        visible = [sheet.name for sheet in workbook.sheets_metadata if sheet.visible is SheetVisibleEnum.Visible]
        return [workbook.get_sheet_by_name(name) for name in visible]
    except (CalamineError, PasswordError, XmlError, ZipError, ValueError, OSError) as error:
        raise ParseError(f"the attachment is not a readable xlsx: {error}", remedy=_DRIFT) from None


def _refusal(data: bytes) -> str:
    if looks_like_html(data):
        return (
            "a web page came instead of the xlsx: the site did not accept Referer or cookie, or blocks this host (风控)"
        )
    return f"the attachment is not an xlsx: it begins with {data[:4].hex() or 'nothing'}"


def _checked_archive(data: bytes) -> bytes:
    """The archive rebuilt with true sizes. A reader allots every cell up to the farthest, so far ones are refused."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in rebuilt_zip(data).items():
            if name.endswith((".xml", ".rels")) and b"\x00" in content:
                raise ParseError("the attachment holds XML that is not UTF-8", remedy=_DRIFT)
            if re.search(rb"<(\w+:)?worksheet\b", content):
                _check_extent(content)
            archive.writestr(name, content)
    return packed.getvalue()


def _check_extent(sheet: bytes) -> None:
    for tag in re.finditer(rb"<(?:\w+:)?(?:c|row)(?=[\s/>])([^>]*)>", sheet):
        printed = re.search(rb"""\sr\s*=\s*["']([^"']*)["']""", tag[1])
        place = re.fullmatch(rb"([A-Z]{0,3})([0-9]{1,7})", printed[1]) if printed else None
        if place is None or int(place[2]) > _MAX_ROWS or _column(place[1]) > _MAX_COLUMNS:
            raise ParseError(f"the table has a cell at {tag[1][:40]!r}, outside any table", remedy=_DRIFT)
    if sheet.count(b"mergeCell ") > _MAX_ROWS:
        raise ParseError("the table has more merged cells than rows", remedy=_DRIFT)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def filled_cells(sheet: CalamineSheet) -> list[list[Any]]:
    """The sheet's cells with every merged range filled with its first value; rows and columns count from A1."""
    cells = sheet.to_python(skip_empty_area=False)
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
        if top >= len(cells) or left >= len(cells[top]):
            continue
        value = cells[top][left]
        for row in cells[top : bottom + 1]:
            row[left : right + 1] = [value] * len(row[left : right + 1])
    return cells
