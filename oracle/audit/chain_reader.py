"""What the audit asks the node beside events and state: each block and each transaction once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from eth_abi.abi import encode
from web3 import Web3

from oracle.audit.history import Call
from oracle.chain.events import Event, decode_call
from oracle.chain.rpc import chain_faults, raw_call
from oracle.errors import UnreachableError

__all__ = ["ChainReader"]


class ChainReader:
    """Reads a chain up to the block that was the newest when it was made: `last`, with its hash `last_hash`."""

    def __init__(self, w3: Web3, registry: str) -> None:
        self.w3 = w3
        self._registry = registry.lower()
        self._url = str(getattr(w3.provider, "endpoint_uri", ""))
        self._times: dict[int, int] = {}
        self._transactions: dict[str, dict[str, Any] | None] = {}
        self._calls: dict[str, list[Call]] = {}
        newest = self._header("latest")
        with chain_faults(self._url):
            self.last, self.last_hash = int(newest["number"], 16), str(newest["hash"])
            self._times[self.last] = int(newest["timestamp"], 16)

    @cached_property
    def chain_id(self) -> int:
        """The chain's id."""
        with chain_faults(self._url):
            return int(raw_call(self.w3, "eth_chainId", []), 16)

    def _header(self, block: str) -> dict[str, Any]:
        header = raw_call(self.w3, "eth_getBlockByNumber", [block, False])
        if not isinstance(header, dict):
            raise UnreachableError(f"the node has no block {block}", remedy="ask an archive node")
        return header

    def require_unmoved(self) -> None:
        """UnreachableError if the chain has another block now where `last` was: what was read is of two chains."""
        if self._header(hex(self.last)).get("hash") != self.last_hash:
            raise UnreachableError(
                f"the chain was reorganised below block {self.last} while it was read",
                remedy="run it again; wait until the newest blocks are final",
            )

    def time_of(self, block: int) -> int:
        """Time of a block, seconds since 1970."""
        if block not in self._times:
            header = self._header(hex(block))
            with chain_faults(self._url):
                self._times[block] = int(header["timestamp"], 16)
        return self._times[block]

    def code_of(self, address: str) -> bytes:
        """Runtime code at the last block."""
        with chain_faults(self._url):
            return bytes.fromhex(raw_call(self.w3, "eth_getCode", [address, hex(self.last)])[2:])

    def transaction(self, tx_hash: str) -> dict[str, Any] | None:
        """A transaction as the node gives it, None if it knows none."""
        if tx_hash not in self._transactions:
            found = raw_call(self.w3, "eth_getTransactionByHash", [tx_hash])
            self._transactions[tx_hash] = found if isinstance(found, dict) else None
        return self._transactions[tx_hash]

    def created(self, tx_hash: str) -> tuple[str, int] | None:
        """Address of the contract that a transaction created, and in which block; None if it created none."""
        receipt = raw_call(self.w3, "eth_getTransactionReceipt", [tx_hash])
        if not isinstance(receipt, dict) or not receipt.get("contractAddress"):
            return None
        with chain_faults(self._url):
            return str(receipt["contractAddress"]).lower(), int(receipt["blockNumber"], 16)

    def calls_of(self, event: Event) -> list[Call]:
        """All calls of the registry that the event's transaction made and that took effect, in their order.

        A transaction that went to another contract is traced; without a node that can, there are no calls.
        """
        if event.transaction not in self._calls:
            self._calls[event.transaction] = self._read_calls(event.transaction)
        return self._calls[event.transaction]

    def _read_calls(self, tx_hash: str) -> list[Call]:
        transaction = self.transaction(tx_hash)
        if transaction is None:
            raise UnreachableError(
                "the node does not know a transaction it named", where=tx_hash, remedy="ask an archive node"
            )
        if (transaction.get("to") or "").lower() == self._registry:
            frames = [transaction]
        else:
            try:
                frames = list(self._frames(raw_call(self.w3, "debug_traceTransaction", [tx_hash, _CALL_TRACER])))
            except UnreachableError:
                return []
        with chain_faults(self._url):
            decoded = [
                (frame["from"], decode_call("FilingRegistry", bytes.fromhex(frame["input"][2:]))) for frame in frames
            ]
        return [call for sender, found in decoded if found is not None for call in _single(sender, *found)]

    def accepts(self, operator: str, digest: bytes, signature: bytes, block: int) -> bool | str:
        """Whether the contract at `operator` accepts the signature by ERC-1271 as of the end of `block`.

        A string if the node can't say, as without the state of that block.
        """
        question = _IS_VALID + encode(["bytes32", "bytes"], [digest, signature])
        try:
            if raw_call(self.w3, "eth_getCode", [operator, hex(block)]) in ("0x", "0x0"):
                return False
            answer = raw_call(self.w3, "eth_call", [{"to": operator, "data": "0x" + question.hex()}, hex(block)])
        except UnreachableError as error:
            return error.what
        return bool(answer == "0x" + _IS_VALID.ljust(32, b"\0").hex())

    def _frames(self, trace: Any) -> Iterator[dict[str, Any]]:
        """Plain calls to the registry, outer before inner, without those that were reverted with their caller."""
        with chain_faults(self._url):
            pending = [trace]
            while pending:
                frame = pending.pop()
                if frame.get("error"):
                    continue
                if frame["type"] == "CALL" and frame["to"].lower() == self._registry:
                    yield frame
                pending += reversed(frame.get("calls") or [])


_CALL_TRACER = {"tracer": "callTracer"}

#: Selector of ERC-1271's `isValidSignature(bytes32,bytes)`, which is also its answer for "yes".
_IS_VALID = bytes.fromhex("1626ba7e")


def _single(sender: str, name: str, arguments: tuple[Any, ...]) -> Iterator[Call]:
    """A call as it is, a batch as the approvals it is made of."""
    if name == "approveBatch":
        for approval, signatures in zip(*arguments, strict=True):
            yield sender, "approve", (approval, signatures)
    else:
        yield sender, name, arguments
