"""One test chain for all tests of the chain's client; each finds it as deployed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from oracle.chain.rpc import connect
from tests.anvil import start_anvil
from tests.chain.small_world import START, World, new_world, undone


@pytest.fixture(scope="session")
def deployed() -> Iterator[World]:
    with start_anvil(timestamp=START, hardfork="cancun") as anvil:
        yield new_world(connect(anvil.url))


@pytest.fixture
def world(deployed: World) -> Iterator[World]:
    """The deployment, for one test."""
    with undone(deployed) as found:
        yield found
