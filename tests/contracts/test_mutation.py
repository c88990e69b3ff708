"""Mutation testing itself: which mutants a source gives, and that one which nothing notices is told of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from scripts import mutate
from scripts.mutants import Mutant
from scripts.mutate import BY_FORGE, SURVIVED, MutationError, complaints, find_mutants, read_explained

pytestmark = pytest.mark.slow

TINY = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

contract Tiny {
    event Added(uint256 by, uint256 to);
    error TooMuch();
    enum Phase { Open, Closed }

    uint256 private _sum;
    Phase private _phase;

    modifier open() {
        require(_phase == Phase.Open, TooMuch());
        _;
    }

    // Größe: the compiler counts bytes, not letters.
    function add(uint256 by) external open {
        require(by < 7 && by != 0, TooMuch());
        _sum = _sum + by;
        emit Added(by, _sum);
    }

    function small(uint256 value) external pure returns (bool) {
        return value <= 3 days;
    }
}
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[Mutant]:
    """The mutants of a contract of three functions."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "Tiny.sol").write_text(TINY, encoding="utf-8")
    with mutate.running_compiler(folder) as compiler:
        return find_mutants(compiler, ["Tiny.sol"], folder)


def test_mutants__of_a_tiny_contract__are_these(tiny: list[Mutant]) -> None:
    guard = "require(by < 7 && by != 0, TooMuch())"
    adding = "_sum = _sum + by"
    event = "emit Added(by, _sum)"
    phase = "require(_phase == Phase.Open, TooMuch())"
    small = "return value <= 3 days"
    assert {mutant.id for mutant in tiny} == {
        f"Tiny.open | comparison | {phase} => require(_phase != Phase.Open, TooMuch())",
        f"Tiny.open | enumeration | {phase} => require(_phase == Phase.Closed, TooMuch())",
        f"Tiny.open | drop-guard | {phase} => (dropped)",
        "Tiny.add | drop-modifier | open => (dropped)",
        f"Tiny.add | drop-guard | {guard} => (dropped)",
        f"Tiny.add | comparison | {guard} => require(by <= 7 && by != 0, TooMuch())",
        f"Tiny.add | comparison | {guard} => require(by >= 7 && by != 0, TooMuch())",
        f"Tiny.add | comparison | {guard} => require(by < 7 && by == 0, TooMuch())",
        f"Tiny.add | constant | {guard} => require(by < (7 + 1) && by != 0, TooMuch())",
        f"Tiny.add | constant | {guard} => require(by < (7 - 1) && by != 0, TooMuch())",
        f"Tiny.add | constant | {guard} => require(by < 7 && by != 1, TooMuch())",
        f"Tiny.add | logic | {guard} => require(by < 7 || by != 0, TooMuch())",
        f"Tiny.add | operand | {guard} => require(by < 7, TooMuch())",
        f"Tiny.add | operand | {guard} => require(by != 0, TooMuch())",
        f"Tiny.add | drop-assignment | {adding} => (dropped)",
        f"Tiny.add | value | {adding} => _sum = 0",
        f"Tiny.add | value | {adding} => _sum = type(uint256).max",
        f"Tiny.add | arithmetic | {adding} => _sum = _sum - by",
        f"Tiny.add | operand | {adding} => _sum = _sum",
        f"Tiny.add | operand | {adding} => _sum = by",
        f"Tiny.add | drop-event | {event} => (dropped)",
        f"Tiny.add | swap | {event} => emit Added(_sum, by)",
        f"Tiny.add | value | {event} => emit Added(0, _sum)",
        f"Tiny.add | value | {event} => emit Added(by, 0)",
        f"Tiny.small | value | {small} => return true",
        f"Tiny.small | value | {small} => return false",
        f"Tiny.small | comparison | {small} => return value < 3 days",
        f"Tiny.small | comparison | {small} => return value > 3 days",
        f"Tiny.small | constant | {small} => return value <= (3 days + 1)",
        f"Tiny.small | constant | {small} => return value <= (3 days - 1)",
    }


def test_mutants__applied__change_that_place_only_and_compile(tiny: list[Mutant], tmp_path: Path) -> None:
    texts = {f"{at}.sol": mutant.apply(TINY) for at, mutant in enumerate(tiny)}
    assert len(set(texts.values())) == len(tiny)
    for mutant, text in zip(tiny, texts.values(), strict=True):
        start, tail = len(TINY.encode()[: mutant.start]), len(TINY.encode()) - mutant.end
        assert text.encode()[:start] == TINY.encode()[:start]
        assert text.encode()[len(text.encode()) - tail :] == TINY.encode()[mutant.end :]
    job = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in texts.items()},
        "settings": {"outputSelection": {"*": {"*": ["evm.bytecode.object"]}}},
    }
    with mutate.running_compiler(tmp_path) as compiler:
        answer = compiler.compile(job)
    assert [one["formattedMessage"] for one in answer["errors"] if one["severity"] == "error"] == []
    assert len({answer["contracts"][name]["Tiny"]["evm"]["bytecode"]["object"] for name in texts}) > 20


def test_complaints__unexplained_stale_and_killed__are_named() -> None:
    verdicts = {"a": SURVIVED, "b": SURVIVED, "c": BY_FORGE, "d": BY_FORGE}
    assert complaints(verdicts, ["a", "b", "c", "d"], {"b": "harmless", "c": "harmless", "e": "harmless"}) == [
        "survives, and nothing explains it: a",
        "is explained, but no such mutant: e",
        "is explained, but killed by forge: c",
    ]
    assert complaints({"b": SURVIVED, "d": BY_FORGE}, ["b", "c", "d"], {"b": "harmless", "c": "harmless"}) == []


@pytest.mark.parametrize(("verdict", "code"), ((SURVIVED, 1), (BY_FORGE, 0)))
def test_run__a_mutant_that_no_test_notices__fails_and_is_named(
    verdict: str,
    code: int,
    tiny: list[Mutant],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    judged: list[Mutant] = []

    def judge_all(found: Sequence[Mutant], workers: int, until: float) -> Iterator[tuple[Mutant, str]]:
        judged.extend(found)
        yield from ((mutant, verdict) for mutant in found)

    (tmp_path / "explained.json").write_text("[]", encoding="utf-8")
    monkeypatch.setattr(mutate, "read_explained", lambda: read_explained(tmp_path / "explained.json"))
    monkeypatch.setattr(mutate, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(mutate, "judge_all", judge_all)
    monkeypatch.setattr(mutate, "find_mutants", lambda _: tiny)
    told = tmp_path / "told.json"
    assert mutate.main(["--sample", "2", "--seed", "5", "--json", str(told)]) == code
    assert len(judged) == 2
    assert json.loads(told.read_text(encoding="utf-8")) == {mutant.id: verdict for mutant in judged}
    assert [mutant.id in capsys.readouterr().err for mutant in judged[:1]] == [code == 1]


@pytest.mark.parametrize("text", ("{", "[1]", '[{"id": "a"}]', '[{"id": "a", "why": " "}]'))
def test_explained__unreadable_or_without_a_reason__is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "explained.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MutationError, match=r"explained\.json"):
        read_explained(path)
