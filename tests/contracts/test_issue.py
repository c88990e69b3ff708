"""Issuing: what passes the gate, to the unit and to the second, and that `canIssue` says the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contracts.chain_fixture import (
    DAY,
    START,
    Gate,
    Reverted,
    Status,
    Suspension,
    Update,
    assert_refused,
)

AFTER = START + 2 * DAY
UNTIL = START + 30 * DAY


def approve_later(gate: Gate) -> None:
    gate.send(gate.approve(gate.approval(validAfter=AFTER, validUntil=UNTIL)))


def test_mint__inside_the_cap__counts_and_emits(approved: Gate) -> None:
    token = approved.token
    for amount, issued in ((400_000, 400_000), (600_000, 1_000_000)):
        (event,) = approved.events(approved.send(approved.mint(amount), approved.issuer), "Issued")
        assert dict(event) == {
            "token": token.address,
            "filingKey": int.from_bytes(approved.filing[:8], "big"),
            "amount": amount,
            "issued": issued,
        }
    assert token.functions.totalSupply().call() == 1_000_000
    assert_refused(approved.refusal(approved.mint(1), approved.issuer), "CapExceeded", token.address, 1, 0)


def test_mint__more_than_is_left__refused(approved: Gate) -> None:
    approved.send(approved.mint(999_999), approved.issuer)
    for amount in (2, 2**96, 2**256 - 1):
        found = approved.refusal(approved.mint(amount), approved.issuer)
        assert_refused(found, "CapExceeded", approved.token.address, amount, 1)


def test_burn__gives_back_nothing_of_the_cap(approved: Gate) -> None:
    approved.send(approved.mint(1_000_000), approved.issuer)
    approved.send(approved.token.functions.burn(1_000_000), approved.holder)
    assert approved.token.functions.totalSupply().call() == 0
    assert_refused(approved.refusal(approved.mint(1), approved.issuer), "CapExceeded", approved.token.address, 1, 0)


def test_mint__before_the_window__refused_and_at_its_first_second_accepted(gate: Gate) -> None:
    approve_later(gate)
    with pytest.raises(Reverted) as found:
        gate.send(gate.mint(1), gate.issuer, at=AFTER - 1)
    assert_refused(found.value, "FilingNotStarted", gate.filing, AFTER, AFTER - 1)
    gate.send(gate.mint(1), gate.issuer, at=AFTER)


def test_mint__last_second_of_the_window__accepted_and_the_next_refused(gate: Gate) -> None:
    approve_later(gate)
    gate.send(gate.mint(1), gate.issuer, at=UNTIL - 1)
    with pytest.raises(Reverted) as found:
        gate.send(gate.mint(1), gate.issuer, at=UNTIL)
    assert_refused(found.value, "FilingExpired", gate.filing, UNTIL, UNTIL)


def test_mint__oracle_stays_silent__stops_by_itself(approved: Gate) -> None:
    approved.chain.travel(START + 365 * DAY)
    assert_refused(
        approved.refusal(approved.mint(1), approved.issuer),
        "FilingExpired",
        approved.filing,
        UNTIL,
        START + 365 * DAY,
    )


def test_mint__token_that_no_filing_names__refused(approved: Gate) -> None:
    other = approved.tokens[1]
    assert_refused(approved.refusal(approved.mint(1, other), approved.issuer), "TokenNotApproved", other.address)


def test_consume__anybody_but_a_token__refused(approved: Gate) -> None:
    consume = approved.registry.functions.consume(1)
    for sender in (approved.issuer, approved.admin, approved.relay, approved.chain.operators[0].address):
        assert_refused(approved.refusal(consume, sender), "TokenNotApproved", sender)


def suspended(gate: Gate) -> None:
    approve_later(gate)
    gate.send(gate.suspend_by_sig(Suspension(gate.filing)))


def ended(status: Status) -> Callable[[Gate], None]:
    def bring(gate: Gate) -> None:
        approve_later(gate)
        gate.send(gate.update(Update(gate.filing, status)))

    return bring


def drawn_down(gate: Gate) -> None:
    approve_later(gate)
    gate.send(gate.mint(999_990), gate.issuer, at=AFTER)


STATES: dict[str, tuple[Callable[[Gate], None], int, str | None]] = {
    "unknown": (lambda gate: None, AFTER + 1, "TokenNotApproved"),
    "before": (approve_later, AFTER - 1, "FilingNotStarted"),
    "first second": (approve_later, AFTER, None),
    "inside": (approve_later, AFTER + 1, None),
    "last second": (approve_later, UNTIL - 1, None),
    "over": (approve_later, UNTIL, "FilingExpired"),
    "suspended": (suspended, AFTER + 1, "FilingIsSuspended"),
    "suspended and over": (suspended, UNTIL + 1, "FilingIsSuspended"),
    "revoked": (ended(Status.REVOKED), AFTER + 1, "FilingIsFinal"),
    "completed": (ended(Status.COMPLETED), AFTER + 1, "FilingIsFinal"),
    "drawn down": (drawn_down, AFTER + 1, None),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("amount", (0, 1, 10, 11, 1_000_000, 1_000_001, 2**256 - 1))
def test_can_issue__every_state__agrees_with_mint(gate: Gate, state: str, amount: int) -> None:
    bring, when, expected = STATES[state]
    bring(gate)
    gate.chain.travel(when)
    allowed, reason = gate.can_issue(amount)
    found = gate.refusal(gate.mint(amount), gate.issuer)
    # What the mint gave, not what the table says, is what canIssue must have foretold.
    assert allowed == (found is None)
    assert reason == (found.data[:4] if found else b"\0" * 4)
    left = 10 if state == "drawn down" else 1_000_000
    if found is None:
        assert expected is None
        assert 0 < amount <= left
    elif expected is None:
        assert found.name == ("ZeroAmount" if amount == 0 else "CapExceeded")
        assert amount == 0 or amount > left
    else:
        assert found.name in (expected, "ZeroAmount")
        assert (found.name == "ZeroAmount") == (amount == 0 and state != "unknown")


def test_can_issue__mined_mint__gives_the_very_error(gate: Gate) -> None:
    approve_later(gate)
    with pytest.raises(Reverted) as found:
        gate.send(gate.mint(1), gate.issuer, at=UNTIL + 5)
    assert gate.can_issue(1) == (False, found.value.data[:4])
    assert gate.can_issue(1) == (False, gate.chain.selector("FilingExpired"))
