"""Manners beside those of `test_csrc_more_lists`: what a host asks for, how a retry waits, who is asking."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from oracle import __version__
from oracle.domain.filing import FilingQuery, ObservationKind
from oracle.evidence.store import EvidenceStore
from oracle.sources.courtesy import Courtesy
from oracle.sources.csrc import CsrcConfig, CsrcSource
from tests.sources.conftest import SourceMaker
from tests.standin.csrc_site import CsrcSite

ASKED = FilingQuery(number="国合函〔2026〕886号", entity_name="苏州恒信供应链管理有限公司")


def manners(interval: float = 0.0) -> Courtesy:
    return Courtesy(interval=interval, robots=True, user_agent="filing-gate (x@e.org)", folder=None)


def test_turn__robots_asks_for_a_longer_pace__kept() -> None:
    polite, url = manners(0.1), "https://slow.example.org/a"
    assert polite.permits(url, lambda _: b"User-agent: *\nCrawl-delay: 7\n")
    assert polite.turn(url) == 0
    assert 6.9 < polite.turn(url) <= 7
    assert 13.9 < polite.turn(url) <= 14


def test_turn__two_sources_of_one_host__share_its_pace_and_no_other_hosts() -> None:
    first, second = manners(5), manners(5)
    assert first.turn("https://one.example.org/a") == 0
    assert 4.9 < second.turn("https://one.example.org/b") <= 5
    assert second.turn("https://two.example.org/b") == 0


def test_permits__own_name_with_a_contact__rule_for_the_name_applies() -> None:
    polite = manners()
    rules = b"User-agent: filing-gate\nDisallow: /private/\n\nUser-agent: *\nDisallow: /\n"
    assert polite.permits("https://named.example.org/a", lambda _: rules)
    assert not polite.permits("https://named.example.org/private/a", lambda _: rules)


def test_observe__site_busy__each_retry_waits_longer_and_by_chance(
    site: CsrcSite, source: SourceMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.set_state(fault="500")
    for chance, expected in ((0.0, [0.2, 0.4]), (0.5, [0.3, 0.6])):
        pauses: list[float] = []
        monkeypatch.setattr(time, "sleep", pauses.append)
        monkeypatch.setattr(random, "random", lambda chance=chance: chance)
        found = source(table_channels=[], robots=False, backoff_seconds=0.2, attempts=3).observe(ASKED)
        assert [seen.kind for seen in found] == [ObservationKind.FAILURE]
        assert pauses == pytest.approx(expected)


def test_observe__answer_that_no_retry_mends__asked_once(site: CsrcSite, source: SourceMaker) -> None:
    site.set_state(fault="html-for-json")
    source(table_channels=[], robots=False).observe(ASKED)
    assert site.site
    assert sum("/searchList/" in target for target in site.site.requests) == 1


def test_observe__every_request__says_who_asks(site: CsrcSite, evidence: EvidenceStore, tmp_path: Path) -> None:
    name = "filing-gate (operator@example.org)"
    config = CsrcConfig(base_url=site.url, table_channels=["c900001"], user_agent=name)
    CsrcSource(config, evidence, lambda: datetime.now(UTC)).observe(ASKED)
    sent = [evidence.exchange(path.name) for path in (tmp_path / "evidence").glob("??/*")]
    assert sent
    assert {value for item in sent for key, value in item.request_headers if key.lower() == "user-agent"} == {name}
    assert all(item.software == f"filing-gate/{__version__}" for item in sent)
