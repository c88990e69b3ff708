"""What the calls cost. A ceiling that is passed is a change to look at, not a number to raise."""

from __future__ import annotations

from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from tests.contracts.chain_fixture import Gate, Suspension, Tranche

# Gas used by the transaction, its 21,000 and its call data included.
CEILINGS = {
    "approve, three of five, one tranche": 138_500,
    "approve again, higher cap": 84_000,
    "approve, repeat": 40_000,
    "mint, new holder": 70_000,
    "mint, repeat holder": 53_000,
    "suspend": 36_500,
    "suspendBySig": 44_000,
    "gate on a mint": 16_300,
    "gate on each of ten mints in a batch": 2_300,
    "code of the registry": 11_000,
    "code of the token": 4_400,
}


def used(gate: Gate) -> dict[str, int]:
    """The figures, by the names of CEILINGS."""
    chain, token = gate.chain, gate.token
    plain = chain.deploy("PlainToken", gate.issuer)
    holders = [Web3.to_checksum_address(f"0x{number:040x}") for number in range(0x1001, 0x100D)]

    def gas(call: ContractFunction, sender: str | None = None) -> int:
        return int(gate.send(call, sender)["gasUsed"])

    def minting(of: Contract) -> tuple[int, int, int]:
        gas(of.functions.mint(gate.holder, 1), gate.issuer)
        repeat = gas(of.functions.mint(gate.holder, 1), gate.issuer)
        new = gas(of.functions.mint(holders[0], 1), gate.issuer)
        batch = gas(of.functions.mintBatch(holders[1:11], [1] * 10), gate.issuer)
        return repeat, new, batch

    first = gate.approval()
    found = {"approve, three of five, one tranche": gas(gate.approve(first))}
    found["approve, repeat"] = gas(gate.approve(first))
    gated, bare = minting(token), minting(plain)
    found["mint, repeat holder"], found["mint, new holder"], _ = gated
    found["gate on a mint"] = gated[1] - bare[1]
    found["gate on each of ten mints in a batch"] = (gated[2] - bare[2]) // 10
    second = gate.approval(Tranche(token.address, 2_000_000), sequence=2)
    found["approve again, higher cap"] = gas(gate.approve(second))
    snapshot = chain.rpc("evm_snapshot")
    found["suspendBySig"] = gas(gate.suspend_by_sig(Suspension(gate.filing, 2)))
    chain.rpc("evm_revert", snapshot)
    operator = gate.fund(chain.operators[0])
    found["suspend"] = gas(gate.suspend(), operator)
    found["code of the registry"] = len(chain.w3.eth.get_code(gate.registry.address))
    found["code of the token"] = len(chain.w3.eth.get_code(token.address))
    return found


def test_gas__usual_calls__stay_below_their_ceilings(gate: Gate) -> None:
    found = used(gate)
    print(found)
    assert found.keys() == CEILINGS.keys()
    assert {name: value for name, value in found.items() if value > CEILINGS[name]} == {}
