"""A node's decision made again from its record and the dossier alone: the same bytes, or the field that differs.

Uses neither the node's code nor its database. A signed decision is an object with the keys `decision` (the document
of `oracle.rules.decision_record`) and `signature`: `{operator, scheme: "eip191", signature}` over the text
`filing-gate decision/v1 sha256:<SHA-256 of the decision's canonical bytes>`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oracle import __version__
from oracle.domain.approval import FilingApproval
from oracle.domain.canonical import canonical_bytes, parse_json
from oracle.domain.dossier import Dossier
from oracle.errors import InputError
from oracle.rules.decision_record import SCHEMA, build, decide, read
from oracle.signing.eip712 import Domain, approval_digest, update_digest
from oracle.signing.personal_message import decision_message, message_digest
from oracle.signing.recovery import InvalidSignature, recover

__all__ = [
    "MAX_DECISION_BYTES",
    "Difference",
    "Replay",
    "SignedDecision",
    "parse_decision",
    "replay",
]

#: A decision holds observations and a policy, no documents.
MAX_DECISION_BYTES = 20_000_000

_MISSING = "(absent)"
_MOST_DIFFERENCES = 100


@dataclass(frozen=True)
class Difference:
    """A field in which the record and its replay part: `recorded` and `replayed` are JSON values or "(absent)"."""

    field: str
    recorded: Any
    replayed: Any

    def as_json(self) -> dict[str, Any]:
        """Keys field, recorded, replayed."""
        return {"field": self.field, "recorded": self.recorded, "replayed": self.replayed}


@dataclass(frozen=True)
class SignedDecision:
    """A decision's document as it was given, and its signature, if it has one."""

    document: Mapping[str, Any]
    signature: Mapping[str, Any] | None

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical bytes, 64 hex digits."""
        return hashlib.sha256(canonical_bytes(self.document)).hexdigest()

    def signature_fault(self) -> str | None:
        """What is wrong with the signature; None if it is good. An absent one is a fault."""
        given = self.signature
        if given is None:
            return "the decision is not signed"
        operator, signature = given.get("operator"), given.get("signature")
        if given.get("scheme") != "eip191" or not isinstance(signature, str) or not signature.startswith("0x"):
            return "the signature is not of scheme eip191 in 0x-hex"
        if operator != self.document.get("operator"):
            return (
                f"signed in the name of {str(operator)[:60]}, but decided by {str(self.document.get('operator'))[:60]}"
            )
        try:
            found = recover(message_digest(decision_message(self.sha256)), bytes.fromhex(signature[2:]))
        except (InvalidSignature, ValueError) as error:
            return f"not a signature: {error}"
        return None if found == operator else f"the signature is {found}'s, not {operator}'s"


@dataclass(frozen=True)
class Replay:
    """A replay's result. `identical` means the same bytes; `document` is what the replay made."""

    document: Mapping[str, Any]
    differences: tuple[Difference, ...]
    recorded_software: str

    @property
    def identical(self) -> bool:
        """Whether the replay gave the recorded bytes."""
        return not self.differences

    @property
    def software_note(self) -> str | None:
        """A sentence if the record was made by another version of this software."""
        here = f"filing-gate/{__version__}"
        if self.recorded_software == here:
            return None
        return f"recorded by {self.recorded_software}, replayed by {here}"


def parse_decision(data: bytes, *, what: str) -> SignedDecision:
    """A decision's file: signed, or the bare document. InputError if it is neither."""
    if len(data) > MAX_DECISION_BYTES:
        raise InputError(f"larger than {MAX_DECISION_BYTES} bytes", where=what, remedy="give a decision's own file")
    value = parse_json(data, what=what)
    if isinstance(value, dict) and value.get("schema") == SCHEMA:
        return SignedDecision(value, None)
    document = value.get("decision") if isinstance(value, dict) else None
    signature = value.get("signature") if isinstance(value, dict) else None
    if not isinstance(document, dict) or not isinstance(signature, dict) or document.get("schema") != SCHEMA:
        raise InputError(
            f"neither a {SCHEMA} document nor a signed one", where=what, remedy="fetch it with GET /v1/decisions/{id}"
        )
    return SignedDecision(document, signature)


def replay(document: Mapping[str, Any], dossiers: Mapping[str, Dossier]) -> Replay:
    """Decide again from the record's inputs and compare every byte.

    InputError if the record cannot be read at all, or a dossier it names is not among `dossiers` (by 0x-hex hash).
    """
    case, about = read(document, dossiers)
    domain = Domain(about.chain_id, about.registry)
    proposed = about.proposed
    digest = (
        approval_digest(domain, proposed) if isinstance(proposed, FilingApproval) else update_digest(domain, proposed)
    )
    again = build(case, about, decide(case, about))
    again["digest"] = "0x" + digest.hex()
    if canonical_bytes(again) == canonical_bytes(document):
        return Replay(again, (), about.software)
    # Through the canonical bytes, so that both sides write large integers alike.
    made = parse_json(canonical_bytes(again), what="replay")
    kept = parse_json(canonical_bytes(document), what="record")
    return Replay(again, tuple(_differences(kept, made, ""))[:_MOST_DIFFERENCES], about.software)


def _differences(recorded: Any, replayed: Any, path: str) -> list[Difference]:
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        found = []
        for key in sorted({*recorded, *replayed}):
            at = f"{path}.{key}" if path else key
            found += _differences(recorded.get(key, _MISSING), replayed.get(key, _MISSING), at)
        return found
    if isinstance(recorded, list) and isinstance(replayed, list):
        longest = max(len(recorded), len(replayed))
        left, right = ([*side, *[_MISSING] * (longest - len(side))] for side in (recorded, replayed))
        pairs = zip(left, right, strict=True)
        return [item for index, (a, b) in enumerate(pairs) for item in _differences(a, b, f"{path}[{index}]")]
    # Types are compared too: for Python true equals 1, for the bytes it does not.
    same = type(recorded) is type(replayed) and recorded == replayed
    return [] if same else [Difference(path, recorded, replayed)]
