"""Every weakness is caught, by the attack that is made for it; and every attack catches some weakness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from oracle.audit.rehearsal import ATTACKS, rehearse
from oracle.chain.artifacts import abi
from oracle.chain.deployment import committee_struct, token_struct
from oracle.chain.rpc import connect
from tests.anvil import start_anvil
from tests.audit.weakened import WEAKENED, weakened_code
from tests.chain.small_world import START, World, manifest, new_world, undone

pytestmark = pytest.mark.slow

#: Attacks that no weakness of a registry or a token can show, and why.
NOT_SHOWN = {
    "ENTRY-FACTORY": "deployAll is open to anybody: nothing to weaken",
    "FOUND-MINT-CLOSED": "the world's filings are open; MINT-SUSPENDED and the like show the same",
    "FOUND-REPLAY-OTHER-FILING": "the tokens are bound, which refuses first; REPLAY-OTHER-FILING shows the signatures",
}


@pytest.fixture(scope="module")
def approved() -> Iterator[World]:
    with start_anvil(timestamp=START, hardfork="cancun", disable_code_size_limit=True) as anvil:
        world = new_world(connect(anvil.url))
        world.approve((0, 1_000))
        world.approve((0, 2_000))
        world.mint(0, 5)
        yield world


def weaken(world: World, name: str) -> None:
    """Put the weakened code, made by its own constructor with the deployment's values, in place of the deployed."""
    given = manifest([str(account) for account in world.w3.eth.accounts])
    contract = WEAKENED[name].contract
    factory = world.w3.eth.contract(abi=abi(contract), bytecode=weakened_code()[name])

    def place(at: str, *values: Any) -> None:
        data = bytes.fromhex(str(factory.constructor(*values).data_in_transaction)[2:])
        made = str(to_checksum_address(str(world.relay.send(world.w3, None, data)["contractAddress"])))
        world.rpc("anvil_setCode", at, world.rpc("eth_getCode", made, "latest"))

    if contract == "FilingRegistry":
        owner = world.registry.owner()
        place(world.registry.address, committee_struct(given.committee, owner), given.registry.max_validity_seconds)
        return
    for token, values in zip(world.deployment.tokens, given.tokens, strict=True):
        place(token.address, token_struct(values, world.registry.address))


@pytest.mark.parametrize("name", WEAKENED)
def test_rehearse__weakened_contract__is_caught_by_the_right_attack(approved: World, name: str) -> None:
    weakness = WEAKENED[name]
    with undone(approved):
        weaken(approved, name)
        # One token shows it as well as three.
        one = approved.deployment.model_copy(update={"tokens": [approved.deployment.token(approved.tokens[0].address)]})
        found = rehearse(approved.w3, one, scenes=weakness.scenes)
    assert not found.clean
    caught = {row.id for row in found.rows if row.verdict in ("accepted", "otherwise")}
    assert set(weakness.found) <= caught, [row for row in found.rows if not row.ok]


def test_weaknesses__all_together__show_every_attack() -> None:
    shown = {attack for weakness in WEAKENED.values() for attack in weakness.found}
    assert shown | NOT_SHOWN.keys() == ATTACKS.keys()
    assert not shown & NOT_SHOWN.keys()


def test_rehearse__sound_contracts__all_refused_and_all_tried(approved: World) -> None:
    found = rehearse(approved.w3, approved.deployment)
    assert [row for row in found.rows if not row.ok] == []
    assert found.clean
