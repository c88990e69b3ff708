"""Revert data to words: the custom errors of this project's contracts with their values."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address

from oracle.chain.artifacts import abi
from oracle.domain.canonical import keccak256

__all__ = ["explain_revert", "explain_selector", "revert_name"]

_CONTRACTS = ("FilingRegistry", "AssetBackedToken", "TrancheFactory")

#: First second of the year 10000, which a calendar date can't show.
_END_OF_CALENDAR = 253_402_300_800
_TIMES = ("validAfter", "validUntil", "timestamp", "latest", "readyAt")

#: Selectors of Solidity's own `Error(string)` and `Panic(uint256)`.
_ERROR = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")

_REMEDIES = {
    "TokenNotApproved": "no approval names this token: collect one with `filing-gate approve`",
    "FilingNotStarted": "wait until the window opens",
    "FilingExpired": "the approval ran out: renew it with `filing-gate resume` or `approve`",
    "FilingIsSuspended": "an operator suspended the filing: `filing-gate status` shows why; a quorum can resume it",
    "FilingIsFinal": "the filing is revoked or completed and stays so",
    "CapExceeded": "mint less, or file and approve a higher cap",
    "AccessControlUnauthorizedAccount": "send from an account that holds the role",
    "OwnableUnauthorizedAccount": "send from the registry's owner",
    "NotReady": "wait until then and apply it again",
    "NotAnnounced": "announce the change first; a change of its operators voids an announcement, and so do 30 days",
    "AlreadyAnnounced": "apply it from then on, or cancel it first",
    "DuplicateOperator": "this account is an operator already: `filing-gate committee show`",
    "InvalidThreshold": "name a number from 1 to that of the operators",
    "SeatCountedTwice": "leave out the signature of the operator who was replaced",
    "EnforcedPause": "the token is paused: a holder of its pauser role can lift that",
    "ERC7943CannotReceive": "put the receiver on the token's allow-list",
    "ERC7943CannotSend": "put the sender on the token's allow-list",
    "WrongSequence": "the filing changed meanwhile: collect signatures for the next sequence",
}


@cache
def _errors() -> dict[bytes, dict[str, Any]]:
    found: dict[bytes, dict[str, Any]] = {}
    for contract in _CONTRACTS:
        for entry in abi(contract):
            if entry["type"] == "error":
                types = ",".join(collapse_if_tuple(item) for item in entry["inputs"])
                found[keccak256(f"{entry['name']}({types})".encode())[:4]] = entry
    return found


def explain_selector(selector: bytes) -> str:
    """The name of the error with this 4-byte selector, or its hex."""
    entry = _errors().get(selector)
    return str(entry["name"]) if entry else "0x" + selector.hex()


def revert_name(data: bytes) -> str:
    """The error in revert data by its name alone: a custom error's, `Error("…")`, `Panic(0x…)`.

    `0x…` for a selector that no contract here has, `no reason` for no data. Text is cut to 80 characters.
    """
    if not data:
        return "no reason"
    try:
        if data[:4] == _ERROR:
            return f"Error({decode(['string'], data[4:])[0][:80]!a})"
        if data[:4] == _PANIC:
            return f"Panic({decode(['uint256'], data[4:])[0]:#x})"
    except (DecodingError, UnicodeDecodeError):
        return "0x" + data[:4].hex()
    return explain_selector(data[:4])


def _shown(entry: dict[str, Any], value: Any) -> str:
    if entry["type"] == "address":
        return str(to_checksum_address(value))
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, str):
        return value if value.isprintable() else ascii(value)
    if entry["name"] in _TIMES and isinstance(value, int) and value < _END_OF_CALENDAR:
        return f"{value} = {datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S}Z"
    return str(value)


def explain_revert(data: bytes | str | None) -> str:
    """One sentence for revert data: error name, values, remedy. Unknown data is shown as hex, cut to 200 characters."""
    try:
        raw = bytes.fromhex(data.removeprefix("0x")) if isinstance(data, str) else (data or b"")
    except ValueError:
        return f"reverted with unknown data {ascii(data)[1:-1][:200]}"
    if not raw:
        return "reverted without a reason"
    entry = _errors().get(raw[:4])
    if raw[:4] == _ERROR:
        entry = {"name": "Error", "inputs": [{"name": "message", "type": "string"}]}
    elif raw[:4] == _PANIC:
        entry = {"name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]}
    if entry is None:
        return f"reverted with unknown data 0x{raw.hex()[:200]}"
    try:
        values = decode([collapse_if_tuple(item) for item in entry["inputs"]], raw[4:])
    except (DecodingError, UnicodeDecodeError):
        return f"reverted with {entry['name']} and undecodable values"
    shown = ", ".join(
        f"{item['name']}={_shown(item, value)}" for item, value in zip(entry["inputs"], values, strict=True)
    )
    remedy = _REMEDIES.get(entry["name"])
    return f"{entry['name']}({shown})" + (f": {remedy}" if remedy else "")
