"""The transactions of the node's sending account, kept before they are sent and shared by all replicas."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, update
from sqlalchemy.exc import IntegrityError

from oracle.chain.fees import Fees
from oracle.chain.transaction_book import Attempt, BookedTransaction, Draft, TransactionState
from oracle.store.tables import transaction_attempts, transactions

__all__ = ["StoredTransactions"]

_UNSETTLED = (TransactionState.LIVE.value, TransactionState.MINED.value)
_WITHOUT_EFFECT = (TransactionState.REVERTED, TransactionState.DISPLACED)

#: Unsettled transactions handed out at once.
MAX_UNSETTLED = 500


class StoredTransactions:
    """Implements `oracle.chain.transaction_book.TransactionBook` on the node's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def by_purpose(self, chain_id: int, purpose: str) -> BookedTransaction | None:
        """See `TransactionBook.by_purpose`."""
        found = self._select(transactions.c.chain_id == chain_id, transactions.c.purpose_key == purpose)
        return found[0] if found else None

    def at_nonce(self, chain_id: int, sender: str, nonce: int) -> BookedTransaction | None:
        """See `TransactionBook.at_nonce`."""
        columns = transactions.c
        found = self._select(columns.chain_id == chain_id, columns.sender == sender, columns.nonce == nonce)
        return found[0] if found else None

    def get(self, ident: int) -> BookedTransaction:
        """See `TransactionBook.get`."""
        return self._select(transactions.c.id == ident)[0]

    def next_nonce(self, chain_id: int, sender: str) -> int:
        """See `TransactionBook.next_nonce`."""
        columns = transactions.c
        query = select(func.max(columns.nonce)).where(columns.chain_id == chain_id, columns.sender == sender)
        with self._engine.connect() as connection:
            highest = connection.execute(query).scalar()
        return 0 if highest is None else int(highest) + 1

    def unsettled(self, chain_id: int, sender: str) -> list[BookedTransaction]:
        """See `TransactionBook.unsettled`; at most `MAX_UNSETTLED`, those with the lowest nonces."""
        columns = transactions.c
        return self._select(columns.chain_id == chain_id, columns.sender == sender, columns.state.in_(_UNSETTLED))

    def standing(self, chain_id: int, sender: str) -> tuple[int, int | None]:
        """How many are not final yet, and when the oldest that is in no block was made (seconds since 1970)."""
        left = self.unsettled(chain_id, sender)
        waiting = [row.attempts[0].made_at for row in left if row.state is TransactionState.LIVE]
        return len(left), min(waiting, default=None)

    def open(self, draft: Draft, nonce: int, attempt: Attempt) -> BookedTransaction | None:
        """See `TransactionBook.open`."""
        values = {**_columns(draft), "chain_id": draft.chain_id, "sender": draft.sender, "nonce": nonce}
        state = TransactionState.LIVE
        try:
            with self._engine.begin() as connection:
                result = connection.execute(
                    transactions.insert().values(**values, state=state.value, changed_at=attempt.made_at)
                )
                ident = int(result.inserted_primary_key[0])  # type: ignore[index]
                _add_attempt(connection, ident, attempt)
        except IntegrityError:
            return None
        return BookedTransaction(ident, draft, nonce, state, attempt.made_at, (attempt,))

    def add_attempt(self, ident: int, attempt: Attempt) -> bool:
        """See `TransactionBook.add_attempt`."""
        try:
            with self._engine.begin() as connection:
                _add_attempt(connection, ident, attempt)
        except IntegrityError:
            return False
        return True

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
        """See `TransactionBook.move`."""
        values: dict[str, Any] = {"state": state.value, "changed_at": at}
        values |= {"block": block, "block_hash": block_hash, "mined_hash": mined_hash}
        if state in _WITHOUT_EFFECT:
            values["purpose_key"] = None
        with self._engine.begin() as connection:
            return _changed(connection, known, values)

    def refill(self, known: BookedTransaction, draft: Draft, attempt: Attempt) -> bool:
        """See `TransactionBook.refill`."""
        values: dict[str, Any] = {"state": TransactionState.LIVE.value, "changed_at": attempt.made_at}
        values |= {**_columns(draft), "block": None, "block_hash": None, "mined_hash": None}
        try:
            with self._engine.begin() as connection:
                done = _changed(connection, known, values)
                if done:
                    _add_attempt(connection, known.id, attempt)
        except IntegrityError:
            return False
        return done

    def _select(self, *where: Any) -> list[BookedTransaction]:
        query = select(transactions).where(*where).order_by(transactions.c.nonce).limit(MAX_UNSETTLED)
        tried = transaction_attempts.c
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            wanted = [row.id for row in rows]
            query_attempts = select(transaction_attempts).where(tried.transaction_id.in_(wanted))
            made = connection.execute(query_attempts.order_by(tried.number)).all()
        attempts: dict[int, list[Attempt]] = {}
        for row in made:
            attempts.setdefault(row.transaction_id, []).append(
                Attempt(row.number, row.hash, bytes(row.raw), Fees(row.max_fee, row.tip), row.made_at)
            )
        return [_booked(row, attempts.get(row.id, [])) for row in rows]


def _columns(draft: Draft) -> dict[str, Any]:
    return {
        "purpose_key": draft.purpose,
        "purpose": draft.purpose,
        "to": draft.to,
        "data": draft.data,
        "gas": draft.gas,
        "note": draft.note,
    }


def _add_attempt(connection: Connection, ident: int, attempt: Attempt) -> None:
    connection.execute(
        transaction_attempts.insert().values(
            transaction_id=ident,
            number=attempt.number,
            hash=attempt.hash,
            raw=attempt.raw,
            max_fee=attempt.fees.max_fee,
            tip=attempt.fees.tip,
            made_at=attempt.made_at,
        )
    )


def _changed(connection: Connection, known: BookedTransaction, values: dict[str, Any]) -> bool:
    """Change a row if it is still as known: what another process did in between stands."""
    columns = transactions.c
    same_block = columns.block_hash == known.block_hash if known.block_hash else columns.block_hash.is_(None)
    same = (columns.id == known.id, columns.state == known.state.value, same_block)
    return connection.execute(update(transactions).where(*same).values(values)).rowcount == 1


def _booked(row: Row[Any], attempts: list[Attempt]) -> BookedTransaction:
    draft = Draft(row.chain_id, row.sender, row.purpose, row.to, bytes(row.data), row.gas, row.note)
    return BookedTransaction(
        row.id,
        draft,
        row.nonce,
        TransactionState(row.state),
        row.changed_at,
        tuple(attempts),
        row.block,
        row.block_hash,
        row.mined_hash,
    )
