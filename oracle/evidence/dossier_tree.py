"""A dossier's documents and blocks under one root, so that each can be shown without the others.

A leaf is abi.encode(bytes32 name, bytes32 content, bytes32 salt) in OpenZeppelin's form (`oracle.evidence.merkle`):
`name` is keccak256 of "evidence:<id>" or "block:<key>", `content` the SHA-256 of the document, or of the block's
canonical JSON, `salt` 32 bytes that nobody can guess. The root is the dossier's `evidenceRoot`, and so part of
`dossierHash`; the salts are not in the dossier. All salts come from one seed, kept by the issuer: a shown salt tells
nothing of the seed or of another salt.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from oracle.domain.canonical import canonical_bytes, keccak256, parse_json
from oracle.domain.dossier import Dossier
from oracle.domain.fields import H256, Frozen
from oracle.errors import InputError
from oracle.evidence.merkle import leaf_hash, merkle_proof, merkle_root, proof_holds

__all__ = ["SEED_BYTES", "DossierTree", "ShownPart", "dossier_tree"]

SEED_BYTES = 32

_NOT_A_BLOCK = ("evidence", "evidenceRoot", "schema")


class ShownPart(Frozen):
    """One document or block with all that proves it: names, SHA-256 as 64 hex digits, the rest 0x-hex of 32 bytes."""

    name: str
    sha256: str
    salt: H256
    proof: list[H256]
    root: H256

    def holds(self) -> bool:
        """Whether the proof leads from this part to the root."""
        leaf = _leaf(self.name, self.sha256, bytes.fromhex(self.salt[2:]))
        return proof_holds(_word(self.root), leaf, [_word(item) for item in self.proof])


def _word(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _leaf(name: str, sha256: str, salt: bytes) -> bytes:
    return leaf_hash(keccak256(name.encode("utf-8")), bytes.fromhex(sha256), salt)


@dataclass(frozen=True)
class DossierTree:
    """The parts of one dossier, `{name: SHA-256}`, and the seed of their salts."""

    parts: dict[str, str]
    seed: bytes

    def salt(self, name: str) -> bytes:
        """The salt of one part: HMAC-SHA256 of its name under the seed."""
        return hmac.new(self.seed, name.encode("utf-8"), hashlib.sha256).digest()

    def _leaves(self) -> dict[str, bytes]:
        return {name: _leaf(name, sha256, self.salt(name)) for name, sha256 in self.parts.items()}

    def root(self) -> str:
        """`evidenceRoot`, 0x-hex."""
        return "0x" + merkle_root(list(self._leaves().values())).hex()

    def show(self, name: str) -> ShownPart:
        """One part with its proof. InputError if the dossier has no such part."""
        leaves = self._leaves()
        if name not in leaves:
            known = ", ".join(sorted(leaves))
            raise InputError(f"the dossier has no part {name[:80]!r}", where="name", remedy=f"one of: {known[:2000]}")
        proof = merkle_proof(list(leaves.values()), leaves[name])
        return ShownPart(
            name=name,
            sha256=self.parts[name],
            salt="0x" + self.salt(name).hex(),
            proof=["0x" + item.hex() for item in proof],
            root=self.root(),
        )

    def fault(self, dossier: Dossier) -> str | None:
        """What is wrong if the dossier's `evidenceRoot` is not this tree's root; None if it is."""
        if dossier.evidence_root is None:
            return f"the dossier has no evidenceRoot; it would be {self.root()}"
        if dossier.evidence_root != self.root():
            return f"evidenceRoot is {dossier.evidence_root}, recomputed {self.root()}"
        return None


def dossier_tree(dossier: Dossier, seed: bytes) -> DossierTree:
    """The tree of a dossier. `seed` is 32 secret bytes; InputError for another length."""
    if len(seed) != SEED_BYTES:
        raise InputError("not 32 bytes", where="seed", remedy="use the seed that `filing-gate dossier seal` wrote")
    content: dict[str, Any] = parse_json(dossier.canonical(), what="dossier")
    parts = {f"evidence:{item.id}": item.sha256 for item in dossier.evidence}
    for key, value in content.items():
        if key not in _NOT_A_BLOCK:
            parts[f"block:{key}"] = hashlib.sha256(canonical_bytes(value)).hexdigest()
    return DossierTree(parts, seed)
