"""`serve` as a process: it renews and stops by itself, ends cleanly, and after a SIGKILL at any step goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle.domain.approval import OnChainStatus
from oracle.node.service import source_settings
from oracle.proof.database_proof import prove_database
from oracle.sources.parsed_again import read_settings
from oracle.store.rows import stored_rows
from tests.node.running_nodes import World, rows, running_world
from tests.watch.relays import updates
from tests.watch.served import Serve, approve, filing_of, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

#: A window of a day is near its end.
NEAR = "renew_before_seconds = 90000\nvalidity_seconds = 172800"


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("serve")) as world:
        yield world


@pytest.fixture
def world(shared_world: World) -> World:
    shared_world.fresh(1)
    return shared_world


def suspensions(world: World, number: str) -> int:
    from oracle.chain.filing_history import filing_events, latest_block

    found = filing_events(world.registry, filing_of(number), 0, latest_block(world.registry))
    return sum(event.name == "FilingSuspended" for event in found)


def settled(serve: Serve, number: str, seconds: float = 30) -> None:
    """Return once the node says that no action on the filing is under way or failed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        acting = rows(serve.world.nodes[0], "select count(*) from watch_actions where acting_since is not null")
        if acting[0][0] == 0:
            return
        time.sleep(0.2)
    raise AssertionError(serve.text())


def test_serve__renews_by_itself__then_stops_what_was_withdrawn__ends_cleanly(world: World, tmp_path: Path) -> None:
    number = "国合函〔2026〕4001号"
    approve(world, number)
    serve = Serve(world, tmp_path, watch=NEAR)
    serve.start()
    try:
        after = wait_for(world, number, 2, serve)
        assert (after.status, serve.sent()) == (OnChainStatus.APPROVED, 1)
        world.site.withdraw_notice(number)
        stopped = wait_for(world, number, 3, serve)
        assert (stopped.status, suspensions(world, number), serve.sent()) == (OnChainStatus.SUSPENDED, 1, 2)
        settled(serve, number)
        assert serve.ready()["status"] == "ready"
        began = time.monotonic()
        assert serve.stop() == 0, serve.text()
        assert time.monotonic() - began < 20
    finally:
        serve.end()
    assert "console.dbos.dev" not in serve.text()
    assert "Traceback" not in serve.text()
    node = world.nodes[0].node
    with stored_rows(node.database.engine) as kept:
        settings = read_settings(source_settings(node.config))
        assert prove_database(kept, node.evidence, settings=settings).findings == []


RENEWAL = (
    "before-observe",
    "after-observe",
    "after-look",
    "after-propose",
    "after-own-signature",
    "after-collect",
    "before-send",
    "after-send",
    "before-confirm",
    "after-conclude",
)
SUSPENSION = (
    "before-observe",
    "after-observe",
    "after-look",
    "after-suspension-signed",
    "before-suspension-sent",
    "after-suspension-sent",
    "before-confirm",
    "after-conclude",
)


@pytest.mark.soak
@pytest.mark.parametrize("point", RENEWAL)
def test_serve__killed_during_a_renewal__renewed_once(world: World, tmp_path: Path, point: str) -> None:
    number = f"国合函〔2026〕42{RENEWAL.index(point):02}号"
    approve(world, number)
    serve = Serve(world, tmp_path, watch=NEAR)
    serve.start(point)
    try:
        serve.wait_killed()
        serve.start()
        serve.ready()
        after = wait_for(world, number, 2, serve)
        settled(serve, number)
        time.sleep(4)  # two more looks find nothing to do
        assert world.registry.filing_state(filing_of(number)) == after
        assert (after.status, len(updates(world, filing_of(number))), serve.sent()) == (OnChainStatus.APPROVED, 1, 1)
        assert serve.stop() == 0
    finally:
        serve.end()


@pytest.mark.soak
@pytest.mark.parametrize("point", SUSPENSION)
def test_serve__killed_during_a_suspension__suspended_once(world: World, tmp_path: Path, point: str) -> None:
    number = f"国合函〔2026〕43{SUSPENSION.index(point):02}号"
    approve(world, number)
    world.site.withdraw_notice(number)
    serve = Serve(world, tmp_path)
    serve.start(point)
    try:
        serve.wait_killed()
        serve.start()
        serve.ready()
        after = wait_for(world, number, 2, serve)
        settled(serve, number)
        time.sleep(4)
        assert world.registry.filing_state(filing_of(number)) == after
        assert (after.status, suspensions(world, number), serve.sent()) == (OnChainStatus.SUSPENDED, 1, 1)
        assert serve.stop() == 0
    finally:
        serve.end()


@pytest.mark.soak
def test_serve__two_replicas_on_one_postgresql__one_renewal_one_transaction(
    world: World, tmp_path: Path, postgres_url: str
) -> None:
    number = "国合函〔2026〕4401号"
    first = Serve(world, tmp_path / "a", store=postgres_url, watch=NEAR)
    second = Serve(world, tmp_path / "b", store=postgres_url, watch=NEAR, keys=tmp_path / "a")
    try:
        first.start()
        first.ready()
        second.start()
        second.ready()
        approve(world, number, first.url)
        after = wait_for(world, number, 2, first)
        time.sleep(6)
        assert world.registry.filing_state(filing_of(number)) == after
        assert (len(updates(world, filing_of(number))), first.sent()) == (1, 1)
        # One goes without a word; the other does what is needed.
        first.end()
        world.site.withdraw_notice(number)
        stopped = wait_for(world, number, 3, second)
        time.sleep(4)
        assert world.registry.filing_state(filing_of(number)) == stopped
        assert (stopped.status, suspensions(world, number), second.sent()) == (OnChainStatus.SUSPENDED, 1, 2)
        assert second.stop() == 0
    finally:
        first.end()
        second.end()


@pytest.mark.soak
def test_serve__replica_killed_in_the_midst_of_a_renewal__the_other_takes_it_over(
    world: World, tmp_path: Path, postgres_url: str
) -> None:
    number = "国合函〔2026〕4402号"
    first = Serve(world, tmp_path / "a", store=postgres_url, watch=NEAR)
    second = Serve(world, tmp_path / "b", store=postgres_url, watch=NEAR, keys=tmp_path / "a")
    try:
        first.start("after-collect")
        first.ready()
        approve(world, number, first.url)
        first.wait_killed()
        assert world.registry.filing_state(filing_of(number)).sequence == 1
        second.start()
        second.ready()
        after = wait_for(world, number, 2, second, seconds=120)
        time.sleep(4)
        assert world.registry.filing_state(filing_of(number)) == after
        assert (after.status, len(updates(world, filing_of(number))), second.sent()) == (OnChainStatus.APPROVED, 1, 1)
        assert "taking over from" in second.text()
        assert second.stop() == 0
    finally:
        first.end()
        second.end()
