"""Mutation testing of the contracts: which small changes of the source does no test notice?

    python scripts/mutate.py                     every mutant
    python scripts/mutate.py --sample 100 --seed 7    the first so many, in the random order of that seed
    python scripts/mutate.py --only contracts/PackedState.sol
    python scripts/mutate.py --match OracleCommittee._counts
    python scripts/mutate.py --again             only those that survived the last run
    python scripts/mutate.py --continue          only those that the last run did not come to
    python scripts/mutate.py --list              the mutants' ids, without running anything
    python scripts/mutate.py --json FILE         what became of each, as JSON
    python scripts/mutate.py --write             docs/security/mutation.md

A mutant is judged in this order, and the first that notices it ends it:

1. it does not compile: stillborn, no mutant at all;
2. forge's directed and fuzz tests (fast profile, fixed seed);
3. the optimizer makes the very code of the original of it: equivalent;
4. the Python tests of the contracts, on optimized code;
5. forge's random walks: the invariants, and the walk that reaches everything.

Exit code 1 if a mutant survives that docs/security/mutation_survivors.json does not explain, or if that explains what
is no mutant; 2 if the tests fail without any mutant, or something needed is missing.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    # This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
    sys.path[0] = str(ROOT)

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from scripts.compile import CompileError, collect_sources, compile_project, kept_at, settings
from scripts.forge import ForgeNotInstalledError, find_forge
from scripts.mutants import Mutant, mutants

SOURCES = ("contracts/FilingRegistry.sol", "contracts/OracleCommittee.sol", "contracts/PackedState.sol")
MAIN = "contracts/FilingRegistry.sol"
EXPLAINED = ROOT / "docs" / "security" / "mutation_survivors.json"
REPORT = ROOT / "docs" / "security" / "mutation.md"
#: Kept beside the report, so that any clone can go on where the last run stopped.
RESULTS = ROOT / "docs" / "security" / "mutation_verdicts.json"

# What the trees that mutants are tried in are copied from.
_COPIED = ("contracts", "oracle", "scripts", "tests", "tools", "foundry.toml", "pyproject.toml", "package.json")
_LINKED = ("node_modules", ".venv")
_LEFT_OUT = shutil.ignore_patterns("node_modules", "__pycache__")

_WALKS = "^(RegistryReach|RegistryWith|PlantedFaults)"

# All that call the registry, but for those that compare its very code or gas.
PYTHON_TESTS = tuple(
    f"tests/contracts/test_{name}.py"
    for name in (
        "committee",
        "signatures",
        "contract_signers",
        "approve",
        "approve_batch",
        "update",
        "issue",
        "known_failures",
        "typed_data",
        "state_from_events",
    )
)

STILLBORN = "stillborn"
EQUIVALENT = "equivalent"
BY_FORGE = "killed by forge"
BY_WALKS = "killed by forge's random walks"
BY_PYTHON = "killed by Python"
SURVIVED = "survived"
VERDICTS = (STILLBORN, EQUIVALENT, BY_FORGE, BY_WALKS, BY_PYTHON, SURVIVED)

#: A mutant that loops is noticed by the time its tests compute, which does not depend on what else the machine does.
_FORGE_CPU_SECONDS = 120
_PYTEST_CPU_SECONDS = 300
#: One that merely waits.
_WAIT_SECONDS = 1_800.0


class MutationError(Exception):
    """Mutants cannot be judged here; the message says why and what to do."""


@dataclass
class Compiler:
    """A compiler that stays loaded, and where it listens."""

    socket: Path
    process: subprocess.Popen[str]

    def compile(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The compiler's answer to standard JSON."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.socket))
            line.sendall(json.dumps(job).encode())
            line.shutdown(socket.SHUT_WR)
            parts = list(iter(lambda: line.recv(1 << 20), b""))
        answer: dict[str, Any] = json.loads(b"".join(parts))
        return answer


@contextmanager
def running_compiler(folder: Path) -> Iterator[Compiler]:
    """The compiler, listening on a socket in that folder."""
    where = folder / "solc"
    process = subprocess.Popen(
        # Like tools/solc: optimizing so large a program takes longer than it saves.
        ["node", "--liftoff-only", str(ROOT / "tools" / "solc-warm.js"), str(where)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise MutationError("tools/solc-warm.js does not start: run `npm ci`")
        yield Compiler(where, process)
    finally:
        process.kill()
        process.communicate()


def find_mutants(compiler: Compiler, names: Iterable[str] = SOURCES, root: Path = ROOT) -> list[Mutant]:
    """All mutants of these sources, which are paths from `root`."""
    wanted = list(names)
    texts = {name: (root / name).read_text(encoding="utf-8") for name in wanted}
    job = {
        "language": "Solidity",
        "sources": collect_sources([], texts),
        "settings": {"remappings": settings()["remappings"], "outputSelection": {"*": {"": ["ast"]}}},
    }
    answer = compiler.compile(job)
    _refuse_errors(answer)
    trees = {name: content["ast"] for name, content in answer["sources"].items()}
    return [mutant for name in wanted for mutant in mutants(name, texts[name], trees)]


def _errors(answer: Mapping[str, Any]) -> list[str]:
    return [one["formattedMessage"] for one in answer.get("errors", []) if one["severity"] == "error"]


def _refuse_errors(answer: Mapping[str, Any]) -> None:
    errors = _errors(answer)
    if errors:
        raise MutationError(f"the sources do not compile:\n{errors[0]}")


def in_order_of(seed: int, found: Sequence[Mutant]) -> list[Mutant]:
    """The mutants in a random order. The first so many are a fair sample, also of a run that was broken off."""
    order = list(found)
    random.Random(seed).shuffle(order)  # noqa: S311 - no secret
    return order


@dataclass
class Bench:
    """A copy of the project in which one mutant after the other takes the place of the original."""

    folder: Path
    compiler: Compiler
    original: dict[str, Any] = field(default_factory=dict)

    def set_up(self) -> None:
        """Copies what is needed, and sees that the tests pass there. Raises MutationError."""
        self.folder.mkdir()
        for name in _COPIED:
            source, target = ROOT / name, self.folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=_LEFT_OUT)
            else:
                shutil.copy(source, target)
        for name in _LINKED:
            (self.folder / name).symlink_to((ROOT / name).resolve())
        # What forge, and Python for the version, call instead of the compiler: hands over to the one that is loaded.
        command = self.folder / "tools" / "solc"
        command.write_text(
            _HAND_OVER.format(
                python=Path(sys.executable).resolve(),
                version=str(ROOT / "tools" / "solc"),
                socket=str(self.compiler.socket),
            )
        )
        command.chmod(0o755)
        (self.folder / "build" / "solc-cache").mkdir(parents=True)
        _, self.original = compile_project()
        self._base = self._optimized()
        self._keep(self._base)
        for found, what in ((self._forge(True), "forge"), (self._forge(False), "forge"), (self._python(), "Python")):
            if found != SURVIVED:
                raise MutationError(f"the {what} tests do not pass without any mutant ({found}): mend them first")

    def judge(self, mutant: Mutant) -> str:
        """One of VERDICTS."""
        path = self.folder / mutant.source
        text = path.read_text(encoding="utf-8")
        path.write_text(mutant.apply(text), encoding="utf-8")
        try:
            verdict = self._forge(True)
            if verdict == SURVIVED:
                made = self._optimized()
                if _code(made) == _code(self._base):
                    return EQUIVALENT
                self._keep(made)
                verdict = self._python()
                if verdict == SURVIVED:
                    verdict = self._forge(False)
            return verdict
        finally:
            path.write_text(text, encoding="utf-8")

    def _run(self, command: Sequence[str | Path], cpu_seconds: int) -> tuple[int | None, str]:
        """Exit code, None if it took too long, and what was printed."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("FOUNDRY_", "DAPP_"))}
        environment["FOUNDRY_LINT_LINT_ON_BUILD"] = "false"
        process = subprocess.Popen(
            ["prlimit", f"--cpu={cpu_seconds}", "--", *command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            printed, _ = process.communicate(timeout=_WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.communicate()
            return None, ""
        return None if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL) else process.returncode, printed

    def _forge(self, directed: bool) -> str:
        # Inputs that failed with another mutant must not help with this one.
        shutil.rmtree(self.folder / "build" / "forge" / "failures", ignore_errors=True)
        choice = "--no-match-contract" if directed else "--match-contract"
        code, printed = self._run(
            [find_forge(), "test", "--dynamic-test-linking", "--fail-fast", "--threads", "1", choice, _WALKS],
            _FORGE_CPU_SECONDS,
        )
        if code == 0:
            return SURVIVED
        if "Compiler run failed" in printed or "Compilation failed" in printed:
            return STILLBORN
        if code is None or "[FAIL" in printed:
            return BY_FORGE if directed else BY_WALKS
        raise MutationError(f"forge neither passed nor failed:\n{printed[-2000:]}")

    def _optimized(self) -> dict[str, Any]:
        """The registry, optimized, without the hash of the source."""
        job = {
            "language": "Solidity",
            "sources": _sources_in(self.folder),
            "settings": settings()
            | {
                # Through the intermediate representation it takes three times as long.
                "viaIR": False,
                "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
                "outputSelection": {
                    MAIN: {
                        "*": [
                            "abi",
                            "evm.bytecode.object",
                            "evm.deployedBytecode",
                            "evm.methodIdentifiers",
                            "storageLayout",
                        ]
                    }
                },
            },
        }
        answer = self.compiler.compile(job)
        _refuse_errors(answer)
        contracts: dict[str, Any] = answer["contracts"]
        return contracts

    def _keep(self, made: Mapping[str, Any]) -> None:
        """Puts the registry among the project's contracts where the tests look for what was compiled before."""
        paths = sorted((self.folder / "contracts").rglob("*.sol"))
        texts = {path.relative_to(self.folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}
        kept = kept_at(collect_sources([], texts), wanted=texts, folder=self.folder / "build" / "solc-cache")
        kept.write_text(json.dumps(self.original | {MAIN: made[MAIN]}), encoding="utf-8")

    def _python(self) -> str:
        code, printed = self._run(
            [".venv/bin/python", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-x", *PYTHON_TESTS],
            _PYTEST_CPU_SECONDS,
        )
        if code == 0:
            return SURVIVED
        if code is None or code == 1:
            return BY_PYTHON
        raise MutationError(f"the Python tests did not run:\n{printed[-2000:]}")


_HAND_OVER = """#!{python} -IS
import os, socket, sys
if "--version" in sys.argv:
    os.execv({version!r}, [{version!r}, "--version"])
line = socket.socket(socket.AF_UNIX)
line.connect({socket!r})
line.sendall(sys.stdin.buffer.read())
line.shutdown(socket.SHUT_WR)
for part in iter(lambda: line.recv(1 << 20), b""):
    sys.stdout.buffer.write(part)
"""


def _sources_in(folder: Path) -> dict[str, dict[str, str]]:
    """The registry's sources, those of the project as they are in that folder."""
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in SOURCES}
    return collect_sources([], texts)


def _code(made: Mapping[str, Any]) -> str:
    """Code that deploys the registry; it holds the code that is deployed."""
    code: str = made[MAIN]["FilingRegistry"]["evm"]["bytecode"]["object"]
    return code


def judge_all(found: Sequence[Mutant], workers: int, until: float) -> Iterator[tuple[Mutant, str]]:
    """What became of each mutant, as they get done. None is begun after `until`, a time of time.monotonic().

    Raises MutationError, and what else a worker ended with.
    """
    pending: SimpleQueue[Mutant] = SimpleQueue()
    for mutant in found:
        pending.put(mutant)
    done: SimpleQueue[tuple[Mutant, str]] = SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        try:
            with (
                tempfile.TemporaryDirectory(prefix="mutation-", ignore_cleanup_errors=True) as name,
                running_compiler(Path(name)) as compiler,
            ):
                bench = Bench(Path(name) / "project", compiler)
                bench.set_up()
                while not stop.is_set() and time.monotonic() < until:
                    try:
                        mutant = pending.get_nowait()
                    except Empty:
                        return
                    done.put((mutant, bench.judge(mutant)))
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(workers) as pool:
        try:
            running = [pool.submit(work) for _ in range(workers)]
            while not (all(worker.done() for worker in running) and done.empty()):
                try:
                    yield done.get(timeout=0.5)
                except Empty:
                    continue
            for worker in running:
                worker.result()
        finally:
            stop.set()


def fingerprint() -> str:
    """Of the sources that are mutated."""
    texts = [(ROOT / name).read_bytes() for name in SOURCES]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def read_explained(path: Path = EXPLAINED) -> dict[str, str]:
    """Id of a mutant that may survive to the reason. Raises MutationError."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        found = {entry["id"]: entry["why"] for entry in entries}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MutationError(f"{path} cannot be read as a list of id and why: {error}") from error
    if len(found) != len(entries) or not all(isinstance(why, str) and why.strip() for why in found.values()):
        raise MutationError(f"{path} names a mutant twice, or gives no reason")
    return found


def complaints(verdicts: Mapping[str, str], known: Iterable[str], explained: Mapping[str, str]) -> list[str]:
    """What must not be: survivors that nothing explains, explanations of what is no mutant. One line each.

    verdicts: id to verdict of the mutants that were judged; known: ids of all mutants there are.
    """
    survivors = sorted(name for name, verdict in verdicts.items() if verdict == SURVIVED)
    lines = [f"survives, and nothing explains it: {name}" for name in survivors if name not in explained]
    lines += [f"is explained, but no such mutant: {name}" for name in sorted(set(explained) - set(known))]
    lines += [
        f"is explained, but {verdicts[name]}: {name}"
        for name in sorted(explained)
        if verdicts.get(name, SURVIVED) != SURVIVED
    ]
    return lines


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Mutation testing of the contracts.")
    parser.add_argument("--only", metavar="FILE", choices=SOURCES, action="append", help="mutants of this source only")
    parser.add_argument("--match", metavar="TEXT", help="mutants with this in their id only")
    parser.add_argument("--sample", metavar="N", type=int, help="only the first N mutants")
    parser.add_argument("--seed", metavar="S", type=int, default=1, help="of the order (default 1)")
    parser.add_argument("--minutes", metavar="M", type=float, default=600.0, help="begin no mutant after so long")
    parser.add_argument("--again", action="store_true", help="only those that survived the last run here")
    parser.add_argument("--continue", dest="go_on", action="store_true", help="only those the last run did not come to")
    parser.add_argument("--list", action="store_true", help="print the ids and run nothing")
    parser.add_argument("--workers", metavar="N", type=int, choices=(1, 2), default=2, help="1 or 2 (default 2)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write what became of each mutant")
    parser.add_argument("--write", action="store_true", help="write docs/security/mutation.md")
    options = parser.parse_args(argv)
    try:
        return _run(options)
    except (MutationError, CompileError, ForgeNotInstalledError) as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    explained = read_explained()
    with tempfile.TemporaryDirectory(prefix="mutation-") as name, running_compiler(Path(name)) as compiler:
        everything = find_mutants(compiler)
    found = [mutant for mutant in everything if not options.only or mutant.source in options.only]
    verdicts: dict[str, str] = {}
    if options.match:
        found = [mutant for mutant in found if options.match in mutant.id]
    if options.again:
        verdicts = _last_run()
        found = [mutant for mutant in found if verdicts.get(mutant.id) == SURVIVED]
    if options.go_on:
        verdicts = _last_run()
        found = [mutant for mutant in found if mutant.id not in verdicts]
    wanted = set(found)
    order = [mutant for mutant in in_order_of(options.seed, everything) if mutant in wanted][: options.sample]
    if options.list:
        print("\n".join(mutant.id for mutant in order))
        return 0
    share = f"{len(order)} of {len(everything)} mutants"
    if options.sample is not None:
        share += f", chosen by seed {options.seed}"
    print(share, flush=True)
    started = time.monotonic()
    until = started + 60 * options.minutes
    for count, (mutant, verdict) in enumerate(judge_all(order, options.workers, until), 1):
        verdicts[mutant.id] = verdict
        if verdict == SURVIVED or count % 25 == 0:
            print(f"[{count}/{len(order)}, {time.monotonic() - started:.0f} s] {verdict}: {mutant.id}", flush=True)
        _keep_results(verdicts)
    _keep_results(verdicts)
    seconds = time.monotonic() - started
    print(table(everything, verdicts), end="")
    print(f"{share}, of which {sum(mutant.id in verdicts for mutant in order)} were judged; {seconds:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(verdicts, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    if options.write:
        REPORT.write_text(report(everything, verdicts, explained, options.seed), encoding="utf-8")
    lines = complaints(verdicts, [mutant.id for mutant in everything], explained)
    for line in lines:
        print(f"mutate: {line}", file=sys.stderr)
    return 1 if lines else 0


def _keep_results(verdicts: Mapping[str, str]) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    content = {"sources": fingerprint(), "verdicts": dict(sorted(verdicts.items()))}
    RESULTS.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _last_run() -> dict[str, str]:
    try:
        kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise MutationError("--again and --continue need a run before them: run without them first") from None
    if kept["sources"] != fingerprint():
        raise MutationError("the contracts changed since the last run: run without --again and --continue")
    verdicts: dict[str, str] = kept["verdicts"]
    return verdicts


def table(everything: Sequence[Mutant], verdicts: Mapping[str, str]) -> str:
    """Counts by source, as Markdown."""
    lines = [f"| Source | Mutants | Judged | {' | '.join(VERDICTS)} |", "|---" * (len(VERDICTS) + 3) + "|"]
    for name in (*SOURCES, "all"):
        ids = [mutant.id for mutant in everything if name in (mutant.source, "all")]
        counts = Counter(verdicts[one] for one in ids if one in verdicts)
        cells = [len(ids), counts.total(), *(counts[verdict] for verdict in VERDICTS)]
        lines.append(f"| {name} | {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def report(everything: Sequence[Mutant], verdicts: Mapping[str, str], explained: Mapping[str, str], seed: int) -> str:
    """docs/security/mutation.md."""
    by_why: dict[str, list[str]] = {}
    for mutant in everything:
        if verdicts.get(mutant.id) == SURVIVED:
            by_why.setdefault(explained.get(mutant.id, "Not explained."), []).append(mutant.id)
    judged = len([mutant for mutant in everything if mutant.id in verdicts])
    counts = Counter(verdicts[mutant.id] for mutant in everything if mutant.id in verdicts)
    killed = counts[BY_FORGE] + counts[BY_WALKS] + counts[BY_PYTHON]
    live = killed + counts[SURVIVED]
    share = (
        "All were judged."
        if judged == len(everything)
        else (
            f"Judged were {judged} ({100 * judged / len(everything):.1f} %), the first in the random order of "
            f"seed {seed}; of the others nothing is known."
        )
    )
    parts = [
        _HEAD,
        table(everything, verdicts),
        f"\n{len(everything)} mutants. {share} Of the {live} judged that compile to other code, tests notice {killed} "
        f"({100 * killed / max(live, 1):.1f} %); the other {counts[SURVIVED]} are below.\n",
        "\n## Survivors\n",
    ]
    for why, names in sorted(by_why.items()):
        parts.append(f"\n{why}\n\n" + "".join(f"- `{name}`\n" for name in names))
    return "".join(parts)


_HEAD = """# Mutation testing of the contracts

Written by `scripts/mutate.py --write`. Mutated are `FilingRegistry`, `OracleCommittee` and the packing of their state.
A mutant is the source with one small change, made from the compiler's syntax tree (`scripts/mutants.py`): a comparison
negated or moved by one, `&&` and `||` exchanged or one side left out, a `require`, `revert`, call, assignment, `delete`
or event left out, a condition fixed, a constant one more or less, a modifier left out, two arguments of one type
exchanged, a value replaced by zero or the greatest, an operand left out, an operator exchanged, another member of an
enumeration, a conversion eight bits wider or narrower, and the like in assembly.

Stillborn are those that do not compile; equivalent those of which the optimizer makes the very code of the original.
The others are tried on the forge tests (fast profile, fixed seed), then on the Python tests of the contracts (optimized
as what is deployed, but not through the intermediate representation), then on forge's random walks (invariants, the
walk that reaches everything). Tests that compare the very code or its gas take no part. What survives must be explained
in `mutation_survivors.json`, or the step `mutation` of `make prove` fails. After tests are added, `--again` tries only
what survived before; the other verdicts stand from that run. A run that was broken off goes on with `--continue`.

"""


if __name__ == "__main__":
    sys.exit(main())
