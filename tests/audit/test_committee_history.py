"""The audit's replay of a committee against the contract: whose signature counts when, and what is announced."""

from __future__ import annotations

import random

import pytest

from oracle.audit.committee_history import CHECKS, CommitteeHistory
from oracle.chain.events import read_events
from oracle.errors import RefusedError
from tests.chain.small_world import HOUR, OPERATORS, RETENTION, ROTATION_DELAY, World
from tests.contracts.chain_fixture import DAY, operator_accounts

STEPS = 70
ZERO = "0x" + "0" * 40
PEOPLE = [key.address for key in OPERATORS] + [account.address for account in operator_accounts(6)]


def step(world: World, chance: random.Random, replay: CommitteeHistory) -> None:
    """One change of any kind with values that often pass and often do not."""
    own = world.registry_call
    pending = [(row["operator"], row["replaced"] or ZERO) for row in replay.pending(world.now) if "operator" in row]
    pair = (chance.choice(PEOPLE), chance.choice((ZERO, *replay.operators)))
    kind = chance.choice(
        ("announce",) * 4 + ("apply",) * 6 + ("wait",) * 4 + ("cancel", "remove", "raise", "lower", "lowered", "keep")
    )
    if kind == "announce":
        own("announceOperator", *map(world.w3.to_checksum_address, pair))
    elif kind in ("apply", "cancel"):
        chosen = chance.choice(pending) if pending else pair
        own(f"{kind}Operator", *map(world.w3.to_checksum_address, chosen))
    elif kind == "remove":
        own("removeOperator", chance.choice(PEOPLE))
    elif kind == "raise":
        own("raiseThreshold", chance.randrange(1, 6))
    elif kind == "lower":
        own("announceThreshold", chance.randrange(0, 4))
    elif kind == "lowered":
        own("applyThreshold")
    elif kind == "keep":
        own("cancelThreshold")
    else:
        world.travel(chance.choice((HOUR, HOUR, 2 * HOUR, 35 * DAY)))


@pytest.mark.parametrize("seed", range(2))
def test_replay__random_changes__says_what_the_contract_says_and_finds_nothing(fresh: World, seed: int) -> None:
    chance, registry = random.Random(seed), fresh.registry
    replay = CommitteeHistory(ROTATION_DELAY, RETENTION)
    done, passed = fresh.deployment.block, 0
    for _ in range(STEPS):
        try:
            step(fresh, chance, replay)
            passed += 1
        except RefusedError:
            pass
        latest = fresh.w3.eth.block_number
        for event in read_events(fresh.w3, "FilingRegistry", [registry.address], done, latest):
            time = int(fresh.w3.eth.get_block(event.block)["timestamp"])
            if event.name in CHECKS:
                assert replay.apply(event.name, event.values, time) == []
        done, now = latest + 1, fresh.now
        assert replay.operators == [item.lower() for item in registry.operators()]
        assert (replay.threshold, replay.epoch) == (registry.threshold(), registry.epoch())
        assert list(replay.announced_threshold(now)) == registry._call("announcedThreshold")
        assert [replay.counts_until(account, now) for account in PEOPLE] == [
            registry.counts_until(account) for account in PEOPLE
        ]
    now = fresh.now
    for operator in PEOPLE:
        for replaced in (ZERO, *PEOPLE):
            assert replay.ready_at(operator, replaced, now) == registry._call("operatorReadyAt", operator, replaced)
    assert STEPS // 4 < passed < STEPS, "the calls must be mixed to say anything"
