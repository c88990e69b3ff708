"""The pure half: bytes in, facts or ParseError out."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.domain.fields import Money
from oracle.domain.filing import FilingRecord
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.names import fold_name, fold_number
from oracle.sources.csrc_lists import Listed, parse_channel, parse_list
from oracle.sources.csrc_pages import parse_list_shell, parse_page
from oracle.sources.csrc_parse import parse_notice, parse_withdrawal, record_again
from oracle.sources.csrc_wording import AmountPattern, Wording, plain_title
from oracle.sources.parse_error import ParseError
from tests.standin.csrc_content import BUSINESS, TOKEN_NOTICES, Item, channel_id, detail_page, list_item, notice_body

NUMBER = "国合函〔2026〕886号"
COMPANY = "苏州恒信（中国）供应链管理有限公司"
ENTRY = {"company": COMPANY, "units": 1_000_000, "amount": "100000000.00"}
WORDING = Wording()


def notice_page(body: str | None = None, **changes: Any) -> bytes:
    facts: dict[str, Any] = {
        "manuscript_id": "7800000",
        "channel": TOKEN_NOTICES,
        "title": f"关于{COMPANY}{BUSINESS}备案通知书",
        "published": "2026-11-20 09:30:00",
        "body": notice_body(ENTRY) if body is None else body,
        "page_number": NUMBER,
        "issued_on": "2026-11-20",
    }
    return detail_page(Item(**{**facts, **changes})).encode()


def record(body: str) -> FilingRecord:
    return parse_notice(notice_page(body), WORDING).record


# --- notices ----------------------------------------------------------------------------------------------------------


def test_parse_notice__same_bytes__same_record_hash() -> None:
    first, second = (parse_notice(notice_page(), WORDING).record for _ in range(2))
    assert first.record_hash() == second.record_hash()
    assert first == record_again(notice_page(), WORDING)
    assert (first.number, first.entity_name) == (NUMBER, fold_name(COMPANY))


@pytest.mark.parametrize(
    ("sentence", "units", "amount"),
    (
        ("拟发行不超过1,000,000份，总额不超过人民币1亿元", 1_000_000, "100000000"),
        ("拟发行不超过１００万份，金额为人民币１．５亿元", 1_000_000, "150000000"),
        ("拟发行不超过 5 份，发行规模人民币0.30元", 5, "0.3"),
        ("拟发行1<b>,000</b>份", 1000, None),
        ("每份面值人民币100元，发行不超过多份", None, None),
        ("拟发行不超过1,000份，可发行不超过1000份", 1000, None),
    ),
)
def test_parse_notice__body__units_and_amount_exact(sentence: str, units: int | None, amount: str | None) -> None:
    found = record(f"<p>{sentence}。</p>")
    assert found.units == units
    assert found.amount == (Money(amount=amount, ccy="CNY") if amount else None)


def test_parse_notice__digits_in_two_paragraphs__never_joined() -> None:
    assert record("<p>发行不超过100</p><p>000份</p>").units is None


@pytest.mark.parametrize(
    ("body", "problem"),
    (
        ("<p>发行不超过100份。可再发行不超过200份。</p>", "states the number of units differently"),
        ("<p>发行不超过1,00份。</p>", "not a number that can be read exactly"),
        ("<p>发行不超过1.5份。</p>", "not a whole number"),
        ("<p>总额不超过人民币1,0元。</p>", "not a number that can be read exactly"),
        (f"<p>总额人民币{'9' * 35}元。</p>", "cannot be a record"),
        ("<p>有效期至2026年13月1日。</p>", "is not a date"),
    ),
)
def test_parse_notice__unclear_value__refused_not_dropped(body: str, problem: str) -> None:
    with pytest.raises(ParseError, match=problem):
        record(body)


def test_parse_notice__amount_in_a_configured_currency__kept_with_it() -> None:
    wording = Wording(amount_patterns=[AmountPattern(ccy="HKD", pattern="总额(?P<value>[0-9,.亿万]+)港元")])
    found = parse_notice(notice_page("<p>总额2亿港元</p>"), wording).record
    assert found.amount == Money(amount="200000000", ccy="HKD")


@pytest.mark.parametrize(
    ("changes", "problem"),
    (
        ({"page_number": None}, "states no 文号"),
        ({"page_number": "无"}, "states no 文号"),
        ({"issued_on": None}, "states no 发文日期"),
        ({"page_number": "第五号"}, "has not the form"),
        ({"title": "关于备案工作的通知"}, "not the title of a filing notice"),
        ({"title": f"关于撤销{COMPANY}{BUSINESS}备案通知书"}, "not the title of a filing notice"),
        ({"body": "<div>" * 1000}, "nested too deeply"),
        ({"body": "<p>" + "字" * 1_000_001 + "</p>"}, "too long"),
    ),
)
def test_parse_notice__page_of_another_shape__refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ParseError, match=problem):
        parse_notice(notice_page(**changes), WORDING)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    (
        ("detail-news", "detail-new", "0 elements fit"),
        ("ArticleTitle", "Title", "has 0 titles"),
        ("</table>", "<tr><th>文号</th><td>国合函〔2026〕1号</td></tr></table>", "different values"),
        ("备案信息", "\udcff", "not UTF-8"),
    ),
)
def test_parse_notice__site_changed__refused_with_what_changed(old: str, new: str, problem: str) -> None:
    page = notice_page().decode().replace(old, new).encode("utf-8", "surrogateescape")
    with pytest.raises(ParseError, match=problem):
        parse_notice(page, WORDING)


def test_parse_page__label_inside_the_text__is_no_field() -> None:
    page = parse_page(notice_page("<p><b>文号：</b>国合函〔2026〕1号</p>"), WORDING)
    assert page.fields["文号"] == (NUMBER,)


@pytest.mark.parametrize(
    "field",
    ("<th>文　号</th><td>{}</td>", "<td><b>文号：</b>{}</td>", "<td><span>文号：{}</span></td>", "<td>文号:{}</td>"),
)
def test_parse_page__label_in_other_markup__same_field(field: str) -> None:
    page = notice_page(page_number=None).decode().replace("<th></th><td></td>", field.format(NUMBER))
    assert parse_page(page.encode(), WORDING).fields["文号"] == (NUMBER,)


def test_plain_title__quoted_and_spaced__plain() -> None:
    assert plain_title("《 关于Ａ（B） 的通知 》") == "关于A(B)的通知"
    assert plain_title("《甲》和《乙》") == "《甲》和《乙》"


MUTATION = st.tuples(
    st.integers(0, 3000), st.integers(0, 40), st.one_of(st.binary(max_size=12), st.just(NUMBER.encode()))
)


class Told(HTMLParser):
    """The text of a page as another parser has it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def parse_html_declaration(self, i: int) -> int:
        try:
            return super().parse_html_declaration(i)
        except AssertionError:  # older Pythons give up at "<![" without a keyword that they know
            return self.parse_bogus_comment(i)


# In the body, HTML leaves NUL out; in a title it stands for a character that is not known.
@pytest.mark.parametrize(
    ("place", "hole"),
    [(place, hole) for place in (COMPANY[4], NUMBER[4]) for hole in ("\ufffd", "&#0;", "&#xfffd;")]
    + [(COMPANY[4], "\x00")],
)
def test_parse_notice__character_of_name_or_number_unreadable__refused(place: str, hole: str) -> None:
    page = notice_page().decode().replace(place, place + hole)
    with pytest.raises(ParseError):
        parse_notice(page.encode(), WORDING)


@settings(max_examples=400, deadline=None)
@given(st.lists(MUTATION, min_size=1, max_size=6))
def test_parse_notice__mutated_bytes__parse_error_or_what_they_say(
    mutations: list[tuple[int, int, bytes]],
) -> None:
    page = bytearray(notice_page())
    for place, length, bytes_in in mutations:
        page[place : place + length] = bytes_in
    try:
        found = parse_notice(bytes(page), WORDING).record
    except ParseError:
        return
    text = html.unescape(re.sub("<[^>]*>", "", page.decode()) + page.decode()) + Told(page.decode()).text
    assert found.number in fold_number(text)
    assert found.entity_name in fold_name(text)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_parsers__any_bytes__parse_error_or_nothing(data: bytes) -> None:
    for parse in (
        lambda: parse_notice(data, WORDING),
        lambda: parse_withdrawal(data, WORDING),
        lambda: parse_list(data),
        lambda: parse_channel(data, "c1"),
        lambda: parse_list_shell(data),
    ):
        try:
            assert parse() is None
        except ParseError:
            continue


# --- withdrawals ------------------------------------------------------------------------------------------------------


def withdrawal_page(title: str, body: str, issued_on: str | None = "2026-11-21") -> bytes:
    return notice_page(body, title=title, page_number="公告〔2026〕31号", issued_on=issued_on)


@pytest.mark.parametrize(
    ("title", "status"),
    (
        (f"关于撤销{COMPANY}{BUSINESS}备案通知书的公告", LifeCycle.REVOKED),
        (f"关于注销《关于{COMPANY}{BUSINESS}备案通知书》的决定", LifeCycle.REVOKED),
        (f"关于{COMPANY}撤回备案的公告", LifeCycle.WITHDRAWN),
        (f"关于终止{COMPANY}备案的公告", LifeCycle.WITHDRAWN),
    ),
)
def test_parse_withdrawal__title__state_it_ends_in(title: str, status: LifeCycle) -> None:
    ended = parse_withdrawal(withdrawal_page(title, "<p>（国合函 [2026] 886号）</p>"), WORDING)
    assert ended.status is status
    assert ended.cites(NUMBER)
    assert not ended.cites("国合函〔2026〕88号")


def test_parse_withdrawal__without_date_or_name__no_record_but_still_a_withdrawal() -> None:
    nameless = parse_withdrawal(withdrawal_page("关于撤销备案的公告", NUMBER), WORDING)
    undated = parse_withdrawal(withdrawal_page(f"关于撤销{COMPANY}备案的公告", NUMBER, issued_on=None), WORDING)
    assert nameless.record(NUMBER) is None
    assert undated.record(NUMBER) is None
    assert undated.entity == fold_name(COMPANY)


# --- lists ------------------------------------------------------------------------------------------------------------


def list_bytes(**changes: Any) -> bytes:
    item = list_item(Item("7800000", TOKEN_NOTICES, "题", "2026-11-20 09:30:00", number=NUMBER), "www.csrc.gov.cn")
    return json.dumps({"data": {"page": 1, "rows": 18, "total": 1, "results": [{**item, **changes}]}}).encode()


def test_parse_list__item__as_printed() -> None:
    page = parse_list(list_bytes())
    listed = page.items[0]
    assert (page.total, page.number, listed.manuscript_id) == (1, 1, "7800000")
    assert listed.url == "//www.csrc.gov.cn/csrc/c900102/c7800000/content.shtml"
    assert listed.fields["文号"] == listed.fields["wh"] == (NUMBER,)
    assert "发文日期" not in listed.fields


@pytest.mark.parametrize(
    "changes",
    (
        {"domainMetaList": None, "resList": None},
        {"domainMetaList": [{"resultList": [{"name": "文号", "key": "wh", "value": "null"}]}]},
        {"publishedTime": None, "publishedTimeStr": None, "manuscriptId": None},
        {"publishedTime": "soon"},
    ),
)
def test_parse_list__missing_extras__read_without_them(changes: dict[str, Any]) -> None:
    assert parse_list(list_bytes(**changes)).items[0].title == "题"


@pytest.mark.parametrize(
    "changes",
    (
        {"title": None},
        {"title": ""},
        {"title": "长" * 600},
        {"url": None},
        {"title": "\ud800"},
        {"domainMetaList": "x"},
    ),
)
def test_parse_list__unusable_item__refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ParseError):
        parse_list(list_bytes(**changes))


@pytest.mark.parametrize(
    "data",
    (
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"data": []}',
        b'{"data": {"total": -1, "results": []}}',
        b'{"data": {"total": true, "results": []}}',
        b'{"data": {"total": 1.5, "results": []}}',
        b'{"data": {"total": 1, "results": {}}}',
        b'{"data": {"total": 1, "total": 2, "results": []}}',
        b'{"data": ' + b"[" * 100_000,
        b"<!DOCTYPE html><html></html>",
    ),
)
def test_parse_list__another_shape__refused(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_list(data)


def test_parse_channel__top_child_or_missing__id_or_none() -> None:
    known = channel_id("c1")
    top = json.dumps({"results": {"channelId": known.upper(), "children": []}}).encode()
    child = json.dumps({"results": {"channelCode": "c0", "channelId": channel_id("c0"), "children": [
        {"channelCode": "c1", "channelId": known, "children": None}]}}).encode()  # fmt: skip
    assert parse_channel(top, "c1") == known
    assert parse_channel(child, "c1") == known
    assert parse_channel(child, "c2") is None
    assert parse_channel(b'{"results": null}', "c1") is None
    assert parse_channel(b'{"results": {"channelId": "../x"}}', "c1") is None


def test_parse_list_shell__meta_or_input__channel_id() -> None:
    known = channel_id("c1")
    assert parse_list_shell(f'<meta name="channelid" content="{known}">'.encode()) == known
    assert parse_list_shell(f'<input id="channelid" value="{known}">'.encode()) == known
    assert parse_list_shell(b"<p>nothing</p>") is None


def test_record_again__item_missing_in_the_stored_list__refused() -> None:
    with pytest.raises(ParseError, match="does not hold item 5"):
        record_again(notice_page(), WORDING, in_list=list_bytes(), manuscript_id="5")


def test_parse_notice__metadata_that_contradicts_itself__refused() -> None:
    listed = Listed(title=f"关于{COMPANY}{BUSINESS}备案通知书", url="x", fields={"文号": (NUMBER, "国合函〔2026〕1号")})
    with pytest.raises(ParseError, match="different values"):
        parse_notice(notice_page(), WORDING, listed)
