"""What the calls cost, to the unit: a change of any figure is a change to look at.

`python -m pytest tests/contracts/test_gas.py --write-gas` writes the figures anew; the ceilings stay.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from tests.contracts.chain_fixture import (
    DAY,
    MAX_VALIDITY,
    START,
    Approval,
    Gate,
    Status,
    Suspension,
    Tranche,
    Update,
    as_struct,
    committee,
    token_config,
)

SNAPSHOT = Path(__file__).with_name("gas_snapshot.json")

# Gas used by the transaction, its 21,000 and its call data included; "over" is over the same with OwnedToken, an
# ERC-20 of OpenZeppelin whose owner mints. Code in bytes.
CEILINGS = {
    "mint over the plain token, new holder": 13_500,
    "mint over the plain token, repeat holder": 13_500,
    "mint over the plain token, each of a batch of ten": 1_500,
    "approve, three of five, one tranche": 150_000,
    # Recovery, one cold slot and the call data of the struct alone are 7,164.
    "one more ECDSA signature": 8_310,
    "renew, three of five": 75_000,
    "suspend": 35_000,
    "deploy FilingRegistry": 3_000_000,
}
LARGEST_CODE = 24_576


def used(gate: Gate) -> dict[str, int]:
    """The figures, by name."""
    chain, token = gate.chain, gate.token
    plain = chain.deploy("OwnedToken", gate.issuer)
    holders = [Web3.to_checksum_address(f"0x{number:040x}") for number in range(0x1001, 0x100D)]
    found: dict[str, int] = {}

    def gas(call: ContractFunction, sender: str | None = None) -> int:
        return int(gate.send(call, sender)["gasUsed"])

    def apart(call: ContractFunction, sender: str | None = None) -> int:
        """The same, undone again."""
        snapshot = chain.rpc("evm_snapshot")
        made = gas(call, sender)
        chain.rpc("evm_revert", snapshot)
        return made

    def minting(of: Contract) -> tuple[int, int, int]:
        gas(of.functions.mint(gate.holder, 10**12), gate.issuer)
        repeat = gas(of.functions.mint(gate.holder, 10**12), gate.issuer)
        new = gas(of.functions.mint(holders[0], 10**12), gate.issuer)
        batch = gas(of.functions.mintBatch(holders[1:11], [10**12] * 10), gate.issuer)
        return repeat, new, batch

    def tranches(count: int) -> Approval:
        return gate.approval(*(Tranche(one.address, 10**15) for one in gate.tokens[:count]))

    def of_four_tranches() -> int:
        snapshot = chain.rpc("evm_snapshot")
        fourth = chain.deploy("AssetBackedToken", token_config(gate.registry.address, gate.admin, gate.issuer))
        given = sorted((one.address for one in [*gate.tokens, fourth]), key=lambda address: int(address, 16))
        made = gas(gate.approve(gate.approval(*(Tranche(address, 10**15) for address in given))))
        chain.rpc("evm_revert", snapshot)
        return made

    first = tranches(1)
    found["approve, three of five, four tranches"] = of_four_tranches()
    found["approve, three of five, three tranches"] = apart(gate.approve(tranches(3)))
    found["approve, three of five, one tranche"] = gas(gate.approve(first))
    found["approve, repeat"] = gas(gate.approve(first))
    ours, theirs = minting(token), minting(plain)
    for index, name in enumerate(("repeat holder", "new holder", "batch of ten")):
        found[f"mint, {name}"] = ours[index]
    found["mint over the plain token, repeat holder"] = ours[0] - theirs[0]
    found["mint over the plain token, new holder"] = ours[1] - theirs[1]
    found["mint over the plain token, each of a batch of ten"] = (ours[2] - theirs[2]) // 10
    found["approve again, higher cap"] = apart(
        gate.approve(gate.approval(Tranche(token.address, 2 * 10**15), sequence=2))
    )
    # No time of the clock in what is signed: zeros in call data cost less.
    renewal = Update(gate.filing, Status.APPROVED, validUntil=START + 80 * DAY)
    found["renew, three of five"] = apart(gate.update(renewal))
    found["suspendBySig"] = apart(gate.suspend_by_sig(Suspension(gate.filing)))
    found["suspend"] = apart(gate.suspend(), gate.fund(chain.operators[0]))
    found["transfer"] = apart(token.functions.transfer(holders[0], 1), gate.holder)
    found["burn"] = apart(token.functions.burn(1), gate.holder)
    found |= of_more_signatures(gate, first) | of_deploying(gate) | of_rotating(gate, apart)
    return found


def of_more_signatures(gate: Gate, message: Approval) -> dict[str, int]:
    """What two more signatures cost, halved."""
    chain = gate.chain
    costs = []
    for threshold in (3, 5):
        snapshot = chain.rpc("evm_snapshot")
        operators = [account.address for account in chain.operators]
        registry = chain.deploy("FilingRegistry", committee(operators, threshold, gate.owner), MAX_VALIDITY)
        signer = type(gate.domain)(registry.address)
        given = [signer.sign(message, operator) for operator in chain.operators[:threshold]]
        costs.append(int(gate.send(registry.functions.approve(as_struct(message), given))["gasUsed"]))
        chain.rpc("evm_revert", snapshot)
    return {"one more ECDSA signature": (costs[1] - costs[0]) // 2}


def of_deploying(gate: Gate) -> dict[str, int]:
    """Gas of deployments and size of the code."""
    chain = gate.chain
    operators = [account.address for account in chain.operators]
    config = token_config(gate.registry.address, gate.admin, gate.issuer)
    found = {}
    for name, values in (
        ("FilingRegistry", (committee(operators, 3, gate.owner), MAX_VALIDITY)),
        ("AssetBackedToken", (config,)),
        ("TrancheFactory", ()),
    ):
        snapshot = chain.rpc("evm_snapshot")
        address = chain.deploy(name, *values).address
        block: Any = chain.w3.eth.get_block("latest", full_transactions=True)
        receipt = chain.w3.eth.get_transaction_receipt(block["transactions"][0]["hash"])
        found[f"deploy {name}"] = int(receipt["gasUsed"])
        found[f"code of {name}"] = len(chain.w3.eth.get_code(address))
        chain.rpc("evm_revert", snapshot)
    return found


def of_rotating(gate: Gate, apart: Any) -> dict[str, int]:
    """Gas of the changes of the committee that matter most: the urgent one and the usual one."""
    functions = gate.registry.functions
    operator = gate.chain.operators[0].address
    return {
        "announceOperator": apart(functions.announceOperator(gate.relay, operator), gate.owner),
        "removeOperator": apart(functions.removeOperator(operator), gate.owner),
    }


def test_gas__usual_calls__are_those_of_the_snapshot(gate: Gate, request: pytest.FixtureRequest) -> None:
    found = dict(sorted(used(gate).items()))
    if request.config.getoption("--write-gas"):
        SNAPSHOT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_gas__snapshot__stays_below_the_ceilings() -> None:
    found = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    assert {name: found[name] for name, limit in CEILINGS.items() if found[name] > limit} == {}
    assert {name for name, size in found.items() if name.startswith("code of") and size > LARGEST_CODE} == set()
