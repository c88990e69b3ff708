"""The answers to Slither and the weakenings for halmos fit the sources; scripts/slither.sh and halmos.sh run both."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from scripts.compile import ROOT
from scripts.static_analysis import ANSWERS, REPORT, differences, place, render
from scripts.symbolic_checks import CHECKS, WEAKENINGS, CheckError, Weakening, weakened


def finding(name: str, file: str, kind: str = "function") -> dict[str, Any]:
    return {
        "type": kind,
        "name": name,
        "type_specific_fields": {"signature": f"{name}(uint256)", "parent": {"type": "contract", "name": "Some"}},
        "source_mapping": {"filename_relative": file},
    }


def test_slither__report__is_made_from_the_answers() -> None:
    kept = json.loads(ANSWERS.read_text(encoding="utf-8"))
    assert REPORT.read_text(encoding="utf-8") == render(kept["answers"], kept["changed"])
    seen = {(one["detector"], one["place"]): one["count"] for one in kept["answers"]}
    assert differences(seen, kept["answers"]) == []


def test_slither__unanswered_vanished_and_empty__named() -> None:
    answers = [
        {"detector": "a", "place": "X.f()", "count": 1, "verdict": "true", "answer": "So be it."},
        {"detector": "b", "place": "X.f()", "count": 2, "verdict": "", "answer": " "},
    ]
    assert differences({("a", "X.f()"): 1, ("b", "X.f()"): 1, ("c", "X.g()"): 1}, answers) == [
        "b at X.f(): the verdict is none of true, false",
        "b at X.f(): the answer is empty",
        "b at X.f(): found 1 times, answered for 2",
        "c at X.g(): found 1 times, answered for 0",
    ]
    assert differences({}, answers[:1]) == ["a at X.f(): found 0 times, answered for 1"]


def test_slither__place__is_ours_where_one_element_is() -> None:
    package = "node_modules/@openzeppelin/contracts/utils/Some.sol"
    own = finding("f", "contracts/Some.sol")
    assert place({"check": "a", "elements": [finding("g", package), own]}) == ("a", "Some.f(uint256)")
    assert place({"check": "a", "elements": [finding("g", package)]}) == ("a", "@openzeppelin/contracts")


@pytest.mark.parametrize("weakening", WEAKENINGS, ids=lambda one: one.check)
def test_halmos__weakening__changes_its_one_place(weakening: Weakening) -> None:
    text = (ROOT / weakening.source).read_text(encoding="utf-8")
    assert weakened(weakening, text) != text


def test_halmos__place_gone_or_there_twice__refused() -> None:
    with pytest.raises(CheckError, match="is 0 times in"):
        weakened(WEAKENINGS[0], "")
    with pytest.raises(CheckError, match="is 2 times in"):
        weakened(WEAKENINGS[0], WEAKENINGS[0].place * 2)


def test_halmos__checks__each_has_its_weakening() -> None:
    there = [
        name
        for path in sorted(CHECKS.glob("*.sol"))
        for name in re.findall(r"^    function (check_\w+)\(", path.read_text(encoding="utf-8"), re.M)
    ]
    assert sorted(there) == sorted(one.check for one in WEAKENINGS)


def test_halmos__slots_of_the_checks__are_those_of_the_committed_layout() -> None:
    text = (ROOT / "tests/contracts/symbolic/FilingRegistryCheck.sol").read_text(encoding="utf-8")
    layout = json.loads((ROOT / "tests/contracts/storage_layout.json").read_text(encoding="utf-8"))
    slots = {entry["label"]: entry["slot"] for entry in layout["FilingRegistry"]["storage"]}
    named = dict(re.findall(r"constant (\w+)_SLOT = (\d+);", text))
    labels = {"MEMBERS": "_members", "TRANCHES": "_tranches", "FILINGS": "_filings", "NAMES": "_filingOfKey"}
    assert named == {name: slots[label] for name, label in labels.items()}
