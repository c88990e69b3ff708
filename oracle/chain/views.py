"""Reading a contract's state in bulk: call data of a view, and what it answered."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple

from oracle.chain.abi_words import NotPlain, decoder_of
from oracle.chain.artifacts import abi
from oracle.domain.canonical import keccak256

__all__ = ["View", "view"]


class View:
    """One view function of a contract of this project."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self._inputs = [collapse_if_tuple(item) for item in entry["inputs"]]
        self._outputs = [collapse_if_tuple(item) for item in entry["outputs"]]
        self._selector = keccak256(f"{entry['name']}({','.join(self._inputs)})".encode())[:4]
        self._plain: Callable[[bytes], tuple[Any, ...]] = decoder_of(entry["outputs"])

    def data(self, *arguments: Any) -> str:
        """The call data, 0x-hex."""
        return "0x" + (self._selector + encode(self._inputs, arguments)).hex()

    def answer(self, returned: str) -> tuple[Any, ...] | None:
        """The values that 0x-hex of the answer holds; None if it holds others, or none."""
        data = bytes.fromhex(returned[2:])
        try:
            return self._plain(data)
        except NotPlain:
            pass
        try:
            return tuple(decode(self._outputs, data))
        except (DecodingError, ValueError):
            return None


@cache
def view(contract: str, function: str) -> View:
    """A view by its name. KeyError if the contract has none of this name."""
    for entry in abi(contract):
        if entry["type"] == "function" and entry["name"] == function:
            return View(entry)
    raise KeyError(function)
