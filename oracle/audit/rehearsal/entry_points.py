"""Who may call what: every function of this build that changes state, and what a stranger gets from it."""

from __future__ import annotations

from oracle.audit.rehearsal.stage import signature_of
from oracle.chain.artifacts import abi
from oracle.domain.canonical import keccak256

__all__ = ["GUARDED", "PUBLIC", "entries_in_code", "entry_signatures", "selectors", "unlisted"]

_OWNER = "OwnableUnauthorizedAccount"
_ROLE = "AccessControlUnauthorizedAccount"
_APPROVAL = "(bytes32,(address,uint256,uint8)[],bytes32,bytes32,bytes32,uint64,uint64,uint64)"
_SIGNATURE = "(address,bytes)"

#: Contract -> function -> the error that keeps a stranger out.
GUARDED: dict[str, dict[str, str]] = {
    "FilingRegistry": {
        "acceptOwnership()": _OWNER,
        "announceOperator(address,address)": _OWNER,
        "announceSuccessor(address)": _OWNER,
        "announceThreshold(uint256)": _OWNER,
        "applyOperator(address,address)": _OWNER,
        "applyThreshold()": _OWNER,
        "cancelOperator(address,address)": _OWNER,
        "cancelThreshold()": _OWNER,
        "raiseThreshold(uint256)": _OWNER,
        "removeOperator(address)": _OWNER,
        "suspend(bytes32,bytes32)": "NotAnOperator",
        "suspendBySig((bytes32,uint64,bytes32),(address,bytes))": "NotAnOperator",
        "transferOwnership(address)": _OWNER,
    },
    "AssetBackedToken": {
        "forcedTransfer(address,address,uint256)": _ROLE,
        "grantRole(bytes32,address)": _ROLE,
        "mint(address,uint256)": _ROLE,
        "mintBatch(address[],uint256[])": _ROLE,
        "pause()": _ROLE,
        "removeDocument(bytes32)": _ROLE,
        "renounceRole(bytes32,address)": "AccessControlBadConfirmation",
        "revokeRole(bytes32,address)": _ROLE,
        "setAllowed(address[],bool)": _ROLE,
        "setDocument(bytes32,string,bytes32)": _ROLE,
        "setFrozenTokens(address,uint256)": _ROLE,
        "unpause()": _ROLE,
    },
    "TrancheFactory": {},
}

#: Contract -> function open to anybody by design -> what somebody gets who has no signatures, no tokens, no allowance.
#: `(moving)` stands for the error that the token's transfer rules give first.
PUBLIC: dict[str, dict[str, str]] = {
    "FilingRegistry": {
        f"approve({_APPROVAL},{_SIGNATURE}[])": "WrongSignatureCount",
        f"approveBatch({_APPROVAL}[],{_SIGNATURE}[][])": "WrongSignatureCount",
        "consume(uint256)": "TokenNotApproved",
        f"update((bytes32,uint8,bytes32,uint64,uint64,bytes32),{_SIGNATURE}[])": "UnknownFiling",
    },
    "AssetBackedToken": {
        "approve(address,uint256)": "accepted",
        "burn(uint256)": "(moving)",
        "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)": "ERC2612InvalidSigner",
        "redeem(uint256,bytes32)": "(moving)",
        "transfer(address,uint256)": "(moving)",
        "transferFrom(address,address,uint256)": "ERC20InsufficientAllowance",
    },
    "TrancheFactory": {
        "deployAll((string,string,uint8,bytes32,address,address,address,bool)[],bytes32)": "accepted",
    },
}


def entry_signatures(contract: str) -> list[str]:
    """The functions of this build's interface that change state."""
    return sorted(
        signature_of(entry)
        for entry in abi(contract)
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    )


def unlisted(contract: str) -> list[str]:
    """The functions that change state and stand in neither list."""
    return [
        name for name in entry_signatures(contract) if name not in GUARDED[contract] and name not in PUBLIC[contract]
    ]


def selectors(contract: str) -> set[bytes]:
    """The selectors of all functions of this build's interface, views too."""
    return {keccak256(signature_of(entry).encode())[:4] for entry in abi(contract) if entry["type"] == "function"}


def entries_in_code(code: bytes) -> set[bytes]:
    """The selectors that runtime code made by the Solidity compiler compares a call's with.

    They stand as PUSH4 s, EQ (a DUP or SWAP may come between), PUSH, JUMPI. Code that dispatches otherwise shows none.
    """
    found = set()
    at = 0
    while at < len(code):
        operation = code[at]
        if operation == _PUSH4:
            after = code[at + 5 : at + 12]
            if after[:1] in _SWAPS:
                after = after[1:]
            if after[:1] == _EQ and _jumps(after[1:]):
                found.add(code[at + 1 : at + 5])
        at += operation - 0x5F + 1 if 0x60 <= operation <= 0x7F else 1
    return found


_PUSH4 = 0x63
_EQ = b"\x14"
#: DUP2 to DUP4 and SWAP1, which the optimizer puts between.
_SWAPS = (b"\x81", b"\x82", b"\x83", b"\x90")


def _jumps(code: bytes) -> bool:
    """Whether a PUSH1, PUSH2 or PUSH3 and JUMPI stand here."""
    width = code[0] - 0x5F if code and 0x60 <= code[0] <= 0x62 else 0
    return width > 0 and code[width + 1 : width + 2] == b"\x57"
