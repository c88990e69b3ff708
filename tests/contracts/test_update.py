"""Renewing, resuming, suspending, revoking and completing by quorum; suspending by one operator."""

from __future__ import annotations

import pytest

from tests.contracts.chain_fixture import (
    DAY,
    MAX_VALIDITY,
    START,
    Gate,
    Reverted,
    Status,
    Suspension,
    Update,
    assert_refused,
)

UNTIL = START + 60 * DAY


def change(gate: Gate, status: Status, sequence: int = 2, until: int | None = None) -> Update:
    """An update to that status, with an end of the window if it needs one."""
    given = (UNTIL if status == Status.APPROVED else 0) if until is None else until
    return Update(gate.filing, status, validUntil=given, sequence=sequence)


def brought_to(gate: Gate, status: Status) -> int:
    """Brings an approved filing to a status; returns its sequence."""
    if status == Status.APPROVED:
        return 1
    gate.send(gate.update(change(gate, status)))
    return 2


@pytest.mark.parametrize("start", (Status.APPROVED, Status.SUSPENDED, Status.REVOKED, Status.COMPLETED))
@pytest.mark.parametrize("end", tuple(Status))
def test_update__every_pair_of_statuses__follows_the_table(approved: Gate, start: Status, end: Status) -> None:
    window = approved.state()[1:3]
    sequence = brought_to(approved, start) + 1
    call = approved.update(change(approved, end, sequence))
    if start in (Status.REVOKED, Status.COMPLETED):
        assert_refused(approved.refusal(call), "FilingIsFinal", approved.filing, start)
    elif end == Status.NONE or start == end == Status.SUSPENDED:
        assert_refused(approved.refusal(call), "InvalidTransition", approved.filing, start, end)
    else:
        (event,) = approved.events(approved.send(call), "FilingUpdated")
        until = UNTIL if end == Status.APPROVED else window[1]
        assert approved.state() == (end, window[0], until, sequence)
        assert (event["filing"], event["sequence"], event["status"]) == (approved.filing, sequence, end)
        assert event["validUntil"] == (UNTIL if end == Status.APPROVED else 0)
        assert (event["recordHash"], event["reason"]) == (b"\x0e" * 32, b"\x01" * 32)


def test_update__status_beyond_the_enum__refused(approved: Gate) -> None:
    assert approved.refusal(approved.update(Update(approved.filing, 5))) is not None


def test_update__unknown_filing__refused(approved: Gate) -> None:
    unknown = b"\x44" * 32
    values = ("UnknownFiling", unknown)
    assert_refused(approved.refusal(approved.update(Update(unknown, Status.REVOKED, sequence=1))), *values)
    assert_refused(approved.refusal(approved.suspend_by_sig(Suspension(unknown, 0))), *values)
    assert_refused(approved.refusal(approved.suspend(unknown), approved.chain.operators[0].address), *values)


@pytest.mark.parametrize("sequence", (0, 1, 3))
def test_update__another_sequence__refused(approved: Gate, sequence: int) -> None:
    found = approved.refusal(approved.update(change(approved, Status.APPROVED, sequence)))
    assert_refused(found, "WrongSequence", approved.filing, sequence, 2)


def test_update__repeated_by_anybody__passes_without_effect(approved: Gate) -> None:
    renewal = change(approved, Status.APPROVED)
    assert len(approved.send(approved.update(renewal))["logs"]) == 1
    before = approved.state()
    assert approved.send(approved.update(renewal, []), approved.holder)["logs"] == []
    assert approved.state() == before


def test_update__final_filing__its_last_update_repeated__passes_without_effect(approved: Gate) -> None:
    revocation = change(approved, Status.REVOKED)
    approved.send(approved.update(revocation))
    assert approved.send(approved.update(revocation))["logs"] == []


def test_update__renewal_bounds__to_the_second(approved: Gate) -> None:
    now = START + DAY

    def refused(until: int, *values: object) -> None:
        with pytest.raises(Reverted) as found:
            approved.send(approved.update(change(approved, Status.APPROVED, until=until)), at=approved.chain.now + 1)
        assert_refused(found.value, *values)  # type: ignore[arg-type]

    approved.chain.travel(now)
    after = approved.state()[1]
    refused(0, "EmptyWindow", after, 0)
    refused(after, "EmptyWindow", after, after)
    refused(now + 3, "WindowInThePast", now + 3, now + 3)
    refused(now + 5 + MAX_VALIDITY, "WindowTooLong", now + 5 + MAX_VALIDITY, now + 4 + MAX_VALIDITY)
    longest = now + 10 + MAX_VALIDITY
    approved.send(approved.update(change(approved, Status.APPROVED, until=longest)), at=now + 10)
    assert approved.state()[2] == longest


def test_update__window_can_be_shortened(approved: Gate) -> None:
    until = START + DAY
    approved.send(approved.update(change(approved, Status.APPROVED, until=until)))
    approved.chain.travel(until)
    assert_refused(approved.refusal(approved.mint(1), approved.issuer), "FilingExpired", approved.filing, until, until)


def test_update__expired_filing__can_be_renewed(approved: Gate) -> None:
    approved.chain.travel(START + 31 * DAY)
    assert approved.refusal(approved.mint(1), approved.issuer) is not None
    approved.send(approved.update(change(approved, Status.APPROVED)))
    approved.send(approved.mint(1), approved.issuer)


@pytest.mark.parametrize("status", (Status.SUSPENDED, Status.REVOKED, Status.COMPLETED))
def test_update__end_of_window_without_approval__refused(approved: Gate, status: Status) -> None:
    found = approved.refusal(approved.update(change(approved, status, until=UNTIL)))
    assert_refused(found, "UnexpectedValidUntil", approved.filing, UNTIL)


def test_suspend__operator_as_sender__at_once(approved: Gate) -> None:
    operator = approved.fund(approved.chain.operators[3])
    receipt = approved.send(approved.suspend(), operator)
    (event,) = approved.events(receipt, "FilingSuspended")
    assert dict(event) == {"filing": approved.filing, "sequence": 2, "operator": operator, "reason": b"\x02" * 32}
    assert approved.state()[0] == Status.SUSPENDED
    assert approved.state()[3] == 2
    assert_refused(approved.refusal(approved.mint(1), approved.issuer), "FilingIsSuspended", approved.filing)


def test_suspend__anybody_else__refused(approved: Gate) -> None:
    for sender in (approved.issuer, approved.admin, approved.relay):
        assert_refused(approved.refusal(approved.suspend(), sender), "NotAnOperator", sender)


def test_suspend_by_sig__relayed__names_the_operator(approved: Gate) -> None:
    (event,) = approved.events(approved.send(approved.suspend_by_sig(Suspension(approved.filing))), "FilingSuspended")
    assert event["operator"] == approved.chain.operators[0].address
    assert (event["sequence"], event["reason"]) == (2, b"\x02" * 32)


@pytest.mark.parametrize("sequence", (0, 2))
def test_suspend_by_sig__another_sequence__refused(approved: Gate, sequence: int) -> None:
    found = approved.refusal(approved.suspend_by_sig(Suspension(approved.filing, sequence)))
    assert_refused(found, "WrongSequence", approved.filing, sequence, 1)


def test_suspend__already_suspended__passes_without_effect(approved: Gate) -> None:
    suspension = Suspension(approved.filing)
    approved.send(approved.suspend_by_sig(suspension))
    before = approved.state()
    operator = approved.fund(approved.chain.operators[1])
    assert approved.send(approved.suspend(), operator)["logs"] == []
    assert approved.send(approved.suspend_by_sig(suspension))["logs"] == []
    assert approved.state() == before
    assert_refused(approved.refusal(approved.suspend(), approved.relay), "NotAnOperator", approved.relay)


@pytest.mark.parametrize("status", (Status.REVOKED, Status.COMPLETED))
def test_suspend__final_filing__refused(approved: Gate, status: Status) -> None:
    brought_to(approved, status)
    values = ("FilingIsFinal", approved.filing, status)
    assert_refused(approved.refusal(approved.suspend(), approved.chain.operators[0].address), *values)
    assert_refused(approved.refusal(approved.suspend_by_sig(Suspension(approved.filing, 2))), *values)


def test_suspend_by_sig__used_again_after_resumption__refused(approved: Gate) -> None:
    suspension = Suspension(approved.filing)
    approved.send(approved.suspend_by_sig(suspension))
    approved.send(approved.update(change(approved, Status.APPROVED, 3)))
    assert_refused(approved.refusal(approved.suspend_by_sig(suspension)), "WrongSequence", approved.filing, 1, 3)
    approved.send(approved.mint(1), approved.issuer)


def test_suspend__renewal_signed_before__lifts_nothing(approved: Gate) -> None:
    renewal = change(approved, Status.APPROVED)
    given = approved.signed(renewal)
    approved.send(approved.suspend_by_sig(Suspension(approved.filing)))
    assert_refused(approved.refusal(approved.update(renewal, given)), "WrongSequence", approved.filing, 2, 3)
    assert approved.state()[0] == Status.SUSPENDED


def test_suspend__renewal_applied_before__is_no_repeat_any_more(approved: Gate) -> None:
    renewal = change(approved, Status.APPROVED)
    approved.send(approved.update(renewal))
    approved.send(approved.suspend_by_sig(Suspension(approved.filing, 2)))
    assert_refused(approved.refusal(approved.update(renewal)), "WrongSequence", approved.filing, 2, 4)


def test_suspend__expired_filing__stays_suspended_through_a_renewal_attempt(approved: Gate) -> None:
    approved.chain.travel(START + 31 * DAY)
    approved.send(approved.suspend_by_sig(Suspension(approved.filing)))
    found = approved.refusal(approved.approve(approved.approval(validUntil=UNTIL, sequence=3)))
    assert_refused(found, "FilingIsSuspended", approved.filing)
