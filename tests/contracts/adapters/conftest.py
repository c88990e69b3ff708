"""The registry of the other contract tests, with the adapters and the packages that they are made for beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.compile import ROOT, artifact, collect_sources, compile_sources
from tests.contracts.adapters import packages
from tests.contracts.adapters.stacks import STACKS, Stack
from tests.contracts.chain_fixture import Gate

ADAPTERS = ROOT / "contracts" / "adapters"
DOUBLES = ROOT / "tests" / "contracts" / "adapters" / "sol"


@pytest.fixture(scope="session")
def adapter_artifacts() -> dict[str, dict[str, Any]]:
    """The adapters and the doubles, compiled now, and the contracts of other projects."""
    packages.require_packages()
    names = [
        path.relative_to(ROOT).as_posix() for folder in (ADAPTERS, DOUBLES) for path in sorted(folder.glob("*.sol"))
    ]
    made = compile_sources(collect_sources(names), wanted=names)
    own = {name: artifact(source, name, output) for source in names for name, output in made[source].items()}
    return own | packages.trex() | packages.ace()


@pytest.fixture
def ground(gate: Gate, adapter_artifacts: dict[str, dict[str, Any]]) -> Gate:
    """The deployed registry, on a chain that knows the adapters too; what a test does is undone."""
    return replace(gate, chain=replace(gate.chain, artifacts={**gate.chain.artifacts, **adapter_artifacts}))


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, ground: Gate) -> Stack:
    """Each kind of token with its adapter in turn, not approved yet."""
    return STACKS[request.param](ground)
