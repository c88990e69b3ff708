"""The dossier as a form: made from the schema, named in both languages, without loss between file, form and browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from oracle.domain.dossier import Dossier, parse_dossier
from oracle.domain.template import template_text
from oracle.errors import InputError
from oracle.node.pages.dossier_form import Entry, changed, document, draft_of, entries, first_draft, form, posted
from oracle.node.pages.dossier_page import problem_in
from oracle.node.pages.language import LANGUAGES, catalogue
from tests.samples.dossier import sample_dossier


def every(children: tuple[Entry, ...] | None = None) -> Iterator[Entry]:
    for entry in form() if children is None else children:
        yield entry
        yield from every(entry.children)


def fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """What a browser sends of a draft."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from fields(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from fields(item, f"{path}[{index}]")
    else:
        yield path, value.replace("\n", "\r\n")


def hashed(content: Any) -> bytes:
    return parse_dossier(json.dumps(content).encode(), what="test").dossier_hash()


def test_form__has_every_key_of_the_dossier() -> None:
    def keys(schema: dict[str, Any], models: dict[str, Any]) -> set[str]:
        found = set()
        for key, part in schema["properties"].items():
            found.add(key)
            for name in re.findall(r"#/\$defs/(\w+)", json.dumps(part)):
                if "properties" in models[name] and name != "Observation":
                    found |= keys(models[name], models)
        return found

    schema = Dossier.model_json_schema(by_alias=True)
    assert {entry.key for entry in every()} == keys(schema, schema["$defs"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_form__every_entry_row_and_choice__has_words(language: str) -> None:
    texts = catalogue(language)
    for entry in every():
        assert f"dossier_field.{entry.word}" in texts
        if entry.kind == "rows":
            assert "{n}" in texts[f"dossier_row.{entry.word}"]
        section = "life" if entry.word == "FilingBlock.status" else "dossier_choice"
        assert [name for name in entry.choices if f"{section}.{name}" not in texts] == []
    words = {entry.word for entry in every()}
    assert {key.partition(".")[2] for key in texts if key.startswith("dossier_hint.")} <= words


def test_document__file_to_form_to_browser_and_back__the_same_hash() -> None:
    content = sample_dossier(
        {
            "filing.conditions": ["one", "two"],
            "declarations.bars[3].investigations": [{"authority": "示例局", "openedOn": "2020-01-02"}],
            "postFiling": {"reports": [{"kind": "CHANGE", "eventOn": "2026-01-02", "areas": ["PLAN", "ASSET"]}]},
            "assets[0].cashflow.importantProviders[0].dishonest": False,
        }
    )
    back = document(posted(fields(draft_of(content))))
    assert hashed(back) == hashed(content)


def test_first_draft__filled_as_the_template__has_all_its_rows_and_no_mark() -> None:
    draft = first_draft()
    assert "<FILL" in template_text()
    assert "<FILL" not in json.dumps(draft)
    assert (len(draft["declarations"]["bars"]), len(draft["otherProcedures"])) == (6, 11)
    with pytest.raises(InputError) as caught:
        parse_dossier(json.dumps(document(draft)).encode(), what="test")
    rows = caught.value.details
    assert isinstance(rows, list)
    known = {path for path, _ in entries(draft)}
    assert [row["field"] for row in rows if row["field"] not in known] == []


def test_changed__row_added_and_removed__others_keep_what_was_typed() -> None:
    draft = draft_of(sample_dossier())
    count = len(draft["evidence"])
    draft = changed(draft, "add", "evidence")
    assert len(draft["evidence"]) == count + 1
    assert set(draft["evidence"][-1].values()) == {""}
    second = draft["evidence"][1]
    draft = changed(draft, "remove", "evidence[0]")
    assert draft["evidence"][0] == second
    periods = len(draft["assets"][0]["cashflow"]["periods"])
    draft = changed(draft, "add", "assets[0].cashflow.periods")
    assert len(draft["assets"][0]["cashflow"]["periods"]) == periods + 1


NOWHERE = (
    *("", "nothing", "assets[99].cashflow.periods", "evidence[9999]", "filing", "evidence[0].id"),
    *("a" * 5000, "[0]", "..", "__class__"),
)


@pytest.mark.parametrize("path", NOWHERE)
def test_changed__a_place_that_is_not_there__changes_nothing(path: str) -> None:
    draft = changed(changed(draft_of(sample_dossier()), "add", path), "remove", path)
    assert draft == draft_of(sample_dossier())


def test_posted__hostile_names__taken_for_nothing() -> None:
    hostile = [
        ("assets[0]", "x"), ("assets[0].assetId", "kept"), ("evidence[99999999999]", "x"), ("filing.status.x.y", "x"),
        ("__proto__.x", "x"), ("a." * 3000, "x"), ("revision[0][1]", "x"), ("revision", "7"), ("issuePlan", "x"),
        ("evidence[9999].id", "far"),
    ]  # fmt: skip
    draft = posted(hostile)
    assert draft["revision"] == "7"
    assert [row["id"] for row in draft["evidence"]] == ["far"]
    assert draft["issuePlan"]["symbol"] == ""
    assert "kept" not in json.dumps(draft)


def test_document__what_was_typed_wrong__is_told_at_its_place() -> None:
    draft = draft_of(sample_dossier())
    draft["revision"] = "one"
    draft["filing"]["observations"] = "{"
    draft["assets"][0]["dispute"] = "<b>MAYBE</b>"
    draft["issuePlan"]["maxUnits"] = "1.5"
    draft["assets"][0]["cashflow"]["importantProviders"][0]["dishonest"] = "perhaps"
    with pytest.raises(InputError) as caught:
        parse_dossier(json.dumps(document(draft)).encode(), what="test")
    rows = caught.value.details
    assert isinstance(rows, list)
    assert {row["field"] for row in rows} == {
        "revision",
        "filing.observations",
        "assets[0].dispute",
        "issuePlan.maxUnits",
        "assets[0].cashflow.importantProviders[0].dishonest",
    }


def test_problems__of_an_empty_form__all_in_chinese_words() -> None:
    with pytest.raises(InputError) as caught:
        parse_dossier(json.dumps(document(posted([]))).encode(), what="test")
    rows = caught.value.details
    assert isinstance(rows, list)
    assert rows
    for row in rows:
        assert re.search("[一-鿿]", problem_in("zh", row["problem"])), row
