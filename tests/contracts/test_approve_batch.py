"""Several approvals in one transaction: all or nothing, and a repeat is harmless."""

from __future__ import annotations

from tests.contracts.chain_fixture import Approval, Gate, Status, Tranche, as_struct, assert_refused

FIRST, SECOND = b"\x11" * 32, b"\x22" * 32


def two(gate: Gate) -> list[Approval]:
    return [
        gate.approval(Tranche(gate.tokens[0].address), filing=FIRST),
        gate.approval(Tranche(gate.tokens[1].address), filing=SECOND),
    ]


def batch(gate: Gate, approvals: list[Approval]):
    lists = [gate.signed(approval) for approval in approvals]
    return gate.registry.functions.approveBatch([as_struct(approval) for approval in approvals], lists)


def statuses(gate: Gate) -> list[int]:
    return [gate.registry.functions.filingState(filing).call()[0] for filing in (FIRST, SECOND)]


def test_approve_batch__two_filings__both_applied_by_anybody(gate: Gate) -> None:
    receipt = gate.send(batch(gate, two(gate)))
    assert [event["filing"] for event in gate.events(receipt, "FilingApproved")] == [FIRST, SECOND]
    assert statuses(gate) == [Status.APPROVED] * 2
    for token in gate.tokens[:2]:
        gate.send(gate.mint(1, token), gate.issuer)


def test_approve_batch__one_filing_twice__in_the_order_given(gate: Gate) -> None:
    gate.send(batch(gate, [gate.approval(), gate.approval(sequence=2, dossierHash=b"\x01" * 32)]))
    assert gate.state()[3] == 2


def test_approve_batch__one_was_submitted_before__the_other_is_applied(gate: Gate) -> None:
    approvals = two(gate)
    gate.send(gate.approve(approvals[0]))
    receipt = gate.send(batch(gate, approvals))
    assert [event["filing"] for event in gate.events(receipt, "FilingApproved")] == [SECOND]
    assert gate.events(gate.send(batch(gate, approvals)), "FilingApproved") == []


def test_approve_batch__one_refused__none_applied(gate: Gate) -> None:
    approvals = two(gate)
    lists = [gate.signed(approvals[0]), gate.signed(approvals[0])]
    call = gate.registry.functions.approveBatch([as_struct(approval) for approval in approvals], lists)
    assert_refused(gate.refusal(call), "InvalidOperatorSignature", 0, gate.quorum[0].address)
    bound = [approvals[0], gate.approval(Tranche(gate.tokens[0].address), filing=SECOND)]
    assert_refused(gate.refusal(batch(gate, bound)), "TokenBoundToAnotherFiling", gate.tokens[0].address, FIRST)
    assert statuses(gate) == [Status.NONE] * 2


def test_approve_batch__sizes_that_do_not_fit__refused(gate: Gate) -> None:
    function = gate.registry.functions.approveBatch
    approval = as_struct(gate.approval())
    assert_refused(gate.refusal(function([], [])), "InvalidBatchSize", 0, 32)
    assert_refused(gate.refusal(function([approval] * 33, [[]] * 33)), "InvalidBatchSize", 33, 32)
    assert_refused(gate.refusal(function([approval], [])), "SignatureListsMismatch", 1, 0)
    assert_refused(gate.refusal(function([approval], [[], []])), "SignatureListsMismatch", 1, 2)


def test_approve_batch__largest__accepted(gate: Gate) -> None:
    approvals = [gate.approval(sequence=number) for number in range(1, 33)]
    gate.send(batch(gate, approvals))
    assert gate.state()[3] == 32
