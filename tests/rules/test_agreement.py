"""How many sources must say the same, and what happens where they don't."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from oracle.domain.filing import Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.rules.agreement import standing_from
from oracle.rules.policy import Policy
from oracle.rules.table import evaluate
from oracle.rules.verdict import Verdict
from tests.samples.dossier import NUMBER, sample_case, sample_observation, sample_record

FILED = LifeCycle.FILED


def policy(*levels: dict[str, Any], **more: Any) -> Policy:
    agreement = {"levels": list(levels), "one_origin": more.pop("one_origin", [])}
    return Policy.model_validate({"agreement": agreement, **more})


def notice(source: str, **changes: Any) -> Observation:
    return sample_observation(source=source, **changes)


def failed(source: str) -> Observation:
    return sample_observation(ObservationKind.FAILURE, source=source, detail="no answer")


def absent(source: str) -> Observation:
    return sample_observation(ObservationKind.ABSENCE, source=source, level=3)


def differing(source: str) -> Observation:
    record = sample_record()
    return notice(source, record=record.model_copy(update={"units": 5}))


ALL = {"level": 3, "need": "all"}
TWO = {"level": 3, "need": 2, "of": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("rule", "seen", "status"),
    (
        pytest.param(None, [notice("a")], FILED, id="no rule, one source"),
        pytest.param(None, [notice("a"), absent("b")], FILED, id="no rule, the other is silent"),
        pytest.param(None, [notice("a"), failed("b")], None, id="no rule, the other unread"),
        pytest.param(ALL, [notice("a"), notice("b")], FILED, id="all agree"),
        pytest.param(ALL, [notice("a"), absent("b")], None, id="all, one silent"),
        pytest.param(ALL, [notice("a"), failed("b")], None, id="all, one unread"),
        pytest.param(ALL, [notice("a"), notice("b", level=2)], None, id="all, one of a lower level"),
        pytest.param(TWO, [notice("a"), notice("b"), failed("c")], FILED, id="2 of 3, one unread"),
        pytest.param(TWO, [notice("a"), notice("b"), absent("c")], FILED, id="2 of 3, one silent"),
        pytest.param(TWO, [notice("a"), failed("b"), absent("c")], None, id="1 of 3"),
        pytest.param(TWO, [notice("a"), notice("x")], None, id="2, one not listed"),
        pytest.param(TWO, [notice("a"), notice("a")], None, id="one source twice"),
        pytest.param(TWO, [notice("a"), notice("b"), differing("c")], None, id="2 of 3, the third differs"),
        pytest.param(TWO, [notice("a"), notice("b"), differing("x")], None, id="2 of 3, an unlisted one differs"),
        pytest.param({"level": 4, "need": 1}, [notice("a")], None, id="level 4 by one"),
        pytest.param({"level": 4, "need": 1}, [notice("a"), notice("b")], FILED, id="level 4 by two"),
        pytest.param({"level": 4, "need": "all"}, [notice("a")], None, id="level 4, all of one"),
    ),
)
def test_standing__rule_and_sightings__status_or_none(
    rule: dict[str, Any] | None, seen: list[Observation], status: LifeCycle | None
) -> None:
    chosen = policy(rule) if rule else Policy()
    for order in (seen, seen[::-1]):
        standing = standing_from(tuple(order), NUMBER, chosen)
        assert standing.status is status, standing.reason
        case = sample_case(policy=chosen, observations=order)
        assert evaluate(case).all_pass is (status is FILED)


@pytest.mark.parametrize("level", (0, 1, 2, 3, 4))
def test_standing__each_level__needs_sightings_of_that_level(level: int) -> None:
    chosen = policy({"level": level, "need": 2}, min_level=level)
    own = min(level, 3)
    enough = standing_from((notice("a", level=own), notice("b", level=own)), NUMBER, chosen)
    assert (enough.status, enough.level) == (FILED, level)
    if own:
        below = standing_from((notice("a", level=own), notice("b", level=own - 1)), NUMBER, chosen)
        assert below.status is None


def test_standing__sources_disagree__both_sides_in_the_reason() -> None:
    standing = standing_from((notice("counsel"), differing("vendor")), NUMBER, Policy())
    assert standing.status is None
    assert "counsel: FILED" in standing.reason
    assert "vendor: FILED" in standing.reason
    assert "units 5" in standing.reason
    assert "units 1000000" in standing.reason


def test_standing__undated_row_of_another_source__disagrees() -> None:
    row = sample_observation(
        ObservationKind.STATUS_TABLE, source="vendor", status=LifeCycle.RECEIVED, raw_status="已接收"
    )
    standing = standing_from((notice("csrc"), row), NUMBER, Policy())
    assert standing.status is None
    assert "csrc: FILED" in standing.reason
    assert "vendor: RECEIVED" in standing.reason


def test_standing__not_enough__says_how_many_and_who_is_missing() -> None:
    standing = standing_from((notice("a"), failed("b")), NUMBER, policy(TWO))
    assert "level 3 needs 2 of a, b, c" in standing.reason
    assert "b: could not be read: no answer" in standing.reason


def test_standing__two_names_of_one_origin__count_once() -> None:
    seen = (notice("a"), notice("b"))
    assert standing_from(seen, NUMBER, policy(TWO, one_origin=[["a", "b"]])).status is None
    assert standing_from((*seen, notice("c")), NUMBER, policy(TWO, one_origin=[["a", "b"]])).status is FILED


def test_standing__two_needed__the_older_of_them_must_be_fresh() -> None:
    case = sample_case(policy=policy(TWO), observations=[notice("a"), notice("b", age=80 * 3600)])
    assert {finding.rule: finding.result for finding in evaluate(case).not_passed} == {"FILE-2": Verdict.INDETERMINATE}


def test_standing__withdrawal_by_one_of_three__ends_it() -> None:
    ended = sample_observation(
        ObservationKind.WITHDRAWAL, source="c", status=LifeCycle.REVOKED, as_of=date(2026, 10, 1)
    )
    assert standing_from((notice("a"), notice("b"), ended), NUMBER, policy(TWO)).status is LifeCycle.REVOKED


def test_standing__lists_and_near_names__say_nothing_of_the_filing() -> None:
    others = [
        sample_observation(kind, source="lists")
        for kind in (
            ObservationKind.ADVERSE,
            ObservationKind.SCREENED,
            ObservationKind.UNSCREENED,
            ObservationKind.NEAR_NAME,
        )
    ]
    assert standing_from((notice("a"), *others), NUMBER, policy(ALL)).status is FILED
    assert standing_from(tuple(others), NUMBER, Policy()).status is None


def test_file_5__supplement_request_after_the_decision__indeterminate() -> None:
    request = sample_observation(
        ObservationKind.SUPPLEMENT, status=LifeCycle.SUPPLEMENT, as_of=date(2026, 10, 9), title="补充材料要求公示"
    )
    results = {
        finding.rule: finding.result
        for finding in evaluate(sample_case(observations=[notice("a"), request])).not_passed
    }
    assert results == {"FILE-5": Verdict.INDETERMINATE}


@pytest.mark.parametrize(
    ("agreement", "problem"),
    (
        ({"levels": [{"level": 3, "need": 3, "of": ["a", "b"]}]}, "3 of 2 sources"),
        ({"levels": [{"level": 3, "need": 1}, {"level": 3, "need": 2}]}, "a level stands there twice"),
        ({"levels": [{"level": 3, "need": "most"}]}, "need"),
        ({"levels": [{"level": 3, "need": 0}]}, "greater than or equal to 1"),
        ({"levels": [{"level": 2, "need": 1}]}, "reaches level 2, minLevel asks for 3"),
        ({"one_origin": [["a"], ["a", "b"]]}, "a source stands there twice"),
    ),
)
def test_policy__impossible_agreement__refused(agreement: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Policy.model_validate({"agreement": agreement})
