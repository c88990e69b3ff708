"""A complete filed dossier of an invented company, what a source would see of its filing, and the case that passes.

Everything is derived from one day, `today`, so that the same sample serves tests with a fixed clock and a demo with the
real one. Changes are given by path as the validation errors print them, e.g.
`sample_dossier({"assets[0].dispute": "MAJOR"})`; a dict is merged into the dict that stands there, `REMOVED` removes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from oracle.domain.dossier import Dossier, NegativeListItem, ProcedureCode, parse_dossier
from oracle.domain.filing import FilingRecord, Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.names import fold_name, fold_number
from oracle.rules.case import SHANGHAI, Case, TrancheFacts
from oracle.rules.policy import Policy

__all__ = [
    "CHAIN",
    "ENTITY_NAME",
    "JUNIOR",
    "NOW",
    "NUMBER",
    "REMOVED",
    "RESTRICTION",
    "REGISTRY",
    "SENIOR",
    "SIGNERS",
    "SOURCE",
    "TODAY",
    "USCC",
    "changed",
    "sample_bytes",
    "sample_case",
    "sample_dossier",
    "sample_observation",
    "sample_parsed",
    "sample_record",
    "sample_tranches",
]

TODAY: Final = date(2026, 10, 12)
#: 10:00 in Shanghai on TODAY, seconds since 1970.
NOW: Final = int(datetime.combine(TODAY, time(10), SHANGHAI).timestamp())
NUMBER: Final = "国合函〔2026〕1024号"
#: No such company: 示例 means "example", and the code's body is zeros.
ENTITY_NAME: Final = "示例（上海）充电科技有限公司"
USCC: Final = "91310000MA0000000Y"
PARENT_NAME: Final = "示例控股（上海）有限公司"
PARENT_USCC: Final = "91310115MA0000001Y"
CHAIN: Final = "eip155:31337"
SENIOR: Final = "0x1111111111111111111111111111111111111111"
JUNIOR: Final = "0x2222222222222222222222222222222222222222"
#: The committee's registry, as a node would have it configured.
REGISTRY: Final = "0x4444444444444444444444444444444444444444"
#: Name and address of the operator that would sign.
SIGNERS: Final = ("operator-1", "0x5555555555555555555555555555555555555555")
#: As the tokens of the test worlds are deployed.
RESTRICTION: Final = "NONE"
MINT_CONTROLLER: Final = "0x3333333333333333333333333333333333333333"
SENIOR_UNITS: Final = 800_000
JUNIOR_UNITS: Final = 200_000
DECIMALS: Final = 6
SOURCE: Final = "csrc-notices"


class _Removed:
    """The type of `REMOVED`."""


REMOVED: Final = _Removed()


def _hash64(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _evidence(ident: str, kind: str, title: str, issued_by: str, issued_on: date) -> dict[str, Any]:
    return {
        "id": ident,
        "kind": kind,
        "title": title,
        "sha256": _hash64(f"sample evidence {ident}"),
        "mime": "application/pdf",
        "size": 180_000 + 1_000 * len(ident),
        "lang": "zh-CN",
        "issuedBy": issued_by,
        "issuedOn": issued_on.isoformat(),
    }


def _at(day: date) -> str:
    return f"{day.isoformat()}T09:30:00+08:00"


def sample_dossier(
    changes: Mapping[str, Any] | None = None,
    /,
    *,
    today: date = TODAY,
    number: str = NUMBER,
    status: str = "FILED",
    chain: str = CHAIN,
    tokens: Sequence[str] = (SENIOR, JUNIOR),
    mint_controller: str = MINT_CONTROLLER,
    **top: Any,
) -> dict[str, Any]:
    """A JSON-ready `dossier/v1` that is valid and passes every rule on `today`.

    `tokens` are the senior and the subordinated token's addresses; `changes` maps paths to values and `top` does the
    same for keys of the top level: `sample_dossier(filing={"status": "DRAFT"})`.
    """
    decided = today - timedelta(days=27)
    prepared = decided - timedelta(days=45)
    forecast = decided - timedelta(days=60)
    maturity = today + timedelta(days=3 * 365)
    senior, junior = tokens
    amount = {"amount": "100000000", "ccy": "CNY"}

    def provider(ident: str, share: str) -> dict[str, Any]:
        return {"id": ident, "sharePct": share, "dishonest": False, "checkedAt": _at(prepared)}

    def not_applicable(code: ProcedureCode, reason: str) -> dict[str, Any]:
        return {"code": code.value, "applicability": "NOT_APPLICABLE", "reason": reason, "signedBy": "counsel-1"}

    def held(code: ProcedureCode, doc_no: str, issuer: str, **more: Any) -> dict[str, Any]:
        return {
            "code": code.value,
            "applicability": "APPLIES",
            "docNo": doc_no,
            "issuer": issuer,
            "issuedOn": (prepared - timedelta(days=10)).isoformat(),
            "state": "HELD",
            "evidence": f"procedure-{code.value.lower().replace('_', '-')}",
            **more,
        }

    procedures = [
        held(ProcedureCode.NDRC_ODI, "沪发改境外备〔2026〕示例1号", "上海市发展和改革委员会",
             expiresOn=(prepared + timedelta(days=720)).isoformat()),
        held(ProcedureCode.MOFCOM_ODI, "境外投资证第N3100202600000号", "上海市商务委员会",
             expiresOn=(prepared + timedelta(days=720)).isoformat()),
        held(ProcedureCode.SAFE_ODI, "35310000202600000000", "示例银行上海分行"),
        not_applicable(ProcedureCode.SAFE_37, "no resident individual holds the overseas issuer"),
        not_applicable(ProcedureCode.NDRC_DEBT, "the tokens are rights to cash flow, not debt of the entity"),
        not_applicable(ProcedureCode.SAFE_DEBT, "no foreign debt is contracted"),
        not_applicable(ProcedureCode.CAC_ASSESS, "no personal information and no important data leaves the mainland"),
        not_applicable(ProcedureCode.CAC_SCC, "no personal information leaves the mainland"),
        not_applicable(ProcedureCode.CAC_CERT, "no personal information leaves the mainland"),
        not_applicable(ProcedureCode.CYBER_REVIEW, "no critical infrastructure, fewer than one million users"),
        not_applicable(ProcedureCode.SECTOR, "charging stations need no industry consent to financing"),
    ]  # fmt: skip
    evidence = [
        _evidence("control-1", "CONTROL", "充电桩收益权控制权证明", ENTITY_NAME, forecast),
        _evidence("title-1", "TITLE", "充电桩权属证明", "示例市公证处", forecast),
        _evidence("valuation-1", "VALUATION", "资产评估报告", "示例资产评估有限公司", forecast),
        _evidence("report-1", "FILING_REPORT", "备案报告", ENTITY_NAME, prepared),
        _evidence(
            "materials-1", "OVERSEAS_MATERIALS", "境外全套发行资料", "Example Charging Funding Limited", prepared
        ),
        _evidence("opinion-1", "LEGAL_OPINION", "境内法律意见书", "示例律师事务所", prepared),
        _evidence("undertaking-1", "UNDERTAKING", "真实、准确、完整承诺函", ENTITY_NAME, prepared),
        *(
            _evidence(row["evidence"], "PROCEDURE", f"{row['code']} {row['docNo']}", row["issuer"], prepared)
            for row in procedures
            if "evidence" in row
        ),
    ]
    dossier: dict[str, Any] = {
        "schema": "dossier/v1",
        "dossierId": "6f1d2c3b-4a59-4867-9a0b-1c2d3e4f5a6b",
        "revision": 1,
        "regime": "CSRC_2026_1",
        "instrumentClass": "ABS_LIKE",
        "preparedBy": "preparer-1",
        "reviewedBy": "reviewer-1",
        "filingEntity": {
            "uscc": USCC,
            "nameZh": ENTITY_NAME,
            "nameEn": "Example (Shanghai) Charging Technology Co., Ltd.",
            "province": "CN-SH",
            "controlBasis": "OWNERSHIP",
            "controlEvidence": ["control-1"],
        },
        "controlChain": [
            {
                "role": "CONTROLLING_SHAREHOLDER",
                "kind": "LEGAL",
                "uscc": PARENT_USCC,
                "name": PARENT_NAME,
                "holdingPct": "80",
            },
            {
                "role": "ACTUAL_CONTROLLER",
                "kind": "NATURAL",
                "personHash": "0x" + _hash64("person 1"),
                "holdingPct": "51.5",
            },
        ],
        "officers": [{"personHash": "0x" + _hash64("person 2"), "role": "董事长"}],
        "overseasIssuer": {
            "name": "Example Charging Funding Limited",
            "jurisdiction": "HK",
            "regNo": "00000000",
            "relation": "SPV",
            "address": "1 Example Road, Hong Kong",
        },
        "intermediaries": [
            {
                "role": "DOMESTIC_LAWYER",
                "name": "示例律师事务所",
                "id": "lawyer-1",
                "licenceNo": "23101000000000000",
                "opinion": "opinion-1",
            },
            {"role": "VALUER", "name": "示例资产评估有限公司", "id": "valuer-1"},
            {"role": "TECH_PROVIDER", "name": "Example Ledger Services Limited", "id": "tech-1"},
        ],
        "assets": [
            {
                "assetId": "asset-1",
                "class": "充电服务收费收益权",
                "description": "上海市内 1,200 台公共充电桩三年期充电服务费收益权",
                "location": "CN-SH",
                "controllerUscc": USCC,
                "titleEvidence": "title-1",
                "transferability": "FREE",
                "dispute": "NONE",
                "encumbrances": [],
                "bookValue": {"amount": "92000000.00", "ccy": "CNY"},
                "valuation": {
                    "amount": "121000000.00",
                    "ccy": "CNY",
                    "date": forecast.isoformat(),
                    "ref": "valuation-1",
                },
                "cashflow": {
                    "type": "charging service fees",
                    "forecastBase": forecast.isoformat(),
                    "periods": [
                        {"end": (forecast + timedelta(days=365 * year)).isoformat(), "amount": f"{41 + year}500000.00"}
                        for year in (1, 2, 3)
                    ],
                    "ccy": "CNY",
                    "importantProviders": [provider("fleet-operator-1", "15"), provider("fleet-operator-2", "9.75")],
                },
            }
        ],
        "negativeList": {
            "version": "AMAC-2024-03-29",
            "findings": [
                {"itemId": item.value, "assetId": "asset-1", "result": "CLEAR", "basis": "opinion-1"}
                for item in NegativeListItem
            ],
        },
        "issuePlan": {
            "tokenName": "Example Charging Receivables 2026-1",
            "symbol": "EXC261",
            "standard": "ERC-20",
            "mintController": mint_controller,
            "transferRestriction": RESTRICTION,
            "decimals": DECIMALS,
            "maxUnits": SENIOR_UNITS + JUNIOR_UNITS,
            "unitFace": {"amount": "100", "ccy": "CNY"},
            "maxIssueAmount": amount,
            "tranches": [
                {
                    "id": "senior",
                    "rank": 1,
                    "maxUnits": SENIOR_UNITS,
                    "rate": "3.20 % p.a.",
                    "maturity": maturity.isoformat(),
                    "chain": chain,
                    "contract": senior,
                },
                {
                    "id": "subordinated",
                    "rank": 2,
                    "maxUnits": JUNIOR_UNITS,
                    "rate": "residual",
                    "maturity": maturity.isoformat(),
                    "chain": chain,
                    "contract": junior,
                },
            ],
            "settlementCcy": ["HKD", "USD"],
            "offerJurisdictions": ["HK", "SG"],
            "investorClass": "PROFESSIONAL",
            "firstIssueNotBefore": (decided + timedelta(days=7)).isoformat(),
            "offerEnd": (decided + timedelta(days=240)).isoformat(),
            "useOfProceeds": "building of further charging stations",
            "repatriation": "proceeds return to the filing entity's account under SAFE_ODI",
        },
        "declarations": {
            "bars": [
                {
                    "bar": str(bar),
                    "result": "CLEAR",
                    "basis": ["opinion-1"],
                    "signedBy": "counsel-1",
                    "at": _at(prepared),
                }
                for bar in range(1, 7)
            ]
        },
        "otherProcedures": procedures,
        "filing": {
            "status": status,
            "submittedOn": (decided - timedelta(days=40)).isoformat(),
            "acceptedOn": (decided - timedelta(days=35)).isoformat(),
            "statusAsOf": today.isoformat(),
            "filingNumber": number,
            "decisionDate": decided.isoformat(),
            "filedAmount": dict(amount),
            "filedUnits": SENIOR_UNITS + JUNIOR_UNITS,
        },
        "evidence": evidence,
        "signatures": [
            {"signer": signer, "role": role, "evidence": "undertaking-1", "at": _at(prepared)}
            for signer, role in (
                (USCC, "FILING_ENTITY"),
                (PARENT_USCC, "CONTROLLING_SHAREHOLDER"),
                ("0x" + _hash64("person 1"), "ACTUAL_CONTROLLER"),
                ("0x" + _hash64("person 2"), "OFFICER"),
                ("lawyer-1", "DOMESTIC_LAWYER"),
                ("valuer-1", "VALUER"),
                ("tech-1", "TECH_PROVIDER"),
            )
        ],
    }
    return changed(dossier, {**(changes or {}), **top})


def changed(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a JSON-ready document with each `path: value` applied, e.g. `issuePlan.tranches[1].maxUnits`.

    A dict is merged into the dict that stands there; `REMOVED` removes the key or row. An index equal to the length of
    a list appends. Raises KeyError or IndexError where a path leads nowhere.
    """
    copy: dict[str, Any] = json.loads(json.dumps(document))
    for path, value in changes.items():
        steps: list[Any] = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path)]
        place: Any = copy
        for step in steps[:-1]:
            place = place[step]
        _put(place, steps[-1], value)
    return copy


def _put(place: Any, key: Any, value: Any) -> None:
    """Set, merge, append or remove one key of a dict or one index of a list."""
    if isinstance(value, _Removed):
        del place[key]
        return
    if isinstance(place, list) and key == len(place):
        place.append(value)
        return
    there = place[key] if isinstance(place, list) else place.get(key)
    if isinstance(value, Mapping) and isinstance(there, dict):
        for inner, item in value.items():
            _put(there, inner, item)
    else:
        place[key] = value


def sample_bytes(changes: Mapping[str, Any] | None = None, /, **arguments: Any) -> bytes:
    """`sample_dossier` as the bytes of a JSON file."""
    return json.dumps(sample_dossier(changes, **arguments), ensure_ascii=False, indent=2).encode("utf-8")


def sample_parsed(changes: Mapping[str, Any] | None = None, /, **arguments: Any) -> Dossier:
    """`sample_dossier`, checked."""
    return parse_dossier(sample_bytes(changes, **arguments), what="sample dossier")


def sample_record(
    *, today: date = TODAY, number: str = NUMBER, name: str = ENTITY_NAME, **changes: Any
) -> FilingRecord:
    """What the regulator would have published of the sample. `changes` are fields of `FilingRecord` in snake_case."""
    fields: dict[str, Any] = {
        "number": fold_number(number),
        "entity_name": fold_name(name),
        "status": LifeCycle.FILED,
        "decision_date": today - timedelta(days=27),
        "units": SENIOR_UNITS + JUNIOR_UNITS,
        "amount": {"amount": "100000000", "ccy": "CNY"},
    }
    return FilingRecord.model_validate({**fields, **changes})


def sample_observation(
    kind: ObservationKind = ObservationKind.NOTICE,
    *,
    now: int = NOW,
    age: int = 3600,
    record: FilingRecord | None = None,
    **changes: Any,
) -> Observation:
    """One sighting of level 3, `age` seconds before `now`. A NOTICE carries the sample's record unless one is given.

    `changes` are fields of `Observation` in snake_case.
    """
    fetched = datetime.fromtimestamp(now - age, SHANGHAI)
    if record is None and kind is ObservationKind.NOTICE:
        record = sample_record(today=datetime.fromtimestamp(now, SHANGHAI).date())
    fields: dict[str, Any] = {
        "source": SOURCE,
        "kind": kind,
        "level": 0 if kind in (ObservationKind.ABSENCE, ObservationKind.FAILURE) else 3,
        "fetched_at": fetched.isoformat(),
        "http_status": 200,
        "sha256": _hash64(f"sample page {kind.value}"),
        "parser_version": "sample/1",
    }
    if kind is ObservationKind.NOTICE and record is not None:
        fields |= {
            "status": record.status,
            "raw_status": "备案通知书",
            "as_of": record.decision_date,
            "title": f"关于{record.entity_name}境外发行资产支持证券代币备案通知书",
            "url": "https://www.csrc.gov.cn/csrc/c000000/c0000000/content.shtml",
            "record": record,
        }
    elif record is not None:
        fields |= {"status": record.status, "as_of": record.decision_date, "record": record}
    return Observation.model_validate({**fields, **changes})


def sample_tranches(dossier: Dossier, *, issued: int = 0) -> tuple[TrancheFacts, ...]:
    """The dossier's tranches as a chain would show them, each with its full cap asked for."""
    plan = dossier.issue_plan
    return tuple(
        TrancheFacts(
            chain=item.chain,
            contract=item.contract,
            cap=plan.base_units(item.max_units),
            issued=issued,
            decimals=plan.decimals,
            registry=REGISTRY,
            own_registry=REGISTRY,
            build="AssetBackedToken",
            transfer_restriction=plan.transfer_restriction,
        )
        for item in plan.tranches
    )


def sample_case(
    changes: Mapping[str, Any] | None = None,
    /,
    *,
    dossier: Dossier | None = None,
    policy: Policy | None = None,
    now: int = NOW,
    observations: Sequence[Observation] | None = None,
    earlier: Sequence[Observation] = (),
    tranches: Sequence[TrancheFacts] | None = (),
    revisions: Sequence[Dossier] = (),
    signers: Sequence[str] = SIGNERS,
) -> Case:
    """The case that passes all rules, with `changes` made to its dossier.

    `observations` None means one matching notice, an empty `tranches` those of the plan, None a chain not read.
    """
    today = datetime.fromtimestamp(now, SHANGHAI).date()
    whole = dossier or sample_parsed(changes, today=today)
    seen = (sample_observation(now=now),) if observations is None else tuple(observations)
    facts = None if tranches is None else tuple(tranches) or sample_tranches(whole)
    return Case(whole, policy or Policy(), now, seen, tuple(earlier), facts, tuple(revisions), tuple(signers))
