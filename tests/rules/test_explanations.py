"""Every rule is explained, in English and Chinese, with an example of each outcome."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

import pytest

from oracle.errors import InputError
from oracle.rules.explanations import LANGUAGES, explain, listing
from oracle.rules.policy import Policy
from oracle.rules.table import RULES
from oracle.rules.verdict import Verdict

CHINESE = re.compile(r"[\u4e00-\u9fff]")
TEXTS = tomllib.loads(files("oracle.rules").joinpath("texts.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_explain__every_rule__complete_in_both_languages(rule) -> None:
    found = explain(rule.id)
    assert found.rule is rule
    assert found.inputs
    assert set(found.texts) == set(LANGUAGES) == {"en", "zh"}
    for text in found.texts.values():
        parts = [text.title, text.text, *text.examples.values()]
        assert set(text.examples) == set(Verdict)
        assert all(part and "{" not in part and "\n" not in part for part in parts)
    chinese, english = found.texts["zh"], found.texts["en"]
    assert all(CHINESE.search(part) for part in (chinese.title, chinese.text, *chinese.examples.values()))
    # An English example may quote the regulator's own word.
    assert not CHINESE.search(english.title + english.text)
    assert len({text.title for text in found.texts.values()}) == 2


def test_texts__no_rule_that_does_not_exist() -> None:
    members = {f"{name}{'-' if name == 'PROC' else '.'}{code}" for name, family in TEXTS["families"].items()
               for code in family["members"]}  # fmt: skip
    assert set(TEXTS["rules"]) | members == {rule.id for rule in RULES}
    assert not set(TEXTS["rules"]) & members


def test_explain__other_case__finds_it__and_unknown_is_refused() -> None:
    assert explain("bar-6.nl-2").rule.id == "BAR-6.NL-2"
    assert "15 %" in explain("BAR-6.NL-2").texts["en"].title
    with pytest.raises(InputError, match="no rule 'BAR-7'"):
        explain("BAR-7")


def test_as_json__holds_all() -> None:
    content = explain("GOV-1").as_json()
    assert (content["id"], content["basis"], content["switchable"]) == ("GOV-1", "POLICY", True)
    assert set(content["zh"]["examples"]) == {"PASS", "FAIL", "INDETERMINATE"}
    assert explain("BAR-1").as_json()["switchable"] is False


def test_listing__order_of_the_table__says_what_is_off() -> None:
    rows = listing(Policy(switched_off=["GOV-1", "BAR-1"]), "zh")
    assert [row["id"] for row in rows] == [rule.id for rule in RULES]
    assert [row["id"] for row in rows if not row["applied"]] == ["GOV-1"]
    assert CHINESE.search(rows[0]["title"])
