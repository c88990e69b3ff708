"""Canonical bytes and their hash: RFC 8785 (JCS), keccak256.

The same content gives the same bytes everywhere, so operators who read the same publication sign the same hash.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
import rfc8785
from sha3 import keccak_256

from oracle.errors import InputError

__all__ = ["MAX_SAFE_INTEGER", "canonical_bytes", "canonical_hash", "exact", "keccak256", "parse_json"]

#: Largest integer an I-JSON number carries exactly (RFC 7493 2.2); larger ones are written as decimal strings.
MAX_SAFE_INTEGER = 2**53 - 1


#: A value that holds itself would be walked for ever.
_MOST_CONTAINERS = 1_000_000


def keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 digest that Ethereum uses (not NIST SHA3-256)."""
    digest: bytes = keccak_256(data).digest()
    return digest


def exact(data: bytes) -> bytes:
    """The same bytes in no more room than they need: what orjson gives takes up to 13 times as much for as long."""
    return bytes(memoryview(data))


def _prepared(value: Any, path: str) -> Any:
    if isinstance(value, orjson.Fragment):
        return orjson.loads(value.contents)
    if isinstance(value, float):
        raise InputError(
            "a float cannot be hashed exactly",
            where=path or "(top)",
            remedy='write decimals as a string, e.g. "100.50"',
        )
    if isinstance(value, dict):
        return {key: _prepared(item, f"{path}.{key}" if path else key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_prepared(item, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_SAFE_INTEGER:
        return str(value)
    return value


def _plain(value: Any) -> bool:
    """Whether orjson writes the value as RFC 8785 does: keys that sort alike as UTF-8 and as UTF-16, and nothing
    but texts, true, false, null and integers that need no string."""
    waiting, left = [value], _MOST_CONTAINERS
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind is str or item is None or kind is bool or kind is orjson.Fragment:
            continue
        if kind is dict:
            for key in item:
                if type(key) is not str or not (key.isascii() or max(key) < "\ud800"):
                    return False
            waiting += item.values()
            left -= 1
        elif kind is list or kind is tuple:
            waiting += item
            left -= 1
        elif kind is not int or not -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER:
            return False
        if left < 0:
            return False
    return True


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON-ready value. Integers beyond 2^53 - 1 become strings.

    Parts that are canonical already may stand in it as `orjson.Fragment`.

    Raises InputError for a float (with its path) and for what JSON cannot carry.
    """
    if _plain(value):
        try:
            return exact(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
        except orjson.JSONEncodeError:
            pass  # a lone surrogate, or nested too deeply: told below
    try:
        return rfc8785.dumps(_prepared(value, ""))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InputError(f"cannot be hashed: {error}", remedy="use plain JSON values and valid Unicode") from None
    except RecursionError:
        raise InputError("nested too deeply to be hashed", remedy="send a plain document") from None


def canonical_hash(value: Any) -> bytes:
    """keccak256 of the canonical bytes, 32 bytes."""
    return keccak256(canonical_bytes(value))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InputError("the key stands twice in one object", where=key, remedy="keep one of them")
        found[key] = value
    return found


def _constant(name: str) -> Any:
    raise InputError(f"{name} is not a JSON value", remedy="remove it")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)


def parse_json(data: bytes, *, what: str) -> Any:
    """JSON bytes to a value, refusing duplicate keys, NaN/Infinity, bad UTF-8 and absurd nesting.

    Raises InputError that names `what` (a file or a request body).
    """
    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise json.JSONDecodeError("a byte order mark (BOM) stands", text, 0)
        return _STRICT.decode(text)
    except InputError as error:
        raise InputError(error.what, where=f"{what}: {error.where or 'value'}", remedy=error.remedy) from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 at byte {error.start}", where=what, remedy="save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"not JSON: {error.msg.removesuffix(' at')} at line {error.lineno} column {error.colno}",
            where=what,
            remedy="correct that line",
        ) from None
    except (RecursionError, ValueError):  # nesting too deep, or an integer with thousands of digits
        raise InputError(
            "nested too deeply, or a number is too long", where=what, remedy="send a plain document"
        ) from None
