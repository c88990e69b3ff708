"""A local copy of a chain: anvil, forked from a node by reading only, or restored from a dump of its state."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from web3 import Web3

from oracle.audit.rehearsal.read_only import read_only
from oracle.chain.rpc import chain_faults, connect, raw_call, shown_url
from oracle.errors import FilingGateError, InputError, UnreachableError

__all__ = ["find_anvil", "forked", "restored"]

#: Where `npm ci` puts the program; started direct, as npm's wrapper costs three times as long.
_PACKAGES = Path(__file__).resolve().parents[3] / "node_modules"
_LISTENING = re.compile(r"Listening on [\d.]+:(\d+)")
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_LARGEST_STATE = 256 << 20


def find_anvil() -> str:
    """The anvil program: of the project's node_modules, else on the PATH. FilingGateError if there is none."""
    for path in sorted(_PACKAGES.glob("@foundry-rs/anvil-*/bin/anvil*")):
        return str(path)
    found = shutil.which("anvil")
    if found is None:
        raise FilingGateError(
            "no anvil: the attacks are tried on a local chain, and nothing here can run one",
            where="PATH",
            remedy="run `npm ci` in the project's folder, or put Foundry's anvil on the PATH",
        )
    return found


@contextmanager
def _running(*options: str) -> Iterator[Web3]:
    program = find_anvil()
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    try:
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
                [program, "--host", "127.0.0.1", "--port", "0", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield connect(_listening(process, folder / "log"), timeout=60)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _listening(process: subprocess.Popen[bytes], log: Path) -> str:
    limit = time.monotonic() + _START_SECONDS
    while time.monotonic() < limit:
        printed = log.read_text(encoding="utf-8", errors="replace")
        found = _LISTENING.search(printed)
        if found:
            return f"http://127.0.0.1:{found.group(1)}"
        if process.poll() is not None:
            last = next((line for line in reversed(printed.splitlines()) if line.strip()), "it printed nothing")
            raise UnreachableError(
                f"the local chain did not start: {last.strip()[:200]}",
                where="anvil",
                remedy="check --state, and that the node answers for that block (an archive node does for old ones)",
            )
        time.sleep(0.02)
    raise UnreachableError(
        f"the local chain did not listen within {_START_SECONDS:.0f} seconds", where="anvil", remedy="try again"
    )


@contextmanager
def forked(url: str, block: int | None = None) -> Iterator[Web3]:
    """A copy of the chain at `url` as of a block, the newest if None; it ends with the block of code.

    What the copy still needs it reads as it goes, and through a door that lets questions through only. InputError if
    the chain has no such block yet, UnreachableError if nobody answers.
    """
    given = connect(url)
    with chain_faults(url):
        newest = int(raw_call(given, "eth_blockNumber", []), 16)
    if block is not None and block > newest:
        raise InputError(f"the chain's newest block is {newest}", where="--block", remedy="name that or an older one")
    of = str(newest if block is None else block)
    with read_only(url) as door, _running("--fork-url", door.url, "--fork-block-number", of) as w3:
        try:
            yield w3
        except UnreachableError as error:
            # The copy fails where the chain does; its own address would lead nobody anywhere.
            raise UnreachableError(error.what, where=shown_url(url), remedy=error.remedy) from None


@contextmanager
def restored(state: Path, chain_id: int) -> Iterator[Web3]:
    """The chain in a state dump of anvil (`--dump-state`, or the content of `anvil_dumpState` unpacked)."""
    try:
        size = state.stat().st_size
        with state.open("rb") as file:
            start = file.read(1)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=f"--state {state}", remedy="check the path"
        ) from None
    if start != b"{" or size > _LARGEST_STATE:
        raise InputError(
            f"no state dump: it is not a JSON object of at most {_LARGEST_STATE >> 20} MiB",
            where=f"--state {state}",
            remedy="make one with `anvil --dump-state FILE`",
        )
    with _running("--load-state", str(state), "--chain-id", str(chain_id)) as w3:
        yield w3
