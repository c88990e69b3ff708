"""Events of registry and tokens, read with plain JSON-RPC and decoded from the ABI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from web3 import Web3

from oracle.chain.abi_words import NotPlain, decoder_of
from oracle.chain.artifacts import abi
from oracle.chain.rpc import chain_faults, raw_call
from oracle.domain.address import eip55
from oracle.domain.canonical import keccak256
from oracle.errors import UnreachableError

__all__ = ["Event", "decode_call", "decode_log", "log_windows", "read_events"]

#: Blocks asked for at once: what public nodes take.
WINDOW = 5_000

#: In the beginning, when nobody knows how full they are: an answer must not fill the memory. And at most.
FIRST_BLOCKS = 500
MOST_BLOCKS = 1_000_000

#: An answer with fewer logs lets the window grow, one with more lets it shrink.
FEW_LOGS = 1_000
MANY_LOGS = 8_000

#: So many answers after a refusal a greater window is tried again.
GROW_AFTER = 16


@dataclass(frozen=True)
class Event:
    """One log: its name, named values (bytes as bytes, addresses in EIP-55 form) and place."""

    name: str
    address: str
    values: dict[str, Any]
    block: int
    transaction: str
    transaction_index: int
    log_index: int

    @property
    def place(self) -> tuple[int, int]:
        """Order of events on a chain."""
        return self.block, self.log_index


class _Shape:
    """How one event of the ABI is read: from its topics, and from its data."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.name = str(entry["name"])
        indexed = [item for item in entry["inputs"] if item["indexed"]]
        plain = [item for item in entry["inputs"] if not item["indexed"]]
        self._topics = [(item["name"], _presented(item["type"]), *_decoders([item])) for item in indexed]
        self._names = [(item["name"], _presented(item["type"])) for item in plain]
        self._plain, self._any = _decoders(plain)

    def values(self, topics: list[str], data: str) -> dict[str, Any] | None:
        """The named values, or None if the log only shares the event's signature: other fields may be indexed."""
        try:
            values = {
                name: present(_either(plain, any_, bytes.fromhex(topic[2:]))[0])
                for (name, present, plain, any_), topic in zip(self._topics, topics[1:], strict=True)
            }
            rest = _either(self._plain, self._any, bytes.fromhex(data[2:]))
        except (DecodingError, ValueError):
            return None
        for (name, present), value in zip(self._names, rest, strict=True):
            values[name] = present(value)
        return values


Decode = Callable[[bytes], tuple[Any, ...]]


def _decoders(items: list[dict[str, Any]]) -> tuple[Decode, Decode]:
    """The quick decoder of what the compiler encodes, and the one that judges any bytes."""
    types = [collapse_if_tuple(item) for item in items]
    return decoder_of(items), lambda data: tuple(decode(types, data))


def _either(plain: Decode, any_: Decode, data: bytes) -> tuple[Any, ...]:
    try:
        return plain(data)
    except NotPlain:
        return any_(data)


def _presented(kind: str) -> Callable[[Any], Any]:
    if kind == "address":
        return lambda value: eip55(bytes.fromhex(value[2:]))
    if kind == "address[]":
        return lambda value: [eip55(bytes.fromhex(item[2:])) for item in value]
    return lambda value: value


@cache
def _event_types(contract: str) -> dict[str, _Shape]:
    found = {}
    for entry in abi(contract):
        if entry["type"] == "event":
            types = ",".join(collapse_if_tuple(item) for item in entry["inputs"])
            found["0x" + keccak256(f"{entry['name']}({types})".encode()).hex()] = _Shape(entry)
    return found


def decode_log(contract: str, log: dict[str, Any]) -> tuple[Event, bool] | None:
    """The event and whether its values fit the ABI (if not, it has none); None for an event of another name.

    `log` is an object of `eth_getLogs`; KeyError, TypeError or ValueError if it is none.
    """
    shape = _event_types(contract).get(log["topics"][0]) if log["topics"] else None
    if shape is None:
        return None
    values = shape.values(log["topics"], log["data"])
    event = Event(
        shape.name,
        eip55(bytes.fromhex(log["address"][2:])),
        values or {},
        int(log["blockNumber"], 16),
        log["transactionHash"],
        int(log["transactionIndex"], 16),
        int(log["logIndex"], 16),
    )
    return event, values is not None


def log_windows(
    ask: Callable[[int, int], Any], first: int, last: int
) -> Iterator[tuple[int, int, list[dict[str, Any]]]]:
    """(first block, last block, logs) until all blocks are read; `ask` gives the logs of blocks from … to ….

    The window halves when the node refuses it and grows again while answers are small: nodes bound the blocks of a
    question, the logs of an answer, or both. UnreachableError if a single block is refused.
    """
    start, width, most, taken = first, FIRST_BLOCKS, MOST_BLOCKS, 0
    while start <= last:
        end = min(start + width - 1, last)
        try:
            logs = ask(start, end)
        except UnreachableError:
            if start == end:
                raise
            most = width = max(1, (end - start + 1) // 2)
            taken = 0
            continue
        if not isinstance(logs, list):
            raise TypeError("the logs are no list")
        yield start, end, logs
        start, taken = end + 1, taken + 1
        if taken == GROW_AFTER:  # what was refused may have been too much at that moment only
            most, taken = min(most * 2, MOST_BLOCKS), 0
        if len(logs) < FEW_LOGS:
            width = min(width * 2, most)
        elif len(logs) > MANY_LOGS:
            width = max(1, width // 2)


def read_events(
    w3: Web3,
    contract: str,
    addresses: Iterable[str],
    first: int,
    last: int,
    misfits: list[Event] | None = None,
    topics: list[str | None] | None = None,
) -> list[Event]:
    """All events of a contract type at these addresses in blocks first to last, in chain order.

    `topics` narrows as in `eth_getLogs`: 0x-hex of 32 bytes at each place, None for any.

    A log with the signature of one of the events whose values don't fit the ABI goes to `misfits`, without values; if
    that is None it raises UnreachableError.
    """
    found: list[Event] = []
    wanted: dict[str, Any] = {"address": list(addresses)}
    if not wanted["address"]:  # a filter without addresses would mean every contract
        return found
    if topics is not None:
        wanted["topics"] = topics

    def ask(start: int, end: int) -> Any:
        return raw_call(w3, "eth_getLogs", [{**wanted, "fromBlock": hex(start), "toBlock": hex(end)}])

    with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
        for log in (log for _, _, logs in log_windows(ask, first, last) for log in logs):
            decoded = decode_log(contract, log)
            if decoded is None:
                continue
            event, fits = decoded
            if fits:
                found.append(event)
            elif misfits is not None:
                misfits.append(event)
            else:
                raise UnreachableError(
                    f"a log named {event.name} doesn't fit the ABI",
                    where=f"transaction {event.transaction}",
                    remedy="check that the address is a contract of this project",
                )
    return sorted(found, key=lambda event: event.place)


@cache
def _functions(contract: str) -> dict[bytes, tuple[str, Decode, Decode]]:
    found = {}
    for entry in abi(contract):
        if entry["type"] == "function":
            types = ",".join(collapse_if_tuple(item) for item in entry["inputs"])
            selector = keccak256(f"{entry['name']}({types})".encode())[:4]
            found[selector] = (str(entry["name"]), *_decoders(entry["inputs"]))
    return found


def decode_call(contract: str, data: bytes) -> tuple[str, tuple[Any, ...]] | None:
    """Function name and arguments of call data, or None if it is no call of this contract."""
    found = _functions(contract).get(data[:4])
    if found is None:
        return None
    name, plain, any_ = found
    try:
        return name, _either(plain, any_, data[4:])
    except DecodingError:
        return None
