"""A registry read at one block: the same answers as the registry's own, in few requests."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from oracle.chain.failover import connect_endpoints
from oracle.chain.filing_history import filing_events, latest_block
from oracle.chain.registry import Registry
from oracle.chain.snapshot import CONSTANT_SECONDS, Constants, Snapshot
from oracle.domain.approval import OnChainStatus
from tests.chain.small_world import CAP, FILING, OTHER_FILING, World
from tests.standin.rpc_node import RpcNode

CHAIN = 31337
NO_TOKEN = "0x" + "99" * 20


@pytest.fixture
def node(world: World) -> Iterator[RpcNode]:
    with RpcNode(world.url) as running:
        yield running


def registry_at(node: RpcNode, world: World) -> Registry:
    return Registry(connect_endpoints([node.endpoint], chain_id=CHAIN), world.registry.address)


def asked(node: RpcNode) -> tuple[list[str], list[int]]:
    found = node.asked[:], node.batches[:]
    node.asked.clear()
    node.batches.clear()
    return found


def test_snapshot__answers_as_the_registry__in_two_requests(world: World, node: RpcNode) -> None:
    world.approve((0, CAP), (1, 5 * CAP))
    block = latest_block(world.registry)
    tokens = [token.address for token in world.tokens[:2]]
    registry, constants = registry_at(node, world), Constants()
    asked(node)
    seen = Snapshot(registry, {FILING: block, OTHER_FILING: None}, tokens, constants)
    assert asked(node) == (["eth_blockNumber"], [1 + 2 + 1 + 2 * 5])
    assert seen.filing_state(FILING) == world.registry.filing_state(FILING)
    assert seen.filing_state(FILING).status is OnChainStatus.APPROVED
    assert seen.filing_state(OTHER_FILING) == world.registry.filing_state(OTHER_FILING)
    assert [seen.token_state(token) for token in tokens] == [world.registry.token_state(token) for token in tokens]
    assert [item.build for token in tokens if (item := seen.token_state(token))] == ["AssetBackedToken"] * 2
    assert seen.max_validity() == world.registry.max_validity()
    events = filing_events(seen, FILING, block, block)
    assert [event.name for event in events] == ["FilingApproved"]
    assert events == filing_events(world.registry, FILING, block, block)
    assert latest_block(seen) == block
    assert asked(node) == ([], [])
    # What the code fixes is known now; what was issued is read each time.
    Snapshot(registry, {FILING: block}, tokens, constants)
    assert asked(node) == (["eth_blockNumber"], [1 + 1 + 1 + 2])


def test_snapshot__what_happens_after_it__is_not_in_it__and_in_the_next(world: World) -> None:
    token = world.tokens[0].address
    seen = Snapshot(world.registry, {FILING: None}, [token], Constants())
    world.approve((0, CAP))
    assert seen.filing_state(FILING).sequence == 0
    world.mint(0, 7)
    after = Snapshot(world.registry, {FILING: None}, [token], Constants())
    state = after.token_state(token)
    assert state is not None
    assert (after.filing_state(FILING).sequence, state.issued) == (1, 7)


def test_snapshot__token_not_named_before__asked_when_needed__no_token_is_none(world: World, node: RpcNode) -> None:
    registry = registry_at(node, world)
    seen = Snapshot(registry, {}, [], Constants())
    asked(node)
    seen.will_ask([world.tokens[0].address, NO_TOKEN])
    assert asked(node) == ([], [10])
    assert seen.token_state(world.tokens[0].address) == world.registry.token_state(world.tokens[0].address)
    assert asked(node) == ([], [])
    assert seen.token_state(NO_TOKEN) is None


def test_snapshot__node_takes_no_batches__the_same_answers__and_it_is_not_blamed(world: World, node: RpcNode) -> None:
    world.approve((0, CAP))
    node.takes_batches = False
    registry = registry_at(node, world)
    seen = Snapshot(registry, {FILING: None}, [world.tokens[0].address], Constants())
    assert seen.filing_state(FILING) == world.registry.filing_state(FILING)
    assert seen.token_state(world.tokens[0].address) == world.registry.token_state(world.tokens[0].address)
    provider = registry.w3.provider
    assert [item.ok for item in provider.health()] == [True]  # type: ignore[attr-defined]
    asked(node)
    Snapshot(registry, {FILING: None}, [], Constants())
    assert asked(node)[1] == []  # not tried again at once


def test_constants__read_again_after_their_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token, constants = world.tokens[0].address, Constants()
    Snapshot(world.registry, {}, [token], constants)
    chain = int(getattr(world.registry.w3.provider, "chain_id", 0))
    assert constants.get(chain, token) is not None
    later = time.monotonic() + CONSTANT_SECONDS
    monkeypatch.setattr("oracle.chain.snapshot.time.monotonic", lambda: later)
    assert constants.get(chain, token) is None
