"""The dossier as a form, made from the dossier's own schema: what the form asks can't drift from what is checked.

A draft is what stands in the form: the shape of the dossier with every value as text, however wrong. A path names a
place in it as the faults of `parse_dossier` do, e.g. `assets[0].cashflow.periods[1].end`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from oracle.domain.canonical import parse_json
from oracle.domain.dossier import Dossier
from oracle.domain.template import FILL_MARK, template_text
from oracle.errors import InputError

__all__ = [
    "MAX_ENTRIES",
    "Draft",
    "Entry",
    "changed",
    "document",
    "draft_of",
    "entries",
    "first_draft",
    "form",
    "posted",
]

Draft = dict[str, Any]

#: A dossier with more values than this is not shown as a form: no browser is quick with it, and nobody reads it.
MAX_ENTRIES = 4_000

#: Models that a machine writes: they are shown as JSON and not field by field.
_AS_JSON = frozenset({"Observation"})
#: Texts of more than a line.
_LONG = frozenset({"description", "reason", "useOfProceeds", "repatriation", "offence"})
_MAX_ROWS = 10_000
_PART = re.compile(r"([A-Za-z0-9_]+)|\[([0-9]{1,4})\]")
_PATH = re.compile(r"[A-Za-z0-9_]+(\[[0-9]{1,4}\])?(\.[A-Za-z0-9_]+(\[[0-9]{1,4}\])?)*")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")


@dataclass(frozen=True)
class Entry:
    """One key of the dossier.

    `kind`: text, long, number, flag, choice (of `choices`), lines (a list of texts, one a line), json; group and rows
    have `children`. `word` is model and key, by which texts are found.
    """

    key: str
    word: str
    kind: str
    required: bool
    choices: tuple[str, ...] = ()
    children: tuple[Entry, ...] = ()
    #: What is filled in where the schema allows one value alone.
    fixed: str | None = None
    date: bool = False


@cache
def form() -> tuple[Entry, ...]:
    """The entries of a dossier, in the order of its schema."""
    schema = Dossier.model_json_schema(by_alias=True)
    return _entries("Dossier", schema, schema["$defs"])


def _entries(model: str, schema: Mapping[str, Any], models: Mapping[str, Any]) -> tuple[Entry, ...]:
    required = schema.get("required", ())
    return tuple(
        _entry(key, f"{model}.{key}", part, key in required, models) for key, part in schema["properties"].items()
    )


def _entry(key: str, word: str, part: Mapping[str, Any], required: bool, models: Mapping[str, Any]) -> Entry:
    kinds = [item for item in part.get("anyOf", ()) if item.get("type") != "null"]
    if len(kinds) > 1:
        # A whole number, or its digits as a text: the text holds both.
        return Entry(key, word, "text", required)
    part = kinds[0] if kinds else part
    name = part.get("$ref", "").rpartition("/")[2]
    if name:
        found = models[name]
        if "enum" in found:
            return Entry(key, word, "choice", required, tuple(map(str, found["enum"])))
        return Entry(key, word, "group", required, children=_entries(name, found, models))
    if part.get("type") == "array":
        items = part["items"]
        name = items.get("$ref", "").rpartition("/")[2]
        if name in _AS_JSON:
            return Entry(key, word, "json", required)
        if not name or "enum" in models[name]:
            return Entry(key, word, "lines", required)
        return Entry(key, word, "rows", required, children=_entries(name, models[name], models))
    if "const" in part:
        return Entry(key, word, "text", required, fixed=str(part["const"]))
    if "enum" in part:
        return Entry(key, word, "choice", required, tuple(map(str, part["enum"])))
    kind = {"integer": "number", "boolean": "flag"}.get(str(part["type"]), "long" if key in _LONG else "text")
    return Entry(key, word, kind, required, date=part.get("format") == "date")


def first_draft() -> Draft:
    """The template as a draft: every row that each dossier has, with the values still to be filled in left empty."""
    return draft_of(_unmarked(tomllib.loads(template_text())))


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unmarked(item) for item in value if not _is_mark(item)]
    return "" if _is_mark(value) else value


def _is_mark(value: object) -> bool:
    return isinstance(value, str) and value.startswith(FILL_MARK)


# Between draft and document ------------------------------------------------------------------------------------------


def draft_of(content: Any) -> Draft:
    """The draft of a JSON-ready document of whatever shape; what the form has no place for is left out."""
    return _group_draft(form(), content)


def _group_draft(children: tuple[Entry, ...], content: Any) -> Draft:
    content = content if isinstance(content, dict) else {}
    return {entry.key: _draft(entry, content.get(entry.key)) for entry in children}


def _draft(entry: Entry, value: Any) -> Any:
    if entry.kind == "group":
        return _group_draft(entry.children, value)
    if entry.kind == "rows":
        return [_group_draft(entry.children, item) for item in value] if isinstance(value, list) else []
    if value is None:
        return entry.fixed or ""
    if entry.kind == "lines" and isinstance(value, list):
        return "\n".join(_text(item) for item in value)
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def document(draft: Mapping[str, Any]) -> dict[str, Any]:
    """The draft as JSON-ready content for `parse_dossier`: what is left empty is left out."""
    return _group(form(), draft)


def _group(children: tuple[Entry, ...], draft: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for entry in children:
        value = _value(entry, draft.get(entry.key))
        if value is not None:
            found[entry.key] = value
    return found


def _blank(content: Any) -> bool:
    """Whether nothing was filled in: blocks and lists that must be there hold nothing themselves."""
    parts = content.values() if isinstance(content, dict) else content if isinstance(content, list) else (None,)
    return all(isinstance(part, dict | list) and _blank(part) for part in parts)


def _value(entry: Entry, given: Any) -> Any:
    """The value of an entry; None if it is left out."""
    if entry.kind == "group":
        content = _group(entry.children, given if isinstance(given, dict) else {})
        return content if entry.required or not _blank(content) else None
    if entry.kind == "rows":
        rows = [_group(entry.children, row) for row in given or () if isinstance(row, dict)]
        return rows if rows or entry.required else None
    text = str(given or "").replace("\r\n", "\n").strip()
    if entry.kind == "lines":
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        return lines if lines or entry.required else None
    if not text:
        return None
    if entry.kind == "number":
        return int(text) if _INTEGER.fullmatch(text) else text
    if entry.kind == "flag":
        return {"true": True, "false": False}.get(text, text)
    if entry.kind == "json":
        try:
            return parse_json(text.encode("utf-8"), what=entry.key)
        except (InputError, UnicodeEncodeError):
            return text
    return text


# Between draft and browser -------------------------------------------------------------------------------------------


def posted(fields: Iterable[tuple[str, str]]) -> Draft:
    """The draft that a browser sends: names are paths. Rows close up where one was removed."""
    tree: dict[str | int, Any] = {}
    for name, value in fields:
        if len(name) > 200 or not _PATH.fullmatch(name):
            continue
        parts: list[str | int] = [word or int(number) for word, number in _PART.findall(name)]
        place = tree
        for part in parts[:-1]:
            step = place.setdefault(part, {})
            if not isinstance(step, dict):
                break
            place = step
        else:
            place.setdefault(parts[-1], value)
    return _taken(form(), tree)


def _taken(children: tuple[Entry, ...], tree: Any) -> Draft:
    tree = tree if isinstance(tree, dict) else {}
    found: Draft = {}
    for entry in children:
        given = tree.get(entry.key)
        if entry.kind == "group":
            found[entry.key] = _taken(entry.children, given)
        elif entry.kind == "rows":
            rows = given if isinstance(given, dict) else {}
            numbers = sorted(number for number in rows if isinstance(number, int))
            found[entry.key] = [_taken(entry.children, rows[number]) for number in numbers]
        else:
            found[entry.key] = given if isinstance(given, str) else entry.fixed or ""
    return found


def changed(draft: Draft, act: str, path: str) -> Draft:
    """The draft with a row added at the end of the list at `path` ("add"), or the row at `path` removed ("remove").

    A path that the form does not have changes nothing.
    """
    parts = [word or int(number) for word, number in _PART.findall(path)] if _PATH.fullmatch(path) else []
    rows, place, children = None, draft, form()
    last: int | None = None
    for part in parts:
        if isinstance(part, int):
            if rows is None or part >= len(rows):
                return draft
            last, place = part, rows[part]
            continue
        entry = next((item for item in children if item.key == part), None)
        if entry is None or entry.kind not in ("group", "rows"):
            return draft
        children, last = entry.children, None
        if entry.kind == "rows":
            rows = place[entry.key]
        else:
            rows, place = None, place[entry.key]
    if rows is None:
        return draft
    if act == "add" and last is None and len(rows) < _MAX_ROWS:
        rows.append(_group_draft(children, {}))
    elif act == "remove" and last is not None:
        del rows[last]
    return draft


def entries(draft: Draft) -> Iterator[tuple[str, str]]:
    """Every place of the form as this draft fills it: (path, word of the entry), groups and lists before their own."""
    yield from _paths(form(), draft, "")


def _paths(children: tuple[Entry, ...], draft: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for entry in children:
        path = f"{before}{entry.key}"
        yield path, entry.word
        if entry.kind == "group":
            yield from _paths(entry.children, draft[entry.key], f"{path}.")
        elif entry.kind == "rows":
            for index, row in enumerate(draft[entry.key]):
                yield f"{path}[{index}]", entry.word
                yield from _paths(entry.children, row, f"{path}[{index}].")
