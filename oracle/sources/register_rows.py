"""Rows of a file that lists things: JSON, CSV or XLSX, to dicts by field name. Pure; bounded by `MAX_ROWS`."""

from __future__ import annotations

import csv
import io
from typing import Any, Literal

from python_calamine import CalamineError, XmlError, ZipError

from oracle.domain.canonical import parse_json
from oracle.errors import InputError
from oracle.sources.labelled_fields import DRIFT
from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import squeezed
from oracle.sources.workbook import filled_cells, open_sheets

__all__ = ["FILINGS_PER_MB", "Format", "MAX_ROWS", "ROWS_PER_MB", "read_rows"]

Format = Literal["json", "csv", "xlsx"]
MAX_ROWS = 100_000
#: A row of a list is a name at least, and so some 20 bytes.
ROWS_PER_MB = 30_000
#: A row of a register is read into a record, and is longer.
FILINGS_PER_MB = 10_000
_MAX_COLUMNS = 200
_HEADER_WITHIN = 20


def read_rows(
    data: bytes, form: Format, columns: dict[str, str], needed: tuple[str, ...], *, per_mb: int = ROWS_PER_MB
) -> list[dict[str, Any]]:
    """The rows with the fields of `columns` (field name to printed label); other columns are left out.

    JSON is an array of objects, or an object whose one array they are in. In a table the header is the first row of the
    first 20 that has the labels of all `needed` fields. A row with nothing in it is left out. ParseError otherwise,
    and for more than `per_mb` rows a MB (a smaller file counts as one): what reads a row takes its time.
    """
    if form == "json":
        rows = _json_rows(data, columns, needed)
    else:
        cells = _csv_cells(data) if form == "csv" else _xlsx_cells(data)
        rows = _table_rows(cells, columns, needed)
    most = min(MAX_ROWS, per_mb * max(1, len(data) // 1_000_000))
    if len(rows) > most:
        raise ParseError(f"the file has more than {most} rows", remedy="split it")
    return rows


def _json_rows(data: bytes, columns: dict[str, str], needed: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        content = parse_json(data, what="file")
    except InputError as error:
        raise ParseError(f"{error.where}: {error.what}", remedy=DRIFT) from None
    if isinstance(content, dict):
        arrays = [value for value in content.values() if isinstance(value, list)]
        content = arrays[0] if len(arrays) == 1 else None
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise ParseError("the file is neither an array of objects nor an object with one", remedy=DRIFT)
    if len(content) > MAX_ROWS:
        raise ParseError(f"the file has more than {MAX_ROWS} rows", remedy="split it")
    for index, row in enumerate(content):
        missing = [columns[name] for name in needed if columns[name] not in row]
        if missing:
            raise ParseError(f"row {index + 1} has no {', '.join(missing)}", remedy=DRIFT)
    return [{name: row.get(label) for name, label in columns.items()} for row in content]


def _csv_cells(data: bytes) -> list[list[Any]]:
    if b"\x00" in data:
        raise ParseError("the file holds a NUL byte", remedy="save it as CSV in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParseError(f"the file is not UTF-8 at byte {error.start}", remedy="save it as CSV in UTF-8") from None
    cells: list[list[Any]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            if len(row) > _MAX_COLUMNS or len(cells) > MAX_ROWS + _HEADER_WITHIN:
                raise ParseError(f"row {len(cells) + 1} is beyond any register's size", remedy=DRIFT)
            cells.append(list(row))
    except csv.Error as error:
        raise ParseError(f"the file is not CSV after row {len(cells)}: {error}", remedy="save it as CSV") from None
    return cells


def _xlsx_cells(data: bytes) -> list[list[Any]]:
    sheets = open_sheets(data)
    if len(sheets) != 1:
        raise ParseError(f"the file has {len(sheets)} visible sheets, one is expected", remedy="keep one sheet")
    try:
        return filled_cells(sheets[0])
    except (CalamineError, XmlError, ZipError, ValueError) as error:
        raise ParseError(f"the sheet cannot be read: {error}", remedy=DRIFT) from None


def _table_rows(cells: list[list[Any]], columns: dict[str, str], needed: tuple[str, ...]) -> list[dict[str, Any]]:
    wanted = {name: squeezed(label) for name, label in columns.items()}
    for index, row in enumerate(cells[:_HEADER_WITHIN]):
        labels = [squeezed(cell) if isinstance(cell, str) else "" for cell in row]
        if not all(wanted[name] in labels for name in needed):
            continue
        twice = [label for label in wanted.values() if labels.count(label) > 1]
        if twice:
            raise ParseError(f"the column {twice[0]} stands twice in the header", remedy=DRIFT)
        places = {name: labels.index(label) for name, label in wanted.items() if label in labels}
        found = [
            {name: line[place] if place < len(line) else None for name, place in places.items()}
            for line in cells[index + 1 :]
        ]
        return [line for line in found if any(value not in (None, "") for value in line.values())]
    raise ParseError(f"no row has the labels {', '.join(columns[name] for name in needed)}", remedy=DRIFT)
