"""Many filings read at one block, and afterwards only what has changed: always the same as reading all."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oracle.chain.raw_rpc import Call, RawRpc
from oracle.chain.rpc import raw_call
from oracle.chain.standings import Standings, read_standings
from oracle.domain.names import filing_id
from oracle.errors import UnreachableError
from tests.node.running_nodes import World, running_world
from tests.pages.shown_world import Story

pytestmark = pytest.mark.slow

NUMBERS = [f"国合函〔2026〕{number}号" for number in range(1, 31)]
FILINGS = ["0x" + filing_id(number).hex() for number in NUMBERS]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running_world(tmp_path_factory.mktemp("standings"), more_tokens=("A", "B")) as found:
        yield found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Every call of a batch that this thread makes: the nodes of the world read in theirs."""
    made: list[Call] = []
    batch, here = RawRpc.batch, threading.get_ident()

    def counted(self: RawRpc, calls: Sequence[Call], *more: Any, **named: Any) -> list[Any]:
        if threading.get_ident() == here:
            made.extend(calls)
        return batch(self, calls, *more, **named)

    monkeypatch.setattr(RawRpc, "batch", counted)
    return made


def read(world: World, before: Standings | None = None) -> Standings:
    tokens = [token.address for token in world.deployment.tokens]
    return read_standings([world.anvil.url], 31337, world.deployment.registry, FILINGS, tokens, before)


def test_read__again_after_each_change__same_as_reading_all_and_few_calls(world: World, asked: list[Call]) -> None:
    tokens = [token.address for token in world.deployment.tokens]
    story = Story(world, 0)
    snapshot = raw_call(world.w3, "evm_snapshot", [])
    nothing = read(world)
    assert len(asked) == 3 + 2 + len(FILINGS) + len(tokens)
    assert all(state.sequence == 0 for state in nothing.filings.values())

    asked.clear()
    assert read(world, nothing) == nothing
    assert len(asked) == 5

    now = nothing.time + 100
    story.approve(NUMBERS[0], tokens[:2], now, world.dossier(), (10**9, 10**9))
    asked.clear()
    approved = read(world, nothing)
    assert len(asked) == 3 + 1 + 2 + 1 + 2
    assert approved == read(world)
    assert approved.filings[FILINGS[0]].sequence == 1
    assert approved.tranches[tokens[0].lower()].cap == 10**9

    story.mint(tokens[0], 7, now + 10)
    minted = read(world, approved)
    assert minted == read(world)
    assert minted.tranches[tokens[0].lower()].issued == 7 * 10**6

    # The chain is put back and goes on otherwise: nothing of what was read may stay.
    raw_call(world.w3, "evm_revert", [snapshot])
    for _ in range(20):
        raw_call(world.w3, "evm_mine", [])
    back = read(world, minted)
    assert back == read(world)
    assert back.filings[FILINGS[0]].sequence == 0


def test_read__endpoint_down_or_wrong_chain__the_next_or_unreachable(world: World) -> None:
    url, registry = world.anvil.url, world.deployment.registry
    down = "http://127.0.0.1:1"
    assert read_standings([down, url], 31337, registry, FILINGS[:1], [], None).threshold == 2
    for urls, chain in (([down], 31337), ([url], 1), ([], 1)):
        with pytest.raises(UnreachableError):
            read_standings(urls, chain, registry, FILINGS[:1], [], None)
    with pytest.raises(UnreachableError):
        read_standings([url], 31337, "0x" + "11" * 20, FILINGS[:1], [], None)


def test_read__no_such_earlier_block__reads_all(world: World, tmp_path: Path) -> None:
    true = read(world)
    later = replace(true, block=true.block + 1_000, filings={}, tranches={})
    assert read(world, later) == read(world)
