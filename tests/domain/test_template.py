"""The template is a real dossier once its marks are filled, and what is left to fill is found by line and path."""

from __future__ import annotations

import re
import tomllib

import pytest

from oracle.domain.dossier import Bar, Dossier, NegativeListItem, ProcedureCode, parse_dossier
from oracle.domain.fields import FILL_MARK
from oracle.domain.template import template_text, unfilled
from oracle.errors import InputError
from oracle.rules.table import evaluate
from tests.samples.dossier import ENTITY_NAME, NOW, PARENT_NAME, PARENT_USCC, SENIOR, USCC, sample_case

#: What a person would write, by path; a key that ends a path stands for all such paths.
VALUES: dict[str, str] = {
    "dossierId": '"6f1d2c3b-4a59-4867-9a0b-1c2d3e4f5a6b"',
    "preparedBy": '"preparer-1"',
    "reviewedBy": '"reviewer-1"',
    "filingEntity.uscc": f'"{USCC}"',
    "filingEntity.nameZh": f'"{ENTITY_NAME}"',
    "province": '"CN-SH"',
    "controlChain[0].name": f'"{PARENT_NAME}"',
    "controlChain[0].uscc": f'"{PARENT_USCC}"',
    "holdingPct": '"51"',
    "personHash": '"0x' + "ab" * 32 + '"',
    "officers[0].role": '"董事长"',
    "name": '"Example Limited"',
    "jurisdiction": '"HK"',
    "regNo": '"00000000"',
    "address": '"1 Example Road, Hong Kong"',
    "class": '"充电服务收费收益权"',
    "description": '"1,200 charging stations"',
    "location": '"CN-SH"',
    "controllerUscc": f'"{USCC}"',
    "transferability": '"FREE"',
    "dispute": '"NONE"',
    "amount": '"100000000.00"',
    "unitFace.amount": '"100"',
    "valuation.date": "2026-07-01",
    "cashflow.type": '"charging service fees"',
    "forecastBase": '"2026-07-01"',
    "end": "2027-06-30",
    "importantProviders[0].id": '"fleet-operator-1"',
    "sharePct": '"12.5"',
    "dishonest": "false",
    "checkedAt": '"2026-08-01T09:30:00+08:00"',
    "result": '"CLEAR"',
    "tokenName": '"Example Charging Receivables 2026-1"',
    "symbol": '"EXC261"',
    "mintController": f'"{SENIOR}"',
    "contract": f'"{SENIOR}"',
    "maxUnits": '"1000000"',
    "settlementCcy": '"USD"',
    "offerJurisdictions": '"HK"',
    "firstIssueNotBefore": '"2026-10-01"',
    "offerEnd": '"2027-05-01"',
    "useOfProceeds": '"further stations"',
    "repatriation": '"to the filing entity, under SAFE_ODI"',
    "rate": '"3.20 % p.a."',
    "maturity": '"2029-10-01"',
    "chain": '"eip155:31337"',
    "signedBy": '"counsel-1"',
    "at": "2026-08-01T09:30:00+08:00",
    "applicability": '"NOT_APPLICABLE"',
    "reason": '"not needed: stated by counsel"',
    "statusAsOf": '"2026-08-01"',
    "title": '"title of a document"',
    "sha256": '"' + "cd" * 32 + '"',
    "size": "182044",
    "issuedBy": '"Example Limited"',
    "issuedOn": '"2026-08-01"',
    "signatures[0].signer": f'"{USCC}"',
    "signatures[1].signer": f'"{PARENT_USCC}"',
    "signer": '"0x' + "ab" * 32 + '"',
}


def value_of(path: str) -> str:
    """The value of the longest end of `path` that the table knows."""
    steps = path.split(".")
    for start in range(len(steps)):
        if ".".join(steps[start:]) in VALUES:
            return VALUES[".".join(steps[start:])]
    raise AssertionError(f"no value for {path}")


def filled() -> str:
    lines = template_text().splitlines()
    for number, path in unfilled(template_text()):
        lines[number - 1] = re.sub(r'"' + FILL_MARK + r'[^"]*"', lambda _, path=path: value_of(path), lines[number - 1])  # type: ignore[misc]
    return "\n".join(lines)


def test_template__every_mark_filled__is_a_dossier() -> None:
    assert unfilled(filled()) == []
    whole = parse_dossier(filled().encode(), what="template", toml=True)
    assert isinstance(whole, Dossier)
    assert {procedure.code for procedure in whole.other_procedures} == set(ProcedureCode)
    assert {finding.item_id for finding in whole.negative_list.findings} == set(NegativeListItem)
    assert {declaration.bar for declaration in whole.declarations.bars} == set(Bar)


def test_template__filled_and_filed__passes_every_rule() -> None:
    filing = """status = "FILED"
filingNumber = "国合函〔2026〕1024号"
decisionDate = 2026-09-15
filedAmount = { amount = "100000000.00", ccy = "CNY" }
filedUnits = 1000000"""
    text = filled().replace('status = "DRAFT"', filing)
    whole = parse_dossier(text.encode(), what="template", toml=True)
    assert evaluate(sample_case(dossier=whole, now=NOW)).not_passed == ()


def test_template__as_it_is__is_toml_and_names_what_is_left() -> None:
    text = template_text()
    tomllib.loads(text)
    left = unfilled(text)
    lines = text.splitlines()
    assert all(FILL_MARK in lines[number - 1] for number, _ in left)
    assert len(left) == sum(FILL_MARK in line for line in lines if not line.startswith("#"))
    assert len({path for _, path in left}) == len(left)
    with pytest.raises(InputError) as caught:
        parse_dossier(text.encode(), what="template", toml=True)
    named = {row["field"] for row in caught.value.details or []}
    # A list's row is named with its index, and blocks with a fault inside are not examined further.
    assert {path for _, path in left} <= {field.removesuffix("[0]") for field in named}


def test_template__every_field__has_a_comment() -> None:
    lines = template_text().splitlines()
    assert sum(line.startswith("#") for line in lines) > 120
    for number, line in enumerate(lines):
        if line.startswith("[[") or (line.startswith("[") and "." not in line):
            above = next(text for text in reversed(lines[:number]) if not text.startswith("["))
            assert above.startswith("#") or above == "", f"no comment above line {number + 1}"


def test_template__optional_fields__are_names_the_model_knows() -> None:
    text = re.sub(
        r"(?m)^# (prevDossierHash|nameEn|lei|licenceNo|isin|transferabilityEvidence|storageUri) = ", r"\1 = ", filled()
    )
    values = {
        "prevDossierHash": '"0x' + "0" * 64 + '"',
        "lei": '"984500001AB7C6C7F577"',
        "isin": '"US0378331005"',
        "transferabilityEvidence": '"title-1"',
    }
    for key, value in values.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    whole = parse_dossier(text.replace("revision = 1", "revision = 2").encode(), what="template", toml=True)
    assert whole.filing_entity.lei
    assert whole.issue_plan.tranches[0].isin


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("", []),
        ('a = "<FILL: x>"', [(1, "a")]),
        ("a = '<FILL'", [(1, "a")]),
        ('# a = "<FILL"\n  # b = "<FILL"', []),
        ('a = ["x",\n  "<FILL",\n]', [(2, "a")]),
        ('[a]\nb = "<FILL"\n[c.d]\ne = "<FILL"', [(2, "a.b"), (4, "c.d.e")]),
        ('[[a]]\nb = 1\n[[a]]\nb = "<FILL"', [(4, "a[1].b")]),
        (
            '[[a]]\n[[a.b]]\nc = 1\n[[a]]\n[[a.b]]\n[[a.b]]\nc = "<FILL"\n[a.d]\ne="<FILL"',
            [(7, "a[1].b[1].c"), (9, "a[1].d.e")],
        ),
        ('[ a ] # "note"\nb = "<FILL"', [(2, "a.b")]),
        ('a = "not a <FILL"', []),
        ('broken [[[\r\nb = "<FILL"', [(2, "b")]),
    ),
)
def test_unfilled__marks__by_line_and_path(text: str, expected: list[tuple[int, str]]) -> None:
    assert unfilled(text) == expected
