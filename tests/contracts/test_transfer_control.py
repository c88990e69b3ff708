"""Who may hold and move the token: ERC-7943, allow-list, pause, frozen amounts, forced transfers, permit, documents."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_utils.abi import function_signature_to_4byte_selector
from eth_utils.crypto import keccak
from web3.contract import Contract
from web3.logs import DISCARD

from tests.contracts.chain_fixture import ZERO_ADDRESS, Gate, Tranche, assert_refused, token_config

ALICE, BOB, CAROL = ("0x" + digit * 40 for digit in "234")
ROLES = ("PAUSER_ROLE", "ALLOWLIST_ROLE", "FREEZER_ROLE", "ENFORCER_ROLE", "DOCUMENTS_ROLE")
ERC7943 = (
    "forcedTransfer(address,address,uint256)",
    "setFrozenTokens(address,uint256)",
    "canSend(address)",
    "canReceive(address)",
    "getFrozenTokens(address)",
    "canTransfer(address,address,uint256)",
)


class Desk:
    """A token with 1000 minted to the holder, and an officer who has every role but issuer and admin."""

    def __init__(self, gate: Gate, permissioned: bool) -> None:
        self.gate = gate
        self.officer = gate.chain.accounts[7]
        config = token_config(gate.registry.address, gate.admin, gate.issuer, permissioned=permissioned)
        self.token: Contract = gate.chain.deploy("AssetBackedToken", config)
        self.functions = self.token.functions
        for name in ROLES:
            gate.send(self.functions.grantRole(self.functions[name]().call(), self.officer), gate.admin)
        gate.send(gate.approve(gate.approval(Tranche(self.token.address))))
        if permissioned:
            self.do("setAllowed", [gate.holder, gate.relay], True)
        gate.send(gate.mint(1000, self.token), gate.issuer)

    def do(self, name, *values):
        return self.gate.send(self.functions[name](*values), self.officer)

    def refusal(self, name, *values, sender=None):
        return self.gate.refusal(self.functions[name](*values), sender or self.gate.holder)

    def may(self, *values) -> bool:
        return bool(self.functions.canTransfer(*values).call())

    def balance(self, account: str) -> int:
        return int(self.functions.balanceOf(account).call())

    def names(self, receipt) -> list[str]:
        """The token's events of a transaction, in their order."""
        found = []
        for name in ("Frozen", "Transfer", "ForcedTransfer"):
            logs = getattr(self.token.events, name)().process_receipt(receipt, errors=DISCARD)
            found += [(log["logIndex"], name) for log in logs]
        return [name for _, name in sorted(found)]


@pytest.fixture
def free(gate: Gate) -> Desk:
    return Desk(gate, False)


@pytest.fixture
def listed(gate: Gate) -> Desk:
    return Desk(gate, True)


def test_interface__erc7943__has_the_final_identifier(gate: Gate) -> None:
    number = 0
    for signature in ERC7943:
        number ^= int.from_bytes(function_signature_to_4byte_selector(signature), "big")
    assert number == 0x3EDBB4C4
    assert gate.token.functions.supportsInterface(bytes.fromhex("3edbb4c4")).call()
    abi = {entry["name"] for entry in gate.token.abi if entry["type"] == "function"}
    assert {signature.split("(")[0] for signature in ERC7943} <= abi


GUARDED: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("pause", (), "PAUSER_ROLE"),
    ("unpause", (), "PAUSER_ROLE"),
    ("setAllowed", ([], True), "ALLOWLIST_ROLE"),
    ("setFrozenTokens", (ALICE, 1), "FREEZER_ROLE"),
    ("forcedTransfer", (ALICE, BOB, 1), "ENFORCER_ROLE"),
    ("setDocument", (b"\x01" * 32, "u", b"\x01" * 32), "DOCUMENTS_ROLE"),
    ("removeDocument", (b"\x01" * 32,), "DOCUMENTS_ROLE"),
)


@pytest.mark.parametrize("call", GUARDED, ids=[name for name, _, _ in GUARDED])
def test_guarded_call__without_its_role__refused(free: Desk, call) -> None:
    name, values, role = call
    gate = free.gate
    for sender in (gate.admin, gate.issuer, gate.holder, gate.owner):
        expected = free.functions[role]().call()
        assert_refused(free.refusal(name, *values, sender=sender), "AccessControlUnauthorizedAccount", sender, expected)


def test_roles__each_alone__opens_its_own_calls_only(free: Desk) -> None:
    gate = free.gate
    for role in ROLES:
        gate.send(free.functions.revokeRole(free.functions[role]().call(), free.officer), gate.admin)
    for role in ROLES:
        key = free.functions[role]().call()
        gate.send(free.functions.grantRole(key, free.officer), gate.admin)
        for name, values, needed in GUARDED:
            found = free.refusal(name, *values, sender=free.officer)
            refused = found is not None and found.name == "AccessControlUnauthorizedAccount"
            assert refused == (needed != role), (role, name)
        gate.send(free.functions.revokeRole(key, free.officer), gate.admin)


# -- the allow-list --


def test_free_token__anybody__may_hold_and_there_is_no_list(free: Desk) -> None:
    assert free.functions.canSend(ALICE).call()
    assert free.functions.canReceive(ALICE).call()
    assert not free.functions.canSend(ZERO_ADDRESS).call()
    assert not free.functions.canReceive(ZERO_ADDRESS).call()
    assert free.may(free.gate.holder, ALICE, 1)
    free.gate.send(free.functions.transfer(ALICE, 1), free.gate.holder)
    assert_refused(free.refusal("setAllowed", [ALICE], True, sender=free.officer), "NoAllowList")


def test_permissioned_token__only_listed_accounts__send_and_receive(listed: Desk) -> None:
    gate = listed.gate
    assert listed.functions.permissioned().call()
    assert listed.functions.canSend(gate.holder).call()
    assert not listed.functions.canReceive(ALICE).call()
    assert not listed.may(gate.holder, ALICE, 1)
    assert_refused(listed.refusal("transfer", ALICE, 1), "ERC7943CannotReceive", ALICE)
    assert_refused(gate.refusal(listed.functions.mint(ALICE, 1), gate.issuer), "ERC7943CannotReceive", ALICE)
    found = gate.refusal(listed.functions.mintBatch([gate.holder, ALICE], [1, 1]), gate.issuer)
    assert_refused(found, "ERC7943CannotReceive", ALICE)
    gate.send(listed.functions.mintBatch([gate.holder, gate.relay], [1, 1]), gate.issuer)
    receipt = listed.do("setAllowed", [ALICE, BOB], True)
    events = listed.token.events.AllowedChanged().process_receipt(receipt)
    assert [(log["args"]["account"].lower(), log["args"]["allowed"]) for log in events] == [(ALICE, True), (BOB, True)]
    gate.send(listed.functions.transfer(ALICE, 1), gate.holder)
    listed.do("setAllowed", [gate.holder], False)
    assert not listed.may(gate.holder, ALICE, 1)
    assert not listed.functions.canSend(gate.holder).call()
    for name, values in (("transfer", (ALICE, 1)), ("burn", (1,)), ("redeem", (1, b"\0" * 32))):
        assert_refused(listed.refusal(name, *values), "ERC7943CannotSend", gate.holder)


def test_set_allowed__more_than_one_call_may_take__refused(listed: Desk) -> None:
    many = [ALICE] * 257
    found = listed.refusal("setAllowed", many, True, sender=listed.officer)
    assert_refused(found, "TooManyAccounts", 257, 256)


# -- the pause --


def test_pause__transfers_and_burns_stop__mint_and_forced_transfer_go_on(free: Desk) -> None:
    gate = free.gate
    free.do("pause")
    assert free.functions.paused().call()
    assert not free.may(gate.holder, ALICE, 1)
    for name, values in (("transfer", (ALICE, 1)), ("burn", (1,)), ("redeem", (1, b"\0" * 32))):
        assert_refused(free.refusal(name, *values), "EnforcedPause")
    gate.send(gate.mint(1, free.token), gate.issuer)
    free.do("forcedTransfer", gate.holder, ALICE, 1)
    assert_refused(free.refusal("pause", sender=free.officer), "EnforcedPause")
    free.do("unpause")
    assert_refused(free.refusal("unpause", sender=free.officer), "ExpectedPause")
    gate.send(free.functions.transfer(ALICE, 1), gate.holder)


# -- frozen amounts --


def test_frozen__part_of_the_balance__stays(free: Desk) -> None:
    gate = free.gate
    assert free.names(free.do("setFrozenTokens", gate.holder, 400)) == ["Frozen"]
    assert free.functions.getFrozenTokens(gate.holder).call() == 400
    assert free.may(gate.holder, ALICE, 600)
    assert not free.may(gate.holder, ALICE, 601)
    for name, values in (("transfer", (ALICE, 601)), ("burn", (601,)), ("redeem", (601, b"\0" * 32))):
        assert_refused(free.refusal(name, *values), "ERC7943InsufficientUnfrozenBalance", gate.holder, 601, 600)
    found = free.refusal("transfer", ALICE, 1001)
    assert_refused(found, "ERC20InsufficientBalance", gate.holder, 1000, 1001)
    gate.send(free.functions.transfer(ALICE, 600), gate.holder)
    free.do("setFrozenTokens", gate.holder, 0)
    gate.send(free.functions.transfer(ALICE, 400), gate.holder)


def test_frozen__more_than_the_balance__holds_what_comes_later(free: Desk) -> None:
    gate = free.gate
    free.do("setFrozenTokens", gate.holder, 2**256 - 1)
    assert not free.may(gate.holder, ALICE, 1)
    assert_refused(free.refusal("transfer", ALICE, 1), "ERC7943InsufficientUnfrozenBalance", gate.holder, 1, 0)
    assert free.refusal("transfer", ALICE, 0) is None
    free.do("setFrozenTokens", ALICE, 5)
    free.do("setFrozenTokens", gate.holder, 0)
    gate.send(free.functions.transfer(ALICE, 7), gate.holder)
    assert free.may(ALICE, BOB, 2)
    assert not free.may(ALICE, BOB, 3)


def test_can_transfer__balance_too_small__is_not_the_rules_question(free: Desk) -> None:
    assert free.may(ALICE, BOB, 10**9)
    assert not free.may(ZERO_ADDRESS, BOB, 1)
    assert not free.may(ALICE, ZERO_ADDRESS, 1)
    assert free.may(ALICE, BOB, 2**256 - 1)


# -- forced transfers --


def test_forced_transfer__unfrozen_goes_first__frozen_falls_before_the_transfer(free: Desk) -> None:
    gate = free.gate
    free.do("setFrozenTokens", gate.holder, 400)
    receipt = free.do("forcedTransfer", gate.holder, ALICE, 600)
    assert free.names(receipt) == ["Transfer", "ForcedTransfer"]
    assert free.functions.getFrozenTokens(gate.holder).call() == 400
    receipt = free.do("forcedTransfer", gate.holder, ALICE, 150)
    assert free.names(receipt) == ["Frozen", "Transfer", "ForcedTransfer"]
    assert free.functions.getFrozenTokens(gate.holder).call() == 250 == free.balance(gate.holder)
    assert free.balance(ALICE) == 750


def test_forced_transfer__frozen_more_than_the_balance__the_rest_stays_frozen(free: Desk) -> None:
    free.do("setFrozenTokens", free.gate.holder, 1500)
    free.do("forcedTransfer", free.gate.holder, ALICE, 300)
    assert free.functions.getFrozenTokens(free.gate.holder).call() == 1200
    assert free.balance(free.gate.holder) == 700


def test_forced_transfer__to_its_own_holder__cannot_unfreeze(free: Desk) -> None:
    holder = free.gate.holder
    free.do("setFrozenTokens", holder, 1000)
    for amount in (0, 1, 1000):
        found = free.refusal("forcedTransfer", holder, holder, amount, sender=free.officer)
        assert_refused(found, "ForcedTransferToSelf", holder)
    assert free.functions.getFrozenTokens(holder).call() == 1000


def test_forced_transfer__impossible__refused_and_never_a_mint(free: Desk) -> None:
    holder = free.gate.holder
    for values, error, expected in (
        ((ZERO_ADDRESS, ALICE, 1), "ERC20InvalidSender", (ZERO_ADDRESS,)),
        ((holder, ZERO_ADDRESS, 1), "ERC7943CannotReceive", (ZERO_ADDRESS,)),
        ((holder, ALICE, 1001), "ERC20InsufficientBalance", (holder, 1000, 1001)),
        ((ALICE, holder, 1), "ERC20InsufficientBalance", (ALICE, 0, 1)),
    ):
        assert_refused(free.refusal("forcedTransfer", *values, sender=free.officer), error, *expected)
    assert free.functions.totalSupply().call() == 1000


def test_forced_transfer__permissioned__only_to_a_listed_account_but_from_any(listed: Desk) -> None:
    gate = listed.gate
    found = listed.refusal("forcedTransfer", gate.holder, ALICE, 1, sender=listed.officer)
    assert_refused(found, "ERC7943CannotReceive", ALICE)
    listed.do("setAllowed", [gate.holder], False)
    listed.do("forcedTransfer", gate.holder, gate.relay, 1000)
    assert listed.balance(gate.relay) == 1000


# -- redeeming, permit, documents --


def test_redeem__own_tokens__destroys_them_and_gives_back_no_cap(free: Desk) -> None:
    gate = free.gate
    receipt = gate.send(free.functions.redeem(400, b"\x07" * 32), gate.holder)
    (log,) = free.token.events.Redeemed().process_receipt(receipt, errors=DISCARD)
    assert dict(log["args"]) == {"holder": gate.holder, "amount": 400, "ref": b"\x07" * 32}
    assert free.functions.totalSupply().call() == 600
    assert gate.registry.functions.trancheState(free.token.address).call()[2] == 1000


def test_permit__signed_by_the_holder__sets_the_allowance_once(free: Desk) -> None:
    gate, holder = free.gate, Account.from_key(b"\x51" * 32)
    domain = {
        "name": "Tranche A",
        "version": "1",
        "chainId": 31337,
        "verifyingContract": free.token.address,
    }
    kinds = {
        "Permit": [
            {"name": name, "type": kind}
            for name, kind in (
                ("owner", "address"),
                ("spender", "address"),
                ("value", "uint256"),
                ("nonce", "uint256"),
                ("deadline", "uint256"),
            )
        ]
    }
    deadline = gate.chain.now + 100
    message = {"owner": holder.address, "spender": gate.relay, "value": 5, "nonce": 0, "deadline": deadline}
    signed = holder.sign_typed_data(domain, kinds, message)
    call = free.functions.permit(
        holder.address, gate.relay, 5, deadline, signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")
    )
    gate.send(call)
    assert free.functions.allowance(holder.address, gate.relay).call() == 5
    found = gate.refusal(call)
    assert found is not None
    assert found.name == "ERC2612InvalidSigner"


def test_documents__set_replaced_and_removed__are_found_by_name(free: Desk) -> None:
    name, other = keccak(b"prospectus"), keccak(b"filing notice")
    functions = free.functions
    assert functions.getDocument(name).call() == ["", b"\0" * 32, 0]
    receipt = free.do("setDocument", name, "ipfs://a", b"\x01" * 32)
    (log,) = free.token.events.DocumentUpdated().process_receipt(receipt)
    assert dict(log["args"]) == {"name": name, "uri": "ipfs://a", "documentHash": b"\x01" * 32}
    free.do("setDocument", other, "ipfs://b", b"\x02" * 32)
    free.do("setDocument", name, "ipfs://c", b"\x03" * 32)
    assert functions.getDocument(name).call() == ["ipfs://c", b"\x03" * 32, free.gate.chain.now]
    assert set(functions.getAllDocuments().call()) == {name, other}
    (log,) = free.token.events.DocumentRemoved().process_receipt(free.do("removeDocument", name))
    assert dict(log["args"]) == {"name": name, "uri": "ipfs://c", "documentHash": b"\x03" * 32}
    assert functions.getAllDocuments().call() == [other]
    assert functions.getDocument(name).call() == ["", b"\0" * 32, 0]


def test_documents__impossible__refused(free: Desk) -> None:
    one = b"\x01" * 32

    def refused(call: str, *values):
        return free.refusal(call, *values, sender=free.officer)

    assert_refused(refused("setDocument", b"\0" * 32, "u", one), "EmptyDocumentName")
    assert_refused(refused("setDocument", one, "u", b"\0" * 32), "EmptyDocumentHash", one)
    assert_refused(refused("removeDocument", one), "UnknownDocument", one)
    for number in range(1, 33):
        free.do("setDocument", bytes([number]) * 32, "u", one)
    assert_refused(refused("setDocument", b"\x21" * 32, "u", one), "TooManyDocuments", 32)
    free.do("setDocument", one, "another", one)
