"""What several sightings say together (regulation 2.2, 7c)."""

from __future__ import annotations

from datetime import date

from oracle.domain.filing import Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.rules.table import evaluate
from tests.samples.dossier import (
    ENTITY_NAME,
    NOW,
    NUMBER,
    REMOVED,
    sample_case,
    sample_observation,
    sample_parsed,
    sample_record,
)


def row(status: LifeCycle | None, raw: str) -> Observation:
    return sample_observation(ObservationKind.STATUS_TABLE, status=status, raw_status=raw)


def withdrawn(day: date, status: LifeCycle, title: str) -> Observation:
    return sample_observation(ObservationKind.WITHDRAWAL, status=status, as_of=day, title=title)


def test_standing__several_rows_alike__one_status() -> None:
    case = sample_case(observations=[row(LifeCycle.SUPPLEMENT, "补充材料"), row(LifeCycle.SUPPLEMENT, "补充材料")])
    assert case.standing.status is LifeCycle.SUPPLEMENT


def test_standing__several_rows_that_differ__nothing_certain() -> None:
    case = sample_case(observations=[row(LifeCycle.SUPPLEMENT, "补充材料"), row(LifeCycle.RECEIVED, "已接收")])
    assert case.standing.status is None
    assert "RECEIVED, SUPPLEMENT" in case.standing.reason


def test_standing__notice_beside_a_row__notice_outweighs() -> None:
    case = sample_case(observations=[row(LifeCycle.RECEIVED, "已接收"), sample_observation()])
    assert case.standing.status is LifeCycle.FILED


def test_standing__two_withdrawals__the_later_speaks() -> None:
    seen = [
        withdrawn(date(2026, 10, 2), LifeCycle.REVOKED, "later"),
        withdrawn(date(2026, 10, 1), LifeCycle.WITHDRAWN, "earlier"),
    ]
    for order in (seen, seen[::-1]):
        standing = sample_case(observations=[*order, sample_observation()]).standing
        assert (standing.status, standing.reason) == (LifeCycle.REVOKED, "later ends the filing")


def test_standing__withdrawal_beside_an_unread_source__still_ends() -> None:
    failure = sample_observation(ObservationKind.FAILURE)
    case = sample_case(observations=[failure, withdrawn(date(2026, 10, 2), LifeCycle.REVOKED, "notice")])
    assert case.standing.status is LifeCycle.REVOKED


def test_standing__same_record_twice__the_newest_sighting_counts() -> None:
    seen = [sample_observation(age=10, source="new"), sample_observation(age=999, source="old")]
    for order in (seen, seen[::-1]):
        found = sample_case(observations=order).standing.observation
        assert found is not None
        assert found.source == "new"


def test_standing__no_number_in_dossier__no_notice_is_its_own() -> None:
    case = sample_case({"filing.filingNumber": REMOVED, "filing.indexNumber": "bm56000001"})
    assert case.number is None
    assert case.standing.status is None


def test_sample_case__another_day_number_and_chain__still_passes() -> None:
    # The demo builds its dossier so, on the day it runs.
    day, number = date(2027, 2, 28), "证监代币备〔2027〕3号"
    tokens = ("0x" + "ab" * 20, "0x" + "cd" * 20)
    whole = sample_parsed(today=day, number=number, chain="eip155:1", tokens=tokens, status="ISSUING")
    now = NOW + (day - date(2026, 10, 12)).days * 86_400
    seen = sample_observation(now=now, record=sample_record(today=day, number=number, name=ENTITY_NAME))
    case = sample_case(dossier=whole, now=now, observations=[seen])
    assert case.number == number != NUMBER
    assert evaluate(case).not_passed == ()
