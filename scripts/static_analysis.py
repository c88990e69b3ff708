"""Run Slither over contracts/ and compare what it finds with what docs/security/slither.json answers.

    scripts/slither.sh            1 if a finding has no answer, an answer no finding, or slither.md is not up to date
    scripts/slither.sh --write    the same, and writes docs/security/slither.md; findings without an answer are added
                                  to slither.json with an empty one, which is refused
    scripts/slither.sh --text     print what Slither says of each finding

Needs .venv-proof (`scripts/bootstrap.sh node proof`) and runs in it. Compiler and settings are those of the deployable
code. All of Slither's detectors run, none is turned off.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    # This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
    sys.path[0] = str(ROOT)

import argparse
import inspect
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scripts.compile import SOURCES, CompileError, collect_sources, find_compiler, settings

ANSWERS = ROOT / "docs" / "security" / "slither.json"
REPORT = ROOT / "docs" / "security" / "slither.md"
LOCK = ROOT / "requirements" / "proof.txt"
DEPENDENCIES = "node_modules/"
VERDICTS = {
    "true": "what it says is so, and it stands",
    "false": "what it says is not so",
}

# Detector, place. What lies in a dependency only is counted by its package.
Place = tuple[str, str]


def findings() -> list[dict[str, Any]]:
    """Every finding of every detector over all sources, as Slither's JSON."""
    from crytic_compile import CryticCompile
    from crytic_compile.platform.solc_standard_json import SolcStandardJson
    from slither import Slither
    from slither.detectors import all_detectors
    from slither.detectors.abstract_detector import AbstractDetector

    # Compiler warnings about dependencies; errors still end the run.
    logging.disable(logging.WARNING)
    names = [path.relative_to(ROOT).as_posix() for path in sorted(SOURCES.rglob("*.sol"))]
    outputs = ["abi", "metadata", "devdoc", "userdoc", "evm.bytecode", "evm.deployedBytecode"]
    job = {
        "language": "Solidity",
        "sources": collect_sources(names),
        "settings": settings() | {"outputSelection": {"*": {"*": outputs, "": ["ast"]}}},
    }
    os.chdir(ROOT)
    project = Slither(CryticCompile(SolcStandardJson(job), solc=str(find_compiler())))
    detectors = [
        found
        for _, found in inspect.getmembers(all_detectors, inspect.isclass)
        if issubclass(found, AbstractDetector) and found is not AbstractDetector
    ]
    for detector in detectors:
        project.register_detector(detector)
    return [found for of_one in project.run_detectors() for found in of_one]


def place(found: Mapping[str, Any]) -> Place:
    """Where a finding is, by names that do not move when lines do."""
    for element in found["elements"]:
        file = element["source_mapping"]["filename_relative"]
        if file.startswith(DEPENDENCIES):
            continue
        names = [element["name"]]
        fields = element.get("type_specific_fields", {})
        if element["type"] == "pragma":
            return found["check"], "pragma"
        if element["type"] == "function":
            names = [fields["signature"]]
        while (parent := fields.get("parent")) is not None:
            fields = parent.get("type_specific_fields", {})
            if parent["type"] in {"contract", "function"}:
                names.insert(0, fields.get("signature", parent["name"]))
        return found["check"], ".".join(names)
    packages = {
        "/".join(element["source_mapping"]["filename_relative"].removeprefix(DEPENDENCIES).split("/")[:2])
        for element in found["elements"]
    }
    return found["check"], ", ".join(sorted(packages))


def counted(found: Iterable[Mapping[str, Any]]) -> Counter[Place]:
    """How many findings there are of each detector at each place."""
    return Counter(place(one) for one in found)


def differences(seen: Mapping[Place, int], answers: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is found and not answered, answered and not found, or badly answered; one line each."""
    lines = []
    answered: dict[Place, int] = {}
    for one in answers:
        key = (one["detector"], one["place"])
        name = f"{key[0]} at {key[1]}"
        if key in answered:
            lines.append(f"{name}: answered twice")
        if one["verdict"] not in VERDICTS:
            lines.append(f"{name}: the verdict is none of {', '.join(VERDICTS)}")
        if not one["answer"].strip():
            lines.append(f"{name}: the answer is empty")
        answered[key] = one["count"]
    for key in sorted({*seen, *answered}):
        there, known = seen.get(key, 0), answered.get(key, 0)
        if there != known:
            lines.append(f"{key[0]} at {key[1]}: found {there} times, answered for {known}")
    return lines


def render(answers: Sequence[Mapping[str, Any]], changed: Sequence[Mapping[str, str]]) -> str:
    """The answers as a page."""
    version = re.findall(r"^slither-analyzer==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    total = sum(one["count"] for one in answers)
    own = [one for one in answers if not one["place"].startswith("@")]
    theirs = [one for one in answers if one["place"].startswith("@")]
    lines = [
        "# What Slither finds, and what we say to it",
        "",
        "Made by `scripts/slither.sh --write` from `slither.json`; edit that. `scripts/slither.sh` runs Slither "
        f"{version[0]} with all its detectors over `contracts/`, compiled as it is deployed, and fails "
        "on a finding without an answer and on an answer without a finding. Findings are known by detector and place, "
        "not by line.",
        "",
        f"{total} findings: {sum(one['count'] for one in own)} in our sources, "
        f"{sum(one['count'] for one in theirs)} in OpenZeppelin's alone. `true`: {VERDICTS['true']}. "
        f"`false`: {VERDICTS['false']}.",
        "",
        "## Our sources",
        "",
        "| detector | impact | place | findings | verdict | answer |",
        "| --- | --- | --- | --: | --- | --- |",
        *map(_row, own),
        "",
        "## Dependencies",
        "",
        "Findings none of whose places is ours. The package is pinned with its hash in `package-lock.json`.",
        "",
        "| detector | impact | package | findings | verdict | answer |",
        "| --- | --- | --- | --: | --- | --- |",
        *map(_row, theirs),
        "",
        "## Changed because of a finding",
        "",
        "| detector | place | change |",
        "| --- | --- | --- |",
        *(f"| {one['detector']} | `{one['place']}` | {one['change']} |" for one in changed),
        "",
    ]
    return "\n".join(lines)


def _row(one: Mapping[str, Any]) -> str:
    cells = (one["detector"], one["impact"], f"`{one['place']}`", one["count"], one["verdict"], one["answer"])
    return f"| {' | '.join(map(str, cells))} |"


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Compare Slither's findings with their answers.")
    parser.add_argument("--write", action="store_true", help="write slither.md, and add what has no answer yet")
    parser.add_argument("--text", action="store_true", help="print what Slither says of each finding")
    options = parser.parse_args(argv)
    try:
        found = findings()
        kept = json.loads(ANSWERS.read_text(encoding="utf-8"))
    except (CompileError, OSError, json.JSONDecodeError) as error:
        print(f"slither: {error}", file=sys.stderr)
        return 2
    if options.text:
        for one in found:
            print(" at ".join(place(one)), one["description"], sep="\n")
    seen = counted(found)
    if options.write:
        known = {(one["detector"], one["place"]): one for one in kept["answers"]}
        impact = {place(one): one["impact"] for one in found}
        kept["answers"] = [
            {"verdict": "", "answer": ""}
            | known.get(key, {})
            | {"detector": key[0], "place": key[1], "impact": impact[key], "count": count}
            for key, count in sorted(seen.items())
        ]
        text = json.dumps(kept, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        ANSWERS.write_text(text, encoding="utf-8")
        REPORT.write_text(render(kept["answers"], kept["changed"]), encoding="utf-8")
    lines = differences(seen, kept["answers"])
    if not REPORT.is_file() or REPORT.read_text(encoding="utf-8") != render(kept["answers"], kept["changed"]):
        lines.append(f"{REPORT.relative_to(ROOT)} is not what slither.json makes: run scripts/slither.sh --write")
    for line in lines:
        print(f"slither: {line}", file=sys.stderr)
    if lines:
        return 1
    print(f"slither: {seen.total()} findings, every one answered")
    return 0


if __name__ == "__main__":
    sys.exit(main())
