"""What a command prints: one JSON document with --json, text otherwise; progress and errors on stderr."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

__all__ = ["JSON_FLAG", "emit", "json_option", "json_text", "printable", "progress", "say", "table"]

Command = TypeVar("Command", bound=Callable[..., Any])

JSON_FLAG = "--json"

#: A longer line of progress or error says nothing more to a person; --json carries all of it.
_LONGEST_LINE = 1000


def json_option(command: Command) -> Command:
    """Adds --json as the argument `as_json`."""
    return click.option(JSON_FLAG, "as_json", is_flag=True, help="One JSON document on stdout instead of text.")(
        command
    )


def printable(text: str) -> str:
    """Text from outside without control characters, so that it can't steer a terminal. A wide blank becomes a blank."""
    return "".join(char if char.isprintable() else _harmless(char) for char in text)


def _harmless(char: str) -> str:
    return " " if unicodedata.category(char) == "Zs" else "\N{REPLACEMENT CHARACTER}"


def json_text(content: Any) -> str:
    """A JSON document in which every character that could steer a terminal is written as an escape."""
    text = json.dumps(content, ensure_ascii=False, indent=2)
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def say(text: str, *, err: bool = False) -> None:
    """Print a text. If nobody reads any more (`| head`), the command still goes on and its exit code stays true."""
    try:
        click.echo(text, err=err)
    except BrokenPipeError:
        closed = sys.stderr if err else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), closed.fileno())


def emit(as_json: bool, content: Any, lines: Sequence[str]) -> None:
    """Print the JSON document, or the lines."""
    if as_json:
        say(json_text(content))
    else:
        for line in lines:
            say(printable(line))


def progress(text: str) -> None:
    """A line on stderr, or several; each is made printable and cut at a length that a person reads."""
    for line in text.split("\n"):
        shown = printable(line)
        say(shown if len(shown) <= _LONGEST_LINE else shown[:_LONGEST_LINE] + "…", err=True)


def table(rows: Sequence[Sequence[str]], *, indent: str = "") -> list[str]:
    """Rows with columns padded to the widest cell (a Chinese character counts two); the last column runs free."""
    if not rows:
        return []
    count = max(len(row) for row in rows)
    widths = [max(_width(row[index]) for row in rows if index < len(row)) for index in range(count)]
    lines = []
    for row in rows:
        cells = [cell + " " * (widths[index] - _width(cell)) for index, cell in enumerate(row[:-1])]
        lines.append((indent + "  ".join([*cells, row[-1]])).rstrip())
    return lines


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
