"""The source against the running stand-in: what it finds, every trap, every fault."""

from __future__ import annotations

import hashlib
import json
import resource
import time
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from oracle.domain.fields import Money
from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.evidence.store import EvidenceStore
from oracle.sources import Source
from oracle.sources.csrc import CsrcConfig
from oracle.sources.csrc_parse import PARSER_VERSION, record_again
from oracle.sources.csrc_table import parse_table
from oracle.sources.csrc_wording import Wording
from tests.sources.conftest import SourceMaker
from tests.standin.csrc_site import CsrcSite

NUMBER = "国合函〔2026〕886号"
COMPANY = "苏州恒信供应链管理有限公司"
BOTH = FilingQuery(number=NUMBER, entity_name=COMPANY)
LISTING = {
    "table_channels": ["c101935"],
    "notice_channels": [],
    "table_title": ".*境外发行证券和上市备案情况表.*",
    "application_types": [],
}


def publish(site: CsrcSite, **more: Any) -> None:
    facts = {
        "number": NUMBER,
        "company": COMPANY,
        "units": 1_000_000,
        "amount": "100000000.00",
        "issued_on": "2026-11-20",
    }
    site.publish_notice(**{**facts, **more})


def kinds(observations: list[Observation]) -> list[str]:
    return [seen.kind.value for seen in observations]


def only(observations: list[Observation]) -> Observation:
    assert len(observations) == 1, kinds(observations)
    return observations[0]


def failure_of(observations: list[Observation]) -> Observation:
    return only([seen for seen in observations if seen.kind is ObservationKind.FAILURE])


# --- what it finds ----------------------------------------------------------------------------------------------------


def test_observe__row_in_the_table__status_with_both_hashes(
    site: CsrcSite, source: SourceMaker, evidence: EvidenceStore
) -> None:
    site.set_row_status(COMPANY, "补充材料")

    seen = only(source().observe(FilingQuery(entity_name=COMPANY)))

    assert (seen.kind, seen.status, seen.raw_status) == (ObservationKind.STATUS_TABLE, LifeCycle.SUPPLEMENT, "补充材料")
    assert (seen.as_of, seen.level, seen.parser_version) == (date(2026, 11, 20), 3, PARSER_VERSION)
    assert seen.attachment_sha256
    assert evidence.get(seen.attachment_sha256).startswith(b"PK\x03\x04")
    assert seen.sha256
    assert "备案情况表".encode() in evidence.get(seen.sha256)


def test_observe__notice__record_with_units_and_amount(site: CsrcSite, source: SourceMaker) -> None:
    publish(site, validUntil="2027-11-19")

    seen = only(source().observe(BOTH))

    assert (seen.kind, seen.status, seen.as_of) == (ObservationKind.NOTICE, LifeCycle.FILED, date(2026, 11, 20))
    assert seen.record
    assert (seen.record.number, seen.record.entity_name) == (NUMBER, COMPANY)
    assert (seen.record.units, seen.record.amount) == (1_000_000, Money(amount="100000000", ccy="CNY"))
    assert (seen.record.decision_date, seen.record.valid_until) == (date(2026, 11, 20), date(2027, 11, 19))


def test_observe__question_with_half_width_brackets__same_record(site: CsrcSite, source: SourceMaker) -> None:
    publish(site, company="恒信（苏州）管理有限公司")
    seen = only(source().observe(FilingQuery(number="国合函[2026]886号", entity_name="恒信 (苏州)管理有限公司")))
    assert seen.record
    assert seen.record.entity_name == "恒信(苏州)管理有限公司"


@pytest.mark.parametrize("query", (FilingQuery(number=NUMBER), FilingQuery(entity_name=COMPANY)))
def test_observe__number_or_name_alone__finds_the_notice(
    site: CsrcSite, source: SourceMaker, query: FilingQuery
) -> None:
    publish(site)
    publish(site, number="国合函〔2026〕887号", company="另一家有限公司")
    seen = only(source().observe(query))
    assert seen.record
    assert seen.record.number == NUMBER


def test_observe__nothing_published__one_absence(site: CsrcSite, source: SourceMaker) -> None:
    seen = only(source().observe(BOTH))
    assert (seen.kind, seen.status, seen.level) == (ObservationKind.ABSENCE, None, 3)
    assert "c900002" in (seen.detail or "")


def test_observe__neither_number_nor_name__failure(source: SourceMaker) -> None:
    assert "neither a number nor a name" in (failure_of(source().observe(FilingQuery())).detail or "")


def test_source__is_a_source(source: SourceMaker) -> None:
    as_source: Source = source(name="regulator")
    assert as_source.name == "regulator"


def test_observe__several_rows_of_one_company__each_observed(site: CsrcSite, source: SourceMaker) -> None:
    rows = [{"company": COMPANY, "status": "已接收"}, {"company": "壳公司", "filer": COMPANY, "status": "征求意见"}]
    site.set_state(tokenRows=rows)
    found = source().observe(FilingQuery(entity_name=COMPANY))
    assert [seen.status for seen in found] == [LifeCycle.RECEIVED, LifeCycle.CONSULTING]


def test_observe__unmapped_state__kept_raw_without_status(site: CsrcSite, source: SourceMaker) -> None:
    site.set_row_status(COMPANY, "中止审查")
    seen = only(source().observe(BOTH))
    assert (seen.kind, seen.status, seen.raw_status) == (ObservationKind.STATUS_TABLE, None, "中止审查")
    assert "中止审查" in (seen.detail or "")


def test_observe__vocabulary_extended__state_known(site: CsrcSite, source: SourceMaker) -> None:
    site.set_row_status(COMPANY, "终 止")
    seen = only(source(vocabulary={"终止": "WITHDRAWN"}).observe(BOTH))
    assert seen.status is LifeCycle.WITHDRAWN


def test_observe__row_of_another_application_type__ignored(site: CsrcSite, source: SourceMaker) -> None:
    site.set_row_status(COMPANY, "已接收", type="直接境外上市")
    assert kinds(source().observe(BOTH)) == ["ABSENCE"]


def test_observe__company_whose_name_begins_with_the_asked_one__no_match(site: CsrcSite, source: SourceMaker) -> None:
    site.set_row_status(COMPANY + "（上海）分公司", "已接收")
    publish(site, number="国合函〔2026〕1号", company="大" + COMPANY)
    found = source().observe(FilingQuery(entity_name=COMPANY))
    assert kinds(found) == ["ABSENCE", "NEAR_NAME"]
    assert (found[1].level, found[1].status, found[1].record) == (0, None, None)
    assert f"{COMPANY}(上海)分公司 is much like" in (found[1].detail or "")


def test_observe__number_cited_in_another_notice__no_match(site: CsrcSite, source: SourceMaker) -> None:
    publish(
        site,
        number="国合函〔2026〕900号",
        company="另一家有限公司",
        more=[f"文号：{NUMBER}", f"{COMPANY}的{NUMBER}同时有效。"],
    )
    assert kinds(source().observe(FilingQuery(number=NUMBER))) == ["ABSENCE"]
    assert kinds(source().observe(BOTH)) == ["ABSENCE"]


def test_observe__notice_without_own_number_cites_one__failure(site: CsrcSite, source: SourceMaker) -> None:
    publish(site, listNumber=None, pageNumber=None, more=[f"文号：{NUMBER}"])
    assert "states no 文号 of its own" in (failure_of(source().observe(BOTH)).detail or "")


def test_observe__number_of_another_company__failure_names_both(site: CsrcSite, source: SourceMaker) -> None:
    publish(site, company="另一家有限公司")
    assert f"of 另一家有限公司, not of {COMPANY}" in (failure_of(source().observe(BOTH)).detail or "")


def test_observe__list_and_page_disagree_on_the_number__failure(site: CsrcSite, source: SourceMaker) -> None:
    publish(site, pageNumber="国合函〔2026〕888号")
    detail = failure_of(source().observe(BOTH)).detail or ""
    assert NUMBER in detail
    assert "国合函〔2026〕888号" in detail


def test_observe__list_and_page_disagree_on_the_title__failure(site: CsrcSite, source: SourceMaker) -> None:
    publish(site, pageTitle="关于另一家有限公司境外发行资产支持证券代币备案通知书")
    assert "the list calls it" in (failure_of(source().observe(BOTH)).detail or "")


def test_observe__number_only_in_the_list__record_can_be_derived_from_stored_bytes(
    site: CsrcSite, source: SourceMaker, evidence: EvidenceStore
) -> None:
    publish(site, pageNumber=None)
    seen = only(source().observe(BOTH))
    assert seen.sha256
    assert seen.attachment_sha256
    again = record_again(
        evidence.get(seen.sha256),
        Wording(),
        in_list=evidence.get(seen.attachment_sha256),
        manuscript_id=seen.manuscript_id,
    )
    assert again == seen.record


def test_observe__list_metadata_says_null__number_of_the_page_counts(
    site: CsrcSite, source: SourceMaker, evidence: EvidenceStore
) -> None:
    publish(site, listNumber=None)
    for query in (BOTH, FilingQuery(number=NUMBER)):
        seen = only(source().observe(query))
        assert seen.sha256
        assert seen.attachment_sha256 is None
        assert record_again(evidence.get(seen.sha256), Wording()) == seen.record


def test_observe__status_row__can_be_derived_from_stored_bytes(
    site: CsrcSite, source: SourceMaker, evidence: EvidenceStore
) -> None:
    site.set_row_status(COMPANY, "已接收")
    seen = only(source().observe(BOTH))
    assert seen.title
    table = parse_table(evidence.get(seen.attachment_sha256 or ""), seen.title)
    assert [row.status for row in table.rows if row.names(COMPANY)] == ["已接收"]
    assert table.as_of == seen.as_of


# --- withdrawals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status"), (("撤销", LifeCycle.REVOKED), ("撤回", LifeCycle.WITHDRAWN), ("终止", LifeCycle.WITHDRAWN))
)
def test_observe__withdrawal__beside_the_notice(
    site: CsrcSite, source: SourceMaker, kind: str, status: LifeCycle
) -> None:
    publish(site)
    site.withdraw_notice(NUMBER, kind=kind, issued_on="2026-11-21")
    for query in (BOTH, FilingQuery(number=NUMBER), FilingQuery(entity_name=COMPANY)):
        found = source().observe(query)
        assert kinds(found) == ["NOTICE", "WITHDRAWAL"]
        assert (found[1].status, found[1].as_of) == (status, date(2026, 11, 21))
        assert found[1].record
        assert (found[1].record.number, found[1].record.status) == (NUMBER, status)


def test_observe__withdrawal_without_the_notice__still_seen(site: CsrcSite, source: SourceMaker) -> None:
    publish(site)
    site.withdraw_notice(NUMBER)
    site.remove_notice(NUMBER)
    assert kinds(source().observe(BOTH)) == ["WITHDRAWAL"]
    assert kinds(source().observe(FilingQuery(entity_name=COMPANY))) == ["WITHDRAWAL"]


def test_observe__withdrawal_of_another_number__no_match(site: CsrcSite, source: SourceMaker) -> None:
    publish(site)
    publish(site, number="国合函〔2026〕88号")
    site.withdraw_notice("国合函〔2026〕88号")
    assert kinds(source().observe(BOTH)) == ["NOTICE"]


def test_observe__withdrawal_titled_after_nobody__found_by_its_number(site: CsrcSite, source: SourceMaker) -> None:
    publish(site)
    site.withdraw_notice(NUMBER, title="关于撤销有关备案的公告")
    assert kinds(source().observe(BOTH)) == ["NOTICE", "WITHDRAWAL"]


def test_observe__withdrawal_of_the_entity_without_any_number__failure(site: CsrcSite, source: SourceMaker) -> None:
    publish(site)
    site.withdraw_notice(NUMBER, body="<p>现予撤销。</p>")
    found = source().observe(BOTH)
    assert kinds(found) == ["NOTICE", "FAILURE"]
    assert "no filing number" in (found[1].detail or "")


def test_observe__withdrawal_page_gone__failure_unless_it_names_another(site: CsrcSite, source: SourceMaker) -> None:
    publish(site)
    site.withdraw_notice(NUMBER, gone=True)
    assert kinds(source().observe(BOTH)) == ["NOTICE", "FAILURE"]
    site.withdraw_notice(NUMBER, gone=True, title="关于撤销另一家有限公司境外发行资产支持证券代币备案通知书的公告")
    assert kinds(source().observe(BOTH)) == ["NOTICE", "FAILURE"]


def test_observe__table_channel_fails__withdrawal_still_returned(site: CsrcSite, source: SourceMaker) -> None:
    publish(site)
    site.withdraw_notice(NUMBER)
    site.set_state(fault={"kind": "500", "path": "channelCode=c900001"})
    assert sorted(kinds(source().observe(BOTH))) == ["FAILURE", "NOTICE", "WITHDRAWAL"]


def test_observe__later_list_page_fails__withdrawal_of_the_first_still_returned(
    long_site: CsrcSite, source: SourceMaker
) -> None:
    publish(long_site)
    long_site.withdraw_notice(NUMBER)
    long_site.set_state(fillersNewer=0, fault={"kind": "500", "path": "page=2"})
    assert "WITHDRAWAL" in kinds(source().observe(BOTH))
    assert "FAILURE" in kinds(source().observe(BOTH))


# --- traps ------------------------------------------------------------------------------------------------------------


def test_observe__notice_on_the_third_page__found(long_site: CsrcSite, source: SourceMaker) -> None:
    publish(long_site)
    long_site.set_state(fillersNewer=40)
    assert kinds(source().observe(BOTH)) == ["NOTICE"]
    assert long_site.site
    assert sum("/searchList/" in target and "page=3" in target for target in long_site.site.requests) == 2


def test_observe__more_pages_than_allowed__failure(long_site: CsrcSite, source: SourceMaker) -> None:
    publish(long_site)
    found = source(max_pages=1, table_channels=[]).observe(BOTH)
    assert "18 of 46 items were read (maxPages 1)" in (failure_of(found).detail or "")


def test_observe__more_notices_than_allowed__failure_beside_the_first(site: CsrcSite, source: SourceMaker) -> None:
    for serial in range(3):
        publish(site, number=f"国合函〔2026〕{serial}号", listNumber=None)
    found = source(max_details=2).observe(FilingQuery(number="国合函〔2026〕0号"))
    assert "maxDetails 2" in (failure_of(found).detail or "")


def test_observe__newest_table_wins__whatever_its_place(site: CsrcSite, source: SourceMaker) -> None:
    site.set_row_status(COMPANY, "已接收")
    site.set_state(tableAsOf="2026-11-06", olderTables=["2026-11-13", "2026-10-30"])
    assert kinds(source().observe(BOTH)) == ["ABSENCE"]
    site.set_state(tableAsOf="2026-11-20")
    assert only(source().observe(BOTH)).as_of == date(2026, 11, 20)


def test_observe__sheet_speaks_of_another_day__failure(site: CsrcSite, source: SourceMaker) -> None:
    site.set_row_status(COMPANY, "已接收")
    site.set_state(sheetTitle="备案情况表（截至2026年11月13日）")
    assert "speaks of 2026-11-20, its table of 2026-11-13" in (failure_of(source().observe(BOTH)).detail or "")


def test_observe__attachment__asked_with_cookie_and_referer_under_its_real_address(
    site: CsrcSite, source: SourceMaker
) -> None:
    site.set_row_status(COMPANY, "已接收")
    assert kinds(source().observe(BOTH)) == ["STATUS_TABLE"]
    assert site.site
    files = [target for target in site.site.requests if target.endswith(".xlsx")]
    assert len(files) == 1
    assert files[0].startswith("/csrc/c106251/c7700000/7700000/files/")


def test_observe__page_without_a_link__file_of_the_list_is_read(site: CsrcSite, source: SourceMaker) -> None:
    site.set_row_status(COMPANY, "已接收")
    site.set_state(linked=False)
    assert kinds(source().observe(BOTH)) == ["STATUS_TABLE"]


def test_observe__two_files_on_the_page__failure(site: CsrcSite, source: SourceMaker) -> None:
    site.set_state(otherFiles=["other.xlsx"])
    assert "2 xlsx files, one is expected" in (failure_of(source().observe(BOTH)).detail or "")


def test_observe__file_on_another_host__not_fetched(site: CsrcSite, source: SourceMaker) -> None:
    site.set_state(linked=False, otherFiles=["//example.org/table.xlsx"])
    assert "leads to example.org, outside" in (failure_of(source().observe(BOTH)).detail or "")


def test_observe__relative_address_in_the_list__resolved(source: SourceMaker) -> None:
    seen = only(source(**LISTING).observe(FilingQuery(entity_name="江西一脉阳光集团股份有限公司")))
    assert (seen.status, seen.as_of) == (LifeCycle.CONSULTING, date(2026, 9, 30))
    assert (seen.url or "").endswith("/csrc/c106251/c7662540/content.shtml")


def test_observe__both_times_of_publication__kept_and_8_hours_apart(site: CsrcSite, source: SourceMaker) -> None:
    publish(site)
    seen = only(source().observe(BOTH))
    assert seen.published_str == "2026-11-20 09:30:00"
    assert seen.published_epoch is not None
    shown_utc = 1_795_138_200  # 2026-11-20 09:30:00 +08:00
    assert seen.published_epoch == (shown_utc - 8 * 3600) * 1000


@pytest.mark.parametrize("key", ("nestedChannels", "hiddenChannels"))
def test_observe__channel_among_children_or_only_on_its_page__found(
    site: CsrcSite, source: SourceMaker, key: str
) -> None:
    publish(site)
    site.set_state(**{key: ["c900002"]})
    assert kinds(source().observe(BOTH)) == ["NOTICE"]


def test_observe__listed_notice_answers_404__failure(site: CsrcSite, source: SourceMaker) -> None:
    publish(site, gone=True)
    seen = failure_of(source().observe(BOTH))
    assert (seen.http_status, seen.title) == (404, f"关于{COMPANY}境外发行资产支持证券代币备案通知书")
    assert "withdrawn" in (seen.detail or "")


def test_observe__site_fails_twice__third_attempt_counts(site: CsrcSite, source: SourceMaker) -> None:
    publish(site)
    site.set_state(fault={"kind": "500", "times": 2})
    assert kinds(source().observe(BOTH)) == ["NOTICE"]


@pytest.mark.parametrize(
    "name", ("Lemeng Holdings Limited (乐盟控股有限公司)", "Lemeng Holdings Limited", "乐盟控股有限公司")
)
def test_observe__two_names_in_one_cell__each_matches(source: SourceMaker, name: str) -> None:
    assert only(source(**LISTING).observe(FilingQuery(entity_name=name))).status is LifeCycle.SUPPLEMENT


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "telling"),
    (
        ("500", "HTTP status 500"),
        ("html-for-json", "a web page came instead of JSON"),
        ("bad-json", "not JSON"),
        ("drift", "no total or no results"),
        ("lying-length", "not JSON"),
        ("short-body", "the connection failed"),
        ("gzip", "encoded body"),
        ("redirect", "redirects to example.org, outside the allowed hosts"),
        ("redirect-loop", "more than 3 redirects"),
        ("total-changes", "total changed from 46 to 47"),
        ("page-repeats", "page 2 of the list repeats"),
        ("ends-early", "ends after 18 of 46"),
    ),
)
def test_observe__fault_of_the_site__failure_that_tells_and_keeps_the_bytes(
    long_site: CsrcSite, source: SourceMaker, evidence: EvidenceStore, fault: str, telling: str
) -> None:
    publish(long_site)
    long_site.set_state(fault=fault)
    seen = only(source(table_channels=[]).observe(BOTH))
    assert seen.kind is ObservationKind.FAILURE
    assert seen.status is None
    assert telling in (seen.detail or "")
    assert (seen.detail or "").startswith("/")
    assert long_site.host not in (seen.detail or "")
    assert hashlib.sha256(evidence.get(seen.sha256 or "")).hexdigest() == seen.sha256


def test_observe__html_instead_of_the_xlsx__failure_names_the_reason(
    site: CsrcSite, source: SourceMaker, evidence: EvidenceStore
) -> None:
    site.set_state(fault="html-for-xlsx")
    seen = failure_of(source().observe(BOTH))
    assert "Referer or cookie" in (seen.detail or "")
    assert "您的访问存在风险".encode() in evidence.get(seen.sha256 or "")


def test_observe__200_mb_body__cut_at_the_limit_in_bounded_memory(
    site: CsrcSite, source: SourceMaker, evidence: EvidenceStore
) -> None:
    site.set_state(fault="huge")
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    seen = only(source(table_channels=[], max_bytes=2_000_000).observe(BOTH))
    assert "more than 2000000 bytes" in (seen.detail or "")
    assert len(evidence.get(seen.sha256 or "")) == 2_000_000
    assert time.monotonic() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
    assert site.site
    assert site.site.streamed < 60_000_000


def test_observe__slow_site__failure_within_timeout_and_deadline(site: CsrcSite, source: SourceMaker) -> None:
    site.set_state(fault="slow")
    began = time.monotonic()
    found = source(timeout_seconds=0.2, attempts=2, deadline_seconds=5.0).observe(BOTH)
    assert kinds(found) == ["FAILURE", "FAILURE"]
    assert "no answer within 0.2 s" in (found[0].detail or "")
    assert time.monotonic() - began < 10


def test_observe__header_that_never_ends__ended_at_the_deadline(site: CsrcSite, source: SourceMaker) -> None:
    site.set_state(fault="drip")
    began = time.monotonic()
    found = source(deadline_seconds=0.6).observe(BOTH)
    assert set(kinds(found)) == {"FAILURE"}
    assert "longer than 0.6 s" in (found[0].detail or "")
    assert time.monotonic() - began < 10


def test_observe__nobody_listens__failure(site: CsrcSite, source: SourceMaker) -> None:
    unreachable = source(base_url="http://127.0.0.1:9")
    found = unreachable.observe(BOTH)
    assert set(kinds(found)) == {"FAILURE"}
    assert "the connection failed" in (found[0].detail or "")


def test_observe__every_exchange__stored_with_its_record(site: CsrcSite, source: SourceMaker, tmp_path: Path) -> None:
    publish(site)
    source().observe(BOTH)
    stored = {path.name: path.read_bytes() for path in (tmp_path / "evidence").glob("??/*")}
    kept = EvidenceStore(tmp_path / "evidence")
    exchanges = [kept.exchange(name) for name in stored]
    assert site.site
    assert {exchange.url.removeprefix(site.url) for exchange in exchanges} == set(site.site.requests)
    assert all(kept.get(hashlib.sha256(exchange.body).hexdigest()) == exchange.body for exchange in exchanges)
    assert not any(b"csrc_session" in data for data in stored.values())


# --- configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "problem"),
    (
        ({"base_url": "http://www.csrc.gov.cn"}, "must be https"),
        ({"base_url": "https://user:pass@www.csrc.gov.cn"}, "holds a user name"),
        ({"base_url": "https://www.csrc.gov.cn/csrc/"}, "scheme, host and perhaps port"),
        ({"table_channels": []}, "must name a channel"),
        ({"table_channels": ["../x"]}, "not a channel code"),
        ({"notice_title": "关于(.+)通知书"}, "has no group"),
        ({"units_patterns": ["(?P<value>"]}, "not a regular expression"),
        ({"colour": "red"}, "Extra inputs"),
        ({"body_selector": "div[["}, "not a CSS selector"),
        ({"withdrawal_titles": [{"pattern": "(?P<entity>.+)", "status": "FILED"}]}, "does not end a filing"),
    ),
)
def test_config__wrong_value__refused_with_its_reason(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        CsrcConfig(**{"table_channels": ["c1"], **changes})


def test_config__camel_case_keys__accepted() -> None:
    config = CsrcConfig.model_validate(
        {"tableChannels": ["c1"], "allowedHosts": ["www.csrc.gov.cn", "neris.csrc.gov.cn"]}
    )
    assert config.allows("https://neris.csrc.gov.cn/x")


@pytest.mark.parametrize(
    "url",
    (
        "http://www.csrc.gov.cn/",
        "https://www.csrc.gov.cn:8443/",
        "https://www.csrc.gov.cn.example.org/",
        "https://a@www.csrc.gov.cn/",
        "https://csrc.gov.cn/",
        "ftp://www.csrc.gov.cn/",
        "https://www.csrc.gov.cn/" + "a" * 3000,
        "https://[",
    ),
)
def test_config__address_outside__not_allowed(url: str) -> None:
    config = CsrcConfig(table_channels=["c1"])
    assert config.allows("https://www.csrc.gov.cn/csrc/c1/content.shtml")
    assert not config.allows(url)


TOML = """
name = "regulator"
baseUrl = "https://www.csrc.gov.cn"
tableChannels = ["c101935"]
noticeChannels = ["c106402"]
timeoutSeconds = 15
applicationTypes = ["境外发行资产支持证券代币"]

[vocabulary]
"已接收" = "RECEIVED"
"中止" = "SUSPENDED"

[[withdrawalTitles]]
pattern = "关于撤销(?P<entity>.+?)备案的公告"
status = "REVOKED"

[[amountPatterns]]
ccy = "CNY"
pattern = "总额人民币(?P<value>[0-9,.万亿]+)元"
"""


def test_config__toml__as_python_values_or_as_json() -> None:
    values = tomllib.loads(TOML)
    config = CsrcConfig.model_validate(values)
    assert config == CsrcConfig.model_validate_json(json.dumps(values))
    assert config.state("中 止") is LifeCycle.SUSPENDED
    assert config.withdrawal("《关于撤销甲公司备案的公告》") == (LifeCycle.REVOKED, "甲公司")
    assert config.timeout_seconds == 15


def test_config__no_application_type__every_row_counts() -> None:
    assert CsrcConfig(table_channels=["c1"], application_types=[]).counts("全流通")
    assert not CsrcConfig(table_channels=["c1"]).counts("全流通")
