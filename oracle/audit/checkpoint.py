"""An audit that was broken off, kept in a file: what was replayed up to a block, to go on from there.

The file is the auditor's own. It is JSON and holds values only, never code; one that was made by another version, for
another deployment or on another fork is not used.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from oracle.audit.committee_history import CommitteeHistory
from oracle.audit.findings import AuditFinding
from oracle.audit.history import FilingHistory, TrancheHistory
from oracle.audit.timeline import Minted, Timeline
from oracle.domain.approval import OnChainStatus
from oracle.errors import InputError

__all__ = ["read_checkpoint", "write_checkpoint"]

_CLASSES: dict[str, type[Any]] = {
    made.__name__: made for made in (AuditFinding, CommitteeHistory, FilingHistory, Minted, Timeline, TrancheHistory)
}


def _plain(value: Any) -> Any:
    """JSON for a value; what JSON does not have stands in an object with one key."""
    if isinstance(value, OnChainStatus):
        return {"status": int(value)}
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, dict):
        return {"map": [[_plain(key), _plain(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_plain(item) for item in value]}
    if isinstance(value, set):
        return {"set": [_plain(item) for item in value]}
    if type(value).__name__ in _CLASSES:
        fields = {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
        return {"object": type(value).__name__, "fields": fields}
    raise TypeError(f"{type(value).__name__} has no place in a checkpoint")


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_value(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    match plain:
        case {"status": int(number)}:
            return OnChainStatus(number)
        case {"bytes": str(digits)}:
            return bytes.fromhex(digits)
        case {"map": list(items)}:
            return {_value(key): _value(item) for key, item in items}
        case {"tuple": list(items)}:
            return tuple(_value(item) for item in items)
        case {"set": list(items)}:
            return {_value(item) for item in items}
        case {"object": str(name), "fields": dict(fields)}:
            return _CLASSES[name](**{key: _value(item) for key, item in fields.items()})
    raise ValueError(f"an object with the keys {', '.join(map(str, plain))[:80]}")


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replace the file at once: a reader finds the old one or the new one."""
    text = json.dumps(_plain(state))
    new = path.with_name(path.name + ".new")
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=str(path), remedy="choose another file"
        ) from None


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """What was written; None if there is no file. InputError for a file that is none of ours."""
    try:
        found = _value(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), remedy="check its permissions") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"not a checkpoint of an audit: {error}", where=str(path), remedy="delete the file") from None
    if not isinstance(found, dict):
        raise InputError("not a checkpoint of an audit", where=str(path), remedy="delete the file")
    return found
