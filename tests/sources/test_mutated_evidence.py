"""Evidence that does not hold the number and the name never gives FILED; what only looks different still does.

Every source is asked for one filing while its evidence says another number, another name, or the asked one in the wrong
place. Level 2 is enough here, so that nothing but the number and the name stands between the evidence and FILED.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.lifecycle import MINTABLE, LifeCycle
from oracle.domain.names import fold_name, fold_number
from oracle.errors import FilingGateError
from oracle.evidence.store import EvidenceStore
from oracle.evidence.warc import CapturedExchange, read_warc, warc_bytes
from oracle.rules.agreement import standing_from
from oracle.rules.policy import Policy
from oracle.signing.recovery import recover
from oracle.sources.csrc import CsrcConfig, CsrcSource
from oracle.sources.csrc_lists import parse_list
from oracle.sources.csrc_parse import listed_number, parse_notice
from oracle.sources.csrc_requests import requested
from oracle.sources.csrc_table import parse_table
from oracle.sources.csrc_wording import Wording
from oracle.sources.docx_text import docx_lines
from oracle.sources.http_json import HttpJsonConfig, HttpJsonSource, stated_in
from oracle.sources.manual import ManualConfig, ManualSource
from oracle.sources.parse_error import ParseError
from oracle.sources.registry_file import RegistryFileConfig, RegistryFileSource, rows_of
from oracle.sources.screening import ScreeningConfig, entries_of
from oracle.sources.stated_filing import FIELDS
from tests.sources.file_server import FileServer
from tests.sources.minisign_key import MinisignKey
from tests.sources.test_csrc_parse import list_bytes, notice_page
from tests.sources.test_csrc_table import SHEET, TITLE, XLSX, changed
from tests.sources.test_manual import PERSONS, signed, statement
from tests.standin.csrc_content import docx_bytes
from tests.standin.csrc_site import CsrcSite

NUMBER, COMPANY = "国合函〔2026〕886号", "苏州恒信（中国）供应链管理有限公司"
ASKED = FilingQuery(number=NUMBER, entity_name=COMPANY)
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
POLICY = Policy(min_level=2)
KEY = MinisignKey(1)

SAME_NUMBERS = (
    NUMBER,
    "国合函〔２０２６〕８８６号",
    "国合函[2026]886号",
    "国合函【2026】 886号",
    "国合函（2026）886号",
    "国合函〔2026〕⑧86号",
    "国合函\u3000〔2026〕\u200b886\xa0号",
)
OTHER_NUMBERS = (
    "国合函〔2026〕8860号",
    "国合函〔2026〕88号",
    "国合函〔2026〕０８８６号",
    "国合函〔2025〕886号",
    "国合函〔2026〕886",
    "囯合函〔2026〕886号",
    "国合函⟦2026⟧886号",
    "大国合函〔2026〕886号",
    "国合函〔2026〕८८६号",
    "国合函〔2026〕886号等",
    "国合函〔2026〕886号、国合函〔2026〕887号",
)
SAME_NAMES = (
    COMPANY,
    "苏州恒信(中国)供应链管理有限公司",
    "苏州恒信〔中国〕供应链管理有限公司",
    "苏州恒信﹙中国﹚供应链 管理有限公司",
    "\u3000苏州恒信（中国）\u200b供应链管理有限公司\xa0",
)
OTHER_NAMES = (
    "苏州恒信（中国）供应链管理有限公司二厂",
    "苏州恒信（中国）供应链管理有限",
    "大苏州恒信（中国）供应链管理有限公司",
    "苏州恆信（中国）供应链管理有限公司",
    "苏州恒信中国供应链管理有限公司",
    "苏州恒信⦅中国⦆供应链管理有限公司",
    "苏州恒信<中国>供应链管理有限公司",
    "苏州恒信（中国）供应链管理有限公司（上海）",
    "苏州恒信（中国）（中国）供应链管理有限公司",
    "另一家有限公司",
)


def strange(text: str) -> st.SearchStrategy[str]:
    """The text with one character dropped, doubled, or put in place of another."""

    def bent(place: int, put: str, length: int) -> str:
        return text[:place] + put + text[place + length :]

    return st.builds(
        bent, st.integers(0, len(text) - 1), st.sampled_from(("", "0", "一", "(", "〔", "a")), st.integers(0, 2)
    )


NUMBERS = st.sampled_from(OTHER_NUMBERS + SAME_NUMBERS) | strange(NUMBER)
NAMES = st.sampled_from(OTHER_NAMES + SAME_NAMES) | strange(COMPANY)


def says_otherwise(number: str, name: str) -> bool:
    return fold_number(number) != fold_number(NUMBER) or fold_name(name) != fold_name(COMPANY)


# --- each source, saying a number and a name --------------------------------------------------------------------------

#: (number, name, what it says beside them in places that decide nothing) to what the source observes.
Teller = Callable[[str, str, str], list[Observation]]


def stated(number: str, name: str, beside: str) -> dict[str, Any]:
    return {
        "number": number,
        "entityName": name,
        "status": "已备案",
        "decisionDate": "2026-11-20",
        "remark": beside,
        "文号": NUMBER,
        "企业名称": COMPANY,
    }


def as_json(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"filings": rows}, ensure_ascii=False).encode()


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    quoted = [['"' + str(cell).replace('"', '""') + '"' for cell in row.values()] for row in rows]
    return "\r\n".join([",".join(rows[0]), *(",".join(row) for row in quoted)]).encode()


def as_xlsx(rows: list[dict[str, Any]]) -> bytes:
    book = Workbook()
    book.worksheets[0].append(["登记册", NUMBER, COMPANY])
    book.worksheets[0].append(list(rows[0]))
    for row in rows:
        book.worksheets[0].append(list(row.values()))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def of_register(folder: Path, form: str, write: Callable[[list[dict[str, Any]]], bytes]) -> Teller:
    def tell(number: str, name: str, beside: str) -> list[Observation]:
        data = write([stated(number, name, beside), stated("国合函〔2026〕1号", "别的有限公司", NUMBER + COMPANY)])
        (folder / "register").write_bytes(data)
        (folder / "register.minisig").write_bytes(KEY.sign(data, comment=f"timestamp:{int(NOW.timestamp())}"))
        config = RegistryFileConfig.model_validate({"path": "register", "format": form, "minisignKeys": [KEY.public]})
        (folder / "seen").mkdir(exist_ok=True)
        for seen in (folder / "seen").iterdir():
            seen.unlink()
        store = EvidenceStore(folder / "evidence")
        source = RegistryFileSource(config, store, lambda: NOW, recover=recover, base=folder, state=folder / "seen")
        return source.observe(ASKED)

    return tell


def of_api(folder: Path, server: FileServer) -> Teller:
    names = ("number", "entityName", "status", "decisionDate")
    facts = {"url": server.url + "/v1?n={number}", "items": "/filings", "fields": {name: f"/{name}" for name in names}}
    config = HttpJsonConfig.model_validate({**facts, "backoffSeconds": 0})

    def tell(number: str, name: str, beside: str) -> list[Observation]:
        server.put(
            "/v1", as_json([stated(number, name, beside), stated("国合函〔2026〕1号", "别的", NUMBER + COMPANY)])
        )
        return HttpJsonSource(config, EvidenceStore(folder / "evidence"), lambda: NOW).observe(ASKED)

    return tell


def of_persons(folder: Path) -> Teller:
    def tell(number: str, name: str, beside: str) -> list[Observation]:
        (folder / "manual").mkdir(exist_ok=True)
        file = signed(statement(number=number or "x", entityName=name or "x", url="https://e.org/" + beside))
        (folder / "manual" / "x.json").write_bytes(file.as_bytes())
        config = ManualConfig.model_validate({"persons": PERSONS})
        store = EvidenceStore(folder / "evidence")
        return ManualSource(config, store, lambda: NOW, recover=recover, base=folder).observe(ASKED)

    return tell


def of_regulator(folder: Path, site: CsrcSite) -> Teller:
    def tell(number: str, name: str, beside: str) -> list[Observation]:
        site.set_state(fillersNewer=0, fillersOlder=0, notices=[], tokenRows=[])
        more = [beside, f"文号：{NUMBER}", f"{COMPANY}的{NUMBER}。"]
        site.publish_notice(number=number, company=name, units=5, amount="7", issued_on="2026-11-20", more=more)
        site.publish_notice(
            number="国合函〔2026〕1号", company="别的", units=5, amount="7", issued_on="2026-11-20", more=more
        )
        config = CsrcConfig(base_url=site.url, table_channels=["c900001"], notice_channels=["c900002"], robots=False)
        return CsrcSource(config, EvidenceStore(folder / "evidence"), lambda: NOW).observe(ASKED)

    return tell


KINDS = ("csrc", "registry-file json", "registry-file csv", "registry-file xlsx", "http-json", "manual")


@pytest.fixture(scope="module")
def tellers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Teller]]:
    folder = tmp_path_factory.mktemp("told")
    with CsrcSite(folder / "state.json") as site, FileServer() as server:
        yield {
            "csrc": of_regulator(folder, site),
            "registry-file json": of_register(folder, "json", as_json),
            "registry-file csv": of_register(folder, "csv", as_csv),
            "registry-file xlsx": of_register(folder, "xlsx", as_xlsx),
            "http-json": of_api(folder, server),
            "manual": of_persons(folder),
        }


def standing(found: list[Observation]) -> LifeCycle | None:
    return standing_from(tuple(found), fold_number(NUMBER), POLICY).status


@pytest.mark.parametrize("kind", KINDS)
def test_observe__each_look_alike__never_filed(tellers: dict[str, Teller], kind: str) -> None:
    for number, name in (*((other, COMPANY) for other in OTHER_NUMBERS), *((NUMBER, other) for other in OTHER_NAMES)):
        assert says_otherwise(number, name)
        assert standing(tellers[kind](number, name, NUMBER + COMPANY)) not in MINTABLE, (number, name)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=NUMBERS, name=NAMES, beside=st.sampled_from((NUMBER, COMPANY, NUMBER + COMPANY, f"{COMPANY}，{NUMBER}")))
def test_observe__another_number_or_name__never_filed(
    tellers: dict[str, Teller], kind: str, number: str, name: str, beside: str
) -> None:
    assume(says_otherwise(number, name))
    found = tellers[kind](number, name, beside)
    assert standing(found) not in MINTABLE
    mine = (fold_number(NUMBER), fold_name(COMPANY))
    assert all((seen.record.number, seen.record.entity_name) != mine for seen in found if seen.record is not None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pair", (*((number, COMPANY) for number in SAME_NUMBERS), *((NUMBER, n) for n in SAME_NAMES)))
def test_observe__the_same_printed_otherwise__still_filed(
    tellers: dict[str, Teller], kind: str, pair: tuple[str, str]
) -> None:
    found = tellers[kind](*pair, "")
    assert standing(found) is LifeCycle.FILED, [seen.detail for seen in found]


# --- bytes changed anywhere -------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [b"", b"<", b'"', b"&", b",", b"\n", b"{", b"]", NUMBER.encode(), COMPANY.encode(), b"\xef\xbc\x98"]
)
CHANGES = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 40), PIECES | st.binary(max_size=6)), min_size=1, max_size=5
)


def mutated(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    raw = bytearray(data)
    for place, length, put in changes:
        at = place % (len(raw) + 1)
        raw[at : at + length] = put
    return bytes(raw)


def text_of(data: bytes) -> str:
    """All a file says, its markup and escapes resolved, to look for what a record claims to have read there."""
    text = data.decode("utf-8", "replace")
    plain = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    unescaped = re.sub(r'\\(["\\/])', r"\1", plain)
    return text + re.sub("<[^>]*>", "", text) + plain + plain.replace('""', '"') + unescaped


def holds(data: bytes, number: str | None, name: str | None) -> bool:
    text = text_of(data)
    return (number or "") in fold_number(text) and (name or "") in fold_name(text)


ROWS = [{key: value for key, value in stated(NUMBER, COMPANY, "").items() if key in FIELDS}]
REGISTER = RegistryFileConfig.model_validate({"path": "r", "format": "json", "minisignKeys": [KEY.public]})
API = HttpJsonConfig.model_validate(
    {"url": "https://e.org/", "items": "/filings", "fields": {key: f"/{key}" for key in ROWS[0]}}
)


@settings(max_examples=120, deadline=None)
@given(form=st.sampled_from(("json", "csv", "api", "notice")), changes=CHANGES)
def test_parsers__bytes_changed__no_record_of_what_is_not_there(
    form: Any, changes: list[tuple[int, int, bytes]]
) -> None:
    original = {"csv": as_csv(ROWS), "notice": notice_page()}.get(form, as_json(ROWS))
    data = mutated(original, changes)
    try:
        if form == "notice":
            records = [parse_notice(data, Wording()).record]
        else:
            rows = (
                stated_in(data, API) if form == "api" else rows_of(data, REGISTER.model_copy(update={"format": form}))
            )
            records = [row.record for row in rows if row.record is not None]
    except ParseError:
        return
    assert all(holds(data, record.number, record.entity_name) for record in records)


@settings(max_examples=60, deadline=None)
@given(changes=CHANGES, inside=st.booleans())
def test_xlsx__bytes_changed__no_row_of_a_name_that_is_not_there(
    changes: list[tuple[int, int, bytes]], inside: bool
) -> None:
    sheet = mutated(SHEET, changes) if inside else SHEET
    data = changed(XLSX, "xl/worksheets/sheet1.xml", SHEET, sheet) if inside else mutated(XLSX, changes)
    try:
        table = parse_table(data, TITLE)
    except ParseError:
        return
    assert not any(row.names(fold_name(COMPANY)) and COMPANY.encode() not in sheet for row in table.rows)
    try:
        rows = rows_of(data, REGISTER.model_copy(update={"format": "xlsx", "columns": {"number": "序号"}}))
    except ParseError:
        return
    assert not any(row.kind is ObservationKind.NOTICE for row in rows)


DOCX = docx_bytes(("一、另一家有限公司", f"请说明与{COMPANY}的关系。", "二、" + COMPANY[:-1]))


@settings(max_examples=60, deadline=None)
@given(changes=CHANGES)
def test_docx__bytes_changed__no_request_to_a_name_that_is_no_heading(changes: list[tuple[int, int, bytes]]) -> None:
    try:
        lines = docx_lines(mutated(DOCX, changes))
    except ParseError:
        return
    assert not requested(lines, fold_name(COMPANY)) or any(
        fold_name(line).startswith(fold_name(COMPANY)) for line in lines
    )


EXCHANGE = CapturedExchange(
    url="https://e.org/", captured_at="2026-11-20T00:00:00+00:00", status=200, body=notice_page(), headers=(("a", "b"),)
)


@settings(max_examples=100, deadline=None)
@given(changes=CHANGES)
def test_warc__bytes_changed__never_another_body(changes: list[tuple[int, int, bytes]]) -> None:
    try:
        found = read_warc(mutated(warc_bytes(EXCHANGE), changes), where="w")
    except FilingGateError:
        return
    assert found.body == EXCHANGE.body


@settings(max_examples=100, deadline=None)
@given(changes=CHANGES, form=st.sampled_from(("json", "csv", "xlsx")))
def test_lists_of_offenders__bytes_changed__entries_or_own_error(
    changes: list[tuple[int, int, bytes]], form: Any
) -> None:
    rows = [{"name": COMPANY, "uscc": "91310000MA0000000Y", "since": "2026-3-1", "reference": NUMBER}]
    facts = {"path": "x", "format": form, "adverse": "PENALTY", "version": "1", "asOf": "2026-11-20"}
    data = mutated({"json": as_json, "csv": as_csv, "xlsx": as_xlsx}[form](rows), changes)
    try:
        found = entries_of(data, ScreeningConfig.model_validate(facts))
    except ParseError:
        return
    assert all(entry.name or entry.uscc for entry in found)
    if form != "xlsx":
        assert all(holds(data, None, entry.name) for entry in found)


@settings(max_examples=60, deadline=None)
@given(changes=CHANGES)
def test_lists_of_the_site__bytes_changed__no_number_that_is_not_there(changes: list[tuple[int, int, bytes]]) -> None:
    data = mutated(list_bytes(), changes)
    try:
        numbers = [listed_number(item, Wording()) for item in parse_list(data).items]
    except ParseError:
        return
    assert all(holds(data, number, None) for number in numbers)
