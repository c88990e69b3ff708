"""Notes, checkpoints and proofs as documents: known answers, and what is no such thing."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from oracle.evidence.checkpoint import Checkpoint, log_origin, log_statement, open_checkpoint, parse_checkpoint
from oracle.evidence.log_leaf import LogLeaf, LogProof, decision_leaf, observation_leaf, read_leaf, signature_leaf
from oracle.evidence.log_tree import EMPTY_ROOT, BadLogProof, hash_leaf, hash_node
from oracle.evidence.signed_note import open_note, parse_verifier_key, sign_note, verifier_of
from tests.samples.dossier import sample_observation

#: The key and the note of the format's first implementation; its seed is published with it.
VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNED = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
NOTE = f"{TEXT}\n{SIGNED}".encode()

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = log_origin(31337, "0x" + "AB" * 20, "0x" + "CD" * 20)
VERIFY = verifier_of(ORIGIN, KEY)


def test_note__known_answer__signed_byte_for_byte_and_opened() -> None:
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    assert str(verifier_of("PeterNeumann", key)) == VERIFIER
    assert sign_note(TEXT, "PeterNeumann", key) == NOTE
    assert open_note(NOTE, parse_verifier_key(VERIFIER)) == TEXT


def test_note__signatures_of_others__passed_over_whether_good_or_not() -> None:
    foreign = sign_note(TEXT, "somebody", KEY).decode().split("\n\n")[1]
    bad_of_same_name = SIGNED.replace("x08go", "x18go")
    both = f"{TEXT}\n{foreign}{bad_of_same_name}{SIGNED}".encode()
    assert open_note(both, parse_verifier_key(VERIFIER)) == TEXT
    with pytest.raises(BadLogProof, match="not signed by the key"):
        open_note(f"{TEXT}\n{foreign}".encode(), parse_verifier_key(VERIFIER))


@pytest.mark.parametrize(
    "note",
    (
        b"",
        b"\n",
        TEXT.encode(),
        NOTE.replace(b"cryptography", b"Cryptography"),
        NOTE[:-1],
        NOTE + b"\n",
        NOTE + b"junk\n",
        NOTE.replace("—".encode(), b"-"),
        NOTE.replace(b"PeterNeumann x", b"PeterNeumann  x"),
        NOTE.replace(b"AM=", b"AM"),
        NOTE.replace(b"AM=", b"AN="),
        NOTE.replace(b"you", b"y\tu", 1),
        NOTE.replace(b"you", b"\xff\xff", 1),
        NOTE + SIGNED.encode() * 200,
        NOTE.replace(b"x08go", b"x08gp"),
        b"x" * 200_000,
    ),
)
def test_note__changed_or_hostile__one_error(note: bytes) -> None:
    assert note != NOTE
    with pytest.raises(BadLogProof):
        open_note(note, parse_verifier_key(VERIFIER))


@given(st.binary(max_size=400))
def test_note__any_bytes__no_other_error(data: bytes) -> None:
    with pytest.raises(BadLogProof):
        open_note(data, VERIFY)
    with pytest.raises(BadLogProof):
        read_leaf(data)


@pytest.mark.parametrize(
    "text",
    (
        "",
        "a+b",
        VERIFIER[:-1],
        VERIFIER.replace("c74f20a3", "c74f20a4"),
        VERIFIER.replace("c74f", "C74F"),
        "Peter Neumann" + VERIFIER[12:],
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "+" + VERIFIER.split("+", 1)[1],
        VERIFIER + "x" * 5_000,
    ),
)
def test_verifier_key__anything_else__refused(text: str) -> None:
    with pytest.raises(BadLogProof):
        parse_verifier_key(text)


@pytest.mark.parametrize("name", ("", "a b", "a+b", "a\u3000b", "a\nb"))
def test_key_name__with_blank_or_plus__refused(name: str) -> None:
    with pytest.raises(BadLogProof):
        verifier_of(name, KEY)


def test_checkpoint__signed__opens_to_the_same() -> None:
    made = Checkpoint(ORIGIN, 20852163, EMPTY_ROOT)
    note = sign_note(made.text, ORIGIN, KEY)
    assert open_checkpoint(note, VERIFY) == made
    assert note.decode().split("\n")[:2] == ["filing-gate/31337/0x" + "ab" * 20 + "/0x" + "cd" * 20, "20852163"]
    assert log_statement(str(VERIFY)) == f"filing-gate log/v1 {VERIFY}"
    other = sign_note(Checkpoint("filing-gate/1/x/y", 1, EMPTY_ROOT).text, ORIGIN, KEY)
    with pytest.raises(BadLogProof, match="of another log"):
        open_checkpoint(other, VERIFY)


@pytest.mark.parametrize(
    "change",
    (
        ("7\n", "07\n"),
        ("7\n", "-7\n"),
        ("7\n", "\n"),
        ("7\n", f"{2**60}\n"),
        ("7\n", "٧\n"),
        ("=\n", "\n"),
        ("47DE", "47D="),
        (ORIGIN + "\n", "\n"),
        ("7\n", ""),
    ),
)
def test_checkpoint__text_of_another_form__refused(change: tuple[str, str]) -> None:
    text = Checkpoint(ORIGIN, 7, EMPTY_ROOT).text
    assert parse_checkpoint(text + "extension\n").size == 7
    changed = text.replace(f"\n{change[0]}", f"\n{change[1]}", 1) if change[0][0] == "7" else text.replace(*change)
    assert changed != text
    with pytest.raises(BadLogProof):
        parse_checkpoint(changed)


def test_leaf__of_each_kind__names_what_was_kept() -> None:
    decision, signature = decision_leaf(12, b"{}"), signature_leaf("0x" + "01" * 32, "0x" + "02" * 65)
    observation = observation_leaf("1b4e28ba-2fa1-11d2-883f-0016d3cca427", 3, sample_observation())
    assert json.loads(decision.as_bytes()) == {"id": "12", "kind": "decision", "sha256": decision.sha256}
    assert decision.sha256 == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert observation.id.endswith("/3")
    for leaf in (decision, signature, observation):
        assert read_leaf(leaf.as_bytes()) == leaf
        assert leaf.hash() == hash_leaf(leaf.as_bytes())


@pytest.mark.parametrize(
    "data",
    (
        b"{}",
        b"[]",
        b"null",
        b'{"id":"1","kind":"decision","sha256":"' + b"A" * 64 + b'"}',
        b'{"id":1,"kind":"decision","sha256":"' + b"a" * 64 + b'"}',
        b'{"id":"1","kind":"gossip","sha256":"' + b"a" * 64 + b'"}',
        b'{"id":"\\u001b[2J","kind":"decision","sha256":"' + b"a" * 64 + b'"}',
        b'{"id": "1","kind":"decision","sha256":"' + b"a" * 64 + b'"}',
        b'{"id":"1","kind":["decision"],"sha256":"' + b"a" * 64 + b'"}',
        b"[" * 100_000,
    ),
)
def test_leaf__of_another_form__refused(data: bytes) -> None:
    with pytest.raises(BadLogProof):
        read_leaf(data)


def _proof() -> dict[str, object]:
    leaf, sibling = LogLeaf("decision", "1", "ab" * 32), hash_leaf(b"sibling")
    root = hash_node(leaf.hash(), sibling)
    note = sign_note(Checkpoint(ORIGIN, 2, root).text, ORIGIN, KEY).decode()
    return LogProof(checkpoint=note, index=0, leaf=leaf.as_bytes().decode(), proof=[sibling.hex()]).as_json()


def test_log_proof__document__verifies_by_itself() -> None:
    checkpoint, leaf = LogProof.read(_proof()).verify(VERIFY)
    assert (checkpoint.size, leaf.kind, leaf.id) == (2, "decision", "1")


@pytest.mark.parametrize(
    "changes",
    (
        {"index": 1},
        {"index": -1},
        {"index": 2**70},
        {"index": "0"},
        {"proof": []},
        {"proof": ["zz"]},
        {"proof": ["00" * 32]},
        {"proof": ["00" * 32] * 100},
        {"leaf": LogLeaf("decision", "2", "ab" * 32).as_bytes().decode()},
        {"leaf": "\ud800"},
        {"leaf": "x" * 2_000},
        {"checkpoint": "x" * 200_000},
        {"checkpoint": ""},
        {"schema": "log-proof/v2"},
        {"more": 1},
    ),
)
def test_log_proof__one_field_changed__refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadLogProof):
        LogProof.read({**_proof(), **changes}).verify(VERIFY)
