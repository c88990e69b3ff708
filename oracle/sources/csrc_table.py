"""The status table (备案情况表), an xlsx attachment, to its rows (regulation 2.2, 10). Pure: bytes in, rows out.

Columns are found by their labels, never by position; the header has two rows, merged where a label spans both. Cells
are kept as printed, with their quirks; names are compared exactly after `fold_name`, never in part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from oracle.domain.names import fold_name
from oracle.sources.csrc_wording import plain_title
from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import XLSX_DAY_ZERO, find_date, parse_date, squeezed
from oracle.sources.workbook import filled_cells, open_sheets

__all__ = ["StatusRow", "StatusTable", "names_in", "parse_table", "table_date"]

_HEADER_WITHIN = 20
_COMPANY, _TYPE, _FILER, _STATUS, _RECEIVED, _REMARK = (
    "企业名称",
    "申报类型",
    "申报主体",
    "备案状态",
    "接收日期",
    "备注",
)
_NEEDED = (_COMPANY, _TYPE, _FILER, _STATUS)
_DRIFT = "the table's shape has changed: compare the stored attachment with the parser"

_HAN = re.compile("[\u3400-\u9fff]")
#: What stands in brackets is a second name only if it ends as a company's name does: （杭州） is part of the first.
_COMPANY_WORD = re.compile(
    r"(公司|集团|企业|合伙|limited|ltd\.?|inc\.?|corp\.?|corporation|company|llc|plc)$", re.IGNORECASE
)


@dataclass(frozen=True)
class StatusRow:
    """One row as printed; `received` is None where the cell holds no date."""

    company: str
    application_type: str
    filer: str
    status: str
    remark: str = ""
    received: date | None = None

    def names(self, folded: str) -> bool:
        """Whether the row is of the company with that folded name, as 企业名称 or as 申报主体."""
        return folded in names_in(self.company) | names_in(self.filer)


@dataclass(frozen=True)
class StatusTable:
    """A status table: the day it speaks of (截至) and its rows in order."""

    title: str
    as_of: date
    rows: tuple[StatusRow, ...]


def table_date(title: str) -> date:
    """The day a table's title speaks of: 截至YYYY年M月D日. ParseError if it names none."""
    found = find_date(title, "截至")
    if found is None:
        raise ParseError(
            f"{plain_title(title)!r} names no day (截至…)", remedy="correct tableTitle if it is no status table"
        )
    return found


def names_in(cell: str) -> frozenset[str]:
    """The folded names in a cell: the whole and, where a Latin and a Chinese name stand as `A（B）`, each of them."""
    whole = fold_name(cell)
    if whole in ("", "/", "-"):
        return frozenset()
    outer, inner = _split_brackets(whole)
    two_scripts = bool(_HAN.search(outer)) != bool(_HAN.search(inner))
    if outer and two_scripts and _COMPANY_WORD.search(inner):
        return frozenset({whole, outer, inner})
    return frozenset({whole})


def _split_brackets(name: str) -> tuple[str, str]:
    """The part before the bracket that closes at the very end, and the part within it; ("", "") if there is none."""
    depth = 0
    for index in range(len(name) - 1, -1, -1):
        if name[index] == ")":
            depth += 1
        elif name[index] == "(":
            depth -= 1
        if depth == 0:
            return (name[:index], name[index + 1 : -1]) if name[index] == "(" else ("", "")
    return "", ""


def parse_table(data: bytes, title: str) -> StatusTable:
    """The xlsx bytes of the table with that title. The sheet's own title must speak of the same day."""
    as_of = table_date(title)
    rows: list[StatusRow] = []
    found = False
    for sheet in open_sheets(data):
        cells = filled_cells(sheet)
        header = _header(cells)
        if header is None:
            continue
        found = True
        start, columns = header
        _check_day(cells[:start], as_of)
        rows.extend(_rows(cells[start:], columns))
    if not found:
        raise ParseError(f"no sheet has the columns {'、'.join(_NEEDED)}", remedy=_DRIFT)
    return StatusTable(title=title, as_of=as_of, rows=tuple(rows))


def _header(cells: list[list[Any]]) -> tuple[int, dict[str, int]] | None:
    """The first row below the header, and each label's column; None if the sheet has no such header."""
    for index, row in enumerate(cells[:_HEADER_WITHIN]):
        first = [_label(cell) for cell in row]
        if _COMPANY not in first:
            continue
        second = [_label(cell) for cell in cells[index + 1]] if index + 1 < len(cells) else []
        # The columns that are needed have one label for both rows; in a row of data at least one of them differs.
        two_rows = any(second) and all(
            below in ("", above) for above, below in zip(first, second, strict=True) if above in _NEEDED
        )
        labels = [below or above for above, below in zip(first, second, strict=True)] if two_rows else first
        return index + (2 if two_rows else 1), _columns(labels)
    return None


def _label(cell: Any) -> str:
    return squeezed(cell) if isinstance(cell, str) else ""


def _columns(labels: list[str]) -> dict[str, int]:
    for needed in _NEEDED:
        if labels.count(needed) != 1:
            raise ParseError(f"the column {needed} stands {labels.count(needed)} times in the header", remedy=_DRIFT)
    return {label: labels.index(label) for label in (*_NEEDED, _RECEIVED, _REMARK) if label in labels}


def _check_day(above: list[list[Any]], as_of: date) -> None:
    for cell in (cell for row in above for cell in row if isinstance(cell, str)):
        printed = find_date(cell, "截至")
        if printed not in (None, as_of):
            raise ParseError(
                f"the page speaks of {as_of}, its table of {printed}", remedy="read both; wait until the site agrees"
            )


def _rows(cells: list[list[Any]], columns: dict[str, int]) -> list[StatusRow]:
    rows = []
    for row in cells:
        value = {label: row[column] for label, column in columns.items()}
        if not any(_printed(value[label]) for label in (_COMPANY, _FILER, _STATUS)):
            continue
        if not _printed(value[_COMPANY]):
            raise ParseError("a row of the table has a state but no company", remedy=_DRIFT)
        rows.append(
            StatusRow(
                company=_printed(value[_COMPANY]),
                application_type=_printed(value[_TYPE]),
                filer=_printed(value[_FILER]),
                status=_printed(value[_STATUS]),
                remark=_printed(value.get(_REMARK, "")),
                received=_day(value.get(_RECEIVED, "")),
            )
        )
    return rows


def _printed(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).replace("\x00", "").strip()


def _day(cell: Any) -> date | None:
    """A date cell, a printed date, or the serial number of a cell that lost its date format."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    if isinstance(cell, float | int) and 1 <= cell < 100_000:
        return XLSX_DAY_ZERO + timedelta(days=int(cell))
    try:
        return parse_date(cell) if isinstance(cell, str) else None
    except ParseError:
        return None
