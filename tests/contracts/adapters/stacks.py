"""Tokens of four kinds on the test chain, each with its adapter in place, behind one way to mint, burn and transfer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from tests.contracts.chain_fixture import ZERO_ADDRESS, Gate, Reverted, Tranche

CAP = 1_000_000
DECIMALS = 6
MINT_SELECTOR = keccak(b"mint(address,uint256)")[:4]
AMOUNT = keccak(b"amount")
RESULT_CONTINUE = 2


@dataclass
class Stack:
    """One token with its adapter; `ground` is the registry, its operators and the accounts.

    minter: who may mint; mint: the call that does; burner and burn: the same for burning the holder's tokens.
    operator: who may change what the adapter is attached to.
    """

    ground: Gate
    token: Contract
    adapter: Contract
    minter: str
    mint: Callable[[str, int], ContractFunction]
    burn: Callable[[int], ContractFunction]
    burner: str
    operator: str
    parts: dict[str, Contract] = field(default_factory=dict)

    @property
    def holder(self) -> str:
        """Who receives mints."""
        return self.ground.holder

    @property
    def other(self) -> str:
        """Another account that may hold the token."""
        return self.ground.relay

    def approve(self, cap: int = CAP, **changes: Any) -> None:
        """A quorum's approval of the adapter as a tranche, submitted."""
        tranche = Tranche(self.adapter.address, cap, DECIMALS)
        self.ground.send(self.ground.approve(self.ground.approval(tranche, **changes)))

    def send_mint(self, amount: int, to: str | None = None) -> TxReceipt:
        """A mint, mined. Raises the innermost Reverted if it is refused."""
        try:
            return self.ground.send(self.mint(to or self.holder, amount), self.minter)
        except Reverted as error:
            raise self.innermost(error) from error

    def refusal(self, amount: int) -> Reverted | None:
        """What a mint is refused with now, None if it passes."""
        return self.inner(self.ground.refusal(self.mint(self.holder, amount), self.minter))

    def inner(self, found: Reverted | None) -> Reverted | None:
        """The error without the wrapping of those between the adapter and the caller."""
        return None if found is None else self.innermost(found)

    def innermost(self, found: Reverted) -> Reverted:
        """The error without the wrapping of those between the adapter and the caller."""
        if found.name not in ("PolicyPostRunError", "PolicyRunError", "PolicyConfigurationError"):
            return found
        data = found.values[1]
        name, kinds = self.ground.chain.errors.get(data[:4], (f"unknown error 0x{data.hex()}", []))
        return Reverted(name, tuple(decode(kinds, data[4:])) if kinds else (), data)

    @property
    def issued(self) -> int:
        """What the registry says was drawn by the adapter."""
        return int(self.ground.registry.functions.trancheState(self.adapter.address).call()[2])

    def draws(self, receipt: TxReceipt) -> list[tuple[str, int]]:
        """Who drew how much in a transaction."""
        return [(event["token"], event["amount"]) for event in self.ground.events(receipt, "Issued")]

    def balance(self, account: str | None = None) -> int:
        """Tokens of the holder, or of an account."""
        return int(self.token.functions.balanceOf(account or self.holder).call())

    @property
    def supply(self) -> int:
        """The token's supply."""
        return int(self.token.functions.totalSupply().call())


def plain(ground: Gate, gated: bool = True) -> Stack:
    """An ERC-20 with a minter role, which GatedMinter holds alone; without the gate its issuer holds it."""
    chain = ground.chain
    token = chain.deploy("MintableToken", DECIMALS, ground.admin)
    role = token.functions.MINTER_ROLE().call()
    adapter = chain.deploy("GatedMinter", ground.registry.address, token.address, ground.admin, ground.issuer)
    ground.send(token.functions.grantRole(role, adapter.address if gated else ground.issuer), ground.admin)
    mints = adapter if gated else token
    return Stack(
        ground,
        token,
        adapter,
        ground.issuer,
        lambda to, amount: mints.functions.mint(to, amount),
        lambda amount: token.functions.burn(amount),
        ground.holder,
        ground.admin,
    )


def trex(ground: Gate, gated: bool = True) -> Stack:
    """A T-REX 4.1.6 token behind T-REX's own proxies, with the module in its ModularCompliance."""
    chain, owner = ground.chain, ground.chain.accounts[0]
    kinds = (
        "Token",
        "ClaimTopicsRegistry",
        "IdentityRegistry",
        "IdentityRegistryStorage",
        "TrustedIssuersRegistry",
        "ModularCompliance",
    )
    authority = chain.deploy("TrexTREXImplementationAuthority", True, ZERO_ADDRESS, ZERO_ADDRESS)
    logic = tuple(chain.deploy(f"Trex{kind}").address for kind in kinds)
    chain.send(authority.functions.addAndUseTREXVersion((4, 1, 6), logic))

    def proxy(kind: str, *values: Any) -> Contract:
        return chain.contract(f"Trex{kind}", chain.deploy(f"Trex{kind}Proxy", authority.address, *values).address)

    topics, issuers, storage = (
        proxy(kind) for kind in ("ClaimTopicsRegistry", "TrustedIssuersRegistry", "IdentityRegistryStorage")
    )
    identities = proxy("IdentityRegistry", issuers.address, topics.address, storage.address)
    chain.send(storage.functions.bindIdentityRegistry(identities.address))
    chain.send(identities.functions.addAgent(owner))
    compliance = proxy("ModularCompliance")
    onchain_id = chain.deploy("TrexIdentity", owner, False)
    token = proxy("Token", identities.address, compliance.address, "T-REX", "TREX", DECIMALS, onchain_id.address)
    chain.send(token.functions.addAgent(ground.issuer))
    chain.send(token.functions.unpause(), ground.issuer)
    for holder in (ground.holder, ground.relay):
        identity = chain.deploy("TrexIdentity", holder, False)
        chain.send(identities.functions.registerIdentity(holder, identity.address, 156))
    module = chain.deploy("TrexComplianceModule", ground.registry.address, token.address, compliance.address)
    if gated:
        chain.send(compliance.functions.addModule(module.address))
    return Stack(
        ground,
        token,
        module,
        ground.issuer,
        lambda to, amount: token.functions.mint(to, amount),
        lambda amount: token.functions.burn(ground.holder, amount),
        ground.issuer,
        owner,
        {"compliance": compliance, "authority": authority},
    )


def ace(ground: Gate, gated: bool = True) -> Stack:
    """A token of Chainlink ACE 1.0.0 behind proxies, with the policy in its PolicyEngine."""
    chain, owner = ground.chain, ground.chain.accounts[0]

    def proxy(kind: str, name: str, *values: Any) -> Contract:
        logic = chain.deploy(f"Ace{kind}")
        call = logic.functions[name](*values)._encode_transaction_data()
        return chain.contract(f"Ace{kind}", chain.deploy("AceERC1967Proxy", logic.address, call).address)

    engine = proxy("PolicyEngine", "initialize", True, owner)
    token = proxy("ComplianceTokenERC20", "initialize", "ACE", "ACE", DECIMALS, engine.address)
    extractor = chain.deploy("AceComplianceTokenMintBurnExtractor")
    chain.send(engine.functions.setExtractor(MINT_SELECTOR, extractor.address))
    policy = chain.deploy("AcePolicy", ground.registry.address, token.address, engine.address, MINT_SELECTOR)
    if gated:
        chain.send(engine.functions.addPolicy(token.address, MINT_SELECTOR, policy.address, [AMOUNT]))
    return Stack(
        ground,
        token,
        policy,
        ground.issuer,
        lambda to, amount: token.functions.mint(to, amount),
        lambda amount: token.functions.burn(amount),
        ground.holder,
        owner,
        {"engine": engine, "extractor": extractor},
    )


def cmtat(ground: Gate, gated: bool = True, calls: int = 2, told: int | None = None, direct: bool = False) -> Stack:
    """A double of a CMTAT token that announces each mint `calls` times, with the rule, told a number of its own, in a
    double of a RuleEngine, or in its place."""
    chain = ground.chain
    token = chain.deploy("CmtatDouble", calls)
    engine = chain.deploy("CmtatEngineDouble")
    chain.send(engine.functions.bindToken(token.address))
    announcer = token if direct else engine
    rule = chain.deploy("CmtatRule", ground.registry.address, token.address, announcer.address, told or calls)
    if gated and not direct:
        chain.send(engine.functions.addRule(rule.address))
    chain.send(token.functions.setRuleEngine(rule.address if direct else engine.address))
    return Stack(
        ground,
        token,
        rule,
        ground.issuer,
        lambda to, amount: token.functions.mint(to, amount),
        lambda amount: token.functions.burn(ground.holder, amount),
        ground.issuer,
        chain.accounts[0],
        {"engine": engine},
    )


STACKS: dict[str, Callable[..., Stack]] = {
    "GatedMinter": plain,
    "TrexComplianceModule": trex,
    "AcePolicy": ace,
    "CmtatRule": cmtat,
}


def run_arguments(stack: Stack, amount: int) -> tuple[Any, ...]:
    """What an ACE engine hands to `run` and `postRun` for a mint."""
    return stack.minter, stack.token.address, MINT_SELECTOR, [encode(["uint256"], [amount])], b""
