"""A store of evidence proven: `audit.evidence_check`, then every observation parsed again, then every time stamp.

An observation of a decision is read with the configuration that the decision states. One that was seen earlier, or that
only a database knows, is read with each configuration of its source that the store keeps or the caller gives: it holds
if one of them gives it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from cryptography.x509 import Certificate

from oracle.audit.evidence_check import EvidenceCheck, EvidenceFinding, check_evidence
from oracle.audit.replay import SignedDecision, parse_decision
from oracle.domain.approval import OnChainStatus
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier, parse_dossier
from oracle.domain.filing import FilingQuery, Observation
from oracle.errors import FilingGateError, InputError
from oracle.evidence.manifest import MANIFEST_BEGIN, EvidenceManifest, payloads_of, read_manifest
from oracle.evidence.store import EvidenceStore, sha256_hex
from oracle.evidence.timestamp import MAX_TOKEN_BYTES, BadStamp, TimeStamp, checked_stamp, imprint_of
from oracle.evidence.warc import CapturedExchange, is_warc, read_warc
from oracle.rules.case import query_for
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

__all__ = ["Sighting", "StampTerms", "StoreProof", "prove_store"]

_ENVELOPE = b'{"decision":{'
_DOSSIER = b'{"assets":'
_DER = b"\x30"


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


def prove_store(
    store: EvidenceStore,
    *,
    decisions: Mapping[str, bytes] | None = None,
    sightings: Iterable[Sighting] = (),
    settings: Iterable[tuple[str, Settings]] = (),
    terms: StampTerms | None = None,
    only: str | None = None,
) -> StoreProof:
    """Prove a store, the decisions in it, and what is given from elsewhere.

    `decisions` are signed decisions by the name to show; `settings` are configurations by a source's name; `terms` are
    None where nobody says which authorities are trusted, and time stamps are then counted and not checked. With `only`,
    a key of `decisions`, nothing but that decision and what it rests on is looked at.
    """
    given, seen_elsewhere = dict(decisions or {}), list(sightings)
    bytes_of = [(item.place, item.seen) for item in seen_elsewhere]
    check = check_evidence(store, decisions=given, observations=bytes_of, only=only)
    # These two count what that check could do by itself; here everything is parsed again.
    for name in ("bytesOnly", "parsedAgain"):
        check.counts.pop(name, None)
    proof = _Proof(store, check, settings)
    if only is not None:
        proof.decision(only, given[only], terms)
        return proof.result
    named = set()
    for name, data in (*given.items(), *proof.envelopes.items()):
        if sha256_hex(data) not in named:
            named.add(sha256_hex(data))
            proof.decision(name, data, terms)
    for item in seen_elsewhere:
        proof.observation(item.place, item.seen, proof.settings[item.seen.source], item.asked)
    proof.classify_captures()
    proof.count_other_tokens()
    return proof.result


@dataclass(frozen=True)
class _Capture:
    warc: str
    moment: datetime
    status: int
    payload: str
    role: str


class _Kept:
    """What parsers may ask of a store (`oracle.sources.parsed_again.Kept`)."""

    def __init__(self, store: EvidenceStore, captures: Mapping[str, list[_Capture]]) -> None:
        self._store = store
        self._captures = captures

    def payload(self, sha256: str) -> bytes:
        """The bytes of that hash. Errors as `EvidenceStore.get`."""
        return self._store.get(sha256)

    def answer(self, url: str, moment: datetime) -> bytes:
        """The newest body until that moment; where it was only confirmed (304), the one that was confirmed."""
        until = [item for item in self._captures.get(url, []) if item.moment <= moment and item.status == 200]
        if not until:
            raise ParseError(f"no WARC file shows {url[:200]}", remedy="restore the store from a backup")
        return self._store.get(max(until, key=lambda item: item.moment).payload)


class _Proof:
    def __init__(self, store: EvidenceStore, check: EvidenceCheck, settings: Iterable[tuple[str, Settings]]) -> None:
        self.store = store
        self.result = StoreProof(check)
        self.envelopes: dict[str, bytes] = {}
        self.settings: dict[str, list[Settings]] = defaultdict(list)
        for name, item in settings:
            self.settings[name].append(item)
        self._dossiers: dict[str, Dossier] = {}
        self._manifests: dict[str, EvidenceManifest] = {}
        self._tokens: dict[str, list[str]] = defaultdict(list)
        self._captures: dict[str, list[_Capture]] = defaultdict(list)
        self._rested_on: set[str] = set()
        self._tokens_used: set[str] = set()
        self._named = {item.subject for item in check.findings if item.kind == "observation"}
        self._perhaps_tokens: list[str] = []
        for sha256 in store.hashes():
            self._file(sha256)
        # A stamp is over a manifest: without one there is none of ours, and the package that reads them is not needed.
        for sha256 in self._perhaps_tokens if self._manifests else ():
            imprint = imprint_of(store.get(sha256))
            if imprint is not None:
                self._tokens[imprint].append(sha256)
        self._kept = _Kept(store, self._captures)

    # --- what is there ------------------------------------------------------------------------------------------------

    def _file(self, sha256: str) -> None:
        try:
            data = self.store.get(sha256)
            if is_warc(data):
                exchange = read_warc(data, where=sha256)
                self._captures[exchange.url].append(_capture(sha256, exchange))
            elif data.startswith(_ENVELOPE):
                self.envelopes[sha256] = data
            elif data.startswith(_DOSSIER):
                dossier = parse_dossier(data, what=sha256)
                self._dossiers["0x" + dossier.dossier_hash().hex()] = dossier
            elif data.startswith(SETTINGS_BEGIN):
                for name, item in kept_settings(data):
                    self.settings[name].append(item)
            elif data.startswith(MANIFEST_BEGIN):
                manifest = read_manifest(data)
                if manifest is not None:
                    self._manifests[sha256] = manifest
            elif data.startswith(_DER) and len(data) <= MAX_TOKEN_BYTES:
                self._perhaps_tokens.append(sha256)
        except FilingGateError:
            return  # the first check has named the file, or it is a document that only begins like one of ours

    # --- observations -------------------------------------------------------------------------------------------------

    def decision(self, name: str, data: bytes, terms: StampTerms | None) -> None:
        """Every observation of a signed decision, and its time stamp."""
        try:
            signed = parse_decision(data, what=name)
            own, observations = self._observations(signed)
        except InputError:
            return  # the first check has said why
        dossier = self._dossiers.get(str(signed.document.get("dossierHash")))
        asked = query_for(dossier) if dossier is not None else None
        for place, seen, known in observations:
            source = own.get(seen.source, [])
            self.observation(
                f"{name} {place}", seen, [*source, *self.settings[seen.source]] if known else source, asked
            )
        self._stamp(name, signed, [seen for _, seen, _ in observations], terms)

    @staticmethod
    def _observations(
        signed: SignedDecision,
    ) -> tuple[dict[str, list[Settings]], list[tuple[str, Observation, bool]]]:
        """A decision's configurations by source; place, observation, whether it may be of another configuration."""
        case, sources = signed.document.get("case"), signed.document.get("sources")
        if not isinstance(case, dict) or not isinstance(sources, list):
            raise InputError("has no case or no sources", where="decision", remedy="restore it from a backup")
        own: dict[str, list[Settings]] = defaultdict(list)
        for name, item in read_settings(sources):
            own[name].append(item)
        found = []
        for part in ("observations", "earlier"):
            for number, value in enumerate(case.get(part, [])):
                try:
                    seen = Observation.model_validate_json(canonical_bytes(value))
                except ValueError:
                    raise InputError("unreadable", where=f"{part}[{number}]", remedy="restore it") from None
                found.append((f"{part}[{number}]", seen, part == "earlier"))
        return own, found

    def observation(
        self, place: str, seen: Observation, settings: Sequence[Settings], asked: FilingQuery | None
    ) -> None:
        """Parse again what an observation rests on; what rests on no reading is counted by its reason."""
        for sha256 in filter(None, (seen.sha256, seen.attachment_sha256)):
            self._rested_on |= {sha256, *self.store.warcs_of(sha256)}
        if place in self._named:
            return  # its bytes are missing, or of another origin: said already
        reason = why_without_parse(seen)
        if reason is not None:
            self._count(f"notParsed.{reason}")
            return
        problem = self._problem(seen, settings, asked)
        if problem is None:
            self._count("parsedAgain")
        else:
            self._add("observation", place, problem)

    def _problem(self, seen: Observation, settings: Sequence[Settings], asked: FilingQuery | None) -> str | None:
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

    def _stamp(
        self, name: str, signed: SignedDecision, observations: Sequence[Observation], terms: StampTerms | None
    ) -> None:
        dossier, payloads = signed.document.get("dossierHash"), payloads_of(observations)
        tokens = [
            (manifest, token)
            for manifest, content in self._manifests.items()
            if content.dossier_hash == dossier and content.evidence.keys() == payloads
            for token in self._tokens.get(manifest, [])
        ]
        self._tokens_used |= {token for _, token in tokens}
        if terms is None:
            if tokens:
                self._count("timestampsNotChecked")
            return
        held = [stamp for manifest, token in tokens if (stamp := self._held(manifest, token, terms)) is not None]
        if held:
            # The earliest proves most. It may be older than this decision where an earlier one rests on the same bytes.
            self.result.stamps.append((name, min(held, key=lambda stamp: stamp.time)))
            self._count("timestamps")
        elif terms.required and signed.document.get("outcome", {}).get("approved") is True and _may_mint(signed):
            self._add("timestamp", name, "approved without a time stamp that holds")

    def _held(self, manifest: str, token: str, terms: StampTerms) -> TimeStamp | None:
        missing = [
            warc
            for payload, warcs in self._manifests[manifest].evidence.items()
            for warc in (warcs or [payload])
            if not self.store.holds(warc)
        ]
        if missing:
            self._add("timestamp", token, f"covers {missing[0]}, which the store does not hold")
            return None
        try:
            return checked_stamp(self.store.get(token), manifest, terms.roots, policy=terms.policy)
        except (BadStamp, FilingGateError) as error:
            self._add("timestamp", token, str(error))
            return None

    def count_other_tokens(self) -> None:
        """Tokens over something else than a decision's manifest, as a document of a dossier may be."""
        others = {token for tokens in self._tokens.values() for token in tokens} - self._tokens_used
        if others:
            self.result.check.counts["timestampsOfOtherFiles"] += len(others)

    # --- captures -----------------------------------------------------------------------------------------------------

    def classify_captures(self) -> None:
        """Count every exchange by what it is there for."""
        for captures in self._captures.values():
            for capture in captures:
                self._count("captures." + ("restedOn" if capture.warc in self._rested_on else capture.role))

    def _count(self, name: str) -> None:
        self.result.check.counts[name] += 1

    def _add(self, kind: str, subject: str, problem: str) -> None:
        finding = EvidenceFinding(kind, subject, problem)
        if finding not in self.result.check.findings:
            self.result.check.findings.append(finding)


def _may_mint(signed: SignedDecision) -> bool:
    proposed = signed.document.get("proposed")
    status = proposed.get("status") if isinstance(proposed, dict) else None
    return signed.document.get("kind") == "approval" or status == OnChainStatus.APPROVED


def _capture(warc: str, exchange: CapturedExchange) -> _Capture:
    moment = datetime.fromisoformat(exchange.captured_at)
    return _Capture(warc, moment, exchange.status, sha256_hex(exchange.body), _role(exchange))


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
