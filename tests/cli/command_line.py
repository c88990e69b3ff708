"""The command line as a test calls it: in this process, or as the program a user starts."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oracle.cli.main import _run

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a password of tests"


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout, which must be exactly one JSON document."""
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """stderr, which must be exactly one line."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


def gate(*arguments: object) -> Answer:
    """`filing-gate …` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = _run([str(argument) for argument in arguments])
    assert "Traceback" not in err.getvalue()
    return Answer(code, out.getvalue(), err.getvalue())


def program(*arguments: object, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Answer:
    """`python -m oracle …` in a process of its own, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "oracle", *(str(argument) for argument in arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        cwd=cwd,
        timeout=60,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)
