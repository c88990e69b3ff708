"""The table of rules: complete, in order, cited, and hashed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from oracle.rules import table
from oracle.rules.policy import Agreement, LevelAgreement, NegativeListVersion, Policy
from oracle.rules.table import RULES, applied, evaluate, ruleset_hash, switch_faults
from oracle.rules.verdict import Basis, Finding, Verdict, VerdictTable
from tests.samples.dossier import sample_case

IDS = [
    "SCOPE-1", "SCOPE-2", "SCOPE-3", "ENT-1", "ENT-2", "BAR-1", "BAR-2", "BAR-3", "BAR-4", "BAR-5a", "BAR-5b",
    "BAR-6.NL-1", "BAR-6.NL-2", "BAR-6.NL-3", "BAR-6.NL-4", "BAR-6.NL-5", "BAR-6.NL-6", "BAR-6.NL-7", "BAR-6.NL-8",
    "PROC-NDRC_ODI", "PROC-MOFCOM_ODI", "PROC-SAFE_ODI", "PROC-SAFE_37", "PROC-NDRC_DEBT", "PROC-SAFE_DEBT",
    "PROC-CAC_ASSESS", "PROC-CAC_SCC", "PROC-CAC_CERT", "PROC-CYBER_REVIEW", "PROC-SECTOR",
    "FILE-1", "FILE-2", "FILE-3", "FILE-4", "FILE-5", "DOC-1", "DOC-2",
    "PLAN-1", "PLAN-2", "CHG-1", "POST-1", "GOV-1",
]  # fmt: skip


def test_rules__order_and_names__as_in_the_regulation() -> None:
    assert [rule.id for rule in RULES] == IDS


def test_rules__every_row__has_a_citation() -> None:
    assert all(rule.cite for rule in RULES)
    assert {rule.id for rule in RULES if rule.basis is Basis.ANALOGY} == {"FILE-4"}
    assert {rule.id for rule in RULES if rule.basis is Basis.POLICY} == {"GOV-1"}
    assert {rule.id for rule in RULES if rule.basis is Basis.NOTICE_42} == {"SCOPE-3"}
    assert {rule.cite for rule in RULES if rule.basis is Basis.AMAC} == {f"AMAC 2024-03-29 NL-{n}" for n in range(1, 9)}


def test_ruleset_hash__default_policy__is_pinned() -> None:
    # A change of this value is a change of what operators sign: raise RULESET_VERSION and say so in the changelog.
    assert ruleset_hash(Policy()).hex() == "f4d73ea05b1edce8fa78f947a51d3e2b20fb441cba1df7cff17e78ab6ca36161"


def test_ruleset_hash__any_policy_field_changed__differs() -> None:
    other: dict[str, Any] = {
        "number_pattern": r"\d+", "min_level": 4, "freshness_seconds": 1, "max_approval_seconds": 1,
        "default_validity_months": 6, "lookback_years": 5, "important_provider_pct": "20",
        "negative_lists": [NegativeListVersion(version="x", in_force_from=date(2030, 1, 1))],
        "settlement_currencies": ["HKD"], "rmb_stablecoins": [], "consented_stablecoins": ["CNHC"],
        "require_published_amount": False, "procedure_validity_months": {}, "report_working_days": 5,
        "switched_off": ["FILE-4"], "agreement": Agreement(levels=[LevelAgreement(level=3, need=2)]),
    }  # fmt: skip
    assert set(other) == set(Policy.model_fields)
    hashes = {ruleset_hash(Policy(**{field: value})) for field, value in other.items()}
    assert len(hashes | {ruleset_hash(Policy())}) == len(other) + 1


def test_ruleset_hash__version_raised__differs(monkeypatch) -> None:
    before = ruleset_hash(Policy())
    monkeypatch.setattr(table, "RULESET_VERSION", "csrc-2026-1/4")
    assert ruleset_hash(Policy()) != before


def test_explanations__every_finding__is_one_plain_line() -> None:
    for case in (sample_case(), sample_case(observations=[])):
        for finding in evaluate(case).findings:
            assert finding.explanation
            assert "\n" not in finding.explanation


def test_verdict_table__no_findings__does_not_pass() -> None:
    assert not VerdictTable(()).all_pass


def test_verdict_table__one_unclear__does_not_pass() -> None:
    unclear = Finding("X-1", Verdict.INDETERMINATE, Basis.POLICY, "ours", "not known")
    both = VerdictTable((Finding("X-0", Verdict.PASS, Basis.POLICY, "ours", "known"), unclear))
    assert not both.all_pass
    assert both.not_passed == (unclear,)
    assert both.as_json()[1] == {
        "rule": "X-1", "result": "INDETERMINATE", "basis": "POLICY", "cite": "ours", "explanation": "not known",
    }  # fmt: skip


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_switched_off__only_policy_and_analogy_leave_the_table(rule: str) -> None:
    policy = Policy(switched_off=[rule])
    ids = [item.id for item in applied(policy)]
    found = [finding.rule for finding in evaluate(sample_case(policy=policy)).findings]
    assert found == ids
    switchable = rule in ("FILE-4", "GOV-1")
    assert (rule not in ids) == switchable
    assert bool(switch_faults(policy)) != switchable
    assert ruleset_hash(policy) != ruleset_hash(Policy())


def test_switched_off__unknown_rule__is_named() -> None:
    assert "NOPE-1" in switch_faults(Policy(switched_off=["NOPE-1"]))[0]
    assert "GUIDELINES" in switch_faults(Policy(switched_off=["BAR-1"]))[0]


def test_ruleset_hash__order_of_switched_off__means_nothing() -> None:
    one, two = Policy(switched_off=["GOV-1", "FILE-4"]), Policy(switched_off=["FILE-4", "GOV-1", "GOV-1"])
    assert ruleset_hash(one) == ruleset_hash(two)
