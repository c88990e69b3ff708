"""The shapes of requests and answers, as the API's description shows them.

Requests are held to their shape (unknown keys refused). Answers may get further keys in a later version: whoever reads
them ignores what it does not know.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from oracle.domain.approval import FilingApproval, FilingUpdate, OperatorSignature, Suspension
from oracle.domain.fields import H256, Frozen
from oracle.domain.filing import FilingRecord, Observation
from oracle.evidence.store import MOST_CAPTURES

__all__ = [
    "ApprovalRequest",
    "CaptureList",
    "CapturesAsked",
    "DecisionPage",
    "DecisionRecord",
    "DossierTaken",
    "DutiesView",
    "FilingPage",
    "FilingView",
    "Health",
    "OperatorView",
    "Problem",
    "Readiness",
    "SignedAnswer",
    "StatementTaken",
    "UpdateRequest",
]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Hash = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]
Seconds = Annotated[int, Field(ge=0, description="Seconds since 1970, UTC")]


class ApprovalRequest(Frozen):
    """A proposed approval. The node signs exactly this or refuses."""

    approval: FilingApproval


class UpdateRequest(Frozen):
    """A proposed update of an approved filing, and the dossier it rests on."""

    dossier_hash: H256
    update: FilingUpdate


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class FieldFault(_Answer):
    """One fault of an input."""

    field: str
    problem: str


class Finding(_Answer):
    """One rule's answer."""

    rule: str
    result: Literal["PASS", "FAIL", "INDETERMINATE"]
    basis: str
    cite: str
    explanation: str


class FieldDifference(_Answer):
    """A field of a proposal that is not what this node would sign."""

    field: str
    proposed: Any
    expected: Any


class Problem(_Answer):
    """An RFC 9457 problem document. A refusal also lists the rules that did not pass and the fields that differ."""

    type: str = Field(description="urn:filing-gate:problem:<kind>")
    title: str
    status: int
    request_id: str = Field(description="The X-Request-Id of the answer")
    errors: list[FieldFault] | None = None
    operator: str | None = None
    digest: Hash | None = None
    decision: int | None = None
    failed: list[Finding] | None = None
    differences: list[FieldDifference] | None = None


class DossierTaken(_Answer):
    """A dossier is kept under its hash."""

    dossier_hash: Hash
    new: bool


class SignedAnswer(OperatorSignature):
    """This operator's signature over the proposal, with the decision it rests on."""

    model_config = ConfigDict(extra="ignore")

    digest: Hash
    decision: int = Field(description="The number of the decision record")
    verdicts: list[Finding]


class OnChain(_Answer):
    """The filing as the registry has it."""

    status: Literal["NONE", "APPROVED", "SUSPENDED", "REVOKED", "COMPLETED"]
    valid_after: Seconds
    valid_until: Seconds
    sequence: int


class FilingView(_Answer):
    """What this node sees of a filing now. `status` is null where nothing can be concluded; that is never "filed"."""

    number: str
    filing: Hash
    status: str | None
    reason: str
    record: FilingRecord | None
    record_hash: Hash | None
    ruleset_hash: Hash
    operator: str
    on_chain: OnChain | None = Field(description="null if the chain can't be read")
    sources: list[Observation]


class FilingRow(_Answer):
    """One filing this node knows: `state` by its own record, null before the first approval."""

    number: str
    filing: Hash
    state: str | None
    entity_name: str | None = Field(description="Folded, by the newest dossier; null without one")


class FilingPage(_Answer):
    """Filings in the order of their numbers."""

    filings: list[FilingRow]
    next: str | None = Field(description="The cursor of the next page; null on the last")


class DecisionRow(_Answer):
    """One decision."""

    id: int
    kind: str
    dossier_hash: Hash
    decided_at: Seconds
    approved: bool


class DecisionPage(_Answer):
    """Decisions, newest first."""

    decisions: list[DecisionRow]
    next: str | None = Field(description="The cursor of the next page; null on the last")


class CapturesAsked(BaseModel):
    """The query of /v1/captures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Sha256 = Field(description="SHA-256 of the address (URL, UTF-8), 64 hexadecimal digits")
    at: str = Field(pattern=r"^[0-9]{8}T[0-9]{6}Z$", description="The moment in UTC, as 20261129T220000Z")
    payload: Sha256 | None = Field(default=None, description="SHA-256 of a body that it gave, if one is looked for")


class CaptureList(_Answer):
    """WARC files by their SHA-256; each is at /v1/evidence/{sha256}."""

    captures: list[Sha256] = Field(max_length=MOST_CAPTURES)


class RecordSignature(_Answer):
    """Who signed a decision record."""

    operator: str
    scheme: Literal["eip191"]
    signature: str


class DecisionRecord(_Answer):
    """A signed decision with everything it was made from (docs/evidence.md)."""

    decision: dict[str, Any]
    signature: RecordSignature


class DutyRow(_Answer):
    """A report made or owed (P8)."""

    kind: str
    where: str
    event_on: str
    due: str | None
    reported_on: str | None
    state: str


class ChainBrief(_Answer):
    """Status and sequence on chain."""

    status: str
    sequence: int


class SignedSuspension(_Answer):
    """A suspension this node has signed, for anybody to relay."""

    suspension: Suspension
    signature: OperatorSignature


class AlertRow(_Answer):
    """Something a person should look at, and when it arose."""

    at: Seconds
    text: str


class EventRow(_Answer):
    """One row of a filing's record."""

    kind: str
    at: Seconds
    by: str
    evidence: str | None = None
    content: dict[str, Any]


class DutiesView(_Answer):
    """A filing's record, its reports with deadlines, and alerts."""

    number: str
    filing: Hash
    operator: str
    state: str
    since: int
    stopped: bool
    on_chain: ChainBrief | None
    suspension: SignedSuspension | None
    report_working_days: int
    duties: list[DutyRow]
    alerts: list[str]
    history: list[AlertRow]
    events: list[EventRow] = Field(description="One page of the record, its newest part first asked for")
    earlier_events: str | None = Field(description="The cursor of the events before these; null if there are none")


class StatementTaken(DutiesView):
    """The same after a statement. `done` is false while a filing that is to be stopped is not stopped on chain."""

    new: bool
    done: bool
    problem: str | None


class OperatorView(_Answer):
    """Who this node is."""

    operator: str
    name: str
    chain_id: int
    registry: str
    ruleset: str
    ruleset_hash: Hash


class Health(_Answer):
    """The process lives."""

    status: Literal["ok"]


class Readiness(_Answer):
    """Whether the node can decide; `problems` says by part what stands in the way."""

    model_config = ConfigDict(extra="allow")

    status: Literal["ready", "unready"]
    problems: dict[str, Any]
