"""After the filing: changes between revisions, reports, major events, and what they do to the life cycle."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

import pytest

from oracle.domain.dossier import Dossier
from oracle.domain.filing import ObservationKind
from oracle.domain.lifecycle import FilingLife, LifeCycle, Resumption, advance, may_mint
from oracle.domain.reporting import RecordedReport
from oracle.domain.working_days import is_working_day
from oracle.rules.case import SHANGHAI, Case
from oracle.rules.changes import changed_areas
from oracle.rules.life_events import life_after
from oracle.rules.policy import Policy
from oracle.rules.post_filing import due_reports
from oracle.rules.table import evaluate
from oracle.rules.verdict import Verdict
from tests.samples.dossier import (
    NOW,
    TODAY,
    sample_case,
    sample_dossier,
    sample_observation,
    sample_parsed,
    sample_record,
    sample_tranches,
)

FAIL, UNSURE = Verdict.FAIL, Verdict.INDETERMINATE


def not_passed(case: Case) -> dict[str, Verdict]:
    return {finding.rule: finding.result for finding in evaluate(case).not_passed}


def explanation(case: Case, rule: str) -> str:
    return next(finding.explanation for finding in evaluate(case).findings if finding.rule == rule)


def revisions(*steps: dict[str, Any]) -> list[Dossier]:
    """The sample and its revisions, newest first; each step's changes stay."""
    line: list[Dossier] = []
    changes: dict[str, Any] = {}
    for number, step in enumerate(steps, start=1):
        changes |= step
        before = {"prevDossierHash": "0x" + line[0].dossier_hash().hex()} if line else {}
        line.insert(0, sample_parsed({**changes, "revision": number, **before}))
    return line


def case_of(line: list[Dossier], **more: Any) -> Case:
    return sample_case(dossier=line[0], revisions=line[1:], **more)


def change_report(*areas: str, **more: Any) -> dict[str, Any]:
    row = {"kind": "CHANGE", "eventOn": "2026-10-09", "reportedOn": "2026-10-10", "evidence": "report-1", **more}
    return {"postFiling": {"reports": [{**row, "areas": list(areas)} if areas else row]}}


CONTROL = {"controlChain[0].holdingPct": "70"}
ASSET = {"assets[0].encumbrances": ["pledged to a bank"]}
PLAN = {"issuePlan.useOfProceeds": "something else"}
AREAS = [("CONTROL", CONTROL), ("ASSET", ASSET), ("PLAN", PLAN)]


@pytest.mark.parametrize(("area", "change"), AREAS)
def test_chg_1__material_change__passes_only_if_reported(area: str, change: dict[str, Any]) -> None:
    silent = case_of(revisions({}, change))
    assert not_passed(silent) == {"CHG-1": FAIL}
    assert f"{area} changed with revision 2" in explanation(silent, "CHG-1")
    assert not_passed(case_of(revisions({}, change | change_report(area)))) == {}
    others = [name for name, _ in AREAS if name != area]
    assert not_passed(case_of(revisions({}, change | change_report(*others)))) == {"CHG-1": FAIL}


@pytest.mark.parametrize(
    ("more", "expected"),
    (
        ({"reportedOn": "2026-10-13"}, {"CHG-1": FAIL}),
        ({"evidence": None}, {"CHG-1": FAIL, "POST-1": UNSURE}),
    ),
)
def test_chg_1__report_not_made__does_not_cover(more: dict[str, Any], expected: dict[str, Verdict]) -> None:
    assert not_passed(case_of(revisions({}, PLAN | change_report("PLAN", **more)))) == expected


def test_chg_1__report_without_areas__is_unclear() -> None:
    case = case_of(revisions({}, PLAN | change_report()))
    assert not_passed(case) == {"CHG-1": UNSURE}
    assert "areas" in explanation(case, "CHG-1")


def test_chg_1__what_is_not_material__needs_no_report() -> None:
    line = revisions({}, {"filingEntity.nameEn": "Other", "assets[0].titleEvidence": "valuation-1"})
    assert changed_areas(line[1], line[0]) == ()
    assert not_passed(case_of(line)) == {}


def test_chg_1__second_change__is_not_covered_by_the_first_report() -> None:
    first = revisions({}, PLAN | change_report("PLAN"), {"issuePlan.repatriation": "never"})
    assert not_passed(case_of(first)) == {"CHG-1": FAIL}
    assert "revision 3" in explanation(case_of(first), "CHG-1")


def test_chg_1__change_undone__both_steps_count() -> None:
    line = revisions({}, PLAN, {"issuePlan.useOfProceeds": sample_dossier()["issuePlan"]["useOfProceeds"]})
    assert changed_areas(line[2], line[0]) == ()
    assert not_passed(case_of(line)) == {"CHG-1": FAIL}


@pytest.mark.parametrize(
    ("first", "expected"),
    (("DRAFT", {}), ("UNKNOWN", {}), ("SUBMITTED", {"CHG-1": FAIL}), ("SUPPLEMENT", {"CHG-1": FAIL})),
)
def test_chg_1__begins_with_what_the_regulator_had(first: str, expected: dict[str, Verdict]) -> None:
    assert not_passed(case_of(revisions({"filing.status": first}, PLAN | {"filing.status": "FILED"}))) == expected


def test_chg_1__back_to_review_after_filing__is_no_new_beginning() -> None:
    steps: list[dict[str, Any]] = [{}, PLAN | {"filing.status": "SUBMITTED"}, {"filing.status": "FILED"}]
    assert not_passed(case_of(revisions(*steps))) == {"CHG-1": FAIL}


def test_chg_1__nothing_filed_yet__passes() -> None:
    line = revisions({"filing.status": "DRAFT"}, PLAN)
    assert not_passed(case_of(line)) == {"FILE-1": FAIL}
    assert "no revision" in explanation(case_of(line), "CHG-1")


def test_chg_1__revision_not_known__is_unclear() -> None:
    line = revisions({}, {}, PLAN)
    for known in (line[:1], line[:2]):
        assert not_passed(case_of(known)) == {"CHG-1": UNSURE}
    # Another revision in the place of the one that is named.
    assert not_passed(case_of([line[0], line[2]])) == {"CHG-1": UNSURE}


@pytest.mark.parametrize("change", ({"dossierId": "00000000-4a59-4867-9a0b-1c2d3e4f5a6b"}, {"revision": 5}))
def test_chg_1__predecessor_of_another_dossier_or_number__fails(change: dict[str, Any]) -> None:
    first = revisions({})[0]
    hashed = "0x" + first.dossier_hash().hex()
    second = sample_parsed({"revision": 2, "prevDossierHash": hashed, **change})
    case = case_of([second, first])
    assert not_passed(case) == {"CHG-1": FAIL}
    assert "prevDossierHash" in explanation(case, "CHG-1")


def hashed(dossier: Dossier) -> str:
    return "0x" + dossier.dossier_hash().hex()


def test_chg_1__beside_the_approved_dossier__fails_though_nothing_else_differs() -> None:
    first, second = revisions({}), revisions({}, {"filingEntity.nameEn": "Other"})
    assert not_passed(replace(case_of(first), approved=(hashed(first[0]),))) == {}
    assert not_passed(replace(case_of(second), approved=(hashed(second[1]),))) == {}
    assert not_passed(replace(case_of(second), approved=(hashed(second[0]), hashed(second[1])))) == {}
    fresh = replace(case_of(revisions(PLAN)), approved=(hashed(first[0]),))
    assert not_passed(fresh) == {"CHG-1": FAIL}
    assert "prevDossierHash" in explanation(fresh, "CHG-1")
    # An older revision than the approved one would undo what was reported since.
    assert not_passed(replace(case_of(second[1:]), approved=(hashed(second[0]),))) == {"CHG-1": FAIL}


# POST-1 --------------------------------------------------------------------------------------------------------------


def reports(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"postFiling": {"reports": list(rows)}}


def row(kind: str, event: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "eventOn": event, **more}


RISK = row("MAJOR_RISK", "2026-10-12")
RESOLVED = RISK | {
    "reportedOn": "2026-10-12", "evidence": "report-1", "resolvedOn": "2026-10-12", "resolution": "opinion-1",
    "resolvedBy": ["ann", "bo"],
}  # fmt: skip
MADE = {"reportedOn": "2026-10-10", "evidence": "report-1"}

POST: list[tuple[str, dict[str, Any], dict[str, Verdict], str]] = [
    ("nothing owed", {}, {}, "no report is overdue"),
    ("third working day is today", reports(row("OTHER", "2026-10-09")), {}, "OTHER by 2026-10-13"),
    ("overdue since today", reports(row("OTHER", "2026-09-30")), {"POST-1": FAIL}, "due on 2026-10-10"),
    ("late, but made", reports(row("OTHER", "2026-09-01", **MADE)), {}, "OTHER was late"),
    ("made tomorrow", reports(row("OTHER", "2026-09-01", reportedOn="2026-10-13")), {"POST-1": FAIL}, "2026-09-04"),
    ("no proof", reports(row("OTHER", "2026-10-10", reportedOn="2026-10-12")), {"POST-1": UNSURE}, "no evidence"),
    ("before the event", reports(row("OTHER", "2026-10-12", **MADE)), {"POST-1": UNSURE}, "before 2026-10-12"),
    ("beyond the calendar", reports(row("OTHER", "2003-10-09")), {"POST-1": UNSURE}, "calendar"),
    ("major risk", reports(RISK), {"POST-1": FAIL}, "until a quorum resumes"),
    ("major risk to come", reports(row("MAJOR_RISK", "2026-12-01")), {"POST-1": FAIL}, "not resolved"),
    ("major risk resolved", reports(RESOLVED), {}, "no report is overdue"),
    ("resolved tomorrow", reports(RESOLVED | {"resolvedOn": "2026-10-13"}), {"POST-1": FAIL}, "not resolved"),
]


def test_post_1__first_year_the_calendar_does_not_hold__indeterminate_and_never_overdue() -> None:
    # The State Council announces a year's holidays late in the year before, and the calendar follows.
    year = next(year for year in range(2026, 2100) if is_working_day(date(year, 1, 4)) is None)
    now = NOW + (date(year, 2, 1) - TODAY).days * 86_400
    case = sample_case(reports(row("OTHER", f"{year - 1}-12-31")), now=now)
    assert not_passed(case)["POST-1"] is UNSURE
    assert "calendar" in explanation(case, "POST-1")


@pytest.mark.parametrize(("changes", "expected", "words"), [pytest.param(*item[1:], id=item[0]) for item in POST])
def test_post_1__one_change__moves_only_its_rule(
    changes: dict[str, Any], expected: dict[str, Verdict], words: str
) -> None:
    case = sample_case(changes)
    assert not_passed(case) == expected
    assert words in explanation(case, "POST-1")


def test_post_1__more_days_by_policy__not_overdue() -> None:
    assert not_passed(sample_case(reports(row("OTHER", "2026-09-30")), policy=Policy(report_working_days=4))) == {}


def test_post_1__report_left_out_of_the_next_revision__fails() -> None:
    line = revisions(reports(RISK), {"postFiling": {"reports": []}})
    assert not_passed(case_of(line)) == {"POST-1": FAIL}
    assert "no longer has the MAJOR_RISK" in explanation(case_of(line), "POST-1")
    assert not_passed(case_of(revisions(reports(RISK), reports(RESOLVED)))) == {}


MONDAY = date(2026, 10, 12)


@pytest.mark.parametrize(
    ("recorded", "changes", "expected", "words"),
    (
        (RecordedReport("OTHER", date(2026, 10, 9)), {}, {}, "OTHER by 2026-10-13"),
        (RecordedReport("OTHER", date(2026, 9, 30)), {}, {"POST-1": FAIL}, "declared to this node"),
        (RecordedReport("OTHER", date(2026, 9, 30), date(2026, 10, 12)), {}, {}, "OTHER was late"),
        (RecordedReport("OTHER", date(2026, 9, 30), MONDAY), reports(row("OTHER", "2026-09-30")), {}, "was late"),
        (RecordedReport("OTHER", date(2003, 10, 9)), {}, {"POST-1": UNSURE}, "calendar"),
        (RecordedReport("MAJOR_RISK", MONDAY, MONDAY, open=True), {}, {"POST-1": FAIL}, "as resolved"),
        (RecordedReport("MAJOR_RISK", MONDAY, MONDAY, open=True), reports(RESOLVED), {}, "no report is overdue"),
        (RecordedReport("MAJOR_RISK", MONDAY, MONDAY), {}, {}, "no report is overdue"),
    ),
)
def test_post_1__declared_to_the_node__counts_as_if_the_dossier_said_so(
    recorded: RecordedReport, changes: dict[str, Any], expected: dict[str, Verdict], words: str
) -> None:
    case = replace(sample_case(changes), recorded=(recorded,))
    assert not_passed(case) == expected
    assert words in explanation(case, "POST-1")


def test_post_1__completion_recorded__is_the_completion_and_counts_from_the_offers_end() -> None:
    whole = sample_parsed({"issuePlan.offerEnd": "2026-09-28"})
    case = sample_case(dossier=whole, tranches=sample_tranches(whole, issued=1))
    assert not_passed(case)["POST-1"] is FAIL
    made = RecordedReport("COMPLETION", date(2026, 10, 1), date(2026, 10, 8))
    assert [(row.event_on, row.due) for row in due_reports(replace(case, recorded=(made,)))] == [
        (date(2026, 9, 28), date(2026, 10, 8))
    ]
    assert "POST-1" not in not_passed(replace(case, recorded=(made,)))


def at(day: date) -> int:
    return int(datetime.combine(day, time(10), SHANGHAI).timestamp())


@pytest.mark.parametrize(
    ("day", "issued", "result"),
    (
        (date(2026, 10, 8), 1, None),
        (date(2026, 10, 9), 1, FAIL),
        (date(2026, 10, 9), 0, None),
        (date(2026, 10, 9), None, UNSURE),
    ),
)
def test_post_1__offer_over__completion_owed_on_the_third_working_day(
    day: date, issued: int | None, result: Verdict | None
) -> None:
    whole = sample_parsed({"issuePlan.offerEnd": "2026-09-28"})
    tranches = None if issued is None else sample_tranches(whole, issued=issued)
    seen = sample_observation(now=at(day), record=sample_record())
    case = sample_case(dossier=whole, now=at(day), observations=[seen], tranches=tranches)
    assert not_passed(case).get("POST-1") == result


# The life cycle ------------------------------------------------------------------------------------------------------

BORN = FilingLife(persons=frozenset({"ann", "bo"}))


def test_life__sample__is_filed_then_issuing() -> None:
    filed, alerts = life_after(sample_case(), BORN)
    assert (filed.state, alerts) == (LifeCycle.FILED, ())
    assert may_mint(filed, NOW)
    issuing, _ = life_after(sample_case(tranches=sample_tranches(sample_parsed(), issued=1)), filed)
    assert issuing.state is LifeCycle.ISSUING


@pytest.mark.parametrize("changes", (reports(RISK), reports(row("OTHER", "2026-09-30"))))
def test_life__major_event_or_overdue_report__suspends_until_two_resume(changes: dict[str, Any]) -> None:
    stopped, alerts = life_after(sample_case(changes), BORN)
    assert (stopped.state, stopped.held) == (LifeCycle.SUSPENDED, LifeCycle.FILED)
    assert len(alerts) == 1
    assert not may_mint(stopped, NOW)
    # While the cause stands, a resumption does not last.
    resumed = advance(stopped, Resumption(("ann", "bo")), NOW).life
    assert may_mint(resumed, NOW)
    assert life_after(sample_case(changes), resumed)[0].state is LifeCycle.SUSPENDED
    assert life_after(sample_case(), resumed)[0].state is LifeCycle.FILED


def test_life__completion_reported__closes_the_issue() -> None:
    whole = sample_parsed(reports(row("COMPLETION", "2026-10-09", **MADE)))
    closed, _ = life_after(sample_case(dossier=whole, tranches=sample_tranches(whole, issued=1)), BORN)
    assert closed.state is LifeCycle.COMPLETED


def test_life__word_not_in_the_vocabulary__alerts_and_stays() -> None:
    unknown = sample_observation(ObservationKind.STATUS_TABLE, raw_status="中止")
    life, alerts = life_after(sample_case(observations=[unknown]), BORN)
    assert life.state is LifeCycle.UNKNOWN
    assert "中止" in alerts[0]


def test_life__gone_from_the_page__changes_only_freshness() -> None:
    filed, _ = life_after(sample_case(), BORN)
    absent = sample_observation(ObservationKind.ABSENCE)
    gone, alerts = life_after(sample_case(observations=[absent], earlier=[sample_observation()]), filed)
    assert (replace(gone, stale_since=None), alerts) == (filed, ())
    assert gone.stale_since == NOW


def test_life__term_over__expires() -> None:
    filed, _ = life_after(sample_case(), BORN)
    assert filed.valid_until is not None
    end = datetime.fromtimestamp(filed.valid_until, SHANGHAI).date()
    assert end == date(2027, 9, 15)
    later = replace(sample_case(), now=filed.valid_until)
    assert life_after(later, filed)[0].state is LifeCycle.EXPIRED
    assert end > TODAY
