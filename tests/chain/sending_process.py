"""A process that sends for a relay, and may be killed at a named moment. Used by test_crashes_and_replicas.py."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from web3 import Web3

from oracle.chain.durable_sender import DurableSender, Finality, Pace
from oracle.chain.failover import connect_endpoints
from oracle.chain.fees import FeeCaps
from oracle.chain.transaction_book import Attempt, BookedTransaction, Draft
from oracle.signing.keys import KeySigner
from oracle.store.database import Database
from oracle.store.transactions import StoredTransactions


def die() -> None:
    """As if the machine lost its power."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingBook(StoredTransactions):
    """The process ends when a transaction is kept, before it is sent."""

    def open(self, draft: Draft, nonce: int, attempt: Attempt) -> BookedTransaction | None:
        super().open(draft, nonce, attempt)
        die()
        return None


def dying_after_sending(w3: Web3) -> Web3:
    """The process ends when a transaction is sent, before anything comes back."""
    make_request = w3.provider.make_request

    def ask(method: Any, params: Any) -> Any:
        answer = make_request(method, params)
        if method == "eth_sendRawTransaction":
            die()
        return answer

    w3.provider.make_request = ask  # type: ignore[method-assign]
    return w3


def main(told: dict[str, Any]) -> None:
    """Keys: url, database, secret, to, data, purposes (one transaction each), moment (None, "kept" or "sent")."""
    engine = Database(told["database"]).engine
    book = DyingBook(engine) if told["moment"] == "kept" else StoredTransactions(engine)
    sender = DurableSender(
        KeySigner(bytes.fromhex(told["secret"])),
        book,
        chain_id=31337,
        caps=FeeCaps(200 * 10**9, 5 * 10**9),
        finality=Finality(1),
        pace=Pace(60, 30, 0.02),
    )
    w3 = connect_endpoints([told["url"]], chain_id=31337)
    if told["moment"] == "sent":
        w3 = dying_after_sending(w3)
    for purpose in told["purposes"]:
        receipt = sender.send(w3, told["to"], bytes.fromhex(told["data"]), purpose=purpose)
        print(purpose, Web3.to_hex(receipt["transactionHash"]), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.stdin.read()))
