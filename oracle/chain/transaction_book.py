"""What is kept of transactions so that a crash or a second process neither loses nor doubles one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from oracle.chain.fees import Fees

__all__ = ["Attempt", "BookedTransaction", "Draft", "TransactionBook", "TransactionState"]


class TransactionState(StrEnum):
    """Where a transaction stands."""

    #: Signed and kept; perhaps sent, not seen mined.
    LIVE = "live"
    #: In a block that may still be dropped by a re-organisation.
    MINED = "mined"
    #: In a block that is final, with effect.
    DONE = "done"
    #: In a block that is final, without effect.
    REVERTED = "reverted"
    #: Another transaction of the sender used its nonce.
    DISPLACED = "displaced"


@dataclass(frozen=True)
class Attempt:
    """One signed form of a transaction: a replacement has the same nonce and higher fees."""

    number: int
    hash: str
    raw: bytes
    fees: Fees
    made_at: int


@dataclass(frozen=True)
class Draft:
    """What a transaction is to do. `purpose` names the action: one action is one transaction."""

    chain_id: int
    sender: str
    purpose: str | None
    to: str | None
    data: bytes
    gas: int
    note: str | None = None


@dataclass(frozen=True)
class BookedTransaction:
    """A transaction as kept: attempts oldest first; `block`, `block_hash` and `mined_hash` once it was seen mined."""

    id: int
    draft: Draft
    nonce: int
    state: TransactionState
    changed_at: int
    attempts: tuple[Attempt, ...]
    block: int | None = None
    block_hash: str | None = None
    mined_hash: str | None = None


class TransactionBook(Protocol):
    """Shared by all processes that send from one account. Every method is one transaction, durable when it returns."""

    def by_purpose(self, chain_id: int, purpose: str) -> BookedTransaction | None:
        """The transaction that holds this purpose: alive, or done with effect."""
        ...

    def at_nonce(self, chain_id: int, sender: str, nonce: int) -> BookedTransaction | None:
        """The transaction with this nonce."""
        ...

    def get(self, ident: int) -> BookedTransaction:
        """A transaction by its number."""
        ...

    def next_nonce(self, chain_id: int, sender: str) -> int:
        """One more than the highest nonce kept; 0 if there is none."""
        ...

    def unsettled(self, chain_id: int, sender: str) -> list[BookedTransaction]:
        """Those in state LIVE or MINED, by nonce ascending."""
        ...

    def open(self, draft: Draft, nonce: int, attempt: Attempt) -> BookedTransaction | None:
        """Keep a new transaction with its first attempt; None if its nonce or its purpose is taken."""
        ...

    def add_attempt(self, ident: int, attempt: Attempt) -> bool:
        """Keep a replacement; False if the number is taken: another process made it first."""
        ...

    def move(
        self,
        known: BookedTransaction,
        state: TransactionState,
        at: int,
        *,
        block: int | None = None,
        block_hash: str | None = None,
        mined_hash: str | None = None,
    ) -> bool:
        """Change the state from the one `known`; False if another process changed it meanwhile.

        REVERTED and DISPLACED give up the purpose: the action may be tried again.
        """
        ...

    def refill(self, known: BookedTransaction, draft: Draft, attempt: Attempt) -> bool:
        """Make a REVERTED or DISPLACED transaction whose nonce is free again into another one; False as in `move`."""
        ...
