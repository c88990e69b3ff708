"""Whoever has the events knows whose signature counted when, and what is announced, without a single call."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.contracts.chain_fixture import DAY, ZERO_ADDRESS, Gate, Reverted, operator_accounts

STEPS = 70
CURRENT = 2**64 - 1
APPLY_WINDOW = 30 * DAY
PEOPLE = [account.address for account in operator_accounts(9)]


@dataclass
class CommitteeReplay:
    """The committee as its events tell it."""

    operators: list[str] = field(default_factory=list)
    threshold: int = 0
    epoch: int = 0
    #: End of the retention of who was replaced.
    until: dict[str, int] = field(default_factory=dict)
    #: Current operator -> those who held its seat before.
    before: dict[str, list[str]] = field(default_factory=dict)
    #: Account -> epoch with which it joined or left last.
    since: dict[str, int] = field(default_factory=dict)
    announced: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    lowering: tuple[int, int] = (0, 0)

    def apply(self, name: str, args: Any) -> None:
        if name == "CommitteeChanged":
            for account in set(self.operators) ^ set(args["operators"]):
                self.since[account] = args["epoch"]
            for account in set(args["operators"]) - set(self.operators):
                self.until.pop(account, None)
            if args["threshold"] < self.threshold:
                self.lowering = (0, 0)
            self.operators, self.threshold, self.epoch = args["operators"], args["threshold"], args["epoch"]
        elif name == "OperatorAnnounced":
            self.announced[args["operator"], args["replaced"]] = (args["epoch"], args["readyAt"])
        elif name == "OperatorCancelled":
            del self.announced[args["operator"], args["replaced"]]
        elif name == "OperatorRetained":
            old = args["operator"]
            self.until[old] = args["until"]
            self.before[args["successor"]] = [*self.before.pop(old, []), old]
        elif name == "OperatorRemoved":
            account = args["operator"]
            self.since[account] = self.epoch + 1
            self.until.pop(account, None)
            if account in self.operators:
                for earlier in self.before.pop(account, []):
                    # Unless it has joined on another seat meanwhile, or was retained there.
                    if earlier not in self.operators and not any(earlier in kept for kept in self.before.values()):
                        self.until.pop(earlier, None)
            else:
                self.before = {holder: [one for one in kept if one != account] for holder, kept in self.before.items()}
        elif name == "ThresholdAnnounced":
            self.lowering = (args["threshold"], args["readyAt"])
        elif name == "ThresholdCancelled":
            self.lowering = (0, 0)
        elif name not in ("OwnershipTransferred", "SuccessorAnnounced"):
            raise AssertionError(f"an event that no replay knows: {name}")

    def counts_until(self, account: str, now: int) -> int:
        if account in self.operators:
            return CURRENT
        end = self.until.get(account, 0)
        return end if now < end else 0

    def ready_at(self, operator: str, replaced: str, now: int) -> int:
        epoch, ready = self.announced.get((operator, replaced), (0, 0))
        stands = all(epoch >= self.since.get(account, 0) for account in (operator, replaced))
        return ready if stands and now < ready + APPLY_WINDOW else 0

    def announced_threshold(self, now: int) -> list[int]:
        return list(self.lowering) if now < self.lowering[1] + APPLY_WINDOW else [0, 0]


def step(gate: Gate, chance: random.Random, replay: CommitteeReplay) -> None:
    """One change of any kind with values that often pass and often do not."""
    functions = gate.registry.functions
    pending = list(replay.announced)
    pair = (chance.choice(PEOPLE), chance.choice((ZERO_ADDRESS, *replay.operators)))
    kind = chance.choice(
        ("announce",) * 4 + ("apply",) * 6 + ("wait",) * 4 + ("cancel", "remove", "raise", "lower", "lowered", "keep")
    )
    if kind == "announce":
        gate.send(functions.announceOperator(*pair), gate.owner)
    elif kind == "apply":
        gate.send(functions.applyOperator(*(chance.choice(pending) if pending else pair)), gate.owner)
    elif kind == "cancel":
        gate.send(functions.cancelOperator(*(chance.choice(pending) if pending else pair)), gate.owner)
    elif kind == "remove":
        gate.send(functions.removeOperator(chance.choice(PEOPLE)), gate.owner)
    elif kind == "raise":
        gate.send(functions.raiseThreshold(chance.randrange(1, 6)), gate.owner)
    elif kind == "lower":
        gate.send(functions.announceThreshold(chance.randrange(0, 4)), gate.owner)
    elif kind == "lowered":
        gate.send(functions.applyThreshold(), gate.owner)
    elif kind == "keep":
        gate.send(functions.cancelThreshold(), gate.owner)
    else:
        gate.chain.travel(gate.chain.now + chance.choice((DAY, DAY, 2 * DAY, 35 * DAY)))


@pytest.mark.parametrize("seed", range(4))
def test_events__replayed__say_whose_signature_counts_at_each_step(gate: Gate, seed: int) -> None:
    chance = random.Random(seed)
    replay = CommitteeReplay()
    names = [entry["name"] for entry in gate.registry.abi if entry["type"] == "event"]
    kinds = {getattr(gate.registry.events, name)().topic: getattr(gate.registry.events, name)() for name in names}
    functions = gate.registry.functions
    done, passed = 0, 0
    for _ in range(STEPS):
        try:
            step(gate, chance, replay)
            passed += 1
        except Reverted:
            pass
        latest = gate.chain.w3.eth.block_number
        for log in gate.chain.w3.eth.get_logs({"address": gate.registry.address, "fromBlock": done, "toBlock": latest}):
            event = kinds[log["topics"][0].to_0x_hex()].process_log(log)
            replay.apply(event["event"], event["args"])
        done = latest + 1
        now = gate.chain.now
        assert replay.operators == functions.operators().call()
        assert (replay.threshold, replay.epoch) == (functions.threshold().call(), functions.epoch().call())
        assert replay.announced_threshold(now) == functions.announcedThreshold().call()
        for account in PEOPLE:
            assert replay.counts_until(account, now) == functions.countsUntil(account).call()
    now = gate.chain.now
    for operator in PEOPLE:
        for replaced in (ZERO_ADDRESS, *PEOPLE):
            assert replay.ready_at(operator, replaced, now) == functions.operatorReadyAt(operator, replaced).call()
    assert STEPS // 4 < passed < STEPS, "the calls must be mixed to say anything"
