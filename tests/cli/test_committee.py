"""`committee …`: what is shown of the committee, and the owner's changes, each as the contract takes or refuses it."""

from __future__ import annotations

from typing import Any

import pytest

from oracle.chain.committee import APPLY_WINDOW
from tests.cli.command_line import Answer, gate
from tests.cli.deployed_gate import FILING, DeployedGate

pytestmark = pytest.mark.slow


def change(chain: DeployedGate, *arguments: str, by: str = "issuer") -> Answer:
    return gate("committee", *arguments, *chain.at, *chain.by(by), "--json")


def shown(chain: DeployedGate) -> Any:
    return gate("committee", "show", *chain.at, "--json").json


def travel(chain: DeployedGate, seconds: int) -> None:
    chain.rpc("evm_increaseTime", seconds)
    chain.rpc("evm_mine")


def test_replacement__announced_waited_applied_retained_removed__shown_at_each_step(chain: DeployedGate) -> None:
    old, new = chain.keys["two"].address, chain.keys["stranger"].address
    before = shown(chain)
    assert [row["operator"] for row in before["operators"]] == chain.deployment.operators
    assert [row["seat"] for row in before["operators"]] == [0, 1, 2]
    assert (before["threshold"], before["epoch"], before["owner"]) == (2, 1, chain.keys["issuer"].address)
    assert (before["ownerIsContract"], before["announced"], before["retained"]) == (False, [], [])

    announced = change(chain, "announce", new, "--replace", old)
    ready = announced.json["committee"]["time"] + chain.registry.rotation_delay()
    row = {"operator": new, "replaced": old, "readyAt": ready, "until": ready + APPLY_WINDOW}
    assert announced.json["committee"]["announced"] == [row]
    text = gate("committee", "show", *chain.at).out
    assert f"{new} in place of {old}: can be applied from" in text

    early = change(chain, "apply", new, "--replace", old)
    assert (early.code, early.json["error"].split("(")[0]) == (1, "NotReady")
    assert "wait until then" in early.json["error"]
    assert change(chain, "apply", new).json["error"].startswith("NotAnnounced(")  # another pair: a seat of its own
    assert change(chain, "announce", new, "--replace", old).json["error"].startswith("AlreadyAnnounced(")

    travel(chain, chain.registry.rotation_delay())
    assert "can be applied now until" in gate("committee", "show", *chain.at).out
    applied = change(chain, "apply", new, "--replace", old).json["committee"]
    assert applied["operators"][1] == {"seat": 1, "operator": new}
    assert applied["announced"] == []
    until = applied["time"] + chain.registry.retention()
    assert applied["retained"] == [{"operator": old, "successor": new, "seat": 1, "until": until}]
    assert f"{old}  counts until" in gate("committee", "show", *chain.at).out

    after = change(chain, "remove", old).json["committee"]
    assert (after["retained"], after["operators"]) == ([], applied["operators"])


def test_remove__below_the_threshold__said_and_the_free_seat_is_taken_again(chain: DeployedGate) -> None:
    one, two = chain.keys["one"].address, chain.keys["two"].address
    assert change(chain, "remove", one).code == 0
    after = gate("committee", "remove", two, *chain.at, *chain.by("issuer"))
    assert "too few for the threshold: nothing can be approved or renewed" in after.out
    assert [row["seat"] for row in shown(chain)["operators"]] == [2]
    assert change(chain, "announce", two).code == 0
    travel(chain, chain.registry.rotation_delay())
    assert change(chain, "apply", two).json["committee"]["operators"][0] == {"seat": 0, "operator": two}
    # Minting is not stopped by it: the window is what it was.
    assert chain.registry.filing_state(FILING).sequence == 1


def test_cancel__announcement_is_gone__a_second_time_refused(chain: DeployedGate) -> None:
    new = chain.keys["stranger"].address
    assert change(chain, "announce", new).json["committee"]["announced"][0]["replaced"] is None
    assert "on a seat of its own" in gate("committee", "show", *chain.at).out
    assert change(chain, "cancel", new).json["committee"]["announced"] == []
    assert change(chain, "cancel", new).json["error"].startswith("NotAnnounced(")


def test_threshold__raised_at_once__lowered_after_the_delay(chain: DeployedGate) -> None:
    assert change(chain, "threshold", "3").json["committee"]["threshold"] == 3
    assert change(chain, "threshold", "3").code == 2
    assert change(chain, "threshold", "4").json["error"].startswith("InvalidThreshold(")
    announced = change(chain, "threshold", "2").json["committee"]
    assert (announced["threshold"], announced["announced"][0]["threshold"]) == (3, 2)
    assert "a threshold of 2: can be applied from" in gate("committee", "show", *chain.at).out
    assert change(chain, "apply-threshold").json["error"].startswith("NotReady(")
    assert change(chain, "cancel-threshold").json["committee"]["announced"] == []
    assert change(chain, "threshold", "1").code == 0
    travel(chain, chain.registry.rotation_delay())
    assert change(chain, "apply-threshold").json["committee"]["threshold"] == 1


def test_change__not_the_owner_or_no_address__refused(chain: DeployedGate) -> None:
    new = chain.keys["stranger"].address
    refused = change(chain, "announce", new, by="stranger")
    assert (refused.code, refused.json["error"].split("(")[0]) == (1, "OwnableUnauthorizedAccount")
    assert change(chain, "announce", "0x12").code == 2
    assert change(chain, "announce", new, "--replace", "me").json["where"] == "--replace"
    assert change(chain, "announce", chain.keys["one"].address).json["error"].startswith("DuplicateOperator(")
    assert gate("committee", "announce", new, *chain.at, "--json").json["error"] == "who sends?"


def test_calldata__printed_and_nothing_sent__the_very_call_works(chain: DeployedGate) -> None:
    new, owner = chain.keys["stranger"].address, chain.keys["issuer"].address
    printed = gate("committee", "announce", new, *chain.at, "--calldata", "--json").json
    assert (printed["transaction"], printed["refusedNow"]) == (None, None)
    assert (printed["call"]["from"], printed["call"]["to"]) == (owner, chain.registry.address)
    assert shown(chain)["announced"] == []
    early = gate("committee", "apply", new, *chain.at, "--calldata")
    assert "sent now it would be refused: NotAnnounced(" in early.out
    chain.rpc("anvil_impersonateAccount", owner)
    chain.rpc("eth_sendTransaction", {key: printed["call"][key] for key in ("from", "to", "data")})
    assert shown(chain)["announced"][0]["operator"] == new


def test_owner_is_a_contract__call_is_printed_without_being_asked__a_delegated_account_sends(
    chain: DeployedGate,
) -> None:
    new, owner = chain.keys["stranger"].address, chain.keys["issuer"].address
    chain.rpc("anvil_setCode", owner, "0x00")
    assert shown(chain)["ownerIsContract"] is True
    answer = gate("committee", "announce", new, *chain.at)
    assert answer.code == 0
    assert "nothing was sent" in answer.err
    assert f"to     {chain.registry.address}" in answer.out
    assert shown(chain)["announced"] == []
    chain.rpc("anvil_setCode", owner, "0xef0100" + "11" * 20)
    assert shown(chain)["ownerIsContract"] is False
    assert change(chain, "announce", new).code == 0
