"""ABI decoding by direct slicing, for logs and call data in bulk.

A decoder is made once for a list of types and then cuts the bytes at known places. It takes only what the compiler
encodes; for anything else it raises `NotPlain`, and the general decoder (`eth_abi`) says what the bytes are, so there
is one judgement of strange bytes and not two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

__all__ = ["Decoder", "NotPlain", "decoder_of"]

#: (bytes, where its encoding begins) -> value, as `eth_abi` gives it: addresses as lower-case 0x-hex, arrays as tuples.
Decoder = Callable[[bytes, int], Any]

_ZEROS = bytes(32)


class NotPlain(ValueError):
    """The bytes are not what the compiler would have encoded."""


def _refuse() -> NoReturn:
    raise NotPlain


def decoder_of(items: Sequence[Mapping[str, Any]]) -> Callable[[bytes], tuple[Any, ...]]:
    """Decodes the encoding of these ABI inputs (objects with `type` and, of a tuple, `components`).

    The function made raises NotPlain. ValueError here for a type that the contracts of this project don't have.
    """
    _, whole = _tuple([_decoder(item) for item in items])

    def decode(data: bytes) -> tuple[Any, ...]:
        found: tuple[Any, ...] = whole(data, 0)
        return found

    return decode


#: (bytes of its head if it is static, else 0; its decoder)
_Made = tuple[int, Decoder]


def _decoder(item: Mapping[str, Any]) -> _Made:
    kind = str(item["type"])
    if kind.endswith("[]"):
        return 0, _array(_decoder({**item, "type": kind[:-2]}))
    if kind == "tuple":
        return _tuple([_decoder(part) for part in item["components"]])
    if kind == "address":
        return 32, _address
    if kind == "bool":
        return 32, _bool
    if kind in ("bytes", "string"):
        return 0, _bytes if kind == "bytes" else _string
    if kind.startswith("uint"):
        return 32, _uint(int(kind[4:]))
    if kind.startswith("bytes"):
        return 32, _fixed(int(kind[5:]))
    raise ValueError(f"no decoder for {kind}")


def _address(data: bytes, at: int) -> str:
    word = data[at : at + 32]
    if len(word) != 32 or word[:12] != _ZEROS[:12]:
        _refuse()
    return "0x" + word[12:].hex()


def _bool(data: bytes, at: int) -> bool:
    word = data[at : at + 32]
    if len(word) != 32 or word[:31] != _ZEROS[:31] or word[31] > 1:
        _refuse()
    return word[31] == 1


def _uint(bits: int) -> Decoder:
    free = 32 - bits // 8
    zeros = bytes(free)

    def decode(data: bytes, at: int) -> int:
        word = data[at : at + 32]
        if len(word) != 32 or word[:free] != zeros:
            _refuse()
        return int.from_bytes(word, "big")

    return decode


def _fixed(size: int) -> Decoder:
    zeros = bytes(32 - size)

    def decode(data: bytes, at: int) -> bytes:
        word = data[at : at + 32]
        if len(word) != 32 or word[size:] != zeros:
            _refuse()
        return word[:size]

    return decode


def _number(data: bytes, at: int) -> int:
    """An offset or a length: never more than the bytes there are."""
    word = data[at : at + 32]
    number = int.from_bytes(word, "big")
    if len(word) != 32 or number > len(data):
        _refuse()
    return number


def _bytes(data: bytes, at: int) -> bytes:
    size = _number(data, at)
    padded = -size % 32
    content = data[at + 32 : at + 32 + size + padded]
    if len(content) != size + padded or content[size:] != _ZEROS[:padded]:
        _refuse()
    return content[:size]


def _string(data: bytes, at: int) -> str:
    try:
        return _bytes(data, at).decode("utf-8")
    except UnicodeDecodeError:
        _refuse()


def _array(element: _Made) -> Decoder:
    size, decode = element
    stride = size or 32

    def array(data: bytes, at: int) -> tuple[Any, ...]:
        count = _number(data, at)
        first = at + 32
        if first + count * stride > len(data):
            _refuse()
        if size:
            return tuple([decode(data, first + index * stride) for index in range(count)])
        return tuple([decode(data, first + _number(data, first + index * 32)) for index in range(count)])

    return array


def _tuple(parts: Sequence[_Made]) -> _Made:
    places, head = [], 0
    for size, decode in parts:
        places.append((head, size == 0, decode))
        head += size or 32
    dynamic = any(of_its_own for _, of_its_own, _ in places)

    def plain(data: bytes, at: int) -> tuple[Any, ...]:
        return tuple([decode(data, at + place) for place, _, decode in places])

    def pointed(data: bytes, at: int) -> tuple[Any, ...]:
        return tuple(
            [
                decode(data, at + (_number(data, at + place) if of_its_own else place))
                for place, of_its_own, decode in places
            ]
        )

    return (0, pointed) if dynamic else (head, plain)
