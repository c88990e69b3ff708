"""The book of transactions: a nonce and a purpose are taken once, and what another process changed stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle.chain.fees import Fees
from oracle.chain.transaction_book import Attempt, Draft, TransactionState
from oracle.store.database import Database
from oracle.store.transactions import StoredTransactions

SENDER = "0x" + "Ab" * 20
BLOCK = "0x" + "22" * 32


def draft(purpose: str | None = "p", chain_id: int = 2**40) -> Draft:
    return Draft(chain_id, SENDER, purpose, None, b"\x01", 21_000)


def attempt(number: int = 1) -> Attempt:
    return Attempt(number, f"0x{number:064x}", b"\x02\x03", Fees(10**18, 7), 1_800_000_000)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[StoredTransactions]:
    database = Database(f"sqlite:///{tmp_path / 'node.db'}")
    yield StoredTransactions(database.engine)
    database.close()


def test_open__kept__read_back_as_given(book: StoredTransactions) -> None:
    made = book.open(draft(), 5, attempt())
    assert made is not None
    assert book.add_attempt(made.id, attempt(2))
    found = book.get(made.id)
    assert (found.draft, found.nonce, found.state) == (draft(), 5, TransactionState.LIVE)
    assert found.attempts == (attempt(1), attempt(2))
    assert book.by_purpose(2**40, "p") == book.at_nonce(2**40, SENDER, 5) == found
    assert book.next_nonce(2**40, SENDER) == 6
    assert book.next_nonce(1, SENDER) == 0
    assert book.by_purpose(1, "p") is None


def test_open__nonce_or_purpose_taken__none_and_nothing_kept(book: StoredTransactions) -> None:
    assert book.open(draft("p"), 0, attempt()) is not None
    assert book.open(draft("q"), 0, attempt()) is None
    assert book.open(draft("p"), 1, attempt()) is None
    assert book.open(draft(None), 1, attempt()) is not None
    assert book.open(draft(None), 2, attempt()) is not None
    assert book.open(draft("p", chain_id=1), 0, attempt()) is not None
    assert [item.nonce for item in book.unsettled(2**40, SENDER)] == [0, 1, 2]


def test_add_attempt__number_taken__the_first_stands(book: StoredTransactions) -> None:
    made = book.open(draft(), 0, attempt())
    assert made is not None
    assert not book.add_attempt(made.id, attempt(1))
    assert book.get(made.id).attempts == (attempt(1),)


@pytest.mark.parametrize(
    ("state", "held"),
    (
        (TransactionState.MINED, True),
        (TransactionState.DONE, True),
        (TransactionState.REVERTED, False),
        (TransactionState.DISPLACED, False),
    ),
)
def test_move__any_state__purpose_is_held_unless_without_effect(
    book: StoredTransactions, state: TransactionState, held: bool
) -> None:
    made = book.open(draft(), 0, attempt())
    assert made is not None
    assert book.move(made, state, 9, block=3, block_hash=BLOCK, mined_hash=attempt().hash)
    found = book.get(made.id)
    assert (found.state, found.changed_at, found.block, found.block_hash) == (state, 9, 3, BLOCK)
    assert (book.by_purpose(2**40, "p") is not None) is held
    assert found.draft.purpose == "p"
    assert not book.move(made, TransactionState.DISPLACED, 10)
    assert book.get(made.id) == found


def test_refill__displaced__another_transaction_with_the_same_nonce(book: StoredTransactions) -> None:
    made = book.open(draft(), 0, attempt())
    assert made is not None
    assert book.move(made, TransactionState.DISPLACED, 9)
    displaced = book.get(made.id)
    filler = Draft(2**40, SENDER, None, SENDER, b"", 21_000, "fills the gap at nonce 0")
    assert book.refill(displaced, filler, attempt(2))
    found = book.get(made.id)
    assert (found.draft, found.state, found.attempts) == (filler, TransactionState.LIVE, (attempt(1), attempt(2)))
    assert not book.refill(displaced, filler, attempt(3))
    assert book.get(made.id) == found
