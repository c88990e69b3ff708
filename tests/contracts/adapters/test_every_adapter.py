"""What holds for every adapter: the gate's rules, in front of tokens that know nothing of it."""

from __future__ import annotations

import pytest

from tests.contracts.adapters.stacks import CAP, DECIMALS, STACKS, Stack
from tests.contracts.chain_fixture import DAY, START, Gate, Reverted, Tranche, assert_refused

# The first test compiles everything.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_mint__inside_the_window__draws_its_amount_once(stack: Stack) -> None:
    stack.approve()
    receipt = stack.send_mint(700)
    assert stack.draws(receipt) == [(stack.adapter.address, 700)]
    assert (stack.issued, stack.balance(), stack.supply) == (700, 700, 700)
    assert stack.draws(stack.send_mint(300)) == [(stack.adapter.address, 300)]
    assert (stack.issued, stack.balance(), stack.supply) == (1000, 1000, 1000)


def test_mint__the_whole_cap__passes_and_no_more(stack: Stack) -> None:
    stack.approve()
    stack.send_mint(CAP)
    assert_refused(stack.refusal(1), "CapExceeded", stack.adapter.address, 1, 0)
    assert (stack.issued, stack.supply) == (CAP, CAP)


def test_mint__over_the_cap__is_refused(stack: Stack) -> None:
    stack.approve()
    stack.send_mint(1)
    with pytest.raises(Reverted) as caught:
        stack.send_mint(CAP)
    assert_refused(caught.value, "CapExceeded", stack.adapter.address, CAP, CAP - 1)
    assert (stack.issued, stack.supply) == (1, 1)
    stack.send_mint(CAP - 1)


def test_mint__not_approved__is_refused(stack: Stack) -> None:
    assert_refused(stack.refusal(1), "TokenNotApproved", stack.adapter.address)
    assert stack.adapter.functions.filing().call() == bytes(32)


def test_mint__token_approved_in_place_of_the_adapter__is_refused(stack: Stack) -> None:
    ground = stack.ground
    ground.send(ground.approve(ground.approval(Tranche(stack.token.address, CAP, DECIMALS))))
    assert_refused(stack.refusal(1), "TokenNotApproved", stack.adapter.address)


def test_mint__before_the_window__is_refused(stack: Stack) -> None:
    stack.approve(validAfter=START + 20 * DAY)
    found = stack.refusal(1)
    assert found is not None
    assert (found.name, found.values[:2]) == ("FilingNotStarted", (stack.ground.filing, START + 20 * DAY))


def test_mint__after_the_window__is_refused(stack: Stack) -> None:
    stack.approve(validUntil=START + DAY)
    stack.ground.chain.travel(START + DAY - 1)
    assert stack.refusal(1) is None
    stack.ground.chain.travel(START + DAY)
    assert_refused(stack.refusal(1), "FilingExpired", stack.ground.filing, START + DAY, START + DAY)


def test_mint__suspended_by_one_operator__is_refused(stack: Stack) -> None:
    ground = stack.ground
    stack.approve()
    stack.send_mint(5)
    ground.send(ground.suspend(), ground.fund(ground.chain.operators[0]))
    assert_refused(stack.refusal(1), "FilingIsSuspended", ground.filing)
    assert stack.issued == 5


def test_burn_and_transfer__suspended__go_on_and_give_nothing_back(stack: Stack) -> None:
    ground = stack.ground
    stack.approve()
    stack.send_mint(100)
    ground.send(ground.suspend(), ground.fund(ground.chain.operators[0]))
    moved = ground.send(stack.token.functions.transfer(stack.other, 30), stack.holder)
    burnt = ground.send(stack.burn(50), stack.burner)
    assert stack.draws(moved) == stack.draws(burnt) == []
    assert (stack.balance(), stack.balance(stack.other), stack.supply, stack.issued) == (20, 30, 50, 100)


def test_mint__after_burns__draws_in_full(stack: Stack) -> None:
    stack.approve()
    stack.send_mint(CAP - 10)
    stack.ground.send(stack.burn(CAP - 10), stack.burner)
    assert_refused(stack.refusal(11), "CapExceeded", stack.adapter.address, 11, 10)
    assert stack.draws(stack.send_mint(10)) == [(stack.adapter.address, 10)]
    assert (stack.issued, stack.supply) == (CAP, 10)


def test_mint__many_in_turn__supply_and_draws_agree(stack: Stack) -> None:
    stack.approve()
    minted = burnt = 0
    for step, amount in enumerate((1, 999, 1, 1, 50_000, 7, 7, 7)):
        stack.send_mint(amount)
        minted += amount
        if step % 3 == 2:
            stack.ground.send(stack.burn(amount), stack.burner)
            burnt += amount
        assert (stack.issued, stack.supply) == (minted, minted - burnt)


def test_mint__stranger__is_refused_by_the_token_and_draws_nothing(ground: Gate) -> None:
    # ACE's and CMTAT's right to mint is another policy's or role's, which these stacks do without.
    for name in ("GatedMinter", "TrexComplianceModule"):
        stack = STACKS[name](ground)
        assert ground.refusal(stack.mint(stack.holder, 1), ground.relay) is not None


def test_consume__stranger__draws_nothing_of_the_adapter(stack: Stack) -> None:
    stack.approve()
    ground = stack.ground
    for stranger in (ground.relay, ground.issuer, ground.admin):
        assert_refused(ground.refusal(ground.registry.functions.consume(1), stranger), "TokenNotApproved", stranger)


def test_views__say_registry_token_decimals_and_filing(stack: Stack) -> None:
    functions = stack.adapter.functions
    assert functions.registry().call() == stack.ground.registry.address
    assert functions.token().call() == stack.token.address
    assert functions.decimals().call() == stack.token.functions.decimals().call() == DECIMALS
    stack.approve()
    assert functions.filing().call() == stack.ground.filing


def test_approval__other_decimals_than_the_tokens__is_refused(stack: Stack) -> None:
    ground = stack.ground
    wrong = ground.approval(Tranche(stack.adapter.address, CAP, 18))
    found = ground.refusal(ground.approve(wrong))
    assert_refused(found, "DecimalsMismatch", stack.adapter.address, 18, DECIMALS)


def test_deployment__not_a_registry__is_refused(stack: Stack) -> None:
    chain, token = stack.ground.chain, stack.token.address
    values = {
        "GatedMinter": (stack.ground.admin, stack.ground.issuer),
        "TrexComplianceModule": (token,),
        "AcePolicy": (token, b"\1\2\3\4"),
        "CmtatRule": (token, 2),
    }
    for name, rest in values.items():
        with pytest.raises(Reverted) as caught:
            chain.deploy(name, token, token, *rest)
        assert_refused(caught.value, "NotAFilingRegistry", token)


@pytest.mark.parametrize("answer", (b"", b"\0" * 31, (256).to_bytes(32, "big")), ids=["nothing", "short", "too large"])
def test_deployment__token_without_decimals__is_refused(ground: Gate, answer: bytes) -> None:
    odd = ground.chain.deploy("OddDecimals", answer, False)
    with pytest.raises(Reverted) as caught:
        ground.chain.deploy("GatedMinter", ground.registry.address, odd.address, ground.admin, ground.issuer)
    assert_refused(caught.value, "DecimalsUnreadable", odd.address)


def test_deployment__token_whose_decimals_fail__is_refused(ground: Gate) -> None:
    odd = ground.chain.deploy("OddDecimals", (6).to_bytes(32, "big"), True)
    with pytest.raises(Reverted) as caught:
        ground.chain.deploy("GatedMinter", ground.registry.address, odd.address, ground.admin, ground.issuer)
    assert_refused(caught.value, "DecimalsUnreadable", odd.address)


def test_deployment__token_without_code__is_refused(ground: Gate) -> None:
    with pytest.raises(Reverted) as caught:
        ground.chain.deploy("GatedMinter", ground.registry.address, ground.holder, ground.admin, ground.issuer)
    assert_refused(caught.value, "DecimalsUnreadable", ground.holder)
