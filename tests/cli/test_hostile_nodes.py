"""`approve` among nodes that lie, flood, escape or stay silent; and Ctrl-C while it waits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import PASSWORD, ROOT, Answer, gate
from tests.cli.deployed_gate import NUMBER, DeployedGate
from tests.collector.lying_nodes import LyingNode
from tests.samples.dossier import sample_dossier

ESCAPES = "\x1b]0;owned\x07\x1b[2J\u009b31m\u202egpj\nfiling-gate: approved"
Reply = tuple[int, Any] | None


@pytest.fixture
def dossier(chain: DeployedGate, tmp_path: Path) -> Path:
    file = tmp_path / "dossier.json"
    tokens = [chain.deployment.token(name).address for name in ("senior", "junior")]
    file.write_text(json.dumps(sample_dossier(number=NUMBER, tokens=tokens)), encoding="utf-8")
    return file


def approve(chain: DeployedGate, dossier: Path, *urls: str, as_json: bool = True) -> Answer:
    nodes = [part for url in urls for part in ("--node", url)]
    flag = ("--json",) if as_json else ()
    return gate("approve", chain.manifest, dossier, *nodes, *chain.at, *chain.by("issuer"), *flag)


def seen_but(post: Callable[[str], Reply]) -> Callable[[str, bytes], Reply]:
    """Takes the dossier, sees the publication, and answers proposals as it likes."""
    seen = {"recordHash": "0x" + "0e" * 32, "rulesetHash": "0x" + "0f" * 32}
    return lambda path, _: post(path) if path == "/v1/approvals" else (200, seen)


def test_approve__refusals_with_terminal_escapes__reach_no_terminal(chain: DeployedGate, dossier: Path) -> None:
    refusal = {
        "title": ESCAPES,
        "operator": ESCAPES,
        "failed": [{"rule": ESCAPES, "result": ESCAPES, "explanation": ESCAPES}],
        "differences": [{"field": ESCAPES, "proposed": ESCAPES, "expected": ESCAPES}],
    }
    with LyingNode(seen_but(lambda _: (409, refusal))) as node:
        text = approve(chain, dossier, node.url, as_json=False)
        document = approve(chain, dossier, node.url)
    assert (text.code, document.code) == (1, 1)
    for answer in (text, document):
        assert [char for char in answer.out + answer.err if not char.isprintable() and char != "\n"] == []
    assert "\nfiling-gate: approved" not in text.out
    assert "0 of 2 needed signatures" in text.out
    assert document.json["answers"][0]["outcome"] == "refused"
    assert document.json["transaction"] is None


def test_approve__titles_with_escapes_and_no_node_answers__one_short_error(chain: DeployedGate, dossier: Path) -> None:
    with LyingNode(lambda *_: (500, {"title": ESCAPES + "x" * 100_000})) as node:
        answer = approve(chain, dossier, node.url, as_json=False)
    assert answer.code == 3
    assert [char for char in answer.err if not char.isprintable() and char != "\n"] == []
    assert all(len(line) < 1100 for line in answer.err.splitlines())


def test_approve__node_that_floods_or_hangs_up__bounded_and_named(chain: DeployedGate, dossier: Path) -> None:
    flood = b'"' + b"x" * 200_000_000
    began = time.monotonic()
    with (
        LyingNode(seen_but(lambda _: (200, flood))) as flooding,
        LyingNode(lambda *_: None) as silent,
        LyingNode(seen_but(lambda _: (200, b"\xff"))) as garbled,
    ):
        answer = approve(chain, dossier, flooding.url, silent.url, garbled.url)
    assert time.monotonic() - began < 20
    assert answer.code == 1
    assert [row["outcome"] for row in answer.json["answers"]] == ["unreachable"] * 3
    assert "larger than" in answer.json["answers"][0]["reason"]
    assert len(answer.out) < 10_000


def test_approve__manifest_of_another_committee__exit_2_before_any_node(
    chain: DeployedGate, dossier: Path, tmp_path: Path
) -> None:
    other = tmp_path / "manifest.toml"
    text = chain.manifest.read_text(encoding="utf-8").replace("threshold = 2", "threshold = 1")
    other.write_text(text, encoding="utf-8")
    options = ("--node", "http://127.0.0.1:1", *chain.at, *chain.by("issuer"), "--json")
    answer = gate("approve", other, dossier, *options)
    assert answer.code == 2
    assert "committee" in answer.json["error"]


@pytest.mark.parametrize("hours", ("0", "-1", "1e9", "nan", "inf", "x"))
def test_approve__hours_out_of_range__exit_2(chain: DeployedGate, dossier: Path, hours: str) -> None:
    options = ("--node", "http://127.0.0.1:1", "--hours", hours, *chain.at, *chain.by("issuer"), "--json")
    answer = gate("approve", chain.manifest, dossier, *options)
    assert answer.code == 2
    assert "--hours" in answer.json["error"]


@pytest.mark.slow
def test_approve__ctrl_c_while_a_node_is_silent__ends_at_once_with_130(chain: DeployedGate, dossier: Path) -> None:
    asked, over = threading.Event(), threading.Event()

    def silent(*_: object) -> None:
        asked.set()
        over.wait(30)

    with LyingNode(silent) as node:
        # Tests that run in the background of a shell inherit that Ctrl-C is ignored.
        command = ["env", "--default-signal=INT", sys.executable, "-m", "oracle", "approve"]
        command += [str(chain.manifest), str(dossier)]
        with subprocess.Popen(
            [*command, "--node", node.url, *chain.at, *chain.by("issuer")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "FILING_GATE_PASSWORD": PASSWORD},
        ) as process:
            assert process.stderr is not None
            assert process.stderr.readline() == "asking 1 nodes\n"
            # Not before it waits for the node: what it does until then takes long on a busy machine.
            assert asked.wait(30)
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        over.set()
    assert (process.returncode, out) == (130, "")
    assert err.split() == ["stopped"]
