"""A test chain: anvil from node_modules, on a port of its own."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent

# Started direct: npm's wrapper costs three times as long.
_PLATFORM_BINARIES = ROOT / "node_modules" / "@foundry-rs"
_LISTENING = re.compile(r"Listening on [\d.]+:(\d+)")
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0

OptionValue = str | int | bool | Path


class AnvilNotRunningError(RuntimeError):
    """anvil is not installed, or ended before it listened; the message carries what it printed."""


class AnvilProcess:
    """A running anvil. Stop it, or use it as a context manager.

    url: HTTP and WebSocket address without path, `http://127.0.0.1:PORT`.
    port: the port in it.
    ipc: path of its socket, about twice as fast as HTTP.
    """

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
        self._process = process
        self._folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.ipc = folder / "ipc"

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def log(self) -> str:
        """What anvil printed so far; empty once stopped."""
        path = self._folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """Ends the process and removes its files. May be called again."""
        _end(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> AnvilProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def find_anvil() -> Path:
    """The anvil program in node_modules. Raises AnvilNotRunningError if it is not installed."""
    for path in sorted(_PLATFORM_BINARIES.glob("anvil-*/bin/anvil*")):
        return path
    raise AnvilNotRunningError(f"no anvil under {_PLATFORM_BINARIES}: run `npm ci`")


def start_anvil(port: int | None = None, **options: OptionValue) -> AnvilProcess:
    """Starts anvil and returns when it listens.

    port: port to listen on; None takes a free one.
    options: anvil's own, with underscores: `block_time=1`, `hardfork="cancun"`, `fork_url=…`. True gives a bare option,
    False leaves it out.
    """
    program = find_anvil()
    # A socket's path may have no more than about 100 characters, and pytest's folders do.
    folder = Path(tempfile.mkdtemp(prefix="anvil-"))
    command = [str(program), "--host", "127.0.0.1", "--port", str(port or 0), "--ipc", str(folder / "ipc")]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            command.append(flag)
        elif value is not False:
            command += [flag, str(value)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        found = _wait_until_listening(process, folder)
    except BaseException:
        _end(process)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return AnvilProcess(process, folder, found)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], folder: Path) -> int:
    limit = time.monotonic() + _START_SECONDS
    while True:
        printed = (folder / "log").read_text(encoding="utf-8", errors="replace")
        found = _LISTENING.search(printed)
        if found and (folder / "ipc").exists():
            port = int(found.group(1))
            with socket.create_connection(("127.0.0.1", port), timeout=_STOP_SECONDS):
                return port
        if process.poll() is not None:
            raise AnvilNotRunningError(f"anvil ended with code {process.returncode}:\n{printed}")
        if time.monotonic() > limit:
            raise AnvilNotRunningError(f"anvil did not listen within {_START_SECONDS:.0f} seconds:\n{printed}")
        time.sleep(0.02)
