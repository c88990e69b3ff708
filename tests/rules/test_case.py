"""What is made once of a dossier, a policy and a day, or of all facts of a day, never outlives any of them."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from oracle.domain.approval import FilingUpdate, OnChainStatus
from oracle.domain.dossier import Dossier
from oracle.domain.filing import Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.reporting import RecordedReport
from oracle.rules.case import Case, OfDay, OfDossier, daily, steady
from oracle.rules.decision import FilingOnChain, decide_update, latest_end, planned_tranches
from oracle.rules.decision_record import Circumstances, document_bytes, prepare
from oracle.rules.policy import Policy
from oracle.rules.table import RULES, evaluate
from oracle.rules.verdict import DayRule, DossierRule
from tests.samples.dossier import NOW, sample_case, sample_observation, sample_parsed

DAY = 86_400
#: Dossiers whose answers turn with the moment, the day or the policy.
CHANGES = {
    "as it is": {},
    "an undertaking of this noon": {"signatures[3].at": "2026-10-12T12:00:00+08:00"},
    "two undertakings, one of no undertaker's": {
        "signatures[3].at": "2026-10-13T00:00:00+08:00",
        "signatures[1].evidence": "opinion-1",
    },
    "an offence of three years ago": {
        "declarations.bars[2].offences": [
            {"party": "FILING_ENTITY", "offence": "行贿罪", "committedOn": "2023-10-12", "evidence": "opinion-1"}
        ]
    },
    "a dishonest provider": {"assets[0].cashflow.importantProviders[0].dishonest": True},
    "an offer that ends today": {"issuePlan.offerEnd": "2026-10-12"},
}
POLICIES = (
    Policy(),
    Policy(lookback_years=2),
    Policy(important_provider_pct="60"),
    Policy(procedure_validity_months={}),
    Policy(switched_off=["FILE-4"]),
)
MOMENTS = (NOW - 400 * DAY, NOW - DAY, NOW - 8 * 3600, NOW, NOW + 8 * 3600, NOW + DAY, NOW + 400 * DAY)


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_evaluate__a_dossier_judged_before_on_other_days_by_other_policies__as_one_never_judged(
    changes: dict[str, object],
) -> None:
    dossier = sample_parsed(changes)
    turns = [(moment, policy, chain) for moment in MOMENTS for policy in POLICIES for chain in (1, 31337)] * 2
    random.Random(7).shuffle(turns)
    answers = set()
    for moment, policy, chain in turns:
        known = sample_case(dossier=dossier, now=moment, policy=policy)
        fresh = sample_case(dossier=dossier.model_copy(), now=moment, policy=policy)
        if chain == 1:
            prepare(known, chain)
        assert evaluate(known).canonical == evaluate(fresh).canonical
        assert latest_end(known) == latest_end(fresh)
        assert planned_tranches(known, chain) == planned_tranches(fresh, chain)
        answers.add((evaluate(known).canonical, latest_end(known), planned_tranches(known, chain)))
    assert len(answers) > len(MOMENTS)


def test_daily__same_dossier_policy_and_day__made_once() -> None:
    made: list[tuple[Dossier, int]] = []

    def make(case: OfDossier) -> int:
        made.append((case.dossier, case.policy.lookback_years))
        return len(made)

    one, other = sample_parsed(), sample_parsed({"preparedBy": "somebody else"})
    for _ in range(2):
        assert daily(sample_case(dossier=one), make) == 1
        assert daily(sample_case(dossier=one, now=NOW + 60, policy=Policy()), make) == 1
    assert daily(sample_case(dossier=one, policy=Policy(lookback_years=2)), make) == 2
    assert daily(sample_case(dossier=one, now=NOW + DAY), make) == 3
    assert daily(sample_case(dossier=other), make) == 4
    assert [years for _, years in made] == [3, 2, 3, 3]


#: One change of each field of a case that `steady` may not overlook.
FACTS: dict[str, Any] = {
    "policy": Policy(lookback_years=2),
    "observations": (),
    "earlier": (sample_observation(),),
    "tranches": None,
    "revisions": (sample_parsed({"preparedBy": "somebody else"}),),
    "signers": ("合规部李某",),
    "approved": ("0x" + "11" * 32,),
    "recorded": (RecordedReport("MAJOR_RISK", date(2026, 10, 1), open=True),),
    "state": LifeCycle.SUSPENDED,
}


def test_steady__same_facts_and_day__made_once__each_other_fact_or_day__again() -> None:
    made: list[int] = []

    def make(case: OfDay) -> int:
        made.append(1)
        return len(made)

    case = sample_case()
    assert set(FACTS) == {field.name for field in fields(Case)} - {"dossier", "now"}
    for count, (name, value) in enumerate(FACTS.items()):
        for _ in range(2):
            assert steady(replace(case, now=NOW + count), make) == 2 * count + 1
        assert steady(replace(case, **{name: value}), make) == 2 * count + 2
    assert steady(replace(case, now=NOW + DAY), make) == 2 * len(FACTS) + 1
    assert steady(replace(case, dossier=case.dossier.model_copy()), make) == 2 * len(FACTS) + 2


def test_evaluate__any_facts_in_any_order__as_a_dossier_never_judged() -> None:
    case = sample_case({"signatures[3].at": "2026-10-12T12:00:00+08:00"})
    late = sample_observation(now=NOW - 20 * DAY)
    gone = sample_observation().model_copy(update={"kind": ObservationKind.WITHDRAWAL, "status": LifeCycle.WITHDRAWN})
    seen: list[tuple[Observation, ...]] = [case.observations, (), (late,), (gone,), (*case.observations, late)]
    changes: list[dict[str, Any]] = [{}, *({name: value} for name, value in FACTS.items())]
    changes += [{"observations": item} for item in seen] + [{"earlier": item} for item in seen]
    turns = [(change, moment) for change in changes for moment in (NOW - 8 * 3600, NOW, NOW + 3600, NOW + DAY)] * 2
    random.Random(11).shuffle(turns)
    answers = set()
    for change, moment in turns:
        known = replace(case, now=moment, **change)
        fresh = replace(known, dossier=case.dossier.model_copy())
        assert evaluate(known).canonical == evaluate(fresh).canonical
        assert evaluate(known).not_passed == evaluate(fresh).not_passed
        assert evaluate(known).findings == evaluate(fresh).findings
        assert known.standing == fresh.standing
        assert latest_end(known) == latest_end(fresh)
        assert _document(known) == _document(fresh)
        answers.add(evaluate(known).canonical)
    assert len(answers) > len(changes)


def _document(case: Case) -> bytes:
    chain = FilingOnChain(OnChainStatus.APPROVED, NOW - DAY, NOW + DAY, 3, 90 * DAY)
    zero, somebody = "0x" + "00" * 32, "0x5555555555555555555555555555555555555555"
    words = {"filing": zero, "record_hash": zero, "reason": zero}
    proposed = FilingUpdate(**words, status=OnChainStatus.REVOKED, valid_until=0, sequence=4)
    about = Circumstances("update", somebody, 1, somebody, chain, proposed, zero, "filing-gate/test")
    return document_bytes(case, about, decide_update(case, chain, proposed))


def test_rules__all_but_two__look_at_the_day_and_not_at_the_second() -> None:
    by_second = [rule.id for rule in RULES if not isinstance(rule, DayRule | DossierRule)]
    assert by_second == ["FILE-2", "DOC-2"]
    case = sample_case({"signatures[3].at": "2026-10-12T12:00:00+08:00"})
    # Of one day in Shanghai.
    day = [replace(case, dossier=case.dossier.model_copy(), now=NOW + turn) for turn in (0, 1, 3_600, 6 * 3_600)]
    tables = [evaluate(item).findings for item in day]
    assert len({item.today for item in day}) == 1
    assert len({found for table in tables for found in table if found.rule in by_second}) > len(by_second)
    assert len({tuple(found for found in table if found.rule not in by_second) for table in tables}) == 1
