"""Run halmos over tests/contracts/symbolic/, and show that each check can fail.

    scripts/halmos.sh              every check holds, and each one finds a counterexample in a contract weakened for it
    scripts/halmos.sh --write      the same, and writes the measured table in docs/security/halmos.md
    scripts/halmos.sh --sound      only that every check holds

Needs .venv-proof (`scripts/bootstrap.sh node proof`) and runs in it. Compiler and settings are those of the deployable
code. A weakening replaces one place of a source in memory; that place must be there exactly once.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    # This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
    sys.path[0] = str(ROOT)

import argparse
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.compile import SOLC_VERSION, CompileError, collect_sources, compile_sources

CHECKS = ROOT / "tests" / "contracts" / "symbolic"
REPORT = ROOT / "docs" / "security" / "halmos.md"
LIMIT = 900  # seconds for one run of halmos; a bound, not a measurement

# Exit codes of one check in halmos's report.
PASS = 0
COUNTEREXAMPLE = 1

BEGIN, END = "<!-- measured -->", "<!-- end -->"

# Given to halmos for every run. The signature of an operator is 65 bytes of anything.
BOUNDS = (
    "--default-array-lengths=1",
    "--default-bytes-lengths=65",
    "--loop=40",
    "--solver-timeout-assertion=120s",
    "--return-size-of-unknown-calls=32",
    # Not yices 2.6.4, which halmos takes by default: it called one query satisfiable that z3 shows it is not.
    "--solver=z3",
)

REGISTRY = "contracts/FilingRegistry.sol"
COMMITTEE = "contracts/OracleCommittee.sol"
PACKED = "contracts/PackedState.sol"


@dataclass(frozen=True)
class Weakening:
    """What to spoil so that one check must fail."""

    check: str
    source: str
    place: str
    instead: str
    says: str


WEAKENINGS = (
    Weakening(
        "check_tranche_comesOutAsItWentIn", PACKED, "(issued << 96)", "(issued << 95)", "issued is packed a bit too low"
    ),
    Weakening(
        "check_filing_comesOutAsItWentIn",
        PACKED,
        "(uint256(sequence) << 104)",
        "(uint256(sequence) << 103)",
        "the sequence is packed a bit too low",
    ),
    Weakening(
        "check_consume_neverExceedsTheCap",
        REGISTRY,
        "amount > cap - tranche.issued() ?",
        "amount > cap ?",
        "what was issued before does not count against the cap",
    ),
    Weakening(
        "check_consume_onlyInsideTheWindow",
        REGISTRY,
        "block.timestamp >= state.validUntil()",
        "block.timestamp > state.validUntil()",
        "the window's end is one second too late",
    ),
    Weakening(
        "check_consume_onlyWhileApproved",
        REGISTRY,
        "if (state.status() != FilingStatus.Approved) {",
        "if (state.status() > FilingStatus.Suspended) {",
        "a suspended filing lets issue",
    ),
    Weakening(
        "check_consume_agreesWithCanIssue",
        REGISTRY,
        "        if (reason != 0) {",
        "        if (reason != 0 && amount != 0) {",
        "`consume` lets an amount of zero pass, `canIssue` does not",
    ),
    Weakening(
        "check_consume_leavesTheRestAlone",
        REGISTRY,
        "        emit Issued(",
        "        _filings[tranche.key()] = FilingWord.wrap(0);\n        emit Issued(",
        "issuing forgets the filing",
    ),
    Weakening(
        "check_update_sequenceGrowsByOne",
        REGISTRY,
        "        _requireNext(filing, state, change.sequence);\n",
        "",
        "an update may carry any sequence",
    ),
    Weakening(
        "check_update_neverLeavesAFinalState",
        REGISTRY,
        "        _requireNotFinal(filing, status);\n",
        "",
        "a revoked filing can be updated",
    ),
    Weakening(
        "check_update_windowEndsInTime",
        REGISTRY,
        "        require(validUntil <= latest, WindowTooLong(validUntil, latest));\n",
        "        latest;\n",
        "a window may end at any time",
    ),
    Weakening(
        "check_update_strangersSignatureIsWorthNothing",
        COMMITTEE,
        "        require(_counts(seat, until, since), NotAnOperator(account));\n",
        "",
        "anybody's signature counts",
    ),
    Weakening(
        "check_suspend_closesAtOnceAndOnlyForOperators",
        REGISTRY,
        "        _requireCurrent(msg.sender);\n",
        "",
        "anybody can suspend",
    ),
    Weakening(
        "check_suspendBySig_closesAtOnceAndOnlyForOperators",
        REGISTRY,
        "            _requireSequence(s.filing, s.sequence, state.sequence());\n",
        "",
        "an old suspension can be used again",
    ),
    Weakening(
        "check_approve_neverCapsBelowWhatIsIssued",
        REGISTRY,
        "            require(cap >= stored.issued(), CapBelowIssued(token, cap, stored.issued()));\n",
        "",
        "a cap can be set below what is issued",
    ),
    Weakening(
        "check_approve_neverLiftsASuspensionOrAnEnd",
        REGISTRY,
        "        _requireNotSuspended(approval.filing, state.status());\n",
        "",
        "an approval lifts a suspension",
    ),
    Weakening(
        "check_approve_sequenceGrowsByOne",
        REGISTRY,
        "        _requireNext(approval.filing, state, approval.sequence);\n",
        "",
        "an approval may carry any sequence",
    ),
    Weakening(
        "check_owner_isTheOnlyOneForItsCalls",
        REGISTRY,
        "function announceSuccessor(address newSuccessor) external onlyOwner {",
        "function announceSuccessor(address newSuccessor) external {",
        "anybody can name a successor",
    ),
)


class CheckError(Exception):
    """The checks cannot be run, or not all of them did what they must; the message says which and why."""


def weakened(weakening: Weakening, text: str) -> str:
    """The source with its one place replaced. Raises CheckError if the place is not there exactly once."""
    count = text.count(weakening.place)
    if count != 1:
        raise CheckError(f"{weakening.check}: what it weakens is {count} times in {weakening.source}, not once")
    return text.replace(weakening.place, weakening.instead)


def compiled(own: Mapping[str, str]) -> dict[str, Any]:
    """The checks and what they check: source name, contract name, output. `own` replaces sources by another text."""
    names = [path.relative_to(ROOT).as_posix() for path in sorted(CHECKS.glob("*.sol"))]
    return compile_sources(collect_sources(names, own))


def lay_out(made: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Writes what halmos looks for in the output of forge: of each contract code, interface and its mere name."""
    for source, contracts in made.items():
        for name, output in contracts.items():
            code = output["evm"]["bytecode"]["object"]
            kind = "contract" if code else "interface"
            described = {
                "abi": output["abi"],
                "bytecode": {"object": f"0x{code}", "linkReferences": {}},
                "deployedBytecode": {"object": f"0x{output['evm']['deployedBytecode']['object']}"},
                "methodIdentifiers": output["evm"]["methodIdentifiers"],
                "metadata": {"compiler": {"version": SOLC_VERSION}},
                "ast": {
                    "absolutePath": source,
                    "nodeType": "SourceUnit",
                    "nodes": [{"nodeType": "ContractDefinition", "name": name, "contractKind": kind}],
                },
            }
            path = folder / "out" / Path(source).name / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(described), encoding="utf-8")


def run(made: Mapping[str, Mapping[str, Any]], check: str = "") -> dict[str, dict[str, Any]]:
    """Runs the checks whose names begin so. Name to exit code, number of paths and seconds, as halmos reports them."""
    halmos = Path(sys.executable).parent / "halmos"
    with tempfile.TemporaryDirectory(prefix="filing-gate-halmos-") as name:
        folder = Path(name)
        lay_out(made, folder)
        # halmos asks forge to build first. It is built, by the project's own compiler run.
        forge = folder / "bin" / "forge"
        forge.parent.mkdir()
        forge.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
        forge.chmod(0o755)
        report = folder / "report.json"
        command = [str(halmos), f"--root={folder}", "--no-status", f"--json-output={report}", *BOUNDS]
        if check:
            command.append(f"--match-test=^{check}\\(")
        # The solvers lie beside halmos.
        places = os.pathsep.join((str(forge.parent), str(halmos.parent), os.environ["PATH"]))
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, "PATH": places},
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CheckError(f"halmos did not end within {LIMIT} s") from None
        if not report.is_file():
            raise CheckError(f"halmos gave no report:\n{done.stdout}{done.stderr}")
        results = json.loads(report.read_text(encoding="utf-8"))["test_results"]
    # The registry's immutables make its code differ from the compiler's, which halmos remarks and which is no matter.
    doubts = re.findall(r"^.*(?:WARNING|ERROR)(?!\s*unknown deployed bytecode).*$", done.stdout + done.stderr, re.M)
    if not check and doubts:
        raise CheckError("halmos has doubts:\n" + "\n".join(doubts))
    return {one["name"].split("(")[0]: one for of_one in results.values() for one in of_one}


def sound() -> dict[str, dict[str, Any]]:
    """Runs all checks. Raises CheckError unless each one holds on every path to the end."""
    made = compiled({})
    there = sorted(
        name.split("(")[0]
        for contracts in made.values()
        for output in contracts.values()
        for name in output["evm"]["methodIdentifiers"]
        if name.startswith("check_")
    )
    if there != sorted(one.check for one in WEAKENINGS):
        raise CheckError("not every check has its one weakening")
    found = run(made)
    for name in there:
        one = found.get(name)
        if one is None:
            raise CheckError(f"{name}: was not run")
        _, ended, stuck = one["num_paths"]
        if one["exitcode"] != PASS or stuck or one["num_bounded_loops"] or not ended:
            values = {
                row["variable_name"]: row["value"] for row in (one["models"] or [{"model": {}}])[0]["model"].values()
            }
            raise CheckError(
                f"{name}: does not hold, or not to the end: exit code {one['exitcode']}, paths {one['num_paths']}, "
                f"bounded loops {one['num_bounded_loops']}; the first counterexample: {json.dumps(values)[:1000]}"
            )
        print(f"holds: {name}: {ended} paths, {one['time'][0]:.2f} s", flush=True)
    return found


def weak() -> dict[str, float]:
    """Runs each check against what was weakened for it. Raises CheckError unless each finds a counterexample."""
    seconds = {}
    for weakening in WEAKENINGS:
        text = (ROOT / weakening.source).read_text(encoding="utf-8")
        made = compiled({weakening.source: weakened(weakening, text)})
        one = run(made, weakening.check).get(weakening.check)
        if one is None:
            raise CheckError(f"{weakening.check}: was not run against the weakened source")
        if one["exitcode"] != COUNTEREXAMPLE or not one["num_models"]:
            raise CheckError(f"{weakening.check}: found nothing though {weakening.says}: {json.dumps(one)}")
        seconds[weakening.check] = one["time"][0]
        print(f"fails as it must: {weakening.check}: {weakening.says}", flush=True)
    return seconds


def table(found: Mapping[str, Mapping[str, Any]], weak_seconds: Mapping[str, float]) -> str:
    """What was measured, as the table of the report."""
    lines = [
        "| check | paths | seconds | fails when | seconds |",
        "| --- | --: | --: | --- | --: |",
    ]
    for one in WEAKENINGS:
        measured = found[one.check]
        lines.append(
            f"| `{one.check}` | {measured['num_paths'][1]} | {measured['time'][0]:.2f} "
            f"| {one.says} | {weak_seconds[one.check]:.2f} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Run the symbolic checks of the contracts.")
    parser.add_argument("--sound", action="store_true", help="only that every check holds")
    parser.add_argument("--write", action="store_true", help="write the measured table in docs/security/halmos.md")
    options = parser.parse_args(argv)
    try:
        found = sound()
        if options.sound:
            return 0
        made = table(found, weak())
        if options.write:
            text = REPORT.read_text(encoding="utf-8")
            head, rest = text.split(BEGIN)
            tail = rest.split(END)[1]
            REPORT.write_text(f"{head}{BEGIN}\n{made}\n{END}{tail}", encoding="utf-8")
    except (CheckError, CompileError) as error:
        print(f"halmos: {error}", file=sys.stderr)
        return 1
    print(f"halmos: {len(WEAKENINGS)} checks hold, and each can fail")
    return 0


if __name__ == "__main__":
    sys.exit(main())
