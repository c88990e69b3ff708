"""The regulator's site drifts: each case over HTTP, from the stand-in's bytes to the verdicts of all rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.lifecycle import MINTABLE, FilingLife, LifeCycle, PublishedStatus, advance
from oracle.domain.names import fold_name
from oracle.evidence.store import EvidenceStore
from oracle.rules.table import evaluate
from oracle.rules.verdict import Verdict
from oracle.sources.csrc import CsrcConfig, CsrcSource
from tests.samples.dossier import ENTITY_NAME, NOW, NUMBER, TODAY, sample_case
from tests.standin.csrc_site import CsrcSite

DECIDED = TODAY - timedelta(days=27)
ASKED = FilingQuery(number=NUMBER, entity_name=ENTITY_NAME)
TABLE_DAY = "2026-10-09"
#: Verdicts of the rules that speak of the filing, by rule.
Verdicts = dict[str, Verdict]
See = Callable[[], list[Observation]]


@pytest.fixture
def see(site: CsrcSite, evidence: EvidenceStore) -> See:
    """Asks the site at the sample's moment; the table is older than the sample's day and later than its decision."""
    site.set_state(tableAsOf=TABLE_DAY, olderTables=[])
    config = CsrcConfig(
        base_url=site.url, table_channels=["c900001"], notice_channels=["c900002"], backoff_seconds=0, robots=False
    )
    source = CsrcSource(config, evidence, lambda: datetime.fromtimestamp(NOW, UTC))
    return lambda: source.observe(ASKED)


def publish(site: CsrcSite, **changes: Any) -> None:
    facts = {"number": NUMBER, "company": ENTITY_NAME, "units": 1_000_000, "amount": "100000000"}
    site.publish_notice(**{**facts, "issued_on": DECIDED.isoformat(), **changes})


def verdicts(found: list[Observation]) -> Verdicts:
    """The rules that do not pass; none means that the filing would be approved."""
    return {finding.rule: finding.result for finding in evaluate(sample_case(observations=found)).not_passed}


def row_of(found: list[Observation]) -> Observation:
    rows = [seen for seen in found if seen.kind is ObservationKind.STATUS_TABLE]
    assert len(rows) == 1
    return rows[0]


UNCLEAR = Verdict.INDETERMINATE
LAYOUTS = ("column-added", "columns-swapped", "header-moved", "one-row-header", "serial-dates")


def test_drift__none__every_rule_passes(site: CsrcSite, see: See) -> None:
    publish(site)
    assert verdicts(see()) == {}


@pytest.mark.parametrize(("layout", "filed"), (*((layout, False) for layout in LAYOUTS), ("column-added", True)))
def test_drift__column_added_or_header_moved__same_row_same_status(
    site: CsrcSite, see: See, layout: str, filed: bool
) -> None:
    rows = [{"company": "另一家有限公司", "status": "征求意见"}, {"company": ENTITY_NAME, "status": "补充材料"}]
    site.set_state(tokenRows=rows, layout=[layout], tableAsOf=TABLE_DAY if not filed else "2026-09-11")
    if filed:
        publish(site)
    found = see()
    assert (row_of(found).status, row_of(found).raw_status) == (LifeCycle.SUPPLEMENT, "补充材料")
    assert verdicts(found).get("FILE-1", Verdict.PASS) is (Verdict.PASS if filed else Verdict.FAIL)
    assert bool(verdicts(found)) is not filed


@pytest.mark.parametrize("layout", ("label-changed", "column-gone"))
def test_drift__label_changed_or_column_gone__indeterminate_even_beside_a_notice(
    site: CsrcSite, see: See, layout: str
) -> None:
    publish(site)
    site.set_state(tokenRows=[{"company": ENTITY_NAME, "status": "已接收"}], layout=[layout])
    found = see()
    failures = [seen.detail or "" for seen in found if seen.kind is ObservationKind.FAILURE]
    assert "备案状态 stands 0 times" in failures[0]
    assert verdicts(found)["FILE-1"] is UNCLEAR


@pytest.mark.parametrize("word", ("已备案", "备案完成", "中止审查", "FILED", "已接受"))
def test_drift__status_nobody_has_seen__indeterminate_with_an_alert(site: CsrcSite, see: See, word: str) -> None:
    site.set_row_status(ENTITY_NAME, word)
    found = see()
    seen = row_of(found)
    assert (seen.status, seen.raw_status) == (None, word)
    assert f"the vocabulary does not know {word!r}" in (seen.detail or "")
    assert verdicts(found)["FILE-1"] is UNCLEAR
    life = FilingLife(LifeCycle.CONSULTING)
    step = advance(life, PublishedStatus(seen.status, seen.level, seen.raw_status or "", None, 2), NOW)
    assert (step.life, step.indeterminate) == (life, True)
    assert word in step.alerts[0]


def test_drift__full_width_digits_and_brackets__the_same_filing(site: CsrcSite, see: See) -> None:
    wide = {"number": "国合函［２０２６］１０２４号", "company": "示例(上海)充电科技有限公司"}
    publish(site, **wide, unitsText="１００万", amountText="１亿")
    assert verdicts(see()) == {}


def test_drift__full_width_digits_of_another_number__not_this_filing(site: CsrcSite, see: See) -> None:
    publish(site, number="国合函〔２０２６〕１０２号")
    found = see()
    assert verdicts(found)["FILE-1"] is UNCLEAR
    assert all(seen.record is None for seen in found)


def test_drift__serial_dates__read_as_days_and_no_status_changes(site: CsrcSite, see: See) -> None:
    site.set_row_status(ENTITY_NAME, "征求意见")
    site.set_state(layout=["serial-dates"])
    seen = row_of(see())
    assert (seen.status, seen.as_of) == (LifeCycle.CONSULTING, date(2026, 10, 9))


def test_drift__company_merged_over_rows__all_of_its_rows_are_seen(site: CsrcSite, see: See) -> None:
    rows = [{"company": ENTITY_NAME, "status": "已接收"}, {"company": "", "status": "征求意见"}]
    site.set_state(tokenRows=rows, layout=["companies-merged"])
    found = see()
    assert [seen.status for seen in found] == [LifeCycle.RECEIVED, LifeCycle.CONSULTING]
    assert verdicts(found)["FILE-1"] is UNCLEAR


@pytest.mark.parametrize("states", (("已接收", "补充材料"), ("补充材料", "已接收"), ("已接收", "备案完成")))
def test_drift__company_with_two_rows__indeterminate_and_both_shown(
    site: CsrcSite, see: See, states: tuple[str, str]
) -> None:
    site.set_state(tokenRows=[{"company": ENTITY_NAME, "status": word} for word in states])
    found = see()
    assert [seen.raw_status for seen in found] == list(states)
    assert verdicts(found)["FILE-1"] is UNCLEAR


def test_drift__company_with_two_rows_alike__that_status(site: CsrcSite, see: See) -> None:
    site.set_state(tokenRows=[{"company": ENTITY_NAME, "status": "已接收"}] * 2)
    assert verdicts(see())["FILE-1"] is Verdict.FAIL


@pytest.mark.parametrize(
    "company", (ENTITY_NAME + "二厂", ENTITY_NAME[:-4], "大" + ENTITY_NAME, ENTITY_NAME + "（杭州）")
)
@pytest.mark.parametrize("number", ("国合函〔2026〕900号", NUMBER, NUMBER.replace("1024", "10240")))
def test_drift__notice_for_a_longer_or_shorter_name__never_this_filing(
    site: CsrcSite, see: See, company: str, number: str
) -> None:
    publish(site, company=company, number=number)
    found = see()
    assert verdicts(found)["FILE-1"] is UNCLEAR
    if number == NUMBER:
        assert f"is of {fold_name(company)}, not of {fold_name(ENTITY_NAME)}" in (found[0].detail or "")


@pytest.mark.parametrize("row", (ENTITY_NAME + "二厂", ENTITY_NAME[:-1], "示例(上海)充电科枝有限公司"))
def test_drift__row_of_a_name_much_alike__shown_and_nothing_rests_on_it(site: CsrcSite, see: See, row: str) -> None:
    site.set_row_status(row, "已接收")
    found = see()
    near = [seen for seen in found if seen.kind is ObservationKind.NEAR_NAME]
    assert [(seen.level, seen.status, seen.record) for seen in near] == [(0, None, None)]
    assert fold_name(row) in (near[0].detail or "")
    assert verdicts(found)["FILE-1"] is UNCLEAR


@pytest.mark.parametrize(
    "more",
    (
        [f"文号：{NUMBER}"],
        [f"{ENTITY_NAME}的{NUMBER}同时有效。"],
        [f"</p><table><tr><th>文号</th><td>{NUMBER}</td></tr></table><p>"],
    ),
)
def test_drift__number_cited_in_anothers_notice__never_this_filing(site: CsrcSite, see: See, more: list[str]) -> None:
    publish(site, company="另一家有限公司", number="国合函〔2026〕900号", more=more)
    found = see()
    assert [seen.kind for seen in found] == [ObservationKind.ABSENCE]
    assert verdicts(found)["FILE-1"] is UNCLEAR


def trapped(step: Callable[[CsrcSite], object]) -> Callable[[CsrcSite], object]:
    """A notice that would do, and then something beside it."""

    def both(site: CsrcSite) -> None:
        publish(site)
        step(site)

    return both


@pytest.mark.parametrize(
    "drift",
    (
        pytest.param(lambda s: publish(s, company=ENTITY_NAME, number="国合函〔2026〕10240号"), id="longer number"),
        pytest.param(lambda s: publish(s, listNumber=None, pageNumber=None, more=[NUMBER]), id="number in text"),
        pytest.param(lambda s: publish(s, pageTitle="关于备案工作的通知"), id="another title"),
        pytest.param(lambda s: publish(s, title=f"关于{ENTITY_NAME}补充材料的通知"), id="no notice's title"),
        pytest.param(lambda s: publish(s, unitsText="1,00,0"), id="units in another form"),
        pytest.param(lambda s: publish(s, unitsText="2,000,000"), id="other units"),
        pytest.param(lambda s: publish(s, gone=True), id="page gone"),
        pytest.param(lambda s: s.set_state(sheetTitle="截至2020年1月1日"), id="table of another day"),
        pytest.param(trapped(lambda s: s.withdraw_notice(NUMBER)), id="withdrawn"),
        pytest.param(trapped(lambda s: s.set_row_status(ENTITY_NAME, "补充材料")), id="later row"),
        pytest.param(trapped(lambda s: publish(s, units=2_000_000)), id="two notices that differ"),
        pytest.param(trapped(lambda s: s.set_state(fault="html-for-xlsx")), id="table refused"),
        pytest.param(trapped(lambda s: s.set_state(fault="drift")), id="list of another shape"),
    ),
)
def test_drift__other_trap__never_approved(site: CsrcSite, see: See, drift: Callable[[CsrcSite], object]) -> None:
    drift(site)
    case = sample_case(observations=see())
    table = evaluate(case)
    assert not table.all_pass
    assert case.standing.status not in MINTABLE or {"FILE-3", "FILE-5"} & {item.rule for item in table.not_passed}
