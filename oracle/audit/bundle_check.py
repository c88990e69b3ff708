"""`filing-gate verify`: a bundle checked by itself, without network, node or clock.

What a bundle does not hold is "not included", and never holds. Who sat in the committee, and that the change is on the
chain at all, no bundle can show: it says where to look, and `ChainReader` may be given to look there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, Literal

from pydantic import Field, ValidationError

from oracle.audit.bundle_file import BundleManifest, BundleSubject, read_document, unpack
from oracle.audit.chain_reader import ChainReader
from oracle.audit.chain_statement import ChainStatement, Submitted, UnfitStatement, read_statement
from oracle.audit.decision_check import DECISION_CHECKS, Tell, check_decision
from oracle.audit.evidence_check import ReadStore, Seen, StampTerms
from oracle.audit.findings import FINDINGS
from oracle.audit.held_files import held_store
from oracle.audit.log_check import LOG_FINDINGS, LogBinding, verify_binding
from oracle.audit.replay import SignedDecision
from oracle.audit.second_opinion import second_signer
from oracle.domain.fields import Frozen
from oracle.errors import FilingGateError, InputError
from oracle.evidence.checkpoint import log_origin
from oracle.evidence.log_leaf import LogLeaf, LogProof
from oracle.evidence.log_tree import BadLogProof
from oracle.evidence.manifest import manifest_of
from oracle.evidence.store import sha256_hex
from oracle.evidence.timestamp import BadStamp
from oracle.signing.recovery import InvalidSignature, recover

__all__ = ["BUNDLE_CHECKS", "BundleCheck", "BundleLog", "BundleReport", "verify_bundle"]

_OWN = {
    "BUNDLE-FILE": "a file is missing, is not listed, or is not the one that was listed",
    "BUNDLE-SUBJECT": "the bundle says it is about something else than its chain.json",
    "BUNDLE-OPERATOR": "the bundle holds material of somebody who did not sign",
    "CHAIN-EVENT": "the event tells no approval or update",
    "CHAIN-DIGEST": "the digest is not that of what the event tells",
    "CHAIN-CALL": "the transaction did not submit what the event tells",
    "CHAIN-CONFIRMED": "the chain has another block, transaction, event or committee",
    "COMMITTEE-THRESHOLD": "the committee as it is stated is none",
    "COMMITTEE-OPERATOR": "a signer is none of the operators that were named",
    "EVIDENCE-MANIFEST": "the evidence is not what its manifest lists",
    "STAMP": "no time stamp over the evidence holds",
}
_SIGNATURES = (
    "SIGNATURE-COUNT",
    "SIGNATURE-ORDER",
    "SIGNATURE-SEAT",
    "SIGNATURE-STRANGER",
    "SIGNATURE-INVALID",
    "SIGNATURE-SECOND",
)

#: Every check: id -> what it means if it fails. Ids never change their meaning; an audit's ids mean here what they
#: mean there.
BUNDLE_CHECKS: dict[str, str] = {
    **_OWN,
    **{name: FINDINGS[name][1] for name in _SIGNATURES},
    **{name: meaning for name, (_, meaning) in DECISION_CHECKS.items()},
    **{name: LOG_FINDINGS[name] for name in ("LOG-KEY", "LOG-MISSING", "LOG-PROOF")},
}


class BundleLog(Frozen):
    """`operators/<address>/log.json`: the log's key, bound to the operator, and proofs of its leaves."""

    schema_: Literal["bundle-log/v1"] = Field(default="bundle-log/v1", alias="schema")
    key: LogBinding
    proofs: list[LogProof] = Field(max_length=100)


@dataclass(frozen=True)
class BundleCheck:
    """One check made: `result` is holds, fails or not included; `reason` is empty where it holds plainly."""

    id: str
    subject: str
    result: Literal["holds", "fails", "not included"]
    reason: str

    def as_json(self) -> dict[str, str]:
        """Keys id, meaning (of a failure), subject, result, reason."""
        return {
            "id": self.id,
            "meaning": BUNDLE_CHECKS[self.id],
            "subject": self.subject,
            "result": self.result,
            "reason": self.reason,
        }


@dataclass
class BundleReport:
    """Everything that was checked of one bundle."""

    subject: BundleSubject
    checks: list[BundleCheck] = field(default_factory=list)

    @property
    def failed(self) -> list[BundleCheck]:
        """The checks that fail."""
        return [item for item in self.checks if item.result == "fails"]

    @property
    def absent(self) -> list[BundleCheck]:
        """The checks whose matter is not in the bundle."""
        return [item for item in self.checks if item.result == "not included"]

    @property
    def holds(self) -> bool:
        """Whether no check fails. What is not included is told by `absent`."""
        return not self.failed

    def as_json(self) -> dict[str, Any]:
        """Keys schema, holds, complete, subject, counts (result -> checks), checks."""
        return {
            "schema": "bundle-verification/v1",
            "holds": self.holds,
            "complete": not self.absent,
            "subject": self.subject.model_dump(mode="json", by_alias=True),
            "counts": dict(sorted(Counter(item.result for item in self.checks).items())),
            "checks": [item.as_json() for item in self.checks],
        }


def verify_bundle(
    data: bytes,
    *,
    operators: Sequence[str] = (),
    terms: StampTerms | None = None,
    chain: ChainReader | None = None,
) -> BundleReport:
    """Check a bundle's bytes.

    `operators` are addresses of which every signer must be one; `terms` say what time stamps are held to; `chain` is
    asked whether it has what the bundle states (nothing else here needs a network). InputError if the bytes are no
    bundle.

        >>> report = verify_bundle(Path("tests/audit/fixtures/bundle-v1.zip").read_bytes())
        >>> report.holds, [check.id for check in report.failed]
        (True, [])
        >>> sorted({check.id for check in report.absent})
        ['CHAIN-CONFIRMED', 'STAMP']
    """
    files = unpack(data)
    manifest: BundleManifest = read_document(files["bundle.json"], BundleManifest, "bundle.json")
    stated: ChainStatement = read_document(files["chain.json"], ChainStatement, "chain.json")
    report = BundleReport(manifest.subject)
    _Check(report, files, stated, operators, terms, chain).run(manifest)
    return report


class _Check:
    def __init__(
        self,
        report: BundleReport,
        files: dict[str, bytes],
        stated: ChainStatement,
        operators: Sequence[str],
        terms: StampTerms | None,
        chain: ChainReader | None,
    ) -> None:
        self.report = report
        self.files = files
        self.stated = stated
        self.operators = {item.lower() for item in operators}
        self.terms = terms
        self.chain = chain

    def tell(
        self, subject: str, ident: str, holds: bool | None, expected: object, found: object, place: str = ""
    ) -> None:
        result: Literal["holds", "fails", "not included"] = (
            "not included" if holds is None else "holds" if holds else "fails"
        )
        reason = (
            ""
            if holds
            else f"expected {str(expected)[:300]}; found {str(found)[:600]}"
            if holds is False
            else str(found)
        )
        where = f"{subject} {place}".strip()
        if ident not in BUNDLE_CHECKS:
            raise KeyError(ident)
        self.report.checks.append(BundleCheck(ident, where, result, reason[:1000]))

    def run(self, manifest: BundleManifest) -> None:
        """Every check there is matter for."""
        self._listed(manifest)
        try:
            submitted = self.stated.submitted()
        except UnfitStatement as error:
            self.tell("chain.json", "CHAIN-EVENT", False, "an approval or update", error)
            return
        self.tell("chain.json", "CHAIN-EVENT", True, "", "")
        self._subject(manifest.subject, submitted)
        digest = "0x" + submitted.change.digest.hex()
        self.tell("chain.json", "CHAIN-DIGEST", self.stated.digest == digest, digest, self.stated.digest)
        self._call(submitted)
        self._committee(submitted)
        for operator, signature in submitted.signatures:
            self._signature(submitted, operator, signature)
        self._confirmed()
        signers = {operator.lower() for operator, _ in submitted.signatures}
        given = {name.split("/")[1] for name in self.files if name.startswith("operators/")}
        for stranger in sorted(given - signers):
            self.tell(stranger, "BUNDLE-OPERATOR", False, "one who signed", "nobody who signed")
        for operator, signature in submitted.signatures:
            self._operator(submitted, operator, signature)

    # --- the bundle itself --------------------------------------------------------------------------------------------

    def _listed(self, manifest: BundleManifest) -> None:
        others = {name: data for name, data in self.files.items() if name != "bundle.json"}
        for name in sorted(others.keys() | manifest.files.keys()):
            entry, data = manifest.files.get(name), others.get(name)
            expected = f"{entry.size} bytes with SHA-256 {entry.sha256}" if entry else "no such file"
            found = f"{len(data)} bytes with SHA-256 {sha256_hex(data)}" if data is not None else "no such file"
            self.tell(name[:200], "BUNDLE-FILE", expected == found, expected, found)

    def _subject(self, subject: BundleSubject, submitted: Submitted) -> None:
        own = subject_of(self.stated, submitted)
        self.tell("bundle.json", "BUNDLE-SUBJECT", subject == own, own.model_dump_json(), subject.model_dump_json())

    # --- what the chain has -------------------------------------------------------------------------------------------

    def _call(self, submitted: Submitted) -> None:
        try:
            fault = self.stated.call_fault(submitted)
        except UnfitStatement as error:
            self.tell(
                "chain.json",
                "CHAIN-CALL",
                None,
                "",
                f"{error}: which signatures it submitted, a trace of {self.stated.transaction.hash} tells",
            )
            return
        self.tell("chain.json", "CHAIN-CALL", fault is None, "what the event tells", fault)

    def _committee(self, submitted: Submitted) -> None:
        """The rules of a quorum, with the committee as the bundle states it."""
        committee, signers = self.stated.committee, [operator for operator, _ in submitted.signatures]
        sane = committee.threshold <= len(set(committee.operators)) == len(committee.operators)
        size = f"{committee.threshold} of {len(committee.operators)}"
        self.tell("chain.json", "COMMITTEE-THRESHOLD", sane, "a threshold that distinct operators reach", size)
        count = len(signers)
        self.tell("signatures", "SIGNATURE-COUNT", count == committee.threshold, committee.threshold, count)
        ascending = all(left < right for left, right in pairwise(int(one, 16) for one in signers))
        self.tell("signatures", "SIGNATURE-ORDER", ascending, "strictly ascending", signers)
        seats = {committee.seat_of(one) or one for one in signers}
        self.tell("signatures", "SIGNATURE-SEAT", len(seats) == len(set(signers)), "a seat each", signers)
        for operator in signers:
            until = next((item.until for item in committee.retained if item.operator == operator), None)
            counts = committee.seat_of(operator) is not None and (until is None or self.stated.block.time < until)
            self.tell(operator, "SIGNATURE-STRANGER", counts, "a member of the committee", "none")
            if self.operators:
                known = operator.lower() in self.operators
                self.tell(operator, "COMMITTEE-OPERATOR", known, ", ".join(sorted(self.operators)), operator)

    def _signature(self, submitted: Submitted, operator: str, signature: bytes) -> None:
        change = submitted.change
        try:
            signer = recover(change.digest, signature)
        except InvalidSignature as error:
            signer = f"no signature: {error}"
        own = signer.lower() == operator.lower()
        if not own and self.chain is not None:
            accepted = self.chain.accepts(operator, change.digest, signature, self.stated.block.number)
            own, signer = accepted is True, f"{signer}; as a contract: {accepted}"
            self.tell(operator, "SIGNATURE-INVALID", own, operator, signer)
            return
        hint = "" if own else "; a contract's signature only the chain can tell: give --rpc"
        self.tell(operator, "SIGNATURE-INVALID", own, operator, signer + hint)
        if own:
            other = second_signer(self.stated.domain, change.message, signature)
            self.tell(operator, "SIGNATURE-SECOND", other == signer, signer, other)

    def _confirmed(self) -> None:
        stated = self.stated
        where = (
            f"block {stated.block.number} ({stated.block.hash}) of chain {stated.chain_id}, transaction "
            f"{stated.transaction.hash}, committee of epoch {stated.committee.epoch} at registry {stated.registry}"
        )
        if self.chain is None:
            self.tell("chain.json", "CHAIN-CONFIRMED", None, "", f"only the chain can tell: look at {where}")
            return
        filing, sequence = self.report.subject.filing, self.report.subject.sequence
        if self.chain.chain_id != stated.chain_id:
            self.tell("chain.json", "CHAIN-CONFIRMED", False, where, f"the node is of chain {self.chain.chain_id}")
            return
        try:
            found = read_statement(self.chain, stated.registry, stated.first_block, filing, sequence)
        except InputError as error:
            self.tell("chain.json", "CHAIN-CONFIRMED", False, where, error.what)
            return
        own, other = (item.model_dump(mode="json", by_alias=True) for item in (stated, found))
        parts = [name for name in own if own[name] != other[name]]
        self.tell("chain.json", "CHAIN-CONFIRMED", not parts, where, f"another {', '.join(parts)}")

    # --- what an operator has -----------------------------------------------------------------------------------------

    def _operator(self, submitted: Submitted, operator: str, signature: bytes) -> None:
        folder = f"operators/{operator.lower()}/"
        tell: Tell = partial(self.tell, operator)
        record = self.files.get(folder + "decision.json")
        self._log(submitted, operator, signature, record, self.files.get(folder + "log.json"), tell)
        if record is None:
            tell("DECISION-MISSING", None, "a signed decision record", "no decision of this signer")
            return
        tell("DECISION-MISSING", True, "", "")
        begin = folder + "files/"
        files = {name[len(begin) :]: data for name, data in self.files.items() if name.startswith(begin)}
        read = ReadStore(held_store(files))
        for item in read.check.findings:
            tell("EVIDENCE-HASH", False, "bytes that fit their hash", item.problem, item.subject)
        # From a node's API come payloads without the captures that held them.
        origins = bool(read.check.counts["warcs"])
        checked = check_decision(submitted.change, operator, record, read, tell, origins=origins)
        if checked is not None:
            self._manifest(self.files.get(folder + "evidence.json"), *checked, read, tell)
            self._stamp(*checked, read, tell)

    def _manifest(
        self, given: bytes | None, signed: SignedDecision, seen: list[Seen], read: ReadStore, tell: Tell
    ) -> None:
        if given is None:
            tell("EVIDENCE-MANIFEST", None, "", "no evidence.json")
            return
        try:
            own = manifest_of(str(signed.document.get("dossierHash")), [item.seen for item in seen], read.store)
        except ValidationError:
            tell("EVIDENCE-MANIFEST", False, "a decision on a dossier", str(signed.document.get("dossierHash"))[:80])
            return
        tell("EVIDENCE-MANIFEST", given == own.as_bytes(), sha256_hex(own.as_bytes()), sha256_hex(given))

    def _stamp(self, signed: SignedDecision, seen: list[Seen], read: ReadStore, tell: Tell) -> None:
        stamps = read.stamped(signed, [item.seen for item in seen])
        if not stamps:
            tell("STAMP", None, "", "no time stamp over this evidence")
            return
        if self.terms is None:
            tell("STAMP", None, "", f"{len(stamps)} not checked: give --timestamp-roots")
            return
        faults = []
        for manifest, token in stamps:
            try:
                held = read.held_stamp(manifest, token, self.terms)
            except (BadStamp, FilingGateError) as error:
                faults.append(str(error))
                continue
            tell("STAMP", True, "", "", f"{held.time.isoformat()} by {held.authority}"[:300])
        for fault in faults:
            tell("STAMP", False, "a stamp that holds", fault)

    def _log(
        self,
        submitted: Submitted,
        operator: str,
        signature: bytes,
        record: bytes | None,
        given: bytes | None,
        tell: Tell,
    ) -> None:
        wanted = {"signature": logged_signature(signature)}
        if record is not None:
            wanted["decision"] = sha256_hex(record)
        if given is None:
            tell("LOG-MISSING", None, "", "no log.json")
            return
        log: BundleLog = read_document(given, BundleLog, f"operators/{operator.lower()}/log.json")
        try:
            bound, verifier = verify_binding(log.key)
            origin = log_origin(self.stated.chain_id, self.stated.registry, operator)
            fault = None if (bound, verifier.name) == (operator, origin) else f"the log is {verifier.name[:200]}"
        except BadLogProof as error:
            tell("LOG-KEY", False, f"a log that {operator} signed for", error)
            return
        tell("LOG-KEY", fault is None, f"the log of {operator} at this registry", fault)
        leaves: list[LogLeaf] = []
        for proof in log.proofs:
            try:
                leaves.append(proof.verify(verifier)[1])
            except BadLogProof as error:
                tell("LOG-PROOF", False, "a leaf under a signed checkpoint", error, f"leaf {proof.index}")
            else:
                tell("LOG-PROOF", True, "", "", f"leaf {proof.index}")
        digest = "0x" + submitted.change.digest.hex()
        for kind, sha256 in wanted.items():
            found = [leaf for leaf in leaves if leaf.kind == kind and leaf.sha256 == sha256]
            there = any(kind == "decision" or leaf.id == digest for leaf in found)
            tell("LOG-MISSING", True if there else None, "", f"no proof of the {kind}", kind)


def logged_signature(signature: bytes) -> str:
    """SHA-256 of a signature's 65 bytes, as its operator's log has it; a submitter may have shortened it (EIP-2098)."""
    if len(signature) == 64:
        tail = int.from_bytes(signature[32:], "big")
        signature = signature[:32] + (tail & ((1 << 255) - 1)).to_bytes(32, "big") + bytes([27 + (tail >> 255)])
    return sha256_hex(signature)


def subject_of(stated: ChainStatement, submitted: Submitted) -> BundleSubject:
    """What a bundle with this chain.json is about."""
    message = submitted.change.message
    return BundleSubject(
        chain_id=stated.chain_id,
        registry=stated.registry,
        filing=message.filing,
        kind=submitted.change.kind,
        sequence=message.sequence,
        block=stated.block.number,
        transaction=stated.transaction.hash,
    )
