"""Other regulators' procedures: each code, each state, the boundary days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from oracle.domain.dossier import ProcedureCode
from oracle.rules.calendar_months import months_after
from oracle.rules.decision import latest_end
from oracle.rules.policy import Policy
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


#: Usual terms of documents that name no end (regulation 5), in months.
TERMS = {"NDRC_ODI": 24, "MOFCOM_ODI": 24, "NDRC_DEBT": 12, "CAC_ASSESS": 36, "CAC_CERT": 36}


@pytest.mark.parametrize("code", tuple(ProcedureCode))
def test_procedure__no_end_named__usual_term_from_the_day_of_issue(code: ProcedureCode) -> None:
    months = TERMS.get(code.value, 600)
    fields = {"applicability": "APPLIES", "state": "HELD", **HELD}
    ended = months_after(TODAY, -months)
    for issued, gone in ((ended + timedelta(days=1), False), (ended, code.value in TERMS)):
        expected = {f"PROC-{code.value}": Verdict.INDETERMINATE} if gone else {}
        assert not_passed(entry(code, **fields | {"issuedOn": issued.isoformat()})) == expected
    # What the document itself states outweighs the usual term.
    tomorrow = (TODAY + timedelta(days=1)).isoformat()
    assert not_passed(entry(code, **fields | {"issuedOn": ended.isoformat(), "expiresOn": tomorrow})) == {}


def test_procedure__terms_emptied_by_policy__nothing_is_assumed() -> None:
    fields = {"applicability": "APPLIES", "state": "HELD", **HELD, "issuedOn": "2001-01-05"}
    case = sample_case(entry(ProcedureCode.NDRC_DEBT, **fields), policy=Policy(procedure_validity_months={}))
    assert [finding.rule for finding in evaluate(case).not_passed] == []


def test_latest_end__usual_term_ends_first__no_approval_reaches_beyond() -> None:
    issued = months_after(TODAY, -12) + timedelta(days=1)
    held = {"applicability": "APPLIES", "state": "HELD", **HELD, "issuedOn": issued.isoformat()}
    assert latest_end(sample_case(entry(ProcedureCode.NDRC_DEBT, **held))) == NOW + 14 * 3600
