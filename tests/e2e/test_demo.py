"""`make demo` as a user runs it: to the end with its ports taken, kept, again at once and stopped in the middle."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.anvil import ROOT
from tests.cli.command_line import program

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SCENES = 12
#: In the environment of the demo, so of everything it starts.
MARK = "FILING_GATE_TEST_RUN"


class Demo:
    """A running demo; what it printed so far is in `text()`."""

    def __init__(self, out: Path, log: Path, *options: str) -> None:
        self.mark = f"{MARK}={uuid.uuid4()}"
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "scripts/demo.py", "--out", str(out), *options],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, MARK: self.mark.split("=")[1]},
                start_new_session=True,
            )

    def text(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, words: str, seconds: float = 120) -> None:
        """Return once the demo has printed `words`."""
        end = time.monotonic() + seconds
        while words not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < end, f"{words!r} was not printed:\n{self.text()}"
            time.sleep(0.1)

    def left(self) -> list[str]:
        """The command lines of all processes that this demo started, itself included."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except (FileNotFoundError, ProcessLookupError, PermissionError):  # it ended meanwhile, or is another user's
                continue
        return [line for line in found if line]


@contextmanager
def demo(out: Path, log: Path, *options: str) -> Iterator[Demo]:
    running = Demo(out, log, *options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            try:
                running.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()


def check_result(out: Path) -> None:
    result: dict[str, Any] = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert result["ok"] is True
    assert len(result["scenes"]) == SCENES
    for scene in result["scenes"]:
        assert set(scene) == {"name", "expected", "happened", "ok"}
        assert scene["ok"] is True, scene
        assert scene["happened"]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all runs: a later one starts where an earlier one left its files."""
    return tmp_path_factory.mktemp("demo") / "out"


@pytest.fixture(scope="module")
def taken() -> Iterator[tuple[int, ...]]:
    """The demo's first choices of ports, held by somebody else."""
    with ExitStack() as stack:
        for port in (ports := (8545, 8701)):
            holder = stack.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            end = time.monotonic() + 120
            while True:
                try:
                    holder.bind(("127.0.0.1", port))
                    break
                except OSError:  # taken by another test's world, which may end while the demo runs
                    assert time.monotonic() < end, f"port {port} is held by another program"
                    time.sleep(0.5)
            holder.listen()
        yield ports


@pytest.mark.soak
def test_keep__ports_taken__plays_on_others_answers_until_ctrl_c_and_leaves_nothing(
    out: Path, taken: tuple[int, ...], tmp_path: Path
) -> None:
    with demo(out, tmp_path / "log", "--keep") as running:
        running.wait_for("Try  ")
        check_result(out)
        for port in taken:
            assert f"port {port} is taken, using" in running.text()
        assert f"{SCENES} of {SCENES} scenes as expected" in running.text()
        # anvil, the stand-in, three nodes, and the demo itself
        assert len(running.left()) == 6, running.left()
        command = running.text().split("Try  ")[1].split()
        assert command[0] == ".venv/bin/filing-gate"
        answer = program(*command[1:], "--json")
        assert answer.code == 0, answer.err
        (filing,) = answer.json["filings"]
        assert filing["status"] == "APPROVED"
        senior = next(row for row in filing["tranches"] if row["id"] == "senior")
        assert (senior["issued"], senior["canIssue"]) == ("150000000000", True)
        os.killpg(running.process.pid, signal.SIGINT)
        assert running.process.wait(timeout=10) == 0, running.text()
        assert "stopping" in running.text()
        assert "Traceback" not in running.text()
        assert running.left() == []


@pytest.mark.soak
@pytest.mark.parametrize(
    ("moment", "whole_group"),
    (("starting three operator nodes", False), ("2. the filing still stands", True)),
)
def test_again__ctrl_c_in_the_middle__ends_and_leaves_nothing(
    out: Path, tmp_path: Path, moment: str, whole_group: bool
) -> None:
    with demo(out, tmp_path / "log") as running:
        running.wait_for(moment)
        time.sleep(0.5)
        began = time.monotonic()
        if whole_group:  # as a terminal does
            os.killpg(running.process.pid, signal.SIGINT)
        else:
            running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=10) == 130, running.text()
        assert time.monotonic() - began < 10
        assert "nothing is left running" in running.text()
        assert "Traceback" not in running.text()
        assert running.left() == []


def test_out__folder_with_other_files__is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf-8")
    with demo(tmp_path / "out", tmp_path / "log") as running:
        assert running.process.wait(timeout=30) == 2
        assert "not a demo's" in running.text()
    assert (tmp_path / "out" / "thesis.txt").read_text(encoding="utf-8") == "mine"
