"""A registry and tokens on a test chain, operators who sign for it, and what the contracts answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from eth_abi.abi import decode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.abi import collapse_if_tuple, function_signature_to_4byte_selector
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.logs import DISCARD
from web3.types import RPCEndpoint, TxReceipt

ZERO_ADDRESS = "0x" + "00" * 20
ZERO_HASH = b"\0" * 32
START = 1_800_000_000
DAY = 86_400
MAX_VALIDITY = 90 * DAY
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ROTATION_DELAY = 2 * DAY
RETENTION = 3 * DAY
GAS_LIMIT = 12_000_000

# Written out, not taken from the contract: what wallets sign must not move unnoticed.
TYPES: dict[str, list[dict[str, str]]] = {
    "FilingApproval": [
        {"name": "filing", "type": "bytes32"},
        {"name": "tranches", "type": "Tranche[]"},
        {"name": "dossierHash", "type": "bytes32"},
        {"name": "recordHash", "type": "bytes32"},
        {"name": "rulesetHash", "type": "bytes32"},
        {"name": "validAfter", "type": "uint64"},
        {"name": "validUntil", "type": "uint64"},
        {"name": "sequence", "type": "uint64"},
    ],
    "Tranche": [
        {"name": "token", "type": "address"},
        {"name": "cap", "type": "uint256"},
        {"name": "decimals", "type": "uint8"},
    ],
    "FilingUpdate": [
        {"name": "filing", "type": "bytes32"},
        {"name": "status", "type": "uint8"},
        {"name": "recordHash", "type": "bytes32"},
        {"name": "validUntil", "type": "uint64"},
        {"name": "sequence", "type": "uint64"},
        {"name": "reason", "type": "bytes32"},
    ],
    "Suspension": [
        {"name": "filing", "type": "bytes32"},
        {"name": "sequence", "type": "uint64"},
        {"name": "reason", "type": "bytes32"},
    ],
}

Signature = tuple[str, bytes]


class Status(IntEnum):
    """IFilingRegistry.FilingStatus."""

    NONE = 0
    APPROVED = 1
    SUSPENDED = 2
    REVOKED = 3
    COMPLETED = 4


@dataclass(frozen=True)
class Tranche:
    """IFilingRegistry.Tranche."""

    token: str
    cap: int = 1_000_000
    decimals: int = 6


@dataclass(frozen=True)
class Approval:
    """IFilingRegistry.FilingApproval, with values that pass for a new filing."""

    filing: bytes
    tranches: tuple[Tranche, ...]
    dossierHash: bytes = b"\x0d" * 32  # noqa: N815 - the contract's own names
    recordHash: bytes = b"\x0e" * 32  # noqa: N815
    rulesetHash: bytes = b"\x0f" * 32  # noqa: N815
    validAfter: int = START - DAY  # noqa: N815
    validUntil: int = START + 30 * DAY  # noqa: N815
    sequence: int = 1


@dataclass(frozen=True)
class Update:
    """IFilingRegistry.FilingUpdate."""

    filing: bytes
    status: int
    recordHash: bytes = b"\x0e" * 32  # noqa: N815
    validUntil: int = 0  # noqa: N815
    sequence: int = 2
    reason: bytes = b"\x01" * 32


@dataclass(frozen=True)
class Suspension:
    """IFilingRegistry.Suspension."""

    filing: bytes
    sequence: int = 1
    reason: bytes = b"\x02" * 32


Message = Approval | Update | Suspension


def primary_type(message: Message) -> str:
    """The message's EIP-712 type."""
    return {Approval: "FilingApproval", Update: "FilingUpdate", Suspension: "Suspension"}[type(message)]


def as_struct(message: Message | Tranche) -> tuple[Any, ...]:
    """The message as the contract takes it."""
    values = [getattr(message, name) for name in message.__dataclass_fields__]
    return tuple(tuple(as_struct(one) for one in value) if isinstance(value, tuple) else value for value in values)


def as_typed_data(message: Message) -> dict[str, Any]:
    """The message as wallets take it."""
    values: dict[str, Any] = {name: getattr(message, name) for name in message.__dataclass_fields__}
    if isinstance(message, Approval):
        values["tranches"] = [vars(tranche) for tranche in message.tranches]
    return values


@dataclass(frozen=True)
class Domain:
    """The EIP-712 domain that a signature is good for."""

    contract: str
    chain_id: int = 31337
    name: str = "FilingRegistry"
    version: str = "1"

    def signable(self, message: Message) -> Any:
        """The message in this domain, made by eth-account's encoder."""
        kind = primary_type(message)
        needed = {name: TYPES[name] for name in (kind, "Tranche") if name == kind or kind == "FilingApproval"}
        return encode_typed_data(
            full_message={
                "domain": {
                    "name": self.name,
                    "version": self.version,
                    "chainId": self.chain_id,
                    "verifyingContract": self.contract,
                },
                "types": {
                    "EIP712Domain": [
                        {"name": "name", "type": "string"},
                        {"name": "version", "type": "string"},
                        {"name": "chainId", "type": "uint256"},
                        {"name": "verifyingContract", "type": "address"},
                    ],
                    **needed,
                },
                "primaryType": kind,
                "message": as_typed_data(message),
            }
        )

    def digest(self, message: Message) -> bytes:
        """The hash that is signed."""
        signable = self.signable(message)
        return keccak(b"\x19" + signable.version + signable.header + signable.body)

    def sign(self, message: Message, signer: LocalAccount) -> Signature:
        """One operator's signature, 65 bytes."""
        return signer.address, bytes(signer.sign_message(self.signable(message)).signature)


def compact(signature: bytes) -> bytes:
    """The 64-byte form (EIP-2098) of a 65-byte signature."""
    s = int.from_bytes(signature[32:64], "big") | ((signature[64] - 27) << 255)
    return signature[:32] + s.to_bytes(32, "big")


def with_high_s(signature: bytes) -> bytes:
    """The other signature of the same key over the same hash, the one with s in the upper half."""
    s = SECP256K1_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def operator_accounts(count: int) -> list[LocalAccount]:
    """Operators with fixed keys, ascending by address."""
    made = [Account.from_key(keccak(b"operator" + bytes([number]))) for number in range(count)]
    return sorted(made, key=lambda account: int(account.address, 16))


class Reverted(Exception):
    """A call that the contract refused: name and values of its custom error."""

    def __init__(self, name: str, values: tuple[Any, ...], data: bytes) -> None:
        super().__init__(f"{name}{values}")
        self.name = name
        self.values = values
        self.data = data


def committee(
    operators: Sequence[str], threshold: int, owner: str, delay: int = ROTATION_DELAY, retention: int = RETENTION
) -> tuple[Any, ...]:
    """IOracleCommittee.CommitteeConfig."""
    return owner, list(operators), threshold, delay, retention


def token_config(registry: str, admin: str, issuer: str, **changes: Any) -> tuple[Any, ...]:
    """IAssetBackedToken.TokenConfig of a token that all may hold, with these fields changed."""
    values = {
        "name": "Tranche A",
        "symbol": "A",
        "decimals": 6,
        "tranche_id": keccak(b"A"),
        "registry": registry,
        "admin": admin,
        "issuer": issuer,
        "permissioned": False,
    }
    assert changes.keys() <= values.keys()
    return tuple((values | changes).values())


@dataclass
class Chain:
    """One test chain."""

    w3: Web3
    artifacts: Mapping[str, Mapping[str, Any]]
    operators: list[LocalAccount] = field(default_factory=lambda: operator_accounts(5))

    def __post_init__(self) -> None:
        self.accounts = list(self.w3.eth.accounts)
        self.errors: dict[bytes, tuple[str, list[str]]] = {}
        for made in self.artifacts.values():
            for entry in made["abi"]:
                if entry["type"] == "error":
                    kinds = [collapse_if_tuple(value) for value in entry["inputs"]]
                    selector = function_signature_to_4byte_selector(f"{entry['name']}({','.join(kinds)})")
                    self.errors[selector] = (entry["name"], kinds)

    def rpc(self, method: str, *values: Any) -> Any:
        """The result of a JSON-RPC call."""
        answer = self.w3.provider.make_request(RPCEndpoint(method), list(values))
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    @property
    def now(self) -> int:
        """Time of the latest block."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def travel(self, timestamp: int) -> None:
        """Mines an empty block at that time; calls see it."""
        self.rpc("evm_setNextBlockTimestamp", timestamp)
        self.rpc("evm_mine")

    def selector(self, name: str) -> bytes:
        """Selector of a custom error."""
        (found,) = [selector for selector, (known, _) in self.errors.items() if known == name]
        return found

    def contract(self, name: str, address: str) -> Contract:
        """A contract that is there."""
        return self.w3.eth.contract(Web3.to_checksum_address(address), abi=self.artifacts[name]["abi"])

    def deploy(self, name: str, *values: Any) -> Contract:
        """A new contract."""
        made = self.artifacts[name]
        factory = self.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        data = factory.constructor(*values).data_in_transaction
        receipt = self._transact({"data": data}, self.accounts[0], None)
        assert receipt["contractAddress"]
        return self.contract(name, receipt["contractAddress"])

    def send(self, function: ContractFunction, sender: str | None = None, at: int | None = None) -> TxReceipt:
        """Mines the call, at that time if one is given. Raises Reverted if it fails."""
        return self._transact(
            {"to": function.address, "data": function._encode_transaction_data()}, sender or self.accounts[0], at
        )

    def refusal(self, function: ContractFunction, sender: str | None = None) -> Reverted | None:
        """What a call at the latest block's time is refused with; None if it passes."""
        transaction = {"to": function.address, "data": function._encode_transaction_data()}
        try:
            self._call(transaction, sender or self.accounts[0])
        except Reverted as error:
            return error
        return None

    def _transact(self, transaction: dict[str, Any], sender: str, at: int | None) -> TxReceipt:
        if at is not None:
            self.rpc("evm_setNextBlockTimestamp", at)
        given = {"from": sender, "gas": hex(GAS_LIMIT), **transaction}
        receipt = self.w3.eth.wait_for_transaction_receipt(HexBytes(self.rpc("eth_sendTransaction", given)), 10, 0.01)
        if receipt["status"] != 1:
            # The same call on the block just mined has the same time, and the failure changed nothing.
            self._call(transaction, sender)
            raise AssertionError("mined as failed, passes as a call")
        return receipt

    def _call(self, transaction: dict[str, Any], sender: str) -> bytes:
        given = {"from": sender, "gas": hex(GAS_LIMIT), **transaction}
        answer = self.w3.provider.make_request(RPCEndpoint("eth_call"), [given, "latest"])
        if "error" not in answer:
            return bytes(HexBytes(answer["result"]))
        error: Any = answer["error"]
        data = bytes(HexBytes(error.get("data") or "0x"))
        name, kinds = self.errors.get(data[:4], (f"unknown error 0x{data.hex()}: {error['message']}", []))
        raise Reverted(name, tuple(decode(kinds, data[4:])) if kinds else (), data)


def comparable(values: Sequence[Any]) -> list[Any]:
    """Values of an error or event, with addresses in one spelling."""
    return [value.lower() if isinstance(value, str) else value for value in values]


def assert_refused(found: Reverted | None, name: str, *values: Any) -> None:
    """The call was refused with this custom error and these values."""
    assert found is not None, f"passed, expected {name}{values}"
    assert (found.name, comparable(found.values)) == (name, comparable(values))


@dataclass
class Gate:
    """A registry with its tokens, and who may do what."""

    chain: Chain
    registry: Contract
    tokens: list[Contract]
    threshold: int
    admin: str
    issuer: str
    relay: str
    holder: str
    owner: str
    filing: bytes = keccak("国合函〔2026〕1号".encode())

    @property
    def token(self) -> Contract:
        """The first token."""
        return self.tokens[0]

    @property
    def domain(self) -> Domain:
        """The registry's domain."""
        return Domain(self.registry.address)

    @property
    def quorum(self) -> list[LocalAccount]:
        """As many operators as must sign, ascending."""
        return self.chain.operators[: self.threshold]

    def approval(self, *tranches: Tranche, **changes: Any) -> Approval:
        """An approval of the first token, or of these tranches."""
        made = Approval(self.filing, tranches or (Tranche(self.token.address),))
        return replace(made, **changes)

    def signed(self, message: Message, signers: Sequence[LocalAccount] | None = None) -> list[Signature]:
        """The quorum's signatures, or those of these signers in that order."""
        return [self.domain.sign(message, signer) for signer in (self.quorum if signers is None else signers)]

    def approve(self, approval: Approval, signatures: list[Signature] | None = None) -> ContractFunction:
        """The call that submits an approval."""
        given = self.signed(approval) if signatures is None else signatures
        return self.registry.functions.approve(as_struct(approval), given)

    def update(self, change: Update, signatures: list[Signature] | None = None) -> ContractFunction:
        """The call that submits an update."""
        given = self.signed(change) if signatures is None else signatures
        return self.registry.functions.update(as_struct(change), given)

    def suspend_by_sig(self, suspension: Suspension, signature: Signature | None = None) -> ContractFunction:
        """The call that submits a suspension."""
        given = signature or self.domain.sign(suspension, self.chain.operators[0])
        return self.registry.functions.suspendBySig(as_struct(suspension), given)

    def suspend(self, filing: bytes | None = None, reason: bytes = b"\x02" * 32) -> ContractFunction:
        """The call by which an operator suspends as sender."""
        return self.registry.functions.suspend(self.filing if filing is None else filing, reason)

    def fund(self, operator: LocalAccount) -> str:
        """Lets the node send for an operator, who has gas now; returns the operator's address."""
        self.chain.rpc("anvil_impersonateAccount", operator.address)
        self.chain.rpc("anvil_setBalance", operator.address, hex(10**18))
        return operator.address

    def mint(self, amount: int, token: Contract | None = None) -> ContractFunction:
        """The call that mints to the holder."""
        return (token or self.token).functions.mint(self.holder, amount)

    def send(self, function: ContractFunction, sender: str | None = None, at: int | None = None) -> TxReceipt:
        """Mines the call, by default from the relay, who has no rights at all."""
        return self.chain.send(function, sender or self.relay, at)

    def refusal(self, function: ContractFunction, sender: str | None = None) -> Reverted | None:
        """What the call is refused with now, by default from the relay; None if it passes."""
        return self.chain.refusal(function, sender or self.relay)

    def can_issue(self, amount: int, token: Contract | None = None) -> tuple[bool, bytes]:
        """The registry's answer for the token."""
        allowed, reason = self.registry.functions.canIssue((token or self.token).address, amount).call()
        return allowed, reason

    def events(self, receipt: TxReceipt, name: str) -> list[Any]:
        """The values of the registry's events of that name in a transaction."""
        found = getattr(self.registry.events, name)().process_receipt(receipt, errors=DISCARD)
        return [event["args"] for event in found if event["address"] == self.registry.address]

    def state(self) -> tuple[int, int, int, int]:
        """The filing's status, window and sequence."""
        status, after, until, sequence = self.registry.functions.filingState(self.filing).call()
        return status, after, until, sequence


def deploy_gate(chain: Chain) -> Gate:
    """A registry of five operators of whom three must sign, and three tokens, ascending by address."""
    operators = [account.address for account in chain.operators]
    threshold = 3
    admin, issuer, relay, holder, owner = chain.accounts[1:6]
    registry = chain.deploy("FilingRegistry", committee(operators, threshold, owner), MAX_VALIDITY)
    tokens = [
        chain.deploy(
            "AssetBackedToken",
            token_config(
                registry.address, admin, issuer, name=f"Tranche {name}", symbol=name, tranche_id=keccak(name.encode())
            ),
        )
        for name in "ABC"
    ]
    tokens.sort(key=lambda token: int(token.address, 16))
    return Gate(chain, registry, tokens, threshold, admin, issuer, relay, holder, owner)
