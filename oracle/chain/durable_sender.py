"""A sender whose transactions survive crashes, replicas, full mempools and re-organisations.

Each is signed and kept before it is sent, under a nonce that no other process can take and a purpose that makes one
action one transaction. Whoever finds it unsettled goes on with it: sends the same bytes again, replaces them with
higher fees, follows them until they are final, and brings them back after a re-organisation. Nothing has to be recorded
after sending, so there is no moment at which a crash loses or doubles anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.exceptions import TransactionNotFound, Web3RPCError
from web3.types import TxReceipt

from oracle.chain.dynamic_fee import sign_transaction
from oracle.chain.failover import FailoverProvider, is_known, is_nonce_too_low
from oracle.chain.fees import FeeCaps, Fees, first_fees, raised_fees
from oracle.chain.rpc import chain_faults
from oracle.chain.sender import refuse_early, with_effect
from oracle.chain.transaction_book import Attempt, BookedTransaction, Draft, TransactionBook, TransactionState
from oracle.errors import FilingGateError, InputError, RefusedError, UnreachableError
from oracle.signing.keys import Signer

__all__ = ["DurableSender", "Finality", "NotMinedYetError", "Pace", "Standing"]

#: How often a nonce is taken anew when other processes were faster.
_TRIES = 200

#: A full node keeps the state of so many blocks, in which it is looked up who used a nonce.
_KNOWN_BLOCKS = 128

#: A purpose is a key of the database.
_LONGEST_PURPOSE = 200


class NotMinedYetError(UnreachableError):
    """The transaction is kept and followed, and was not mined while the caller waited."""


@dataclass(frozen=True)
class Pace:
    """Seconds: `replace_after` without inclusion fees are raised, `send` waits at most `wait`, looking each `poll`."""

    replace_after: int = 60
    wait: int = 120
    poll: float = 2
    #: Seconds since 1970, the same for all replicas.
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Finality:
    """When a block counts as final: so many blocks with it (0 and 1: at once), and the chain's own `finalized` tag."""

    confirmations: int = 12
    finalized: bool = False


@dataclass(frozen=True)
class Standing:
    """What `tend` found: transactions not final yet, the age of the oldest that is in no block in seconds, and what a
    person should look at."""

    unsettled: int
    oldest_seconds: int | None
    alerts: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Keys unsettled, oldestSeconds, alerts."""
        return {"unsettled": self.unsettled, "oldestSeconds": self.oldest_seconds, "alerts": list(self.alerts)}


class DurableSender:
    """Implements `Sender` over a book of transactions. Thread-safe; several processes may share account and book."""

    def __init__(
        self,
        signer: Signer,
        book: TransactionBook,
        *,
        chain_id: int,
        caps: FeeCaps,
        finality: Finality | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._signer = signer
        self._book = book
        self._chain_id = chain_id
        self._caps = caps
        self._finality = finality or Finality()
        self._pace = pace or Pace()

    def __repr__(self) -> str:
        return f"DurableSender({self.address})"

    @property
    def address(self) -> str:
        """The sending account."""
        return self._signer.address

    def balance(self, w3: Web3) -> int:
        """What the account holds, in wei."""
        with _faults(w3):
            return int(w3.eth.get_balance(to_checksum_address(self.address)))

    def send(self, w3: Web3, to: str | None, data: bytes, *, purpose: str | None = None) -> TxReceipt:
        """See `Sender.send`. Returns when the transaction is in a block; `tend` follows it until that is final.

        A `purpose` that is under way, or done, is not begun a second time: its own receipt is returned.
        NotMinedYetError when waiting ends; FeeCapError if the chain is dearer than the caps, before a nonce is taken.
        """
        self._check(w3, purpose)
        end = self._pace.clock() + self._pace.wait
        known = self._book.by_purpose(self._chain_id, purpose) if purpose is not None else None
        said = None
        while True:
            fresh = known is None or known.state in (TransactionState.REVERTED, TransactionState.DISPLACED)
            if known is None or fresh:
                known = self._open(w3, to, data, purpose)
            try:
                with _faults(w3):
                    if fresh:
                        self._push(w3, known.attempts[-1])
                    known, said = self._advance(w3, known)
                    receipt = self._receipt(w3, known)
                    if receipt is None and known.state is TransactionState.LIVE:
                        said = self._unblock(w3, known.nonce) or said
            except (UnreachableError, RefusedError) as error:
                # It is kept and goes on: a chain that is away for a moment ends nothing.
                receipt, said = None, str(error)
            if receipt is not None:
                return with_effect(receipt)
            if known.state is TransactionState.DISPLACED:
                continue
            if self._pace.clock() >= end:
                raise NotMinedYetError(
                    "the transaction is kept and followed, and not mined yet" + (f": {said}" if said else ""),
                    where=f"transaction {known.attempts[-1].hash}",
                    remedy="nothing is to be sent again",
                )
            self._pace.sleep(self._pace.poll)

    def tend(self, w3: Web3) -> Standing:
        """Go once through all transactions that are not final: send again, replace, follow, fill gaps.

        May be called at any moment and by several processes. UnreachableError if the chain can't be read at all.
        """
        self._check(w3, None)
        alerts: list[str] = []
        rows = self._book.unsettled(self._chain_id, self.address)
        for row in rows:
            try:
                with _faults(w3):
                    # The highest nonce waits for all others, and for the gaps between.
                    said = self._unblock(w3, row.nonce) if row is rows[-1] else None
                    said = self._advance(w3, row)[1] or said
            except (UnreachableError, RefusedError) as error:
                said = str(error)
            alerts += [said] if said and said not in alerts else []
        left = self._book.unsettled(self._chain_id, self.address)
        waiting = [row.attempts[0].made_at for row in left if row.state is TransactionState.LIVE]
        oldest = int(self._pace.clock()) - min(waiting) if waiting else None
        return Standing(len(left), oldest, tuple(alerts))

    # Beginning ------------------------------------------------------------------------------------------------------

    def _check(self, w3: Web3, purpose: str | None) -> None:
        if purpose is not None and not 0 < len(purpose) <= _LONGEST_PURPOSE:
            raise InputError("has no or too many characters", where="purpose", remedy="use at most 200")
        if isinstance(w3.provider, FailoverProvider):  # it asks each endpoint itself
            found = w3.provider.chain_id
        else:
            with _faults(w3):
                found = w3.eth.chain_id
        if found != self._chain_id:
            raise InputError(
                f"the node is on chain {found}, not {self._chain_id}", where="[chain]", remedy="use the right chain's"
            )

    def _open(self, w3: Web3, to: str | None, data: bytes, purpose: str | None) -> BookedTransaction:
        """Keep a new transaction, or give the one that another process just made for the purpose.

        What would revert, or could not be paid, is refused before it takes a nonce.
        """
        gas = refuse_early(w3, self.address, to, data)
        draft = Draft(self._chain_id, self.address, purpose, to, data, gas)
        with _faults(w3):
            account = to_checksum_address(self.address)
            fees = self._fees(w3)
            balance = w3.eth.get_balance(account)
            if balance < gas * fees.max_fee:
                raise RefusedError(
                    f"it holds {balance} wei, and the transaction may take {gas * fees.max_fee}",
                    where=self.address,
                    remedy="fund the account",
                )
            # What another wallet of the same account has under way takes nonces too.
            floor = max(w3.eth.get_transaction_count(account, tag) for tag in ("latest", "pending"))
        for _ in range(_TRIES):
            nonce = max(floor, self._book.next_nonce(self._chain_id, self.address))
            made = self._book.open(draft, nonce, self._attempt(draft, nonce, 1, fees))
            if made is not None:
                return made
            held = self._book.by_purpose(self._chain_id, purpose) if purpose is not None else None
            if held is not None:
                return held
        raise UnreachableError(
            f"no nonce could be taken in {_TRIES} tries", where=self.address, remedy="see who else uses the account"
        )

    def _fees(self, w3: Web3) -> Fees:
        return first_fees(_base_fee(w3), int(w3.eth.max_priority_fee), self._caps)

    def _attempt(self, draft: Draft, nonce: int, number: int, fees: Fees) -> Attempt:
        name, raw = sign_transaction(
            self._signer,
            chain_id=self._chain_id,
            nonce=nonce,
            fees=fees,
            gas=draft.gas,
            to=draft.to,
            data=draft.data,
        )
        return Attempt(number, name, raw, fees, int(self._pace.clock()))

    # Going on -------------------------------------------------------------------------------------------------------

    def _advance(self, w3: Web3, known: BookedTransaction) -> tuple[BookedTransaction, str | None]:
        """One step for one transaction: as it is now, and what a person should know of it."""
        receipt = _find(w3, known.attempts)
        if receipt is not None:
            return self._mined(w3, known, receipt), None
        count = w3.eth.get_transaction_count(to_checksum_address(self.address), "latest")
        if count > known.nonce:
            return self._used(w3, known)
        if known.state is not TransactionState.LIVE:  # a re-organisation dropped its block
            known = self._moved(known, TransactionState.LIVE)
        newest = known.attempts[-1]
        try:
            w3.eth.get_transaction(Web3.to_hex(hexstr=newest.hash))  # type: ignore[arg-type]
            said = None
        except TransactionNotFound:
            said = self._push(w3, newest)
            if said is None:  # just taken: it has not waited yet
                return known, None
        waited = self._pace.clock() - max(newest.made_at, known.changed_at)
        if count == known.nonce and waited >= self._pace.replace_after:
            return self._replace(w3, known, said)
        return known, said

    def _moved(self, known: BookedTransaction, state: TransactionState, **block: Any) -> BookedTransaction:
        self._book.move(known, state, int(self._pace.clock()), **block)
        return self._book.get(known.id)

    def _mined(self, w3: Web3, known: BookedTransaction, receipt: TxReceipt) -> BookedTransaction:
        place: dict[str, Any] = {
            "block": int(receipt["blockNumber"]),
            "block_hash": Web3.to_hex(receipt["blockHash"]),
            "mined_hash": Web3.to_hex(receipt["transactionHash"]),
        }
        elsewhere = known.block_hash != place["block_hash"] or known.mined_hash != place["mined_hash"]
        if not elsewhere and known.state not in (TransactionState.LIVE, TransactionState.MINED):
            return known
        state = TransactionState.MINED
        if self._final(w3, place["block"]):
            state = TransactionState.DONE if receipt["status"] == 1 else TransactionState.REVERTED
        return self._moved(known, state, **place) if elsewhere or state is not known.state else known

    def _final(self, w3: Web3, block: int) -> bool:
        if w3.eth.block_number - block + 1 < max(self._finality.confirmations, 1):
            return False
        return not self._finality.finalized or int(w3.eth.get_block("finalized")["number"]) >= block

    def _used(self, w3: Web3, known: BookedTransaction) -> tuple[BookedTransaction, str | None]:
        """The nonce is used and none of our forms has a receipt: find out by whom before giving it up."""
        taker = self._taker(w3, known.nonce)
        ours = {attempt.hash for attempt in known.attempts}
        if taker in ours:  # mined between two questions: the next look finds its receipt
            return known, None
        if taker is None and known.state in (TransactionState.DONE, TransactionState.REVERTED):
            return known, f"transaction {known.mined_hash}: the node no longer knows its receipt"
        by = f"transaction {taker}" if taker else f"a transaction more than {_KNOWN_BLOCKS} blocks ago"
        said = f"nonce {known.nonce} of {self.address} was used elsewhere, by {by}: keep the relay's key for this alone"
        return self._moved(known, TransactionState.DISPLACED), said

    def _taker(self, w3: Web3, nonce: int) -> str | None:
        """The hash of this account's mined transaction with a nonce, None if it is too old to be looked up."""
        account = to_checksum_address(self.address)
        last = int(w3.eth.block_number)
        first = max(0, last - _KNOWN_BLOCKS + 1)
        if w3.eth.get_transaction_count(account, first) > nonce:
            return None
        while last - first > 1:
            middle = (first + last) // 2
            if w3.eth.get_transaction_count(account, middle) > nonce:
                last = middle
            else:
                first = middle
        for sent in w3.eth.get_block(last, full_transactions=True)["transactions"]:
            if not isinstance(sent, bytes) and (sent["from"], sent["nonce"]) == (account, nonce):
                return Web3.to_hex(sent["hash"])
        raise UnreachableError(
            f"nonce {nonce} is used, and block {last} does not show by what",
            where=self.address,
            remedy="it is looked up again",
        )

    def _push(self, w3: Web3, attempt: Attempt) -> str | None:
        """Send an attempt; what the node says against it, if that is not merely that it knows it."""
        try:
            w3.eth.send_raw_transaction(attempt.raw)
        except Web3RPCError as error:
            message = str((error.rpc_response or {}).get("error", error.message))
            if is_known(message) or is_nonce_too_low(message):
                return None
            try:
                with _faults(w3):
                    raise
            except FilingGateError as shown:
                return f"transaction {attempt.hash} is not taken: {shown.what}"
        return None

    def _replace(self, w3: Web3, known: BookedTransaction, said: str | None) -> tuple[BookedTransaction, str | None]:
        newest = known.attempts[-1]
        fees = raised_fees(newest.fees, _base_fee(w3), int(w3.eth.max_priority_fee), self._caps)
        if fees is None:
            self._push(w3, newest)
            return known, (
                f"fee cap reached: transaction {newest.hash} offers {newest.fees.max_fee} wei and a tip of "
                f"{newest.fees.tip}, and is not mined; raise [relay] max_fee_gwei or max_priority_fee_gwei"
            )
        attempt = self._attempt(known.draft, known.nonce, newest.number + 1, fees)
        if self._book.add_attempt(known.id, attempt):
            said = self._push(w3, attempt)
        return self._book.get(known.id), said

    # Gaps -----------------------------------------------------------------------------------------------------------

    def _unblock(self, w3: Web3, below: int) -> str | None:
        """Bring on what a nonce waits for: the lowest unused one, whether a transaction has it or nobody."""
        account = to_checksum_address(self.address)
        count = int(w3.eth.get_transaction_count(account, "latest"))
        if count >= below:
            return None
        row = self._book.at_nonce(self._chain_id, self.address, count)
        if row is not None and row.state not in (TransactionState.REVERTED, TransactionState.DISPLACED):
            return self._advance(w3, row)[1]
        if w3.eth.get_transaction_count(account, "pending") > count:
            return f"nonce {count} of {self.address} is under way elsewhere: keep the relay's key for this alone"
        draft = Draft(self._chain_id, self.address, None, self.address, b"", 0, f"fills the gap at nonce {count}")
        draft = replace(draft, gas=refuse_early(w3, self.address, self.address, b""))
        attempt = self._attempt(draft, count, row.attempts[-1].number + 1 if row is not None else 1, self._fees(w3))
        filled = self._book.refill(row, draft, attempt) if row is not None else self._book.open(draft, count, attempt)
        if filled:
            self._push(w3, attempt)
        return f"nonce {count} of {self.address} was free below others: filled with a transfer of nothing to itself"

    def _receipt(self, w3: Web3, known: BookedTransaction) -> TxReceipt | None:
        in_block = known.state in (TransactionState.MINED, TransactionState.DONE, TransactionState.REVERTED)
        return _find(w3, known.attempts) if in_block else None


def _faults(w3: Web3) -> Any:
    return chain_faults(str(getattr(w3.provider, "endpoint_uri", "")))


def _base_fee(w3: Web3) -> int:
    return int(w3.eth.get_block("latest").get("baseFeePerGas", 0))


def _find(w3: Web3, attempts: Sequence[Attempt]) -> TxReceipt | None:
    """The receipt of whichever attempt was mined, newest first."""
    for attempt in reversed(attempts):
        try:
            return w3.eth.get_transaction_receipt(Web3.to_hex(hexstr=attempt.hash))  # type: ignore[arg-type]
        except TransactionNotFound:
            continue
    return None
