"""Merkle trees as OpenZeppelin's StandardMerkleTree builds them and its MerkleProof.sol verifies them.

A leaf is keccak256(keccak256(abi.encode(values))): hashed twice, so that no inner node can be taken for a leaf. Leaves
are sorted by their hash; a pair is hashed with the smaller one first, so a proof needs no directions.
"""

from __future__ import annotations

from collections.abc import Sequence

from oracle.domain.canonical import keccak256

__all__ = ["leaf_hash", "merkle_proof", "merkle_root", "proof_holds"]


def leaf_hash(*words: bytes) -> bytes:
    """The leaf of values that are all bytes32: `abi.encode` of those is their concatenation."""
    if not words or any(len(word) != 32 for word in words):
        raise ValueError("a leaf is made of values of 32 bytes")
    return keccak256(keccak256(b"".join(words)))


def _pair(left: bytes, right: bytes) -> bytes:
    return keccak256(min(left, right) + max(left, right))


def _tree(leaves: Sequence[bytes]) -> list[bytes]:
    """The nodes of the complete binary tree, root first; the leaves stand in descending order at its end."""
    if not leaves:
        raise ValueError("a tree needs a leaf")
    inner = len(leaves) - 1
    nodes = [b""] * inner + sorted(leaves, reverse=True)
    for index in range(inner - 1, -1, -1):
        nodes[index] = _pair(nodes[2 * index + 1], nodes[2 * index + 2])
    return nodes


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaves of 32 bytes, in any order. ValueError if there is none."""
    return _tree(leaves)[0]


def merkle_proof(leaves: Sequence[bytes], leaf: bytes) -> list[bytes]:
    """The siblings from a leaf up to the root. ValueError if it is not among the leaves."""
    nodes = _tree(leaves)
    index = nodes.index(leaf, len(leaves) - 1)
    proof = []
    while index > 0:
        proof.append(nodes[index + 1 if index % 2 else index - 1])
        index = (index - 1) // 2
    return proof


def proof_holds(root: bytes, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """What MerkleProof.verify computes."""
    for sibling in proof:
        leaf = _pair(leaf, sibling)
    return leaf == root
