"""GatedMinter: an existing ERC-20 with a minter role, and tokens that do not do what they are asked."""

from __future__ import annotations

import pytest
from web3.contract import Contract

from tests.contracts.adapters.stacks import CAP, DECIMALS, Stack, plain
from tests.contracts.chain_fixture import ZERO_ADDRESS, ZERO_HASH, Gate, Reverted, Tranche, assert_refused

# The first test compiles everything.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

HONEST, TAKES_FEE, DOES_NOTHING, GIVES_MORE, MINTS_BESIDE, TELLS_RECEIVER = range(6)
MINT_AGAIN, BATCH_AGAIN, PASS_ON, MINT_BESIDE_THE_GATE = range(4)


@pytest.fixture
def stack(ground: Gate) -> Stack:
    made = plain(ground)
    made.approve()
    return made


@pytest.fixture
def odd(ground: Gate) -> tuple[Contract, Contract]:
    """A token that anybody can mint in odd ways, and its approved minter."""
    token = ground.chain.deploy("OddToken")
    minter = ground.chain.deploy("GatedMinter", ground.registry.address, token.address, ground.admin, ground.issuer)
    ground.send(ground.approve(ground.approval(Tranche(minter.address, CAP, DECIMALS))))
    return token, minter


def test_mint__without_the_issuer_role__is_refused(stack: Stack) -> None:
    role = stack.adapter.functions.ISSUER_ROLE().call()
    for call in (stack.mint(stack.holder, 1), stack.adapter.functions.mintBatch([stack.holder], [1])):
        found = stack.ground.refusal(call, stack.ground.relay)
        assert_refused(found, "AccessControlUnauthorizedAccount", stack.ground.relay, role)


def test_mint__without_the_minter_role__is_refused_by_the_token_and_draws_nothing(ground: Gate) -> None:
    stack = plain(ground, gated=False)
    stack.approve()
    role = stack.token.functions.MINTER_ROLE().call()
    found = ground.refusal(stack.adapter.functions.mint(ground.holder, 1), ground.issuer)
    assert_refused(found, "AccessControlUnauthorizedAccount", stack.adapter.address, role)
    assert stack.issued == 0


def test_mint_batch__draws_the_sum_once(stack: Stack) -> None:
    to, amounts = [stack.holder, stack.other, stack.holder], [5, 7, 11]
    receipt = stack.ground.send(stack.adapter.functions.mintBatch(to, amounts), stack.minter)
    assert stack.draws(receipt) == [(stack.adapter.address, 23)]
    assert (stack.balance(), stack.balance(stack.other), stack.issued, stack.supply) == (16, 7, 23, 23)


@pytest.mark.parametrize(
    ("receivers", "amounts", "error"),
    (
        (2, [1], ("BatchLengthMismatch", 2, 1)),
        (1, [1, 1], ("BatchLengthMismatch", 1, 2)),
        (2, [1, 0], ("ZeroAmount",)),
        (0, [], ("ZeroAmount",)),
        (257, [1] * 257, ("BatchTooLong", 257, 256)),
    ),
    ids=["too few amounts", "too few receivers", "a zero", "empty", "too long"],
)
def test_mint_batch__malformed__is_refused(stack: Stack, receivers: int, amounts: list[int], error: tuple) -> None:
    call = stack.adapter.functions.mintBatch([stack.holder] * receivers, amounts)
    assert_refused(stack.ground.refusal(call, stack.minter), *error)


def test_mint_batch__sum_over_the_cap__is_refused(stack: Stack) -> None:
    call = stack.adapter.functions.mintBatch([stack.holder, stack.other], [CAP, 1])
    found = stack.ground.refusal(call, stack.minter)
    assert_refused(found, "CapExceeded", stack.adapter.address, CAP + 1, CAP)


def test_mint__zero__is_refused(stack: Stack) -> None:
    assert_refused(stack.refusal(0), "ZeroAmount")


def test_mint__token_that_answers_with_a_value__passes(ground: Gate, odd: tuple[Contract, Contract]) -> None:
    token, minter = odd
    ground.send(minter.functions.mint(ground.holder, 100), ground.issuer)
    assert token.functions.balanceOf(ground.holder).call() == 100


@pytest.mark.parametrize(
    ("way", "error"),
    (
        (TAKES_FEE, ("UnexpectedBalance", 100, 99)),
        (DOES_NOTHING, ("UnexpectedBalance", 100, 0)),
        (GIVES_MORE, ("UnexpectedBalance", 100, 101)),
        (MINTS_BESIDE, ("UnexpectedSupply", 100, 200)),
    ),
    ids=["fee on transfer", "does nothing", "gives more", "mints beside"],
)
def test_mint__token_that_does_something_else__is_refused(
    ground: Gate, odd: tuple[Contract, Contract], way: int, error: tuple
) -> None:
    token, minter = odd
    ground.send(token.functions.setWay(way))
    name, *values = error
    expected = [ground.holder, *values] if name == "UnexpectedBalance" else values
    for call in (minter.functions.mint(ground.holder, 100), minter.functions.mintBatch([ground.holder], [100])):
        assert_refused(ground.refusal(call, ground.issuer), name, *expected)


@pytest.mark.parametrize(
    ("trick", "error"),
    (
        (MINT_AGAIN, "ReentrancyGuardReentrantCall"),
        (BATCH_AGAIN, "ReentrancyGuardReentrantCall"),
        (PASS_ON, "UnexpectedBalance"),
        (MINT_BESIDE_THE_GATE, "UnexpectedBalance"),
    ),
    ids=["mints again", "mints a batch", "passes on", "mints past the gate"],
)
def test_mint__receiver_acts_inside_the_mint__is_refused(
    ground: Gate, odd: tuple[Contract, Contract], trick: int, error: str
) -> None:
    token, minter = odd
    eager = ground.chain.deploy("EagerIssuer", minter.address)
    role = minter.functions.ISSUER_ROLE().call()
    ground.send(minter.functions.grantRole(role, eager.address), ground.admin)
    ground.send(token.functions.setWay(TELLS_RECEIVER))
    found = ground.refusal(eager.functions.start(trick, 10))
    assert found is not None
    assert found.name == error
    assert ground.registry.functions.trancheState(minter.address).call()[2] == 0


def test_decimals__changed_by_the_token__no_further_approval(ground: Gate, odd: tuple[Contract, Contract]) -> None:
    token, minter = odd
    ground.send(token.functions.setDecimals(8))
    assert_refused(ground.refusal(minter.functions.decimals()), "DecimalsChanged", 6, 8)
    for decimals in (6, 8):
        again = ground.approval(Tranche(minter.address, CAP, decimals), sequence=2)
        assert_refused(ground.refusal(ground.approve(again)), "DecimalsUnreadable", minter.address)


def test_minter_role__counts_members_and_those_who_can_add_some(stack: Stack) -> None:
    ground, functions = stack.ground, stack.token.functions
    role, admin = functions.MINTER_ROLE().call(), functions.DEFAULT_ADMIN_ROLE().call()
    asked = stack.adapter.functions.minterRole(role)
    assert asked.call() == [True, True, 1, 1]
    ground.send(functions.grantRole(role, ground.relay), ground.admin)
    assert asked.call() == [True, True, 2, 1]
    ground.send(functions.revokeRole(role, ground.relay), ground.admin)
    ground.send(functions.renounceRole(admin, ground.admin), ground.admin)
    assert asked.call() == [True, True, 1, 0]
    assert stack.adapter.functions.minterRole(b"\7" * 32).call() == [False, True, 0, 0]


def test_minter_role__token_that_cannot_count__says_so(ground: Gate) -> None:
    token = ground.chain.deploy("UncountedToken", ground.issuer)
    minter = ground.chain.deploy("GatedMinter", ground.registry.address, token.address, ground.admin, ground.issuer)
    role = token.functions.MINTER_ROLE().call()
    assert minter.functions.minterRole(role).call() == [False, False, 0, 0]


def test_minter_role__another_minter__goes_past_the_gate(stack: Stack) -> None:
    """Not a rule but the limit that docs/adapters.md names: the adapter sees nothing of this."""
    ground, functions = stack.ground, stack.token.functions
    ground.send(functions.grantRole(functions.MINTER_ROLE().call(), ground.relay), ground.admin)
    ground.send(functions.mint(ground.holder, 10 * CAP), ground.relay)
    assert (stack.issued, stack.supply) == (0, 10 * CAP)
    stack.send_mint(1)


def test_deployment__role_for_nobody__is_refused(ground: Gate, stack: Stack) -> None:
    issuer_role = stack.adapter.functions.ISSUER_ROLE().call()
    for admin, issuer, role in ((ZERO_ADDRESS, ground.issuer, ZERO_HASH), (ground.admin, ZERO_ADDRESS, issuer_role)):
        with pytest.raises(Reverted) as caught:
            ground.chain.deploy("GatedMinter", ground.registry.address, stack.token.address, admin, issuer)
        assert_refused(caught.value, "ZeroRoleHolder", role)


def test_supports_interface__access_control_and_none_of_all(stack: Stack) -> None:
    ask = stack.adapter.functions.supportsInterface
    assert ask(bytes.fromhex("01ffc9a7")).call()
    assert ask(bytes.fromhex("7965db0b")).call()
    assert not ask(b"\xff" * 4).call()
