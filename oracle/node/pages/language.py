"""The two languages of the pages: which one a visitor reads, and its texts.

Texts are in `texts/en.toml`, `texts/zh.toml` and further pairs such as `texts/dossier.en.toml`, by sections, each of
which stands in one file; `t("register.title")` names section and key. A text may hold `{placeholders}`. Both languages
have the same keys and placeholders; a test holds them to it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files

from starlette.requests import Request

__all__ = ["COOKIE", "HTML_LANG", "LANGUAGES", "catalogue", "language_of", "translator"]

LANGUAGES = ("en", "zh")
#: What `<html lang>` and Content-Language say.
HTML_LANG = {"en": "en", "zh": "zh-Hans"}
COOKIE = "language"

_MOST_ACCEPTED = 20


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """The texts of a language by `section.key`."""
    found: dict[str, str] = {}
    for file in files("oracle.node.pages").joinpath("texts").iterdir():
        if file.name == f"{language}.toml" or file.name.endswith(f".{language}.toml"):
            for section, rows in tomllib.loads(file.read_text(encoding="utf-8")).items():
                found |= {f"{section}.{key}": value for key, value in rows.items()}
    return found


def translator(language: str) -> Callable[..., str]:
    """`t(key, **values)`: the text with its placeholders filled in. KeyError for a key that no catalogue has."""
    texts = catalogue(language)

    def t(key: str, **values: object) -> str:
        return texts[key].format(**values) if values else texts[key]

    return t


def language_of(request: Request) -> str:
    """The language chosen with the switch, else the one of ours that the browser likes best, else English."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    best, best_weight = "en", 0.0
    for item in request.headers.get("accept-language", "").split(",")[:_MOST_ACCEPTED]:
        tag, _, rest = item.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        weight = _weight(rest)
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
