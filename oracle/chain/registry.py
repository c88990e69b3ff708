"""The registry and its tokens as Python calls. Reads give domain types; writes return the receipt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.contract import Contract
from web3.types import TxReceipt

from oracle.chain.artifacts import abi
from oracle.chain.code_match import known_build
from oracle.chain.events import Event, read_events
from oracle.chain.revert import explain_selector
from oracle.chain.rpc import chain_faults
from oracle.chain.sender import Sender
from oracle.domain.approval import FilingApproval, FilingUpdate, OnChainStatus, OperatorSignature, Suspension
from oracle.errors import InputError, RefusedError, UnreachableError

__all__ = [
    "COMMITTEE_CHANGES",
    "Factory",
    "FilingState",
    "Registry",
    "Token",
    "TokenState",
    "TrancheState",
    "approval_struct",
    "update_struct",
]


#: What the owner may do to the committee.
COMMITTEE_CHANGES = frozenset(
    {
        "announceOperator",
        "applyOperator",
        "cancelOperator",
        "removeOperator",
        "raiseThreshold",
        "announceThreshold",
        "applyThreshold",
        "cancelThreshold",
    }
)


@dataclass(frozen=True, slots=True)
class FilingState:
    """`filingState`: window [valid_after, valid_until) in seconds since 1970; sequence 0 if never approved."""

    status: OnChainStatus
    valid_after: int
    valid_until: int
    sequence: int


@dataclass(frozen=True, slots=True)
class TrancheState:
    """`trancheState`: the filing (0x-hex), cap and issued in base units."""

    filing: str
    cap: int
    issued: int


@dataclass(frozen=True, slots=True)
class TokenState:
    """A token as its chain has it: the build its code is of (None: foreign), decimals, the registry it names (None: it
    names none), whether it is permissioned (None for foreign code), base units issued under its tranche."""

    build: str | None
    decimals: int
    registry: str | None
    permissioned: bool | None
    issued: int


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def approval_struct(approval: FilingApproval) -> tuple[Any, ...]:
    """The approval as the ABI takes it."""
    return (
        _bytes(approval.filing),
        [(tranche.token, tranche.cap, tranche.decimals) for tranche in approval.tranches],
        _bytes(approval.dossier_hash),
        _bytes(approval.record_hash),
        _bytes(approval.ruleset_hash),
        approval.valid_after,
        approval.valid_until,
        approval.sequence,
    )


def update_struct(change: FilingUpdate) -> tuple[Any, ...]:
    """The update as the ABI takes it."""
    return (
        _bytes(change.filing),
        change.status,
        _bytes(change.record_hash),
        change.valid_until,
        change.sequence,
        _bytes(change.reason),
    )


def _signatures(signatures: Sequence[OperatorSignature]) -> list[tuple[str, bytes]]:
    ordered = sorted(signatures, key=lambda item: int(item.operator, 16))
    return [(item.operator, _bytes(item.signature)) for item in ordered]


class _Bound:
    """A contract at an address, with errors of this project."""

    def __init__(self, w3: Web3, address: str, name: str) -> None:
        self.w3 = w3
        self.address = str(to_checksum_address(address))
        self._contract: Contract = w3.eth.contract(address=to_checksum_address(address), abi=abi(name))
        self._url = str(getattr(w3.provider, "endpoint_uri", ""))

    def _call(self, function: str, *arguments: Any, block: int | None = None) -> Any:
        with chain_faults(self._url):
            return self._contract.functions[function](*arguments).call(
                block_identifier="latest" if block is None else block
            )

    def _data(self, function: str, *arguments: Any) -> bytes:
        return bytes.fromhex(self._contract.encode_abi(function, args=list(arguments))[2:])


class Registry(_Bound):
    """A deployed FilingRegistry."""

    def __init__(self, w3: Web3, address: str) -> None:
        super().__init__(w3, address, "FilingRegistry")
        with chain_faults(self._url):
            if not w3.eth.get_code(to_checksum_address(address)):
                raise InputError(
                    "no contract at this address on this chain",
                    where=self.address,
                    remedy="check the deployment file and --rpc",
                )

    def operators(self, block: int | None = None) -> list[str]:
        """The operators' addresses."""
        return [str(item) for item in self._call("operators", block=block)]

    def threshold(self, block: int | None = None) -> int:
        """How many operators must sign."""
        return int(self._call("threshold", block=block))

    def owner(self, block: int | None = None) -> str:
        """Who changes the committee."""
        return str(self._call("owner", block=block))

    def epoch(self, block: int | None = None) -> int:
        """Number of the current committee."""
        return int(self._call("epoch", block=block))

    def counts_until(self, account: str, block: int | None = None) -> int:
        """First second in which the account's signatures no longer count, as things stand; 2**64 - 1 for a current
        operator, 0 if they do not count now."""
        return int(self._call("countsUntil", to_checksum_address(account), block=block))

    def operator_ready_at(self, operator: str, replaced: str, block: int | None = None) -> int:
        """First second in which an announced operator may take the place of `replaced` (the zero address: a seat of its
        own); 0 if that is not announced or no longer stands."""
        return int(
            self._call("operatorReadyAt", to_checksum_address(operator), to_checksum_address(replaced), block=block)
        )

    def announced_threshold(self, block: int | None = None) -> tuple[int, int]:
        """The announced lower threshold and the first second in which it may be applied; zeros if there is none."""
        lower, ready = self._call("announcedThreshold", block=block)
        return int(lower), int(ready)

    def counts(self, account: str, block: int | None = None) -> bool:
        """Whether the account's signatures count now: a current operator's, or a replaced one's that is retained."""
        return self.counts_until(account, block) > 0

    def rotation_delay(self, block: int | None = None) -> int:
        """Seconds that an announced change of the committee waits."""
        return int(self._call("rotationDelay", block=block))

    def retention(self, block: int | None = None) -> int:
        """Seconds for which signatures of a replaced operator still count."""
        return int(self._call("retention", block=block))

    def block_time(self) -> int:
        """Time of the newest block, in seconds since 1970."""
        with chain_faults(self._url):
            return int(self.w3.eth.get_block("latest")["timestamp"])

    def successor(self, block: int | None = None) -> str:
        """The registry that is to follow this one, the zero address if none is named."""
        return str(self._call("successor", block=block))

    def max_validity(self, block: int | None = None) -> int:
        """Longest window the registry accepts, in seconds from now."""
        return int(self._call("maxValidity", block=block))

    def filing_state(self, filing: str, block: int | None = None) -> FilingState:
        """The state of a filing (0x-hex id)."""
        status, valid_after, valid_until, sequence = self._call("filingState", _bytes(filing), block=block)
        with chain_faults(self._url):
            return FilingState(OnChainStatus(status), valid_after, valid_until, sequence)

    def tranche_state(self, token: str, block: int | None = None) -> TrancheState:
        """The state of a token's tranche; filing is zero if no approval ever named the token."""
        filing, cap, issued = self._call("trancheState", to_checksum_address(token), block=block)
        return TrancheState("0x" + bytes(filing).hex(), cap, issued)

    def head(self) -> int:
        """The newest block's number."""
        with chain_faults(self._url):
            return int(self.w3.eth.block_number)

    def events_of(self, filing: str, first: int, last: int) -> list[Event]:
        """The registry's events of a filing (0x-hex id) in blocks first to last, in chain order."""
        return read_events(self.w3, "FilingRegistry", [self.address], first, last, topics=[None, filing])

    def will_ask(self, tokens: Iterable[str]) -> None:
        """Told of tokens before `token_state` is asked for each: a `Snapshot` reads them together."""

    def token_state(self, token: str, block: int | None = None) -> TokenState | None:
        """The state of a token, what is issued as of a block (the newest if None); None if there is no code.

        RefusedError if it is none that this registry can gate.
        """
        with chain_faults(self._url):
            code = bytes(self.w3.eth.get_code(to_checksum_address(token)))
        if not code:
            return None
        asked, build = Token(self.w3, token), known_build(code)
        issued, decimals = self.tranche_state(token, block).issued, asked.decimals()
        try:
            named: str | None = asked.registry()
        except (RefusedError, UnreachableError):  # a foreign token need not have the function
            named = None
        return TokenState(build, decimals, named, asked.permissioned() if build is not None else None, issued)

    def can_issue(self, token: str, amount: int, block: int | None = None) -> tuple[bool, str | None]:
        """Whether the token may mint `amount` now, and if not, the name of the error a mint would give."""
        allowed, reason = self._call("canIssue", to_checksum_address(token), amount, block=block)
        return bool(allowed), None if allowed else explain_selector(bytes(reason))

    def approve_data(self, approval: FilingApproval, signatures: Sequence[OperatorSignature]) -> bytes:
        """The call data of `approve`, with the signatures ascending by operator."""
        return self._data("approve", approval_struct(approval), _signatures(signatures))

    def approve(self, sender: Sender, approval: FilingApproval, signatures: Sequence[OperatorSignature]) -> TxReceipt:
        """Submit an approval with its signatures (any order)."""
        purpose = self._purpose("approve", approval.filing, approval.sequence)
        return sender.send(self.w3, self.address, self.approve_data(approval, signatures), purpose=purpose)

    def approve_batch(
        self, sender: Sender, approvals: Sequence[tuple[FilingApproval, Sequence[OperatorSignature]]]
    ) -> TxReceipt:
        """Submit several approvals, each with its signatures (any order), in one transaction."""
        return sender.send(self.w3, self.address, self.approve_batch_data(approvals))

    def approve_batch_data(self, approvals: Sequence[tuple[FilingApproval, Sequence[OperatorSignature]]]) -> bytes:
        """The call data of `approveBatch`."""
        structs = [approval_struct(approval) for approval, _ in approvals]
        lists = [_signatures(signatures) for _, signatures in approvals]
        return self._data("approveBatch", structs, lists)

    def update(self, sender: Sender, change: FilingUpdate, signatures: Sequence[OperatorSignature]) -> TxReceipt:
        """Submit an update with its signatures (any order)."""
        data = self._data("update", update_struct(change), _signatures(signatures))
        purpose = self._purpose("update", change.filing, change.sequence)
        return sender.send(self.w3, self.address, data, purpose=purpose)

    def suspend(self, sender: Sender, filing: str, reason: str) -> TxReceipt:
        """Suspend at once; the sender must be an operator. `reason` is 0x-hex of 32 bytes."""
        return sender.send(self.w3, self.address, self._data("suspend", _bytes(filing), _bytes(reason)))

    def suspend_by_signature(self, sender: Sender, suspension: Suspension, signature: OperatorSignature) -> TxReceipt:
        """Relay an operator's signed suspension; the sender may be anybody."""
        struct = (_bytes(suspension.filing), suspension.sequence, _bytes(suspension.reason))
        data = self._data("suspendBySig", struct, (signature.operator, _bytes(signature.signature)))
        purpose = self._purpose("suspend", suspension.filing, suspension.sequence)
        return sender.send(self.w3, self.address, data, purpose=purpose)

    def committee_data(self, change: str, *arguments: str | int) -> bytes:
        """The call data of a change of the committee, one of `COMMITTEE_CHANGES`; addresses in EIP-55 form."""
        if change not in COMMITTEE_CHANGES:
            raise ValueError(change)
        return self._data(change, *arguments)

    def change_committee(self, sender: Sender, change: str, *arguments: str | int) -> TxReceipt:
        """Send a change of the committee; the sender must be the owner."""
        return sender.send(self.w3, self.address, self.committee_data(change, *arguments))

    def _purpose(self, action: str, filing: str, sequence: int) -> str:
        """The registry takes one change of a filing a sequence, so this names the action whoever else signed it."""
        return f"{action}:{self.address}:{filing}:{sequence}"


class Factory(_Bound):
    """A deployed TrancheFactory. A token's configuration is `IAssetBackedToken.TokenConfig` as the ABI takes it."""

    def __init__(self, w3: Web3, address: str) -> None:
        super().__init__(w3, address, "TrancheFactory")

    def predict(self, config: tuple[Any, ...], salt: bytes) -> str:
        """The address that a token of this configuration has or will have."""
        return str(self._call("predict", config, salt))

    def deploy_all(self, sender: Sender, configs: Sequence[tuple[Any, ...]], salt: bytes) -> TxReceipt:
        """Deploy the tokens that are not there yet, in one transaction."""
        return sender.send(self.w3, self.address, self._data("deployAll", list(configs), salt))


class Token(_Bound):
    """A deployed AssetBackedToken. Amounts are base units."""

    def __init__(self, w3: Web3, address: str) -> None:
        super().__init__(w3, address, "AssetBackedToken")

    def decimals(self, block: int | None = None) -> int:
        """Decimals of the token."""
        return int(self._call("decimals", block=block))

    def symbol(self) -> str:
        """Symbol of the token, as it gives it: show it escaped."""
        return str(self._call("symbol"))

    def registry(self, block: int | None = None) -> str:
        """The registry the token is gated by."""
        return str(self._call("registry", block=block))

    def permissioned(self, block: int | None = None) -> bool:
        """Whether only listed accounts may hold the token; only for builds that have the function."""
        return bool(self._call("permissioned", block=block))

    def total_supply(self, block: int | None = None) -> int:
        """Total supply."""
        return int(self._call("totalSupply", block=block))

    def balance_of(self, account: str) -> int:
        """Balance of an account."""
        return int(self._call("balanceOf", to_checksum_address(account)))

    def mint_data(self, to: str, amount: int) -> bytes:
        """The call data of `mint`."""
        return self._data("mint", to_checksum_address(to), amount)

    def mint(self, sender: Sender, to: str, amount: int) -> TxReceipt:
        """Mint; the sender must hold ISSUER_ROLE."""
        return sender.send(self.w3, self.address, self.mint_data(to, amount))

    def mint_batch(self, sender: Sender, to: Sequence[str], amounts: Sequence[int]) -> TxReceipt:
        """Mint to many with one check of the filing."""
        return sender.send(
            self.w3, self.address, self._data("mintBatch", [to_checksum_address(item) for item in to], list(amounts))
        )
