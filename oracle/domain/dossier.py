"""The dossier: what the issuer states and proves about one issuance (regulation 7a), `dossier/v1`.

Strict: unknown keys, floats, wrong check digits and references to missing evidence are refused with the path of the
field. Natural persons appear only as salted hashes. `Dossier.dossier_hash` commits to every field that is set.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from datetime import date, datetime, time
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from oracle.domain.canonical import canonical_bytes, keccak256, parse_json
from oracle.domain.fields import (
    H256,
    Address,
    ChainRef,
    CountryCode,
    Currency,
    Dec,
    Frozen,
    Isin,
    Lei,
    Money,
    RegionCn,
    Text,
    Timestamp,
    Uint,
    Uscc,
    exact,
)
from oracle.domain.filing import Observation
from oracle.domain.lifecycle import LifeCycle
from oracle.errors import InputError

__all__ = [
    "MAX_DOSSIER_BYTES",
    "Applicability",
    "Asset",
    "Bar",
    "BarDeclaration",
    "ChangeArea",
    "ControlKind",
    "ControlRole",
    "Dispute",
    "Dossier",
    "Evidence",
    "FilingBlock",
    "IssuePlan",
    "NegativeListFinding",
    "NegativeListItem",
    "ProcedureCode",
    "ProcedureState",
    "Result",
    "PlannedTranche",
    "Transferability",
    "parse_dossier",
    "problems_of",
]

#: A dossier is text; its documents stand outside and enter by hash.
MAX_DOSSIER_BYTES = 2_000_000
#: Each object and each value costs time when it is checked, and a line when it is faulty.
_MAX_OBJECTS = 15_000
_MAX_VALUES = 60_000
#: A dotted key of TOML costs the square of its parts.
_LONG_KEY = re.compile(
    r"""(?<![\w-])(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')(?:[ \t]*+\.[ \t]*+(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')){30}"""
)

EvidenceRef = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Refs = Annotated[list[EvidenceRef], Field(max_length=100)]
SomeRefs = Annotated[list[EvidenceRef], Field(min_length=1, max_length=100)]


class Result(StrEnum):
    """What a declaration or finding says. UNKNOWN never passes."""

    CLEAR = "CLEAR"
    HIT = "HIT"
    UNKNOWN = "UNKNOWN"


class InstrumentClass(StrEnum):
    ABS_LIKE = "ABS_LIKE"
    FOREIGN_DEBT = "FOREIGN_DEBT"
    EQUITY_LIKE = "EQUITY_LIKE"
    OTHER = "OTHER"


class ControlBasis(StrEnum):
    OWNERSHIP = "OWNERSHIP"
    CONTRACT = "CONTRACT"
    OTHER = "OTHER"


class FilingEntity(Frozen):
    """The 境内备案主体: the domestic entity that actually controls the underlying asset (P4)."""

    uscc: Uscc
    name_zh: Text
    name_en: Text | None = None
    province: RegionCn
    lei: Lei | None = None
    control_basis: ControlBasis
    control_evidence: SomeRefs


class ControlRole(StrEnum):
    CONTROLLING_SHAREHOLDER = "CONTROLLING_SHAREHOLDER"
    ACTUAL_CONTROLLER = "ACTUAL_CONTROLLER"


class ControlKind(StrEnum):
    LEGAL = "LEGAL"
    NATURAL = "NATURAL"
    NONE = "NONE"


class Controller(Frozen):
    """One link of the control chain (bar 3, P5). A natural person only as `person_hash`; NONE with a reason."""

    role: ControlRole
    kind: ControlKind
    uscc: Uscc | None = None
    foreign_reg: Text | None = None
    person_hash: H256 | None = None
    name: Text | None = None
    holding_pct: Dec | None = None
    reason: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind is ControlKind.LEGAL and (not self.name or not (self.uscc or self.foreign_reg)):
            raise ValueError("kind LEGAL needs name and either uscc or foreignReg")
        if self.kind is ControlKind.NATURAL and (not self.person_hash or self.name):
            raise ValueError("kind NATURAL needs personHash and no name: personal data stays out of the dossier")
        if self.kind is ControlKind.NONE and not self.reason:
            raise ValueError("kind NONE needs a reason why nobody holds this role")
        if self.kind is not ControlKind.NONE and self.holding_pct is None:
            raise ValueError("holdingPct is missing")
        if self.holding_pct is not None and exact(self.holding_pct) > 100:
            raise ValueError("holdingPct is above 100")
        return self


class Officer(Frozen):
    """A director, supervisor or senior manager who answers for the materials (P5)."""

    person_hash: H256
    role: Text


class OverseasIssuer(Frozen):
    """Who issues the token overseas (P4(c))."""

    name: Text
    jurisdiction: CountryCode
    reg_no: Text
    lei: Lei | None = None
    relation: Literal["SUBSIDIARY", "SPV", "TRUST"]
    address: Text


class IntermediaryRole(StrEnum):
    DOMESTIC_LAWYER = "DOMESTIC_LAWYER"
    OVERSEAS_LAWYER = "OVERSEAS_LAWYER"
    AUDITOR = "AUDITOR"
    VALUER = "VALUER"
    ARRANGER = "ARRANGER"
    TRUSTEE = "TRUSTEE"
    CUSTODIAN = "CUSTODIAN"
    TECH_PROVIDER = "TECH_PROVIDER"
    AUDIT_SMARTCONTRACT = "AUDIT_SMARTCONTRACT"


class Intermediary(Frozen):
    role: IntermediaryRole
    name: Text
    id: Text
    licence_no: Text | None = None
    opinion: EvidenceRef | None = None


class Transferability(StrEnum):
    FREE = "FREE"
    RESTRICTED_CONSENTED = "RESTRICTED_CONSENTED"
    NON_TRANSFERABLE = "NON_TRANSFERABLE"


class Dispute(StrEnum):
    NONE = "NONE"
    MINOR = "MINOR"
    MAJOR = "MAJOR"


class Valuation(Money):
    date: date
    ref: EvidenceRef


class CashflowPeriod(Frozen):
    end: date
    amount: Dec


class CashflowProvider(Frozen):
    """Who pays into the asset. `share_pct` of all future cash flow at the forecast date (NL-2)."""

    id: Text
    share_pct: Dec
    dishonest: bool
    checked_at: Timestamp


class Cashflow(Frozen):
    type: Text
    forecast_base: date
    periods: list[CashflowPeriod] = Field(min_length=1, max_length=1200)
    ccy: Currency
    important_providers: list[CashflowProvider] = Field(max_length=1000)

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if sum(exact(provider.share_pct) for provider in self.important_providers) > 100:
            raise ValueError("the providers' sharePct add up to more than 100")
        return self


class Asset(Frozen):
    """One underlying asset (P4(b)). `controller_uscc` is the entity that actually controls it (ENT-2)."""

    asset_id: EvidenceRef
    asset_class: Text = Field(alias="class")
    description: Text
    location: RegionCn
    controller_uscc: Uscc
    title_evidence: EvidenceRef
    transferability: Transferability
    transferability_evidence: EvidenceRef | None = None
    dispute: Dispute
    encumbrances: list[Text] = Field(max_length=100)
    book_value: Money
    valuation: Valuation
    cashflow: Cashflow

    @model_validator(mode="after")
    def _consent(self) -> Self:
        if self.transferability is Transferability.RESTRICTED_CONSENTED and not self.transferability_evidence:
            raise ValueError("RESTRICTED_CONSENTED needs transferabilityEvidence: the consent")
        return self


class NegativeListItem(StrEnum):
    """The items of the AMAC list of 29 Mar 2024 (regulation 2.3)."""

    NL_1 = "NL-1"
    NL_2 = "NL-2"
    NL_3 = "NL-3"
    NL_4 = "NL-4"
    NL_5 = "NL-5"
    NL_6 = "NL-6"
    NL_7 = "NL-7"
    NL_8 = "NL-8"


class NegativeListFinding(Frozen):
    item_id: NegativeListItem
    asset_id: EvidenceRef
    result: Result
    basis: EvidenceRef


class NegativeList(Frozen):
    version: Text
    findings: list[NegativeListFinding] = Field(max_length=8000)


class PlannedTranche(Frozen):
    """One tranche: its token on its chain and the most units of it."""

    id: EvidenceRef
    rank: int = Field(ge=1, le=99)
    max_units: Uint = Field(gt=0)
    rate: Text
    maturity: date
    chain: ChainRef
    contract: Address
    isin: Isin | None = None


class IssuePlan(Frozen):
    """The token issuance plan (P4(c)). A unit is one whole token of face `unit_face`; caps on chain are base units."""

    token_name: Text
    symbol: Text
    standard: Text
    mint_controller: Address
    transfer_restriction: Literal["PERMISSIONED", "NONE"]
    decimals: int = Field(ge=0, le=18)
    max_units: Uint = Field(gt=0)
    unit_face: Money
    max_issue_amount: Money
    tranches: list[PlannedTranche] = Field(min_length=1, max_length=32)
    settlement_ccy: list[Currency] = Field(min_length=1, max_length=50)
    offer_jurisdictions: list[CountryCode] = Field(min_length=1, max_length=249)
    investor_class: Literal["PROFESSIONAL", "INSTITUTIONAL", "RETAIL"]
    first_issue_not_before: date
    offer_end: date
    use_of_proceeds: Text
    repatriation: Text

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len({tranche.id for tranche in self.tranches}) != len(self.tranches):
            raise ValueError("two tranches share one id")
        if len({(tranche.chain, tranche.contract) for tranche in self.tranches}) != len(self.tranches):
            raise ValueError("two tranches share one token contract")
        if self.offer_end < self.first_issue_not_before:
            raise ValueError("offerEnd lies before firstIssueNotBefore")
        if self.unit_face.ccy != self.max_issue_amount.ccy:
            raise ValueError("unitFace and maxIssueAmount are in different currencies")
        for tranche in self.tranches:
            if tranche.max_units * 10**self.decimals >= 2**96:
                raise ValueError(f"tranche {tranche.id}: maxUnits in base units is beyond 2^96 - 1; use fewer decimals")
        return self

    def base_units(self, units: int) -> int:
        """Whole units as base units of the token."""
        return int(units * 10**self.decimals)


class Bar(StrEnum):
    """The six circumstances of P3 in which nothing may be issued."""

    BAR_1 = "1"
    BAR_2 = "2"
    BAR_3 = "3"
    BAR_4 = "4"
    BAR_5 = "5"
    BAR_6 = "6"


class Party(StrEnum):
    FILING_ENTITY = "FILING_ENTITY"
    CONTROLLING_SHAREHOLDER = "CONTROLLING_SHAREHOLDER"
    ACTUAL_CONTROLLER = "ACTUAL_CONTROLLER"


class Offence(Frozen):
    """A listed offence of bar 3, however old. `committed_on` is its last day."""

    party: Party
    offence: Text
    committed_on: date
    evidence: EvidenceRef


class Investigation(Frozen):
    """An investigation of bar 4. It is over only with the concluding document."""

    authority: Text
    opened_on: date
    concluded_on: date | None = None
    conclusion: EvidenceRef | None = None


class BarDeclaration(Frozen):
    bar: Bar
    result: Result
    basis: SomeRefs
    signed_by: Text
    at: Timestamp
    offences: list[Offence] = Field(default_factory=list, max_length=100)
    investigations: list[Investigation] = Field(default_factory=list, max_length=100)

    @model_validator(mode="after")
    def _where_they_belong(self) -> Self:
        if self.offences and self.bar is not Bar.BAR_3:
            raise ValueError("offences belong to bar 3")
        if self.investigations and self.bar is not Bar.BAR_4:
            raise ValueError("investigations belong to bar 4")
        return self


class Declarations(Frozen):
    bars: list[BarDeclaration]

    @model_validator(mode="after")
    def _six(self) -> Self:
        found = sorted(declaration.bar.value for declaration in self.bars)
        if found != sorted(bar.value for bar in Bar):
            raise ValueError(f"bars 1 to 6 must each be declared once; found {', '.join(found) or 'none'}")
        return self

    def of(self, bar: Bar) -> BarDeclaration:
        """The declaration of one bar."""
        return next(declaration for declaration in self.bars if declaration.bar is bar)


class ProcedureCode(StrEnum):
    """Other regimes' procedures (P2; regulation 5)."""

    NDRC_ODI = "NDRC_ODI"
    MOFCOM_ODI = "MOFCOM_ODI"
    SAFE_ODI = "SAFE_ODI"
    SAFE_37 = "SAFE_37"
    NDRC_DEBT = "NDRC_DEBT"
    SAFE_DEBT = "SAFE_DEBT"
    CAC_ASSESS = "CAC_ASSESS"
    CAC_SCC = "CAC_SCC"
    CAC_CERT = "CAC_CERT"
    CYBER_REVIEW = "CYBER_REVIEW"
    SECTOR = "SECTOR"


class Applicability(StrEnum):
    APPLIES = "APPLIES"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    UNKNOWN = "UNKNOWN"


class ProcedureState(StrEnum):
    HELD = "HELD"
    PENDING = "PENDING"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"


class Procedure(Frozen):
    """One procedure of another regulator: held, or not applicable with a signed reason."""

    code: ProcedureCode
    applicability: Applicability
    reason: Text | None = None
    signed_by: Text | None = None
    doc_no: Text | None = None
    issuer: Text | None = None
    issued_on: date | None = None
    expires_on: date | None = None
    state: ProcedureState | None = None
    evidence: EvidenceRef | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.applicability is Applicability.NOT_APPLICABLE and not (self.reason and self.signed_by):
            raise ValueError("NOT_APPLICABLE needs reason and signedBy")
        if self.applicability is Applicability.APPLIES and self.state is None:
            raise ValueError("APPLIES needs state")
        if self.state is ProcedureState.HELD and not (self.doc_no and self.issuer and self.issued_on and self.evidence):
            raise ValueError("state HELD needs docNo, issuer, issuedOn and evidence")
        return self


class FilingBlock(Frozen):
    """What the issuer says of its filing. The oracle believes only what it observes itself."""

    status: LifeCycle
    submitted_on: date | None = None
    accepted_on: date | None = None
    status_as_of: date
    filing_number: Text | None = None
    index_number: Text | None = None
    decision_date: date | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    filed_amount: Money | None = None
    filed_units: Uint | None = None
    conditions: list[Text] = Field(default_factory=list, max_length=100)
    observations: list[Observation] = Field(default_factory=list, max_length=1000)

    @model_validator(mode="after")
    def _filed(self) -> Self:
        if self.status in (LifeCycle.FILED, LifeCycle.ISSUING):
            missing = [
                name
                for name, value in (
                    ("filingNumber or indexNumber", self.filing_number or self.index_number),
                    ("decisionDate", self.decision_date),
                    ("filedAmount", self.filed_amount),
                    ("filedUnits", self.filed_units),
                )
                if value is None
            ]
            if missing:
                raise ValueError(f"status {self.status.value} needs {', '.join(missing)}")
        return self


class Completion(Frozen):
    issued_units: Uint
    issued_amount: Money
    closed_on: date
    txs: list[H256] = Field(default_factory=list, max_length=10_000)


class ChangeArea(StrEnum):
    """What a material change touches (CHG-1)."""

    CONTROL = "CONTROL"
    ASSET = "ASSET"
    PLAN = "PLAN"


class Report(Frozen):
    """A report made to the regulator after filing (P8).

    `areas` is what a CHANGE touches. A MAJOR_RISK stops the filing until it is resolved: a day, the document that shows
    it, and two different persons.
    """

    kind: Literal["COMPLETION", "MAJOR_RISK", "CHANGE", "OTHER"]
    event_on: date
    reported_on: date | None = None
    evidence: EvidenceRef | None = None
    completion: Completion | None = None
    areas: list[ChangeArea] = Field(default_factory=list, max_length=3)
    resolved_on: date | None = None
    resolution: EvidenceRef | None = None
    resolved_by: list[Text] = Field(default_factory=list, max_length=20)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.areas and self.kind != "CHANGE":
            raise ValueError("areas belong to a CHANGE")
        if self.resolved_on is None:
            if self.resolution or self.resolved_by:
                raise ValueError("resolution and resolvedBy need resolvedOn")
            return self
        if self.kind != "MAJOR_RISK":
            raise ValueError("resolvedOn belongs to a MAJOR_RISK")
        if self.resolved_on < self.event_on:
            raise ValueError("resolvedOn lies before eventOn")
        if self.resolution is None or len(set(self.resolved_by)) < 2:
            raise ValueError("resolvedOn needs resolution, and two different persons in resolvedBy")
        return self


class PostFiling(Frozen):
    reports: list[Report] = Field(default_factory=list, max_length=1000)


class Evidence(Frozen):
    """A document, by its SHA-256. Its content never goes on chain."""

    id: EvidenceRef
    kind: Text
    title: Text
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    mime: Text
    size: int = Field(ge=0, lt=2**53)
    lang: Text
    issued_by: Text
    issued_on: date
    storage_uri: Text | None = None
    signature: Text | None = None


class DossierSignature(Frozen):
    """A truthfulness undertaking (P5): who signed which document, when."""

    signer: Text
    role: Text
    evidence: EvidenceRef
    at: Timestamp


class Dossier(Frozen):
    """`dossier/v1`. Revisions are append-only: each names the hash of the one before."""

    schema_: Literal["dossier/v1"] = Field(alias="schema")
    dossier_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    revision: int = Field(ge=1, lt=2**31)
    prev_dossier_hash: H256 | None = None
    regime: Literal["CSRC_2026_1"]
    instrument_class: InstrumentClass
    filing_entity: FilingEntity
    control_chain: list[Controller] = Field(min_length=1, max_length=100)
    officers: list[Officer] = Field(default_factory=list, max_length=200)
    overseas_issuer: OverseasIssuer
    intermediaries: list[Intermediary] = Field(min_length=1, max_length=100)
    assets: list[Asset] = Field(min_length=1, max_length=1000)
    negative_list: NegativeList
    issue_plan: IssuePlan
    declarations: Declarations
    other_procedures: list[Procedure]
    filing: FilingBlock
    post_filing: PostFiling = Field(default_factory=PostFiling)
    evidence: list[Evidence] = Field(min_length=1, max_length=5000)
    #: Root over all documents and blocks (`oracle.evidence.dossier_tree`), so that one can be shown without the others.
    evidence_root: H256 | None = None
    prepared_by: Text
    reviewed_by: Text
    signatures: list[DossierSignature] = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        problems: list[str] = []
        if (self.revision > 1) != (self.prev_dossier_hash is not None):
            problems.append("prevDossierHash: needed from revision 2 on, and only then")
        for role in ControlRole:
            if not any(link.role is role for link in self.control_chain):
                problems.append(
                    f"controlChain: no entry with role {role.value}; if there is none, say kind NONE and why"
                )
        if not any(item.role is IntermediaryRole.DOMESTIC_LAWYER for item in self.intermediaries):
            problems.append("intermediaries: no entry with role DOMESTIC_LAWYER")
        codes = [procedure.code for procedure in self.other_procedures]
        missing = [code.value for code in ProcedureCode if codes.count(code) != 1]
        if missing:
            problems.append(f"otherProcedures: each code must stand once; check {', '.join(missing)}")
        if self.prepared_by == self.reviewed_by:
            problems.append("reviewedBy: the reviewer must be another person than the preparer")
        asset_ids = [asset.asset_id for asset in self.assets]
        problems += [f"assets: assetId {name} stands twice" for name, count in Counter(asset_ids).items() if count > 1]
        ids = [item.id for item in self.evidence]
        problems += [f"evidence: id {name} stands twice" for name, count in Counter(ids).items() if count > 1]
        problems += [
            f"negativeList.findings[{index}].assetId: no asset {finding.asset_id}"
            for index, finding in enumerate(self.negative_list.findings)
            if finding.asset_id not in asset_ids
        ]
        pairs = Counter((finding.item_id, finding.asset_id) for finding in self.negative_list.findings)
        problems += [
            f"negativeList.findings: {item} for {asset} stands twice" for (item, asset), n in pairs.items() if n > 1
        ]
        problems += [f"{path}: no evidence with id {ref}" for path, ref in _references(self) if ref not in set(ids)]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @cached_property
    def canonical_form(self) -> bytes:
        """See `canonical`; computed once."""
        return canonical_bytes(self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True))

    @cached_property
    def hash_of_form(self) -> bytes:
        """See `dossier_hash`; computed once."""
        return keccak256(self.canonical_form)

    def canonical(self) -> bytes:
        """RFC 8785 bytes of every field that is set (None counts as not set)."""
        return self.canonical_form

    def dossier_hash(self) -> bytes:
        """keccak256 of `canonical()`: `dossierHash` on chain."""
        return self.hash_of_form


def _references(dossier: Dossier) -> list[tuple[str, str]]:
    """Every (path, evidence id) that the dossier cites."""
    found = [
        (f"filingEntity.controlEvidence[{i}]", ref) for i, ref in enumerate(dossier.filing_entity.control_evidence)
    ]
    for i, intermediary in enumerate(dossier.intermediaries):
        if intermediary.opinion:
            found.append((f"intermediaries[{i}].opinion", intermediary.opinion))
    for i, asset in enumerate(dossier.assets):
        found.append((f"assets[{i}].titleEvidence", asset.title_evidence))
        found.append((f"assets[{i}].valuation.ref", asset.valuation.ref))
        if asset.transferability_evidence:
            found.append((f"assets[{i}].transferabilityEvidence", asset.transferability_evidence))
    found += [
        (f"negativeList.findings[{i}].basis", item.basis) for i, item in enumerate(dossier.negative_list.findings)
    ]
    for i, declaration in enumerate(dossier.declarations.bars):
        found += [(f"declarations.bars[{i}].basis[{j}]", ref) for j, ref in enumerate(declaration.basis)]
        found += [
            (f"declarations.bars[{i}].offences[{j}].evidence", item.evidence)
            for j, item in enumerate(declaration.offences)
        ]
        for j, investigation in enumerate(declaration.investigations):
            if investigation.conclusion:
                found.append((f"declarations.bars[{i}].investigations[{j}].conclusion", investigation.conclusion))
    for i, procedure in enumerate(dossier.other_procedures):
        if procedure.evidence:
            found.append((f"otherProcedures[{i}].evidence", procedure.evidence))
    for i, report in enumerate(dossier.post_filing.reports):
        if report.evidence:
            found.append((f"postFiling.reports[{i}].evidence", report.evidence))
        if report.resolution:
            found.append((f"postFiling.reports[{i}].resolution", report.resolution))
    found += [(f"signatures[{i}].evidence", item.evidence) for i, item in enumerate(dossier.signatures)]
    return found


def problems_of(error: ValidationError) -> list[dict[str, str]]:
    """A validation error as `[{"field": path, "problem": sentence}]`, one row a fault, without echoing long input."""
    rows: list[dict[str, str]] = []
    for item in error.errors(include_url=False, include_input=False):
        path = ""
        for part in item["loc"]:
            path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "unknown key: remove it or correct its spelling"
        elif item["type"] == "missing":
            message = "missing"
        elif item["type"] == "union_tag_invalid":
            path, message = f"{path}.type", f"not one of {item['ctx']['expected_tags']}"
        elif item["type"] == "union_tag_not_found":
            path, message = f"{path}.type", "missing"
        for line in message.split("\n"):
            field, separator, problem = line.partition(": ")
            if separator and item["type"] == "value_error" and not path and " " not in field:
                rows.append({"field": field, "problem": problem})
            else:
                rows.append({"field": path or "(dossier)", "problem": line})
    return rows


def _plain(value: Any) -> Any:
    """TOML's own dates as text, all else as it is."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def parse_dossier(data: bytes, *, what: str, toml: bool = False) -> Dossier:
    """Bytes of a JSON (or TOML) dossier to a checked `Dossier`.

    Raises InputError whose `details` lists `{"field", "problem"}` for every fault found.
    """
    if len(data) > MAX_DOSSIER_BYTES:
        raise InputError(
            f"larger than {MAX_DOSSIER_BYTES} bytes",
            where=what,
            remedy="documents enter by their hash, not their content",
        )
    if toml:
        try:
            text = data.decode("utf-8")
            if _LONG_KEY.search(text):
                raise ValueError("a key of more than 30 parts")
            if any(text.count(sign) > _MAX_VALUES for sign in "=[,\n\\"):
                raise ValueError(f"more than {_MAX_VALUES} lines or values")
            value = _plain(tomllib.loads(text))
        except (ValueError, RecursionError) as error:  # bad UTF-8, bad TOML, or an integer with thousands of digits
            raise InputError(f"not TOML: {error}", where=what, remedy="correct that line") from None
    else:
        value = parse_json(data, what=what)
    if not isinstance(value, dict):
        raise InputError("not an object", where=what, remedy="start from `filing-gate dossier new`")
    content = _as_json(value, what)
    if content.count(b"{") > _MAX_OBJECTS or content.count(b",") > _MAX_VALUES:
        raise InputError(
            f"more than {_MAX_OBJECTS} objects or {_MAX_VALUES} values", where=what, remedy="no filing needs so many"
        )
    try:
        return Dossier.model_validate_json(content)
    except ValidationError as error:
        rows = problems_of(error)
        first = rows[0]
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        raise InputError(
            f"{first['field']}: {first['problem']}{more}",
            where=what,
            remedy="correct it and run `filing-gate dossier check`",
            details=rows,
        ) from None


def _as_json(value: Any, what: str) -> bytes:
    """Plain JSON for pydantic's strict JSON mode; floats stay floats so that each is refused at its own path."""

    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError, UnicodeEncodeError):
        raise InputError(
            "holds a value JSON cannot carry (NaN, Infinity or a lone surrogate)", where=what, remedy="remove it"
        ) from None
