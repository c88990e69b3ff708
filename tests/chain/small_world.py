"""A committee of three on a test chain, two of whom must sign, with its registry and three tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from web3 import Web3

from oracle.chain.deployment import CommitteeManifest, Deployment, Manifest, RegistryManifest, TokenManifest, deploy
from oracle.chain.registry import Registry, Token
from oracle.chain.rpc import raw_call
from oracle.chain.sender import NodeAccountSender
from oracle.domain.approval import FilingApproval, FilingUpdate, OnChainStatus, OperatorSignature, Suspension, Tranche
from oracle.domain.canonical import keccak256
from oracle.domain.reason import encode_reason
from oracle.signing.eip712 import Domain, approval_digest, suspension_digest, update_digest
from oracle.signing.keys import KeySigner

START = 1_800_000_000
HOUR = 3600
MAX_VALIDITY = 72 * HOUR
ROTATION_DELAY = 2 * HOUR
RETENTION = 5 * HOUR
CAP = 1_000_000
FILING = "0x" + keccak256(b"first filing").hex()
OTHER_FILING = "0x" + keccak256(b"second filing").hex()
STRANGER = KeySigner(keccak256(b"a stranger"))
NEWCOMER = KeySigner(keccak256(b"a new operator"))
OPERATORS = sorted(
    (KeySigner(keccak256(f"operator {number}".encode())) for number in range(3)), key=lambda key: key.address.lower()
)
QUORUM = OPERATORS[:2]
REASON = encode_reason("in a test")


def some_hash(word: str) -> str:
    """A hash that stands for something."""
    return "0x" + keccak256(word.encode()).hex()


@dataclass
class World:
    """One deployment on one chain. Every `send…` mines; nobody but the issuer may mint."""

    w3: Web3
    deployment: Deployment
    issuer: NodeAccountSender
    relay: NodeAccountSender
    holders: list[str]
    registry: Registry = field(init=False)
    tokens: list[Token] = field(init=False)

    def __post_init__(self) -> None:
        self.registry = Registry(self.w3, self.deployment.registry)
        tokens = sorted(self.deployment.tokens, key=lambda token: int(token.address, 16))
        self.tokens = [Token(self.w3, token.address) for token in tokens]

    def on(self, w3: Web3) -> World:
        """The same world on a copy of its chain."""
        return World(w3, self.deployment, self.issuer, self.relay, self.holders)

    @property
    def url(self) -> str:
        """The chain's address."""
        return str(getattr(self.w3.provider, "endpoint_uri", ""))

    @property
    def domain(self) -> Domain:
        """What signatures are for."""
        return Domain(self.deployment.chain_id, self.deployment.registry)

    @property
    def now(self) -> int:
        """Time of the newest block."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def rpc(self, method: str, *values: Any) -> Any:
        """A JSON-RPC call."""
        return raw_call(self.w3, method, list(values))

    def travel(self, seconds: int) -> None:
        """Mine a block that much later."""
        self.rpc("evm_increaseTime", seconds)
        self.rpc("evm_mine")

    def approval(self, *tranches: tuple[int, int], filing: str = FILING, **changes: Any) -> FilingApproval:
        """An approval that passes now: tranches are (index of the token, cap)."""
        now = self.now
        values: dict[str, Any] = {
            "filing": filing,
            "tranches": tuple(
                Tranche(token=self.tokens[index].address, cap=cap, decimals=6) for index, cap in tranches or ((0, CAP),)
            ),
            "dossier_hash": some_hash("dossier"),
            "record_hash": some_hash("record"),
            "ruleset_hash": some_hash("rules"),
            "valid_after": now - HOUR,
            "valid_until": now + 48 * HOUR,
            "sequence": self.registry.filing_state(filing).sequence + 1,
        }
        return FilingApproval(**(values | changes))

    def change(self, status: OnChainStatus, filing: str = FILING, **changes: Any) -> FilingUpdate:
        """An update that passes now if the filing's state allows it."""
        values: dict[str, Any] = {
            "filing": filing,
            "status": int(status),
            "record_hash": some_hash("record"),
            "valid_until": self.now + 60 * HOUR if status is OnChainStatus.APPROVED else 0,
            "sequence": self.registry.filing_state(filing).sequence + 1,
            "reason": REASON,
        }
        return FilingUpdate(**(values | changes))

    def suspension(self, filing: str = FILING) -> Suspension:
        """A suspension that passes now."""
        return Suspension(filing=filing, sequence=self.registry.filing_state(filing).sequence, reason=REASON)

    def signed(
        self, message: FilingApproval | FilingUpdate | Suspension, signers: Sequence[KeySigner] = QUORUM
    ) -> list[OperatorSignature]:
        """Signatures of the quorum, or of these."""
        if isinstance(message, FilingApproval):
            digest = approval_digest(self.domain, message)
        elif isinstance(message, FilingUpdate):
            digest = update_digest(self.domain, message)
        else:
            digest = suspension_digest(self.domain, message)
        return [
            OperatorSignature(operator=signer.address, signature="0x" + signer.sign(digest).hex()) for signer in signers
        ]

    def approve(self, *tranches: tuple[int, int], filing: str = FILING, **changes: Any) -> None:
        """Send an approval with its signatures."""
        made = self.approval(*tranches, filing=filing, **changes)
        self.registry.approve(self.relay, made, self.signed(made))

    def update(self, status: OnChainStatus, filing: str = FILING, **changes: Any) -> None:
        """Send an update with its signatures."""
        made = self.change(status, filing, **changes)
        self.registry.update(self.relay, made, self.signed(made))

    def suspend_by_signature(self, filing: str = FILING) -> None:
        """Relay an operator's suspension."""
        made = self.suspension(filing)
        self.registry.suspend_by_signature(self.relay, made, self.signed(made, OPERATORS[2:])[0])

    def suspend_as_sender(self, filing: str = FILING) -> None:
        """Let an operator suspend as sender."""
        address = OPERATORS[0].address
        self.rpc("anvil_impersonateAccount", address)
        self.rpc("anvil_setBalance", address, hex(10**18))
        self.registry.suspend(NodeAccountSender(address), filing, REASON)

    def mint(self, index: int, amount: int, holder: int = 0) -> None:
        """Mint to a holder."""
        self.tokens[index].mint(self.issuer, self.holders[holder], amount)

    def token_call(self, index: int, sender: str, function: str, *arguments: Any) -> None:
        """Any other function of a token, as sender."""
        token = self.tokens[index]
        NodeAccountSender(sender).send(self.w3, token.address, token._data(function, *arguments))

    def registry_call(self, function: str, *arguments: Any) -> None:
        """A function of the registry, as its owner."""
        owner = NodeAccountSender(self.registry.owner())
        owner.send(self.w3, self.registry.address, self.registry._data(function, *arguments))


def manifest(accounts: Sequence[str]) -> Manifest:
    """Three operators, two of whom must sign, and three tokens of six decimals."""
    return Manifest(
        committee=CommitteeManifest(
            operators=[signer.address for signer in OPERATORS],
            threshold=2,
            rotation_delay_seconds=ROTATION_DELAY,
            retention_seconds=RETENTION,
        ),
        registry=RegistryManifest(max_validity_seconds=MAX_VALIDITY),
        tokens=[
            TokenManifest(
                id=name, name=f"Tranche {name}", symbol=name.upper(), decimals=6, admin=accounts[1], issuer=accounts[2]
            )
            for name in ("senior", "mezzanine", "junior")
        ],
    )


def new_world(w3: Web3) -> World:
    """Deploy on a fresh test chain."""
    accounts = [str(account) for account in w3.eth.accounts]
    deployment = deploy(manifest(accounts), w3, NodeAccountSender(accounts[0]))
    return World(w3, deployment, NodeAccountSender(accounts[2]), NodeAccountSender(accounts[3]), accounts[4:8])


@contextmanager
def undone(world: World) -> Iterator[World]:
    """What happens inside is undone."""
    snapshot = world.rpc("evm_snapshot")
    try:
        yield world
    finally:
        world.rpc("evm_revert", snapshot)
