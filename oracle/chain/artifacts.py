"""The compiled contracts that ship with the package (made by scripts/compile.py)."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["abi", "artifact"]


@cache
def artifact(name: str) -> dict[str, Any]:
    """The artifact of a contract: keys abi, bytecode, deployedBytecode, immutableReferences (by
    Contract._name, a list of places each), compiler."""
    text = (files("oracle.chain") / "artifacts" / f"{name}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def abi(name: str) -> list[dict[str, Any]]:
    """The ABI of a contract."""
    entries: list[dict[str, Any]] = artifact(name)["abi"]
    return entries
