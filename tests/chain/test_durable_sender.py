"""The relay's transactions on a real chain that drops, delays, re-orders and forgets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from web3.types import TxReceipt

from oracle.chain.durable_sender import DurableSender, NotMinedYetError
from oracle.chain.failover import connect_endpoints
from oracle.chain.fees import FeeCapError, FeeCaps
from oracle.chain.sender import KeySender
from oracle.chain.transaction_book import BookedTransaction, TransactionState
from oracle.domain.approval import OnChainStatus
from oracle.domain.canonical import keccak256
from oracle.errors import InputError, RefusedError
from oracle.signing.keys import KeySigner
from oracle.store.database import Database
from oracle.store.transactions import StoredTransactions
from tests.chain.patience import CAPS, GWEI, Patience, durable
from tests.chain.small_world import FILING, OPERATORS, World
from tests.standin.rpc_node import RpcNode

pytestmark = pytest.mark.slow

SIGNER = KeySigner(keccak256(b"a durable relay"))


@dataclass
class Bench:
    """A world whose filing is approved, a database, and a relay's key."""

    world: World
    database: Database

    def sender(
        self, patience: Patience | None = None, *, caps: FeeCaps = CAPS, wait: int = 200, confirmations: int = 3
    ) -> DurableSender:
        waits = patience or Patience()
        return durable(self.world, self.database, SIGNER, waits, caps=caps, wait=wait, confirmations=confirmations)

    def suspend(self, sender: DurableSender, *, world: World | None = None) -> TxReceipt:
        made = self.world.suspension()
        signature = self.world.signed(made, OPERATORS[2:])[0]
        return (world or self.world).registry.suspend_by_signature(sender, made, signature)

    def kept(self, nonce: int = 0) -> BookedTransaction:
        book = StoredTransactions(self.database.engine)
        found = book.at_nonce(self.world.deployment.chain_id, SIGNER.address, nonce)
        assert found is not None
        return found

    def count(self) -> int:
        """Nonces used on the chain."""
        return int(self.world.rpc("eth_getTransactionCount", SIGNER.address, "latest"), 16)

    def state(self) -> tuple[OnChainStatus, int]:
        state = self.world.registry.filing_state(FILING)
        return state.status, state.sequence

    def outside(self) -> None:
        """Another wallet of the same account sends something."""
        KeySender(SIGNER.secret).send(self.world.w3, self.world.holders[0], b"")

    def base_fee(self, amount: int) -> Callable[[], None]:
        def change() -> None:
            self.world.rpc("anvil_setNextBlockBaseFeePerGas", hex(amount))
            self.world.rpc("evm_mine")

        return change

    def mine(self) -> None:
        self.world.rpc("evm_mine")


@pytest.fixture
def bench(world: World, tmp_path: Path) -> Iterator[Bench]:
    # Undoing a test's blocks leaves its base fee.
    world.rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    world.approve()
    database = Database(f"sqlite:///{tmp_path / 'node.db'}")
    try:
        yield Bench(world, database)
    finally:
        world.rpc("evm_setAutomine", True)
        world.rpc("anvil_dropAllTransactions")
        database.close()


SUSPENDED = (OnChainStatus.SUSPENDED, 2)


def test_send__quiet_chain__one_transaction_followed_until_it_is_final(bench: Bench) -> None:
    sender = bench.sender()
    receipt = bench.suspend(sender)
    assert bench.state() == SUSPENDED
    assert bench.kept().state is TransactionState.MINED
    assert sender.tend(bench.world.w3).unsettled == 1
    for _ in range(2):
        bench.mine()
    assert sender.tend(bench.world.w3).as_json() == {"unsettled": 0, "oldestSeconds": None, "alerts": []}
    kept = bench.kept()
    assert (kept.state, kept.block) == (TransactionState.DONE, receipt["blockNumber"])
    assert kept.mined_hash == kept.attempts[0].hash == "0x" + bytes(receipt["transactionHash"]).hex()
    assert sender.balance(bench.world.w3) == 10**18 - receipt["gasUsed"] * receipt["effectiveGasPrice"]


def test_send__same_purpose_again__the_same_receipt_and_no_second_transaction(bench: Bench) -> None:
    w3, holder = bench.world.w3, bench.world.holders[0]
    first = bench.sender().send(w3, holder, b"", purpose="greet")
    assert bench.sender().send(w3, holder, b"", purpose="greet")["transactionHash"] == first["transactionHash"]
    for _ in range(3):
        bench.mine()
    bench.sender().tend(w3)
    assert bench.kept().state is TransactionState.DONE
    assert bench.sender().send(w3, holder, b"", purpose="greet")["transactionHash"] == first["transactionHash"]
    assert bench.count() == 1
    assert bench.sender().send(w3, holder, b"")["transactionHash"] != first["transactionHash"]


def test_send__would_revert_or_cannot_be_paid__refused_and_no_nonce_taken(bench: Bench) -> None:
    sender = bench.sender()
    with pytest.raises(RefusedError, match="AccessControlUnauthorizedAccount"):
        bench.world.tokens[0].mint(sender, bench.world.holders[0], 1)
    bench.world.rpc("anvil_setBalance", SIGNER.address, hex(10**12))
    with pytest.raises(RefusedError, match="it holds 1000000000000 wei"):
        bench.suspend(sender)
    with pytest.raises(InputError, match="purpose"):
        sender.send(bench.world.w3, SIGNER.address, b"", purpose="x" * 201)
    assert StoredTransactions(bench.database.engine).next_nonce(31337, SIGNER.address) == 0


def test_send__node_accepts_and_forgets__the_same_bytes_again(bench: Bench) -> None:
    with RpcNode(bench.world.url) as node:
        node.forgets = True
        w3 = connect_endpoints([node.endpoint], chain_id=31337)
        sender = bench.sender(Patience(lambda: None, lambda: setattr(node, "forgets", False)))
        bench.suspend(sender, world=bench.world.on(w3))
        assert len(node.raws) >= 3
        assert len(set(node.raws)) == 1
    assert bench.state() == SUSPENDED
    assert bench.count() == 1


def test_send__dropped_from_the_pool__sent_again(bench: Bench) -> None:
    bench.world.rpc("evm_setAutomine", False)

    def drop() -> None:
        assert bench.world.rpc("anvil_dropTransaction", bench.kept().attempts[0].hash)

    bench.suspend(bench.sender(Patience(drop, bench.mine, bench.mine)))
    assert bench.state() == SUSPENDED
    assert len(bench.kept().attempts) == 1


def test_send__base_fee_rises__replaced_with_higher_fees_and_one_effect(bench: Bench) -> None:
    bench.world.rpc("evm_setAutomine", False)
    rise = bench.base_fee(40 * GWEI)
    receipt = bench.suspend(bench.sender(Patience(rise, bench.mine, bench.mine, bench.mine, bench.mine)))
    first, second = bench.kept().attempts
    assert second.fees.max_fee >= first.fees.max_fee * 9 / 8
    assert second.fees.tip >= first.fees.tip * 9 / 8
    assert second.fees.max_fee > 40 * GWEI
    assert bench.kept().mined_hash == second.hash == "0x" + bytes(receipt["transactionHash"]).hex()
    assert (bench.state(), bench.count()) == (SUSPENDED, 1)


def test_send__fee_cap__said_and_mined_when_the_chain_is_cheaper(bench: Bench) -> None:
    bench.world.rpc("evm_setAutomine", False)
    caps = FeeCaps(3 * GWEI, 5 * GWEI)
    patience = Patience(bench.base_fee(40 * GWEI))
    sender = bench.sender(patience, caps=caps)
    with pytest.raises(NotMinedYetError, match="fee cap reached"):
        bench.suspend(sender)
    standing = sender.tend(bench.world.w3)
    assert (standing.unsettled, standing.oldest_seconds) == (1, 200)
    assert "fee cap reached" in standing.alerts[0]
    with pytest.raises(FeeCapError, match="the base fee is"):
        sender.send(bench.world.w3, SIGNER.address, b"")
    patience.plan = [bench.base_fee(GWEI), bench.mine]
    bench.suspend(sender)
    assert (bench.state(), bench.count()) == (SUSPENDED, 1)


def test_tend__block_dropped_by_a_reorganisation__on_chain_again(bench: Bench) -> None:
    sender = bench.sender(confirmations=2)
    before = bench.suspend(sender)
    bench.world.rpc("evm_setAutomine", False)
    bench.world.rpc("anvil_reorg", 1, [])
    bench.world.rpc("anvil_dropAllTransactions")
    assert bench.state() == (OnChainStatus.APPROVED, 1)
    sender.tend(bench.world.w3)
    assert bench.kept().state is TransactionState.LIVE
    bench.mine()
    sender.tend(bench.world.w3)
    bench.mine()
    assert sender.tend(bench.world.w3).unsettled == 0
    assert bench.state() == SUSPENDED
    kept = bench.kept()
    assert (kept.state, kept.mined_hash) == (TransactionState.DONE, "0x" + bytes(before["transactionHash"]).hex())
    assert kept.block_hash != "0x" + bytes(before["blockHash"]).hex()


def test_send__done_and_then_dropped_all_the_same__brought_back_by_its_purpose(bench: Bench) -> None:
    sender = bench.sender(confirmations=1)
    receipt = bench.suspend(sender)
    sender.tend(bench.world.w3)
    assert bench.kept().state is TransactionState.DONE
    bench.world.rpc("anvil_reorg", 1, [])
    bench.world.rpc("anvil_dropAllTransactions")
    assert bench.state() == (OnChainStatus.APPROVED, 1)
    assert bench.suspend(sender)["transactionHash"] == receipt["transactionHash"]
    assert (bench.state(), bench.count()) == (SUSPENDED, 1)


def test_send__nonces_used_by_another_wallet_before__the_next_free_one(bench: Bench) -> None:
    sender = bench.sender()
    bench.outside()
    bench.suspend(sender)
    bench.outside()
    sender.send(bench.world.w3, SIGNER.address, b"")
    assert bench.kept(1).draft.purpose is not None
    assert bench.kept(3).state is TransactionState.MINED


def test_send__nonce_used_by_another_wallet_meanwhile__noticed_and_done_with_the_next(bench: Bench) -> None:
    with RpcNode(bench.world.url) as node:
        node.forgets = True
        w3 = connect_endpoints([node.endpoint], chain_id=31337)

        def intrude() -> None:
            bench.outside()
            node.forgets = False

        bench.suspend(bench.sender(Patience(intrude)), world=bench.world.on(w3))
    assert bench.kept(0).state is TransactionState.DISPLACED
    assert bench.kept(1).state is TransactionState.MINED
    assert bench.kept(0).draft.purpose == bench.kept(1).draft.purpose
    assert (bench.state(), bench.count()) == (SUSPENDED, 2)


def test_tend__gap_below__filled_so_that_the_rest_goes_on(bench: Bench) -> None:
    sender = bench.sender()
    bench.outside()
    bench.suspend(sender)
    bench.world.rpc("evm_setAutomine", False)
    bench.world.rpc("anvil_reorg", 2, [])
    bench.world.rpc("anvil_dropAllTransactions")
    assert bench.count() == 0
    alerts = sender.tend(bench.world.w3).alerts
    assert alerts == (
        f"nonce 0 of {SIGNER.address} was free below others: filled with a transfer of nothing to itself",
    )
    for _ in range(2):
        bench.mine()
        sender.tend(bench.world.w3)
    assert bench.kept(0).draft.note == "fills the gap at nonce 0"
    assert (bench.state(), bench.count()) == (SUSPENDED, 2)
    assert [bench.kept(nonce).state for nonce in (0, 1)] == [TransactionState.MINED] * 2


def test_send__endpoint_dies_after_taking_it__followed_at_the_other(bench: Bench) -> None:
    bench.world.rpc("evm_setAutomine", False)
    with RpcNode(bench.world.url) as first, RpcNode(bench.world.url) as second:
        w3 = connect_endpoints([first.endpoint, second.endpoint], chain_id=31337, sleep=lambda seconds: None)
        there = bench.world.on(w3)

        def die() -> None:
            first.fault = "closed"
            bench.mine()

        bench.suspend(bench.sender(Patience(die)), world=there)
        assert "eth_getTransactionReceipt" in second.asked
    assert (bench.state(), bench.count()) == (SUSPENDED, 1)


def test_send__chain_is_away_while_waiting__goes_on_when_it_is_back(bench: Bench) -> None:
    bench.world.rpc("evm_setAutomine", False)
    with RpcNode(bench.world.url) as node:
        w3 = connect_endpoints([node.endpoint], chain_id=31337, sleep=lambda seconds: None)

        def die() -> None:
            node.fault = "503"
            bench.mine()

        waits = Patience(die, lambda: None, lambda: setattr(node, "fault", None))
        bench.suspend(bench.sender(waits), world=bench.world.on(w3))
    assert (bench.state(), bench.count()) == (SUSPENDED, 1)


def test_send__another_chain__refused(bench: Bench) -> None:
    sender = DurableSender(SIGNER, StoredTransactions(bench.database.engine), chain_id=1, caps=CAPS)
    with pytest.raises(InputError, match="the node is on chain 31337, not 1"):
        sender.send(bench.world.w3, SIGNER.address, b"")
    assert sender.address in repr(sender)
    assert SIGNER.secret.hex() not in repr(sender)
