"""The last value that passes and the first that does not: days, seconds, shares, base units."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.rules.calendar_months import months_after
from oracle.rules.case import SHANGHAI, Case, TrancheFacts
from oracle.rules.filing import last_day, validity
from oracle.rules.policy import Policy
from oracle.rules.table import evaluate
from oracle.rules.verdict import Verdict
from tests.samples.dossier import (
    DECIMALS,
    JUNIOR,
    NOW,
    SENIOR,
    TODAY,
    sample_case,
    sample_observation,
    sample_parsed,
    sample_record,
    sample_tranches,
)

PASS, FAIL, UNSURE = Verdict.PASS, Verdict.FAIL, Verdict.INDETERMINATE
ONE_TOKEN = 10**DECIMALS
PARSED = sample_parsed()


def result(case: Case, rule: str, *, beside: frozenset[str] = frozenset()) -> Verdict:
    """The rule's answer; every other rule, but those `beside`, must pass."""
    others = {finding.rule for finding in evaluate(case).not_passed} - {rule}
    assert others <= beside
    return next(finding.result for finding in evaluate(case).findings if finding.rule == rule)


def at(day: date, moment: time = time(10)) -> int:
    return int(datetime.combine(day, moment, SHANGHAI).timestamp())


# BAR-3 ---------------------------------------------------------------------------------------------------------------


def offended(day: date) -> dict[str, Any]:
    row = {"party": "FILING_ENTITY", "offence": "行贿罪", "committedOn": day.isoformat(), "evidence": "opinion-1"}
    return {"declarations.bars[2].offences": [row]}


@pytest.mark.parametrize(
    ("today", "committed", "expected"),
    (
        (date(2026, 10, 12), date(2023, 10, 11), PASS),
        (date(2026, 10, 12), date(2023, 10, 12), FAIL),
        (date(2026, 10, 12), date(2023, 10, 13), FAIL),
        (date(2028, 2, 29), date(2025, 2, 27), PASS),
        (date(2028, 2, 29), date(2025, 2, 28), FAIL),
        (date(2028, 3, 1), date(2025, 2, 28), PASS),
        (date(2027, 2, 28), date(2024, 2, 27), PASS),
        (date(2027, 2, 28), date(2024, 2, 28), FAIL),
        (date(2027, 2, 28), date(2024, 2, 29), FAIL),
        (date(2027, 3, 1), date(2024, 2, 29), PASS),
        (date(2026, 10, 12), date(2026, 10, 12), FAIL),
        (date(2026, 10, 12), date(2026, 10, 13), FAIL),
    ),
)
def test_bar_3__day_of_offence__look_back_includes_its_first_day(
    today: date, committed: date, expected: Verdict
) -> None:
    assert result(sample_case(offended(committed), now=at(today)), "BAR-3") is expected


def test_bar_3__shanghai_midnight__decides_the_day() -> None:
    committed = offended(date(2023, 10, 12))
    last_second = at(date(2026, 10, 12), time(23, 59, 59))
    assert result(sample_case(committed, now=last_second), "BAR-3") is FAIL
    assert result(sample_case(committed, now=last_second + 1), "BAR-3") is PASS


# FILE-2 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "expected"),
    ((0, PASS), (72 * 3600, PASS), (72 * 3600 + 1, UNSURE), (-1, PASS), (-300, PASS), (-301, UNSURE)),
)
def test_file_2__age_of_the_sighting__fresh_up_to_and_with_the_limit(age: int, expected: Verdict) -> None:
    assert result(sample_case(observations=[sample_observation(age=age)]), "FILE-2") is expected


def test_file_2__time_in_another_zone__is_the_same_moment() -> None:
    seen = sample_observation(fetched_at=datetime.fromtimestamp(NOW - 60, UTC).isoformat())
    assert result(sample_case(observations=[seen]), "FILE-2") is PASS


# FILE-4 --------------------------------------------------------------------------------------------------------------


def decided(day: date, now: int, *, months: int = 12, **changes: Any) -> Case:
    seen = sample_observation(now=now, record=sample_record(decision_date=day, **changes))
    return sample_case(now=now, observations=[seen], policy=Policy(default_validity_months=months))


@pytest.mark.parametrize(
    ("decision", "months", "today", "expected"),
    (
        (date(2026, 10, 12), 12, date(2026, 10, 11), FAIL),
        (date(2026, 10, 12), 12, date(2026, 10, 12), PASS),
        (date(2026, 10, 12), 12, date(2027, 10, 11), PASS),
        (date(2026, 10, 12), 12, date(2027, 10, 12), FAIL),
        (date(2028, 2, 29), 12, date(2029, 2, 27), PASS),
        (date(2028, 2, 29), 12, date(2029, 2, 28), FAIL),
        (date(2026, 8, 31), 6, date(2027, 2, 27), PASS),
        (date(2026, 8, 31), 6, date(2027, 2, 28), FAIL),
        (date(2026, 12, 31), 2, date(2027, 2, 27), PASS),
        (date(2026, 12, 31), 2, date(2027, 2, 28), FAIL),
    ),
)
def test_file_4__default_term__first_day_in_last_day_out(
    decision: date, months: int, today: date, expected: Verdict
) -> None:
    assert result(decided(decision, at(today), months=months), "FILE-4") is expected


def test_file_4__shanghai_midnight__ends_the_filing() -> None:
    end = at(date(2027, 1, 1), time())
    day = date(2026, 10, 12)
    assert result(decided(day, end - 1, valid_until=date(2027, 1, 1)), "FILE-4") is PASS
    assert result(decided(day, end, valid_until=date(2027, 1, 1)), "FILE-4") is FAIL


def span_of(case: Case) -> tuple[date, date, bool]:
    span = validity(case)
    assert span is not None
    assert last_day(case) == span.end
    return span.start, span.end, span.by_analogy


@pytest.mark.parametrize(
    ("published", "own", "end", "by_analogy"),
    (
        (None, None, date(2027, 9, 15), True),
        (date(2027, 6, 1), None, date(2027, 6, 1), False),
        (None, "2027-06-01", date(2027, 6, 1), False),
        (None, "2027-09-15", date(2027, 9, 15), False),
        (None, "2099-12-31", date(2027, 9, 15), True),
        (date(2027, 6, 1), "2027-05-01", date(2027, 5, 1), False),
        (date(2027, 6, 1), "2027-07-01", date(2027, 6, 1), False),
        (date(2029, 6, 1), "2028-07-01", date(2028, 7, 1), False),
    ),
)
def test_validity__ends_published_and_claimed__earlier_one_binds(
    published: date | None, own: str | None, end: date, by_analogy: bool
) -> None:
    changes = {"filing.validUntil": own} if own else {}
    case = sample_case(changes, observations=[sample_observation(record=sample_record(valid_until=published))])
    assert span_of(case) == (date(2026, 9, 15), end, by_analogy)
    assert result(case, "FILE-4") is PASS


def test_file_4__end_that_only_the_dossier_states__does_not_prolong() -> None:
    changes = {"filing.validUntil": "2027-11-01"}
    for today, expected in ((date(2027, 9, 14), PASS), (date(2027, 9, 15), UNSURE), (date(2027, 11, 1), FAIL)):
        seen = sample_observation(now=at(today), record=sample_record())
        # The amounts and the decision stay those of the sample's own day.
        case = replace(sample_case(dossier=sample_parsed(changes), now=at(today)), observations=(seen,))
        assert result(case, "FILE-4") is expected


def test_validity__nothing_published__none() -> None:
    assert validity(sample_case(observations=[])) is None
    assert last_day(sample_case(observations=[])) is None


# NL-2 ----------------------------------------------------------------------------------------------------------------


def providers(*rows: tuple[str, str, bool]) -> dict[str, Any]:
    return {
        "assets[0].cashflow.importantProviders": [
            {"id": ident, "sharePct": share, "dishonest": bad, "checkedAt": "2026-08-01T09:30:00+08:00"}
            for ident, share, bad in rows
        ]
    }


@pytest.mark.parametrize(
    ("rows", "expected"),
    (
        ([("p", "15", True)], PASS),
        ([("p", "15.000000000000000000", True)], PASS),
        ([("p", "15.000001", True)], FAIL),
        ([("p", "15.000000000000000001", True)], FAIL),
        ([("p", "100", False)], PASS),
        ([("p", "8", True), ("q", "8", True)], PASS),
        ([("p", "8", True), ("p", "7.000001", False)], FAIL),
        ([], PASS),
    ),
)
def test_nl_2__share_of_a_dishonest_provider__above_15_fails(
    rows: list[tuple[str, str, bool]], expected: Verdict
) -> None:
    assert result(sample_case(providers(*rows)), "BAR-6.NL-2") is expected


def test_nl_2__numbers_outweigh_the_wrong_list_version() -> None:
    case = sample_case(providers(("p", "15.5", True)) | {"negativeList.version": "AMAC-2014-12-24"})
    found = {finding.rule: finding for finding in evaluate(case).not_passed}
    assert found["BAR-6.NL-2"].result is FAIL
    assert "p has 15.5 %, above 15 %" in found["BAR-6.NL-2"].explanation


def test_nl_2__shares_over_two_assets__do_not_add_up() -> None:
    whole = sample_case(providers(("p", "10", True))).dossier.model_dump(mode="json", by_alias=True, exclude_none=True)
    second = whole["assets"][0] | {"assetId": "asset-2"}
    findings = whole["negativeList"]["findings"]
    findings += [row | {"assetId": "asset-2"} for row in findings]
    case = sample_case({"assets": [whole["assets"][0], second], "negativeList.findings": findings})
    assert result(case, "BAR-6.NL-2") is PASS


# PLAN-1 --------------------------------------------------------------------------------------------------------------


def asked(senior: int = 800_000 * ONE_TOKEN, junior: int = 200_000 * ONE_TOKEN, **changes: Any) -> list[TrancheFacts]:
    """Both tranches with these caps, the senior one changed."""
    one, two = sample_tranches(PARSED)
    return [replace(one, cap=senior, **changes), replace(two, cap=junior)]


@pytest.mark.parametrize(
    ("changes", "tranches", "expected", "words"),
    (
        ({}, asked(), PASS, "1000000 units"),
        ({}, asked(senior=800_000 * ONE_TOKEN + 1), FAIL, "tranche senior: cap 800000000001"),
        ({}, asked(junior=200_000 * ONE_TOKEN + 1), FAIL, "tranche subordinated"),
        ({}, asked(senior=1, issued=1), PASS, "units"),
        ({}, asked(senior=1, issued=2), FAIL, "2 base units are issued"),
        ({}, asked(issued=-1), FAIL, "issued"),
        ({}, asked(senior=-1), FAIL, "issued"),
        ({}, asked(decimals=18), FAIL, "18 decimals"),
        ({}, asked(contract=SENIOR.upper().replace("0X", "0x")), PASS, "units"),
        ({}, asked(contract="0x" + "44" * 20), FAIL, "not among issuePlan.tranches"),
        ({}, asked(chain="eip155:1"), FAIL, "eip155:1"),
        ({}, [*asked(), asked()[0]], FAIL, "twice"),
        ({"issuePlan.maxUnits": 999_999}, asked(), FAIL, "issuePlan.maxUnits"),
        ({"issuePlan.maxUnits": 999_999}, asked(senior=799_999 * ONE_TOKEN), PASS, "999999 units"),
        ({"issuePlan.maxUnits": 999_999}, asked(senior=799_999 * ONE_TOKEN + 1), FAIL, "issuePlan.maxUnits"),
        ({"issuePlan.maxIssueAmount.amount": "99999999.99"}, asked(), FAIL, "issuePlan.maxIssueAmount"),
        ({"issuePlan.maxIssueAmount.amount": "99999999.9999"}, asked(senior=800_000 * ONE_TOKEN - 1), PASS, "units"),
        ({"issuePlan.maxIssueAmount.amount": "99999999.9998"}, asked(senior=800_000 * ONE_TOKEN - 1), FAIL, "amount"),
        ({"issuePlan.unitFace.amount": "100.000001"}, asked(), FAIL, "issuePlan.maxIssueAmount"),
    ),
)
def test_plan_1__caps__stay_inside_plan_and_filing(
    changes: dict[str, Any], tranches: list[TrancheFacts], expected: Verdict, words: str
) -> None:
    case = sample_case(changes, tranches=tranches)
    # A tranche that is none of the plan's leaves PLAN-2 without the planned one.
    assert result(case, "PLAN-1", beside=frozenset({"PLAN-2"} if len(tranches) == 2 else ())) is expected
    found = next(finding for finding in evaluate(case).findings if finding.rule == "PLAN-1")
    assert words.lower() in found.explanation.lower()


def test_plan_1__tranches_on_two_chains__count_together() -> None:
    changes = {"issuePlan.tranches[1].chain": "eip155:1", "issuePlan.maxUnits": 999_999}
    whole = sample_parsed(changes)
    facts = sample_tranches(whole)
    assert {fact.chain for fact in facts} == {"eip155:31337", "eip155:1"}
    assert result(sample_case(dossier=whole), "PLAN-1") is FAIL
    # The same address may carry a tranche on each chain.
    twin = sample_parsed({"issuePlan.tranches[1].chain": "eip155:1", "issuePlan.tranches[1].contract": SENIOR})
    assert JUNIOR not in {item.contract for item in twin.issue_plan.tranches}
    assert result(sample_case(dossier=twin), "PLAN-1") is PASS


@settings(deadline=None)
@given(
    senior=st.integers(0, 800_000 * ONE_TOKEN),
    junior=st.integers(0, 200_000 * ONE_TOKEN),
    most=st.integers(1, 1_000_000),
)
def test_plan_1__any_caps__pass_exactly_if_their_sum_fits(senior: int, junior: int, most: int) -> None:
    whole = PARSED.model_copy(update={"issue_plan": PARSED.issue_plan.model_copy(update={"max_units": most})})
    case = sample_case(dossier=whole, tranches=asked(senior, junior))
    assert (result(case, "PLAN-1") is PASS) == (senior + junior <= most * ONE_TOKEN)


# The calendar --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    (
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 12, 31), 1, date(2027, 1, 31)),
        (date(2026, 1, 1), -1, date(2025, 12, 1)),
        (date(2028, 2, 29), -36, date(2025, 2, 28)),
        (date(2028, 2, 29), -48, date(2024, 2, 29)),
        (date(9999, 11, 1), 1, date(9999, 12, 1)),
        (date(1, 2, 1), -1, date(1, 1, 1)),
        (date(9999, 12, 1), 1, date.max),
        (date(1, 1, 31), -1, date.min),
    ),
)
def test_months_after__short_months__end_on_their_last_day(day: date, months: int, expected: date) -> None:
    assert months_after(day, months) == expected


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(-600, 600))
def test_months_after__any_day__right_month_and_never_a_later_day(day: date, months: int) -> None:
    moved = months_after(day, months)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    assert moved.day == day.day or (moved.day < day.day and (moved + timedelta(days=1)).day == 1)


def test_today__around_shanghai_midnight() -> None:
    midnight = at(TODAY, time())
    assert sample_case(now=midnight).today == TODAY
    assert replace(sample_case(), now=midnight - 1).today == TODAY - timedelta(days=1)
