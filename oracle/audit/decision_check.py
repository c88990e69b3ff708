"""What an operator signed on chain, held against the decision it signed for it and the bytes that decision rests on.

Pure: the change as the chain has it and one operator's material come in, results go out through `Tell`. The audit and
the check of a bundle use it alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from oracle.audit.evidence_check import ReadStore, Seen
from oracle.audit.replay import SignedDecision, parse_decision, replay
from oracle.domain.approval import FilingApproval, FilingUpdate, OnChainStatus
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier
from oracle.errors import InputError
from oracle.rules.case import query_for
from oracle.rules.decision_record import dossier_hashes
from oracle.rules.table import RULESET_VERSION
from oracle.sources.parsed_again import why_without_parse

__all__ = ["DECISION_CHECKS", "UNFIT", "Change", "Tell", "check_decision"]

#: Every check of this module: id -> (severity, what it means if it fails). Ids never change their meaning.
DECISION_CHECKS: dict[str, tuple[str, str]] = {
    "DECISION-MISSING": ("critical", "a signer's decision record on what it signed is not there"),
    "DECISION-UNREADABLE": ("critical", "a decision record can't be read"),
    "DECISION-SIGNATURE": ("critical", "a decision record is not signed by the operator whose decision it is"),
    "DECISION-DIGEST": ("critical", "the operator decided about something else than it signed on chain"),
    "DECISION-REFUSED": ("critical", "the operator signed on chain what its decision refused"),
    "DECISION-DOSSIER": ("high", "a dossier that the decision rests on is not there"),
    "DECISION-RULES": ("high", "the decision was made by other rules than this version knows, so it can't be replayed"),
    "DECISION-REPLAY": ("critical", "the decision made again from its inputs differs"),
    "DECISION-HASH": ("critical", "dossier or rules of the decision are not those on chain"),
    "EVIDENCE-MISSING": ("high", "bytes that a decision rests on are not there"),
    "EVIDENCE-HASH": ("critical", "stored bytes do not fit their hash or their WARC digests"),
    "EVIDENCE-ORIGIN": ("critical", "no capture shows that the address gave these bytes at that time"),
    "EVIDENCE-PARSE": ("critical", "the stored bytes say something else than the observation"),
    "EVIDENCE-RECORD": ("critical", "no observation of the decision gives the recordHash on chain"),
}

#: What a document of the right form with values that no node writes may raise on its way through the rules.
UNFIT = (ArithmeticError, LookupError, OSError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True)
class Change:
    """An approval or update as the chain has it, and the 32-byte digest that its signers signed."""

    message: FilingApproval | FilingUpdate
    digest: bytes

    @property
    def kind(self) -> Literal["approval", "update"]:
        """approval or update, as decision records say it."""
        return "approval" if isinstance(self.message, FilingApproval) else "update"

    @property
    def lets_mint(self) -> bool:
        """Whether the change opens the filing, or keeps it open."""
        return isinstance(self.message, FilingApproval) or self.message.status == OnChainStatus.APPROVED


class Tell(Protocol):
    """Takes the result of one check: None where what it needs is not there."""

    def __call__(self, ident: str, holds: bool | None, expected: object, found: object, place: str = "") -> None: ...


def check_decision(
    change: Change, operator: str, record: bytes, read: ReadStore, tell: Tell, *, origins: bool = True
) -> tuple[SignedDecision, list[Seen]] | None:
    """Hold one operator's decision record against the change, and the record against its evidence.

    `origins`: whether the store holds captures, so that it can be asked where bytes came from. Returns the decision and
    its observations; None if it can't be read.
    """
    try:
        signed = parse_decision(record, what="record")
        fault = signed.signature_fault()
        seen = read.seen_in(signed)
    except InputError as error:
        tell("DECISION-UNREADABLE", False, "a signed decision/v1", f"{error.where or 'record'}: {error.what}")
        return None
    tell("DECISION-UNREADABLE", True, "", "")
    document = signed.document
    if fault is None and str(document.get("operator")).lower() != operator.lower():
        fault = f"it is the decision of {str(document.get('operator'))[:60]}"
    tell("DECISION-SIGNATURE", fault is None, f"signed by {operator}", fault)
    about = (document.get("kind"), document.get("digest"), document.get("proposed"))
    own = (change.kind, "0x" + change.digest.hex(), change.message.model_dump(mode="json", by_alias=True))
    tell("DECISION-DIGEST", canonical_bytes(about) == canonical_bytes(own), own[1], str(about[1])[:80])
    outcome = document.get("outcome")
    approved = outcome.get("approved") if isinstance(outcome, dict) else None
    tell("DECISION-REFUSED", approved is True, "approved", "refused" if approved is False else str(approved)[:40])
    _hashes(change, signed, tell)
    dossiers = read.dossiers_of(signed)
    _replayed(signed, dossiers, tell)
    dossier = dossiers.get(str(document.get("dossierHash")))
    for item in seen:
        _observation(item, dossier, read, tell, origins)
    if change.lets_mint:
        given = {"0x" + item.seen.record.record_hash().hex() for item in seen if item.seen.record is not None}
        wanted = change.message.record_hash
        tell("EVIDENCE-RECORD", wanted in given, wanted, ", ".join(sorted(given)[:5]) or "no record at all")
    return signed, seen


def _hashes(change: Change, signed: SignedDecision, tell: Tell) -> None:
    if not isinstance(change.message, FilingApproval):
        return  # an update names neither dossier nor rules
    ruleset = signed.document.get("ruleset")
    found = (signed.document.get("dossierHash"), ruleset.get("hash") if isinstance(ruleset, dict) else None)
    expected = (change.message.dossier_hash, change.message.ruleset_hash)
    tell("DECISION-HASH", found == expected, expected, str(found)[:300])


def _replayed(signed: SignedDecision, dossiers: dict[str, Dossier], tell: Tell) -> None:
    missing = [name for name in dossier_hashes(signed.document) if name not in dossiers]
    tell("DECISION-DOSSIER", None if missing else True, "every dossier it names", ", ".join(missing)[:300])
    ruleset = signed.document.get("ruleset")
    version = ruleset.get("version") if isinstance(ruleset, dict) else None
    known = version == RULESET_VERSION
    by = f"{str(version)[:60]}, by {str(signed.document.get('software'))[:60]}"
    tell("DECISION-RULES", True if known else None, RULESET_VERSION, by)
    if missing or not known:
        return
    try:
        again = replay(signed.document, dossiers)
        different = ", ".join(item.field for item in again.differences[:10])
    except InputError as error:
        different = f"{error.where or 'decision'}: {error.what}"
    except UNFIT as error:
        different = f"values that no decision has ({type(error).__name__})"
    tell("DECISION-REPLAY", not different, "the same bytes", f"differs in {different}")


def _observation(item: Seen, dossier: Dossier | None, read: ReadStore, tell: Tell, origins: bool) -> None:
    seen = item.seen
    asked = query_for(dossier) if dossier is not None else None
    try:
        fault = read.fault(item, asked, origins=origins)
    except UNFIT as error:
        tell("EVIDENCE-PARSE", False, "what the observation says", f"unusable ({type(error).__name__})", item.place)
        return
    place = f"{item.place} {seen.source} {seen.kind.value}"
    if fault is not None and fault.kind == "missing":
        tell("EVIDENCE-MISSING", None, "the bytes", fault.problem, place)
        return
    if seen.sha256 is not None:
        tell("EVIDENCE-MISSING", True, "", "", place)
        if fault is not None and fault.kind == "damaged":
            tell("EVIDENCE-HASH", False, "bytes that fit their hash", fault.problem, place)
            return
        tell("EVIDENCE-HASH", True, "", "", place)
        if seen.url and seen.url.startswith("http"):
            if not origins:
                tell("EVIDENCE-ORIGIN", None, "a capture", "captures are not given", place)
            elif fault is not None and fault.kind == "origin":
                tell("EVIDENCE-ORIGIN", False, "a capture of that address and time", fault.problem, place)
                return
            else:
                tell("EVIDENCE-ORIGIN", True, "", "", place)
    if fault is not None:
        # A list of several pages needs captures of all of them, and a node's API gives none.
        lacking = not origins and fault.kind == "absent"
        tell("EVIDENCE-PARSE", None if lacking else False, "what the observation says", fault.problem, place)
    elif why_without_parse(seen) is None:
        tell("EVIDENCE-PARSE", True, "", "", place)
