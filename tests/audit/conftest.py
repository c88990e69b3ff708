"""One played history for all audit tests, and a copy of its chain to falsify."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from oracle.chain.rpc import connect, raw_call
from scripts.compile import ROOT, artifact, collect_sources, compile_sources
from tests.anvil import AnvilProcess, start_anvil
from tests.audit.full_history import Recording, play
from tests.chain.small_world import START, World, new_world, undone

SOURCES = ROOT / "tests" / "audit" / "sol"


@pytest.fixture(scope="session")
def artifacts() -> dict[str, dict[str, Any]]:
    """The contracts made for these tests."""
    names = [path.relative_to(ROOT).as_posix() for path in sorted(SOURCES.glob("*.sol"))]
    made = compile_sources(collect_sources(names), wanted=names)
    return {name: artifact(source, name, output) for source in names for name, output in made[source].items()}


@pytest.fixture(scope="session")
def anvil_of_played() -> Iterator[AnvilProcess]:
    with start_anvil(timestamp=START, hardfork="cancun") as anvil:
        yield anvil


@pytest.fixture(scope="session")
def played(anvil_of_played: AnvilProcess) -> World:
    """A chain on which everything happened; nobody changes it for good."""
    world = new_world(connect(anvil_of_played.url))
    play(world)
    return world


@pytest.fixture(scope="session")
def socket_of_played(anvil_of_played: AnvilProcess) -> str:
    """The path of the played chain's socket."""
    return str(anvil_of_played.ipc)


@pytest.fixture(scope="session")
def copied(played: World) -> Iterator[World]:
    with start_anvil(timestamp=START, hardfork="cancun") as anvil:
        w3 = connect(anvil.url)
        raw_call(w3, "anvil_loadState", [raw_call(played.w3, "anvil_dumpState", [])])
        yield played.on(w3)


@pytest.fixture
def copy(copied: World) -> Iterator[World]:
    """A copy of the played chain, for one test to falsify."""
    with undone(copied) as world:
        yield world


@pytest.fixture
def fresh(empty: World) -> Iterator[World]:
    """A deployment to which nothing happened yet, for one test."""
    with undone(empty) as world:
        yield world


@pytest.fixture(scope="session")
def empty() -> Iterator[World]:
    with start_anvil(timestamp=START, hardfork="cancun") as anvil:
        yield new_world(connect(anvil.url))


@pytest.fixture(scope="session")
def recorded(played: World) -> Recording:
    """The played history as plain values."""
    return Recording.of(played)


@pytest.fixture
def recording(recorded: Recording) -> Recording:
    """The played history as plain values, for one test to falsify."""
    return recorded.copy()
