"""A rule's answer, and the answers together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import orjson

from oracle.domain.canonical import exact
from oracle.rules.case import Case, OfDay, OfDossier

__all__ = [
    "Basis",
    "DayRule",
    "DossierRule",
    "Finding",
    "Rule",
    "Run",
    "Verdict",
    "VerdictTable",
    "failed",
    "passed",
    "unclear",
]


class Verdict(StrEnum):
    """PASS, FAIL, or INDETERMINATE: not enough is known. Only PASS passes."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    INDETERMINATE = "INDETERMINATE"


class Basis(StrEnum):
    """Where a rule comes from. ANALOGY: the 2023 listing regime; POLICY: ours."""

    GUIDELINES = "GUIDELINES"
    NOTICE_42 = "NOTICE_42"
    AMAC = "AMAC"
    ANALOGY = "ANALOGY"
    POLICY = "POLICY"


Outcome = tuple[Verdict, str]


def passed(why: str) -> Outcome:
    """The rule is met."""
    return Verdict.PASS, why


def failed(why: str) -> Outcome:
    """The rule is broken."""
    return Verdict.FAIL, why


def unclear(why: str) -> Outcome:
    """Too little is known to say; never passes."""
    return Verdict.INDETERMINATE, why


@dataclass(frozen=True)
class Rule:
    """One row of the table: id, citation, basis, and the function that answers."""

    id: str
    cite: str
    basis: Basis
    check: Callable[[Case], Outcome]


@dataclass(frozen=True)
class DayRule(Rule):
    """A rule that looks at the day and not at the second; its type holds it to that."""

    check: Callable[[OfDay], Outcome]


@dataclass(frozen=True)
class DossierRule(Rule):
    """A rule that looks at nothing but the dossier, the policy and the day; its type holds it to that."""

    check: Callable[[OfDossier], Outcome]


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's answer to one case."""

    rule: str
    result: Verdict
    basis: Basis
    cite: str
    explanation: str
    #: RFC 8785 bytes of `as_json`: five texts.
    canonical: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "canonical", exact(orjson.dumps(self._texts(), option=orjson.OPT_SORT_KEYS)))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Itself: a table is made of runs, and this is the shortest."""
        return (self,)

    @property
    def not_passed(self) -> tuple[Finding, ...]:
        """Itself, if it is FAIL or INDETERMINATE."""
        return () if self.result is Verdict.PASS else (self,)

    def as_json(self) -> dict[str, Any]:
        """Keys rule, result, basis, cite, explanation."""
        return {key: str(text) for key, text in self._texts().items()}

    def _texts(self) -> dict[str, str]:
        return {
            "rule": self.rule,
            "result": self.result,
            "basis": self.basis,
            "cite": self.cite,
            "explanation": self.explanation,
        }


@dataclass(frozen=True, slots=True)
class Run:
    """Findings that stand one after the other in a table and are known together: looked through and written once."""

    findings: tuple[Finding, ...]

    #: Those that are FAIL or INDETERMINATE.
    not_passed: tuple[Finding, ...] = field(init=False, repr=False, compare=False)
    #: Their RFC 8785 bytes, with commas between.
    canonical: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "not_passed", tuple(item for item in self.findings if item.not_passed))
        object.__setattr__(self, "canonical", b",".join([item.canonical for item in self.findings]))


@dataclass(frozen=True)
class VerdictTable:
    """All findings, in the table's order."""

    runs: tuple[Run | Finding, ...]

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """One by one."""
        return tuple(finding for run in self.runs for finding in run.findings)

    @cached_property
    def all_pass(self) -> bool:
        """Whether there are findings and each is PASS."""
        return not self.not_passed and any(run.findings for run in self.runs)

    @cached_property
    def not_passed(self) -> tuple[Finding, ...]:
        """The findings that are FAIL or INDETERMINATE."""
        return tuple([finding for run in self.runs for finding in run.not_passed])

    def as_json(self) -> list[dict[str, Any]]:
        """One object a finding."""
        return [finding.as_json() for finding in self.findings]

    @cached_property
    def canonical(self) -> bytes:
        """RFC 8785 bytes of `as_json`, computed once."""
        return b"[" + b",".join([run.canonical for run in self.runs if run.findings]) + b"]"
