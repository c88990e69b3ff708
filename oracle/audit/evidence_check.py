"""A store of evidence checked from its bytes alone: every hash, every digest, every observation, every decision again.

An observation of a decision is read with the configuration that the decision states. One that was seen earlier, or that
only a database knows, is read with each configuration of its source that the store keeps or the caller gives: it holds
if one of them gives it again. `ReadStore` is a store read once, for those who ask of single decisions; `prove_store`
checks all of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from cryptography.x509 import Certificate

from oracle.audit.replay import SignedDecision, parse_decision, replay
from oracle.domain.approval import OnChainStatus
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier, parse_dossier
from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.errors import FilingGateError, InputError
from oracle.evidence.manifest import MANIFEST_BEGIN, EvidenceManifest, payloads_of, read_manifest
from oracle.evidence.store import CaptureEntry, EvidenceStore, address_of, sha256_hex, stamp_of
from oracle.evidence.timestamp import MAX_TOKEN_BYTES, BadStamp, TimeStamp, checked_stamp, imprint_of
from oracle.evidence.warc import CapturedExchange, is_warc, read_warc
from oracle.rules.case import query_for
from oracle.rules.decision_record import dossier_hashes
from oracle.signing.recovery import recover
from oracle.sources.parse_error import ParseError
from oracle.sources.parsed_again import (
    SETTINGS_BEGIN,
    Settings,
    difference,
    kept_settings,
    read_settings,
    why_without_parse,
)

__all__ = [
    "ENVELOPE_BEGIN",
    "EvidenceCheck",
    "EvidenceFinding",
    "Fault",
    "ReadStore",
    "Seen",
    "Sighting",
    "StampTerms",
    "StoreProof",
    "find_decision",
    "prove_store",
]

#: How the bytes of a signed decision begin: the keys of canonical JSON are sorted.
ENVELOPE_BEGIN = b'{"decision":{'
_DOSSIER = b'{"assets":'
_DER = b"\x30"


@dataclass(frozen=True)
class EvidenceFinding:
    """One thing that does not hold.

    `kind`: file, warc, index, decision, signature, observation, timestamp; `subject`: a hash, a name, or an
    observation's place.
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
        """Note a finding, once."""
        finding = EvidenceFinding(kind, subject, problem)
        if finding not in self.findings:
            self.findings.append(finding)

    def as_json(self) -> dict[str, Any]:
        """Keys clean, checked (counts by name), findings."""
        return {
            "clean": self.clean,
            "checked": dict(sorted(self.counts.items())),
            "findings": [finding.as_json() for finding in self.findings],
        }


class Sighting(NamedTuple):
    """An observation that is kept outside the store: the place to show, what was asked, what was seen."""

    place: str
    asked: FilingQuery
    seen: Observation


@dataclass(frozen=True)
class StampTerms:
    """What time stamps are held to: root certificates, a policy's OID, and whether every approval needs one."""

    roots: Sequence[Certificate]
    policy: str | None = None
    required: bool = False


@dataclass
class StoreProof:
    """What was checked, what does not hold, and the time stamps that do, by decision."""

    check: EvidenceCheck
    stamps: list[tuple[str, TimeStamp]] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything holds."""
        return self.check.clean

    def as_json(self) -> dict[str, Any]:
        """Keys clean, checked (counts by name), findings, timestamps."""
        stamps = [{"decision": name, **stamp.as_json()} for name, stamp in self.stamps]
        return {**self.check.as_json(), "timestamps": stamps}


class Seen(NamedTuple):
    """An observation of a decision: where it stands, what it says, and the configurations it may have been read by."""

    place: str
    seen: Observation
    settings: Sequence[Settings]


class Fault(NamedTuple):
    """Why an observation's bytes do not bear it out.

    `kind`: missing (no such bytes), damaged (they no longer fit their hash), origin (no capture shows where they came
    from), absent (a capture or configuration that reading them needs is not there), parse (they say something else, or
    cannot be parsed again).
    """

    kind: Literal["missing", "damaged", "origin", "absent", "parse"]
    problem: str


def find_decision(store: EvidenceStore, sha256: str) -> bytes:
    """The signed decision of that hash in a store: of the file, or of the decision within. InputError if none is."""
    for name in store.hashes():
        data = store.get(name)
        if data.startswith(ENVELOPE_BEGIN) and sha256 in (name, parse_decision(data, what=name).sha256):
            return data
    raise InputError("the store holds no decision with this hash", where=sha256, remedy="check hash and store")


def prove_store(
    store: EvidenceStore,
    *,
    decisions: Mapping[str, bytes] | None = None,
    sightings: Iterable[Sighting] = (),
    settings: Iterable[tuple[str, Settings]] = (),
    terms: StampTerms | None = None,
    only: str | None = None,
    dossiers: Mapping[str, Mapping[str, Dossier]] | None = None,
) -> StoreProof:
    """Prove a store, the decisions in it, and what is given from elsewhere.

    `decisions` are signed decisions by the name to show; `settings` are configurations by a source's name; `terms` are
    None where nobody says which authorities are trusted, and time stamps are then counted and not checked. With `only`,
    a key of `decisions`, nothing but that decision and what it rests on is looked at. `dossiers` has, by keys of
    `decisions`, those by hash that the store need not hold. Deviations are findings; only
    unusable arguments raise.
    """
    given = dict(decisions or {})
    read = ReadStore(store, settings)
    proof = _Proof(read, terms, dossiers or {})
    if only is not None:
        kept, read.check = read.check, EvidenceCheck()
        proof.result.check = read.check
        proof.decision(only, given[only])
        for item in kept.findings:
            if item.subject in read.rested_on:
                read.check.add(item.kind, item.subject, item.problem)
        return proof.result
    read.index()
    named = set()
    for name in read.envelopes:
        if name not in {sha256_hex(data) for data in given.values()}:
            given[name] = store.get(name)
    for name, data in given.items():
        if sha256_hex(data) not in named:
            named.add(sha256_hex(data))
            proof.decision(name, data)
    for place, asked, seen in sightings:
        proof.observation(Seen(place, seen, read.settings[seen.source]), asked)
    read.classify_captures()
    proof.count_other_tokens()
    return proof.result


@dataclass(frozen=True)
class _Capture:
    warc: str
    url: str
    moment: datetime
    status: int
    payload: str
    role: str

    @property
    def entry(self) -> CaptureEntry:
        """How the store's index of addresses has it."""
        return CaptureEntry(address_of(self.url), stamp_of(self.moment), self.status, self.warc)


class _Kept:
    """What parsers may ask of a store (`oracle.sources.parsed_again.Kept`)."""

    def __init__(self, read: ReadStore) -> None:
        self._read = read
        #: Whether a capture was asked for that is not there.
        self.lacked = False

    def payload(self, sha256: str) -> bytes:
        """The bytes of that hash. Errors as `EvidenceStore.get`."""
        self._read.rest_on(sha256)
        return self._read.store.get(sha256)

    def answer(self, url: str, moment: datetime) -> bytes:
        """The newest body until that moment; where it was only confirmed (304), the one that was confirmed."""
        until = [item for item in self._read.captures_of(url) if item.moment <= moment and item.status == 200]
        if not until:
            self.lacked = True
            raise ParseError(f"no WARC file shows {url[:200]}", remedy="restore the store from a backup")
        newest = max(until, key=lambda item: (item.moment, item.warc))
        self._read.needed.add(newest.warc)
        return self._read.store.exchange(newest.warc).body


class ReadStore:
    """A store whose files were all read and hashed once: what is there, by what it is.

    `check` takes what the files themselves show; `rested_on` and `needed` say which files were relied on since they
    were emptied: all that may hold the bytes, and those that suffice.
    """

    def __init__(self, store: EvidenceStore, settings: Iterable[tuple[str, Settings]] = ()) -> None:
        self.store = store
        self.check = EvidenceCheck()
        #: Hashes of the files that are signed decisions.
        self.envelopes: list[str] = []
        self.dossiers: dict[str, str] = {}
        self.settings: dict[str, list[Settings]] = defaultdict(list)
        self.manifests: dict[str, EvidenceManifest] = {}
        #: SHA-256 that is stamped -> files that hold a token over it.
        self.tokens: dict[str, list[str]] = defaultdict(list)
        self.settings_files: dict[str, list[str]] = defaultdict(list)
        self.rested_on: set[str] = set()
        self.needed: set[str] = set()
        for name, item in settings:
            self.settings[name].append(item)
        self._captures: dict[str, list[_Capture]] = defaultdict(list)
        self._by_warc: dict[str, _Capture] = {}
        perhaps_tokens: list[str] = []
        for sha256 in store.hashes():
            self._file(sha256, perhaps_tokens)
        # A stamp is over a manifest: without one there is none of ours, and the package that reads them is not needed.
        for sha256 in perhaps_tokens if self.manifests else ():
            imprint = imprint_of(store.get(sha256))
            if imprint is not None:
                self.tokens[imprint].append(sha256)
        self._kept = _Kept(self)

    # --- what is there ------------------------------------------------------------------------------------------------

    def _file(self, sha256: str, perhaps_tokens: list[str]) -> None:
        """A file against its name, a WARC file against its digests; then what else it is."""
        try:
            data = self.store.get(sha256)
        except FilingGateError as error:
            self.check.add("file", sha256, error.what)
            return
        self.check.counts["files"] += 1
        if is_warc(data):
            try:
                exchange = read_warc(data, where=sha256)
            except FilingGateError as error:
                self.check.add("warc", sha256, error.what)
                return
            self.check.counts["warcs"] += 1
            capture = _capture(sha256, exchange)
            self._captures[capture.url].append(capture)
            self._by_warc[sha256] = capture
            return
        try:
            if data.startswith(ENVELOPE_BEGIN):
                self.envelopes.append(sha256)
            elif data.startswith(_DOSSIER):
                self.dossiers["0x" + parse_dossier(data, what=sha256).dossier_hash().hex()] = sha256
            elif data.startswith(SETTINGS_BEGIN):
                for name, item in kept_settings(data):
                    self.settings[name].append(item)
                    self.settings_files[name].append(sha256)
            elif data.startswith(MANIFEST_BEGIN):
                manifest = read_manifest(data)
                if manifest is not None:
                    self.manifests[sha256] = manifest
            elif data.startswith(_DER) and len(data) <= MAX_TOKEN_BYTES:
                perhaps_tokens.append(sha256)
        except FilingGateError:
            return  # a document that happens to begin like one of ours: its hash was checked

    def index(self) -> None:
        """Every WARC has its entries, every entry leads to a WARC that is as it says, no name is a stranger's."""
        entries, places = set(self.store.index_entries()), set(self.store.address_entries())
        for warc, capture in self._by_warc.items():
            if (capture.payload, warc) not in entries:
                problem = f"its payload {capture.payload} does not lead to it: run `filing-gate evidence reindex`"
                self.check.add("index", warc, problem)
            if capture.entry not in places:
                problem = f"its address {capture.url[:200]} does not lead to it: run `filing-gate evidence reindex`"
                self.check.add("index", warc, problem)
        for payload, warc in sorted(entries):
            self.check.counts["indexEntries"] += 1
            held = self._by_warc.get(warc)
            if held is None:
                self.check.add("index", payload, f"leads to {warc}, which is no readable WARC file of this store")
            elif held.payload != payload:
                self.check.add("index", payload, f"leads to {warc}, which holds {held.payload}")
        for place in sorted(places):
            self.check.counts["addressEntries"] += 1
            held = self._by_warc.get(place.warc)
            if held is None or held.entry != place:
                self.check.add("index", place.name, "leads to no WARC file of that address, moment and status")
        for name in self.store.foreign_names():
            self.check.add("file", name, "no store writes a file of this name")

    def captures_of(self, url: str) -> list[_Capture]:
        """The exchanges with an address."""
        return self._captures.get(url, [])

    def classify_captures(self) -> None:
        """Count every exchange by what it is there for."""
        for capture in self._by_warc.values():
            role = "restedOn" if capture.warc in self.rested_on else capture.role
            self.check.counts["captures." + role] += 1

    def dossiers_of(self, signed: SignedDecision) -> dict[str, Dossier]:
        """The dossiers that a decision names, as far as they are there."""
        found = {}
        for name in dossier_hashes(signed.document):
            if name in self.dossiers:
                self.needed.add(self.dossiers[name])
                found[name] = parse_dossier(self.store.get(self.dossiers[name]), what=name)
        return found

    def rest_on(self, sha256: str) -> None:
        """Note that these bytes are relied on."""
        warcs = set(self.store.warcs_of(sha256))
        self.rested_on |= {sha256, *warcs}
        # As `EvidenceStore.get` finds them: the file itself, or a capture that holds it.
        if warcs and not self.needed & {sha256, *warcs}:
            self.needed.add(min(warcs))
        elif not warcs:
            self.needed.add(sha256)

    # --- observations -------------------------------------------------------------------------------------------------

    def seen_in(self, signed: SignedDecision) -> list[Seen]:
        """Every observation of a decision. InputError names one that cannot be read."""
        case, sources = signed.document.get("case"), signed.document.get("sources")
        if not isinstance(case, dict) or not isinstance(sources, list):
            raise InputError("has no case or no sources", where="decision", remedy="restore it from a backup")
        own: dict[str, list[Settings]] = defaultdict(list)
        for name, item in read_settings(sources):
            own[name].append(item)
        found = []
        for part in ("observations", "earlier"):
            listed = case.get(part, [])
            if not isinstance(listed, list):
                raise InputError("not a list", where=part, remedy="restore it from a backup")
            for number, value in enumerate(listed):
                try:
                    seen = Observation.model_validate_json(canonical_bytes(value))
                except ValueError:
                    raise InputError("unreadable", where=f"{part}[{number}]", remedy="restore it") from None
                known = self.settings[seen.source] if part == "earlier" else []
                found.append(Seen(f"{part}[{number}]", seen, [*own.get(seen.source, []), *known]))
        return found

    def fault(self, item: Seen, asked: FilingQuery | None, *, origins: bool = True) -> Fault | None:
        """Why an observation's bytes do not bear it out; None if they do, or if it rests on no reading of bytes.

        Without `origins` it is not asked which capture gave them.
        """
        seen = item.seen
        for sha256 in filter(None, (seen.sha256, seen.attachment_sha256)):
            if sha256 == seen.sha256 and origins:
                self._need_origin(seen)
            self.rest_on(sha256)
            try:
                self.store.get(sha256)
            except InputError as error:
                return Fault("missing", f"{sha256}: {error.what}")
            except FilingGateError as error:
                return Fault("damaged", f"{sha256}: {error.what}")
        if origins and seen.sha256 and seen.url and seen.url.startswith("http"):
            problem = self._origin_fault(seen, seen.sha256, seen.url)
            if problem:
                return Fault("origin", problem)
        if why_without_parse(seen) is not None:
            return None
        self._kept.lacked = False
        problem = self._parse_fault(seen, item.settings, asked)
        if problem is None:
            return None
        return Fault("absent" if self._kept.lacked or not item.settings else "parse", problem)

    def _gave(self, seen: Observation) -> tuple[list[_Capture], list[_Capture]]:
        """The captures that gave an observation's bytes by its address, and those that confirmed them (304)."""
        held = set(self.store.warcs_of(seen.sha256 or ""))
        known = self.captures_of(seen.url or "")
        return [item for item in known if item.warc in held], [item for item in known if item.status == 304]

    def _need_origin(self, seen: Observation) -> None:
        """Of all captures that show where the bytes came from, those that suffice."""
        gave, confirmed = self._gave(seen)
        moment = _second(seen)
        exact = sorted(item.warc for item in gave if item.moment == moment)
        if exact:
            self.needed.add(exact[0])
        elif gave:
            newest = max(gave, key=lambda item: (item.moment <= moment, item.moment, item.warc))
            self.needed |= {newest.warc, *sorted(item.warc for item in confirmed if item.moment == moment)[:1]}

    def _origin_fault(self, seen: Observation, sha256: str, url: str) -> str | None:
        """An exchange with that address gave these bytes at that time, or confirmed then that they still hold (304)."""
        gave, confirmed = self._gave(seen)
        if not gave:
            return f"no WARC file shows that {url[:200]} gave {sha256}"
        if seen.kind is ObservationKind.ABSENCE:
            return None  # its time is that of the whole visit
        if any(capture.moment == _second(seen) for capture in (*gave, *confirmed)):
            return None
        return f"no WARC file of {url[:200]} is of {seen.fetched_at}"

    def _parse_fault(self, seen: Observation, settings: Sequence[Settings], asked: FilingQuery | None) -> str | None:
        if not settings:
            return f"no configuration of the source {seen.source[:80]} is known, so its bytes cannot be parsed again"
        problems = []
        for item in settings:
            try:
                problem = difference(seen, item, asked, self._kept, recover)
            except FilingGateError as error:
                problem = f"cannot be parsed again: {error.what}"
            if problem is None:
                return None
            problems.append(problem)
        return problems[0]

    # --- time stamps --------------------------------------------------------------------------------------------------

    def stamped(self, signed: SignedDecision, observations: Iterable[Observation]) -> list[tuple[str, str]]:
        """(manifest, token) of each time stamp over what a decision rests on."""
        dossier, payloads = signed.document.get("dossierHash"), payloads_of(observations)
        return [
            (manifest, token)
            for manifest, content in self.manifests.items()
            if content.dossier_hash == dossier and content.evidence.keys() == payloads
            for token in self.tokens.get(manifest, [])
        ]

    def covered(self, manifest: str) -> list[str]:
        """The files that a manifest names."""
        return [warc for payload, warcs in self.manifests[manifest].evidence.items() for warc in (warcs or [payload])]

    def held_stamp(self, manifest: str, token: str, terms: StampTerms) -> TimeStamp:
        """The stamp, if it holds and the store has all that it covers. BadStamp says what does not."""
        missing = [name for name in self.covered(manifest) if not self.store.holds(name)]
        if missing:
            raise BadStamp(f"covers {missing[0]}, which the store does not hold")
        try:
            return checked_stamp(self.store.get(token), manifest, terms.roots, policy=terms.policy)
        except FilingGateError as error:
            raise BadStamp(str(error)) from None


class _Proof:
    """Decisions and observations held against a store, into one list."""

    def __init__(
        self, read: ReadStore, terms: StampTerms | None, dossiers: Mapping[str, Mapping[str, Dossier]]
    ) -> None:
        self.read = read
        self.terms = terms
        self.dossiers = dossiers
        self.result = StoreProof(read.check)
        self._tokens_used: set[str] = set()

    def decision(self, name: str, data: bytes) -> None:
        """Signature, replay, every observation, and the time stamp of a signed decision."""
        check = self.read.check
        try:
            signed = parse_decision(data, what=name)
            fault = signed.signature_fault()
            dossiers = self._dossiers_of(name, signed)
            again = replay(signed.document, dossiers)
            check.counts["decisions"] += 1
            if fault:
                check.add("signature", name, fault)
            for different in again.differences:
                check.add("decision", f"{name} {different.field}", "recorded and replayed values differ")
        except InputError as error:
            check.add("decision", name, f"{error.where or 'decision'}: {error.what}")
        try:
            signed = parse_decision(data, what=name)
            observations = self.read.seen_in(signed)
        except InputError:
            return  # said already
        dossier = self._dossiers_of(name, signed).get(str(signed.document.get("dossierHash")))
        asked = query_for(dossier) if dossier is not None else None
        for item in observations:
            self.observation(item._replace(place=f"{name} {item.place}"), asked)
        self._stamp(name, signed, [item.seen for item in observations])

    def _dossiers_of(self, name: str, signed: SignedDecision) -> dict[str, Dossier]:
        return {**self.dossiers.get(name, {}), **self.read.dossiers_of(signed)}

    def observation(self, item: Seen, asked: FilingQuery | None) -> None:
        """The bytes an observation names are there and from where it says, and are parsed again."""
        counts = self.read.check.counts
        counts["observations"] += 1
        fault = self.read.fault(item, asked)
        reason = why_without_parse(item.seen)
        if fault is not None:
            self.read.check.add("observation", item.place, fault.problem)
        elif reason is not None:
            counts[f"notParsed.{reason}"] += 1
        else:
            counts["parsedAgain"] += 1

    def _stamp(self, name: str, signed: SignedDecision, observations: Sequence[Observation]) -> None:
        check, terms = self.read.check, self.terms
        stamps = self.read.stamped(signed, observations)
        self._tokens_used |= {token for _, token in stamps}
        if terms is None:
            if stamps:
                check.counts["timestampsNotChecked"] += 1
            return
        held = []
        for manifest, token in stamps:
            try:
                held.append(self.read.held_stamp(manifest, token, terms))
            except BadStamp as error:
                check.add("timestamp", token, str(error))
        if held:
            # The earliest proves most. It may be older than this decision where an earlier one rests on the same bytes.
            self.result.stamps.append((name, min(held, key=lambda stamp: stamp.time)))
            check.counts["timestamps"] += 1
        elif terms.required and signed.document.get("outcome", {}).get("approved") is True and _may_mint(signed):
            check.add("timestamp", name, "approved without a time stamp that holds")

    def count_other_tokens(self) -> None:
        """Tokens over something else than a decision's manifest, as a document of a dossier may be."""
        others = {token for tokens in self.read.tokens.values() for token in tokens} - self._tokens_used
        if others:
            self.read.check.counts["timestampsOfOtherFiles"] += len(others)


def _may_mint(signed: SignedDecision) -> bool:
    proposed = signed.document.get("proposed")
    status = proposed.get("status") if isinstance(proposed, dict) else None
    return signed.document.get("kind") == "approval" or status == OnChainStatus.APPROVED


def _second(seen: Observation) -> datetime:
    return datetime.fromisoformat(seen.fetched_at).replace(microsecond=0)


def _capture(warc: str, exchange: CapturedExchange) -> _Capture:
    moment = datetime.fromisoformat(exchange.captured_at)
    return _Capture(warc, exchange.url, moment, exchange.status, sha256_hex(exchange.body), _role(exchange))


def _role(exchange: CapturedExchange) -> str:
    """What an exchange is on which no observation rests."""
    if exchange.status == 0 or exchange.problem:
        return "notAnswered"
    if exchange.url.split("?")[0].endswith("/robots.txt"):
        return "robots"
    if exchange.method == "POST":
        return "timestampQuery"
    if exchange.status == 304:
        return "unchanged"
    if 300 <= exchange.status < 400:
        return "redirect"
    if exchange.status != 200:
        return "refused"
    return "lookedThrough"
