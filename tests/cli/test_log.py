"""`log check` against honest nodes and nodes that rewrite their history; `log export`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from oracle.audit.log_check import RememberedLog, check_log
from oracle.evidence.checkpoint import Checkpoint, open_checkpoint
from oracle.evidence.log_leaf import LogLeaf
from oracle.evidence.log_tiles import tiles_of
from oracle.evidence.signed_note import parse_verifier_key, sign_note
from oracle.node.published_log import load_log_key
from tests.cli.command_line import Answer, gate
from tests.collector.lying_nodes import LyingNode
from tests.node.logging_node import REGISTRY, SIGNER, LoggingNode, digest_of
from tests.store.tampering import unprotected


def check(node: LoggingNode, state: Path, *more: object) -> Answer:
    return gate("log", "check", "--node", node.url, "--state", state, "--operator", SIGNER.address, "--json", *more)


def finding_ids(answer: Answer) -> list[str]:
    return [item["id"] for item in answer.json["findings"]]


def test_check__honest_node_as_it_grows__clean_and_remembered(tmp_path: Path) -> None:
    state = tmp_path / "log.state"
    with LoggingNode(tmp_path).serve() as node:
        assert check(node, state).json["size"] == 0
        node.decide(2)
        first = check(node, state, "--decision", 2, "--signature", digest_of(1), "--entries")
        assert (first.code, first.err, finding_ids(first)) == (0, "", [])
        assert (first.json["size"], first.json["entriesChecked"], first.json["operator"]) == (6, 6, SIGNER.address)
        assert [(item["index"], item["kind"]) for item in first.json["included"]] == [(4, "decision"), (2, "signature")]
        node.fill(600)
        node.decide()
        sha256 = first.json["included"][0]["sha256"]
        again = check(node, state, "--record", sha256, "--entries")
        assert (again.code, again.json["size"], again.json["entriesChecked"]) == (0, 609, 603)
        remembered = RememberedLog.read(state.read_bytes(), where="state")
        assert open_checkpoint(remembered.checkpoint.encode(), parse_verifier_key(remembered.verifier_key)).size == 609
        shown = gate("log", "check", "--node", node.url, "--state", state)
        assert shown.out.endswith("clean: the log holds\n")


def test_check__not_in_the_log__named_with_exit_1(tmp_path: Path) -> None:
    with LoggingNode(tmp_path).serve() as node:
        node.decide()
        answer = check(node, tmp_path / "s", "--decision", 9, "--record", "0" * 64, "--signature", "0x" + "f" * 64)
    assert answer.code == 1
    assert finding_ids(answer) == ["LOG-MISSING"] * 3
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("change", "ident"),
    (
        (lambda leaves: [*leaves[:4], *leaves[5:], *leaves[:2]], "LOG-FORK"),
        (lambda leaves: [*leaves[:4], LogLeaf("decision", "2", "0" * 64), *leaves[5:]], "LOG-FORK"),
        (lambda leaves: [leaves[1], leaves[0], *leaves[2:]], "LOG-FORK"),
        (lambda leaves: leaves[:5], "LOG-SHRANK"),
        (lambda leaves: [*leaves[1:], *leaves[:1], LogLeaf("decision", "8", "0" * 64)], "LOG-FORK"),
    ),
    ids=("deleted", "changed", "reordered", "cut", "reordered and grown"),
)
def test_check__history_rewritten_and_everything_else_forgotten__fork_with_both_checkpoints_kept(
    tmp_path: Path, change: Callable[[list[LogLeaf]], Sequence[LogLeaf]], ident: str
) -> None:
    state = tmp_path / "log.state"
    node = LoggingNode(tmp_path)
    node.decide(3)
    with node.serve():
        assert check(node, state).code == 0
    before = state.read_bytes()
    node = LoggingNode(tmp_path)
    node.rewrite(change)
    with node.serve():
        answer = check(node, state)
    assert (answer.code, finding_ids(answer)) == (1, [ident])
    assert state.read_bytes() == before
    # The evidence stands by itself: two notes by one key, and whose key it is.
    evidence = json.loads(Path(answer.json["evidenceFile"]).read_bytes())
    verifier = parse_verifier_key(evidence["key"]["verifierKey"])
    old, new = (open_checkpoint(item["note"].encode(), verifier) for item in evidence["checkpoints"])
    assert old.size == 9
    assert old.size > new.size or old.root != new.root


def test_check__fork_shown_to_two_clients__found_when_they_compare(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    honest = LoggingNode(one)
    honest.decide(2)
    shutil.copytree(one, two)
    with honest.serve():
        assert check(honest, tmp_path / "a.state").code == 0
    other = LoggingNode(two)
    other.rewrite(lambda leaves: [*leaves[:3], LogLeaf("decision", "2", "0" * 64), *leaves[4:]])
    other.fill(5)
    with other.serve():
        assert check(other, tmp_path / "b.state").code == 0
        seen = json.loads((tmp_path / "a.state").read_bytes())["checkpoint"]
        (tmp_path / "a.note").write_text(seen, encoding="utf-8")
        compared = check(other, tmp_path / "b.state", "--checkpoint", tmp_path / "a.note")
        assert (compared.code, finding_ids(compared)) == (1, ["LOG-FORK"])
        assert Path(compared.json["evidenceFile"]).exists()
        foreign = sign_note("other\n1\nAAAA\n", "other", load_log_key(one / "log-key.pem"))
        (tmp_path / "foreign.note").write_bytes(foreign)
        wrong = check(other, tmp_path / "b.state", "--checkpoint", tmp_path / "foreign.note")
        assert (wrong.code, wrong.json["error"].split(":")[0]) == (2, "the given checkpoint is not one of this log")


@pytest.mark.parametrize(
    ("change", "asked", "ident"),
    (
        ("update decision_records set record = 'x' where decision_id = 2", ("--decision", 2), "LOG-MISSING"),
        ("delete from decision_records where decision_id = 2", ("--decision", 2), "LOG-MISSING"),
        ("update log_leaves set leaf = x'00' where \"index\" = 4", ("--entries",), "LOG-ENTRIES"),
        ('update log_leaves set hash = zeroblob(32) where "index" = 4', (), "LOG-TILES"),
        ('delete from log_leaves where "index" = 4', (), "LOG-TILES"),
        ("update log_leaves set leaf = x'00' where \"index\" = 4", ("--decision", 2), "LOG-PROOF"),
    ),
)
def test_check__rows_changed_behind_a_signed_checkpoint__found(
    tmp_path: Path, change: str, asked: Sequence[object], ident: str
) -> None:
    node = LoggingNode(tmp_path)
    node.decide(3)
    with node.serve():
        assert check(node, tmp_path / "s").code == 0
        with unprotected(node.database) as connection:
            connection.execute(text(change))
        answer = check(node, tmp_path / "s", *asked)
    assert answer.code == 1
    assert ident in finding_ids(answer)


def test_check__another_operator_or_another_key__found(tmp_path: Path) -> None:
    state = tmp_path / "s"
    with LoggingNode(tmp_path).serve() as node:
        node.decide()
        stranger = gate("log", "check", "--node", node.url, "--operator", REGISTRY, "--json")
        assert (stranger.code, finding_ids(stranger)) == (1, ["LOG-KEY"])
        assert check(node, state).code == 0
    (tmp_path / "log-key.pem").unlink()
    with LoggingNode(tmp_path).serve() as node:
        changed = check(node, state)
    assert (changed.code, finding_ids(changed)) == (1, ["LOG-KEY"])
    assert "another log" in changed.json["findings"][0]["problem"]


def hostile(answers: dict[str, Any]) -> LyingNode:
    """Answers 200 with what is given for a path, 404 to all else."""
    return LyingNode(lambda path, _: (200, answers[path]) if path in answers else (404, {}))


def test_check__node_without_a_log_or_with_nonsense__a_finding_and_no_traceback(tmp_path: Path) -> None:
    for answers, ident in (({}, "LOG-NONE"), ({"/log/key.json": {"verifierKey": "\x1b[2J"}}, "LOG-KEY")):
        with hostile(answers) as node:
            answer = gate("log", "check", "--node", node.url, "--json")
        assert (answer.code, finding_ids(answer)) == (1, [ident])
        assert "\x1b" not in answer.out


def test_check__nobody_there_and_wrong_options__exit_3_and_2(tmp_path: Path) -> None:
    assert gate("log", "check", "--node", "http://127.0.0.1:9", "--json").code == 3
    state = tmp_path / "state"
    state.write_text("{}", encoding="utf-8")
    for options in (
        ("--decision", "x"),
        ("--decision", "0"),
        ("--record", "ABC"),
        ("--signature", "0x12"),
        ("--state", state),
        ("--checkpoint", tmp_path / "none"),
    ):
        assert gate("log", "check", "--node", "http://127.0.0.1:9", "--json", *options).code == 2


def served_by(node: LoggingNode) -> dict[str, bytes | None]:
    """Every answer that a check needs, to give them changed."""
    paths = ["/log/key.json", "/log/checkpoint", *(f"/log/{tile.path}" for tile in tiles_of(node.log.signed_size()))]
    return {path: httpx2.get(node.url + path, trust_env=False).content for path in paths}


def test_check__each_served_file_changed_in_any_byte__found(tmp_path: Path) -> None:
    with LoggingNode(tmp_path).serve() as node:
        node.fill(300)
        node.log.checkpoint()
        served = served_by(node)
    assert check_log(served.get, entries=True).clean
    for path, data in served.items():
        assert data is not None
        for at in {0, len(data) // 2, len(data) - 2}:
            changed = {**served, path: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]}
            assert not check_log(changed.get, entries=True).clean, (path, at)


def test_check__checkpoint_of_an_unbelievable_size__refused_at_once(tmp_path: Path) -> None:
    with LoggingNode(tmp_path).serve() as node:
        node.fill(3)
        node.log.checkpoint()
        served = served_by(node)
        key = load_log_key(tmp_path / "log-key.pem")
        for size, ident in ((2**49, "LOG-TILES"), (2**60, "LOG-CHECKPOINT")):
            huge = Checkpoint(node.log.origin, size, bytes(32))
            served["/log/checkpoint"] = sign_note(huge.text, node.log.origin, key)
            found = check_log(lambda path: served.get(path, b""), entries=True)
            assert [item.id for item in found.findings] == [ident]


def test_export__of_a_grown_log__byte_for_byte_what_is_served(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    folder.mkdir()
    config = folder / "node.toml"
    config.write_text(
        f"""name = "operator-7"
[chain]
id = 31337
registry = "{REGISTRY}"
rpc_url = "http://127.0.0.1:9"
[key]
keystore = "unused"
password_env = "UNUSED"
[transparency]
key = "log-key.pem"
[[sources]]
type = "csrc"
base_url = "https://example.org"
table_channels = ["c1"]
""",
        encoding="utf-8",
    )
    node = LoggingNode(folder)
    refused = gate("log", "export", "--config", config, tmp_path / "out")
    assert refused.code == 2
    assert "start the node once" in refused.line
    with node.serve():
        node.fill(257)
        assert gate("log", "export", "--config", config, tmp_path / "out").code == 0
        node.fill(300)
        answer = gate("log", "export", "--config", config, tmp_path / "out", "--json")

        assert (answer.code, answer.json["size"]) == (0, 557)
        files = {path.relative_to(tmp_path / "out"): path for path in (tmp_path / "out").rglob("*") if path.is_file()}
        for name, path in files.items():
            answer_of_node = httpx2.get(f"{node.url}/{name}", trust_env=False)
            assert (answer_of_node.status_code, answer_of_node.content) == (200, path.read_bytes()), name
        assert {f"log/{tile.path}" for tile in tiles_of(557)} <= {str(name) for name in files}
    # The files alone are a whole log.
    found = check_log(lambda path: (tmp_path / "out" / path[1:]).read_bytes(), entries=True)
    assert (found.clean, found.entries) == (True, 557)
