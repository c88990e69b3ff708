"""Operators that are contracts: what they may answer, and that a bad one harms nobody but itself."""

from __future__ import annotations

from enum import IntEnum

import pytest
from eth_account import Account
from web3.contract import Contract

from tests.contracts.chain_fixture import (
    MAX_VALIDITY,
    Chain,
    Gate,
    Message,
    Signature,
    Status,
    Suspension,
    Update,
    assert_refused,
    committee,
    compact,
    token_config,
)

KEY = Account.from_key(b"\x31" * 32)
OTHER = Account.from_key(b"\x32" * 32)


class Manner(IntEnum):
    """OddWallet.Manner."""

    HONEST = 0
    REVERTS = 1
    REVERTS_WITH_THE_MAGIC_VALUE = 2
    GARBAGE = 3
    ZERO = 4
    TRUE = 5
    EMPTY = 6
    FOUR_BYTES = 7
    SIXTY_FOUR_BYTES = 8
    DIRTY_WORD = 9
    BURNS_ALL_GAS = 10
    MEGABYTE = 11
    WRITES_STATE = 12


def with_wallet(gate: Gate, manner: Manner) -> tuple[Gate, Contract]:
    """A registry whose committee is two keys and one wallet, any two of which must sign; one token."""
    chain = gate.chain
    wallet = chain.deploy("OddWallet", KEY.address, manner)
    members = [chain.operators[0].address, chain.operators[1].address, wallet.address]
    registry = chain.deploy("FilingRegistry", committee(members, 2, gate.owner), MAX_VALIDITY)
    token = chain.deploy("AssetBackedToken", token_config(registry.address, gate.admin, gate.issuer))
    made = Gate(
        chain, registry, [token], 2, gate.admin, gate.issuer, gate.relay, gate.holder, gate.owner, filing=gate.filing
    )
    return made, wallet


def by_key_and_wallet(gate: Gate, wallet: Contract, message: Message, raw: bytes) -> list[Signature]:
    made = [gate.domain.sign(message, gate.chain.operators[0]), (wallet.address, raw)]
    return sorted(made, key=lambda entry: int(entry[0], 16))


def position(given: list[Signature], wallet: Contract) -> int:
    return [operator for operator, _ in given].index(wallet.address)


@pytest.mark.parametrize("shorten", (False, True))
def test_approve__honest_wallet_in_the_quorum__counts(gate: Gate, shorten: bool) -> None:
    made, wallet = with_wallet(gate, Manner.HONEST)
    approval = made.approval()
    raw = made.domain.sign(approval, KEY)[1]
    made.send(made.approve(approval, by_key_and_wallet(made, wallet, approval, compact(raw) if shorten else raw)))
    assert made.state()[0] == Status.APPROVED


def test_approve__wallet_of_another_key__refused(gate: Gate) -> None:
    made, wallet = with_wallet(gate, Manner.HONEST)
    approval = made.approval()
    for signer in (OTHER, made.chain.operators[1]):
        given = by_key_and_wallet(made, wallet, approval, made.domain.sign(approval, signer)[1])
        found = made.refusal(made.approve(approval, given))
        assert_refused(found, "InvalidOperatorSignature", position(given, wallet), wallet.address)


def test_approve__key_of_the_wallet_under_its_own_name__is_no_operator(gate: Gate) -> None:
    made, _ = with_wallet(gate, Manner.HONEST)
    approval = made.approval()
    given = sorted(
        [made.domain.sign(approval, made.chain.operators[0]), made.domain.sign(approval, KEY)],
        key=lambda entry: int(entry[0], 16),
    )
    assert_refused(made.refusal(made.approve(approval, given)), "NotAnOperator", KEY.address)


@pytest.mark.parametrize("manner", [manner for manner in Manner if manner != Manner.HONEST])
def test_signature__wallet_that_misbehaves__is_refused_and_blocks_no_other(gate: Gate, manner: Manner) -> None:
    made, wallet = with_wallet(gate, manner)
    approval = made.approval()
    given = by_key_and_wallet(made, wallet, approval, made.domain.sign(approval, KEY)[1])
    found = made.refusal(made.approve(approval, given))
    assert_refused(found, "InvalidOperatorSignature", position(given, wallet), wallet.address)
    # The other two pass, and the wallet cannot be used to suspend either.
    made.send(made.approve(approval, made.signed(approval, made.chain.operators[:2])))
    suspension = Suspension(made.filing)
    found = made.refusal(made.suspend_by_sig(suspension, (wallet.address, b"\x01")))
    assert_refused(found, "InvalidOperatorSignature", 0, wallet.address)


def test_approve__wallet_that_burns_all_gas__costs_no_more_than_its_share(gate: Gate) -> None:
    made, wallet = with_wallet(gate, Manner.BURNS_ALL_GAS)
    approval = made.approval()
    given = by_key_and_wallet(made, wallet, approval, made.domain.sign(approval, KEY)[1])
    call = made.approve(approval, given)
    # A call with half a million gas ends with the registry's own error, not out of gas.
    transaction = {"to": call.address, "data": call._encode_transaction_data()}
    assert _refused_with(made.chain, transaction, 500_000) == made.chain.selector("InvalidOperatorSignature")


def _refused_with(chain: Chain, transaction: dict[str, str], gas: int) -> bytes:
    answer = chain.w3.provider.make_request("eth_call", [{**transaction, "gas": hex(gas)}, "latest"])  # type: ignore[arg-type]
    error: dict[str, str] = answer["error"]  # type: ignore[assignment]
    return bytes.fromhex(error["data"][2:10])


def test_operator__plain_account_with_a_bad_signature__refused_as_before(gate: Gate) -> None:
    # An account without code accepts any call: that must not count.
    change = gate.approval()
    given = gate.signed(change)
    given[1] = (given[1][0], b"")
    assert_refused(gate.refusal(gate.approve(change, given)), "InvalidOperatorSignature", 1, given[1][0])


def test_suspend_by_sig__honest_wallet__suspends(gate: Gate) -> None:
    made, wallet = with_wallet(gate, Manner.HONEST)
    approval = made.approval()
    made.send(made.approve(approval, made.signed(approval, made.chain.operators[:2])))
    suspension = Suspension(made.filing)
    made.send(made.suspend_by_sig(suspension, (wallet.address, made.domain.sign(suspension, KEY)[1])))
    assert made.state()[0] == Status.SUSPENDED


def test_update__honest_wallet__counts(gate: Gate) -> None:
    made, wallet = with_wallet(gate, Manner.HONEST)
    approval = made.approval()
    made.send(made.approve(approval, made.signed(approval, made.chain.operators[:2])))
    change = Update(made.filing, Status.COMPLETED)
    made.send(made.update(change, by_key_and_wallet(made, wallet, change, made.domain.sign(change, KEY)[1])))
    assert made.state()[0] == Status.COMPLETED
