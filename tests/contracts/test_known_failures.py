"""Failures known from other systems that have no counterpart here."""

from __future__ import annotations

from tests.contracts.chain_fixture import (
    MAX_VALIDITY,
    Gate,
    Status,
    Suspension,
    Tranche,
    Update,
    assert_refused,
    committee,
    token_config,
)


def test_predicate_griefing__approval_submitted_by_another_first__harms_nobody(gate: Gate) -> None:
    """There, whoever saw a pending mint could show its signatures first, which used them up, and the mint failed."""
    approval = gate.approval()
    signatures = gate.signed(approval)
    gate.send(gate.approve(approval, signatures), gate.holder)
    # The issuer's own submission, overtaken: it passes and changes nothing, and the mint does not need it.
    before = gate.state()
    assert gate.send(gate.approve(approval, signatures), gate.relay)["logs"] == []
    assert gate.state() == before
    gate.send(gate.mint(1), gate.issuer)
    # Nor can anybody draw on the token's cap in its place.
    assert_refused(gate.refusal(gate.registry.functions.consume(1), gate.holder), "TokenNotApproved", gate.holder)
    change = Update(gate.filing, Status.SUSPENDED)
    signed = gate.signed(change)
    gate.send(gate.update(change, signed), gate.holder)
    assert gate.send(gate.update(change, signed), gate.relay)["logs"] == []


def test_cmtat_double_count__one_mint__is_consumed_once(approved: Gate) -> None:
    """There, the hook was called twice in one mint, and a quota was used up twice as fast."""
    token = approved.token
    expected = 0
    for call, amount in (
        (approved.mint(7), 7),
        (token.functions.mintBatch([approved.holder, approved.relay], [2, 3]), 5),
        (approved.mint(1), 1),
    ):
        receipt = approved.send(call, approved.issuer)
        expected += amount
        assert [event["amount"] for event in approved.events(receipt, "Issued")] == [amount]
    for call in (token.functions.transfer(approved.relay, 4), token.functions.burn(1)):
        assert approved.events(approved.send(call, approved.holder), "Issued") == []
    assert approved.registry.functions.trancheState(token.address).call()[2] == expected
    assert token.functions.totalSupply().call() == expected - 1


def test_t_rex_self_named_issuer__token_that_vouches_for_itself__cannot_mint(gate: Gate) -> None:
    """There, an identity that named itself as the issuer of its own claim passed as verified."""
    # A token that brings a registry of its own, whose only operator is its issuer, mints there and nowhere else.
    chain, own = gate.chain, gate.chain.operators[0]
    registry = chain.deploy("FilingRegistry", committee([own.address], 1, gate.holder), MAX_VALIDITY)
    token = chain.deploy("AssetBackedToken", token_config(registry.address, gate.admin, gate.issuer))
    approval = gate.approval(Tranche(token.address))
    forged = type(gate.domain)(registry.address)
    # What its own registry believes is worth nothing to the real one: another contract, another committee.
    found = gate.refusal(gate.approve(approval, [forged.sign(approval, own)]))
    assert_refused(found, "WrongSignatureCount", 1, 3)
    found = gate.refusal(gate.approve(approval, [forged.sign(approval, signer) for signer in gate.quorum]))
    assert_refused(found, "InvalidOperatorSignature", 0, gate.quorum[0].address)
    assert gate.registry.functions.filingOf(token.address).call() == b"\0" * 32
    assert gate.can_issue(1, token) == (False, chain.selector("TokenNotApproved"))
    # And who signs is asked of the registry alone, never of what is being verified.
    found = gate.refusal(gate.suspend_by_sig(Suspension(gate.filing), (token.address, b"\x01" * 65)))
    assert_refused(found, "NotAnOperator", token.address)
