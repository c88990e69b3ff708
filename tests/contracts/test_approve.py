"""Approving a filing: windows, sequence, tranches, repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest
from web3 import Web3

from tests.contracts.chain_fixture import (
    DAY,
    MAX_VALIDITY,
    START,
    ZERO_ADDRESS,
    ZERO_HASH,
    Gate,
    Reverted,
    Status,
    Suspension,
    Tranche,
    Update,
    as_struct,
    assert_refused,
)

MAX_CAP = 2**96 - 1


def test_approve__first_time__sets_state_and_emits_everything(gate: Gate) -> None:
    approval = gate.approval(Tranche(gate.tokens[0].address, 10), Tranche(gate.tokens[1].address, 20))
    receipt = gate.send(gate.approve(approval))
    assert gate.state() == (Status.APPROVED, approval.validAfter, approval.validUntil, 1)
    for token, cap in zip(gate.tokens, (10, 20), strict=False):
        assert gate.registry.functions.filingOf(token.address).call() == gate.filing
        assert gate.registry.functions.trancheState(token.address).call() == [gate.filing, cap, 0]
        assert token.functions.filing().call() == gate.filing
    assert gate.registry.functions.trancheState(gate.tokens[2].address).call() == [ZERO_HASH, 0, 0]
    (event,) = gate.events(receipt, "FilingApproved")
    assert event["filing"] == approval.filing
    assert event["sequence"] == 1
    assert event["dossierHash"] == approval.dossierHash
    assert event["recordHash"] == approval.recordHash
    assert event["rulesetHash"] == approval.rulesetHash
    assert (event["validAfter"], event["validUntil"]) == (approval.validAfter, approval.validUntil)
    assert [tuple(tranche.values()) for tranche in event["tranches"]] == list(as_struct(approval)[1])


def test_approve__repeated_by_anybody__passes_without_effect(approved: Gate) -> None:
    approval = approved.approval()
    approved.send(approved.mint(5), approved.issuer)
    before = approved.state()
    receipt = approved.send(approved.approve(approval), approved.holder)
    assert receipt["logs"] == []
    assert approved.state() == before
    assert approved.registry.functions.trancheState(approved.token.address).call()[2] == 5
    # Not even the signatures are looked at.
    assert approved.send(approved.approve(approval, []))["logs"] == []


def test_approve__repeated_after_it_expired__still_passes_without_effect(approved: Gate) -> None:
    approval = approved.approval()
    receipt = approved.send(approved.approve(approval), at=approval.validUntil + DAY)
    assert receipt["logs"] == []


def test_approve__overtaken_by_another_submitter__both_pass(gate: Gate) -> None:
    approval = gate.approval()
    first = gate.send(gate.approve(approval, gate.signed(approval)), gate.holder)
    second = gate.send(gate.approve(approval, gate.signed(approval, gate.chain.operators[2:])), gate.relay)
    assert len(first["logs"]) == 1
    assert second["logs"] == []


@pytest.mark.parametrize("sequence", (0, 2, 2**64 - 1))
def test_approve__new_filing_with_another_sequence_than_one__refused(gate: Gate, sequence: int) -> None:
    found = gate.refusal(gate.approve(gate.approval(sequence=sequence)))
    assert_refused(found, "WrongSequence", gate.filing, sequence, 1)


def test_approve__another_approval_of_the_same_sequence__refused(approved: Gate) -> None:
    other = approved.approval(Tranche(approved.token.address, 2_000_000))
    assert_refused(approved.refusal(approved.approve(other)), "WrongSequence", approved.filing, 1, 2)


def test_approve__stale_approval_after_a_newer_one__refused(approved: Gate) -> None:
    approved.send(approved.approve(approved.approval(dossierHash=b"\x22" * 32, sequence=2)))
    found = approved.refusal(approved.approve(approved.approval()))
    assert_refused(found, "WrongSequence", approved.filing, 1, 3)


def test_approve__zero_filing__refused(gate: Gate) -> None:
    assert_refused(gate.refusal(gate.approve(gate.approval(filing=ZERO_HASH))), "ZeroFiling")


def test_approve__key_of_another_filing__refused_everywhere(approved: Gate) -> None:
    twin = approved.filing[:8] + b"\x99" * 24
    token = Tranche(approved.tokens[1].address)
    values = ("FilingKeyTaken", twin, approved.filing)
    assert_refused(approved.refusal(approved.approve(approved.approval(token, filing=twin, sequence=2))), *values)
    assert_refused(approved.refusal(approved.update(Update(twin, Status.REVOKED))), *values)
    assert_refused(approved.refusal(approved.suspend_by_sig(Suspension(twin))), *values)
    operator = approved.chain.operators[0].address
    assert_refused(approved.refusal(approved.suspend(twin), operator), *values)
    assert approved.registry.functions.filingState(twin).call() == [0, 0, 0, 0]


def test_approve__filing_whose_key_is_zero__binds_like_any_other(gate: Gate) -> None:
    filing = b"\0" * 8 + b"\x42" * 24
    gate.send(gate.approve(gate.approval(filing=filing)))
    assert gate.registry.functions.filingOf(gate.token.address).call() == filing
    assert gate.registry.functions.filingOf(gate.tokens[1].address).call() == ZERO_HASH
    gate.send(gate.mint(1), gate.issuer)
    assert_refused(gate.refusal(gate.mint(1, gate.tokens[1]), gate.issuer), "TokenNotApproved", gate.tokens[1].address)
    other = gate.approval()
    assert_refused(gate.refusal(gate.approve(other)), "TokenBoundToAnotherFiling", gate.token.address, filing)


@pytest.mark.parametrize("offset", (0, 1))
def test_approve__window_without_a_second__refused(gate: Gate, offset: int) -> None:
    until = START + 10 * DAY
    found = gate.refusal(gate.approve(gate.approval(validAfter=until + offset, validUntil=until)))
    assert_refused(found, "EmptyWindow", until + offset, until)


def test_approve__window_of_one_second__accepted(gate: Gate) -> None:
    until = START + 10 * DAY
    gate.send(gate.approve(gate.approval(validAfter=until - 1, validUntil=until)))
    assert gate.registry.functions.filingState(gate.filing).call()[1:3] == [until - 1, until]


def test_approve__window_ends_now__refused_and_a_second_earlier_accepted(gate: Gate) -> None:
    until = START + 20 * DAY
    call = gate.approve(gate.approval(validUntil=until))
    with pytest.raises(Reverted) as found:
        gate.send(call, at=until)
    assert_refused(found.value, "WindowInThePast", until, until)


def test_approve__a_second_before_the_window_ends__accepted(gate: Gate) -> None:
    until = START + 20 * DAY
    gate.send(gate.approve(gate.approval(validUntil=until)), at=until - 1)
    assert gate.state()[0] == Status.APPROVED


def test_approve__longest_window__accepted_and_a_second_more_refused(gate: Gate) -> None:
    now = START + 10 * DAY
    with pytest.raises(Reverted) as found:
        gate.send(gate.approve(gate.approval(validUntil=now + MAX_VALIDITY + 1)), at=now)
    assert_refused(found.value, "WindowTooLong", now + MAX_VALIDITY + 1, now + MAX_VALIDITY)
    gate.send(gate.approve(gate.approval(validUntil=now + MAX_VALIDITY + 1)), at=now + 1)


@pytest.mark.parametrize("until", (2**48, 2**64 - 1))
def test_approve__no_value_means_for_ever(gate: Gate, until: int) -> None:
    found = gate.refusal(gate.approve(gate.approval(validUntil=until)))
    assert_refused(found, "WindowTooLong", until, gate.chain.now + MAX_VALIDITY)


@pytest.mark.parametrize("count", (0, 33))
def test_approve__no_or_too_many_tranches__refused(gate: Gate, count: int) -> None:
    tranches = tuple(Tranche(Web3.to_checksum_address(f"0x{number:040x}")) for number in range(count))
    found = gate.refusal(gate.approve(replace(gate.approval(), tranches=tranches), []))
    assert_refused(found, "InvalidTrancheCount", count, 32)


def test_approve__thirty_two_tranches__accepted(gate: Gate) -> None:
    template = gate.chain.w3.eth.get_code(gate.token.address).to_0x_hex()
    tranches = [Tranche(Web3.to_checksum_address(f"0x{number:040x}")) for number in range(0x10001, 0x10021)]
    for tranche in tranches:
        gate.chain.rpc("anvil_setCode", tranche.token, template)
    gate.send(gate.approve(gate.approval(*tranches)))
    assert gate.registry.functions.filingOf(tranches[31].token).call() == gate.filing


def test_approve__tranches_not_ascending__refused(gate: Gate) -> None:
    first, second = (Tranche(token.address) for token in gate.tokens[:2])
    found = gate.refusal(gate.approve(gate.approval(second, first)))
    assert_refused(found, "TranchesNotAscending", 1, second.token, first.token)
    found = gate.refusal(gate.approve(gate.approval(first, first)))
    assert_refused(found, "TranchesNotAscending", 1, first.token, first.token)
    found = gate.refusal(gate.approve(gate.approval(Tranche(ZERO_ADDRESS))))
    assert_refused(found, "TranchesNotAscending", 0, ZERO_ADDRESS, ZERO_ADDRESS)


def test_approve__decimals_of_another_unit__refused(gate: Gate) -> None:
    found = gate.refusal(gate.approve(gate.approval(Tranche(gate.token.address, decimals=18))))
    assert_refused(found, "DecimalsMismatch", gate.token.address, 18, 6)


def test_approve__address_without_code__refused(gate: Gate) -> None:
    found = gate.refusal(gate.approve(gate.approval(Tranche(gate.holder))))
    assert_refused(found, "DecimalsUnreadable", gate.holder)


@pytest.mark.parametrize(
    ("answer", "fails"),
    (
        (b"", False),
        (b"\x06", False),
        (b"\0" * 31 + b"\x06" + b"\0", False),
        (b"\0" * 30 + b"\x01\x06", False),
        (b"\0" * 31 + b"\x06", True),
    ),
)
def test_approve__token_without_readable_decimals__refused(gate: Gate, answer: bytes, fails: bool) -> None:
    token = gate.chain.deploy("OddDecimals", answer, fails)
    found = gate.refusal(gate.approve(gate.approval(Tranche(token.address))))
    assert_refused(found, "DecimalsUnreadable", token.address)


@pytest.mark.parametrize("decimals", (0, 255))
def test_approve__least_and_most_decimals__accepted(gate: Gate, decimals: int) -> None:
    token = gate.chain.deploy("OddDecimals", decimals.to_bytes(32, "big"), False)
    gate.send(gate.approve(gate.approval(Tranche(token.address, decimals=decimals))))
    assert gate.registry.functions.filingOf(token.address).call() == gate.filing


def test_approve__cap_zero_or_too_large__refused(gate: Gate) -> None:
    token = gate.token.address
    assert_refused(gate.refusal(gate.approve(gate.approval(Tranche(token, 0)))), "ZeroCap", token)
    for cap in (MAX_CAP + 1, 2**256 - 1):
        found = gate.refusal(gate.approve(gate.approval(Tranche(token, cap))))
        assert_refused(found, "CapTooLarge", token, cap, MAX_CAP)


def test_approve__largest_cap__can_be_issued_whole(gate: Gate) -> None:
    gate.send(gate.approve(gate.approval(Tranche(gate.token.address, MAX_CAP))))
    gate.send(gate.mint(MAX_CAP), gate.issuer)
    assert_refused(gate.refusal(gate.mint(1), gate.issuer), "CapExceeded", gate.token.address, 1, 0)


def test_approve__token_of_another_filing__refused_for_ever(approved: Gate) -> None:
    other = approved.approval(filing=b"\x33" * 32)
    values = ("TokenBoundToAnotherFiling", approved.token.address, approved.filing)
    assert_refused(approved.refusal(approved.approve(other)), *values)
    approved.send(approved.update(Update(approved.filing, Status.REVOKED)))
    assert_refused(approved.refusal(approved.approve(other)), *values)
    approved.chain.travel(START + 80 * DAY)
    late = replace(other, validUntil=START + 90 * DAY)
    assert_refused(approved.refusal(approved.approve(late)), *values)


def test_approve__cap_raised_lowered_and_below_issued(approved: Gate) -> None:
    token = approved.token.address
    approved.send(approved.mint(600), approved.issuer)
    for sequence, cap in ((2, 5_000_000), (3, 1_000), (4, 600)):
        approved.send(approved.approve(approved.approval(Tranche(token, cap), sequence=sequence)))
        assert approved.registry.functions.trancheState(token).call() == [approved.filing, cap, 600]
    found = approved.refusal(approved.approve(approved.approval(Tranche(token, 599), sequence=5)))
    assert_refused(found, "CapBelowIssued", token, 599, 600)


def test_approve__tranches_not_named__keep_what_they_had(approved: Gate) -> None:
    second = approved.tokens[1]
    approved.send(approved.approve(approved.approval(Tranche(second.address, 77), sequence=2)))
    for token, cap in ((approved.token, 1_000_000), (second, 77)):
        assert approved.registry.functions.trancheState(token.address).call() == [approved.filing, cap, 0]
        approved.send(approved.mint(7, token), approved.issuer)


def test_approve__suspended_filing__refused(approved: Gate) -> None:
    approved.send(approved.suspend_by_sig(Suspension(approved.filing)))
    found = approved.refusal(approved.approve(approved.approval(sequence=3)))
    assert_refused(found, "FilingIsSuspended", approved.filing)


def test_approve__signed_before_the_suspension__lifts_nothing(approved: Gate) -> None:
    applied, signed = approved.approval(), approved.approval(dossierHash=b"\x22" * 32, sequence=2)
    given = approved.signed(signed)
    approved.send(approved.suspend_by_sig(Suspension(approved.filing)))
    assert_refused(approved.refusal(approved.approve(signed, given)), "WrongSequence", approved.filing, 2, 3)
    assert_refused(approved.refusal(approved.approve(applied)), "WrongSequence", approved.filing, 1, 3)
    assert approved.state()[0] == Status.SUSPENDED


@pytest.mark.parametrize("status", (Status.REVOKED, Status.COMPLETED))
def test_approve__final_filing__refused(approved: Gate, status: Status) -> None:
    approved.send(approved.update(Update(approved.filing, status)))
    found = approved.refusal(approved.approve(approved.approval(sequence=3)))
    assert_refused(found, "FilingIsFinal", approved.filing, status)
