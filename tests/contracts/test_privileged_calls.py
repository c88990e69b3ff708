"""docs/contracts.md names every call that changes state, who may make it and what event it leaves."""

from __future__ import annotations

import re
from typing import Any

import pytest

from scripts.compile import ROOT, compile_project
from scripts.natspec import signature

TEXT = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
CHANGING = {"nonpayable", "payable"}
# Modifier in the source, and what the document must say of who may call.
MODIFIERS = {
    "onlyOwner": "owner",
    "onlyEngine": "policy engine",
    "onlyBoundCompliance": "compliance contract",
}


def described(contract: str) -> dict[str, tuple[str, str]]:
    """Signature to who and event, as the contract's section has them."""
    section = TEXT.split(f"\n### {contract}\n")[1].split("\n#")[0]
    return {call: (who, event) for call, who, event in re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \|$", section, re.M)}


def deployable() -> dict[str, dict[str, Any]]:
    """The compiler's output of every contract that can be deployed and is no library."""
    names, made = compile_project()
    return {
        name: output
        for source in names
        for name, output in made[source].items()
        if output["evm"]["bytecode"]["object"] and output["abi"]
    }


@pytest.fixture(scope="module")
def contracts() -> dict[str, dict[str, Any]]:
    return deployable()


def test_document__sections__are_the_contracts_that_can_be_deployed(contracts: dict[str, dict[str, Any]]) -> None:
    part = TEXT.split("\n## Who may call what\n")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^### (\w+)$", part, re.M)) == sorted(contracts)


def test_document__calls__are_those_of_the_interface(contracts: dict[str, dict[str, Any]]) -> None:
    for name, output in contracts.items():
        calls = {
            signature(item) for item in output["abi"] if item.get("stateMutability") in CHANGING and "name" in item
        }
        assert set(described(name)) == calls, name


def test_document__events__are_declared(contracts: dict[str, dict[str, Any]]) -> None:
    everywhere = {item["name"] for output in contracts.values() for item in output["abi"] if item["type"] == "event"}
    for name, output in contracts.items():
        own = {item["name"] for item in output["abi"] if item["type"] == "event"}
        for call, (_, event) in described(name).items():
            named = set(re.findall(r"`(\w+)`", event))
            assert named or event.startswith("none"), f"{name}.{call} names no event"
            # What a token or the registry emits in the same transaction may be named beside.
            assert named <= everywhere, f"{name}.{call}: {named - everywhere}"
            if not event.startswith("none"):
                assert named & own, f"{name}.{call}: none of {named} is its own"


def test_document__guarded_calls__name_the_guard() -> None:
    seen = set()
    for path in sorted((ROOT / "contracts").rglob("*.sol")):
        for function, head in re.findall(r"^    function (\w+)\(([^{;]*)\{", path.read_text(encoding="utf-8"), re.M):
            if not re.search(r"\bexternal\b", head) or re.search(r"\b(view|pure)\b", head):
                continue
            guards = [words for modifier, words in MODIFIERS.items() if re.search(rf"\b{modifier}\b", head)]
            guards += [f"`{role}`" for role in re.findall(r"onlyRole\((\w+)\)", head)]
            for guard in guards:
                rows = re.findall(rf"^\| `{function}\(.*?` \| (.+?) \|", TEXT, re.M)
                assert rows, function
                assert all(guard in row for row in rows), f"{function}: {guard}"
                seen.add(guard)
    assert seen > set(MODIFIERS.values())


def test_document__tests_it_names__exist() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.M)
    }
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) > 30
    assert named <= defined, sorted(named - defined)
