"""Trees, proofs, and what they commit a dossier to."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.domain.canonical import keccak256
from oracle.errors import InputError
from oracle.evidence.dossier_tree import dossier_tree
from oracle.evidence.merkle import leaf_hash, merkle_proof, merkle_root, proof_holds
from tests.samples.dossier import sample_parsed

SEED = bytes(range(32))
WORD = st.binary(min_size=32, max_size=32)


@settings(deadline=None)
@given(st.lists(WORD, min_size=1, max_size=40, unique=True), st.data())
def test_proof__any_leaf_of_any_tree__holds_and_no_other_does(words: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_hash(word) for word in words]
    root = merkle_root(leaves)
    assert merkle_root(list(reversed(leaves))) == root
    leaf = data.draw(st.sampled_from(leaves))
    proof = merkle_proof(leaves, leaf)
    assert proof_holds(root, leaf, proof)
    assert not proof_holds(root, leaf_hash(leaf), proof)
    if proof:
        assert not proof_holds(root, leaf, proof[:-1])


def test_tree__three_leaves__by_hand() -> None:
    low, middle, high = sorted(leaf_hash(bytes([number]) * 32) for number in (1, 2, 3))
    # Five nodes, the leaves descending at places 2, 3, 4: the two lowest are a pair, and it pairs with the highest.
    inner = keccak256(low + middle)
    expected = keccak256(min(inner, high) + max(inner, high))
    assert merkle_root([middle, high, low]) == expected


@pytest.mark.parametrize("words", ((), (b"short",), (bytes(32), bytes(31))))
def test_leaf__not_of_words__value_error(words: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        leaf_hash(*words)


def test_tree__empty_or_strange_leaf__value_error() -> None:
    with pytest.raises(ValueError, match="needs a leaf"):
        merkle_root([])
    with pytest.raises(ValueError, match="not in list"):
        merkle_proof([bytes(32)], b"x" * 32)


def test_dossier__root_in_it__does_not_change_the_root() -> None:
    bare = sample_parsed()
    root = dossier_tree(bare, SEED).root()
    sealed = sample_parsed({"evidenceRoot": root})
    assert dossier_tree(sealed, SEED).root() == root
    assert dossier_tree(sealed, SEED).fault(sealed) is None
    assert sealed.dossier_hash() != bare.dossier_hash()
    assert "no evidenceRoot" in str(dossier_tree(bare, SEED).fault(bare))


def test_dossier__without_root__canonical_bytes_as_ever() -> None:
    assert b"evidenceRoot" not in sample_parsed().canonical()


@pytest.mark.parametrize("change", ({"assets[0].dispute": "MINOR"}, {"evidence[0].sha256": "00" * 32}))
def test_dossier__a_block_or_document_changed__root_no_longer_fits(change: dict[str, str]) -> None:
    root = dossier_tree(sample_parsed(), SEED).root()
    changed = sample_parsed({"evidenceRoot": root, **change})
    assert "recomputed" in str(dossier_tree(changed, SEED).fault(changed))


def test_show__one_document__proves_itself_and_tells_nothing_else() -> None:
    dossier = sample_parsed()
    tree = dossier_tree(dossier, SEED)
    part = tree.show("evidence:report-1")
    assert part.holds()
    assert part.sha256 == next(item.sha256 for item in dossier.evidence if item.id == "report-1")
    text = part.model_dump_json()
    assert all(item.sha256 not in text for item in dossier.evidence if item.sha256 != part.sha256)
    assert SEED.hex() not in text
    assert not part.model_copy(update={"sha256": hashlib.sha256(b"x").hexdigest()}).holds()
    assert not part.model_copy(update={"name": "evidence:opinion-1"}).holds()
    with pytest.raises(InputError, match="no part"):
        tree.show("evidence:nothing")


def test_tree__seed_of_another_length__input_error() -> None:
    with pytest.raises(InputError, match="32 bytes"):
        dossier_tree(sample_parsed(), b"short")
