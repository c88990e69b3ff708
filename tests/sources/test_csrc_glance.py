"""Looks that share what the site says of all filings alike: what is asked once, what each time, and how old it gets."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from oracle.domain.filing import FilingQuery, ObservationKind
from oracle.evidence.store import EvidenceStore
from oracle.sources import SharingSource
from oracle.sources.csrc import SHARED_SECONDS, CsrcConfig, CsrcSource
from oracle.sources.csrc_lists import Listed, ListPage, parse_list
from oracle.sources.csrc_parse import Notice, parse_notice
from tests.sources.conftest import SourceMaker
from tests.standin.csrc_site import CsrcSite

COMPANIES = ("甲示例有限公司", "乙示例有限公司", "丙示例有限公司")
QUERIES = [FilingQuery(number=f"国合函〔2026〕{70 + n}号", entity_name=name) for n, name in enumerate(COMPANIES)]


@pytest.fixture
def published(site: CsrcSite) -> CsrcSite:
    for query, company in zip(QUERIES, COMPANIES, strict=True):
        site.publish_notice(number=query.number or "", company=company, units=10, amount="100")
    return site


def later(source: CsrcSource) -> None:
    """Let the reading that is shared grow too old."""
    assert source._shared is not None
    source._shared.good_until -= 3600


def requests(site: CsrcSite, part: str) -> int:
    assert site.site is not None
    return sum(part in path for path in site.site.requests)


def test_glance__says_what_observe_says(published: CsrcSite, source: SourceMaker) -> None:
    published.withdraw_notice(QUERIES[1].number or "")
    published.set_row_status(COMPANIES[0], "已备案")
    shared, own = source(), source()
    assert isinstance(shared, SharingSource)
    when = {"fetched_at": ""}
    for query in (*QUERIES, FilingQuery(number="国合函〔2026〕99号", entity_name="丁有限公司")):
        seen = [item.model_copy(update=when) for item in shared.glance(query)]
        assert seen == [item.model_copy(update=when) for item in own.observe(query)]
        assert seen
    assert ObservationKind.WITHDRAWAL in [item.kind for item in shared.glance(QUERIES[1])]


def test_glance__lists_asked_for_once__each_notice_each_time(published: CsrcSite, source: SourceMaker) -> None:
    shared = source()
    for query in (*QUERIES, *QUERIES):
        assert [item.kind for item in shared.glance(query)] == [ObservationKind.NOTICE]
    assert requests(published, "/searchList/") == 2  # one page of each channel
    assert requests(published, "/getChannelList") == 2
    assert requests(published, "/c78") == 6


def test_glance__notice_changed__seen_at_once__withdrawal_seen_with_the_next_reading(
    published: CsrcSite, source: SourceMaker
) -> None:
    shared = source()
    shared.glance(QUERIES[0])
    rows = published.read()["notices"]
    published.set_state(notices=[{**row, "units": 5} for row in rows])
    record = shared.glance(QUERIES[0])[0].record
    assert record is not None
    assert record.units == 5
    published.withdraw_notice(QUERIES[0].number or "")
    later(shared)
    assert ObservationKind.WITHDRAWAL in [item.kind for item in shared.glance(QUERIES[0])]


def test_glance__notice_taken_down__failure_until_the_next_reading__then_absence__dated_as_the_lists(
    published: CsrcSite, source: SourceMaker
) -> None:
    shared = source()
    shared.glance(QUERIES[0])
    published.remove_notice(QUERIES[0].number or "")
    assert [item.kind for item in shared.glance(QUERIES[0])] == [ObservationKind.FAILURE]
    later(shared)
    seen = shared.glance(QUERIES[0])
    assert [item.kind for item in seen] == [ObservationKind.ABSENCE]
    assert shared._shared is not None
    assert seen[0].fetched_at == shared._shared.began.isoformat(timespec="seconds")


def test_glance__list_fails__a_failure_for_each_filing__one_question_to_the_site(
    published: CsrcSite, source: SourceMaker
) -> None:
    shared = source(attempts=1)
    published.set_state(fault={"kind": "500", "path": "/searchList/"})
    for query in QUERIES:
        assert {item.kind for item in shared.glance(query)} == {ObservationKind.FAILURE}
    assert requests(published, "/searchList/") == 2
    assert shared._shared is not None
    assert shared._shared.good_until <= time.monotonic() + SHARED_SECONDS  # however long the failing took
    published.set_state(fault=None)
    later(shared)
    assert [item.kind for item in shared.glance(QUERIES[0])] == [ObservationKind.NOTICE]


def test_glance__withdrawal_page_fails__told_to_whom_it_may_concern(published: CsrcSite, source: SourceMaker) -> None:
    published.withdraw_notice(QUERIES[0].number or "", gone=True)
    shared = source(attempts=1)
    assert [item.kind for item in shared.glance(QUERIES[0])] == [ObservationKind.NOTICE, ObservationKind.FAILURE]
    assert [item.kind for item in shared.glance(QUERIES[1])] == [ObservationKind.NOTICE]


def test_reading__good_for_a_moment_only(published: CsrcSite, source: SourceMaker) -> None:
    shared = source()
    before = time.monotonic()
    shared.glance(QUERIES[0])
    assert shared._shared is not None
    assert shared._shared.good_until >= before + SHARED_SECONDS
    assert shared._shared.good_until <= time.monotonic() + 60


def test_reading__unchanged_pages_of_lists__neither_read_nor_parsed_again__and_kept_until_they_change(
    published: CsrcSite, evidence: EvidenceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []

    def counted(data: bytes) -> ListPage:
        parsed.append(len(data))
        return parse_list(data)

    counted.__qualname__ = parse_list.__qualname__
    monkeypatch.setattr("oracle.sources.csrc.parse_list", counted)
    monkeypatch.setattr("oracle.sources.csrc.REMEMBERED", 1)  # other pages drive each other out
    published.set_state(etags=True, fillersNewer=0, fillersOlder=0)
    config = CsrcConfig(base_url=published.url, notice_channels=["c900002"], page_size=1, backoff_seconds=0)
    shared = CsrcSource(config, evidence, lambda: datetime.now(UTC), cache=tmp_path / "cache")
    for query in QUERIES:
        shared.glance(query)
    assert len(parsed) == 3
    known = set(shared._lists)
    later(shared)
    assert [item.kind for item in shared.glance(QUERIES[0])] == [ObservationKind.NOTICE]
    assert [item.kind for item in shared.observe(QUERIES[1])] == [ObservationKind.NOTICE]
    assert (len(parsed), set(shared._lists)) == (3, known)
    published.remove_notice(QUERIES[2].number or "")
    later(shared)
    assert [item.kind for item in shared.glance(QUERIES[0])] == [ObservationKind.NOTICE]
    assert len(parsed) == 5
    assert len(shared._lists) < len(known)  # of what the site no longer shows nothing is kept
    for path in (tmp_path / "evidence").rglob("*"):
        path.unlink() if path.is_file() else None
    later(shared)
    assert [item.kind for item in shared.glance(QUERIES[0])] == [ObservationKind.NOTICE]
    assert shared._shared is not None
    assert not shared._shared.failed  # what the store has lost was asked for in full
    assert requests(published, "/searchList/") > 3 + 3 + 3 + 2 + 2


def test_glance__unchanged_notice__not_parsed_again__a_changed_one_is(
    published: CsrcSite, evidence: EvidenceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[Listed | None] = []

    def counted(data: bytes, config: CsrcConfig, listed: Listed | None = None) -> Notice:
        parsed.append(listed)
        return parse_notice(data, config, listed)

    monkeypatch.setattr("oracle.sources.csrc.parse_notice", counted)
    published.set_state(etags=True)
    config = CsrcConfig(base_url=published.url, notice_channels=["c900002"], backoff_seconds=0)
    shared = CsrcSource(config, evidence, lambda: datetime.now(UTC), cache=tmp_path / "cache")
    first, second = shared.glance(QUERIES[0]), shared.glance(QUERIES[0])
    assert (first[0].record, first[0].sha256) == (second[0].record, second[0].sha256)
    assert [second[0].http_status, len(parsed)] == [304, 1]
    published.set_state(notices=[{**row, "units": 5} for row in published.read()["notices"]])
    third = shared.glance(QUERIES[0])[0]
    assert third.record is not None
    assert [third.http_status, third.record.units, len(parsed)] == [200, 5, 2]
    for path in (tmp_path / "evidence").rglob("*"):
        path.unlink() if path.is_file() else None
    assert shared.glance(QUERIES[0])[0].http_status == 200  # what the store has lost is asked for in full
