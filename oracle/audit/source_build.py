"""A build of the repository's sources, by its own build script and with the settings recorded in the artifacts."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from oracle.chain.artifacts import artifact
from oracle.errors import InputError

__all__ = ["ADAPTERS", "CORE", "BuiltContract", "build_from_source", "built_from_artifacts", "standard_json"]

CORE = ("FilingRegistry", "TrancheFactory", "AssetBackedToken")
ADAPTERS = ("AcePolicy", "CmtatRule", "GatedMinter", "TrexComplianceModule")

_ROOT = Path(__file__).resolve().parents[2]
_REMEDY = "run it in a checkout of the repository after `npm ci`, or compare with the shipped artifacts: --artifacts"


@dataclass(frozen=True)
class BuiltContract:
    """Runtime code as compiled, zeros in the places of immutables: (start, length) of each by Contract._name."""

    name: str
    code: bytes
    immutables: Mapping[str, tuple[tuple[int, int], ...]]


@cache
def _script() -> ModuleType:
    """scripts/compile.py of this checkout: the one place that says how the contracts are compiled."""
    path = _ROOT / "scripts" / "compile.py"
    spec = importlib.util.spec_from_file_location("filing_gate_compile", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise InputError("the contracts' sources are not here", where=str(_ROOT), remedy=_REMEDY)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise InputError(f"the build needs {error.name}", where=str(path), remedy=_REMEDY) from None
    recorded = artifact("FilingRegistry")["compiler"]
    if recorded != {"version": module.SOLC_VERSION, "settings": module.settings()}:
        raise InputError(
            "the build's settings are not those recorded with the artifacts",
            where=str(path),
            remedy="check out the commit that was released",
        )
    return module


def _sources(name: str) -> tuple[str, dict[str, Any]]:
    script = _script()
    found = next((path for path in script.SOURCES.rglob(f"{name}.sol")), None)
    if found is None:
        raise InputError(f"no contract {name} in the sources", where=str(script.SOURCES), remedy=_REMEDY)
    source = found.relative_to(_ROOT).as_posix()
    try:
        return source, script.collect_sources([source])
    except script.CompileError as error:
        raise InputError(str(error), where=source, remedy=_REMEDY) from None


def build_from_source(*, fresh: bool = False) -> dict[str, BuiltContract]:
    """Compile all contracts; name to what came of it. A build of the very same text and settings is taken from
    build/solc-cache unless `fresh`. InputError if there are no sources, or no compiler of the recorded version.
    """
    script = _script()
    try:
        if fresh:
            names = [path.relative_to(_ROOT).as_posix() for path in sorted(script.SOURCES.rglob("*.sol"))]
            made = script.compile_anew(script.collect_sources(names), wanted=names)
        else:
            _, made = script.compile_project()
    except script.CompileError as error:
        raise InputError(str(error).splitlines()[0], where="compiler", remedy=_REMEDY) from None
    outputs = {name: output for contracts in made.values() for name, output in contracts.items()}
    return {name: _built(name, outputs[name]["evm"]["deployedBytecode"]) for name in (*CORE, *ADAPTERS)}


def _built(name: str, deployed: Mapping[str, Any]) -> BuiltContract:
    return BuiltContract(name, bytes.fromhex(deployed["object"]), _places(deployed.get("immutableReferences", {})))


def _places(references: Mapping[str, list[dict[str, int]]]) -> dict[str, tuple[tuple[int, int], ...]]:
    return {
        name: tuple((place["start"], place["length"]) for place in of_one)
        for name, of_one in sorted(references.items())
    }


def built_from_artifacts() -> dict[str, BuiltContract]:
    """The same from the artifacts that ship with the package; of the contracts that have one."""
    return {
        name: BuiltContract(
            name,
            bytes.fromhex(artifact(name)["deployedBytecode"][2:]),
            _places(artifact(name)["immutableReferences"]),
        )
        for name in CORE
    }


def standard_json(name: str) -> str:
    """The standard-JSON input that compiles to a contract, metadata and all: what Etherscan and Sourcify take.

    It holds the sources that the contract needs and no others; with it goes `contracts/…/<name>.sol:<name>`.
    """
    source, sources = _sources(name)
    outputs = ["abi", "evm.bytecode.object", "evm.deployedBytecode", "metadata"]
    settings = _script().settings() | {
        "metadata": {"bytecodeHash": "ipfs"},
        "outputSelection": {source: {name: outputs}},
    }
    return (
        json.dumps({"language": "Solidity", "sources": sources, "settings": settings}, indent=1, sort_keys=True) + "\n"
    )
