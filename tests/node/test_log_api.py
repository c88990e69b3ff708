"""The served log: fixed addresses, what may be cached, what is never shown; and a node that will not fork its log."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import delete, update

from oracle.audit.log_check import LogBinding, verify_binding
from oracle.errors import FilingGateError, InputError
from oracle.evidence.checkpoint import open_checkpoint
from oracle.evidence.log_leaf import LogLeaf, LogProof
from oracle.evidence.log_tiles import TileTree, read_entry_bundle, tiles_of
from oracle.evidence.log_tree import BadLogProof, hash_leaf, tree_root, verify_consistency
from oracle.node.published_log import LogForkedError, PublishedLog, load_log_key, new_log_key
from oracle.signing.keys import KeySigner
from oracle.store import tables
from tests.node.logging_node import REGISTRY, SIGNER, LoggingNode, digest_of
from tests.store.tampering import unprotected

FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LoggingNode]:
    with LoggingNode(tmp_path).serve() as running:
        yield running


def get(node: LoggingNode, path: str) -> httpx2.Response:
    return httpx2.get(node.url + path, timeout=20, trust_env=False)


def test_log__served__checkpoint_tiles_and_entries_make_one_tree(node: LoggingNode) -> None:
    node.fill(300)
    node.decide()
    answer = get(node, "/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    point = open_checkpoint(answer.content, node.log.verifier)
    assert point.size == 303
    assert point.origin == f"filing-gate/31337/{REGISTRY}/{SIGNER.address.lower()}"
    files = {}
    for tile in tiles_of(303):
        part = get(node, f"/log/{tile.path}")
        assert (part.status_code, part.headers["content-type"]) == (200, "application/octet-stream")
        assert part.headers["cache-control"] == FOREVER
        files[tile.path] = part.content
    assert list(files) == [
        "tile/entries/000",
        "tile/entries/001.p/47",
        "tile/0/000",
        "tile/0/001.p/47",
        "tile/1/000.p/1",
    ]
    tree = TileTree(303, lambda tile: files[tile.path])
    assert tree_root(303, tree) == point.root
    leaves = read_entry_bundle(files["tile/entries/001.p/47"], 47)
    assert [hash_leaf(leaf) for leaf in leaves] == tree.tile(0, 1)
    assert get(node, "/log/checkpoint").content == answer.content


def test_log__reading__is_not_kept_as_a_request(node: LoggingNode) -> None:
    node.decide()
    before = node.database.add_request("t", "GET", "/", b"")
    for path in ("/log/checkpoint", "/log/key.json", "/log/tile/0/000.p/1", "/v1/log/proof?decision=1", "/v1/operator"):
        assert get(node, path).status_code == 200
    assert node.database.add_request("t", "GET", "/", b"") == before + 1
    for path in ("/log/checkpoint", "/log/tile/0/000.p/1", "/v1/log/proof?decision=1"):
        # Without a key; with one it is 405.
        assert httpx2.post(node.url + path, timeout=20, trust_env=False).status_code == 401


def test_log__more_than_was_signed__never_served(node: LoggingNode) -> None:
    node.decide()
    assert get(node, "/log/tile/0/000.p/3").status_code == 404
    get(node, "/log/checkpoint")
    assert get(node, "/log/tile/0/000.p/3").status_code == 200
    node.decide()
    for path in (
        "0/000.p/6",
        "0/000",
        "1/000.p/1",
        "entries/000.p/4",
        "0/001.p/1",
        "0/../../v1/operator",
        "9/x",
        "0/0",
    ):
        answer = get(node, f"/log/tile/{path}")
        assert answer.status_code == 404, path
    assert get(node, "/log/tile/0/000.p/2").status_code == 200


def test_key__bound_to_the_operator__and_to_nobody_else(node: LoggingNode) -> None:
    served = get(node, "/log/key.json").json()
    assert get(node, "/v1/operator").json()["log"] == served
    operator, verifier = verify_binding(LogBinding.model_validate(served))
    assert (operator, str(verifier)) == (SIGNER.address, node.log.verifier_key)
    stranger = PublishedLog(
        node.database.engine,
        load_log_key(node.folder / "log-key.pem"),
        chain_id=31337,
        registry=REGISTRY,
        operator="0x" + "99" * 20,
        memory=node.folder / "other",
    )
    with pytest.raises(InputError, match="has not signed whose log this is"):
        stranger.binding()
    stranger.bind(SIGNER)
    for wrong in (
        stranger.binding(),
        {**served, "statement": served["statement"] + "x"},
        {**served, "signature": "0x" + "00" * 65},
        {**served, "verifierKey": stranger.verifier_key},
    ):
        with pytest.raises(BadLogProof):
            verify_binding(LogBinding.model_validate(wrong))
    other = KeySigner(b"\x08" * 32)
    node.log.bind(other)  # what is stored stays
    assert node.log.binding() == served


def test_proof__by_each_name__verifies_alone(node: LoggingNode) -> None:
    node.fill(300)
    node.decide(2)
    leaf = LogLeaf("decision", "x7", f"{7:064x}")
    for query, ident in (
        (f"leaf={leaf.hash().hex()}", "x7"),
        (f"sha256={leaf.sha256}", "x7"),
        ("decision=2", "2"),
        (f"signature={digest_of(1)}", digest_of(1)),
    ):
        answer = get(node, f"/v1/log/proof?{query}")
        checkpoint, found = LogProof.read(answer.json()).verify(node.log.verifier)
        assert (checkpoint.size, found.id) == (306, ident)
    assert get(node, f"/v1/log/proof?leaf={'0' * 64}").status_code == 404
    assert get(node, "/v1/log/proof?decision=77").status_code == 404
    for query in ("", "leaf=xyz", f"sha256={'A' * 64}", "decision=1&decision=%00", "leaf=" + "0" * 65, "decision="):
        assert get(node, f"/v1/log/proof?{query}").status_code == 422
    for query in ("decision=%00", "decision=-1", "signature=%27", f"decision=1&signature={digest_of(1)}"):
        assert get(node, f"/v1/log/proof?{query}").status_code == 422


def test_consistency__from_each_size__verifies(node: LoggingNode) -> None:
    points = []
    for count in (1, 255, 1, 300):
        node.fill(count)
        points.append(open_checkpoint(get(node, "/log/checkpoint").content, node.log.verifier))
    for old in points:
        content = get(node, f"/v1/log/consistency?from={old.size}").json()
        new = open_checkpoint(content["checkpoint"].encode(), node.log.verifier)
        assert new == points[-1]
        proof = [bytes.fromhex(item) for item in content["proof"]]
        verify_consistency(old.size, new.size, proof, old.root, new.root)
    assert get(node, "/v1/log/consistency?from=0").json()["proof"] == []
    for size in ("558", "-1", "x", "1e3", "01", "", "9" * 16, "9" * 30):
        assert get(node, f"/v1/log/consistency?from={size}").status_code == 422


def test_log__without_a_key__answers_404_and_says_null(tmp_path: Path) -> None:
    node = LoggingNode(tmp_path)
    node.config = node.config.model_copy(update={"transparency": None})
    with pytest.raises(AssertionError), node.serve():
        pass
    from oracle.evidence.store import EvidenceStore
    from oracle.node.service import Node
    from tests.node.running_nodes import ServedNode

    served = ServedNode(Node(node.config, node.database, [], SIGNER, EvidenceStore(tmp_path / "evidence")))
    node.url = served.url
    try:
        node.decide()
        for path in ("/log/checkpoint", "/log/key.json", "/log/tile/0/000.p/1", "/v1/log/proof?decision=1"):
            assert get(node, path).status_code == 404
        assert get(node, "/v1/log/consistency?from=0").status_code == 404
        assert get(node, "/v1/operator").json()["log"] is None
    finally:
        served.stop()


def test_restore__of_an_older_backup__running_or_started_again_the_node_refuses(tmp_path: Path) -> None:
    node = LoggingNode(tmp_path)
    with node.serve():
        node.decide()
        assert get(node, "/log/checkpoint").status_code == 200
    shutil.copy(tmp_path / "node.db", tmp_path / "backup.db")
    node = LoggingNode(tmp_path)
    with node.serve():
        node.decide()
        assert get(node, "/log/checkpoint").status_code == 200
    shutil.copy(tmp_path / "backup.db", tmp_path / "node.db")
    with pytest.raises(LogForkedError) as refused, LoggingNode(tmp_path).serve():
        pass
    assert "the log has 3 leaves, and a checkpoint of 6 was signed" in str(refused.value)
    assert "begin a log with a new key" in str(refused.value)
    # As large as before, but with another history.
    node = LoggingNode(tmp_path)
    node.fill(4)
    with (
        pytest.raises(LogForkedError, match="the first 6 leaves of the log are not those that were signed"),
        node.serve(),
    ):
        pass
    # A new key is a new log, and everybody sees that it is.
    (tmp_path / "log-key.pem").unlink()
    with LoggingNode(tmp_path).serve() as fresh:
        assert open_checkpoint(get(fresh, "/log/checkpoint").content, fresh.log.verifier).size == 7


def test_checkpoint__log_changed_under_a_running_node__one_clear_error_and_nothing_signed(node: LoggingNode) -> None:
    node.decide(3)
    before = get(node, "/log/checkpoint").content
    node.rewrite(lambda leaves: leaves[:4])
    node.fill(1)
    answer = get(node, "/log/checkpoint")
    assert answer.status_code == 500
    assert "the log has 5 leaves, and a checkpoint of 9 was signed" in answer.json()["title"]
    with unprotected(node.database) as connection:
        connection.execute(delete(tables.log_leaves).where(tables.log_leaves.c.index == 2))
    node.fill(10)
    assert "lack leaves" in get(node, "/log/checkpoint").json()["title"]
    assert node.log.store.newest_checkpoint(node.log.verifier_key) is None
    assert before


def test_checkpoint__the_stored_one_is_not_of_this_key__refused_at_the_start(tmp_path: Path) -> None:
    node = LoggingNode(tmp_path)
    with node.serve():
        node.decide()
        node.log.checkpoint()
    with unprotected(node.database) as connection:
        connection.execute(update(tables.log_checkpoints).values(note=b"junk"))
    with pytest.raises(FilingGateError, match="stored checkpoint can't be read"), node.serve():
        pass


def test_checkpoint__two_replicas__one_note_a_size_and_never_a_smaller_one(node: LoggingNode) -> None:
    from oracle.node.published_log import open_log

    other = open_log(node.config, node.database.engine, SIGNER)
    assert other is not None
    for _ in range(3):
        node.decide()
        first, second = node.log.checkpoint(), other.checkpoint()
        assert first == second
    sizes = [open_checkpoint(note, node.log.verifier).size for _, note in node.log.store.checkpoints()]
    assert sizes == [3, 6, 9]


def test_log_key__new__private_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "log-key.pem"
    new_log_key(file)
    before = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(InputError, match="exists"):
        new_log_key(file)
    assert file.read_bytes() == before
    assert load_log_key(file).private_bytes_raw() == load_log_key(file).private_bytes_raw()


def test_log_key__missing_or_of_another_kind__named(tmp_path: Path) -> None:
    file = tmp_path / "log-key.pem"
    with pytest.raises(InputError, match="cannot be read"):
        load_log_key(file)
    elliptic = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (b"", b"junk", elliptic):
        file.write_bytes(data)
        with pytest.raises(InputError, match="not an Ed25519 key"):
            load_log_key(file)
