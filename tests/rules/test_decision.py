"""The decision: all rules and every field, at the edges of each window."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from oracle.domain.approval import FilingApproval, FilingUpdate, OnChainStatus
from oracle.domain.lifecycle import ENDED, LifeCycle
from oracle.domain.names import filing_id
from oracle.rules.case import SHANGHAI, Case
from oracle.rules.decision import (
    FilingOnChain,
    decide_approval,
    decide_update,
    latest_end,
    planned_tranches,
)
from oracle.rules.policy import Policy
from oracle.rules.table import RULES, SWITCHABLE, ruleset_hash
from tests.samples.dossier import NOW, NUMBER, TODAY, sample_case, sample_observation, sample_record

CHAIN_ID = 31337
DAY = 86400
NEW = FilingOnChain(OnChainStatus.NONE, 0, 0, 0, 7 * DAY)
ACTIVE = FilingOnChain(OnChainStatus.APPROVED, NOW - DAY, NOW + DAY, 3, 7 * DAY)


def midnight(day: date) -> int:
    return int(datetime.combine(day, time(), SHANGHAI).timestamp())


def proposal(case: Case, **changes: Any) -> FilingApproval:
    """What every node would sign on this case."""
    record = case.standing.record
    assert record is not None
    fields: dict[str, Any] = {
        "filing": "0x" + filing_id(NUMBER).hex(),
        "tranches": planned_tranches(case, CHAIN_ID),
        "dossier_hash": "0x" + case.dossier.dossier_hash().hex(),
        "record_hash": "0x" + record.record_hash().hex(),
        "ruleset_hash": "0x" + ruleset_hash(case.policy).hex(),
        "valid_after": NOW - 60,
        "valid_until": NOW + DAY,
        "sequence": 1,
    }
    return FilingApproval(**(fields | changes))


def fields_of(case: Case, chain: FilingOnChain = NEW, **changes: Any) -> list[str]:
    decision = decide_approval(case, CHAIN_ID, chain, proposal(case, **changes))
    assert decision.approved == (not decision.differences and not decision.required)
    return [difference.field for difference in decision.differences]


def test_decide_approval__what_every_node_would_sign__approved() -> None:
    case = sample_case()
    decision = decide_approval(case, CHAIN_ID, NEW, proposal(case))
    assert decision.approved
    assert decision.as_json()["failed"] == decision.as_json()["differences"] == []


@pytest.mark.parametrize(
    ("valid_after", "differs"),
    ((NOW - 3 * DAY - 300, False), (NOW - 3 * DAY - 301, True), (NOW + 300, False), (NOW + 301, True)),
)
def test_decide_approval__begin_of_window__not_ahead_and_not_older_than_the_longest_window(
    valid_after: int, differs: bool
) -> None:
    assert fields_of(sample_case(), valid_after=valid_after) == (["validAfter"] if differs else [])


@pytest.mark.parametrize(
    ("valid_until", "differs"),
    ((NOW + 1, False), (NOW, True), (NOW + 3 * DAY + 300, False), (NOW + 3 * DAY + 301, True), (2**48 - 1, True)),
)
def test_decide_approval__end_of_window__at_most_the_policys_length(valid_until: int, differs: bool) -> None:
    case = sample_case()
    assert fields_of(case, valid_after=NOW - 60, valid_until=valid_until) == (["validUntil"] if differs else [])


def test_decide_approval__registry_allows_less__its_limit_holds() -> None:
    chain = FilingOnChain(OnChainStatus.NONE, 0, 0, 0, 3600)
    assert fields_of(sample_case(), chain, valid_until=NOW + 3600) == []
    assert fields_of(sample_case(), chain, valid_until=NOW + 3600 + 301) == ["validUntil"]


def test_latest_end__offer_ends_tomorrow__midnight_after_its_last_day() -> None:
    last = TODAY + timedelta(days=1)
    case = sample_case({"issuePlan.offerEnd": last.isoformat()})
    end = midnight(last + timedelta(days=1))
    assert latest_end(case) == end
    assert fields_of(case, valid_until=end) == []
    assert fields_of(case, valid_until=end + 1) == ["validUntil"]


def test_decide_approval__before_the_first_day_of_issue__only_from_that_day() -> None:
    first = TODAY + timedelta(days=1)
    case = sample_case({"issuePlan.firstIssueNotBefore": first.isoformat()})
    assert fields_of(case, valid_after=NOW - 60) == ["validAfter"]
    assert fields_of(case, valid_after=midnight(first), valid_until=midnight(first) + DAY) == []


@pytest.mark.parametrize("status", (OnChainStatus.SUSPENDED, OnChainStatus.REVOKED, OnChainStatus.COMPLETED))
def test_decide_approval__filing_stopped_on_chain__no_approval_lifts_it(status: OnChainStatus) -> None:
    chain = FilingOnChain(status, NOW - DAY, NOW + DAY, 0, 7 * DAY)
    assert fields_of(sample_case(), chain) == ["status on chain"]


def test_decide_approval__sequence__exactly_the_next() -> None:
    assert fields_of(sample_case(), ACTIVE, sequence=4) == []
    assert fields_of(sample_case(), ACTIVE, sequence=3) == ["sequence"]
    assert fields_of(sample_case(), ACTIVE, sequence=5) == ["sequence"]


def test_decide_approval__one_rule_fails__refused_with_it_alone() -> None:
    case = sample_case({"assets[0].dispute": "MAJOR"})
    decision = decide_approval(case, CHAIN_ID, NEW, proposal(case))
    assert not decision.approved
    assert [finding.rule for finding in decision.required] == ["BAR-5a"]
    assert decision.differences == ()


def update(case: Case, **changes: Any) -> FilingUpdate:
    record = case.standing.record
    assert record is not None
    fields: dict[str, Any] = {
        "filing": "0x" + filing_id(NUMBER).hex(),
        "status": 1,
        "record_hash": "0x" + record.record_hash().hex(),
        "valid_until": NOW + DAY,
        "sequence": 4,
        "reason": "0x" + "00" * 32,
    }
    return FilingUpdate(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "fields"),
    (
        ({}, []),
        ({"valid_until": NOW}, ["validUntil"]),
        ({"valid_until": NOW + 3 * DAY + 301}, ["validUntil"]),
        ({"record_hash": "0x" + "11" * 32}, ["recordHash"]),
        ({"filing": "0x" + "11" * 32}, ["filing"]),
        ({"sequence": 5}, ["sequence"]),
        ({"status": 3, "valid_until": 0}, ["status"]),
        ({"status": 4, "valid_until": 0}, ["status"]),
        ({"status": 2, "valid_until": 0}, ["status"]),
        ({"status": 3}, ["validUntil", "status"]),
    ),
)
def test_decide_update__each_field__is_compared(changes: dict[str, Any], fields: list[str]) -> None:
    case = sample_case()
    decision = decide_update(case, ACTIVE, update(case, **changes))
    assert [difference.field for difference in decision.differences] == fields
    assert decision.approved == (not fields)


@pytest.mark.parametrize("status", (OnChainStatus.NONE, OnChainStatus.REVOKED, OnChainStatus.COMPLETED))
def test_decide_update__nothing_to_update__refused(status: OnChainStatus) -> None:
    chain = FilingOnChain(status, 0, 0, 3, 7 * DAY)
    decision = decide_update(sample_case(), chain, update(sample_case()))
    assert [difference.field for difference in decision.differences] == ["status on chain"]


def test_decide_update__resume_while_a_rule_fails__refused() -> None:
    case = sample_case({"assets[0].dispute": "MAJOR"})
    suspended = FilingOnChain(OnChainStatus.SUSPENDED, NOW - DAY, NOW + DAY, 3, 7 * DAY)
    decision = decide_update(case, suspended, update(case))
    assert [finding.rule for finding in decision.required] == ["BAR-5a"]
    assert not decision.approved


@pytest.mark.parametrize("state", tuple(LifeCycle))
def test_decide__state_by_the_record__closed_ones_are_not_signed(state: LifeCycle) -> None:
    case = replace(sample_case(), state=state)
    closed = state in ENDED | {LifeCycle.SUSPENDED, LifeCycle.COMPLETED}
    assert fields_of(case, NEW) == (["state by this node's record"] if closed else [])
    renewal = decide_update(case, ACTIVE, update(case))
    assert [item.field for item in renewal.differences] == (["state by this node's record"] if closed else [])
    # On chain it is suspended: this update is the quorum's resumption, which the rules alone decide.
    stopped = FilingOnChain(OnChainStatus.SUSPENDED, NOW - DAY, NOW + DAY, 3, 7 * DAY)
    resumed = decide_update(case, stopped, update(case))
    assert resumed.approved == (not closed or state is LifeCycle.SUSPENDED)


SWITCHABLE_RULES = [rule.id for rule in RULES if rule.basis in SWITCHABLE]


@pytest.mark.parametrize("rule", SWITCHABLE_RULES)
def test_decide_approval__node_with_another_switch__does_not_agree(rule: str) -> None:
    case, other = sample_case(), sample_case(policy=Policy(switched_off=[rule]))
    assert fields_of(other) == []
    decision = decide_approval(other, CHAIN_ID, NEW, proposal(case))
    assert [item.field for item in decision.differences] == ["rulesetHash"]


def test_decide_approval__each_switch__takes_away_what_its_rule_forbids() -> None:
    old = sample_observation(record=sample_record(decision_date=date(2025, 9, 1)))
    same = {"preparedBy": "operator-1"}
    forbidden: dict[str, Any] = {
        "FILE-4": lambda policy: sample_case(observations=[old], policy=policy),
        "GOV-1": lambda policy: sample_case(same, policy=policy),
    }
    assert sorted(forbidden) == sorted(SWITCHABLE_RULES)
    for rule, make in forbidden.items():
        on, off = make(Policy()), make(Policy(switched_off=[rule]))
        assert [item.rule for item in decide_approval(on, CHAIN_ID, NEW, proposal(on)).required] == [rule]
        assert decide_approval(off, CHAIN_ID, NEW, proposal(off)).approved


def test_latest_end__stated_end_binds_also_without_file_4() -> None:
    policy = Policy(switched_off=["FILE-4"])
    assert latest_end(sample_case({"filing.validUntil": "2026-10-20"}, policy=policy)) == midnight(date(2026, 10, 20))


#: Each of the six bars and eight items, by a dossier that is wrong in just that.
ONE_FAULT: list[tuple[str, dict[str, Any]]] = [
    *((f"BAR-{n}", {f"declarations.bars[{n - 1}].result": "HIT"}) for n in (1, 2, 3, 4)),
    ("BAR-5a", {"assets[0].dispute": "MAJOR"}),
    ("BAR-5b", {"assets[0].transferability": "NON_TRANSFERABLE"}),
    *((f"BAR-6.NL-{n}", {f"negativeList.findings[{n - 1}].result": "HIT"}) for n in range(1, 9)),
]


@pytest.mark.parametrize(("rule", "changes"), ONE_FAULT)
def test_decide_approval__one_bar_or_item__refused_naming_just_that(rule: str, changes: dict[str, Any]) -> None:
    case = sample_case(changes)
    decision = decide_approval(case, CHAIN_ID, NEW, proposal(case))
    assert [(item.rule, item.result.value) for item in decision.required] == [(rule, "FAIL")]
    assert not decision.approved
