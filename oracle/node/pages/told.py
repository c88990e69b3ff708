"""Sentences that the node's and the auditor's code makes in English, as a page in Chinese tells them.

What is kept, signed and logged stays English. `texts/meanings.toml` has the meaning of each check by its id,
`texts/sentences.toml` the sentences by form; what has no row is shown as it is, marked as English.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter

from oracle.node.pages.language import catalogue

__all__ = ["Part", "Sentence", "meaning", "meanings", "sentences", "told"]

_FORMATTER = Formatter()


@dataclass(frozen=True)
class Part:
    """A piece of a sentence; `english` if it is so in a page of another language."""

    text: str
    english: bool = False


@dataclass(frozen=True)
class Sentence:
    """One form: the whole English sentence as a pattern with named groups, and the same in Chinese.

    A group `report` is the kind of a report, one whose name begins with `said` is a sentence of its own; any other is
    a value, shown as it is.
    """

    says: re.Pattern[str]
    zh: str


@cache
def meanings() -> Mapping[str, str]:
    """What each check means if it fails, in Chinese, by its id."""
    found: Mapping[str, str] = tomllib.loads(_text("meanings.toml"))["zh"]
    return found


@cache
def sentences() -> tuple[Sentence, ...]:
    """All forms; the first that fits is taken."""
    rows = tomllib.loads(_text("sentences.toml"))["sentence"]
    return tuple(Sentence(re.compile(row["says"], re.DOTALL), row["zh"]) for row in rows)


def meaning(ident: str, english: str, language: str) -> tuple[Part, ...]:
    """What a check means if it fails."""
    if language == "zh" and ident in meanings():
        return (Part(meanings()[ident]),)
    return (Part(english, english=language != "en"),)


def told(text: str, language: str) -> tuple[Part, ...]:
    """A sentence in the page's language, in its parts."""
    if language == "zh":
        for row in sentences():
            found = row.says.fullmatch(text)
            if found is not None:
                return _filled(row.zh, found.groupdict())
    return (Part(text, english=language != "en"),)


def _filled(form: str, values: Mapping[str, str]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for before, name, _, _ in _FORMATTER.parse(form):
        if before:
            parts.append(Part(before))
        if name is None:
            continue
        if name.startswith("said"):
            parts += told(values[name], "zh")
        elif name == "report":
            parts.append(Part(catalogue("zh").get(f"report_kind.{values[name]}", values[name])))
        else:
            parts.append(Part(values[name]))
    return tuple(parts)


def _text(name: str) -> str:
    return files("oracle.node.pages").joinpath("texts", name).read_text(encoding="utf-8")
