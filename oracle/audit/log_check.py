"""One node's append-only log held against what it said before, against what others saw, and against what it serves.

Pure over `Fetch`, which gives the bytes at an address of the node: over HTTP, or from a folder of saved answers. Roots
and proofs are computed here, from tiles that have to hash to the signed root.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, ValidationError

from oracle.domain.canonical import parse_json
from oracle.domain.fields import Address, Frozen
from oracle.errors import InputError, UnreachableError
from oracle.evidence.checkpoint import Checkpoint, log_statement, open_checkpoint
from oracle.evidence.log_leaf import LogLeaf, LogProof, decision_leaf
from oracle.evidence.log_tiles import TILE_WIDTH, Tile, TileTree, read_entry_bundle, tile_at
from oracle.evidence.log_tree import (
    EMPTY_ROOT,
    BadLogProof,
    consistency_proof,
    hash_leaf,
    hash_node,
    inclusion_proof,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from oracle.evidence.signed_note import NoteVerifier, parse_verifier_key
from oracle.signing.personal_message import message_digest
from oracle.signing.recovery import InvalidSignature, recover

__all__ = [
    "LOG_FINDINGS",
    "Asked",
    "Fetch",
    "LogBinding",
    "LogCheck",
    "LogFinding",
    "RememberedLog",
    "check_log",
    "verify_binding",
]

#: The bytes at a path of the node (`/log/checkpoint`), None if it has nothing there (404).
Fetch = Callable[[str], bytes | None]

#: More new leaves than this are not read in one run.
MAX_ENTRIES = 5_000_000

#: Everything that can be found: id -> what it means. Ids never change their meaning.
LOG_FINDINGS: dict[str, str] = {
    "LOG-NONE": "the node signs no log",
    "LOG-KEY": "the log's key is not bound to the operator, or is not the one it was",
    "LOG-CHECKPOINT": "the checkpoint is not one that the log's key signed",
    "LOG-SHRANK": "the log is smaller than one it signed before",
    "LOG-FORK": "the log does not continue one it signed: history was rewritten, or differs from reader to reader",
    "LOG-TILES": "the tiles do not hash to the signed root",
    "LOG-ENTRIES": "the leaves do not hash to the tiles",
    "LOG-MISSING": "what the node keeps or signed is not in its log",
    "LOG-PROOF": "the node's proof of a leaf does not hold",
}


@dataclass(frozen=True)
class LogFinding:
    """One thing that does not hold; `id` is a key of LOG_FINDINGS."""

    id: str
    problem: str

    def as_json(self) -> dict[str, str]:
        """Keys id, meaning, problem."""
        return {"id": self.id, "meaning": LOG_FINDINGS[self.id], "problem": self.problem}


class LogBinding(Frozen):
    """What ties a log's key to an operator: `GET /log/key.json`, and `log` of `GET /v1/operator`."""

    verifier_key: str = Field(max_length=2_000)
    statement: str = Field(max_length=3_000)
    signature: str = Field(pattern=r"^0x[0-9a-f]{130}$")


class RememberedLog(Frozen):
    """What a monitor keeps of a log between two checks."""

    schema_: Literal["log-state/v1"] = Field(default="log-state/v1", alias="schema")
    operator: Address
    verifier_key: str = Field(max_length=2_000)
    checkpoint: str = Field(max_length=100_000)

    @classmethod
    def read(cls, data: bytes, *, where: str) -> RememberedLog:
        """The state in a file's bytes. InputError if it is none."""
        try:
            parse_json(data, what=where)
            found: RememberedLog = cls.model_validate_json(data)
        except ValidationError:
            raise InputError(
                "not the state of `filing-gate log check`", where=where, remedy="name the file it wrote"
            ) from None
        return found

    def as_bytes(self) -> bytes:
        """The file: JSON."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=2).encode("utf-8") + b"\n"


@dataclass(frozen=True)
class Asked:
    """A leaf to look for: `what` is decision (its number), record (SHA-256 of a content), or signature (its digest)."""

    what: Literal["decision", "record", "signature"]
    value: str


@dataclass
class LogCheck:
    """What was found of one log. `evidence` holds signed bytes that prove a finding to others."""

    findings: list[LogFinding] = field(default_factory=list)
    operator: str | None = None
    binding: LogBinding | None = None
    note: bytes | None = None
    checkpoint: Checkpoint | None = None
    entries: int = 0
    included: list[dict[str, Any]] = field(default_factory=list)
    proofs: list[LogProof] = field(default_factory=list)
    evidence: list[dict[str, str]] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything holds."""
        return not self.findings

    def add(self, ident: str, problem: str) -> None:
        """Note a finding."""
        self.findings.append(LogFinding(ident, problem))

    def state(self) -> RememberedLog | None:
        """What to remember, None if something does not hold."""
        if not self.clean or self.operator is None or self.binding is None or self.note is None:
            return None
        return RememberedLog(
            operator=self.operator, verifier_key=self.binding.verifier_key, checkpoint=self.note.decode("utf-8")
        )

    def as_json(self) -> dict[str, Any]:
        """Keys clean, operator, verifierKey, origin, size, root (hex), entriesChecked, included, findings, evidence."""
        point = self.checkpoint
        return {
            "clean": self.clean,
            "operator": self.operator,
            "verifierKey": self.binding.verifier_key if self.binding else None,
            "origin": point.origin if point else None,
            "size": point.size if point else None,
            "root": point.root.hex() if point else None,
            "entriesChecked": self.entries,
            "included": self.included,
            "findings": [item.as_json() for item in self.findings],
            "evidence": self.evidence,
        }


def verify_binding(binding: LogBinding) -> tuple[str, NoteVerifier]:
    """The operator (address) whose key signed for this log's key, and the key. BadLogProof if the signature is none.

    The log's name must end in that operator's address, so that nobody signs for a log under another's name.
    """
    verifier = parse_verifier_key(binding.verifier_key)
    if binding.statement != log_statement(binding.verifier_key):
        raise BadLogProof("the operator's statement is of another key")
    try:
        operator = recover(message_digest(binding.statement), bytes.fromhex(binding.signature[2:]))
    except InvalidSignature as error:
        raise BadLogProof(f"the operator's signature is none: {error}") from None
    if verifier.name.rpartition("/")[2] != operator.lower():
        raise BadLogProof(f"the log is named {verifier.name[:200]}, and {operator} signed for it")
    return operator, verifier


def check_log(
    fetch: Fetch,
    *,
    operator: str | None = None,
    remembered: RememberedLog | None = None,
    others: Sequence[bytes] = (),
    asked: Sequence[Asked] = (),
    entries: bool = False,
) -> LogCheck:
    """Check a log as it is served now.

    `operator` is the address it must belong to; `remembered` is what an earlier check kept; `others` are checkpoints
    that somebody else saw; `asked` are leaves that must be in it. With `entries`, every leaf that is new since
    `remembered` is read and hashed. UnreachableError if the node does not answer, or lacks what a checkpoint promises.
    """
    check = LogCheck()
    # Before the checkpoint: what the node serves now, it logged before, and the checkpoint must cover it.
    wanted = [(item, _wanted(item, fetch, check)) for item in asked]
    verifier = _key(fetch, operator, remembered, check)
    if verifier is None:
        return check
    note = fetch("/log/checkpoint")
    if note is None:
        check.add("LOG-NONE", "the node has a log's key and serves no checkpoint")
        return check
    check.note = note
    try:
        point = check.checkpoint = open_checkpoint(note, verifier)
    except BadLogProof as error:
        check.add("LOG-CHECKPOINT", str(error))
        return check
    tree = TileTree(point.size, _reader(fetch))
    try:
        root = tree_root(point.size, tree)
    except BadLogProof as error:
        check.add("LOG-TILES", str(error))
        return check
    if root != point.root:
        check.add("LOG-TILES", f"the tiles of {point.size} leaves give another root than the signed one")
    earlier = [("remembered", remembered.checkpoint.encode("utf-8"))] if remembered is not None else []
    for name, known in (*earlier, *(("given", item) for item in others)):
        _follow(name, known, verifier, tree if root == point.root else None, check)
    if root == point.root:
        if entries:
            first = _size_of(remembered, verifier)
            _entries(fetch, first if first <= point.size else 0, tree, check)
        for item, leaf in wanted:
            _included(fetch, item, leaf, verifier, tree, check)
    return check


def _size_of(remembered: RememberedLog | None, verifier: NoteVerifier) -> int:
    if remembered is None:
        return 0
    try:
        return open_checkpoint(remembered.checkpoint.encode("utf-8"), verifier).size
    except BadLogProof:
        return 0


def _key(fetch: Fetch, operator: str | None, remembered: RememberedLog | None, check: LogCheck) -> NoteVerifier | None:
    data = fetch("/log/key.json")
    if data is None:
        check.add("LOG-NONE", "the node serves no log")
        return None
    try:
        parse_json(data, what="/log/key.json")
        binding = LogBinding.model_validate_json(data)
        signer, verifier = verify_binding(binding)
    except (InputError, ValidationError):
        check.add("LOG-KEY", "what the node serves as its log's key is not of the known form")
        return None
    except BadLogProof as error:
        check.add("LOG-KEY", str(error))
        return None
    check.operator, check.binding = signer, binding
    for name, expected in (("expected", operator), ("remembered", remembered.operator if remembered else None)):
        if expected is not None and expected.lower() != signer.lower():
            check.add("LOG-KEY", f"the log is of {signer}, not of the {name} operator {expected}")
            return None
    if remembered is not None and remembered.verifier_key != binding.verifier_key:
        check.add(
            "LOG-KEY", f"the log's key was {remembered.verifier_key[:300]} and is {binding.verifier_key}: another log"
        )
        check.evidence.append({"name": "remembered", "note": remembered.checkpoint})
        return None
    return verifier


def _reader(fetch: Fetch) -> Callable[[Tile], bytes]:
    def read(tile: Tile) -> bytes:
        data = fetch(f"/log/{tile.path}")
        if data is None:
            raise UnreachableError(
                f"the node does not serve {tile.path}, which its checkpoint covers",
                where="/log",
                remedy="try again; if it stays so, ask the operator",
            )
        return data

    return read


def _follow(name: str, known: bytes, verifier: NoteVerifier, tree: TileTree | None, check: LogCheck) -> None:
    """That the log of now continues an earlier checkpoint, or is its beginning where that one is larger."""
    point, note = check.checkpoint, check.note
    if point is None or note is None:
        return
    try:
        before = open_checkpoint(known, verifier)
    except BadLogProof as error:
        raise InputError(
            f"the {name} checkpoint is not one of this log: {error}",
            where=name,
            remedy="give a checkpoint that this log's key signed",
        ) from None
    both = [
        {"name": name, "note": known.decode("utf-8")},
        {"name": "presented", "note": note.decode("utf-8")},
    ]
    if before.size > point.size:
        check.add("LOG-SHRANK", f"the {name} checkpoint has {before.size} leaves, the log has {point.size} now")
        check.evidence += both
        return
    try:
        if before.size in (0, point.size):
            proof = []
        elif tree is None:
            return  # nothing can be shown from tiles that are not those of the tree
        else:
            proof = consistency_proof(before.size, point.size, tree)
        verify_consistency(before.size, point.size, proof, before.root, point.root)
    except BadLogProof as error:
        check.add("LOG-FORK", f"{name} checkpoint of {before.size} leaves, checkpoint of {point.size} now: {error}")
        check.evidence += both


def _entries(fetch: Fetch, first: int, tree: TileTree, check: LogCheck) -> None:
    """That the leaves from `first` on are served, and that they, after the tree of before, give the signed root."""
    if tree.size - first > MAX_ENTRIES:
        raise InputError(
            f"{tree.size - first} new leaves are more than {MAX_ENTRIES}", where="--entries", remedy="leave it out"
        )
    read, frontier = _reader(fetch), _frontier(first, tree)
    for number in range(first // TILE_WIDTH, -(-tree.size // TILE_WIDTH)):
        bundle = tile_at(-1, number, tree.size)
        try:
            hashes = [hash_leaf(leaf) for leaf in read_entry_bundle(read(bundle), bundle.width)]
        except BadLogProof as error:
            check.add("LOG-ENTRIES", f"{bundle.path}: {error}")
            return
        start = number * TILE_WIDTH
        wrong = [
            at for at, (found, signed) in enumerate(zip(hashes, tree.tile(0, number), strict=True)) if found != signed
        ]
        if wrong:
            check.add("LOG-ENTRIES", f"leaf {start + wrong[0]} does not hash to its place in the tree")
            return
        for item in hashes[max(first - start, 0) :]:
            _grow(frontier, item)
            check.entries += 1
    if check.checkpoint is not None and _folded(frontier) != check.checkpoint.root:
        check.add("LOG-ENTRIES", "the leaves do not give the signed root")


#: The roots of the complete subtrees that a tree is made of, (level, hash), the largest first.
_Frontier = list[tuple[int, bytes]]


def _frontier(size: int, tree: TileTree) -> _Frontier:
    found: _Frontier = []
    at = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            found.append((level, tree(level, at >> level)))
            at += 1 << level
    return found


def _grow(frontier: _Frontier, leaf_hash: bytes) -> None:
    item = (0, leaf_hash)
    while frontier and frontier[-1][0] == item[0]:
        level, left = frontier.pop()
        item = (level + 1, hash_node(left, item[1]))
    frontier.append(item)


def _folded(frontier: _Frontier) -> bytes:
    if not frontier:
        return EMPTY_ROOT
    found = frontier[-1][1]
    for _, left in reversed(frontier[:-1]):
        found = hash_node(left, found)
    return found


def _wanted(item: Asked, fetch: Fetch, check: LogCheck) -> LogLeaf | None:
    """The whole leaf of a decision, from the record as the node serves it; None where only a part is known."""
    if item.what != "decision":
        return None
    record = fetch(f"/v1/decisions/{item.value}")
    if record is None:
        check.add("LOG-MISSING", f"the node serves no decision {item.value}")
        return None
    return decision_leaf(int(item.value), record)


def _included(
    fetch: Fetch, item: Asked, leaf: LogLeaf | None, verifier: NoteVerifier, tree: TileTree, check: LogCheck
) -> None:
    if item.what == "decision" and leaf is None:
        return
    by = {"decision": "leaf", "record": "sha256", "signature": "signature"}[item.what]
    query = f"{by}={leaf.hash().hex() if leaf is not None else item.value}"
    subject = f"{item.what} {item.value}"
    data = fetch(f"/v1/log/proof?{query}")
    if data is None:
        more = f" with the record of SHA-256 {leaf.sha256} that the node serves" if leaf is not None else ""
        check.add("LOG-MISSING", f"no leaf of {subject}{more} is in the log")
        return
    try:
        document = parse_json(data, what="/v1/log/proof")
        proof = LogProof.read(document if isinstance(document, Mapping) else {})
        _, found = proof.verify(verifier)
        # The log may have grown since: what counts is the checkpoint that was checked above.
        if proof.index >= tree.size:
            raise BadLogProof(f"leaf {proof.index} is newer than the checkpoint")
        path = inclusion_proof(proof.index, tree.size, tree)
        verify_inclusion(found.hash(), proof.index, tree.size, path, tree_root(tree.size, tree))
        if not _is_asked(item, leaf, found):
            raise BadLogProof(f"the node's proof is of {found.kind} {found.id}")
    except (BadLogProof, InputError) as error:
        check.add("LOG-PROOF", f"{subject}: {error}")
        return
    own = {"checkpoint": (check.note or b"").decode("utf-8"), "proof": [item.hex() for item in path]}
    check.proofs.append(proof.model_copy(update=own))
    check.included.append(
        {"asked": subject, "index": proof.index, "kind": found.kind, "id": found.id, "sha256": found.sha256}
    )


def _is_asked(item: Asked, leaf: LogLeaf | None, found: LogLeaf) -> bool:
    if item.what == "decision":
        return found == leaf
    if item.what == "record":
        return found.sha256 == item.value
    return (found.kind, found.id) == ("signature", item.value)
