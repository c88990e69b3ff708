"""The table of rules, its hash, and the evaluation of a case."""

from __future__ import annotations

from oracle.domain.canonical import canonical_hash
from oracle.rules import bars, entity, filing, negative_list, plan, procedures, scope
from oracle.rules.case import Case
from oracle.rules.policy import Policy
from oracle.rules.verdict import Finding, Rule, VerdictTable

__all__ = ["RULES", "RULESET_VERSION", "evaluate", "ruleset_hash"]

#: Raised whenever a rule's meaning changes.
RULESET_VERSION = "csrc-2026-1/1"

RULES: tuple[Rule, ...] = (
    *scope.RULES,
    *entity.RULES,
    *bars.RULES,
    *negative_list.RULES,
    *procedures.RULES,
    *filing.RULES,
    *plan.RULES,
)


def ruleset_hash(policy: Policy) -> bytes:
    """keccak256 over version, rules and policy, 32 bytes: `rulesetHash` on chain."""
    return canonical_hash(
        {
            "schema": "ruleset/v1",
            "version": RULESET_VERSION,
            "rules": [{"id": rule.id, "cite": rule.cite, "basis": rule.basis.value} for rule in RULES],
            "policy": policy.model_dump(mode="json", by_alias=True),
        }
    )


def evaluate(case: Case) -> VerdictTable:
    """Every rule's answer, in the table's order."""
    findings = []
    for rule in RULES:
        result, explanation = rule.check(case)
        findings.append(Finding(rule.id, result, rule.basis, rule.cite, explanation))
    return VerdictTable(tuple(findings))
