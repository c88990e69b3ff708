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
#: Tags for each MB of the file, or of a smaller file; a written cell is two to four.
_MAX_TAGS = 400_000
#: Cells of the rectangles around all written cells, in all sheets together.
_MAX_AREA = 2_000_000
#: Bytes of all cells once each has a copy of the shared string it points to.
_MAX_TEXT = 100_000_000
_DRIFT = "the table's shape has changed: compare the stored attachment with the parser"


def open_sheets(data: bytes) -> list[CalamineSheet]:
    """The visible sheets of an xlsx file. ParseError for anything else, damaged or absurdly large."""
    if not data.startswith(b"PK\x03\x04"):
        raise ParseError(_refusal(data), remedy="try again later; the stored bytes show what came")
    try:
        packed, sheets = _checked_archive(data)
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(packed))
        if len(workbook.sheets_metadata) > sheets:
            raise ParseError("the attachment names one sheet several times", remedy=_DRIFT)
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


#: A tag's prefix is whatever its author calls the namespace.
_PREFIX = rb"""(?:[^\s<>/:"'=]+:)?"""
_OTHER = rb"""(?:\s++(?!r[\s=])[\w:.-]++\s*=\s*(?:"[^"'<>]*+"|'[^"'<>]*+'))*"""
_PLACED = re.compile(rb"<" + _PREFIX + rb"(?:c|row)(?=[\s/>])")
#: The same with exactly one `r`, and no quote within a quote: nothing else may be taken for the place.
_AT = rb"""\s+r\s*=\s*["']([A-Z]{0,3})([0-9]{1,7})["']"""
_PLACE = re.compile(_PLACED.pattern + _OTHER + _AT + _OTHER + rb"\s*/?>")
_SHEET = re.compile(rb"<" + _PREFIX + rb"(?:sheetData|worksheet|chartsheet|dialogsheet)[\s/>]")
_STRING = re.compile(rb"<" + _PREFIX + rb"si[\s/>]")
_VALUE = re.compile(rb"<" + _PREFIX + rb"v[\s/>]")
_INDEX = re.compile(rb"<" + _PREFIX + rb"v>([0-9]{1,9})</")


def _checked_archive(data: bytes) -> tuple[bytes, int]:
    """The archive rebuilt with true sizes, and its number of sheets.

    A reader allots every cell up to the farthest and copies a shared string into each, so both are counted before.
    """
    packed = io.BytesIO()
    tags = _MAX_TAGS * max(1, len(data) // 1_000_000)
    sheets: list[bytes] = []
    strings: list[int] = []
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in rebuilt_zip(data).items():
            if name.endswith((".xml", ".rels")):
                if b"\x00" in content:
                    raise ParseError("the attachment holds XML that is not UTF-8", remedy=_DRIFT)
                # Neither comments nor definitions belong there; a number could hide behind one.
                if b"<!" in content or content.count(b"<?") > 1:
                    raise ParseError("the attachment holds XML that no spreadsheet program writes", remedy=_DRIFT)
                tags -= content.count(b"<")
                if tags < 0:
                    raise ParseError("the attachment has more tags than a table of its size", remedy=_DRIFT)
            begins = [found.start() for found in _STRING.finditer(content)]
            ends = [*begins[1:], len(content)]
            strings.extend(end - begin for begin, end in zip(begins, ends, strict=False))
            if _SHEET.search(content):
                sheets.append(content)
            archive.writestr(name, content)
    _check_extent(sheets, strings)
    return packed.getvalue(), len(sheets)


def _check_extent(sheets: list[bytes], strings: list[int]) -> None:
    area, text = 0, 0
    for sheet in sheets:
        count = len(_PLACED.findall(sheet))
        places = _PLACE.findall(sheet)
        rows, columns = _extent(places)
        area += rows * columns
        if len(places) != count or rows > _MAX_ROWS or columns > _MAX_COLUMNS or area > _MAX_AREA:
            raise ParseError("the table has a cell outside any table, or without a place", remedy=_DRIFT)
        text += _copied(sheet, count, strings)
        if text > _MAX_TEXT:
            raise ParseError(f"the table's cells hold more than {_MAX_TEXT} bytes of text", remedy=_DRIFT)
        if sheet.count(b"mergeCell ") > _MAX_ROWS:
            raise ParseError("the table has more merged cells than rows", remedy=_DRIFT)


def _extent(places: list[tuple[bytes, bytes]]) -> tuple[int, int]:
    rows = max((int(row) for row in {row for _, row in places}), default=0)
    return rows, max((_column(letters) for letters in {letters for letters, _ in places}), default=0)


def _copied(sheet: bytes, cells: int, strings: list[int]) -> int:
    """Bytes of the shared strings that the cells copy, at most; a value in an unusual form may be the longest one."""
    indices = [int(index) for index in _INDEX.findall(sheet)]
    values = len(_VALUE.findall(sheet))
    if values > cells:
        raise ParseError("the table has more values than cells", remedy=_DRIFT)
    known = sum(strings[index] for index in indices if index < len(strings))
    return known + (values - len(indices)) * max(strings, default=0)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def filled_cells(sheet: CalamineSheet) -> list[list[Any]]:
    """The sheet's cells with every merged range filled with its first value; rows and columns count from A1."""
    cells = sheet.to_python(skip_empty_area=False)
    width = max(map(len, cells), default=0)
    left_over = len(cells) * width
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
        if top >= len(cells) or left >= len(cells[top]):
            continue
        left_over -= (min(bottom, len(cells) - 1) - top + 1) * (min(right, width - 1) - left + 1)
        if left_over < 0:
            raise ParseError("the table's merged ranges overlap", remedy=_DRIFT)
        value = cells[top][left]
        for row in cells[top : bottom + 1]:
            row[left : right + 1] = [value] * len(row[left : right + 1])
    return cells
