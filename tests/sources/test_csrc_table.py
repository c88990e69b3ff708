"""The status table: real rows, their quirks, and files that are not what they should be."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from oracle.domain.names import fold_name
from oracle.sources.bounded_zip import rebuilt_zip
from oracle.sources.csrc_table import names_in, parse_table, table_date
from oracle.sources.parse_error import ParseError
from tests.standin.csrc_content import ROWS_FILE, table_xlsx

REAL = json.loads(ROWS_FILE.read_text("utf-8"))
TITLE = REAL["title"]
ROWS = tuple(tuple((key, str(row[key])) for key in REAL["columns"]) for row in REAL["rows"])
HEADER = ["序号", "企业名称", "申报类型", "申报主体", "备案状态"]


def workbook(*rows: list[Any], hidden: bool = False) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(row)
    if hidden:
        book.create_sheet("注")
        sheet.sheet_state = "hidden"
        book.active = 1
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def changed(data: bytes, entry: str, old: bytes, new: bytes) -> bytes:
    """The archive with a replacement in one of its entries."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(packed, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name == entry:
                assert old in content
                content = content.replace(old, new, 1)
            after.writestr(name, content)
    return packed.getvalue()


# --- the real rows ----------------------------------------------------------------------------------------------------


def test_parse_table__real_rows__all_of_them_as_published() -> None:
    table = parse_table(table_xlsx(TITLE, ROWS), TITLE)
    assert table.as_of == date(2026, 9, 30)
    assert len(table.rows) == len(REAL["rows"])
    for parsed, published in zip(table.rows, REAL["rows"], strict=True):
        assert parsed.company == published["企业名称"]
        assert parsed.application_type == published["申报类型"]
        assert parsed.filer == published["申报主体"]
        assert parsed.status == published["备案状态"]
        assert parsed.remark == published["备注"]
        assert parsed.received is not None


@pytest.mark.parametrize("row", [(row,) for row in REAL["rows"]], ids=lambda cell: cell[0]["序号"])
def test_parse_table__name_as_published__matches_its_row_only(row: tuple[dict[str, str]]) -> None:
    table = parse_table(table_xlsx(TITLE, ROWS), TITLE)
    found = [parsed for parsed in table.rows if parsed.names(fold_name(row[0]["企业名称"]))]
    assert [parsed.company for parsed in found] == [row[0]["企业名称"]]


@pytest.mark.parametrize(
    ("cell", "name"),
    (
        ("Lemeng Holdings Limited （乐盟控股有限公司）", "乐盟控股有限公司"),
        ("Semidux (Cayman) Holding Limited（杰微开曼国际控股公司）", "Semidux (Cayman) Holding Limited"),
        ("QMSK Technology Co.,Ltd (青民数科科技有限公司）", "青民数科科技有限公司"),
        ("Yunhuisuan （Cayman）Technology Ltd", "Yunhuisuan(Cayman) Technology Ltd"),
        ("关于微泰医疗器械（杭州）股份有限公司", "关于微泰医疗器械(杭州)股份有限公司"),
        ("红石阳光\n（北京）科技股份有限公司", "红石阳光（北京）科技股份有限公司"),
        ("ABC Ltd（甲（杭州）有限公司）", "甲（杭州）有限公司"),
        ("甲控股有限公司（ABC Holdings Limited）", "甲控股有限公司"),
    ),
)
def test_names_in__cell_with_quirks__holds_the_name(cell: str, name: str) -> None:
    assert fold_name(name) in names_in(cell)


@pytest.mark.parametrize(
    ("cell", "name"),
    (
        ("甲科技有限公司（杭州）", "甲科技有限公司"),
        ("某某集团（Cayman）", "某某集团"),
        ("ABC Holdings（杭州）", "ABC Holdings"),
        ("甲科技有限公司上海分公司", "甲科技有限公司"),
        ("大甲科技有限公司", "甲科技有限公司"),
        ("abc limited", "ABC Limited"),
        ("/", "/"),
        ("", ""),
        ("甲)有限公司)", "有限公司"),
    ),
)
def test_names_in__part_of_a_name__is_no_name(cell: str, name: str) -> None:
    assert fold_name(name) not in names_in(cell)


# --- other layouts ----------------------------------------------------------------------------------------------------


def test_parse_table__columns_elsewhere__found_by_label() -> None:
    data = workbook(["备案\n状态", "", "申报主体", "企业名称", "申报类型"], ["已接收", "", "乙", "甲", "丙"])
    row = parse_table(data, TITLE).rows[0]
    assert (row.company, row.filer, row.application_type, row.status) == ("甲", "乙", "丙", "已接收")


def test_parse_table__company_merged_over_two_rows__stands_in_both() -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    for cells in (HEADER, [1, "甲", "a", "/", "已接收"], [2, None, "b", "/", "征求意见"]):
        sheet.append(cells)
    sheet.merge_cells("B2:B3")
    file = io.BytesIO()
    book.save(file)
    assert [(row.company, row.status) for row in parse_table(file.getvalue(), TITLE).rows] == [
        ("甲", "已接收"),
        ("甲", "征求意见"),
    ]


@pytest.mark.parametrize(
    ("cell", "received"),
    (
        ("2026年11月2日", date(2026, 11, 2)),
        (datetime(2026, 11, 2), date(2026, 11, 2)),  # noqa: DTZ001 - a spreadsheet's dates have no zone
        (46328, date(2026, 11, 2)),
        ("待定", None),
    ),
)
def test_parse_table__date_in_any_form__read(cell: Any, received: date | None) -> None:
    data = workbook([*HEADER, "接收日期"], [1, "甲", "a", "/", "已接收", cell])
    assert parse_table(data, TITLE).rows[0].received == received


def test_parse_table__empty_rows_and_remarks_below__skipped() -> None:
    data = workbook(HEADER, [1, "甲", "a", "/", "已接收"], [], ["注：以上信息每周更新"])
    assert len(parse_table(data, TITLE).rows) == 1


def test_parse_table__no_rows__empty() -> None:
    assert parse_table(workbook(HEADER), TITLE).rows == ()


@pytest.mark.parametrize(
    ("data", "problem"),
    (
        (b"", "begins with nothing"),
        (b"\xd0\xcf\x11\xe0", "begins with d0cf11e0"),
        (b" <HTML><body>", "a web page came instead"),
        (b"PK\x03\x04 and nothing more", "damaged zip"),
        (workbook(["企业名称", "申报主体"], ["甲", "乙"]), "the column 申报类型 stands 0 times"),
        (workbook([*HEADER, "备案状态"]), "the column 备案状态 stands 2 times"),
        (workbook(["什么"]), "no sheet has the columns"),
        (workbook(HEADER, [1, "甲", "a", "/", "已接收"], hidden=True), "no sheet has the columns"),
        (workbook(HEADER, [1, None, "a", "/", "已接收"]), "a state but no company"),
        (workbook(["截至2026年9月23日"], HEADER), "speaks of 2026-09-30, its table of 2026-09-23"),
    ),
)
def test_parse_table__not_the_table__refused(data: bytes, problem: str) -> None:
    with pytest.raises(ParseError, match=problem):
        parse_table(data, TITLE)


def test_table_date__title_without_a_day__refused() -> None:
    with pytest.raises(ParseError, match="names no day"):
        table_date("备案情况表")


# --- hostile files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    (
        (b'r="A1"', b'r="XFD1048576"'),
        (b'r="A1"', b'r="ZZZZ1"'),
        (b'r="A1"', b""),
        (b'<row r="1"', b'<row r="1048576"'),
    ),
)
def test_parse_table__cell_far_away__refused_before_the_reader_allots_it(old: bytes, new: bytes) -> None:
    data = changed(workbook(HEADER), "xl/worksheets/sheet1.xml", old, new)
    with pytest.raises(ParseError, match="outside any table"):
        parse_table(data, TITLE)


def test_parse_table__xml_in_utf_16__refused() -> None:
    data = changed(workbook(HEADER), "xl/worksheets/sheet1.xml", b"<worksheet", "<worksheet".encode("utf-16"))
    with pytest.raises(ParseError, match="not UTF-8"):
        parse_table(data, TITLE)


def archive(entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as file:
        for name, content in entries:
            file.writestr(name, content)
    return packed.getvalue()


def test_rebuilt_zip__declared_size_too_large__refused() -> None:
    with pytest.raises(ParseError, match="unpacks to more than 1000"):
        rebuilt_zip(archive([("a", b"0" * 600), ("b", b"0" * 600)]), max_unpacked=1000)


def test_rebuilt_zip__declared_size_lies__refused() -> None:
    data = archive([("a", b"0" * 5_000_000)])
    lying = data.replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != data
    with pytest.raises(ParseError, match=r"damaged zip archive|larger than it declares"):
        rebuilt_zip(lying, max_unpacked=1000)


def test_rebuilt_zip__too_many_entries__refused() -> None:
    with pytest.raises(ParseError, match="3 entries, more than 2"):
        rebuilt_zip(archive([("a", b""), ("b", b""), ("c", b"")]), max_entries=2)


def test_rebuilt_zip__unusual_packing__refused() -> None:
    with pytest.raises(ParseError, match="packed in an unusual way"):
        rebuilt_zip(archive([("a", b"x")], zipfile.ZIP_BZIP2))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_rebuilt_zip__name_twice__refused() -> None:
    with pytest.raises(ParseError, match="two entries of one name"):
        rebuilt_zip(archive([("a", b"x"), ("a", b"y")]))


XLSX = table_xlsx(TITLE, ROWS[:2])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(XLSX) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_parse_table__damaged_bytes__rows_or_parse_error(damage: list[tuple[int, int]]) -> None:
    data = bytearray(XLSX)
    for place, value in damage:
        data[place] = value
    try:
        assert len(parse_table(bytes(data), TITLE).rows) <= 2
    except ParseError:
        return


SHEET = rebuilt_zip(XLSX)["xl/worksheets/sheet1.xml"]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(SHEET) - 1),
    st.integers(0, 30),
    st.sampled_from([b"", b"<", b'"', b"<v>9</v>", b't="s"', b"&#0;"]),
)
def test_parse_table__damaged_sheet__rows_or_parse_error(place: int, length: int, put: bytes) -> None:
    damaged = SHEET[:place] + put + SHEET[place + length :]
    data = changed(XLSX, "xl/worksheets/sheet1.xml", SHEET, damaged)
    try:
        assert len(parse_table(data, TITLE).rows) <= 2
    except ParseError:
        return
