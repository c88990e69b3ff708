"""The table of rules, its hash, and the evaluation of a case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from oracle.domain.canonical import canonical_hash
from oracle.rules import (
    bars,
    changes,
    documents,
    entity,
    filing,
    governance,
    negative_list,
    plan,
    post_filing,
    procedures,
    scope,
)
from oracle.rules.case import Case, OfDay, OfDossier, daily, steady
from oracle.rules.policy import Policy
from oracle.rules.verdict import Basis, DayRule, DossierRule, Finding, Outcome, Rule, Run, VerdictTable

__all__ = [
    "RULES",
    "RULESET_VERSION",
    "SWITCHABLE",
    "applied",
    "evaluate",
    "ruleset_hash",
    "switch_faults",
]

#: Raised whenever a rule's meaning changes.
RULESET_VERSION = "csrc-2026-1/3"

RULES: tuple[Rule, ...] = (
    *scope.RULES,
    *entity.RULES,
    *bars.RULES,
    *negative_list.RULES,
    *procedures.RULES,
    *filing.RULES,
    *documents.RULES,
    *plan.RULES,
    *changes.RULES,
    *post_filing.RULES,
    *governance.RULES,
)

#: A committee may leave out what rests on analogy or on its own policy, never what a text in force demands.
SWITCHABLE = frozenset({Basis.ANALOGY, Basis.POLICY})


def switch_faults(policy: Policy) -> list[str]:
    """What is wrong with the policy's `switched_off`, one sentence a rule; empty if nothing is."""
    known = {rule.id: rule for rule in RULES}
    faults = []
    for name in policy.switched_off:
        if name not in known:
            faults.append(f"there is no rule {name}; `filing-gate rules` lists them")
        elif known[name].basis not in SWITCHABLE:
            faults.append(f"{name} rests on {known[name].basis.value} ({known[name].cite}) and can't be switched off")
    return faults


def applied(policy: Policy) -> tuple[Rule, ...]:
    """The rules that a policy leaves on. What may not be switched off stays, whatever the policy says."""
    return policy.computed(_applied)


def _applied(policy: Policy) -> tuple[Rule, ...]:
    off = set(policy.switched_off)
    return tuple(rule for rule in RULES if rule.id not in off or rule.basis not in SWITCHABLE)


def ruleset_hash(policy: Policy) -> bytes:
    """keccak256 over version, rules and policy, 32 bytes: `rulesetHash` on chain."""
    return _ruleset_hash(RULESET_VERSION, policy.canonical_form)


@lru_cache(maxsize=16)
def _ruleset_hash(version: str, policy: bytes) -> bytes:
    return canonical_hash(
        {
            "schema": "ruleset/v1",
            "version": version,
            "rules": [{"id": rule.id, "cite": rule.cite, "basis": rule.basis.value} for rule in RULES],
            "policy": json.loads(policy),
        }
    )


def evaluate(case: Case) -> VerdictTable:
    """The answer of every rule that the policy leaves on, in the table's order."""
    parts = steady(case, _of_day)
    return VerdictTable(tuple([part if isinstance(part, Run) else _answered(part, part.check(case)) for part in parts]))


def _answered(rule: Rule, outcome: Outcome) -> Finding:
    result, explanation = outcome
    return Finding(rule.id, result, rule.basis, rule.cite, explanation)


def _of_day(case: OfDay) -> tuple[Run | Rule, ...]:
    """The table as far as it is decided without the second; the rules that look at it stand in their places."""
    known, parts, run = daily(case, _of_dossier), list[Run | Rule](), list[Finding]()
    for rule in applied(case.policy):
        if rule.id in known:
            run.append(known[rule.id])
        elif isinstance(rule, DayRule):
            run.append(_answered(rule, rule.check(case)))
        else:
            parts += [Run(tuple(run)), rule]
            run = []
    return (*parts, Run(tuple(run)))


def _of_dossier(case: OfDossier) -> Mapping[str, Finding]:
    """What the dossier, the policy and the day alone decide, by rule."""
    return {rule.id: _answered(rule, rule.check(case)) for rule in RULES if isinstance(rule, DossierRule)}
