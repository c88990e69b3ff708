"""`make bench`: what the project costs, measured beside its peers; docs/benchmarks.md explains every figure.

python scripts/bench.py                  every step of `STEPS`, in that order
python scripts/bench.py sign audit       these only
python scripts/bench.py --page           measures nothing; docs/benchmarks.md anew from the results that are there
python scripts/bench.py --check          measures nothing; 1 if page and results, or gas.json and the tests' snapshot,
                                         disagree

A step is a module with `measure()`, which returns the JSON of bench/results/<step>.json, and `page(result)`, which
returns the Markdown that stands between the step's marks in docs/benchmarks.md; `pictures(result)`, where there is one,
returns SVG by the name of its file in docs/pictures/.
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import argparse
import json
from importlib import import_module
from typing import Any

from scripts import bench_page
from scripts.bench_measure import RESULTS, NotReady

#: What is measured, in this order, and the module that does it. Imported when it is wanted.
STEPS = {
    "sign": "scripts.bench_sign",
    "gas": "scripts.bench_gas",
    "audit": "scripts.bench_audit",
}


def result_file(step: str) -> Path:
    """Where a step's figures are kept."""
    return RESULTS / f"{step}.json"


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure, write bench/results/ and docs/benchmarks.md.")
    parser.add_argument("steps", nargs="*", metavar="step", help=f"{', '.join(STEPS)}; all by default")
    parser.add_argument("--page", action="store_true", help="only write docs/benchmarks.md anew")
    parser.add_argument("--check", action="store_true", help="only compare what is committed")
    options = parser.parse_args(argv)
    for name in options.steps:
        if name not in STEPS:
            parser.error(f"{name} is not one of {', '.join(STEPS)}")
    steps = options.steps or list(STEPS)
    if options.check:
        return check(steps)
    made = [] if options.page else [measured(step) for step in steps]
    if options.page or any(made):
        for path in bench_page.write(kept(STEPS)):
            print(f"wrote {path.relative_to(ROOT)}")
    return 0 if all(made) else 2


def measured(step: str) -> bool:
    """Measure one step and keep what it found; false if something that it needs is missing."""
    try:
        found = import_module(STEPS[step]).measure()
    except NotReady as error:
        print(f"bench: {step}: {error}", file=sys.stderr)
        return False
    file = result_file(step)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {file.relative_to(ROOT)}", flush=True)
    return True


def kept(steps: dict[str, str]) -> list[bench_page.Section]:
    """The sections of the page, from the results that are there."""
    there = {step: module for step, module in steps.items() if result_file(step).is_file()}
    return [bench_page.section(step, import_module(module), read(step)) for step, module in there.items()]


def read(step: str) -> dict[str, Any]:
    """A step's figures as they were kept."""
    found: dict[str, Any] = json.loads(result_file(step).read_text(encoding="utf-8"))
    return found


def check(steps: list[str]) -> int:
    """1 and a line each for what disagrees."""
    lines = bench_page.differences(kept({step: STEPS[step] for step in steps}))
    if "gas" in steps:
        lines += import_module(STEPS["gas"]).differences()
    for line in lines:
        print(f"bench: {line}", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
