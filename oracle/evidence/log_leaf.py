"""What a log's leaves say, and the proof that one is in the log, as a document that stands by itself.

A leaf is canonical JSON (RFC 8785) that names what was kept without holding it:

    {"id": "<number>", "kind": "decision", "sha256": "…"}             of the signed record's bytes, as they are served
    {"id": "<sighting>/<n>", "kind": "observation", "sha256": "…"}    of the observation's canonical JSON
    {"id": "<digest>", "kind": "signature", "sha256": "…"}            of the 65 bytes; id is the EIP-712 digest, 0x-hex
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError

from oracle.domain.canonical import canonical_bytes, parse_json
from oracle.domain.fields import Frozen
from oracle.domain.filing import Observation
from oracle.errors import InputError
from oracle.evidence.checkpoint import Checkpoint, open_checkpoint
from oracle.evidence.log_tree import MAX_TREE_SIZE, BadLogProof, hash_leaf, verify_inclusion
from oracle.evidence.signed_note import MAX_NOTE_BYTES, NoteVerifier

__all__ = ["LeafKind", "LogLeaf", "LogProof", "decision_leaf", "observation_leaf", "read_leaf", "signature_leaf"]

LeafKind = Literal["decision", "observation", "signature"]

#: An id is a number, a UUID with a position, or a digest.
_ID = re.compile("[0-9A-Za-z/-]{1,80}")
_HEX = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class LogLeaf:
    """One thing that was kept; `sha256` is 64 hex digits."""

    kind: LeafKind
    id: str
    sha256: str

    def as_bytes(self) -> bytes:
        """Canonical JSON: the leaf's data in the tree."""
        return canonical_bytes({"id": self.id, "kind": self.kind, "sha256": self.sha256})

    def hash(self) -> bytes:
        """The leaf's hash in the tree, 32 bytes."""
        return hash_leaf(self.as_bytes())


def decision_leaf(number: int, record: bytes) -> LogLeaf:
    """The leaf of a signed decision record."""
    return LogLeaf("decision", str(number), hashlib.sha256(record).hexdigest())


def observation_leaf(sighting: str, position: int, observation: Observation) -> LogLeaf:
    """The leaf of an observation, number `position` of its sighting."""
    return LogLeaf("observation", f"{sighting}/{position}", hashlib.sha256(observation.canonical_form).hexdigest())


def signature_leaf(digest: str, signature: str) -> LogLeaf:
    """The leaf of a signature (0x-hex) over an EIP-712 digest (0x-hex)."""
    return LogLeaf("signature", digest, hashlib.sha256(bytes.fromhex(signature[2:])).hexdigest())


def read_leaf(data: bytes) -> LogLeaf:
    """The leaf in a leaf's bytes. BadLogProof if they are none, or not canonical."""
    try:
        content = parse_json(data, what="leaf")
    except InputError:
        content = None
    if not isinstance(content, dict) or set(content) != {"id", "kind", "sha256"}:
        raise BadLogProof("a leaf is a JSON object with id, kind and sha256")
    ident, kind, sha256 = content["id"], content["kind"], content["sha256"]
    known = kind in ("decision", "observation", "signature")
    if not known or not _matches(_ID, ident) or not _matches(_HEX, sha256):
        raise BadLogProof("a leaf's id, kind or sha256 is not of a known shape")
    leaf = LogLeaf(kind, ident, sha256)
    if leaf.as_bytes() != data:
        raise BadLogProof("a leaf is not in canonical form")
    return leaf


def _matches(shape: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and shape.fullmatch(value) is not None


class LogProof(Frozen):
    """That a leaf is in the tree of a checkpoint; the answer of `GET /v1/log/proof`, and what a bundle carries.

    `checkpoint` is the whole signed note, `leaf` its canonical JSON, `proof` the hashes from leaf to root in hex.
    """

    schema_: Literal["log-proof/v1"] = Field(default="log-proof/v1", alias="schema")
    checkpoint: str = Field(max_length=MAX_NOTE_BYTES)
    index: int = Field(ge=0, le=MAX_TREE_SIZE)
    leaf: str = Field(max_length=1_000)
    proof: list[str] = Field(max_length=64)

    def as_json(self) -> dict[str, Any]:
        """The JSON document."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> LogProof:
        """The proof of a JSON document. BadLogProof if it is none."""
        try:
            found: LogProof = cls.model_validate_json(canonical_bytes(dict(document)))
        except (ValidationError, InputError):
            raise BadLogProof("not a log-proof/v1 document") from None
        return found

    def verify(self, verifier: NoteVerifier) -> tuple[Checkpoint, LogLeaf]:
        """The checkpoint and the leaf, if the key signed the one and the other is in its tree. BadLogProof if not."""
        checkpoint = open_checkpoint(self.checkpoint.encode("utf-8", "surrogatepass"), verifier)
        data = self.leaf.encode("utf-8", "surrogatepass")
        leaf = read_leaf(data)
        if not all(_HEX.fullmatch(item) for item in self.proof):
            raise BadLogProof("the proof holds something that is no hash in hex")
        path = [bytes.fromhex(item) for item in self.proof]
        verify_inclusion(hash_leaf(data), self.index, checkpoint.size, path, checkpoint.root)
        return checkpoint, leaf
