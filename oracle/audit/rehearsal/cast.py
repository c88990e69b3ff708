"""Who plays: a committee whose keys are ours, tokens of our own, and the roles of the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address

from oracle.audit.rehearsal.stage import Broken, Outcome, Stage, account
from oracle.chain.events import read_events
from oracle.chain.registry import Factory, Token, approval_struct, update_struct
from oracle.domain.approval import ZERO_HASH, FilingApproval, FilingUpdate, OnChainStatus, Suspension, Tranche
from oracle.domain.canonical import keccak256
from oracle.domain.reason import encode_reason
from oracle.errors import RefusedError, UnreachableError
from oracle.signing.eip712 import Domain, approval_digest, suspension_digest, update_digest
from oracle.signing.keys import KeySigner

__all__ = ["Committee", "GatedToken", "Message", "Play", "Signed", "filing_named", "gated_tokens", "roles"]

Message = FilingApproval | FilingUpdate | Suspension
Signed = list[tuple[str, bytes]]

ZERO_ADDRESS = "0x" + "0" * 40
_MOST_OPERATORS = 32
#: [A, B, A] needs three places.
_LEAST_THRESHOLD = 3
#: Base units left under a cap when a scene begins.
ROOM = 1_000
DAY = 86_400
REASON = encode_reason("rehearsal")


def _hash(word: str) -> str:
    return "0x" + keccak256(f"rehearsal: {word}".encode()).hex()


def filing_named(word: str) -> str:
    """A filing that nobody ever approved outside a rehearsal."""
    return _hash(f"filing {word}")


def fresh_key(name: str) -> KeySigner:
    """A key that everybody can make: it is worth something on a local chain only."""
    return KeySigner(keccak256(f"rehearsal: key of {name}".encode()))


def roles() -> dict[str, bytes]:
    """The token's roles by name: 32 bytes each."""
    names = ("ISSUER", "PAUSER", "ALLOWLIST", "FREEZER", "ENFORCER")
    return {name: keccak256(f"{name}_ROLE".encode()) for name in names} | {"ADMIN": bytes(32)}


@dataclass(frozen=True)
class GatedToken:
    """A token and who acts for it; `admin` and `issuer` are None if nobody was found who has the role."""

    name: str
    address: str
    decimals: int
    permissioned: bool
    admin: str | None
    issuer: str | None


def _holder(stage: Stage, token: str, role: bytes) -> str | None:
    """The first account that was given the role and has it still."""
    contract = stage.w3.eth.contract(address=to_checksum_address(token), abi=_HAS_ROLE)
    newest = int(stage.rpc("eth_blockNumber"), 16)
    topics: list[str | None] = [_GRANTED, "0x" + role.hex()]
    for event in read_events(stage.w3, "AssetBackedToken", [token], stage.deployment.block, newest, [], topics):
        account_ = event.values["account"]
        if contract.functions.hasRole(role, account_).call():
            return str(account_)
    return None


_HAS_ROLE = [
    {
        "type": "function",
        "name": "hasRole",
        "stateMutability": "view",
        "inputs": [{"name": "role", "type": "bytes32"}, {"name": "account", "type": "address"}],
        "outputs": [{"name": "", "type": "bool"}],
    }
]
_GRANTED = "0x" + keccak256(b"RoleGranted(bytes32,address,address)").hex()


def gated_tokens(stage: Stage) -> list[GatedToken]:
    """The deployment's tokens, at most 32 as in a deployment; UnreachableError if one does not answer as a token."""
    found = []
    for named in stage.deployment.tokens[:32]:
        token = Token(stage.w3, named.address)
        try:
            found.append(
                GatedToken(
                    named.symbol,
                    named.address,
                    token.decimals(),
                    token.permissioned(),
                    _holder(stage, named.address, roles()["ADMIN"]),
                    _holder(stage, named.address, roles()["ISSUER"]),
                )
            )
        except RefusedError as error:
            raise UnreachableError(
                f"the token does not answer as one of this project: {error.what}",
                where=named.address,
                remedy="check the deployment file; `filing-gate verify-code` says what stands there",
            ) from None
    return found


class Committee:
    """Operators whose keys are ours, ascending by address; `threshold` of them must sign."""

    def __init__(self, stage: Stage, keys: Sequence[KeySigner], threshold: int) -> None:
        self._domain = stage.domain
        self.keys = sorted(keys, key=lambda key: int(key.address, 16))
        self.threshold = threshold

    def digest(self, message: Message, domain: Domain | None = None) -> bytes:
        """What is signed."""
        if isinstance(message, FilingApproval):
            return approval_digest(domain or self._domain, message)
        if isinstance(message, FilingUpdate):
            return update_digest(domain or self._domain, message)
        return suspension_digest(domain or self._domain, message)

    def signed(self, message: Message, keys: Sequence[KeySigner] | None = None, domain: Domain | None = None) -> Signed:
        """The signatures of a quorum, or of these keys in this order."""
        digest = self.digest(message, domain)
        return [(key.address, key.sign(digest)) for key in (self.keys[: self.threshold] if keys is None else keys)]


def seat_own_committee(stage: Stage) -> Committee:
    """Replace the committee by one whose keys are ours, in the contract's own way: the owner announces, the delay
    passes, the owner applies. Nothing is written past the contract. Broken if that does not work.

    It has one operator more than must sign, and three must at least, so that every order of signatures can be tried.
    """
    registry = stage.registry
    owner, current, threshold = registry.owner(), registry.operators(), registry.threshold()
    wanted = max(threshold, _LEAST_THRESHOLD)
    keys = [fresh_key(f"operator {number}") for number in range(min(wanted + 1, _MOST_OPERATORS))]
    places = [*current, *[ZERO_ADDRESS] * len(keys)][: len(keys)]
    for key, replaced in zip(keys, places, strict=True):
        stage.control(
            "the owner announces an operator", stage.on_registry(owner, "announceOperator", key.address, replaced)
        )
    stage.travel(stage.now + registry.rotation_delay())
    for key, replaced in zip(keys, places, strict=True):
        stage.control(
            "the owner seats it after the delay", stage.on_registry(owner, "applyOperator", key.address, replaced)
        )
    if threshold < wanted:
        stage.control("the owner raises the threshold", stage.on_registry(owner, "raiseThreshold", wanted))
    return Committee(stage, keys, wanted)


class Play:
    """Stage and committee, and what a quorum and an issuer do in the ordinary way."""

    def __init__(
        self, stage: Stage, committee: Committee, tokens: Sequence[GatedToken], own: Sequence[GatedToken]
    ) -> None:
        self.stage = stage
        self.committee = committee
        #: Of the deployment, and deployed by its factory for the rehearsal alone.
        self.tokens = tokens
        self.own = own
        self.relay = account("relay")
        self.holder = account("holder")

    def sequence(self, filing: str) -> int:
        """The sequence that the next message must have."""
        return self.stage.registry.filing_state(filing).sequence + 1

    def approval(self, filing: str, *tokens: GatedToken, room: int = ROOM, **changes: Any) -> FilingApproval:
        """An approval that passes now: of each token `room` units more than issued. `changes` may be impossible."""
        tranches = sorted(
            (
                Tranche(
                    token=token.address,
                    cap=self.stage.registry.tranche_state(token.address).issued + room,
                    decimals=token.decimals,
                )
                for token in tokens
            ),
            key=lambda tranche: int(tranche.token, 16),
        )
        now = self.stage.now
        values: dict[str, Any] = {
            "filing": filing,
            "tranches": tuple(tranches),
            "dossier_hash": _hash("dossier"),
            "record_hash": _hash("record"),
            "ruleset_hash": _hash("rules"),
            "valid_after": now,
            "valid_until": now + self.stage.registry.max_validity() // 2,
            "sequence": self.sequence(filing),
        }
        # Past the model's checks: what must not pass has to be sent all the same.
        return FilingApproval.model_construct(**(values | changes))

    def change(self, filing: str, status: int, **changes: Any) -> FilingUpdate:
        """An update that passes now if the filing's state allows it. `changes` may be impossible."""
        values: dict[str, Any] = {
            "filing": filing,
            "status": int(status),
            "record_hash": _hash("record"),
            "valid_until": self.stage.now + self.stage.registry.max_validity() // 2
            if status == OnChainStatus.APPROVED
            else 0,
            "sequence": self.sequence(filing),
            "reason": REASON,
        }
        return FilingUpdate.model_construct(**(values | changes))

    def suspension(self, filing: str, **changes: Any) -> Suspension:
        """A suspension that passes now."""
        values: dict[str, Any] = {"filing": filing, "sequence": self.sequence(filing) - 1, "reason": REASON}
        return Suspension.model_construct(**(values | changes))

    def submit(self, message: Message, signed: Signed | None = None, to: str | None = None) -> Outcome:
        """Submit a message with a quorum's signatures, or with these."""
        return self.stage.send(self.relay, to or self.stage.registry.address, self.submission(message, signed))

    def submission(self, message: Message, signed: Signed | None = None) -> bytes:
        """The call data that submits a message."""
        if isinstance(message, Suspension):
            struct = (bytes.fromhex(message.filing[2:]), message.sequence, bytes.fromhex(message.reason[2:]))
            one = self.committee.signed(message)[0] if signed is None else signed[0]
            return self.stage.data("FilingRegistry", "suspendBySig", struct, one)
        given = self.committee.signed(message) if signed is None else signed
        if isinstance(message, FilingApproval):
            return self.stage.data("FilingRegistry", "approve", approval_struct(message), given)
        return self.stage.data("FilingRegistry", "update", update_struct(message), given)

    def approve(self, filing: str, *tokens: GatedToken, **changes: Any) -> FilingApproval:
        """Have a quorum approve; it must pass."""
        made = self.approval(filing, *tokens, **changes)
        self.stage.control("a quorum approves", self.submit(made))
        return made

    def update(self, filing: str, status: int, what: str) -> FilingUpdate:
        """Have a quorum update; it must pass."""
        made = self.change(filing, status)
        self.stage.control(f"a quorum {what}", self.submit(made))
        return made

    def suspend(self, filing: str) -> None:
        """Have one operator suspend; it must pass."""
        operator = self.committee.keys[0].address
        done = self.stage.on_registry(operator, "suspend", bytes.fromhex(filing[2:]), bytes.fromhex(REASON[2:]))
        self.stage.control("one operator suspends", done)

    def mint(self, token: GatedToken, amount: int, *, at: int | None = None, by: str | None = None) -> Outcome:
        """Mint as the issuer."""
        return self.stage.on_token(token.address, by or self.issuer_of(token), "mint", self.holder, amount, at=at)

    def issuer_of(self, token: GatedToken) -> str:
        """Who may mint; Broken if nobody does."""
        if token.issuer is None:
            raise Broken("an account with the issuer's role: none was found")
        return token.issuer

    def grant(self, token: GatedToken, role: str, to: str) -> None:
        """Have the admin grant a role; it must pass."""
        if token.admin is None:
            raise Broken("an account with the admin's role: none was found")
        done = self.stage.on_token(token.address, token.admin, "grantRole", roles()[role], to)
        self.stage.control(f"the admin grants a role ({role.lower()})", done)

    def let_hold(self, token: GatedToken) -> None:
        """Put the holder on the allow-list if the token has one."""
        if token.permissioned:
            self.grant(token, "ALLOWLIST", self.relay)
            listed = [self.holder, self.relay, account("receiver")]
            done = self.stage.on_token(token.address, self.relay, "setAllowed", listed, True)
            self.stage.control("the allow-list takes a holder", done)

    def opened(self, token: GatedToken) -> bool:
        """Have a quorum open the token's filing, or a new one; False if its own has come to its end."""
        filing = self.filing_of(token)
        if filing is not None:
            status = self.stage.registry.filing_state(filing).status
            if status in (OnChainStatus.REVOKED, OnChainStatus.COMPLETED):
                return False
            if status is OnChainStatus.SUSPENDED:
                self.update(filing, OnChainStatus.APPROVED, "resumes")
        self.approve(filing or filing_named(token.address), token)
        return True

    def filing_of(self, token: GatedToken) -> str | None:
        """The filing that a token belongs to, None if it was never approved."""
        filing = self.stage.registry.tranche_state(token.address).filing
        return None if filing == ZERO_HASH else filing


def own_tokens(stage: Stage, count: int) -> list[GatedToken]:
    """Deploy tokens for the rehearsal by the deployment's factory, which anybody may ask; it must pass."""
    factory = Factory(stage.w3, stage.deployment.factory)
    admin, issuer = account("admin"), account("issuer")
    configs = [
        (
            f"Rehearsal {n}",
            f"RHL{n}",
            6,
            keccak256(f"rehearsal {n}".encode()),
            stage.registry.address,
            admin,
            issuer,
            False,
        )
        for n in range(count)
    ]
    salt = keccak256(b"rehearsal")
    done = stage.send(account("stranger"), factory.address, stage.data("TrancheFactory", "deployAll", configs, salt))
    stage.control("the factory deploys tokens", done)
    return [GatedToken(config[1], factory.predict(config, salt), 6, False, admin, issuer) for config in configs]
