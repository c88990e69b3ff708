"""Reads forge's lcov file: lines and branches of contracts/ that tests reach; 1 if fewer than 99 % of either.

python -m scripts.coverage_floor build/forge/lcov.info [--write docs/security/coverage.md]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

FLOOR = 99.0


@dataclass
class Reached:
    """Counts of one source: lines and branches found and hit, and what was not hit."""

    lines: list[int] = field(default_factory=lambda: [0, 0])
    branches: list[int] = field(default_factory=lambda: [0, 0])
    missed: list[str] = field(default_factory=list)


def read(text: str) -> dict[str, Reached]:
    """Source name to what was reached, for sources in contracts/."""
    found: dict[str, Reached] = {}
    current: Reached | None = None
    for line in text.splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":
            current = found.setdefault(rest, Reached()) if rest.startswith("contracts/") else None
        elif current is not None and kind in ("DA", "BRDA"):
            fields = rest.split(",")
            hit = fields[-1] not in ("0", "-")
            counts = current.lines if kind == "DA" else current.branches
            counts[0] += hit
            counts[1] += 1
            if not hit:
                current.missed.append(f"{'line' if kind == 'DA' else 'branch at line'} {fields[0]}")
    return found


def percent(counts: list[int]) -> float:
    """Share of what was hit; a source without branches has reached all of them."""
    return 100.0 if counts[1] == 0 else 100.0 * counts[0] / counts[1]


def table(found: dict[str, Reached]) -> str:
    """The Markdown table, with a line for the sum."""
    total = Reached(
        [sum(one.lines[i] for one in found.values()) for i in (0, 1)],
        [sum(one.branches[i] for one in found.values()) for i in (0, 1)],
    )
    rows = ["| Source | Lines | Branches | Not reached |", "|---|---|---|---|"]
    for name, one in [*sorted(found.items()), ("all", total)]:
        cells = [f"{percent(counts):.2f} % ({counts[0]}/{counts[1]})" for counts in (one.lines, one.branches)]
        rows.append(f"| {name} | {cells[0]} | {cells[1]} | {', '.join(one.missed)} |")
    return "\n".join(rows) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Check the coverage of contracts/.")
    parser.add_argument("lcov", type=Path)
    parser.add_argument("--write", type=Path, help="write the table into this file")
    options = parser.parse_args(argv)
    try:
        found = read(options.lcov.read_text(encoding="utf-8"))
    except OSError as error:
        print(f"coverage: {options.lcov} cannot be read ({error.strerror}): run `make prove`", file=sys.stderr)
        return 2
    if not found:
        print(f"coverage: {options.lcov} names no source in contracts/", file=sys.stderr)
        return 2
    made = table(found)
    print(made, end="")
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        text = "# Coverage of the contracts by the forge tests\n\nWritten by `scripts/coverage_floor.py`.\n\n"
        options.write.write_text(text + made, encoding="utf-8")
    lines = [sum(one.lines[i] for one in found.values()) for i in (0, 1)]
    branches = [sum(one.branches[i] for one in found.values()) for i in (0, 1)]
    low = [name for name, counts in (("lines", lines), ("branches", branches)) if percent(counts) < FLOOR]
    if low:
        print(f"coverage: {' and '.join(low)} below {FLOOR:g} %", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
