"""The empty dossier: a commented TOML file with every block of `dossier/v1`, and what is still to be filled in."""

from __future__ import annotations

import re
from collections import defaultdict
from importlib.resources import files

from oracle.domain.fields import FILL_MARK

__all__ = ["FILL_MARK", "template_text", "unfilled"]

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]\]?")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
_MARK = re.compile(r"""["']""" + re.escape(FILL_MARK))


def template_text() -> str:
    """The template, TOML in UTF-8 text. With each mark replaced by a fitting value it is a valid dossier."""
    return files("oracle.domain").joinpath("dossier_template.toml").read_text(encoding="utf-8")


def unfilled(text: str) -> list[tuple[int, str]]:
    """`(line number from 1, path of the key)` for every line of a TOML dossier that still holds a mark, in order.

    Paths are written as the validation errors write them, e.g. `assets[0].cashflow.periods[1].end`. The text need not
    be valid TOML.
    """
    found: list[tuple[int, str]] = []
    block, key = "", ""
    rows: dict[str, int] = defaultdict(int)
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#"):
            continue
        header = _HEADER.match(line)
        if header and "=" not in line.split("#")[0]:
            block, key = _block(header[2], array=header[1] == "[[", rows=rows), ""
            continue
        assignment = _KEY.match(line)
        key = assignment[1] if assignment else key
        if _MARK.search(line):
            found.append((number, f"{block}.{key}" if block else key))
    return found


def _block(name: str, *, array: bool, rows: dict[str, int]) -> str:
    """The path of a table header, counting the rows of arrays of tables met so far in `rows`."""
    path = ""
    steps = name.split(".")
    for depth, step in enumerate(steps):
        path = f"{path}.{step}" if path else step
        if array and depth == len(steps) - 1:
            rows[path] += 1
        if path in rows:
            path = f"{path}[{rows[path] - 1}]"
    return path
