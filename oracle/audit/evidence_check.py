"""A store of evidence checked from its bytes alone: every hash, every digest, every parsed record again.

What can be derived anew: the records of filing notices and withdrawals, the rows of status tables (`csrc/1`), and every
signed decision with all it rests on. For other observations the stored bytes are checked, and counted as `bytesOnly`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from oracle.audit.replay import SignedDecision, parse_decision, replay
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier, parse_dossier
from oracle.domain.filing import Observation, ObservationKind
from oracle.domain.names import fold_name
from oracle.errors import FilingGateError, InputError
from oracle.evidence.store import EvidenceStore, sha256_hex
from oracle.evidence.warc import CapturedExchange, is_warc, read_warc
from oracle.rules.decision_record import dossier_hashes
from oracle.sources.csrc_pages import parse_page
from oracle.sources.csrc_parse import PARSER_VERSION, parse_withdrawal, record_again
from oracle.sources.csrc_table import parse_table
from oracle.sources.csrc_wording import Wording

__all__ = ["EvidenceCheck", "EvidenceFinding", "check_evidence", "find_decision"]

_ENVELOPE = b'{"decision":{'


@dataclass(frozen=True)
class EvidenceFinding:
    """One thing that does not hold.

    `kind`: file, warc, index, decision, signature, observation; `subject`: a hash, a name, or an observation's place.
    """

    kind: str
    subject: str
    problem: str

    def as_json(self) -> dict[str, str]:
        """Keys kind, subject, problem."""
        return {"kind": self.kind, "subject": self.subject, "problem": self.problem}


@dataclass
class EvidenceCheck:
    """What was checked, by count, and what does not hold."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[EvidenceFinding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything holds."""
        return not self.findings

    def add(self, kind: str, subject: str, problem: str) -> None:
        """Note a finding."""
        self.findings.append(EvidenceFinding(kind, subject, problem))

    def as_json(self) -> dict[str, Any]:
        """Keys clean, checked (counts by name), findings."""
        return {
            "clean": self.clean,
            "checked": dict(sorted(self.counts.items())),
            "findings": [finding.as_json() for finding in self.findings],
        }


@dataclass(frozen=True)
class _Capture:
    url: str
    moment: datetime
    status: int
    payload: str


def find_decision(store: EvidenceStore, sha256: str) -> bytes:
    """The signed decision of that hash in a store: of the file, or of the decision within. InputError if none is."""
    for name in store.hashes():
        data = store.get(name)
        if data.startswith(_ENVELOPE) and sha256 in (name, parse_decision(data, what=name).sha256):
            return data
    raise InputError("the store holds no decision with this hash", where=sha256, remedy="check hash and store")


def check_evidence(
    store: EvidenceStore,
    *,
    decisions: Mapping[str, bytes] | None = None,
    observations: Iterable[tuple[str, Observation]] = (),
    wordings: Mapping[str, Wording] | None = None,
    only: str | None = None,
) -> EvidenceCheck:
    """Check a store, the decisions in it, and what is given from elsewhere.

    `decisions` are signed decisions by the name to show, `observations` come with the place to show; `wordings` says by
    a source's name how it was read (a decision brings its own). With `only`, a key of `decisions`, nothing but that
    decision and what it rests on is checked. Deviations are findings; only unusable arguments raise.
    """
    check = _Check(store, wordings or {})
    given = dict(decisions or {})
    check.files()
    if only is not None:
        kept = check.report
        check.report = EvidenceCheck(Counter(), [])
        check.decision(only, given[only])
        check.report.findings += [item for item in kept.findings if item.subject in check.touched]
        return check.report
    check.index()
    for name in store.foreign_names():
        check.report.add("file", name, "no store writes a file of this name")
    seen = set()
    for name, data in (*given.items(), *check.envelopes.items()):
        if sha256_hex(data) not in seen:
            seen.add(sha256_hex(data))
            check.decision(name, data)
    for place, observation in observations:
        check.observation(place, observation, check.wordings.get(observation.source), None)
    return check.report


class _Check:
    def __init__(self, store: EvidenceStore, wordings: Mapping[str, Wording]) -> None:
        self.store = store
        self.wordings = wordings
        self.report = EvidenceCheck()
        self.captures: dict[str, _Capture] = {}
        self.envelopes: dict[str, bytes] = {}
        self.dossiers: dict[str, Dossier] = {}
        self.touched: set[str] = set()
        self._moments: dict[str, list[_Capture]] = {}

    def files(self) -> None:
        """Every file against its name; WARC files against their digests."""
        for sha256 in self.store.hashes():
            try:
                data = self.store.get(sha256)
            except FilingGateError as error:
                self.report.add("file", sha256, error.what)
                continue
            self.report.counts["files"] += 1
            if is_warc(data):
                self._warc(sha256, data)
            elif data.startswith(_ENVELOPE):
                self.envelopes[sha256] = data
            elif data.startswith(b'{"assets":'):
                self._dossier(data)

    def _warc(self, sha256: str, data: bytes) -> None:
        try:
            exchange = read_warc(data, where=sha256)
        except FilingGateError as error:
            self.report.add("warc", sha256, error.what)
            return
        self.report.counts["warcs"] += 1
        capture = _capture(exchange)
        self.captures[sha256] = capture
        self._moments.setdefault(capture.url, []).append(capture)

    def _dossier(self, data: bytes) -> None:
        try:
            dossier = parse_dossier(data, what="stored dossier")
        except InputError:
            return  # a document that happens to begin like a dossier: its hash was checked
        self.dossiers["0x" + dossier.dossier_hash().hex()] = dossier

    def index(self) -> None:
        """Every WARC has its entry, every entry leads to a WARC that holds the payload."""
        entries = set(self.store.index_entries())
        for warc, capture in self.captures.items():
            if (capture.payload, warc) not in entries:
                problem = f"its payload {capture.payload} does not lead to it: run `filing-gate evidence reindex`"
                self.report.add("index", warc, problem)
        for payload, warc in sorted(entries):
            self.report.counts["indexEntries"] += 1
            held = self.captures.get(warc)
            if held is None:
                self.report.add("index", payload, f"leads to {warc}, which is no readable WARC file of this store")
            elif held.payload != payload:
                self.report.add("index", payload, f"leads to {warc}, which holds {held.payload}")

    def decision(self, name: str, data: bytes) -> None:
        """Signature, replay, and each observation of a signed decision."""
        try:
            signed = parse_decision(data, what=name)
            fault = signed.signature_fault()
            again = replay(signed.document, self._dossiers_of(signed))
        except InputError as error:
            self.report.add("decision", name, f"{error.where or 'decision'}: {error.what}")
            return
        self.report.counts["decisions"] += 1
        if fault:
            self.report.add("signature", name, fault)
        for difference in again.differences:
            self.report.add("decision", f"{name} {difference.field}", "recorded and replayed values differ")
        self._observations_of(name, signed)

    def _dossiers_of(self, signed: SignedDecision) -> dict[str, Dossier]:
        return {name: self.dossiers[name] for name in dossier_hashes(signed.document) if name in self.dossiers}

    def _observations_of(self, name: str, signed: SignedDecision) -> None:
        case = signed.document["case"]
        wordings = _wordings(signed.document)
        own = next(iter(self._dossiers_of(signed).values()), None)
        for part in ("observations", "earlier"):
            for number, value in enumerate(case.get(part, [])):
                observation = Observation.model_validate_json(canonical_bytes(value))
                # What was seen earlier may have been read under another configuration: only its bytes are checked.
                wording = wordings.get(observation.source) if part == "observations" else None
                self.observation(f"{name} {part}[{number}]", observation, wording, own)

    def observation(
        self, place: str, observation: Observation, wording: Wording | None, dossier: Dossier | None
    ) -> None:
        """The bytes an observation names are there and from where it says; what was parsed is parsed again."""
        self.report.counts["observations"] += 1
        for sha256 in filter(None, (observation.sha256, observation.attachment_sha256)):
            self.touched |= {sha256, *self.store.warcs_of(sha256)}
            try:
                self.store.get(sha256)
            except FilingGateError as error:
                self.report.add("observation", place, f"{sha256}: {error.what}")
                return
        if observation.sha256 and observation.url and observation.url.startswith("http"):
            problem = self._origin_fault(observation, observation.sha256, observation.url)
            if problem:
                self.report.add("observation", place, problem)
                return
        if observation.parser_version != PARSER_VERSION or wording is None or observation.kind not in _DERIVED:
            self.report.counts["bytesOnly"] += 1
            return
        self.report.counts["parsedAgain"] += 1
        try:
            problem = self._derived_fault(observation, wording, dossier)
        except FilingGateError as error:
            problem = f"cannot be parsed again: {error.what}"
        if problem:
            self.report.add("observation", place, problem)

    def _origin_fault(self, observation: Observation, sha256: str, url: str) -> str | None:
        """An exchange with that address gave these bytes at that time, or confirmed then that they still hold (304)."""
        gave = [self.captures[warc] for warc in self.store.warcs_of(sha256) if warc in self.captures]
        gave = [capture for capture in gave if capture.url == url]
        if not gave:
            return f"no WARC file shows that {url[:200]} gave {sha256}"
        if observation.kind is ObservationKind.ABSENCE:
            return None  # its time is that of the whole visit
        moment = datetime.fromisoformat(observation.fetched_at).replace(microsecond=0)
        confirmed = [capture for capture in self._moments[url] if capture.status == 304]
        if any(capture.moment == moment for capture in (*gave, *confirmed)):
            return None
        return f"no WARC file of {url[:200]} is of {observation.fetched_at}"

    def _derived_fault(self, seen: Observation, wording: Wording, dossier: Dossier | None) -> str | None:
        page = self.store.get(seen.sha256 or "")
        other = self.store.get(seen.attachment_sha256) if seen.attachment_sha256 else None
        if seen.kind is ObservationKind.NOTICE:
            record = record_again(page, wording, in_list=other, manuscript_id=seen.manuscript_id)
            return None if record == seen.record else "the stored page gives another record"
        if seen.kind is ObservationKind.WITHDRAWAL:
            ended = parse_withdrawal(page, wording)
            same = ended.status == seen.status and (ended.day is None or ended.day == seen.as_of)
            if seen.record is not None:
                same = same and ended.cites(seen.record.number) and ended.record(seen.record.number) == seen.record
            return None if same else "the stored page gives another withdrawal"
        table = parse_table(other or b"", parse_page(page, wording).title)
        name = fold_name(dossier.filing_entity.name_zh) if dossier else None
        rows = [row for row in table.rows if wording.counts(row.application_type) and (not name or row.names(name))]
        said = {row.status[:1000] or None for row in rows}
        same = table.as_of == seen.as_of and seen.raw_status in said
        same = same and wording.state(seen.raw_status or "") == seen.status
        return None if same else "the stored table gives another state"


_DERIVED = (ObservationKind.NOTICE, ObservationKind.WITHDRAWAL, ObservationKind.STATUS_TABLE)


def _capture(exchange: CapturedExchange) -> _Capture:
    moment = datetime.fromisoformat(exchange.captured_at)
    return _Capture(exchange.url, moment, exchange.status, sha256_hex(exchange.body))


def _wordings(document: Mapping[str, Any]) -> dict[str, Wording]:
    """How each `csrc` source of a decision read its pages, by the source's name."""
    found = {}
    for source in document["sources"]:
        if source.get("type") == "csrc":
            known = {key: value for key, value in source.items() if key in _WORDING_KEYS}
            try:
                found[str(source.get("name", "csrc"))] = Wording.model_validate_json(canonical_bytes(known))
            except ValidationError:
                continue  # the replay has compared the sources' hash; without a wording the bytes alone are checked
    return found


_WORDING_KEYS = frozenset(info.alias or name for name, info in Wording.model_fields.items())
