"""CmtatRule with a token that announces each mint as CMTAT 3.1.0 does, twice, and with tokens that do otherwise."""

from __future__ import annotations

import pytest

from tests.contracts.adapters.stacks import CAP, Stack, cmtat
from tests.contracts.chain_fixture import ZERO_ADDRESS, Gate, Reverted, assert_refused

# The first test compiles everything.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

NOT_ISSUABLE = 230


@pytest.fixture
def stack(ground: Gate) -> Stack:
    made = cmtat(ground)
    made.approve()
    return made


def pending(stack: Stack) -> tuple[int, int, int]:
    """The rule's account: supply due, last amount, announcements to come."""
    due, amount, left = stack.adapter.functions.pending().call()
    return due, amount, left


@pytest.mark.parametrize("calls", (1, 2))
@pytest.mark.parametrize("direct", (False, True), ids=["through an engine", "as the engine"])
def test_mint__announced_once_or_twice__draws_once(ground: Gate, calls: int, direct: bool) -> None:
    stack = cmtat(ground, calls=calls, direct=direct)
    stack.approve()
    for number in range(1, 4):
        assert stack.draws(stack.send_mint(10)) == [(stack.adapter.address, 10)]
        assert (stack.issued, stack.supply, pending(stack)) == (10 * number, 10 * number, (10 * number, 10, 0))


def test_mint__operator_named__draws_once(stack: Stack) -> None:
    receipt = stack.ground.send(stack.token.functions.mintNamingOperator(stack.holder, 10), stack.minter)
    assert stack.draws(receipt) == [(stack.adapter.address, 10)]


def test_batch_mint__same_receiver_and_amount_again__draws_for_each(stack: Stack) -> None:
    call = stack.token.functions.batchMint([stack.holder, stack.holder, stack.other], [10, 10, 10])
    receipt = stack.ground.send(call, stack.minter)
    assert stack.draws(receipt) == [(stack.adapter.address, 10)] * 3
    assert (stack.issued, stack.supply) == (30, 30)


@pytest.mark.parametrize("calls", (1, 2))
@pytest.mark.parametrize("forced", (False, True), ids=["burnt", "burnt by force, unannounced"])
def test_mint__the_same_again_in_one_transaction__draws_for_each(ground: Gate, calls: int, forced: bool) -> None:
    stack = cmtat(ground, calls=calls)
    stack.approve()
    receipt = ground.send(stack.token.functions.mintBurnMint(stack.holder, 10, forced), stack.minter)
    assert stack.draws(receipt) == [(stack.adapter.address, 10)] * 2
    assert (stack.issued, stack.supply) == (20, 10)


def test_forced_burn__unannounced__mints_go_on(stack: Stack) -> None:
    stack.send_mint(100)
    stack.ground.send(stack.token.functions.forcedBurn(stack.holder, 60))
    stack.send_mint(60)
    assert (stack.issued, stack.supply) == (160, 100)


def test_mint__announced_less_often_than_told__is_refused_from_the_second_on(ground: Gate) -> None:
    stack = cmtat(ground, calls=1, told=2)
    stack.approve()
    stack.send_mint(10)
    assert pending(stack) == (10, 10, 1)
    assert_refused(stack.refusal(10), "AnnouncementMissing", 10, 0, 10, 10)
    assert_refused(stack.refusal(11), "AnnouncementMissing", 10, 0, 11, 10)
    assert (stack.issued, stack.supply) == (10, 10)


def test_mint__token_changes_how_often_it_announces__is_refused(stack: Stack) -> None:
    stack.send_mint(10)
    stack.ground.send(stack.token.functions.setCalls(1))
    stack.send_mint(5)
    assert_refused(stack.refusal(5), "AnnouncementMissing", 5, 10, 5, 15)
    assert (stack.issued, stack.supply) == (15, 15)


def test_mint__announced_more_often_than_told__draws_too_much_and_never_too_little(ground: Gate) -> None:
    stack = cmtat(ground, calls=2, told=1)
    stack.approve()
    stack.send_mint(10)
    assert (stack.issued, stack.supply) == (20, 10)


def test_mint__announced_after_it__is_refused(stack: Stack) -> None:
    found = stack.ground.refusal(stack.token.functions.mintThenAsk(stack.holder, 10), stack.minter)
    assert_refused(found, "UngatedSupply", 0, 10)


def test_mint__another_inside_its_announcement_before_ours__draws_for_each(stack: Stack) -> None:
    """A rule before ours mints first: ours sees two mints one after the other."""
    ground, engine = stack.ground, stack.parts["engine"].functions
    inner = ground.chain.deploy("ReentrantRule", stack.token.address)
    ground.send(engine.clearRules())
    for rule in (inner, stack.adapter):
        ground.send(engine.addRule(rule.address))
    ground.send(inner.functions.arm(1))
    stack.send_mint(10)
    assert (stack.issued, stack.supply) == (20, 20)


def test_mint__another_inside_its_announcement_after_ours__is_refused(stack: Stack) -> None:
    """A rule after ours mints between two announcements of one mint: which is which cannot be told."""
    ground = stack.ground
    inner = ground.chain.deploy("ReentrantRule", stack.token.address)
    ground.send(stack.parts["engine"].functions.addRule(inner.address))
    ground.send(inner.functions.arm(1))
    assert_refused(stack.refusal(10), "AnnouncementMissing", 10, 0, 10, 10)
    assert (stack.issued, stack.supply) == (0, 0)


def test_mint__engine_taken_away_for_a_while__is_found_out(stack: Stack) -> None:
    ground, token = stack.ground, stack.token.functions
    stack.send_mint(10)
    engine = token.ruleEngine().call()
    ground.send(token.setRuleEngine(ZERO_ADDRESS))
    stack.send_mint(5)
    ground.send(token.setRuleEngine(engine))
    assert_refused(stack.refusal(1), "UngatedSupply", 10, 15)
    assert stack.issued == 10


def test_transferred__stranger__draws_nothing(stack: Stack) -> None:
    functions, ground = stack.adapter.functions, stack.ground
    for stranger in (ground.relay, stack.token.address, stack.minter):
        for call in (
            functions.transferred(ZERO_ADDRESS, stack.holder, 1),
            functions.transferred(stranger, ZERO_ADDRESS, stack.holder, 1),
        ):
            assert_refused(ground.refusal(call, stranger), "OnlyEngine", stranger)


def test_transferred__nothing_minted__does_nothing(stack: Stack) -> None:
    """Anybody can send zero; that is no mint, whoever says so."""
    functions = stack.adapter.functions
    for call in (
        functions.transferred(ZERO_ADDRESS, stack.holder, 0),
        functions.transferred(stack.holder, stack.other, 9),
    ):
        assert stack.draws(stack.ground.send(call, stack.ground.relay)) == []
    assert pending(stack) == (0, 0, 0)
    stack.send_mint(0)
    assert (stack.issued, pending(stack)) == (0, (0, 0, 0))


def test_transferred__another_token_on_the_engine__can_draw_without_a_mint(stack: Stack) -> None:
    """The limit that docs/adapters.md names: too much is drawn, never too little, and mints go on or are refused."""
    ground, engine = stack.ground, stack.parts["engine"]
    ground.send(engine.functions.bindToken(ground.relay))
    announce = engine.functions.transferred(ZERO_ADDRESS, stack.holder, 5)
    ground.send(announce, ground.relay)
    assert (stack.issued, stack.supply) == (5, 0)
    assert_refused(stack.refusal(6), "AnnouncementMissing", 5, 0, 6, 0)
    ground.send(announce, ground.relay)
    stack.send_mint(6)
    assert (stack.issued, stack.supply) == (11, 6)


def test_restriction__mints_only_and_as_the_registry_says(stack: Stack) -> None:
    functions = stack.adapter.functions
    mint, transfer = (ZERO_ADDRESS, stack.holder), (stack.holder, stack.other)
    for between, value, code in (
        (mint, CAP, 0),
        (mint, CAP + 1, NOT_ISSUABLE),
        (mint, 0, 0),
        (transfer, CAP + 1, 0),
    ):
        assert functions.detectTransferRestriction(*between, value).call() == code
        assert functions.detectTransferRestrictionFrom(stack.minter, *between, value).call() == code
        assert functions.canTransfer(*between, value).call() == (code == 0)
        assert functions.canTransferFrom(stack.minter, *between, value).call() == (code == 0)
    assert functions.canReturnTransferRestrictionCode(NOT_ISSUABLE).call()
    assert not functions.canReturnTransferRestrictionCode(1).call()
    texts = [functions.messageForTransferRestriction(code).call() for code in (NOT_ISSUABLE, 0, 1)]
    assert texts == ["The token's filing does not allow this amount to be issued now", "No restriction", "Unknown code"]


def test_supports_interface__ids_that_cmtat_and_rule_engine_publish(stack: Stack) -> None:
    functions = stack.adapter.functions
    assert functions.RULE_INTERFACE_ID().call().hex() == "2497d6cb"
    assert functions.RULE_ENGINE_INTERFACE_ID().call().hex() == "20c49ce7"
    assert functions.ERC1404_EXTENSION_INTERFACE_ID().call().hex() == "78a8de7d"
    for known in ("2497d6cb", "20c49ce7", "78a8de7d", "01ffc9a7"):
        assert functions.supportsInterface(bytes.fromhex(known)).call()
    assert not functions.supportsInterface(b"\xff" * 4).call()


@pytest.mark.parametrize("told", (3, 255))
def test_deployment__told_a_number_of_announcements_that_none_makes__is_refused(ground: Gate, told: int) -> None:
    with pytest.raises(Reverted) as caught:
        cmtat(ground, told=told)
    assert_refused(caught.value, "InvalidCallsPerMint", told, 2)


def test_deployment__without_announcements_or_engine__is_refused(stack: Stack) -> None:
    chain, registry, token = stack.ground.chain, stack.ground.registry.address, stack.token.address
    for values, error in (((token, 0), ("InvalidCallsPerMint", 0, 2)), ((ZERO_ADDRESS, 2), ("ZeroEngine",))):
        with pytest.raises(Reverted) as caught:
            chain.deploy("CmtatRule", registry, token, *values)
        assert_refused(caught.value, *error)


def test_views__engine_and_calls(stack: Stack) -> None:
    assert stack.adapter.functions.engine().call() == stack.parts["engine"].address
    assert stack.adapter.functions.callsPerMint().call() == 2
