"""Roots and proofs of RFC 9162, against known answers and against the definition written down as it stands."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.evidence.log_tree import (
    EMPTY_ROOT,
    MAX_TREE_SIZE,
    BadLogProof,
    consistency_proof,
    hash_leaf,
    hash_node,
    inclusion_proof,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

#: The leaves that implementations of Certificate Transparency test with, and the roots over the first n of them.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = largest_power_below(len(leaves))
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def largest_power_below(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def naive_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def nodes_of(leaves: Sequence[bytes]) -> Callable[[int, int], bytes]:
    def node(level: int, index: int) -> bytes:
        part = leaves[index << level : (index + 1) << level]
        assert len(part) == 1 << level
        return naive_root(part)

    return node


def numbered(count: int) -> list[bytes]:
    return [f"leaf {index}".encode() for index in range(count)]


@pytest.mark.parametrize("size", range(9))
def test_tree_root__known_answers__of_both_ways_to_compute_it(size: int) -> None:
    assert naive_root(LEAVES[:size]).hex() == ROOTS[size]
    assert tree_root(size, nodes_of(LEAVES)).hex() == ROOTS[size]


def test_proofs__known_answers__of_certificate_transparency() -> None:
    nodes = nodes_of(LEAVES)
    inclusion = [item.hex() for item in inclusion_proof(5, 8, nodes)]
    assert inclusion == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    consistency = [item.hex() for item in consistency_proof(6, 8, nodes)]
    assert consistency == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    root = [bytes.fromhex(text) for text in ROOTS]
    verify_inclusion(hash_leaf(LEAVES[5]), 5, 8, [bytes.fromhex(item) for item in inclusion], root[8])
    verify_consistency(6, 8, [bytes.fromhex(item) for item in consistency], root[6], root[8])


@settings(deadline=None, max_examples=150)
@given(st.integers(1, 90), st.data())
def test_inclusion__any_leaf_of_any_tree__as_defined_and_nothing_else_holds(size: int, data: st.DataObject) -> None:
    leaves = numbered(size)
    root = naive_root(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, nodes_of(leaves))
    assert proof == naive_path(index, leaves)
    leaf = hash_leaf(leaves[index])
    verify_inclusion(leaf, index, size, proof, root)
    # One change of anything: the leaf, the place, the length, or one bit of one hash.
    other = data.draw(st.integers(0, size - 1))
    wrong: list[tuple[bytes, int, list[bytes]]] = [
        (hash_leaf(b"x"), index, proof),
        (leaf, index, [*proof, proof[0] if proof else root]),
    ]
    if other != index:
        wrong.append((leaf, other, proof))
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        flipped = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        wrong += [(leaf, index, [*proof[:at], flipped, *proof[at + 1 :]]), (leaf, index, proof[:-1])]
    for changed_leaf, changed_index, changed in wrong:
        with pytest.raises(BadLogProof):
            verify_inclusion(changed_leaf, changed_index, size, changed, root)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 90), st.data())
def test_consistency__any_two_sizes__as_defined_and_nothing_else_holds(new: int, data: st.DataObject) -> None:
    leaves = numbered(new)
    old = data.draw(st.integers(0, new))
    proof = consistency_proof(old, new, nodes_of(leaves))
    assert proof == (naive_subproof(old, leaves, True) if 0 < old < new else [])
    old_root, new_root = naive_root(leaves[:old]), naive_root(leaves)
    verify_consistency(old, new, proof, old_root, new_root)
    stranger = hash_leaf(b"x")
    wrong = [(old, [*proof, stranger], old_root, new_root), (old, proof, stranger, new_root)]
    if old:
        wrong.append((old, proof, old_root, stranger))
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        wrong += [
            (old, [*proof[:at], stranger, *proof[at + 1 :]], old_root, new_root),
            (old, proof[:-1], old_root, new_root),
        ]
    for changed_old, changed, first, second in wrong:
        with pytest.raises(BadLogProof):
            verify_consistency(changed_old, new, changed, first, second)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 90), st.data())
def test_consistency__a_rewritten_past__is_never_shown(new: int, data: st.DataObject) -> None:
    leaves = numbered(new)
    old = data.draw(st.integers(1, new - 1))
    at = data.draw(st.integers(0, old - 1))
    rewritten = [*leaves[:at], b"changed", *leaves[at + 1 :]]
    proof = consistency_proof(old, new, nodes_of(rewritten))
    with pytest.raises(BadLogProof):
        verify_consistency(old, new, proof, naive_root(leaves[:old]), naive_root(rewritten))


@pytest.mark.parametrize(
    ("index", "size", "proof"),
    (
        (-1, 4, []),
        (4, 4, []),
        (0, 0, []),
        (0, 2**200, [b"\0" * 32] * 64),
        (0, MAX_TREE_SIZE + 1, []),
        (0, 4, [b"\0" * 32] * 100_000),
        (0, 4, [b"short", b"\0" * 32]),
        (0, 4, [b"\0" * 33, b"\0" * 32]),
    ),
)
def test_verify_inclusion__hostile__one_error_at_once(index: int, size: int, proof: list[bytes]) -> None:
    with pytest.raises(BadLogProof):
        verify_inclusion(hash_leaf(b""), index, size, proof, EMPTY_ROOT)


@pytest.mark.parametrize(
    ("old", "new", "proof"),
    ((-1, 4, []), (5, 4, []), (3, 2**300, [b"\0" * 32] * 30), (3, 4, [b"\0" * 32] * 10_000), (3, 4, []), (3, 4, [b""])),
)
def test_verify_consistency__hostile__one_error_at_once(old: int, new: int, proof: list[bytes]) -> None:
    with pytest.raises(BadLogProof):
        verify_consistency(old, new, proof, EMPTY_ROOT, EMPTY_ROOT)


def test_proofs__of_what_is_not_there__refused() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="has no leaf"):
            inclusion_proof(index, size, nodes_of(LEAVES))
    with pytest.raises(ValueError, match="does not follow"):
        consistency_proof(4, 3, nodes_of(LEAVES))
    assert hash_node(b"a", b"b") != hash_node(b"b", b"a")
