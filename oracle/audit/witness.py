"""Where an operator's decisions and evidence are read from: a store of evidence, or its node's API.

Both give the same: the decision records on a change, and for one of them a `ReadStore` with what it rests on, the
captures among it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from oracle.audit.decision_check import Change
from oracle.audit.evidence_check import ReadStore
from oracle.audit.held_files import held_store
from oracle.audit.log_check import Fetch
from oracle.audit.replay import SignedDecision, parse_decision
from oracle.domain.canonical import canonical_bytes, parse_json
from oracle.domain.dossier import parse_dossier
from oracle.domain.filing import Observation
from oracle.errors import InputError, UnreachableError
from oracle.evidence.manifest import payloads_of
from oracle.evidence.store import MOST_CAPTURES, EvidenceStore, address_of, sha256_hex, stamp_of
from oracle.rules.decision_record import dossier_hashes
from oracle.sources.parsed_again import Settings, answers_needed, read_settings

__all__ = ["NodeWitness", "StoreWitness", "Witness", "record_of"]

#: (operator in lower case, filing, sequence)
_Key = tuple[str, str, int]

#: More decisions than this are not read from one node.
MAX_DECISIONS = 1_000_000
#: A decision that rests on more exchanges, or on more bytes of them, is looked at as far as this goes.
MAX_CAPTURES = 2_000
MAX_CAPTURED_BYTES = 500_000_000
_PAGE = 200


class Witness(Protocol):
    """One place with decisions and evidence."""

    def records(self, operator: str, filing: str, sequence: int) -> Iterator[bytes]:
        """The decision records of an operator on a change of a filing, the newest first."""
        ...

    def read(self, record: bytes) -> ReadStore:
        """A store that holds what a decision rests on, as far as it is there."""
        ...


def _key(signed: SignedDecision) -> _Key | None:
    """What a decision is about; None for one that proposes nothing readable."""
    proposed = signed.document.get("proposed")
    if not isinstance(proposed, dict):
        return None
    operator, filing, sequence = signed.document.get("operator"), proposed.get("filing"), proposed.get("sequence")
    if not (isinstance(operator, str) and isinstance(filing, str) and type(sequence) is int):
        return None
    return operator.lower(), filing.lower(), sequence


def record_of(witnesses: Sequence[Witness], operator: str, change: Change) -> tuple[Witness, bytes] | None:
    """The record of an operator's decision that fits the change best, and who has it; None if nobody has any."""
    digest = "0x" + change.digest.hex()
    best: tuple[int, Witness, bytes] | None = None
    for witness in witnesses:
        for record in witness.records(operator, change.message.filing, change.message.sequence):
            document = parse_decision(record, what="record").document
            outcome = document.get("outcome")
            approved = isinstance(outcome, dict) and outcome.get("approved") is True
            fit = 2 * (document.get("digest") == digest) + approved
            if best is None or fit > best[0]:
                best = fit, witness, record
            if fit == 3:
                return witness, record
    return best[1:] if best else None


class StoreWitness:
    """A store of evidence, read once."""

    def __init__(self, store: EvidenceStore) -> None:
        self.store = ReadStore(store)
        self._records: dict[_Key, list[tuple[int, str]]] = defaultdict(list)
        for sha256 in self.store.envelopes:
            try:
                signed = parse_decision(store.get(sha256), what=sha256)
            except InputError:
                continue  # begins like a decision and is none: its hash was checked
            key, at = _key(signed), signed.document.get("decidedAt")
            if key is not None:
                self._records[key].append((at if type(at) is int else 0, sha256))

    def records(self, operator: str, filing: str, sequence: int) -> Iterator[bytes]:
        """See `Witness`."""
        for _, sha256 in sorted(self._records.get((operator.lower(), filing, sequence), ()), reverse=True):
            yield self.store.store.get(sha256)

    def read(self, record: bytes) -> ReadStore:
        """The whole store."""
        return self.store


class NodeWitness:
    """A node's API, asked through `Fetch` with an auditor's key: records, dossiers, payloads and captures."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._numbers: dict[_Key, list[str]] | None = None
        #: How sources were configured, by (name, bytes): what was seen earlier may have been read otherwise.
        self._settings: dict[tuple[str, bytes], Settings] = {}

    def records(self, operator: str, filing: str, sequence: int) -> Iterator[bytes]:
        """See `Witness`. All decisions that the node approved are looked through once."""
        if self._numbers is None:
            self._numbers = defaultdict(list)
            for number in self._listed():
                signed = parse_decision(self._record(number), what=f"decision {number}")
                key = _key(signed)
                if key is not None:
                    self._numbers[key].append(number)
                self._learn(signed)
        for number in self._numbers.get((operator.lower(), filing, sequence), ()):
            yield self._record(number)

    def _learn(self, signed: SignedDecision) -> None:
        sources = signed.document.get("sources")
        for source in sources if isinstance(sources, list) else []:
            for name, item in read_settings([source]):
                self._settings.setdefault((name, canonical_bytes(source)), item)

    def _record(self, number: str) -> bytes:
        return self._needed(f"/v1/decisions/{number}")

    def _needed(self, path: str) -> bytes:
        data = self._fetch(path)
        if data is None:
            raise UnreachableError("the node has nothing there", where=path, remedy="ask the operator")
        return data

    def _listed(self) -> Iterable[str]:
        """The numbers of the decisions that approved something, the newest first."""
        cursor, found = "", 0
        while True:
            page = parse_json(self._needed(f"/v1/decisions?limit={_PAGE}{cursor}"), what="/v1/decisions")
            rows = page.get("decisions") if isinstance(page, dict) else None
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise UnreachableError("not a page of decisions", where="/v1/decisions", remedy="ask the operator")
            found += len(rows)
            if found > MAX_DECISIONS:
                raise UnreachableError(
                    f"more than {MAX_DECISIONS} decisions", where="/v1/decisions", remedy="give its store of evidence"
                )
            for row in rows:
                if row.get("approved") is True and type(row.get("id")) is int:
                    yield str(row["id"])
            following = page.get("next")
            if not rows or not isinstance(following, str) or not following.isascii() or not following.isalnum():
                return
            cursor = f"&cursor={following}"

    def read(self, record: bytes) -> ReadStore:
        """What the node serves of a decision's dossiers and payloads."""
        signed = parse_decision(record, what="record")
        files: dict[str, bytes] = {}
        for name in dossier_hashes(signed.document):
            data = self._fetch(f"/v1/dossiers/{name}") if _is_hash(name) else None
            if data is not None:
                canonical = parse_dossier(data, what=name).canonical()
                files[sha256_hex(canonical)] = canonical
        try:
            seen = ReadStore(held_store({})).seen_in(signed)
        except InputError:
            seen = []  # who reads the record says so
        observed = [item.seen for item in seen]
        files |= self._captured(observed)
        for sha256 in sorted(payloads_of(observed)):
            data = self._fetch(f"/v1/evidence/{sha256}")
            if data is not None:
                files[sha256] = data
        return ReadStore(held_store(files), ((name, item) for (name, _), item in self._settings.items()))

    def _captured(self, observed: Iterable[Observation]) -> dict[str, bytes]:
        """The WARC files that show where the bytes of observations came from, and those that reading them needs."""
        files: dict[str, bytes] = {}
        room = MAX_CAPTURED_BYTES
        for path in dict.fromkeys(path for seen in observed for path in _captures_asked(seen)):
            for sha256 in _named(parse_json(self._needed(path), what="/v1/captures")):
                if sha256 in files or len(files) >= MAX_CAPTURES:
                    continue
                data = self._fetch(f"/v1/evidence/{sha256}")
                room -= len(data or b"")
                if data is None or room < 0:
                    continue
                files[sha256] = data
        return files


def _captures_asked(seen: Observation) -> list[str]:
    """What a node is asked for an observation's captures."""
    if seen.sha256 is None or seen.url is None or not seen.url.startswith("http"):
        return []
    at = stamp_of(datetime.fromisoformat(seen.fetched_at))
    own = f"/v1/captures?address={address_of(seen.url)}&at={at}&payload={seen.sha256}"
    return [own, *(f"/v1/captures?address={address_of(url)}&at={at}" for url in answers_needed(seen))]


def _named(answer: Any) -> list[str]:
    """The hashes of an answer to `/v1/captures`."""
    named = answer.get("captures") if isinstance(answer, dict) else None
    if not isinstance(named, list) or len(named) > MOST_CAPTURES or not all(_is_sha256(item) for item in named):
        raise UnreachableError("not a list of captures", where="/v1/captures", remedy="ask the operator")
    return named


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _is_hash(name: str) -> bool:
    return len(name) == 66 and name.startswith("0x") and name[2:].isascii() and name[2:].isalnum()
