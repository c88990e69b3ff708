"""What counts as a quorum, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_account import Account

from tests.contracts.chain_fixture import (
    DAY,
    MAX_VALIDITY,
    RETENTION,
    ZERO_ADDRESS,
    Approval,
    Domain,
    Gate,
    Message,
    Signature,
    Status,
    Suspension,
    Update,
    assert_refused,
    committee,
    compact,
    with_high_s,
)

STRANGER = Account.from_key(b"\x77" * 32)


@dataclass(frozen=True)
class Case:
    """Signatures made from the five good ones, and the error they shall give (None: they pass)."""

    make: Callable[[Gate, Message], list[Signature]]
    error: str | None = None
    values: Callable[[Gate], tuple[Any, ...]] = lambda gate: ()


def signatures(gate: Gate, message: Message) -> list[Signature]:
    """One good signature of each operator, ascending."""
    return gate.signed(message, gate.chain.operators)


def picked(*positions: int) -> Callable[[Gate, Message], list[Signature]]:
    return lambda gate, message: [signatures(gate, message)[position] for position in positions]


def second_replaced(change: Callable[[bytes], bytes]) -> Callable[[Gate, Message], list[Signature]]:
    """Operators 0, 1 and 2, the second one's bytes changed."""

    def make(gate: Gate, message: Message) -> list[Signature]:
        first, (operator, signature), third = signatures(gate, message)[:3]
        return [first, (operator, change(signature)), third]

    return make


def in_domain(domain: Callable[[Gate], Domain]) -> Callable[[Gate, Message], list[Signature]]:
    return lambda gate, message: [domain(gate).sign(message, signer) for signer in gate.quorum]


def address(gate: Gate, position: int) -> str:
    return gate.chain.operators[position].address


def stranger_in_place(gate: Gate, message: Message) -> list[Signature]:
    made = [*signatures(gate, message)[:2], gate.domain.sign(message, STRANGER)]
    return sorted(made, key=lambda entry: int(entry[0], 16))


def stranger_as_operator(gate: Gate, message: Message) -> list[Signature]:
    good = signatures(gate, message)
    return [good[0], (good[1][0], gate.domain.sign(message, STRANGER)[1]), good[2]]


def swapped(gate: Gate, message: Message) -> list[Signature]:
    good = signatures(gate, message)
    return [(good[0][0], good[1][1]), (good[1][0], good[0][1]), good[2]]


def zero_first(gate: Gate, message: Message) -> list[Signature]:
    return [(ZERO_ADDRESS, b"\0" * 65), *signatures(gate, message)[:2]]


def invalid(position: int) -> Callable[[Gate], tuple[Any, ...]]:
    return lambda gate: (position, address(gate, position))


def misplaced(index: int, previous: int, operator: int) -> Callable[[Gate], tuple[Any, ...]]:
    return lambda gate: (index, address(gate, previous), address(gate, operator))


CASES = {
    "three of five": Case(picked(0, 1, 2)),
    "any three of five": Case(picked(0, 2, 4)),
    "64 bytes": Case(second_replaced(compact)),
    "64 and 65 bytes of one operator": Case(
        lambda gate, message: [
            signatures(gate, message)[0],
            (address(gate, 0), compact(signatures(gate, message)[0][1])),
            signatures(gate, message)[1],
        ],
        "SignaturesNotAscending",
        misplaced(1, 0, 0),
    ),
    "none": Case(picked(), "WrongSignatureCount", lambda gate: (0, 3)),
    "too few": Case(picked(0, 1), "WrongSignatureCount", lambda gate: (2, 3)),
    "one too many": Case(picked(0, 1, 2, 3), "WrongSignatureCount", lambda gate: (4, 3)),
    "duplicate": Case(picked(0, 0, 1), "SignaturesNotAscending", misplaced(1, 0, 0)),
    "duplicate at the end": Case(picked(0, 1, 1), "SignaturesNotAscending", misplaced(2, 1, 1)),
    "A, B, A": Case(picked(0, 1, 0), "SignaturesNotAscending", misplaced(2, 1, 0)),
    "unsorted": Case(picked(1, 0, 2), "SignaturesNotAscending", misplaced(1, 1, 0)),
    "stranger": Case(stranger_in_place, "NotAnOperator", lambda gate: (STRANGER.address,)),
    "stranger under an operator's name": Case(stranger_as_operator, "InvalidOperatorSignature", invalid(1)),
    "operators under each other's names": Case(swapped, "InvalidOperatorSignature", invalid(0)),
    "zero address": Case(zero_first, "SignaturesNotAscending", lambda gate: (0, ZERO_ADDRESS, ZERO_ADDRESS)),
    "high s": Case(second_replaced(with_high_s), "InvalidOperatorSignature", invalid(1)),
    "v of 0 and 1": Case(
        second_replaced(lambda raw: raw[:64] + bytes([raw[64] - 27])), "InvalidOperatorSignature", invalid(1)
    ),
    "v of 29": Case(second_replaced(lambda raw: raw[:64] + b"\x1d"), "InvalidOperatorSignature", invalid(1)),
    "other v": Case(
        second_replaced(lambda raw: raw[:64] + bytes([55 - raw[64]])), "InvalidOperatorSignature", invalid(1)
    ),
    "empty": Case(second_replaced(lambda raw: b""), "InvalidOperatorSignature", invalid(1)),
    "63 bytes": Case(second_replaced(lambda raw: compact(raw)[:63]), "InvalidOperatorSignature", invalid(1)),
    "66 bytes": Case(second_replaced(lambda raw: raw + b"\0"), "InvalidOperatorSignature", invalid(1)),
    "zeros": Case(second_replaced(lambda raw: b"\0" * 65), "InvalidOperatorSignature", invalid(1)),
    "another chain": Case(
        in_domain(lambda gate: Domain(gate.registry.address, chain_id=1)), "InvalidOperatorSignature", invalid(0)
    ),
    "another contract": Case(
        in_domain(lambda gate: Domain(gate.token.address)), "InvalidOperatorSignature", invalid(0)
    ),
    "another name": Case(
        in_domain(lambda gate: Domain(gate.registry.address, name="Registry")), "InvalidOperatorSignature", invalid(0)
    ),
    "another version": Case(
        in_domain(lambda gate: Domain(gate.registry.address, version="2")), "InvalidOperatorSignature", invalid(0)
    ),
}


RETIRED_CASES = {
    "replaced, in its retention": (RETENTION, 1, False, None),
    "replaced, after its retention": (RETENTION, RETENTION, False, "NotAnOperator"),
    "replaced, no retention": (0, 0, False, "NotAnOperator"),
    "removed": (None, 0, True, "NotAnOperator"),
    "removed while retained": (RETENTION, 0, True, "NotAnOperator"),
}


@pytest.mark.parametrize("name", RETIRED_CASES)
def test_approve__signature_of_a_retired_operator__counts_only_while_retained(gate: Gate, name: str) -> None:
    retention, seconds, removed, error = RETIRED_CASES[name]
    chain, old = gate.chain, gate.chain.operators[0]
    members = [account.address for account in chain.operators]
    registry = chain.deploy("FilingRegistry", committee(members, 3, gate.owner, DAY, retention or 0), MAX_VALIDITY)
    gate = replace(gate, registry=registry)
    functions = registry.functions
    approval = gate.approval()
    in_flight = gate.signed(approval)
    if retention is not None:
        gate.send(functions.announceOperator(STRANGER.address, old.address), gate.owner)
        chain.travel(chain.now + DAY)
        gate.send(functions.applyOperator(STRANGER.address, old.address), gate.owner)
    if removed:
        gate.send(functions.removeOperator(old.address), gate.owner)
    if seconds:
        chain.travel(chain.now + seconds)
    found = gate.refusal(gate.approve(approval, in_flight))
    if error is None:
        assert found is None
    else:
        assert_refused(found, error, old.address)


def check(gate: Gate, case: Case, message: Approval | Update) -> None:
    given = case.make(gate, message)
    call = gate.approve(message, given) if isinstance(message, Approval) else gate.update(message, given)
    before = gate.state()
    found = gate.refusal(call)
    if case.error is None:
        assert found is None
        gate.send(call)
        assert gate.state() != before
    else:
        assert_refused(found, case.error, *case.values(gate))


@pytest.mark.parametrize("name", CASES)
def test_approve__signature_case__passes_or_names_what_is_wrong(gate: Gate, name: str) -> None:
    check(gate, CASES[name], gate.approval())


@pytest.mark.parametrize("name", CASES)
def test_update__signature_case__passes_or_names_what_is_wrong(approved: Gate, name: str) -> None:
    check(approved, CASES[name], Update(approved.filing, Status.REVOKED))


def test_update__signatures_over_an_approval__refused(approved: Gate) -> None:
    renewal = approved.approval(sequence=2)
    change = Update(approved.filing, Status.REVOKED)
    found = approved.refusal(approved.update(change, approved.signed(renewal)))
    assert_refused(found, "InvalidOperatorSignature", *invalid(0)(approved))


def test_approve__any_field_differs_from_what_was_signed__refused(gate: Gate) -> None:
    signed = gate.approval(validUntil=gate.chain.now + 1000)
    given = gate.signed(signed)
    token = signed.tranches[0].token
    changes: list[dict[str, Any]] = [
        {"filing": b"\x55" * 32},
        {"dossierHash": b"\x55" * 32},
        {"recordHash": b"\x55" * 32},
        {"rulesetHash": b"\x55" * 32},
        {"validAfter": signed.validAfter + 1},
        {"validUntil": signed.validUntil + 1},
        {"tranches": (type(signed.tranches[0])(token, cap=signed.tranches[0].cap + 1),)},
        {"tranches": (type(signed.tranches[0])(gate.tokens[1].address),)},
        {"tranches": (*signed.tranches, type(signed.tranches[0])(gate.tokens[1].address))},
    ]
    for change in changes:
        found = gate.refusal(gate.approve(gate.approval(**{"validUntil": signed.validUntil, **change}), given))
        assert_refused(found, "InvalidOperatorSignature", *invalid(0)(gate))


SUSPENSION_CASES: dict[str, tuple[Callable[[Gate, Suspension], Signature], str | None]] = {
    "an operator": (lambda gate, message: gate.domain.sign(message, gate.chain.operators[4]), None),
    "64 bytes": (
        lambda gate, message: (address(gate, 4), compact(gate.domain.sign(message, gate.chain.operators[4])[1])),
        None,
    ),
    "high s": (
        lambda gate, message: (address(gate, 4), with_high_s(gate.domain.sign(message, gate.chain.operators[4])[1])),
        "InvalidOperatorSignature",
    ),
    "stranger": (lambda gate, message: gate.domain.sign(message, STRANGER), "NotAnOperator"),
    "stranger under an operator's name": (
        lambda gate, message: (address(gate, 4), gate.domain.sign(message, STRANGER)[1]),
        "InvalidOperatorSignature",
    ),
    "zero address": (lambda gate, message: (ZERO_ADDRESS, b"\0" * 65), "NotAnOperator"),
    "empty": (lambda gate, message: (address(gate, 4), b""), "InvalidOperatorSignature"),
    "another chain": (
        lambda gate, message: Domain(gate.registry.address, chain_id=1).sign(message, gate.chain.operators[4]),
        "InvalidOperatorSignature",
    ),
    "another contract": (
        lambda gate, message: Domain(gate.token.address).sign(message, gate.chain.operators[4]),
        "InvalidOperatorSignature",
    ),
}


@pytest.mark.parametrize("name", SUSPENSION_CASES)
def test_suspend_by_sig__signature_case__passes_or_names_what_is_wrong(approved: Gate, name: str) -> None:
    make, error = SUSPENSION_CASES[name]
    suspension = Suspension(approved.filing)
    call = approved.suspend_by_sig(suspension, make(approved, suspension))
    found = approved.refusal(call)
    if error is None:
        assert found is None
        approved.send(call)
        assert approved.state()[0] == Status.SUSPENDED
    else:
        assert found is not None
        assert found.name == error
