"""Other regulators' procedures: each code, each state, the boundary days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from oracle.domain.dossier import ProcedureCode
from oracle.rules.decision import latest_end
from oracle.rules.table import evaluate
from oracle.rules.verdict import Verdict
from tests.samples.dossier import NOW, TODAY, sample_case, sample_dossier

HELD = {"docNo": "示例1号", "issuer": "示例机关", "issuedOn": "2026-01-05", "evidence": "opinion-1"}


def entry(code: ProcedureCode, **fields: Any) -> dict[str, Any]:
    """A change that puts this entry in the code's place."""
    entries = sample_dossier()["otherProcedures"]
    kept = [{"code": code.value, **fields} if item["code"] == code.value else item for item in entries]
    return {"otherProcedures": kept}


def not_passed(changes: dict[str, Any]) -> dict[str, Verdict]:
    table = evaluate(sample_case(changes))
    return {finding.rule: finding.result for finding in table.not_passed if finding.rule.startswith("PROC-")}


STATES: tuple[tuple[dict[str, Any], Verdict | None], ...] = (
    ({"applicability": "NOT_APPLICABLE", "reason": "no such thing", "signedBy": "counsel-1"}, None),
    ({"applicability": "UNKNOWN"}, Verdict.INDETERMINATE),
    ({"applicability": "APPLIES", "state": "PENDING"}, Verdict.INDETERMINATE),
    ({"applicability": "APPLIES", "state": "REFUSED"}, Verdict.FAIL),
    ({"applicability": "APPLIES", "state": "EXPIRED"}, Verdict.FAIL),
    ({"applicability": "APPLIES", "state": "HELD", **HELD}, None),
    ({"applicability": "APPLIES", "state": "HELD", **HELD, "expiresOn": (TODAY + timedelta(days=1)).isoformat()}, None),
    ({"applicability": "APPLIES", "state": "HELD", **HELD, "expiresOn": TODAY.isoformat()}, Verdict.FAIL),
    ({"applicability": "APPLIES", "state": "HELD", **HELD, "issuedOn": TODAY.isoformat()}, None),
    (
        {"applicability": "APPLIES", "state": "HELD", **HELD, "issuedOn": (TODAY + timedelta(days=1)).isoformat()},
        Verdict.FAIL,
    ),
)


@pytest.mark.parametrize("code", tuple(ProcedureCode))
@pytest.mark.parametrize(("fields", "result"), STATES)
def test_procedure__each_state__moves_its_own_rule_alone(
    code: ProcedureCode, fields: dict[str, Any], result: Verdict | None
) -> None:
    expected = {} if result is None else {f"PROC-{code.value}": result}
    assert not_passed(entry(code, **fields)) == expected


def test_latest_end__document_expires_first__no_approval_reaches_beyond() -> None:
    tomorrow = TODAY + timedelta(days=1)
    held = {"applicability": "APPLIES", "state": "HELD", **HELD, "expiresOn": tomorrow.isoformat()}
    # NOW is 10:00 in Shanghai, so its next midnight is 14 hours away.
    assert latest_end(sample_case(entry(ProcedureCode.SAFE_ODI, **held))) == NOW + 14 * 3600
