"""Events of registry and tokens, read with plain JSON-RPC and decoded from the ABI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from web3 import Web3

from oracle.chain.artifacts import abi
from oracle.chain.rpc import chain_faults, raw_call
from oracle.domain.canonical import keccak256
from oracle.errors import UnreachableError

__all__ = ["Event", "decode_call", "read_events"]

#: Blocks asked for at once; halved when a node refuses.
WINDOW = 5_000


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


@cache
def _event_types(contract: str) -> dict[str, dict[str, Any]]:
    found = {}
    for entry in abi(contract):
        if entry["type"] == "event":
            types = ",".join(collapse_if_tuple(item) for item in entry["inputs"])
            found["0x" + keccak256(f"{entry['name']}({types})".encode()).hex()] = entry
    return found


def _value(kind: str, value: Any) -> Any:
    if kind == "address":
        return str(to_checksum_address(value))
    if kind == "address[]":
        return [str(to_checksum_address(item)) for item in value]
    return value


def _values(entry: dict[str, Any], log: dict[str, Any]) -> dict[str, Any] | None:
    """The named values, or None if the log only shares the event's signature: other fields may be indexed."""
    try:
        indexed = [item for item in entry["inputs"] if item["indexed"]]
        plain = [item for item in entry["inputs"] if not item["indexed"]]
        values = {
            item["name"]: _value(item["type"], decode([item["type"]], bytes.fromhex(topic[2:]))[0])
            for item, topic in zip(indexed, log["topics"][1:], strict=True)
        }
        decoded = decode([collapse_if_tuple(item) for item in plain], bytes.fromhex(log["data"][2:]))
    except (DecodingError, ValueError):
        return None
    return values | {item["name"]: _value(item["type"], value) for item, value in zip(plain, decoded, strict=True)}


def _decoded(contract: str, log: dict[str, Any]) -> tuple[Event, bool] | None:
    """The event and whether its values fit the ABI (if not, it has none); None for an event of another name."""
    entry = _event_types(contract).get(log["topics"][0]) if log["topics"] else None
    if entry is None:
        return None
    values = _values(entry, log)
    event = Event(
        entry["name"],
        str(to_checksum_address(log["address"])),
        values or {},
        int(log["blockNumber"], 16),
        log["transactionHash"],
        int(log["transactionIndex"], 16),
        int(log["logIndex"], 16),
    )
    return event, values is not None


def _windows(w3: Web3, wanted: dict[str, Any], first: int, last: int) -> Iterator[dict[str, Any]]:
    start, width = first, min(WINDOW, max(1, last - first + 1))
    while start <= last:
        end = min(start + width - 1, last)
        try:
            logs = raw_call(w3, "eth_getLogs", [{**wanted, "fromBlock": hex(start), "toBlock": hex(end)}])
        except UnreachableError:
            if width == 1:
                raise
            width = max(1, width // 2)
            continue
        if not isinstance(logs, list):
            raise TypeError("the logs are no list")
        yield from logs
        start = end + 1


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
    with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
        for log in _windows(w3, wanted, first, last):
            decoded = _decoded(contract, log)
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
def _functions(contract: str) -> dict[bytes, dict[str, Any]]:
    found = {}
    for entry in abi(contract):
        if entry["type"] == "function":
            types = ",".join(collapse_if_tuple(item) for item in entry["inputs"])
            found[keccak256(f"{entry['name']}({types})".encode())[:4]] = entry
    return found


def decode_call(contract: str, data: bytes) -> tuple[str, tuple[Any, ...]] | None:
    """Function name and arguments of call data, or None if it is no call of this contract."""
    entry = _functions(contract).get(data[:4])
    if entry is None:
        return None
    try:
        return entry["name"], decode([collapse_if_tuple(item) for item in entry["inputs"]], data[4:])
    except DecodingError:
        return None
