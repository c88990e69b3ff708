"""Reports after the filing: which are owed, when each is due, on the working days of mainland China."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from oracle.domain.reporting import ReportState, open_major_events, reports_due
from oracle.domain.working_days import is_working_day, working_days_after
from oracle.errors import InputError
from tests.samples.dossier import sample_parsed


@pytest.mark.parametrize(
    ("day", "worked"),
    (
        (date(2026, 9, 30), True),
        (date(2026, 10, 1), False),
        (date(2026, 10, 7), False),
        (date(2026, 10, 8), True),
        (date(2026, 10, 10), True),  # a Saturday worked in exchange
        (date(2026, 10, 11), False),
        (date(2003, 12, 31), None),
        (date(2099, 1, 1), None),
    ),
)
def test_is_working_day__holiday_and_exchange__as_announced(day: date, worked: bool | None) -> None:
    assert is_working_day(day) is worked


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    (
        (date(2026, 9, 28), 3, date(2026, 10, 8)),
        (date(2026, 9, 29), 3, date(2026, 10, 9)),
        (date(2026, 10, 3), 3, date(2026, 10, 10)),
        (date(2026, 10, 12), 0, date(2026, 10, 12)),
        (date(2098, 1, 1), 1, None),
        (date.max, 1, None),
    ),
)
def test_working_days_after__over_the_holidays(day: date, count: int, expected: date | None) -> None:
    assert working_days_after(day, count) == expected


def report(kind: str = "CHANGE", event: str = "2026-09-28", **more: Any) -> dict[str, Any]:
    return {"postFiling": {"reports": [{"kind": kind, "eventOn": event, **more}]}}


def states(changes: dict[str, Any], today: date, *, issued: bool | None = False) -> list[tuple[str, ReportState]]:
    rows = reports_due(sample_parsed(changes), 3, issued=issued)
    return [(row.kind, row.state(today)) for row in rows]


@pytest.mark.parametrize(
    ("reported", "today", "expected"),
    (
        (None, date(2026, 9, 27), ReportState.DUE),
        (None, date(2026, 10, 8), ReportState.DUE),
        (None, date(2026, 10, 9), ReportState.OVERDUE),
        ("2026-10-08", date(2026, 10, 9), ReportState.REPORTED),
        ("2026-10-09", date(2026, 10, 9), ReportState.LATE),
        ("2026-10-10", date(2026, 10, 9), ReportState.OVERDUE),
    ),
)
def test_report__by_day__due_until_the_third_working_day(
    reported: str | None, today: date, expected: ReportState
) -> None:
    more = {} if reported is None else {"reportedOn": reported}
    assert states(report(**more), today) == [("CHANGE", expected)]


def test_report__year_beyond_the_calendar__unknown_unless_made() -> None:
    assert states(report(event="2098-01-02"), date(2098, 3, 1)) == [("CHANGE", ReportState.UNKNOWN)]
    assert states(report(event="2098-01-02"), date(2098, 1, 2)) == [("CHANGE", ReportState.DUE)]
    made = report(event="2098-01-02", reportedOn="2098-01-03")
    assert states(made, date(2098, 3, 1)) == [("CHANGE", ReportState.REPORTED)]


ENDED_OFFER = {"issuePlan.offerEnd": "2026-09-28"}


@pytest.mark.parametrize(
    ("issued", "status", "expected"),
    (
        (True, "FILED", [("COMPLETION", ReportState.OVERDUE)]),
        (None, "ISSUING", [("COMPLETION", ReportState.OVERDUE)]),
        (False, "ISSUING", [("COMPLETION", ReportState.OVERDUE)]),
        (None, "FILED", [("COMPLETION", ReportState.UNKNOWN)]),
        (False, "FILED", []),
    ),
)
def test_completion__offer_over__owed_if_anything_was_issued(
    issued: bool | None, status: str, expected: list[tuple[str, ReportState]]
) -> None:
    changes = ENDED_OFFER | {"filing.status": status}
    assert states(changes, date(2026, 10, 9), issued=issued) == expected


def test_completion__named_later_than_the_offers_end__counts_from_the_offers_end() -> None:
    row = reports_due(sample_parsed(ENDED_OFFER | report("COMPLETION", "2027-01-01")), 3, issued=True)[0]
    assert (row.event_on, row.due) == (date(2026, 9, 28), date(2026, 10, 8))


RESOLVED: dict[str, Any] = {"resolvedOn": "2026-10-12", "resolution": "opinion-1", "resolvedBy": ["ann", "bo"]}


def test_major_risk__open_until_the_day_it_is_resolved() -> None:
    opened, closed = sample_parsed(report("MAJOR_RISK")), sample_parsed(report("MAJOR_RISK", **RESOLVED))
    assert open_major_events(opened, date(2026, 9, 1)) == ("postFiling.reports[0]",)
    assert open_major_events(closed, date(2026, 10, 11)) == ("postFiling.reports[0]",)
    assert open_major_events(closed, date(2026, 10, 12)) == ()


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    (
        ("MAJOR_RISK", RESOLVED | {"resolvedBy": ["ann", "ann"]}, "two different persons"),
        ("MAJOR_RISK", {"resolvedOn": "2026-10-12", "resolvedBy": ["ann", "bo"]}, "needs resolution"),
        ("MAJOR_RISK", RESOLVED | {"resolvedOn": "2026-09-27"}, "before eventOn"),
        ("MAJOR_RISK", {"resolvedBy": ["ann", "bo"]}, "need resolvedOn"),
        ("MAJOR_RISK", RESOLVED | {"resolution": "nothing"}, "no evidence with id nothing"),
        ("CHANGE", RESOLVED, "belongs to a MAJOR_RISK"),
        ("OTHER", {"areas": ["PLAN"]}, "belong to a CHANGE"),
    ),
)
def test_report__incomplete__is_refused_when_read(kind: str, more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        sample_parsed(report(kind, **more))
    assert any(words in row["problem"] for row in caught.value.details or [])


def test_sample__owes_nothing_yet() -> None:
    assert states({}, date(2026, 10, 12)) == []
