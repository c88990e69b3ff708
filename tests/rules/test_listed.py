"""Hits on lists of offenders: each list moves its own rule alone, by code for certain, by name in doubt."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from oracle.domain.filing import AdverseKind, Observation, ObservationKind, Party
from oracle.rules.case import Case
from oracle.rules.table import evaluate
from oracle.rules.verdict import Verdict
from tests.samples.dossier import ENTITY_NAME, TODAY, USCC, sample_case, sample_observation

FAIL, UNSURE = Verdict.FAIL, Verdict.INDETERMINATE
ENTITY = Party(name=ENTITY_NAME, uscc=USCC)
OTHER = Party(name="别家（北京）有限公司")


def sighting(kind: ObservationKind, adverse: AdverseKind, party: Party, **more: Any) -> Observation:
    return sample_observation(kind, adverse=adverse, party=party, title="示例决定", **more)


def not_passed(*seen: Observation, changes: dict[str, Any] | None = None) -> dict[str, Verdict]:
    case: Case = sample_case(changes, observations=[sample_observation(), *seen])
    return {finding.rule: finding.result for finding in evaluate(case).not_passed}


def hit(adverse: AdverseKind, party: Party = ENTITY, matched_by: str = "USCC", **more: Any) -> Observation:
    return sighting(ObservationKind.ADVERSE, adverse, party, matched_by=matched_by, **more)


@pytest.mark.parametrize(
    ("seen", "rules"),
    (
        (hit(AdverseKind.INVESTIGATION), {"BAR-4": FAIL}),
        (hit(AdverseKind.INVESTIGATION, matched_by="NAME"), {"BAR-4": UNSURE}),
        (hit(AdverseKind.INVESTIGATION, OTHER), {}),
        (hit(AdverseKind.PENALTY), {"BAR-3": UNSURE}),
        (hit(AdverseKind.MARKET_BAN, matched_by="NAME"), {"BAR-3": UNSURE}),
        (hit(AdverseKind.SANCTION), {"BAR-3": UNSURE}),
        (hit(AdverseKind.PENALTY, OTHER), {}),
        (hit(AdverseKind.PENALTY, as_of=TODAY - timedelta(days=3)), {"BAR-3": UNSURE}),
        (hit(AdverseKind.PENALTY, as_of=date(TODAY.year - 3, TODAY.month, TODAY.day)), {"BAR-3": UNSURE}),
        (hit(AdverseKind.PENALTY, as_of=date(TODAY.year - 3, TODAY.month, TODAY.day) - timedelta(days=1)), {}),
        (sighting(ObservationKind.UNSCREENED, AdverseKind.INVESTIGATION, ENTITY), {"BAR-4": UNSURE}),
        (sighting(ObservationKind.UNSCREENED, AdverseKind.PENALTY, ENTITY), {"BAR-3": UNSURE}),
        (sighting(ObservationKind.UNSCREENED, AdverseKind.PENALTY, OTHER), {}),
        (sighting(ObservationKind.SCREENED, AdverseKind.PENALTY, ENTITY), {}),
        (sighting(ObservationKind.NEAR_NAME, AdverseKind.PENALTY, ENTITY), {}),
    ),
)
def test_list__one_sighting__moves_its_rule_alone(seen: Observation, rules: dict[str, Verdict]) -> None:
    assert not_passed(seen) == rules


PROVIDER = "示例平台有限公司"


def providers(share: str) -> dict[str, Any]:
    row = {"id": PROVIDER, "sharePct": share, "dishonest": False, "checkedAt": "2026-10-01T00:00:00+08:00"}
    return {"assets[0].cashflow.importantProviders": [row]}


@pytest.mark.parametrize(
    ("share", "kind", "matched_by", "rules"),
    (
        ("40", ObservationKind.ADVERSE, "USCC", {"BAR-6.NL-2": FAIL}),
        ("40", ObservationKind.ADVERSE, "NAME", {"BAR-6.NL-2": UNSURE}),
        ("40", ObservationKind.UNSCREENED, None, {"BAR-6.NL-2": UNSURE}),
        ("15", ObservationKind.ADVERSE, "USCC", {}),
        ("15", ObservationKind.UNSCREENED, None, {}),
    ),
)
def test_dishonest_list__provider_named__counts_only_above_the_limit(
    share: str, kind: ObservationKind, matched_by: str | None, rules: dict[str, Verdict]
) -> None:
    seen = sighting(kind, AdverseKind.DISHONEST, Party(name=PROVIDER), matched_by=matched_by)
    assert not_passed(seen, changes=providers(share)) == rules
