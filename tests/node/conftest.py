"""One world for all tests of the node and the collector; each test finds it fresh."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.running_nodes import World, running_world


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
def world(shared_world: World) -> World:
    shared_world.fresh()
    return shared_world
