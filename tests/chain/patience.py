"""Time for senders under test: it passes when a sender waits, and what a test has planned happens then."""

from __future__ import annotations

from collections.abc import Callable

from oracle.chain.durable_sender import DurableSender, Finality, Pace
from oracle.chain.fees import FeeCaps
from oracle.signing.keys import KeySigner
from oracle.store.database import Database
from oracle.store.transactions import StoredTransactions
from tests.chain.small_world import World

GWEI = 10**9
CAPS = FeeCaps(200 * GWEI, 5 * GWEI)


class Patience:
    """A clock that only waiting moves. Each wait takes the next of `plan`, if any is left."""

    def __init__(self, *plan: Callable[[], object]) -> None:
        self.now = 1_800_000_000.0
        self.plan = list(plan)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.plan:
            self.plan.pop(0)()

    def pace(self, *, replace_after: int = 60, wait: int = 200) -> Pace:
        return Pace(replace_after, wait, 20, self.clock, self.sleep)


def durable(
    world: World,
    database: Database,
    signer: KeySigner,
    patience: Patience,
    *,
    caps: FeeCaps = CAPS,
    wait: int = 200,
    confirmations: int = 3,
) -> DurableSender:
    """A sender with gas, on the database's book."""
    world.rpc("anvil_setBalance", signer.address, hex(10**18))
    return DurableSender(
        signer,
        StoredTransactions(database.engine),
        chain_id=world.deployment.chain_id,
        caps=caps,
        finality=Finality(confirmations),
        pace=patience.pace(wait=wait),
    )
