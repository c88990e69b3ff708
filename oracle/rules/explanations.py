"""Each rule in words, English and Chinese: what it asks, what it looks at, an example of each outcome."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from oracle.errors import InputError
from oracle.rules.policy import Policy
from oracle.rules.table import RULES, SWITCHABLE, applied
from oracle.rules.verdict import Rule, Verdict

__all__ = ["LANGUAGES", "Explanation", "RuleText", "explain", "listing"]

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class RuleText:
    """One rule in one language; `examples` has one sentence an outcome."""

    title: str
    text: str
    examples: dict[Verdict, str]


@dataclass(frozen=True)
class Explanation:
    """A rule of the table with its inputs (paths of the dossier, the policy or the surroundings) and texts."""

    rule: Rule
    inputs: tuple[str, ...]
    texts: dict[str, RuleText]

    @property
    def switchable(self) -> bool:
        """Whether a policy may leave the rule out."""
        return self.rule.basis in SWITCHABLE

    def as_json(self) -> dict[str, Any]:
        """Keys id, basis, cite, switchable, inputs, en, zh; each language has title, text, examples."""
        return {
            "id": self.rule.id,
            "basis": self.rule.basis.value,
            "cite": self.rule.cite,
            "switchable": self.switchable,
            "inputs": list(self.inputs),
            **{
                language: {
                    "title": text.title,
                    "text": text.text,
                    "examples": {outcome.value: example for outcome, example in text.examples.items()},
                }
                for language, text in self.texts.items()
            },
        }


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(files("oracle.rules").joinpath("texts.toml").read_text(encoding="utf-8"))


@cache
def _explanations() -> dict[str, Explanation]:
    return {rule.id: _explanation(rule) for rule in RULES}


def _explanation(rule: Rule) -> Explanation:
    own = _texts()["rules"].get(rule.id)
    if own is not None:
        return _filled(rule, own, "", dict.fromkeys(LANGUAGES, ""))
    for name, family in _texts()["families"].items():
        code = rule.id.removeprefix(name)[1:]
        if rule.id.startswith(name) and code in family["members"]:
            return _filled(rule, family, code, family["members"][code])
    raise KeyError(f"texts.toml has no {rule.id}")


def _filled(rule: Rule, entry: dict[str, Any], code: str, names: dict[str, str]) -> Explanation:
    texts = {}
    for language in LANGUAGES:

        def fill(key: str, language: str = language) -> str:
            text: str = entry[language][key]
            return text.replace("{code}", code).replace("{name}", names[language])

        examples = {outcome: fill(outcome.value.lower()) for outcome in Verdict}
        texts[language] = RuleText(fill("title"), fill("text"), examples)
    return Explanation(rule, tuple(item.replace("{code}", code) for item in entry["inputs"]), texts)


def explain(name: str) -> Explanation:
    """The explanation of a rule by its id, in any case; InputError if there is none."""
    for ident, explanation in _explanations().items():
        if ident.casefold() == name.casefold():
            return explanation
    raise InputError(f"there is no rule {name[:40]!r}", where="ID", remedy="`filing-gate rules` lists them")


def listing(policy: Policy, language: str = "en") -> list[dict[str, Any]]:
    """The table, in its order: id, basis, cite, title, and whether the policy leaves the rule on."""
    left = {rule.id for rule in applied(policy)}
    return [
        {
            "id": rule.id,
            "basis": rule.basis.value,
            "cite": rule.cite,
            "title": _explanations()[rule.id].texts[language].title,
            "applied": rule.id in left,
        }
        for rule in RULES
    ]
