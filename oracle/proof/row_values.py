"""Values of a database's rows as a node writes them; whatever else is there is said to be unfit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oracle.domain.canonical import parse_json
from oracle.signing.recovery import InvalidSignature, recover

__all__ = ["Unfit", "json_of", "signer_fault", "value_of"]


class Unfit(Exception):
    """A value that no node writes."""


def value_of(row: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    """A column's value if it is of that type, else Unfit."""
    value = row[name]
    if kind is bytes and isinstance(value, memoryview):
        value = bytes(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Unfit(f"{name} is not of type {kind.__name__}")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise Unfit(f"{name} is not UTF-8 text") from None
    return value


def json_of(row: Mapping[str, Any], name: str, kind: type[Any] = dict) -> Any:
    """A column's JSON if it is of that type, else Unfit; InputError for what is no JSON."""
    value = row[name]
    data = value if isinstance(value, bytes) else str(value_of(row, name, str)).encode("utf-8")
    found = parse_json(data, what=name)
    if not isinstance(found, kind):
        raise Unfit(f"{name} is not a JSON {kind.__name__}")
    return found


def signer_fault(digest: bytes, signature: str, expected: str | None) -> str | None:
    """Why a 0x-hex signature is not `expected`'s; None if it is."""
    try:
        found = recover(digest, bytes.fromhex(signature.removeprefix("0x")))
    except (InvalidSignature, ValueError) as error:
        return f"not a signature: {error}"
    return None if found == expected else f"the signature is {found}'s, not {expected}'s"
