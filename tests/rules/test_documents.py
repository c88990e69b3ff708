"""Materials, undertakings, the tokens on the chain, four eyes: each outcome, one change from the sample that passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from oracle.rules.case import Case
from oracle.rules.documents import undertakers
from oracle.rules.table import evaluate
from oracle.rules.verdict import Verdict
from tests.samples.dossier import REGISTRY, REMOVED, SIGNERS, sample_case, sample_parsed, sample_tranches

FAIL, UNSURE = Verdict.FAIL, Verdict.INDETERMINATE
WHOLE = sample_parsed()
#: Where the sample keeps these documents.
REPORT, MATERIALS, OPINION = 3, 4, 5


def not_passed(case: Case) -> dict[str, Verdict]:
    return {finding.rule: finding.result for finding in evaluate(case).not_passed}


def explanation(case: Case, rule: str) -> str:
    return next(finding.explanation for finding in evaluate(case).findings if finding.rule == rule)


DOSSIER: list[tuple[str, Mapping[str, Any], str, Verdict, str]] = [
    ("no filing report", {f"evidence[{REPORT}].kind": "OTHER"}, "DOC-1", FAIL, "FILING_REPORT"),
    ("no materials", {f"evidence[{MATERIALS}]": REMOVED}, "DOC-1", FAIL, "OVERSEAS_MATERIALS"),
    ("no opinion", {f"evidence[{OPINION}].kind": "OTHER"}, "DOC-1", FAIL, "LEGAL_OPINION"),
    ("empty report", {f"evidence[{REPORT}].size": 0}, "DOC-1", FAIL, "size 0"),
    ("materials of tomorrow", {f"evidence[{MATERIALS}].issuedOn": "2026-10-13"}, "DOC-1", FAIL, "2026-10-13"),
    ("opinion that no lawyer cites", {"intermediaries[0].opinion": REMOVED}, "DOC-1", UNSURE, "DOMESTIC_LAWYER"),
    ("opinion is a title", {"intermediaries[0].opinion": "title-1"}, "DOC-1", UNSURE, "DOMESTIC_LAWYER"),
    *(
        (f"undertaking {index} missing", {f"signatures[{index}]": REMOVED}, "DOC-2", FAIL, role)
        for index, (role, _) in enumerate(undertakers(WHOLE))
    ),
    ("another signer", {"signatures[0].signer": "91310115MA0000001Y"}, "DOC-2", FAIL, "FILING_ENTITY"),
    ("signed in another role", {"signatures[0].role": "OFFICER"}, "DOC-2", FAIL, "FILING_ENTITY"),
    ("signed tomorrow", {"signatures[3].at": "2026-10-13T00:00:00+08:00"}, "DOC-2", FAIL, "after now"),
    ("signed something else", {"signatures[4].evidence": "opinion-1"}, "DOC-2", UNSURE, "LEGAL_OPINION"),
    ("no officers named", {"officers": []}, "DOC-2", UNSURE, "officers"),
]


@pytest.mark.parametrize(
    ("changes", "rule", "expected", "words"), [pytest.param(*row[1:], id=row[0]) for row in DOSSIER]
)
def test_dossier__one_change__moves_only_its_rule(
    changes: Mapping[str, Any], rule: str, expected: Verdict, words: str
) -> None:
    case = sample_case(changes)
    assert not_passed(case) == {rule: expected}
    assert words in explanation(case, rule)


def test_doc_2__role_that_nobody_holds__needs_no_undertaking() -> None:
    nobody = {"role": "ACTUAL_CONTROLLER", "kind": "NONE", "reason": "spread holding"}
    assert not_passed(sample_case({"controlChain[1]": REMOVED, "controlChain": [WHOLE_LINK, nobody]})) == {}


WHOLE_LINK = WHOLE.model_dump(mode="json", by_alias=True, exclude_none=True)["controlChain"][0]

FACTS: list[tuple[str, dict[str, Any], Verdict, str]] = [
    ("another registry", {"registry": "0x" + "66" * 20}, FAIL, "0x6666"),
    ("registry unread", {"registry": None}, UNSURE, "could not be read"),
    ("own registry unknown", {"own_registry": None}, UNSURE, "could not be read"),
    ("unknown code", {"build": None}, UNSURE, "does not know"),
    ("another contract", {"build": "SomethingElse"}, FAIL, "issuePlan.standard"),
    ("restriction unread", {"transfer_restriction": None}, UNSURE, "could not be read"),
    ("another restriction", {"transfer_restriction": "PERMISSIONED"}, FAIL, "issuePlan.transferRestriction"),
]


@pytest.mark.parametrize(("change", "expected", "words"), [pytest.param(*row[1:], id=row[0]) for row in FACTS])
@pytest.mark.parametrize("index", (0, 1))
def test_plan_2__one_token_differs__moves_only_its_rule(
    index: int, change: dict[str, Any], expected: Verdict, words: str
) -> None:
    facts = list(sample_tranches(WHOLE))
    facts[index] = replace(facts[index], **change)
    case = sample_case(tranches=facts)
    assert not_passed(case) == {"PLAN-2": expected}
    assert words in explanation(case, "PLAN-2")
    assert WHOLE.issue_plan.tranches[index].id in explanation(case, "PLAN-2")


def test_plan_2__same_registry_in_other_case__is_the_same() -> None:
    facts = [replace(item, registry=REGISTRY.upper().replace("0X", "0x")) for item in sample_tranches(WHOLE)]
    assert not_passed(sample_case(tranches=facts)) == {}


@pytest.mark.parametrize(("standard", "expected"), (("ERC20", {}), ("erc-20", {}), ("ERC-3643", {"PLAN-2": FAIL})))
def test_plan_2__standard_of_the_plan__must_be_the_tokens(standard: str, expected: dict[str, Verdict]) -> None:
    assert not_passed(sample_case({"issuePlan.standard": standard})) == expected


@pytest.mark.parametrize(
    ("signers", "expected", "words"),
    (
        (SIGNERS, None, "signed by operator-1"),
        ((), UNSURE, "not known"),
        (("operator-1", "preparer-1"), FAIL, "preparedBy"),
        (("Reviewer-1",), FAIL, "reviewedBy"),
    ),
)
def test_gov_1__signer__is_neither_preparer_nor_reviewer(
    signers: tuple[str, ...], expected: Verdict | None, words: str
) -> None:
    case = sample_case(signers=signers)
    assert not_passed(case) == ({} if expected is None else {"GOV-1": expected})
    assert words in explanation(case, "GOV-1")


def test_gov_1__preparer_in_other_letters__is_the_same_person() -> None:
    # Reading the dossier refuses only the very same text.
    assert not_passed(sample_case({"reviewedBy": "PREPARER-1"})) == {"GOV-1": FAIL}
