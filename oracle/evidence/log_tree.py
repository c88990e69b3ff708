"""The Merkle tree of an append-only log (RFC 9162, section 2.1; SHA-256): roots, inclusion and consistency proofs.

A leaf hashes as SHA-256(0x00 ‖ bytes), a node as SHA-256(0x01 ‖ left ‖ right). What makes a proof reads the tree
through `Nodes`: node (level, index) is the hash over the 2^level leaves that begin at index * 2^level, all of them
present. How such a node is found, in memory or from tiles, is up to who gives it. Not to be taken for
`oracle.evidence.merkle`, whose trees a contract verifies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "MAX_TREE_SIZE",
    "BadLogProof",
    "Nodes",
    "consistency_proof",
    "hash_leaf",
    "hash_node",
    "inclusion_proof",
    "tree_root",
    "verify_consistency",
    "verify_inclusion",
]

HASH_BYTES = 32

#: A log that says it is larger is not believed: one leaf a microsecond would take 34 years.
MAX_TREE_SIZE = 2**50

#: The root of the tree without leaves.
EMPTY_ROOT = hashlib.sha256(b"").digest()

#: (level, index) -> 32 bytes.
Nodes = Callable[[int, int], bytes]


class BadLogProof(ValueError):
    """Something of a log that does not hold: a proof, a tile, a note, a checkpoint. The text says what."""


def hash_leaf(data: bytes) -> bytes:
    """The hash of a leaf's bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _range_hash(begin: int, end: int, nodes: Nodes) -> bytes:
    """The hash over leaves begin ... end - 1, where `begin` is a multiple of a power of two not below their number."""
    parts = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        parts.append(nodes(level, begin >> level))
        begin += 1 << level
    found = parts.pop()
    while parts:
        found = hash_node(parts.pop(), found)
    return found


def _split(size: int) -> int:
    """The largest power of two below a size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def tree_root(size: int, nodes: Nodes) -> bytes:
    """MTH(D[size]) of RFC 9162, 2.1.1."""
    return _range_hash(0, size, nodes) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162, 2.1.3.1, from the leaf upwards. ValueError if there is no such leaf."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    begin, end, proof = 0, size, []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            proof.append(_range_hash(middle, end, nodes))
            end = middle
        else:
            proof.append(_range_hash(begin, middle, nodes))
            begin = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 9162, 2.1.4.1; empty where old is 0 or equals new. ValueError if old is greater."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves does not follow one of {old}")
    if old in (0, new):
        return []
    begin, end, whole, proof = 0, new, True, []
    while end != old:
        middle = begin + _split(end - begin)
        if old <= middle:
            proof.append(_range_hash(middle, end, nodes))
            end = middle
        else:
            proof.append(_range_hash(begin, middle, nodes))
            begin, whole = middle, False
    if not whole:
        proof.append(_range_hash(begin, end, nodes))
    return proof[::-1]


def _checked(hashes: Sequence[bytes], what: str) -> None:
    if len(hashes) > MAX_TREE_SIZE.bit_length() + 1:
        raise BadLogProof(f"{what} has {len(hashes)} hashes, more than any tree needs")
    if any(len(item) != HASH_BYTES for item in hashes):
        raise BadLogProof(f"{what} holds a hash that is not {HASH_BYTES} bytes long")


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162, 2.1.3.2: that the leaf of that hash is number `index` in the tree. BadLogProof if it isn't shown."""
    _checked((leaf_hash, root), "the claim")
    _checked(proof, "the inclusion proof")
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise BadLogProof(f"a tree of {size} leaves has no leaf {index}")
    at, last, found = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise BadLogProof("the inclusion proof is too long")
        if at & 1 or at == last:
            found = hash_node(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = hash_node(found, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise BadLogProof("the inclusion proof is too short")
    if found != root:
        raise BadLogProof("the inclusion proof does not lead to the root")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """RFC 9162, 2.1.4.2: that the new tree begins with the old one. BadLogProof if it isn't shown."""
    _checked((old_root, new_root), "the claim")
    _checked(proof, "the consistency proof")
    if not 0 <= old <= new <= MAX_TREE_SIZE:
        raise BadLogProof(f"a tree of {new} leaves does not follow one of {old}")
    if old in (0, new):
        if proof:
            raise BadLogProof("the consistency proof is too long")
        if old_root != (new_root if old else EMPTY_ROOT):
            raise BadLogProof("two trees of the same size have different roots" if old else "the empty tree's root")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise BadLogProof("the consistency proof is too short")
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for item in path[1:]:
        if last == 0:
            raise BadLogProof("the consistency proof is too long")
        if at & 1 or at == last:
            before, after = hash_node(item, before), hash_node(item, after)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            after = hash_node(after, item)
        at, last = at >> 1, last >> 1
    if last:
        raise BadLogProof("the consistency proof is too short")
    if before != old_root:
        raise BadLogProof("the consistency proof does not lead to the old root")
    if after != new_root:
        raise BadLogProof("the consistency proof does not lead to the new root")
