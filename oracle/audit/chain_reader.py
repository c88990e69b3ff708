"""What the audit asks the node beside events and state: each block and each transaction once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any

from eth_abi.abi import encode
from web3 import Web3

from oracle.audit.history import Call
from oracle.chain.events import Event, decode_call
from oracle.chain.raw_rpc import BATCH, RawRpc
from oracle.chain.raw_rpc import Call as RpcCall
from oracle.chain.rpc import chain_faults
from oracle.chain.views import view
from oracle.errors import UnreachableError

__all__ = ["Asked", "ChainReader", "single_calls"]


#: (address, function, arguments)
Asked = tuple[str, str, tuple[Any, ...]]

#: Requests for transactions that are on their way while the replay goes on.
_AHEAD = 2


#: Transactions by hash as a node gives them, and what other nodes told differently meanwhile.
_Ahead = tuple[dict[str, Any], list[tuple[str, RpcCall]]]


class ChainReader:
    """Reads a chain up to the block that was the newest when it was made: `last`, with its hash `last_hash`.

    With several nodes it is the newest that all of them have. `differs` hears of what they tell differently.
    """

    def __init__(
        self,
        w3: Web3,
        registry: str,
        others: Sequence[Web3] = (),
        differs: Callable[[str, RpcCall], None] = lambda _node, _call: None,
    ) -> None:
        self.w3 = w3
        self._registry = registry.lower()
        self._url = str(getattr(w3.provider, "endpoint_uri", ""))
        urls = [str(getattr(one.provider, "endpoint_uri", "")) for one in (w3, *others)]
        self.rpc = RawRpc(urls, differs=differs)
        self._differs = differs
        #: What reads ahead has connections of its own, and what it hears is told when its answer is taken.
        self._heard: list[tuple[str, RpcCall]] = []
        self._rpc_ahead = RawRpc(urls, differs=lambda *heard: self._heard.append(heard))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reads ahead")
        self._wanted: deque[list[str]] = deque()
        self._coming: deque[Future[_Ahead]] = deque()
        self._times: dict[int, int] = {}
        self._transactions: dict[str, dict[str, Any] | None] = {}
        self._calls: dict[str, list[Call]] = {}
        with chain_faults(self._url):
            heads = [int(number, 16) for number in self.rpc.each("eth_blockNumber", [])]
        newest = self._header(hex(min(heads)))
        with chain_faults(self._url):
            self.last, self.last_hash = int(newest["number"], 16), str(newest["hash"])
            self._times[self.last] = int(newest["timestamp"], 16)

    @cached_property
    def chain_id(self) -> int:
        """The chain's id."""
        with chain_faults(self._url):
            return int(self.rpc.call("eth_chainId", []), 16)

    def _header(self, block: str) -> dict[str, Any]:
        header = self.rpc.call("eth_getBlockByNumber", [block, False], _of_header)
        if not isinstance(header, dict):
            raise UnreachableError(f"the node has no block {block}", remedy="ask an archive node")
        return header

    def require_unmoved(self) -> None:
        """UnreachableError if the chain has another block now where `last` was: what was read is of two chains."""
        self._take_all()
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

    def logs(self, addresses: Sequence[str], first: int, last: int) -> Any:
        """What `eth_getLogs` gives of these addresses in blocks first to last."""
        wanted = {"address": list(addresses), "fromBlock": hex(first), "toBlock": hex(last)}
        return self.rpc.call("eth_getLogs", [wanted], _of_logs)

    def prefetch(self, blocks: Iterable[int], transactions: Iterable[str]) -> None:
        """Read the times of blocks, and transactions, with few requests; what was read before is forgotten.

        The transactions arrive while others are replayed: waiting for the node costs as much as the replay.
        """
        self._take_all()
        self._times = {self.last: self._times[self.last]}
        self._transactions.clear()
        self._calls.clear()
        numbers = [number for number in dict.fromkeys(blocks) if number != self.last]
        hashes = list(dict.fromkeys(transactions))
        headers = self.rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers], _of_header)
        with chain_faults(self._url):
            self._times |= {
                number: int(header["timestamp"], 16) for number, header in zip(numbers, headers, strict=True)
            }
        self._wanted.extend(hashes[start : start + BATCH] for start in range(0, len(hashes), BATCH))
        self._send()

    def _send(self) -> None:
        while self._wanted and len(self._coming) < _AHEAD:
            self._coming.append(self._thread.submit(self._read_ahead, self._wanted.popleft()))

    def _read_ahead(self, hashes: list[str]) -> _Ahead:
        self._heard = []
        found = self._rpc_ahead.batch([("eth_getTransactionByHash", [name]) for name in hashes], _of_transaction)
        return dict(zip(hashes, found, strict=True)), self._heard

    def _take(self) -> None:
        """Take the answer that comes next."""
        found, heard = self._coming.popleft().result()
        self._send()
        for name, transaction in found.items():
            self._transactions[name] = transaction if isinstance(transaction, dict) else None
        for node, call in heard:
            self._differs(node, call)

    def _take_all(self) -> None:
        while self._coming:
            self._take()

    def hash_of(self, block: int) -> str:
        """A block's hash."""
        with chain_faults(self._url):
            return str(self._header(hex(block))["hash"])

    def code_of(self, address: str) -> bytes:
        """Runtime code at the last block."""
        with chain_faults(self._url):
            return bytes.fromhex(self.rpc.call("eth_getCode", [address, hex(self.last)])[2:])

    def codes_of(self, addresses: Sequence[str]) -> list[bytes]:
        """Runtime code of several accounts at the last block."""
        with chain_faults(self._url):
            return [
                bytes.fromhex(code[2:])
                for code in self.rpc.batch([("eth_getCode", [address, hex(self.last)]) for address in addresses])
            ]

    def views(self, contract: str, asked: Sequence[Asked]) -> list[tuple[Any, ...] | str]:
        """What views of contracts answer at the last block; words where one answers nothing that fits.

        contract: whose ABI; asked: (address, function, arguments) each.
        """
        calls = [
            ("eth_call", [{"to": address, "data": view(contract, function).data(*arguments)}, hex(self.last)])
            for address, function, arguments in asked
        ]
        found: list[tuple[Any, ...] | str] = []
        with chain_faults(self._url):
            for (_, function, _), answer in zip(asked, self.rpc.batch(calls, strict=False), strict=True):
                if isinstance(answer, UnreachableError):
                    found.append(f"unreadable: {answer.what}")
                    continue
                values = view(contract, function).answer(answer)
                found.append(f"unreadable: {answer[:80]}" if values is None else values)
        return found

    def transaction(self, tx_hash: str) -> dict[str, Any] | None:
        """A transaction as the node gives it, None if it knows none."""
        while tx_hash not in self._transactions and self._coming:
            self._take()
        if tx_hash not in self._transactions:
            found = self.rpc.call("eth_getTransactionByHash", [tx_hash], _of_transaction)
            self._transactions[tx_hash] = found if isinstance(found, dict) else None
        return self._transactions[tx_hash]

    def created(self, tx_hash: str) -> tuple[str, int] | None:
        """Address of the contract that a transaction created, and in which block; None if it created none."""
        receipt = self.rpc.call("eth_getTransactionReceipt", [tx_hash], _of_receipt)
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
                frames = list(self._frames(self.rpc.first("debug_traceTransaction", [tx_hash, _CALL_TRACER])))
            except UnreachableError:
                return []
        with chain_faults(self._url):
            decoded = [
                (frame["from"], decode_call("FilingRegistry", bytes.fromhex(frame["input"][2:]))) for frame in frames
            ]
        return [call for sender, found in decoded if found is not None for call in single_calls(sender, *found)]

    def accepts(self, operator: str, digest: bytes, signature: bytes, block: int) -> bool | str:
        """Whether the contract at `operator` accepts the signature by ERC-1271 as of the end of `block`.

        A string if the node can't say, as without the state of that block.
        """
        question = _IS_VALID + encode(["bytes32", "bytes"], [digest, signature])
        try:
            if self.rpc.call("eth_getCode", [operator, hex(block)]) in ("0x", "0x0"):
                return False
            answer = self.rpc.call("eth_call", [{"to": operator, "data": "0x" + question.hex()}, hex(block)])
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


# What nodes have to agree on: the rest of an answer is theirs (some add fields).


def _picked(found: Any, keys: tuple[str, ...]) -> Any:
    return tuple(found.get(key) for key in keys) if isinstance(found, dict) else found


def _of_header(found: Any) -> Any:
    return _picked(found, ("number", "hash", "timestamp"))


def _of_transaction(found: Any) -> Any:
    return _picked(found, ("hash", "blockHash", "from", "to", "input"))


def _of_receipt(found: Any) -> Any:
    return _picked(found, ("contractAddress", "blockNumber", "status"))


def _of_logs(found: Any) -> Any:
    keys = ("address", "topics", "data", "blockNumber", "transactionHash", "transactionIndex", "logIndex")
    return [_picked(one, keys) for one in found] if isinstance(found, list) else found


_CALL_TRACER = {"tracer": "callTracer"}

#: Selector of ERC-1271's `isValidSignature(bytes32,bytes)`, which is also its answer for "yes".
_IS_VALID = bytes.fromhex("1626ba7e")


def single_calls(sender: str, name: str, arguments: tuple[Any, ...]) -> Iterator[Call]:
    """A call as it is, a batch as the approvals it is made of."""
    if name == "approveBatch":
        for approval, signatures in zip(*arguments, strict=True):
            yield sender, "approve", (approval, signatures)
    else:
        yield sender, name, arguments
