"""Every rule, every outcome: the passing case changed in one respect, and exactly which rules leave PASS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from oracle.domain.filing import Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.rules.case import Case, Standing
from oracle.rules.policy import Policy
from oracle.rules.table import RULES, evaluate
from oracle.rules.verdict import Verdict
from tests.samples.dossier import (
    ENTITY_NAME,
    NOW,
    PARENT_USCC,
    REMOVED,
    sample_case,
    sample_observation,
    sample_parsed,
    sample_record,
    sample_tranches,
)

FAIL, UNSURE = Verdict.FAIL, Verdict.INDETERMINATE
NL = tuple(f"BAR-6.NL-{number}" for number in range(1, 9))
#: What cannot be said without a publication.
UNSEEN = dict.fromkeys(("ENT-1", "FILE-1", "FILE-2", "FILE-3", "FILE-4"), UNSURE)


def not_passed(case: Case) -> dict[str, Verdict]:
    return {finding.rule: finding.result for finding in evaluate(case).not_passed}


def explanation(case: Case, rule: str) -> str:
    return next(finding.explanation for finding in evaluate(case).findings if finding.rule == rule)


def bar(number: int, **changes: Any) -> dict[str, Any]:
    return {f"declarations.bars[{number - 1}]": changes}


def procedure(code: str, **changes: Any) -> dict[str, Any]:
    place = {"CYBER_REVIEW": 9, "SECTOR": 10}[code]
    return {f"otherProcedures[{place}]": changes}


def offence(party: str, day: str) -> dict[str, Any]:
    return {"party": party, "offence": "行贿罪", "committedOn": day, "evidence": "opinion-1"}


def investigation(**more: str) -> dict[str, Any]:
    return {"authority": "示例市公安局", "openedOn": "2025-03-01", **more}


def test_sample__unchanged__passes_all() -> None:
    table = evaluate(sample_case())
    assert table.not_passed == ()
    assert table.all_pass
    assert [finding.rule for finding in table.findings] == [rule.id for rule in RULES]


DOSSIER: list[tuple[str, Mapping[str, Any], dict[str, Verdict], str, str]] = [
    # what, changes to the dossier, expected, rule whose explanation is read, words it must hold
    ("foreign debt", {"instrumentClass": "FOREIGN_DEBT"}, {"SCOPE-1": FAIL}, "SCOPE-1", "NDRC"),
    ("equity", {"instrumentClass": "EQUITY_LIKE"}, {"SCOPE-1": FAIL}, "SCOPE-1", "CSRC leads"),
    ("other form", {"instrumentClass": "OTHER"}, {"SCOPE-1": FAIL}, "SCOPE-1", "case by case"),
    (
        "issuer onshore",
        {"overseasIssuer.jurisdiction": "CN"},
        {"SCOPE-1": FAIL},
        "SCOPE-1",
        "overseasIssuer.jurisdiction",
    ),
    (
        "no cash flow",
        {"assets[0].cashflow.periods": [{"end": "2027-12-31", "amount": "0.00"}]},
        {"SCOPE-1": FAIL},
        "SCOPE-1",
        "asset-1",
    ),
    (
        "offered in CN",
        {"issuePlan.offerJurisdictions": ["HK", "CN"]},
        {"SCOPE-2": FAIL},
        "SCOPE-2",
        "offerJurisdictions",
    ),
    ("offered in HK, MO, TW", {"issuePlan.offerJurisdictions": ["HK", "MO", "TW"]}, {}, "SCOPE-2", "HK, MO, TW"),
    ("RMB stablecoin", {"issuePlan.settlementCcy": ["USD", "CNHC"]}, {"SCOPE-3": FAIL}, "SCOPE-3", "CNHC"),
    ("RMB stablecoin, other case", {"issuePlan.settlementCcy": ["axcnh"]}, {"SCOPE-3": FAIL}, "SCOPE-3", "axcnh"),
    ("unknown currency", {"issuePlan.settlementCcy": ["USD", "ZZZ"]}, {"SCOPE-3": UNSURE}, "SCOPE-3", "ZZZ"),
    ("forbidden before unknown", {"issuePlan.settlementCcy": ["ZZZ", "CNHC"]}, {"SCOPE-3": FAIL}, "SCOPE-3", "CNHC"),
    ("known currency, other case", {"issuePlan.settlementCcy": ["usdc"]}, {}, "SCOPE-3", "usdc"),
    (
        "another controls the asset",
        {"assets[0].controllerUscc": PARENT_USCC},
        {"ENT-2": FAIL},
        "ENT-2",
        PARENT_USCC,
    ),
    *((f"bar {n} HIT", bar(n, result="HIT"), {f"BAR-{n}": FAIL}, f"BAR-{n}", "counsel-1") for n in (1, 2, 3, 4)),
    *(
        (f"bar {n} UNKNOWN", bar(n, result="UNKNOWN"), {f"BAR-{n}": UNSURE}, f"BAR-{n}", "UNKNOWN")
        for n in (1, 2, 3, 4)
    ),
    ("bar 5 HIT", bar(5, result="HIT"), {"BAR-5a": FAIL, "BAR-5b": FAIL}, "BAR-5b", "HIT"),
    ("bar 5 UNKNOWN", bar(5, result="UNKNOWN"), {"BAR-5a": UNSURE, "BAR-5b": UNSURE}, "BAR-5a", "UNKNOWN"),
    ("bar 6 HIT", bar(6, result="HIT"), dict.fromkeys(NL, FAIL), "BAR-6.NL-1", "HIT"),
    ("bar 6 UNKNOWN", bar(6, result="UNKNOWN"), dict.fromkeys(NL, UNSURE), "BAR-6.NL-8", "UNKNOWN"),
    (
        "sector refused",
        procedure("SECTOR", applicability="APPLIES", state="REFUSED"),
        {"BAR-1": FAIL, "PROC-SECTOR": FAIL},
        "BAR-1",
        "SECTOR",
    ),
    (
        "sector pending",
        procedure("SECTOR", applicability="APPLIES", state="PENDING"),
        {"PROC-SECTOR": UNSURE},
        "BAR-1",
        "CLEAR",
    ),
    (
        "review refused",
        procedure("CYBER_REVIEW", applicability="APPLIES", state="REFUSED"),
        {"BAR-2": FAIL, "PROC-CYBER_REVIEW": FAIL},
        "BAR-2",
        "CYBER_REVIEW",
    ),
    (
        "review pending",
        procedure("CYBER_REVIEW", applicability="APPLIES", state="PENDING"),
        {"BAR-2": UNSURE, "PROC-CYBER_REVIEW": UNSURE},
        "BAR-2",
        "PENDING",
    ),
    (
        "review perhaps needed",
        procedure("CYBER_REVIEW", applicability="UNKNOWN"),
        {"BAR-2": UNSURE, "PROC-CYBER_REVIEW": UNSURE},
        "BAR-2",
        "applicability",
    ),
    (
        "review pending, bar HIT",
        bar(2, result="HIT") | procedure("CYBER_REVIEW", applicability="APPLIES", state="PENDING"),
        {"BAR-2": FAIL, "PROC-CYBER_REVIEW": UNSURE},
        "BAR-2",
        "HIT",
    ),
    *(
        (
            f"recent offence of {party}",
            bar(3, offences=[offence(party, "2024-05-20")]),
            {"BAR-3": FAIL},
            "BAR-3",
            party,
        )
        for party in ("FILING_ENTITY", "CONTROLLING_SHAREHOLDER", "ACTUAL_CONTROLLER")
    ),
    ("old offence", bar(3, offences=[offence("FILING_ENTITY", "2020-05-20")]), {}, "BAR-3", "CLEAR"),
    (
        "old offence beside a recent one",
        bar(3, offences=[offence("FILING_ENTITY", "2020-05-20"), offence("FILING_ENTITY", "2026-05-20")]),
        {"BAR-3": FAIL},
        "BAR-3",
        "2026-05-20",
    ),
    (
        "offence in the future",
        bar(3, offences=[offence("FILING_ENTITY", "2027-01-01")]),
        {"BAR-3": FAIL},
        "BAR-3",
        "2027-01-01",
    ),
    ("open investigation", bar(4, investigations=[investigation()]), {"BAR-4": FAIL}, "BAR-4", "示例市公安局"),
    (
        "investigation ended without paper",
        bar(4, investigations=[investigation(concludedOn="2025-09-01")]),
        {"BAR-4": FAIL},
        "BAR-4",
        "concluding document",
    ),
    (
        "investigation with paper, no date",
        bar(4, investigations=[investigation(conclusion="opinion-1")]),
        {"BAR-4": FAIL},
        "BAR-4",
        "concludedOn",
    ),
    (
        "investigation to end tomorrow",
        bar(4, investigations=[investigation(concludedOn="2026-10-13", conclusion="opinion-1")]),
        {"BAR-4": FAIL},
        "BAR-4",
        "concludedOn",
    ),
    (
        "investigation ended today",
        bar(4, investigations=[investigation(concludedOn="2026-10-12", conclusion="opinion-1")]),
        {},
        "BAR-4",
        "CLEAR",
    ),
    ("major dispute", {"assets[0].dispute": "MAJOR"}, {"BAR-5a": FAIL}, "BAR-5a", "asset-1"),
    ("minor dispute", {"assets[0].dispute": "MINOR"}, {}, "BAR-5a", "CLEAR"),
    (
        "not transferable",
        {"assets[0].transferability": "NON_TRANSFERABLE"},
        {"BAR-5b": FAIL},
        "BAR-5b",
        "asset-1",
    ),
    (
        "transferable by consent",
        {"assets[0].transferability": "RESTRICTED_CONSENTED", "assets[0].transferabilityEvidence": "title-1"},
        {},
        "BAR-5b",
        "CLEAR",
    ),
    *(
        (f"{rule} HIT", {f"negativeList.findings[{n}].result": "HIT"}, {rule: FAIL}, rule, "asset-1")
        for n, rule in enumerate(NL)
    ),
    *(
        (f"{rule} UNKNOWN", {f"negativeList.findings[{n}].result": "UNKNOWN"}, {rule: UNSURE}, rule, "asset-1")
        for n, rule in enumerate(NL)
    ),
    *(
        (f"{rule} missing", {f"negativeList.findings[{n}]": REMOVED}, {rule: UNSURE}, rule, "has no")
        for n, rule in enumerate(NL)
    ),
    (
        "another version of the list",
        {"negativeList.version": "AMAC-2014-12-24"},
        dict.fromkeys(NL, UNSURE),
        "BAR-6.NL-3",
        "AMAC-2024-03-29",
    ),
    ("own status draft", {"filing.status": "DRAFT"}, {"FILE-1": FAIL}, "FILE-1", "DRAFT"),
    ("own status issuing", {"filing.status": "ISSUING"}, {}, "FILE-1", "FILED"),
    ("own status completed", {"filing.status": "COMPLETED"}, {"FILE-1": FAIL}, "FILE-1", "COMPLETED"),
    ("another filing number", {"filing.filingNumber": "国合函〔2026〕1025号"}, UNSEEN, "FILE-1", "1025"),
    (
        "index number only",
        {"filing.filingNumber": REMOVED, "filing.indexNumber": "bm56000001"},
        UNSEEN,
        "FILE-3",
        "filing",
    ),
    ("same number, other brackets", {"filing.filingNumber": "国合函 [２０２６] 1024 号"}, {}, "FILE-3", "1024"),
    (
        "another name",
        {"filingEntity.nameZh": "示例（北京）充电科技有限公司"},
        {"ENT-1": FAIL, "FILE-3": FAIL},
        "ENT-1",
        "北京",
    ),
    ("same name, other brackets", {"filingEntity.nameZh": "示例(上海) 充电科技有限公司"}, {}, "ENT-1", "上海"),
    ("fewer units filed", {"filing.filedUnits": 999_999}, {"FILE-3": FAIL, "PLAN-1": FAIL}, "FILE-3", "999999"),
    ("more units claimed", {"filing.filedUnits": 1_000_001}, {"FILE-3": FAIL}, "FILE-3", "1000001"),
    ("another amount", {"filing.filedAmount.amount": "100000000.01"}, {"FILE-3": FAIL}, "FILE-3", "100000000.01"),
    ("same amount, other digits", {"filing.filedAmount.amount": "100000000.000000"}, {}, "FILE-3", "1024"),
    (
        "amount in another currency",
        {"filing.filedAmount.ccy": "USD"},
        {"FILE-3": FAIL, "PLAN-1": FAIL},
        "PLAN-1",
        "USD",
    ),
    ("not yet valid", {"filing.validFrom": "2026-10-13"}, {"FILE-4": FAIL}, "FILE-4", "2026-10-13"),
    ("valid from today", {"filing.validFrom": "2026-10-12"}, {}, "FILE-4", "2026-10-12"),
    ("valid from before the decision", {"filing.validFrom": "2026-01-01"}, {}, "FILE-4", "2026-09-15"),
    ("valid until today", {"filing.validUntil": "2026-10-12"}, {"FILE-4": FAIL}, "FILE-4", "2026-10-12"),
    ("valid until tomorrow", {"filing.validUntil": "2026-10-13"}, {}, "FILE-4", "2026-10-13"),
]


@pytest.mark.parametrize(
    ("changes", "expected", "rule", "words"), [pytest.param(*row[1:], id=row[0]) for row in DOSSIER]
)
def test_dossier__one_change__moves_only_its_rules(
    changes: Mapping[str, Any], expected: dict[str, Verdict], rule: str, words: str
) -> None:
    case = sample_case(changes)
    assert not_passed(case) == expected
    assert words in explanation(case, rule)


NOTICE = sample_observation()
TABLE_ROW = sample_observation(
    ObservationKind.STATUS_TABLE,
    source="csrc-table",
    status=LifeCycle.SUPPLEMENT,
    raw_status="补充材料",
    as_of=date(2026, 9, 30),
)
ABSENT = sample_observation(ObservationKind.ABSENCE)
FAILED = sample_observation(ObservationKind.FAILURE, source="csrc-table", detail="HTTP 503")
WITHDRAWN = sample_observation(
    ObservationKind.WITHDRAWAL,
    record=sample_record(status=LifeCycle.REVOKED),
    title="关于撤销备案的公告",
    raw_status="撤销",
)


def notice(**changes: Any) -> Observation:
    return sample_observation(record=sample_record(**changes))


OBSERVED: list[tuple[str, list[Observation], list[Observation], dict[str, Verdict], str, str]] = [
    # what, observations, earlier, expected, rule whose explanation is read, words it must hold
    ("nothing", [], [], UNSEEN | {"FILE-5": UNSURE}, "FILE-1", "nothing has been observed"),
    ("absent", [ABSENT], [], UNSEEN, "FILE-1", "neither filed nor refused"),
    ("a source unread", [NOTICE, FAILED], [], UNSEEN | {"FILE-5": UNSURE}, "FILE-5", "HTTP 503"),
    (
        "supplement asked for",
        [TABLE_ROW],
        [],
        {"ENT-1": UNSURE, "FILE-1": FAIL, "FILE-3": UNSURE, "FILE-4": UNSURE},
        "FILE-1",
        "补充材料",
    ),
    (
        "word not in the vocabulary",
        [TABLE_ROW.model_copy(update={"status": None, "raw_status": "中止"})],
        [],
        UNSEEN,
        "FILE-1",
        "中止",
    ),
    ("document copy only", [sample_observation(level=1)], [], UNSEEN, "FILE-2", "level seen is 1"),
    (
        "copies of two levels",
        [sample_observation(level=1), sample_observation(level=2)],
        [],
        UNSEEN,
        "FILE-2",
        "seen is 2",
    ),
    ("currency in lower case", [notice(amount={"amount": "100000000", "ccy": "cny"})], [], {}, "FILE-3", "1024"),
    (
        "name not folded by its source",
        [sample_observation(record=sample_record().model_copy(update={"entity_name": ENTITY_NAME}))],
        [],
        {},
        "ENT-1",
        ENTITY_NAME,
    ),
    (
        "table says filed, later than the decision",
        [NOTICE, TABLE_ROW.model_copy(update={"status": LifeCycle.FILED, "raw_status": "已备案"})],
        [],
        {},
        "FILE-5",
        "none against",
    ),
    ("seen twice alike", [NOTICE, sample_observation(source="mirror", age=60)], [], {}, "FILE-2", "mirror"),
    ("stale", [sample_observation(age=72 * 3600 + 1)], [], {"FILE-2": UNSURE}, "FILE-2", "stale"),
    ("stale and fresh", [sample_observation(age=10**7), NOTICE], [], {}, "FILE-2", "3600 s"),
    ("from the future", [sample_observation(age=-301)], [], {"FILE-2": UNSURE}, "FILE-2", "future"),
    ("units not published", [notice(units=None)], [], {"FILE-3": UNSURE}, "FILE-3", "no units"),
    ("amount not published", [notice(amount=None)], [], {"FILE-3": UNSURE}, "FILE-3", "no amount"),
    ("fewer units published", [notice(units=999_999)], [], {"FILE-3": FAIL, "PLAN-1": FAIL}, "PLAN-1", "filed units"),
    (
        "less money published",
        [notice(amount={"amount": "99999999.99", "ccy": "CNY"})],
        [],
        {"FILE-3": FAIL, "PLAN-1": FAIL},
        "PLAN-1",
        "99999999.99",
    ),
    (
        "published in another currency",
        [notice(amount={"amount": "100000000", "ccy": "HKD"})],
        [],
        {"FILE-3": FAIL, "PLAN-1": FAIL},
        "FILE-3",
        "HKD",
    ),
    (
        "another name published",
        [notice(name="示例（北京）充电科技有限公司")],
        [],
        {"ENT-1": FAIL, "FILE-3": FAIL},
        "FILE-3",
        "北京",
    ),
    ("published end passed", [notice(valid_until=date(2026, 10, 12))], [], {"FILE-4": FAIL}, "FILE-4", "2026-10-12"),
    ("decided tomorrow", [notice(decision_date=date(2026, 10, 13))], [], {"FILE-4": FAIL}, "FILE-4", "2026-10-13"),
    ("older than a year", [notice(decision_date=date(2025, 10, 12))], [], {"FILE-4": FAIL}, "FILE-4", "ANALOGY"),
    ("publication suspended", [notice(status=LifeCycle.SUSPENDED)], [], {"FILE-1": FAIL}, "FILE-1", "SUSPENDED"),
    ("revoked", [NOTICE, WITHDRAWN], [], {"FILE-1": FAIL, "FILE-5": FAIL}, "FILE-5", "撤销"),
    (
        "revoked, says an unranked source",
        [NOTICE, WITHDRAWN.model_copy(update={"level": 0})],
        [],
        {"FILE-5": FAIL},
        "FILE-5",
        "撤销",
    ),
    (
        "another filing of the entity revoked",
        [
            NOTICE,
            WITHDRAWN.model_copy(
                update={"record": sample_record(number="国合函〔2025〕7号", status=LifeCycle.REVOKED)}
            ),
        ],
        [],
        {},
        "FILE-5",
        "none against",
    ),
    ("revoked before", [NOTICE], [WITHDRAWN], {"FILE-5": FAIL}, "FILE-5", "撤销"),
    ("gone", [ABSENT], [NOTICE], UNSEEN | {"FILE-5": FAIL}, "FILE-5", "the publication is gone"),
    (
        "gone, or not read",
        [ABSENT, FAILED],
        [NOTICE],
        UNSEEN | {"FILE-5": UNSURE},
        "FILE-5",
        "could not be read",
    ),
    (
        "gone at one of two sources",
        [ABSENT, sample_observation(source="mirror")],
        [NOTICE],
        {"FILE-5": UNSURE},
        "FILE-5",
        "mirror still does",
    ),
    ("source no longer asked", [sample_observation(source="mirror")], [NOTICE], {}, "FILE-5", "none against"),
    (
        "table older than the decision",
        [NOTICE, TABLE_ROW.model_copy(update={"as_of": date(2026, 9, 15)})],
        [],
        {},
        "FILE-5",
        "none",
    ),
    ("table later than the decision", [NOTICE, TABLE_ROW], [], {"FILE-5": UNSURE}, "FILE-5", "补充材料"),
    (
        "records differ",
        [NOTICE, notice(units=1_000_001).model_copy(update={"source": "mirror"})],
        [],
        UNSEEN | {"FILE-5": UNSURE},
        "FILE-5",
        "csrc-notices, mirror",
    ),
]


@pytest.mark.parametrize(
    ("observations", "earlier", "expected", "rule", "words"), [pytest.param(*row[1:], id=row[0]) for row in OBSERVED]
)
def test_observations__one_change__moves_only_its_rules(
    observations: list[Observation], earlier: list[Observation], expected: dict[str, Verdict], rule: str, words: str
) -> None:
    case = sample_case(observations=observations, earlier=earlier)
    assert not_passed(case) == expected
    assert words in explanation(case, rule)


POLICY: list[tuple[str, dict[str, Any], Mapping[str, Any], dict[str, Verdict]]] = [
    # what, policy, changes to the dossier, expected
    ("consented stablecoin", {"consented_stablecoins": ["cnhc"]}, {"issuePlan.settlementCcy": ["CNHC"]}, {}),
    (
        "list not yet in force",
        {"negative_lists": [{"version": "AMAC-2024-03-29", "in_force_from": date(2026, 10, 13)}]},
        {},
        dict.fromkeys(NL, UNSURE),
    ),
    (
        "newer list in force since today",
        {
            "negative_lists": [
                {"version": "AMAC-2026-10-12", "in_force_from": date(2026, 10, 12)},
                {"version": "AMAC-2024-03-29", "in_force_from": date(2024, 3, 29)},
            ]
        },
        {},
        dict.fromkeys(NL, UNSURE),
    ),
    (
        "newer list from tomorrow",
        {
            "negative_lists": [
                {"version": "AMAC-2026-10-13", "in_force_from": date(2026, 10, 13)},
                {"version": "AMAC-2024-03-29", "in_force_from": date(2024, 3, 29)},
            ]
        },
        {},
        {},
    ),
    ("level 4 asked for", {"min_level": 4}, {}, UNSEEN),
    ("another form of number", {"number_pattern": r"证监代币备〔\d{4}〕\d+号"}, {}, {"FILE-3": UNSURE}),
    ("shorter look-back", {"lookback_years": 2}, bar(3, offences=[offence("FILING_ENTITY", "2024-05-20")]), {}),
]


@pytest.mark.parametrize(("policy", "changes", "expected"), [pytest.param(*row[1:], id=row[0]) for row in POLICY])
def test_policy__one_change__moves_only_its_rules(
    policy: dict[str, Any], changes: Mapping[str, Any], expected: dict[str, Verdict]
) -> None:
    assert not_passed(sample_case(changes, policy=Policy(**policy))) == expected


def test_file_3__units_and_amount_unpublished_and_not_required__passes() -> None:
    policy = Policy(require_published_amount=False)
    case = sample_case(observations=[notice(units=None, amount=None)], policy=policy)
    assert not_passed(case) == {}
    assert "not published" in explanation(case, "FILE-3")


def test_file_3__unfiled_amount_in_dossier__fails_against_published() -> None:
    case = sample_case({"filing": {"status": "DRAFT", "filedAmount": REMOVED, "filedUnits": REMOVED}})
    assert not_passed(case) == {"FILE-1": FAIL, "FILE-3": FAIL}


def with_standing(standing: Standing) -> Case:
    """The passing case with a standing that the observations alone would not give."""
    case = sample_case()
    case.__dict__["standing"] = standing
    return case


def test_file_3__record_of_another_number__fails() -> None:
    case = with_standing(Standing(LifeCycle.FILED, "published", sample_record(number="国合函〔2026〕1号"), NOTICE))
    assert not_passed(case) == {"FILE-3": FAIL}
    assert "国合函〔2026〕1号" in explanation(case, "FILE-3")


def test_file_2__standing_rests_on_a_low_level__is_unclear() -> None:
    case = with_standing(Standing(LifeCycle.FILED, "published", sample_record(), sample_observation(level=2)))
    assert not_passed(case) == {"FILE-2": UNSURE}


@pytest.mark.parametrize("role", ("CONTROLLING_SHAREHOLDER", "ACTUAL_CONTROLLER"))
def test_bar_3__role_missing_from_control_chain__is_unclear(role: str) -> None:
    # Reading a dossier refuses this already; the rule does not rely on it.
    whole = sample_parsed()
    chain = [link for link in whole.control_chain if link.role.value != role]
    case = sample_case(dossier=whole.model_copy(update={"control_chain": chain}))
    assert not_passed(case) == {"BAR-3": UNSURE}
    assert role in explanation(case, "BAR-3")


def test_negative_list__second_asset_unanswered__all_items_unclear() -> None:
    second = sample_case().dossier.model_dump(mode="json", by_alias=True)["assets"][0] | {"assetId": "asset-2"}
    case = sample_case({"assets[1]": {k: v for k, v in second.items() if v is not None}})
    assert not_passed(case) == dict.fromkeys(NL, UNSURE)
    assert "asset-2" in explanation(case, "BAR-6.NL-1")


def test_plan_1__chain_not_read__is_unclear() -> None:
    assert not_passed(sample_case(tranches=None)) == {"PLAN-1": UNSURE, "PLAN-2": UNSURE}


def test_plan_1__one_tranche_not_read__is_unclear() -> None:
    senior, junior = sample_tranches(sample_parsed())
    case = sample_case(tranches=[senior])
    assert not_passed(case) == {"PLAN-1": UNSURE, "PLAN-2": UNSURE}
    assert junior.contract.lower() in explanation(case, "PLAN-1")


def test_plan_1__filed_units_and_amount_nowhere__is_unclear() -> None:
    nothing = {"filing": {"status": "DRAFT", "filedAmount": REMOVED, "filedUnits": REMOVED}}
    silent = [notice(units=None, amount=None)]
    case = sample_case(nothing, observations=silent)
    assert not_passed(case) == {"FILE-1": FAIL, "FILE-3": UNSURE, "PLAN-1": UNSURE}
    assert "filedUnits" in explanation(case, "PLAN-1")
    only_units = {"filing": {"status": "DRAFT", "filedAmount": REMOVED}}
    case = sample_case(only_units, observations=silent)
    assert not_passed(case) == {"FILE-1": FAIL, "FILE-3": UNSURE, "PLAN-1": UNSURE}
    assert "filedAmount" in explanation(case, "PLAN-1")


def test_case__same_inputs__same_verdicts() -> None:
    assert evaluate(sample_case()).as_json() == evaluate(replace(sample_case(), now=NOW)).as_json()
