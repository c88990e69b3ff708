"""The verdicts of rules as pages show them: one row a finding, in the order in which a reader needs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from oracle.errors import InputError
from oracle.rules.explanations import explain
from oracle.rules.verdict import Verdict

__all__ = ["verdict_rows"]

_ORDER = {Verdict.FAIL: 0, Verdict.INDETERMINATE: 1, Verdict.PASS: 2}


def verdict_rows(findings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings (`Finding.as_json`), what does not pass first, each with `texts`: the rule in words by language, None if
    it was decided under rules of another version."""
    ordered = sorted(findings, key=lambda item: _ORDER[Verdict(item["result"])])
    return [{**item, "texts": _texts(item["rule"])} for item in ordered]


def _texts(rule: str) -> Any:
    try:
        return explain(rule).texts
    except InputError:
        return None
