"""A dossier is read strictly, every fault is named by its field, and its hash is that of its content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.domain.canonical import canonical_bytes, keccak256
from oracle.domain.dossier import MAX_DOSSIER_BYTES, Bar, Dossier, parse_dossier
from oracle.errors import InputError
from tests.samples.dossier import (
    JUNIOR,
    REMOVED,
    SENIOR,
    sample_bytes,
    sample_dossier,
    sample_observation,
    sample_parsed,
)


def faults(data: bytes, *, toml: bool = False) -> list[dict[str, str]]:
    with pytest.raises(InputError) as caught:
        parse_dossier(data, what="dossier.json", toml=toml)
    assert caught.value.where == "dossier.json"
    assert caught.value.remedy
    assert isinstance(caught.value.details, list)
    return caught.value.details


FAULTS: list[tuple[str, Mapping[str, Any], str, str]] = [
    # what, changes, field, words of the problem
    ("wrong check character", {"filingEntity.uscc": "91310000MA0000000X"}, "filingEntity.uscc", "GB 32100-2015"),
    ("wrong asset controller", {"assets[0].controllerUscc": "91350100M000100Y4A"}, "assets[0].controllerUscc", "check"),
    ("wrong LEI", {"filingEntity.lei": "984500001AB7C6C7F578"}, "filingEntity.lei", "ISO 17442"),
    ("wrong ISIN", {"issuePlan.tranches[1].isin": "US0378331006"}, "issuePlan.tranches[1].isin", "ISO 6166"),
    ("unknown key", {"color": "red"}, "color", "unknown key"),
    ("unknown key below", {"assets[0].cashflow.colour": 1}, "assets[0].cashflow.colour", "unknown key"),
    ("snake case key", {"filing.status_as_off": "x"}, "filing.status_as_off", "unknown key"),
    ("missing block", {"overseasIssuer": REMOVED}, "overseasIssuer", "missing"),
    ("missing field", {"assets[0].dispute": REMOVED}, "assets[0].dispute", "missing"),
    ("empty text", {"filingEntity.nameZh": ""}, "filingEntity.nameZh", "at least 1 character"),
    ("still a mark", {"filingEntity.nameZh": "<FILL: name>"}, "filingEntity.nameZh", "still to be filled in"),
    ("float amount", {"issuePlan.unitFace.amount": 100.5}, "issuePlan.unitFace.amount", "bare number"),
    ("integer amount", {"issuePlan.unitFace.amount": 100}, "issuePlan.unitFace.amount", "bare number"),
    ("amount with comma", {"issuePlan.unitFace.amount": "1,000"}, "issuePlan.unitFace.amount", "pattern"),
    ("negative amount", {"issuePlan.unitFace.amount": "-1"}, "issuePlan.unitFace.amount", "pattern"),
    ("float units", {"issuePlan.maxUnits": 1e6}, "issuePlan.maxUnits", "a float is not an amount"),
    ("no units", {"issuePlan.maxUnits": 0}, "issuePlan.maxUnits", "greater than 0"),
    ("boolean units", {"issuePlan.maxUnits": True}, "issuePlan.maxUnits", "valid integer"),
    ("decimals too many", {"issuePlan.decimals": 19}, "issuePlan.decimals", "18"),
    ("decimals as text", {"issuePlan.decimals": "6"}, "issuePlan.decimals", "valid integer"),
    (
        "address checksum",
        {"issuePlan.tranches[0].contract": "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
        "issuePlan.tranches[0].contract",
        "EIP-55",
    ),
    ("no EVM chain", {"issuePlan.tranches[0].chain": "bip122:0"}, "issuePlan.tranches[0].chain", "pattern"),
    ("31 February", {"issuePlan.offerEnd": "2027-02-31"}, "issuePlan.offerEnd", "valid date"),
    ("date as number", {"issuePlan.offerEnd": 20270513}, "issuePlan.offerEnd", "valid date"),
    ("time without offset", {"signatures[0].at": "2026-08-01T09:30:00"}, "signatures[0].at", "no offset"),
    ("another regime", {"regime": "CSRC_2023_43"}, "regime", "CSRC_2026_1"),
    ("another schema", {"schema": "dossier/v2"}, "schema", "dossier/v1"),
    ("not a UUID", {"dossierId": "6F1D2C3B"}, "dossierId", "pattern"),
    ("revision 0", {"revision": 0}, "revision", "greater than or equal to 1"),
    ("revision 2 alone", {"revision": 2}, "prevDossierHash", "needed from revision 2"),
    ("revision 1 with previous", {"prevDossierHash": "0x" + "0" * 64}, "prevDossierHash", "and only then"),
    ("control chain empty", {"controlChain": []}, "controlChain", "at least 1 item"),
    ("no controlling shareholder", {"controlChain[0]": REMOVED}, "controlChain", "CONTROLLING_SHAREHOLDER"),
    ("no actual controller", {"controlChain[1]": REMOVED}, "controlChain", "ACTUAL_CONTROLLER"),
    ("legal person unnamed", {"controlChain[0].name": REMOVED}, "controlChain[0]", "needs name"),
    ("natural person named", {"controlChain[1].name": "张三"}, "controlChain[1]", "personal data stays out"),
    ("nobody, no reason", {"controlChain[1]": {"kind": "NONE"}}, "controlChain[1]", "needs a reason"),
    ("holding missing", {"controlChain[1].holdingPct": REMOVED}, "controlChain[1]", "holdingPct is missing"),
    ("holding above 100", {"controlChain[1].holdingPct": "100.01"}, "controlChain[1]", "above 100"),
    ("no domestic lawyer", {"intermediaries[0]": REMOVED}, "intermediaries", "DOMESTIC_LAWYER"),
    ("no control evidence", {"filingEntity.controlEvidence": []}, "filingEntity.controlEvidence", "at least 1 item"),
    (
        "evidence not there",
        {"filingEntity.controlEvidence": ["control-1", "control-9"]},
        "filingEntity.controlEvidence[1]",
        "no evidence with id control-9",
    ),
    ("evidence of opinion", {"intermediaries[0].opinion": "none"}, "intermediaries[0].opinion", "no evidence"),
    ("evidence of title", {"assets[0].titleEvidence": "none"}, "assets[0].titleEvidence", "no evidence"),
    ("evidence of valuation", {"assets[0].valuation.ref": "none"}, "assets[0].valuation.ref", "no evidence"),
    (
        "evidence of consent",
        {"assets[0].transferabilityEvidence": "none"},
        "assets[0].transferabilityEvidence",
        "no evidence",
    ),
    (
        "evidence of finding",
        {"negativeList.findings[7].basis": "none"},
        "negativeList.findings[7].basis",
        "no evidence with id none",
    ),
    (
        "evidence of declaration",
        {"declarations.bars[5].basis": ["opinion-1", "none"]},
        "declarations.bars[5].basis[1]",
        "no evidence",
    ),
    (
        "evidence of offence",
        {
            "declarations.bars[2].offences": [
                {"party": "FILING_ENTITY", "offence": "行贿罪", "committedOn": "2020-01-01", "evidence": "none"}
            ]
        },
        "declarations.bars[2].offences[0].evidence",
        "no evidence",
    ),
    (
        "evidence of conclusion",
        {
            "declarations.bars[3].investigations": [
                {"authority": "x", "openedOn": "2020-01-01", "concludedOn": "2020-02-01", "conclusion": "none"}
            ]
        },
        "declarations.bars[3].investigations[0].conclusion",
        "no evidence",
    ),
    ("evidence of procedure", {"otherProcedures[0].evidence": "none"}, "otherProcedures[0].evidence", "no evidence"),
    (
        "evidence of report",
        {"postFiling": {"reports": [{"kind": "CHANGE", "eventOn": "2026-10-01", "evidence": "none"}]}},
        "postFiling.reports[0].evidence",
        "no evidence",
    ),
    ("evidence of signature", {"signatures[6].evidence": "none"}, "signatures[6].evidence", "no evidence"),
    ("evidence id twice", {"evidence[10]": sample_dossier()["evidence"][0]}, "evidence", "control-1 stands twice"),
    ("evidence hash", {"evidence[0].sha256": "0x12"}, "evidence[0].sha256", "pattern"),
    ("consent without paper", {"assets[0].transferability": "RESTRICTED_CONSENTED"}, "assets[0]", "the consent"),
    ("asset twice", {"assets": [sample_dossier()["assets"][0]] * 2}, "assets", "asset-1 stands twice"),
    (
        "finding of no asset",
        {"negativeList.findings[0].assetId": "x"},
        "negativeList.findings[0].assetId",
        "no asset x",
    ),
    (
        "finding twice",
        {"negativeList.findings[1].itemId": "NL-1"},
        "negativeList.findings",
        "NL-1 for asset-1 stands twice",
    ),
    ("unknown item", {"negativeList.findings[0].itemId": "NL-9"}, "negativeList.findings[0].itemId", "NL-8"),
    (
        "shares above 100",
        {"assets[0].cashflow.importantProviders[0].sharePct": "90.26"},
        "assets[0].cashflow",
        "more than 100",
    ),
    ("bar missing", {"declarations.bars[5]": REMOVED}, "declarations", "found 1, 2, 3, 4, 5"),
    ("bar twice", {"declarations.bars[5].bar": "5"}, "declarations", "found 1, 2, 3, 4, 5, 5"),
    ("bar unsigned", {"declarations.bars[0].signedBy": REMOVED}, "declarations.bars[0].signedBy", "missing"),
    (
        "offence elsewhere",
        {
            "declarations.bars[0].offences": [
                {"party": "FILING_ENTITY", "offence": "x", "committedOn": "2020-01-01", "evidence": "opinion-1"}
            ]
        },
        "declarations.bars[0]",
        "belong to bar 3",
    ),
    (
        "investigation elsewhere",
        {"declarations.bars[0].investigations": [{"authority": "x", "openedOn": "2020-01-01"}]},
        "declarations.bars[0]",
        "belong to bar 4",
    ),
    ("procedure missing", {"otherProcedures[10]": REMOVED}, "otherProcedures", "check SECTOR"),
    ("procedure twice", {"otherProcedures[10].code": "SAFE_37"}, "otherProcedures", "check SAFE_37, SECTOR"),
    (
        "not applicable, unsigned",
        {"otherProcedures[10].signedBy": REMOVED},
        "otherProcedures[10]",
        "reason and signedBy",
    ),
    ("applies, no state", {"otherProcedures[0].state": REMOVED}, "otherProcedures[0]", "needs state"),
    ("held, no number", {"otherProcedures[0].docNo": REMOVED}, "otherProcedures[0]", "HELD needs docNo"),
    ("filed, no number", {"filing.filingNumber": REMOVED}, "filing", "needs filingNumber or indexNumber"),
    ("filed, no decision", {"filing.decisionDate": REMOVED}, "filing", "needs decisionDate"),
    (
        "filed, no amounts",
        {"filing": {"filedAmount": REMOVED, "filedUnits": REMOVED}},
        "filing",
        "filedAmount, filedUnits",
    ),
    ("tranche id twice", {"issuePlan.tranches[1].id": "senior"}, "issuePlan", "share one id"),
    ("token twice", {"issuePlan.tranches[1].contract": SENIOR}, "issuePlan", "share one token contract"),
    ("offer ends before it begins", {"issuePlan.offerEnd": "2026-01-01"}, "issuePlan", "before firstIssueNotBefore"),
    ("two currencies", {"issuePlan.unitFace.ccy": "USD"}, "issuePlan", "different currencies"),
    ("beyond 96 bits", {"issuePlan.decimals": 18, "issuePlan.tranches[0].maxUnits": str(2**77)}, "issuePlan", "2^96"),
    ("four eyes", {"reviewedBy": "preparer-1"}, "reviewedBy", "another person"),
]


@pytest.mark.parametrize(("changes", "field", "words"), [pytest.param(*row[1:], id=row[0]) for row in FAULTS])
def test_parse_dossier__one_fault__names_field_and_problem(changes: Mapping[str, Any], field: str, words: str) -> None:
    rows = faults(sample_bytes(changes))
    assert [row["field"] for row in rows] == [field]
    assert words in rows[0]["problem"]


def test_parse_dossier__several_faults__names_all() -> None:
    changes = {"color": "red", "assets[0].dispute": REMOVED, "issuePlan.unitFace.amount": 1.5}
    assert {row["field"] for row in faults(sample_bytes(changes))} == {
        "color",
        "assets[0].dispute",
        "issuePlan.unitFace.amount",
    }


def test_parse_dossier__several_faults_of_the_whole__names_all() -> None:
    changes = {"reviewedBy": "preparer-1", "intermediaries[0]": REMOVED, "signatures[0].evidence": "none"}
    fields = [row["field"] for row in faults(sample_bytes(changes))]
    assert fields == ["intermediaries", "reviewedBy", "signatures[0].evidence"]


@pytest.mark.parametrize(
    ("data", "words"),
    (
        (b'{"schema":"dossier/v1","schema":"dossier/v1"}', "twice"),
        (b'{"schema":NaN}', "NaN"),
        (b'{"schema":1e999}', "NaN, Infinity"),
        (b'{"schema":"\\ud800"}', "surrogate"),
        (b'{"schema":"\xff"}', "not UTF-8 at byte 11"),
        (b"[" * 50_000 + b"]" * 50_000, "nested too deeply"),
        (b'{"schema":' + b"[" * 900 + b"]" * 900 + b"}", "recursion"),
        (b'{"revision":' + b"1" * 5000 + b"}", "too long"),
        (b"[]", "not an object"),
        (b'"text"', "not an object"),
        (b"", "not JSON"),
        (b" " * (MAX_DOSSIER_BYTES + 1), f"larger than {MAX_DOSSIER_BYTES} bytes"),
    ),
)
def test_parse_dossier__hostile_json__refused_with_a_reason(data: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_dossier(data, what="dossier.json")
    assert words in caught.value.what
    assert str(caught.value).startswith("dossier.json")


@pytest.mark.parametrize(
    ("data", "words"),
    (
        (b"schema = ", "not TOML"),
        (b'schema = "a"\nschema = "b"', "not TOML"),
        (b'schema = "\xff"', "not TOML"),
        (b"revision = " + b"1" * 5000, "not TOML"),
        (b"a = " + b"[" * 50_000, "not TOML"),
        (b"a = nan", "NaN"),
        (b"a = 07:32:00", "schema: missing"),
        (b"", "schema: missing"),
        (b"#" * (MAX_DOSSIER_BYTES + 1), "larger than"),
    ),
)
def test_parse_dossier__hostile_toml__refused_with_a_reason(data: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_dossier(data, what="dossier.toml", toml=True)
    assert words in caught.value.what


@given(st.binary(max_size=200))
def test_parse_dossier__any_bytes__is_an_input_error(data: bytes) -> None:
    for toml in (False, True):
        with pytest.raises(InputError):
            parse_dossier(data, what="dossier", toml=toml)


def paths(value: Any, path: str = "") -> list[str]:
    """Every path of a JSON document, parents first."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += paths(item, f"{path}.{key}" if path else key)
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += paths(item, f"{path}[{index}]")
    return found


@given(
    st.sampled_from(paths(sample_dossier())),
    st.sampled_from((None, True, -1, 0, 1.5, "", "x", "\x00", [], {}, [None], {"x": 1}, 2**300, "9" * 100)),
)
def test_parse_dossier__any_value_anywhere__parses_or_names_a_field(path: str, value: Any) -> None:
    data = sample_bytes({path: value} if value != {} else {path: REMOVED})
    found: object = None
    try:
        parse_dossier(data, what="dossier").dossier_hash()
    except InputError as error:
        found = error.details
    assert found is None or (isinstance(found, list) and found)


# The hash ------------------------------------------------------------------------------------------------------------


def test_dossier_hash__sample__is_pinned() -> None:
    whole = sample_parsed({"issuePlan.transferRestriction": "PERMISSIONED"})
    assert whole.dossier_hash().hex() == "5c523fbc58b1de4a9dcbf1f4c567ce6e8a670aeb7d1690e89b8c49efe4daefc1"


def test_dossier_hash__is_keccak_of_the_canonical_form() -> None:
    whole = sample_parsed()
    assert whole.dossier_hash() == keccak256(whole.canonical())
    # The sample is written the way the model writes it, so its own canonical bytes are the dossier's.
    assert whole.canonical() == canonical_bytes(sample_dossier())


SAME: list[tuple[str, Mapping[str, Any]]] = [
    ("units as a string of digits", {"issuePlan.maxUnits": "1000000", "filing.filedUnits": "1000000"}),
    ("null for what is not set", {"filingEntity.lei": None, "prevDossierHash": None}),
    ("address in lower case", {"issuePlan.mintController": "0x" + "ab" * 20}),
    ("decomposed text", {"overseasIssuer.address": "1 Rue de l'E\u0301toile"}),
    ("hash in upper case", {"officers[0].personHash": "0x" + "AB" * 32}),
]
OTHER_WRITING: dict[str, Mapping[str, Any]] = {
    "address in lower case": {"issuePlan.mintController": "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"},
    "decomposed text": {"overseasIssuer.address": "1 Rue de l'\u00c9toile"},
    "hash in upper case": {"officers[0].personHash": "0x" + "ab" * 32},
}


@pytest.mark.parametrize(("what", "changes"), [pytest.param(*row, id=row[0]) for row in SAME])
def test_dossier_hash__same_content_otherwise_written__is_the_same(what: str, changes: Mapping[str, Any]) -> None:
    assert sample_parsed(changes).dossier_hash() == sample_parsed(OTHER_WRITING.get(what)).dossier_hash()


def test_dossier_hash__order_of_keys_and_blanks__does_not_matter() -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(item) for item in value] if isinstance(value, list) else value

    other = json.dumps(turned(sample_dossier()), indent=7).encode()
    assert parse_dossier(other, what="turned").dossier_hash() == sample_parsed().dossier_hash()


def test_dossier_hash__large_units__same_as_string() -> None:
    large = 2**60
    changes = {"issuePlan.decimals": 0, "issuePlan.maxUnits": large, "filing.filedUnits": large}
    as_text = {key: str(value) if value == large else value for key, value in changes.items()}
    whole = sample_parsed(changes)
    assert whole.dossier_hash() == sample_parsed(as_text).dossier_hash()
    assert f'"maxUnits":"{large}"'.encode() in whole.canonical()


@pytest.mark.parametrize(
    "changes",
    (
        {"assets[0].dispute": "MINOR"},
        {"assets[0].bookValue.amount": "92000000.0"},
        {"controlChain": list(reversed(sample_dossier()["controlChain"]))},
        {"filing.filedUnits": 999_999},
        {"issuePlan.tranches[1].contract": JUNIOR.replace("2", "5")},
        {"filingEntity.nameEn": REMOVED},
    ),
)
def test_dossier_hash__other_content__differs(changes: Mapping[str, Any]) -> None:
    assert sample_parsed(changes).dossier_hash() != sample_parsed().dossier_hash()


def test_dossier__written_and_read_again__is_equal() -> None:
    seen = json.loads(sample_observation().model_dump_json(by_alias=True, exclude_none=True))
    whole = sample_parsed({"filing.observations": [seen]})
    again = parse_dossier(whole.canonical(), what="again")
    assert again == whole
    assert again.dossier_hash() == whole.dossier_hash()


def test_dossier__read__is_immutable() -> None:
    whole = sample_parsed()
    with pytest.raises(ValueError, match="frozen"):
        whole.revision = 2  # type: ignore[misc]


def test_declarations_of__each_bar__is_found() -> None:
    whole: Dossier = sample_parsed()
    assert [whole.declarations.of(bar).bar for bar in Bar] == list(Bar)


def test_base_units__units__times_ten_to_the_decimals() -> None:
    assert sample_parsed().issue_plan.base_units(3) == 3_000_000
