"""A megabyte of the worst that each parser can be given: its own error or an answer, within two seconds of CPU time.

A file smaller than a megabyte counts as one, so that what a few kB unpack to is bounded too. CPU time is counted, not
the clock, and held against the machine's pace: a loaded machine does not fail these tests. What grows with the square
of the size takes ten seconds and more.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any

import pytest
from openpyxl import Workbook

from oracle.domain.canonical import parse_json
from oracle.domain.dossier import parse_dossier
from oracle.domain.names import fold_name, fold_number
from oracle.errors import FilingGateError
from oracle.evidence.warc import CapturedExchange, read_warc, warc_bytes
from oracle.signing.recovery import recover
from oracle.sources.csrc_lists import parse_channel, parse_list
from oracle.sources.csrc_pages import parse_list_shell
from oracle.sources.csrc_parse import parse_notice, parse_withdrawal
from oracle.sources.csrc_requests import mention_of, near_names, requested
from oracle.sources.csrc_table import parse_table
from oracle.sources.csrc_wording import Wording
from oracle.sources.detached_signature import verify
from oracle.sources.docx_text import docx_lines
from oracle.sources.http_json import HttpJsonConfig, stated_in
from oracle.sources.manual_statement import parse_statement
from oracle.sources.registry_file import RegistryFileConfig, rows_of
from oracle.sources.screening import ScreeningConfig, entries_of
from tests.pace import within
from tests.sources.minisign_key import MinisignKey
from tests.sources.test_csrc_parse import COMPANY, notice_page

MB = 1_000_000
WORDING = Wording()
KEY = MinisignKey(1)
TITLE = "备案情况表（截至2026年9月30日）"
HEADER = ["企业名称", "申报类型", "申报主体", "备案状态"]
REGISTER = RegistryFileConfig(path="r", format="json", minisign_keys=[KEY.public])
LIST = ScreeningConfig.model_validate(
    {"path": "x", "format": "csv", "adverse": "PENALTY", "version": "1", "as_of": "2026-11-20"}
)
API = HttpJsonConfig.model_validate(
    {
        "url": "https://e.org/",
        "items": "/d",
        "fields": {"number": "/number", "entityName": "/name", "status": "/status"},
    }
)


def worst(name: str, parse: Callable[[bytes], object], make: Callable[[], bytes]) -> Any:
    return pytest.param(parse, make, id=name)


def full(piece: str | bytes) -> bytes:
    raw = piece.encode() if isinstance(piece, str) else piece
    return raw * (MB // len(raw))


# --- pages ------------------------------------------------------------------------------------------------------------


def page(text: str) -> bytes:
    return notice_page(text)


def outside(text: str) -> bytes:
    """The notice with more before its text, where labels are looked for."""
    return notice_page().decode().replace("<h2>", text + "<h2>").encode()


PAGES = {
    "one tag": lambda: page("<p>" * 14_000),
    "divs in divs": lambda: page("<div>" * 14_000),
    "divs before the text": lambda: outside("<div>" * 14_000),
    "more tags than a page has": lambda: page("<p>" * 300_000),
    "formatting never closed": lambda: page("".join(f"<b id={n}>" for n in range(7000)) + "</p><p>x" * 3000),
    "links never closed": lambda: page("".join(f"<a id={n}><div>" for n in range(3000)) + "</p><p>x" * 3000),
    "attributes": lambda: page("<p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">"),
    "attributes in many tags": lambda: page(("<p " + " ".join(f"a{n}" for n in range(95)) + ">") * 2500),
    "attributes behind quotes": lambda: page("<p a='" * 7000 + '<p b="' * 7000),
    "tags in tags": lambda: page(("<p " * 95 + ">") * 140),
    "blanks in a tag": lambda: page("<p" + " " * MB),
    "labels": lambda: outside("<p>文号：国合函〔2026〕1号</p>" * 6000),
    "labels in each other": lambda: outside("<b>文号</b><div>" * 4000),
    "values": lambda: outside("".join(f"<p>文号：{n}</p>" for n in range(7000))),
    "lines": lambda: page("a\n" * 490_000),
    "marks": lambda: page("\u0300\u0316" * 240_000),
    "half-width marks": lambda: page("\uff9e\u0316" * 190_000),
    "letters that grow": lambda: page("\ufdfa" * 330_000),
    "clauses": lambda: page("，" * 330_000),
    "entities": lambda: page("&#x5b57;" * 120_000),
    "amounts": lambda: page("规模人民币1" * 50_000),
    "amounts that never end": lambda: page("发行1" + "万1" * 240_000),
    "scales": lambda: page(("发行1" + "万" * 40 + "x") * 7000),
    "no page": lambda: full("<"),
    "NUL": lambda: full("\x00"),
    "comment": lambda: page("<!--" * 14_000),
    "title": lambda: notice_page(title="关于撤销" * 120),
}

# --- lists ------------------------------------------------------------------------------------------------------------


def listed(**item: Any) -> bytes:
    return json.dumps({"data": {"total": 1, "results": [{"title": "x", "url": "y", **item}]}}).encode()


def metadata(entries: list[dict[str, str]]) -> bytes:
    return listed(domainMetaList=[{"resultList": entries}])


LISTS = {
    "items": lambda: b'{"data":{"total":1,"results":[' + b",".join([b'{"title":"x","url":"y"}'] * 40_000) + b"]}}",
    "nested": lambda: b'{"data":' + b"[" * MB,
    "keys": lambda: b'{"data":{' + b",".join(b'"%d":1' % n for n in range(90_000)) + b"}}",
    "long numbers": lambda: b'{"data":{"total":[' + b",".join([b"9" * 4000] * 240) + b"]}}",
    "labels": lambda: metadata([{"key": f"k{n}", "value": "1"} for n in range(28_000)]),
    "values of one label": lambda: metadata([{"key": "文号", "value": f"{n}"} for n in range(20_000)]),
    "marks": lambda: metadata([{"key": "文号", "value": "\u0300\u0316" * 950} for _ in range(80)]),
    "markup": lambda: listed(contentHtml="<" * MB),
    "ampersands": lambda: listed(contentHtml="&a" * (MB // 2)),
    "entities": lambda: listed(contentHtml="&notanentityatallxxxxxxxxxxxxxxxx " * 30_000),
    "a character that does not exist": lambda: listed(contentHtml="&#" + "9" * 5000),
    "titles": lambda: b'{"data":{"total":1,"results":[' + b",".join([title()] * 600) + b"]}}",
    "brackets": lambda: full("["),
}


def title() -> bytes:
    return json.dumps({"title": "撤销撤回" * 125, "url": "y"}, ensure_ascii=False).encode()


def titles(data: bytes) -> object:
    """What the source asks of each title of a list."""
    return [
        (WORDING.withdrawal(item.title), WORDING.notice_entity(item.title), WORDING.is_table(item.title))
        for item in parse_list(data).items
    ]


# --- spreadsheets and documents ---------------------------------------------------------------------------------------


@cache
def parts() -> dict[str, bytes]:
    book = Workbook()
    book.worksheets[0].append(HEADER)
    file = io.BytesIO()
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


SHEET, STRINGS, BOOK = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml"


def sheet(rows: bytes = b"", end: bytes = b"", **changed: bytes) -> bytes:
    files = dict(parts())
    files[SHEET] = files[SHEET].replace(b"</sheetData>", rows + b"</sheetData>")
    files[SHEET] = files[SHEET].replace(b"</worksheet>", end + b"</worksheet>")
    return packed({**files, **{STRINGS: changed.get("strings", strings()), BOOK: changed.get("book", files[BOOK])}})


def cells(count: int, text: bytes) -> bytes:
    return b"".join(b'<row r="%d"><c r="A%d" t="s">%s</c></row>' % (n, n, text) for n in range(2, count + 2))


def strings(*texts: bytes) -> bytes:
    own = b"".join(b"<si><t>%s</t></si>" % text for text in (*(label.encode() for label in HEADER), *texts))
    return b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">' + own + b"</sst>"


RELATIONS = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
FAR = b'<row r="%d"><c r="%s%d" t="n"><v>1</v></c></row>'
WORKBOOKS = {
    "cells": lambda: sheet(cells(43_000, b"<v>0</v>")),
    "more cells than a file of its size has": lambda: sheet(cells(49_000, b"<v>0</v>") * 4),
    "one cell again and again": lambda: sheet(b'<c r="A1"/>' * 380_000),
    "the largest rectangle": lambda: sheet(FAR % (50_000, b"AN", 50_000)),
    "a far cell behind a quote": lambda: sheet(b'<row r="2"><c x=\' r="A1"\' r="XFD1048576"/></row>'),
    "a far cell of another prefix": lambda: sheet(b'<x-y:c r="XFD1048576" xmlns:x-y="a"/>'),
    "a long shared string in each": lambda: sheet(cells(20_000, b"<v>4</v>"), strings=strings(b"x" * 100_000)),
    "a long shared string by another spelling": lambda: sheet(
        cells(20_000, b"<v>&#52;</v>"), strings=strings(b"x" * 100_000)
    ),
    "shared strings": lambda: sheet(strings=strings(*([b""] * 190_000))),
    "merged ranges over each other": lambda: sheet(
        FAR % (20_000, b"T", 20_000), b"<mergeCells>" + b'<mergeCell ref="A2:T20000"/>' * 2000 + b"</mergeCells>"
    ),
    "merged ranges": lambda: sheet(
        FAR % (45_000, b"T", 45_000),
        b"<mergeCells>" + b"".join(b'<mergeCell ref="A%d:T%d"/>' % (n, n) for n in range(2, 45_000)) + b"</mergeCells>",
    ),
    "one sheet under many names": lambda: sheet(
        FAR % (50_000, b"AN", 50_000),
        book=parts()[BOOK].replace(
            b"</sheets>",
            b"".join(
                b'<sheet name="s%d" sheetId="%d" r:id="rId1" xmlns:r="%s"/>' % (n, n, RELATIONS) for n in range(2, 900)
            )
            + b"</sheets>",
        ),
    ),
    "blanks": lambda: sheet(end=b" " * 49_000_000),
    "more than may be unpacked": lambda: sheet(end=b" " * 90_000_000),
    "other tags": lambda: sheet(end=b"<a/>" * 380_000),
    "definitions": lambda: packed({**parts(), SHEET: b'<!DOCTYPE a [<!ENTITY b "c">]>' + parts()[SHEET]}),
    "entries": lambda: packed({**parts(), **{f"x{n}": b"" for n in range(5000)}}),
    "no archive": lambda: b"PK\x03\x04" + b"\x00" * MB,
    "beginnings of archives": lambda: full(b"PK\x01\x02PK\x05\x06"),
}
WORD = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'


def docx(text: bytes) -> bytes:
    return packed({"word/document.xml": WORD + text + b"</w:document>"})


DOCUMENTS = {
    "paragraphs": lambda: docx(b"<w:p/>" * 99_000),
    "more tags than a document has": lambda: docx(b"<w:p/>" * 3_000_000),
    "text": lambda: docx(b"<w:t>" + "字".encode() * 6_500_000 + b"</w:t>"),
    "lines": lambda: docx(b"<w:t>" + b"a\n" * 400_000 + b"</w:t>"),
    "marks": lambda: docx(b"<w:t>" + "\u0300\u0316".encode() * 250_000 + b"</w:t>"),
    "attributes": lambda: docx(b"<w:t " + b" ".join(b"a%d='1'" % n for n in range(90_000)) + b"/>"),
    "names": lambda: docx(b"".join(b"<a%d/>" % n for n in range(99_000))),
    "nested": lambda: docx(b"<a>" * 99_000),
}

# --- registers, lists of offenders, answers ---------------------------------------------------------------------------


def register(data: bytes, form: Any) -> object:
    return rows_of(data, REGISTER.model_copy(update={"format": form}))


def offenders(data: bytes, form: Any) -> object:
    return entries_of(data, LIST.model_copy(update={"format": form}))


def filings(count: int, **more: str) -> bytes:
    row = {"number": "1", "entityName": "a", "status": "FILED", "decisionDate": "2026-1-1", **more}
    return json.dumps([row] * count).encode()


REGISTERS = {
    "rows": (lambda: filings(10_000), "json"),
    "more rows than a register of its size has": (lambda: filings(14_000), "json"),
    "rows of little": (lambda: b"number,entityName,status\n" + b"1,a,b\n" * 99_000, "csv"),
    "columns": (lambda: full(","), "csv"),
    "quotes": (lambda: full('"'), "csv"),
    "lines": (lambda: full("\n"), "csv"),
    "one cell": (lambda: b"number,entityName,status\n" + b"x" * MB, "csv"),
    "nested": (lambda: full('{"a":'), "json"),
    "marks": (lambda: filings(1, number="1" + "\u0300\u0316" * 80_000), "json"),
    "cells": (lambda: sheet(cells(43_000, b"<v>0</v>")), "xlsx"),
}
OFFENDERS = {
    "names": (lambda: b"name\n" + "某某某\n".encode() * 30_000, "csv"),
    "codes": (lambda: b"name,uscc\n" + "某,91310000MA0000000Y\n".encode() * 30_000, "csv"),
    "days": (lambda: b"name,since\n" + "某,2026-1-1\n".encode() * 30_000, "csv"),
    "marks": (lambda: b"name\n" + ("\u0300\u0316" * 490 + "\n").encode() * 500, "csv"),
    "more rows than a list of its size has": (lambda: b"name\n" + b"a\n" * 99_000, "csv"),
}
ANSWERS = {
    "items": lambda: b'{"d":[' + b",".join([b'{"number":"1","name":"a","status":"FILED"}'] * 10_000) + b"]}",
    "nested": lambda: full('{"d":['),
    "escapes": lambda: b'{"d":"' + b"\\u0061" * 150_000 + b'"}',
    "digits": lambda: full("1"),
}

# --- the rest ---------------------------------------------------------------------------------------------------------

NAMES = tuple("甲丙乙丁" * 29 + str(n) for n in range(9000))
DOSSIERS = {
    "assets": lambda: b'{"assets":[' + b",".join([b'{"cashflow":{"periods":[{}]}}'] * 4900) + b"]}",
    "more objects than a dossier has": lambda: b'{"assets":[' + b",".join([b'{"cashflow":{}}'] * 60_000) + b"]}",
    "keys": lambda: b"{" + b",".join(b'"k%d":1' % n for n in range(59_000)) + b"}",
    "marks": lambda: b'{"preparedBy":"' + ("a" + "\u0300\u0316" * 240_000).encode() + b'"}',
    "nested": lambda: full("["),
}
TOMLS = {
    "a key of many parts": lambda: b".".join([b"a"] * 490_000) + b"=1",
    "a table of many parts": lambda: b"[" + b" . ".join([b'"a"'] * 160_000) + b"]",
    "one word": lambda: full("a"),
    "keys of some parts": lambda: (b".".join([b"a"] * 29) + b"x\n") * 17_000,
    "tables": lambda: b"".join(b"[a.b%d]\n" % n for n in range(50_000)),
    "rows": lambda: b"[[a]]\n" * 50_000,
    "keys": lambda: b"a={" + b",".join(b"b%d=1" % n for n in range(50_000)) + b"}",
    "values": lambda: b"a=[" + b"1," * 59_000 + b"]",
    "escapes": lambda: b'a="' + b"\\u0061" * 59_000 + b'"',
    "nested": lambda: b"a=" + b"[" * 59_000,
    "comment": lambda: b"#" * MB,
    "lines": lambda: full("\n"),
    "text": lambda: b'a="""' + b"x " * 490_000 + b'"""',
}


def warc(**facts: Any) -> bytes:
    return warc_bytes(
        CapturedExchange(url="https://e.org/", captured_at="2026-11-20T00:00:00+00:00", status=200, **facts)
    )


WARCS = {
    "body": lambda: warc(body=b"x" * MB),
    "headers": lambda: warc(headers=tuple((f"a{n}", "b") for n in range(60_000))),
    "record headers": lambda: b"WARC/1.1\r\n" + b"a:b\r\n" * 200_000,
    "folded headers": lambda: b"WARC/1.1\r\n" + b"a: b\r\n c\r\n" * 90_000,
    "lines": lambda: b"WARC/1.1\r\n" + b"\r\n" * 490_000,
    "one line": lambda: b"WARC/1.1\r\n" + b"a" * MB,
    "records": lambda: warc()[:-4] * 600,
    "a record that promises more": lambda: b"WARC/1.1\r\nContent-Length: 999999999999\r\n\r\n" + b"x" * MB,
}
CASES = [
    *(worst(f"notice: {n}", partial(parse_notice, wording=WORDING), make) for n, make in PAGES.items()),
    worst(
        "withdrawal: numbers",
        partial(parse_withdrawal, wording=WORDING),
        lambda: notice_page("〔2026〕" * 90_000, title=f"关于撤销{COMPANY}备案的公告"),
    ),
    worst("list page: nested", parse_list_shell, lambda: b"<div>" * 14_000),
    worst("list page: fields", parse_list_shell, lambda: b'<input id="channelid">' * 14_000),
    *(worst(f"list: {n}", titles, make) for n, make in LISTS.items()),
    worst("channels: children", partial(parse_channel, code="c1"), lambda: channels()),
    *(worst(f"table: {n}", partial(parse_table, title=TITLE), make) for n, make in WORKBOOKS.items()),
    *(worst(f"docx: {n}", docx_lines, make) for n, make in DOCUMENTS.items()),
    *(worst(f"register: {n}", partial(register, form=form), make) for n, (make, form) in REGISTERS.items()),
    *(worst(f"offenders: {n}", partial(offenders, form=form), make) for n, (make, form) in OFFENDERS.items()),
    worst("offenders: cells", partial(offenders, form="xlsx"), WORKBOOKS["cells"]),
    *(worst(f"answer: {n}", partial(stated_in, config=API), make) for n, make in ANSWERS.items()),
    *(worst(f"dossier: {n}", partial(parse_dossier, what="d"), make) for n, make in DOSSIERS.items()),
    *(worst(f"dossier toml: {n}", partial(parse_dossier, what="d", toml=True), make) for n, make in TOMLS.items()),
    *(worst(f"warc: {n}", partial(read_warc, where="w"), make) for n, make in WARCS.items()),
    worst("statement: nested", partial(parse_statement, name="s"), lambda: full('{"a":')[:50_000]),
    worst("statement: marks", partial(parse_statement, name="s"), lambda: b'{"number":"%s"}' % marks(8000)),
    worst("json: escapes", partial(parse_json, what="j"), lambda: b'"' + b"\\u00e9" * 160_000 + b'"'),
    worst("signature: lines", lambda d: verify(b"", d, [KEY.public], [], recover), lambda: b"\n" * 9_999),
    worst("requests: short lines", lambda d: requested(d.decode().splitlines(), COMPANY), lambda: full("一\n")),
    worst("requests: headings", lambda d: requested(d.decode().splitlines(), COMPANY), lambda: full(f"大{COMPANY}\n")),
    worst("mentions: the name", lambda d: mention_of(d.decode(), COMPANY), lambda: full(COMPANY)),
    worst("mentions: one letter", lambda d: mention_of(d.decode(), "甲" * 50), lambda: full("甲")),
    worst("near names: alike", lambda d: near_names("甲乙丙丁" * 30, NAMES), lambda: b""),
    worst("name: marks", lambda d: fold_name(d.decode()), lambda: marks(250_000)),
    worst("name: marks between blanks", lambda d: fold_name(d.decode()), lambda: full("\u0300 \u0316 ")),
    worst("number: brackets", lambda d: fold_number(d.decode()), lambda: full("（")),
]  # fmt: skip


def channels() -> bytes:
    return b'{"results":[' + b",".join([b'{"channelCode":"c2","children":[{}]}'] * 26_000) + b"]}"


def marks(count: int) -> bytes:
    return ("a" + "\u0300\u0316" * count).encode()


@pytest.mark.parametrize(("parse", "make"), CASES)
def test_parser__worst_shape__own_error_or_answer_within_two_seconds_per_mb(
    parse: Callable[[bytes], object], make: Callable[[], bytes]
) -> None:
    data = make()

    def read() -> None:
        with suppress(FilingGateError):
            parse(data)

    assert within(2 * max(1.0, len(data) / MB), read)
