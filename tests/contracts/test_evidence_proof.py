"""One document of a dossier is proven to a contract by OpenZeppelin's own library, the others stay hidden."""

from __future__ import annotations

import hashlib

import pytest

from oracle.domain.canonical import keccak256
from oracle.evidence.dossier_tree import dossier_tree
from tests.contracts.chain_fixture import Chain
from tests.samples.dossier import sample_parsed

SEED = bytes(range(32))


@pytest.mark.slow
def test_proof__every_part_of_the_sample__accepted_by_openzeppelin(chain: Chain) -> None:
    contract = chain.deploy("EvidenceProof")
    bare = sample_parsed()
    tree = dossier_tree(bare, SEED)
    sealed = sample_parsed({"evidenceRoot": tree.root()})
    assert dossier_tree(sealed, SEED).fault(sealed) is None
    root = bytes.fromhex(tree.root()[2:])
    for name in tree.parts:
        part = dossier_tree(sealed, SEED).show(name)
        words = [keccak256(name.encode()), bytes.fromhex(part.sha256), bytes.fromhex(part.salt[2:])]
        proof = [bytes.fromhex(item[2:]) for item in part.proof]
        assert contract.functions.shown(root, *words, proof).call()
        forged = hashlib.sha256(b"another document").digest()
        assert not contract.functions.shown(root, words[0], forged, words[2], proof).call()
    text = sealed.canonical()
    offset = text.index(b'"evidenceRoot":"0x')
    states = contract.functions.states
    assert states(sealed.dossier_hash(), text, offset, root).call()
    assert not states(sealed.dossier_hash(), text, offset, bytes(32)).call()
    assert not states(sealed.dossier_hash(), text, offset + 1, root).call()
    assert not states(bare.dossier_hash(), text, offset, root).call()
