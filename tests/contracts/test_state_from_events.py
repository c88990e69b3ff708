"""Whoever has the events has the state: after any sequence of calls both say the same."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.contracts.chain_fixture import (
    DAY,
    Gate,
    Reverted,
    Status,
    Suspension,
    Tranche,
    Update,
)

FILINGS = (b"\x11" * 32, b"\x22" * 32)
STEPS = 60


@dataclass
class Replay:
    """The registry's state as its events tell it, without a single call."""

    owner: str = ""
    operators: list[str] = field(default_factory=list)
    threshold: int = 0
    epoch: int = 0
    filings: dict[bytes, list[int]] = field(default_factory=dict)
    tranches: dict[str, list[Any]] = field(default_factory=dict)

    def apply(self, name: str, args: Any) -> None:
        if name == "OwnershipTransferred":
            self.owner = args["newOwner"]
        elif name == "CommitteeChanged":
            self.operators, self.threshold, self.epoch = args["operators"], args["threshold"], args["epoch"]
        elif name == "FilingApproved":
            self.filings[args["filing"]] = [Status.APPROVED, args["validAfter"], args["validUntil"], args["sequence"]]
            for tranche in args["tranches"]:
                issued = self.tranches.get(tranche["token"], [None, 0, 0])[2]
                self.tranches[tranche["token"]] = [args["filing"], tranche["cap"], issued]
        elif name == "FilingUpdated":
            state = self.filings[args["filing"]]
            state[0], state[3] = args["status"], args["sequence"]
            if args["status"] == Status.APPROVED:
                state[2] = args["validUntil"]
        elif name == "FilingSuspended":
            state = self.filings[args["filing"]]
            state[0], state[3] = Status.SUSPENDED, args["sequence"]
        elif name == "Issued":
            tranche = self.tranches[args["token"]]
            assert int.from_bytes(tranche[0][:8], "big") == args["filingKey"]
            tranche[2] += args["amount"]
            assert tranche[2] == args["issued"]
        else:
            raise AssertionError(f"an event that no replay knows: {name}")


def step(gate: Gate, chance: random.Random) -> None:
    """One call of any kind with values that often pass and often do not."""
    filing = chance.choice(FILINGS)
    now = gate.chain.now
    sequence = gate.registry.functions.filingState(filing).call()[3] + chance.choice((0, *(1,) * 8, 2))
    until = now + chance.randrange(20, 95) * DAY
    token = chance.choice(gate.tokens)
    kind = chance.choice(("approve", "approve", "update", "suspend", "mint", "mint", "mint", "batch", "burn", "wait"))
    if kind == "approve":
        chosen = sorted(chance.sample(range(len(gate.tokens)), chance.randrange(1, 3)))
        tranches = [Tranche(gate.tokens[index].address, chance.randrange(1, 2000)) for index in chosen]
        after = now + chance.randrange(-6, 2) * DAY
        made = gate.approval(*tranches, filing=filing, validAfter=after, validUntil=until, sequence=sequence)
        gate.send(gate.approve(made))
    elif kind == "update":
        status = chance.choice((Status.APPROVED,) * 12 + (Status.SUSPENDED, Status.COMPLETED))
        end = until if status == Status.APPROVED else 0
        gate.send(gate.update(Update(filing, status, validUntil=end, sequence=sequence)))
    elif kind == "suspend":
        gate.send(gate.suspend_by_sig(Suspension(filing, sequence)))
    elif kind == "mint":
        gate.send(gate.mint(chance.randrange(0, 300), token), gate.issuer)
    elif kind == "batch":
        amounts = [chance.randrange(0, 100) for _ in range(3)]
        gate.send(token.functions.mintBatch([gate.holder] * 3, amounts), gate.issuer)
    elif kind == "burn":
        gate.send(token.functions.burn(chance.randrange(0, 50)), gate.holder)
    else:
        gate.chain.travel(now + chance.randrange(1, 12) * DAY)


@pytest.mark.parametrize("seed", range(4))
def test_events__replayed__give_the_state_of_the_views(gate: Gate, seed: int) -> None:
    chance = random.Random(seed)
    passed = 0
    for _ in range(STEPS):
        try:
            step(gate, chance)
            passed += 1
        except Reverted:
            continue
    assert STEPS // 5 < passed < STEPS, "the calls must be mixed to say anything"

    replay = Replay()
    for log in gate.chain.w3.eth.get_logs({"address": gate.registry.address, "fromBlock": 0}):
        (event,) = [made for made in (_decoded(gate, name, log) for name in _event_names(gate)) if made is not None]
        replay.apply(event["event"], event["args"])

    functions = gate.registry.functions
    assert replay.owner == functions.owner().call()
    assert replay.operators == functions.operators().call()
    assert (replay.threshold, replay.epoch) == (functions.threshold().call(), functions.epoch().call())
    for filing in FILINGS:
        assert replay.filings.get(filing, [0, 0, 0, 0]) == functions.filingState(filing).call()
    for token in gate.tokens:
        state = functions.trancheState(token.address).call()
        assert replay.tranches.get(token.address, [b"\0" * 32, 0, 0]) == state
        assert state[2] <= state[1]
        assert token.functions.totalSupply().call() + _burned(gate, token) == state[2]


def _event_names(gate: Gate) -> list[str]:
    names = [entry["name"] for entry in gate.registry.abi if entry["type"] == "event"]
    return [name for name in names if name != "EIP712DomainChanged"]


def _decoded(gate: Gate, name: str, log: Any) -> Any:
    event = getattr(gate.registry.events, name)()
    return event.process_log(log) if log["topics"][0] == bytes.fromhex(event.topic[2:]) else None


def _burned(gate: Gate, token: Any) -> int:
    filters = {"to": "0x" + "00" * 20}
    logs = token.events.Transfer().get_logs(from_block=0, argument_filters=filters)
    return sum(int(log["args"]["value"]) for log in logs)
