"""Who sends a transaction: a key of ours, an account of the node, or (in scripts/) Brownie's account.

A node's relay uses `durable_sender`, which keeps what it sends.
"""

from __future__ import annotations

from typing import Protocol

from eth_account import Account
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.types import TxParams, TxReceipt

from oracle.chain.rpc import chain_faults
from oracle.errors import RefusedError

__all__ = ["KeySender", "NodeAccountSender", "Sender", "refuse_early", "with_effect"]

RECEIPT_SECONDS = 120


class Sender(Protocol):
    """Sends one transaction and waits for it."""

    @property
    def address(self) -> str:
        """The sending account."""
        ...

    def send(self, w3: Web3, to: str | None, data: bytes, *, purpose: str | None = None) -> TxReceipt:
        """Send `data` to `to` (None: create a contract) and wait for the receipt.

        `purpose` names the action: a sender that keeps a book makes one transaction of it, however often it is asked.
        Raises RefusedError with the decoded revert before anything is sent if the chain would refuse it.
        """
        ...


def _request(sender: str, to: str | None, data: bytes) -> TxParams:
    request: TxParams = {"from": to_checksum_address(sender), "data": Web3.to_hex(data), "value": Web3.to_wei(0, "wei")}
    if to is not None:
        request["to"] = to_checksum_address(to)
    return request


def refuse_early(w3: Web3, sender: str, to: str | None, data: bytes) -> int:
    """The gas to allow for a transaction: what it needs and a fifth more.

    Estimating runs the transaction, so a refusal shows here, with its reason, and costs nothing: RefusedError.
    """
    with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
        return int(w3.eth.estimate_gas(_request(sender, to, data)) * 12 // 10)


def _receipt(w3: Web3, tx_hash: bytes) -> TxReceipt:
    return with_effect(
        w3.eth.wait_for_transaction_receipt(Web3.to_hex(tx_hash), timeout=RECEIPT_SECONDS, poll_latency=0.05)
    )


def with_effect(receipt: TxReceipt) -> TxReceipt:
    """The receipt, if its transaction did not revert; else RefusedError."""
    if receipt["status"] != 1:
        raise RefusedError(
            "the transaction passed when tried and reverted when mined: the state changed in between",
            where=f"transaction {Web3.to_hex(receipt['transactionHash'])}",
            remedy="look at `filing-gate status`, then try again",
        )
    return receipt


class KeySender:
    """Signs transactions with a private key held in this process."""

    def __init__(self, secret: bytes) -> None:
        self._account = Account.from_key(secret)

    def __repr__(self) -> str:
        return f"KeySender({self.address})"

    @property
    def address(self) -> str:
        """The sending account."""
        return str(self._account.address)

    def send(self, w3: Web3, to: str | None, data: bytes, *, purpose: str | None = None) -> TxReceipt:
        """See `Sender.send`. It keeps no book, so `purpose` says nothing to it."""
        with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
            request = _request(self.address, to, data)
            request["gas"] = refuse_early(w3, self.address, to, data)
            account: ChecksumAddress = to_checksum_address(self.address)
            block = w3.eth.get_block("latest")
            tip = w3.eth.max_priority_fee
            request["maxPriorityFeePerGas"] = tip
            request["maxFeePerGas"] = Web3.to_wei(block.get("baseFeePerGas", 0) * 2 + tip, "wei")
            request["nonce"] = w3.eth.get_transaction_count(account, "pending")
            request["chainId"] = w3.eth.chain_id
            signed = self._account.sign_transaction(request)
            return _receipt(w3, w3.eth.send_raw_transaction(signed.raw_transaction))


class NodeAccountSender:
    """Sends from an account that the Ethereum node itself holds unlocked (a development chain)."""

    def __init__(self, address: str) -> None:
        self._address = to_checksum_address(address)

    @property
    def address(self) -> str:
        """The sending account."""
        return str(self._address)

    def send(self, w3: Web3, to: str | None, data: bytes, *, purpose: str | None = None) -> TxReceipt:
        """See `Sender.send`. It keeps no book, so `purpose` says nothing to it."""
        with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
            request = _request(self._address, to, data)
            request["gas"] = refuse_early(w3, self._address, to, data)
            return _receipt(w3, w3.eth.send_transaction(request))
