"""Supplement requests, decisions against somebody, near names, manners, and drift of the regulator's site."""

from __future__ import annotations

import io
import time
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.domain.filing import AdverseKind, FilingQuery, Observation, ObservationKind, Party
from oracle.domain.lifecycle import LifeCycle
from oracle.evidence.store import EvidenceStore
from oracle.rules.agreement import standing_from
from oracle.rules.policy import Policy
from oracle.sources.csrc import CsrcConfig, CsrcSource
from oracle.sources.csrc_parse import parse_notice
from oracle.sources.csrc_requests import Mention, mention_of, near_names
from oracle.sources.csrc_table import parse_table
from oracle.sources.csrc_wording import Wording
from oracle.sources.docx_text import docx_lines
from oracle.sources.parse_error import ParseError
from tests.pace import within
from tests.sources.conftest import SourceMaker
from tests.sources.test_csrc import BOTH, COMPANY, NUMBER, failure_of, kinds, only, publish
from tests.sources.test_csrc_parse import notice_page
from tests.sources.test_csrc_table import HEADER, TITLE, workbook
from tests.standin.csrc_content import MARKET_BANS, PENALTIES, REQUESTS, docx_bytes
from tests.standin.csrc_site import CsrcSite

WEEK = {"from": "2026年11月9日", "to": "2026年11月13日"}
LISTS = {"penalty_channels": [PENALTIES], "market_ban_channels": [MARKET_BANS]}
ENTITY = FilingQuery(entity_name=COMPANY, parties=(Party(name="示例控股有限公司"),))


# --- supplement requests ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("docx", (False, True))
@pytest.mark.parametrize("heading", ("一、{}", "{}：", "（十二）{}", "3. {}（以下简称公司）", "{}"))
def test_observe__request_by_company__supplement_with_its_week(
    site: CsrcSite, source: SourceMaker, docx: bool, heading: str
) -> None:
    lines = ["一、某某有限公司", "请补充说明股权。", heading.format(COMPANY), "请补充说明资产。"]
    site.set_state(requests=[{**WEEK, "lines": lines, "docx": docx}])
    seen = only(source(supplement_channels=[REQUESTS]).observe(BOTH))
    assert (seen.kind, seen.status) == (ObservationKind.SUPPLEMENT, LifeCycle.SUPPLEMENT), seen.detail
    assert seen.as_of == date(2026, 11, 13)
    assert (seen.attachment_sha256 is not None) is docx


@pytest.mark.parametrize(
    "line", (COMPANY + "上海分公司", "大" + COMPANY, f"请{COMPANY}补充说明", f"一、某某有限公司（{COMPANY}的股东）")
)
def test_observe__request_to_another_or_in_passing__nothing(site: CsrcSite, source: SourceMaker, line: str) -> None:
    site.set_state(requests=[{**WEEK, "lines": [line]}])
    assert kinds(source(supplement_channels=[REQUESTS]).observe(BOTH)) == ["ABSENCE"]


def packed(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return out.getvalue()


BOMB = b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'">]><a>' + b"&b;" * 1000 + b"</a>"
OUTSIDE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("data", "problem"),
    (
        (b"<html>", "not a docx"),
        (packed(other_xml=b"<a/>"), "holds no word/document.xml"),
        (packed(word__document_xml=b"<a>"), "cannot be read"),
        (packed(word__document_xml=BOMB), "cannot be read"),
        (packed(word__document_xml=OUTSIDE), "cannot be read"),
        (packed(word__document_xml=b"<a>" * 1000), "nested too deeply"),
        (packed(word__document_xml=b" " * 60_000_000), "unpacks to more than"),
        (b"PK\x03\x04", "damaged zip"),
    ),
)
def test_docx_lines__hostile_file__refused_at_once(data: bytes, problem: str) -> None:
    def read() -> None:
        with pytest.raises(ParseError, match=problem):
            docx_lines(data)

    assert within(1, read)


DOCX = docx_bytes(("一、甲有限公司", "请补充。"))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(DOCX) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_docx_lines__damaged_bytes__lines_or_parse_error(damage: list[tuple[int, int]]) -> None:
    data = bytearray(DOCX)
    for place, value in damage:
        data[place] = value
    try:
        assert isinstance(docx_lines(bytes(data)), list)
    except ParseError:
        return


# --- decisions against somebody ---------------------------------------------------------------------------------------


def adverse(found: list[Observation]) -> list[tuple[str, AdverseKind | None, str | None]]:
    kept = (ObservationKind.ADVERSE, ObservationKind.SCREENED, ObservationKind.UNSCREENED)
    return [
        (seen.kind.value, seen.adverse, seen.party.name if seen.party else None) for seen in found if seen.kind in kept
    ]


def test_observe__nobody_named__each_party_screened_on_each_list(source: SourceMaker) -> None:
    found = adverse(source(**LISTS).observe(ENTITY))
    assert found == [
        ("SCREENED", kind, name)
        for kind in (AdverseKind.PENALTY, AdverseKind.MARKET_BAN)
        for name in (COMPANY, "示例控股有限公司")
    ]


@pytest.mark.parametrize(
    "entry",
    (
        {"party": f"张某、{COMPANY}"},
        {"title": "行政处罚决定书〔2026〕12号", "body": f"<p>当事人：{COMPANY}（以下简称公司），住所某地。</p>"},
    ),
)
def test_observe__party_named_by_title_or_text__adverse(
    site: CsrcSite, source: SourceMaker, entry: dict[str, Any]
) -> None:
    site.set_state(penalties=[entry])
    found = source(**LISTS).observe(FilingQuery(entity_name=COMPANY))
    assert adverse(found)[0] == ("ADVERSE", AdverseKind.PENALTY, COMPANY)
    assert adverse(found)[1][0] == "SCREENED"
    seen = next(item for item in found if item.kind is ObservationKind.ADVERSE)
    assert (seen.matched_by, seen.as_of, seen.status) == ("NAME", date(2026, 5, 6), None)


def test_observe__name_within_a_longer_one__neither_clear_nor_hit(site: CsrcSite, source: SourceMaker) -> None:
    site.set_state(marketBans=[{"party": COMPANY + "上海分公司"}])
    found = source(**LISTS).observe(FilingQuery(entity_name=COMPANY))
    assert [item[0] for item in adverse(found)] == ["SCREENED", "UNSCREENED"]


@pytest.mark.parametrize("title", ("行政处罚决定书〔2026〕12号", "行政处罚决定书（2026年第12号）"))
def test_observe__decision_without_text_or_party__nobody_is_cleared_by_it(
    site: CsrcSite, source: SourceMaker, title: str
) -> None:
    site.set_state(penalties=[{"title": title, "body": ""}])
    found = source(**LISTS).observe(FilingQuery(entity_name=COMPANY))
    assert [item[0] for item in adverse(found)] == ["UNSCREENED", "SCREENED"]
    site.set_state(penalties=[{"title": title, "body": f"<p>当事人：{COMPANY}。</p>"}, {"party": "李某", "body": ""}])
    found = source(**LISTS).observe(FilingQuery(entity_name=COMPANY))
    assert [item[0] for item in adverse(found)] == ["ADVERSE", "SCREENED"]


def test_observe__decisions_unreadable__unscreened_and_no_failure_of_the_filing(
    site: CsrcSite, source: SourceMaker
) -> None:
    publish(site)
    site.set_state(fault={"kind": "500", "path": f"channelCode={PENALTIES}"})
    found = source(**LISTS).observe(BOTH)
    assert [item[0] for item in adverse(found)] == ["UNSCREENED", "SCREENED"]
    assert standing_from(tuple(found), NUMBER, Policy()).status is LifeCycle.FILED


def test_observe__asked_again_soon__decisions_not_read_again(site: CsrcSite, source: SourceMaker) -> None:
    asked = source(**LISTS)
    first, second = asked.observe(ENTITY), asked.observe(ENTITY)
    assert adverse(first) == adverse(second)
    assert site.site
    assert sum(f"channelCode={PENALTIES}" in target for target in site.site.requests) == 1


@pytest.mark.parametrize(
    ("text", "how"),
    (
        ("当事人：甲有限公司，住所", Mention.NAMED),
        ("（甲有限公司、乙）", Mention.NAMED),
        ("甲有限公司", Mention.NAMED),
        ("查明甲有限公司，", Mention.UNCLEAR),
        ("甲有限公司分公司", Mention.UNCLEAR),
        ("乙有限公司", Mention.NONE),
        ("", Mention.NONE),
    ),
)
def test_mention_of__text__how_it_names(text: str, how: Mention) -> None:
    assert mention_of(text, "甲有限公司") is how


def test_near_names__shown_likest_first_and_never_the_name_itself() -> None:
    others = [COMPANY, COMPANY[:-4] + "股份公司", "完全不同的一家企业", COMPANY + "二厂", "", "长" * 500]
    assert near_names(COMPANY, others) == [COMPANY + "二厂"] or COMPANY not in near_names(COMPANY, others)
    assert COMPANY + "二厂" in near_names(COMPANY, others)
    assert "完全不同的一家企业" not in near_names(COMPANY, others)


# --- manners ----------------------------------------------------------------------------------------------------------


def test_observe__asked_twice_with_etags__second_answer_from_the_store(
    site: CsrcSite, evidence: EvidenceStore, tmp_path: Path
) -> None:
    publish(site)
    site.set_row_status(COMPANY, "已接收")
    site.set_state(etags=True)
    config = CsrcConfig(base_url=site.url, table_channels=["c900001"], notice_channels=["c900002"], backoff_seconds=0)
    source = CsrcSource(config, evidence, lambda: datetime.now(UTC), cache=tmp_path / "cache")
    first, second = source.observe(BOTH), source.observe(BOTH)
    assert kinds(first) == kinds(second) == ["NOTICE", "STATUS_TABLE"]
    assert [(seen.record, seen.sha256) for seen in first] == [(seen.record, seen.sha256) for seen in second]
    assert second[0].http_status == 304
    assert site.site
    assert any("/searchList/" in target for target in site.site.unchanged)
    for path in (tmp_path / "evidence").rglob("*"):
        path.unlink() if path.is_file() else None
    assert kinds(source.observe(BOTH)) == ["NOTICE", "STATUS_TABLE"]


def test_observe__unusable_answer__asked_for_in_full_the_next_time(
    site: CsrcSite, evidence: EvidenceStore, tmp_path: Path
) -> None:
    publish(site)
    site.set_state(etags=True, fault="html-for-json")
    config = CsrcConfig(base_url=site.url, table_channels=[], notice_channels=["c900002"], backoff_seconds=0)
    source = CsrcSource(config, evidence, lambda: datetime.now(UTC), cache=tmp_path / "cache")
    assert kinds(source.observe(BOTH)) == ["FAILURE"]
    site.set_state(fault=None)
    assert kinds(source.observe(BOTH)) == ["NOTICE"]


@pytest.mark.parametrize(
    ("robots", "found"),
    (
        ("User-agent: *\nDisallow: /csrc/\n", "FAILURE"),
        ("User-agent: *\nDisallow: /searchList/\n", "FAILURE"),
        ("User-agent: filing-gate\nDisallow: /\n", "FAILURE"),
        ("User-agent: other\nDisallow: /\n", "NOTICE"),
        ("User-agent: *\nAllow: /\n", "NOTICE"),
        ("", "NOTICE"),
    ),
)
def test_observe__robots_txt__obeyed(site: CsrcSite, source: SourceMaker, robots: str, found: str) -> None:
    publish(site)
    site.set_state(robots=robots)
    seen = source(table_channels=[]).observe(BOTH)
    assert set(kinds(seen)) == {found}
    if found == "FAILURE":
        assert "robots.txt forbids" in (failure_of(seen).detail or "")
        assert kinds(source(table_channels=[], robots=False).observe(BOTH)) == ["NOTICE"]


def test_observe__robots_txt_unreachable__site_not_asked(site: CsrcSite, source: SourceMaker) -> None:
    site.set_state(fault={"kind": "500", "path": "/robots.txt"})
    assert set(kinds(source().observe(BOTH))) == {"FAILURE"}
    assert site.site
    assert set(site.site.requests) == {"/robots.txt"}


def test_observe__pace_per_host__kept(site: CsrcSite, source: SourceMaker) -> None:
    publish(site)
    began = time.monotonic()
    assert kinds(source(table_channels=[], min_interval_seconds=0.1).observe(BOTH)) == ["NOTICE"]
    assert site.site
    assert time.monotonic() - began >= 0.1 * (len(site.site.requests) - 1)


# --- drift ------------------------------------------------------------------------------------------------------------


def test_parse_table__column_added__others_still_found() -> None:
    wider = [*HEADER[:2], "新增栏", *HEADER[2:], "另一栏"]
    row = parse_table(workbook(wider, [1, "甲", "x", "a", "乙", "已接收", "y"]), TITLE).rows[0]
    assert (row.company, row.application_type, row.filer, row.status) == ("甲", "a", "乙", "已接收")


def test_parse_table__header_moved_down__found_by_its_content() -> None:
    moved = workbook(*[[f"说明{n}"] for n in range(7)], [], HEADER, [1, "甲", "a", "乙", "已接收"])
    assert [row.company for row in parse_table(moved, TITLE).rows] == ["甲"]
    with pytest.raises(ParseError, match="no sheet has the columns"):
        parse_table(workbook(*[["说明"]] * 30, HEADER, [1, "甲", "a", "乙", "已接收"]), TITLE)


def test_parse_notice__full_width_digits__the_same_record() -> None:
    plain = parse_notice(notice_page(), Wording()).record
    wide = parse_notice(notice_page(page_number="国合函〔２０２６〕８８６号"), Wording()).record
    assert wide == plain
