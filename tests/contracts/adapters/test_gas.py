"""What each adapter costs, measured; docs/adapters.md carries the table."""

from __future__ import annotations

import pytest
from hexbytes import HexBytes

from scripts.compile import ROOT
from tests.contracts.adapters.stacks import CAP, DECIMALS, STACKS, Stack
from tests.contracts.chain_fixture import Gate, Tranche

# The first test compiles everything.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

DOCUMENT = ROOT / "docs" / "adapters.md"
HEAD = "| adapter | mint without it, new holder | it adds, new holder | it adds, repeat holder | its deployment |"
# What the table may be off by before it must be written anew: the registry's own work is in it.
TOLERANCE = 0.05


def minting(stack: Stack) -> tuple[int, int]:
    """Gas of a mint to a new holder and of one to a holder, supply and draws being more than zero before."""
    stack.send_mint(1000)
    new = stack.send_mint(1000, stack.other)["gasUsed"]
    repeat = stack.send_mint(1000)["gasUsed"]
    return int(new), int(repeat)


def deployment(stack: Stack) -> int:
    """Gas of the transaction that created the adapter."""
    eth = stack.ground.chain.w3.eth
    for number in range(eth.block_number, 0, -1):
        for transaction in eth.get_block(number)["transactions"]:
            assert isinstance(transaction, bytes)
            receipt = eth.get_transaction_receipt(HexBytes(transaction))
            if receipt["contractAddress"] == stack.adapter.address:
                return int(receipt["gasUsed"])
    raise AssertionError(f"no transaction created {stack.adapter.address}")


def measured(ground: Gate) -> dict[str, list[int]]:
    """The table's rows: adapter, and its numbers from left to right."""
    gated = {name: build(ground) for name, build in STACKS.items()}
    tranches = [Tranche(stack.adapter.address, CAP, DECIMALS) for stack in gated.values()]
    tranches.sort(key=lambda tranche: int(tranche.token, 16))
    ground.send(ground.approve(ground.approval(*tranches)))
    rows = {}
    for name, stack in gated.items():
        bare = minting(STACKS[name](ground, gated=False))
        new, repeat = minting(stack)
        rows[name] = [bare[0], new - bare[0], repeat - bare[1], deployment(stack)]
    return rows


def as_table(rows: dict[str, list[int]]) -> str:
    """The rows as they stand in the document."""
    lines = [HEAD, "|---|--:|--:|--:|--:|"]
    lines += [f"| {name} | " + " | ".join(f"{value:,}" for value in values) + " |" for name, values in rows.items()]
    return "\n".join(lines)


def documented() -> dict[str, list[int]]:
    """The rows that stand in the document."""
    lines = DOCUMENT.read_text(encoding="utf-8").split("\n")
    start = lines.index(HEAD) + 2
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start : start + len(STACKS)]]
    return {name: [int(value.replace(",", "")) for value in values] for name, *values in cells}


def test_gas__measured__is_what_the_document_says(ground: Gate) -> None:
    found = measured(ground)
    print(as_table(found))
    told = documented()
    assert told.keys() == found.keys()
    wrong = {
        (name, told[name][place], value)
        for name, values in found.items()
        for place, value in enumerate(values)
        if abs(told[name][place] - value) > TOLERANCE * value
    }
    assert not wrong, f"write the table in docs/adapters.md anew:\n{as_table(found)}"
