"""What is made once of a dossier, a policy and a day never outlives any of the three."""

from __future__ import annotations

import random

import pytest

from oracle.domain.dossier import Dossier
from oracle.rules.case import OfDossier, daily
from oracle.rules.decision import latest_end, planned_tranches
from oracle.rules.decision_record import prepare
from oracle.rules.policy import Policy
from oracle.rules.table import evaluate
from tests.samples.dossier import NOW, sample_case, sample_parsed

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
