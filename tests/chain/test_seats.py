"""In whose place a replaced operator counts, as a real registry has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web3 import Web3

from oracle.chain.deployment import Manifest, deploy
from oracle.chain.registry import Registry
from oracle.chain.rpc import raw_call
from oracle.chain.seats import seat_of
from oracle.chain.sender import NodeAccountSender
from oracle.signing.keys import KeySigner
from tests.anvil import start_anvil

FIRST, SECOND, THIRD, STRANGER = (KeySigner(bytes([index]) * 32).address for index in (1, 2, 3, 9))
RETENTION = 3600

pytestmark = pytest.mark.slow


@pytest.fixture
def registry() -> Iterator[Registry]:
    with start_anvil() as anvil:
        w3 = Web3(Web3.HTTPProvider(anvil.url))
        owner = NodeAccountSender(str(w3.eth.accounts[0]))
        token = {"id": "a", "name": "A", "symbol": "A", "decimals": 6, "admin": owner.address, "issuer": owner.address}
        committee = {
            "operators": [FIRST],
            "threshold": 1,
            "owner": owner.address,
            "rotation_delay_seconds": 0,
            "retention_seconds": RETENTION,
        }
        deployed = deploy(Manifest.model_validate({"committee": committee, "tokens": [token]}), w3, owner)
        yield Registry(w3, deployed.registry)


def replace(registry: Registry, old: str, new: str) -> None:
    sender = NodeAccountSender(str(registry.w3.eth.accounts[0]))
    for name in ("announceOperator", "applyOperator"):
        sender.send(registry.w3, registry.address, registry._data(name, new, old))


def test_seat_of__replaced_twice__both_former_ones_stand_for_the_current_one__until_their_time_is_over(
    registry: Registry,
) -> None:
    assert seat_of(registry, FIRST) == FIRST
    replace(registry, FIRST, SECOND)
    replace(registry, SECOND, THIRD)
    assert [seat_of(registry, item) for item in (FIRST, SECOND, THIRD, STRANGER)] == [THIRD, THIRD, THIRD, None]
    assert [registry.counts(item) for item in (FIRST, SECOND, THIRD, STRANGER)] == [True, True, True, False]
    raw_call(registry.w3, "evm_increaseTime", [RETENTION + 1])
    raw_call(registry.w3, "evm_mine", [])
    assert [seat_of(registry, item) for item in (FIRST, SECOND, THIRD)] == [None, None, THIRD]
