"""TrexComplianceModule in the ModularCompliance of T-REX 4.1.6 as published."""

from __future__ import annotations

import pytest
from web3.contract.contract import ContractFunction

from tests.contracts.adapters.stacks import CAP, Stack, trex
from tests.contracts.chain_fixture import ZERO_ADDRESS, Gate, Reverted, assert_refused

# The first test compiles everything.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def stack(ground: Gate) -> Stack:
    made = trex(ground)
    made.approve()
    return made


def called_by_compliance(stack: Stack, call: ContractFunction) -> ContractFunction:
    """The same call, made by the compliance contract because its owner wants it."""
    data = call._encode_transaction_data()
    return stack.parts["compliance"].functions.callModuleFunction(data, stack.adapter.address)


def test_batch_mint__each_mint_draws_once(stack: Stack) -> None:
    call = stack.token.functions.batchMint([stack.holder, stack.other, stack.holder], [5, 7, 5])
    receipt = stack.ground.send(call, stack.minter)
    assert stack.draws(receipt) == [(stack.adapter.address, amount) for amount in (5, 7, 5)]
    assert (stack.issued, stack.supply) == (17, 17)


def test_batch_mint__the_last_over_the_cap__undoes_all(stack: Stack) -> None:
    call = stack.token.functions.batchMint([stack.holder, stack.other], [CAP, 1])
    assert_refused(stack.ground.refusal(call, stack.minter), "CapExceeded", stack.adapter.address, 1, 0)


def test_mint__receiver_not_in_the_identity_registry__is_refused_by_trex(stack: Stack) -> None:
    found = stack.ground.refusal(stack.token.functions.mint(stack.ground.admin, 1), stack.minter)
    assert found is not None
    assert b"Identity is not verified." in found.data
    assert stack.issued == 0


def test_mint_action__stranger__is_refused(stack: Stack) -> None:
    functions = stack.adapter.functions
    for call in (
        functions.moduleMintAction(stack.holder, 1),
        functions.moduleBurnAction(stack.holder, 1),
        functions.bindCompliance(stack.parts["compliance"].address),
        functions.unbindCompliance(stack.parts["compliance"].address),
    ):
        for stranger in (stack.ground.relay, stack.operator, stack.minter):
            assert_refused(stack.ground.refusal(call, stranger), "OnlyCompliance", stranger)


@pytest.mark.parametrize("amount", (0, 1, 40, 41))
def test_mint_action__compliance_owner_without_a_mint__is_refused(stack: Stack, amount: int) -> None:
    stack.send_mint(40)
    call = called_by_compliance(stack, stack.adapter.functions.moduleMintAction(stack.holder, amount))
    assert_refused(stack.ground.refusal(call, stack.operator), "MintNotSeen", amount, 40, 40)


def test_burn_action__compliance_owner_without_a_burn__changes_nothing(stack: Stack) -> None:
    stack.send_mint(40)
    call = called_by_compliance(stack, stack.adapter.functions.moduleBurnAction(stack.holder, 40))
    stack.ground.send(call, stack.operator)
    assert stack.adapter.functions.supplySeen().call() == 40
    stack.send_mint(2)
    assert stack.issued == 42


def test_mint__another_token_on_the_same_compliance__draws_nothing(stack: Stack) -> None:
    """The compliance owner binds a token of his own: what that one reports is no mint of ours."""
    ground, compliance = stack.ground, stack.parts["compliance"]
    ground.send(compliance.functions.bindToken(ground.relay), stack.operator)
    found = ground.refusal(compliance.functions.created(stack.holder, 5), ground.relay)
    assert_refused(found, "MintNotSeen", 5, 0, 0)
    assert stack.issued == 0


def test_mint__past_the_module__module_is_never_bound_again(stack: Stack) -> None:
    ground, compliance = stack.ground, stack.parts["compliance"]
    stack.send_mint(10)
    ground.send(compliance.functions.removeModule(stack.adapter.address), stack.operator)
    assert not stack.adapter.functions.isComplianceBound(compliance.address).call()
    stack.send_mint(5)
    assert (stack.issued, stack.supply) == (10, 15)
    found = ground.refusal(compliance.functions.addModule(stack.adapter.address), stack.operator)
    assert_refused(found, "UngatedSupply", 10, 15)


def test_mint__past_the_compliance_contract__is_found_out_until_as_much_is_burnt(stack: Stack) -> None:
    ground, chain, token = stack.ground, stack.ground.chain, stack.token.functions
    stack.send_mint(10)
    other = chain.deploy("TrexModularComplianceProxy", stack.parts["authority"].address)
    ground.send(token.setCompliance(other.address), stack.operator)
    stack.send_mint(5)
    ground.send(token.setCompliance(stack.parts["compliance"].address), stack.operator)
    assert_refused(stack.refusal(1), "MintNotSeen", 1, 10, 16)
    pretended = called_by_compliance(stack, stack.adapter.functions.moduleBurnAction(stack.holder, 1))
    ground.send(pretended, stack.operator)
    assert stack.adapter.functions.supplySeen().call() == 10
    assert_refused(stack.refusal(1), "MintNotSeen", 1, 10, 16)
    ground.send(stack.burn(5), stack.burner)
    stack.send_mint(1)
    assert (stack.issued, stack.supply) == (11, 11)


def test_module__removed_and_added_with_burns_between__goes_on(stack: Stack) -> None:
    ground, compliance = stack.ground, stack.parts["compliance"]
    stack.send_mint(10)
    ground.send(compliance.functions.removeModule(stack.adapter.address), stack.operator)
    ground.send(stack.burn(4), stack.burner)
    ground.send(compliance.functions.addModule(stack.adapter.address), stack.operator)
    assert stack.adapter.functions.isComplianceBound(compliance.address).call()
    stack.send_mint(7)
    assert (stack.issued, stack.supply, stack.adapter.functions.supplySeen().call()) == (17, 13, 13)


def test_module__supply_from_before__needs_no_filing(ground: Gate) -> None:
    """A token that has a history: only what is minted from the adapter's deployment on is drawn."""
    old = trex(ground, gated=False)
    old.send_mint(1000)
    chain, compliance = ground.chain, old.parts["compliance"]
    module = chain.deploy("TrexComplianceModule", ground.registry.address, old.token.address, compliance.address)
    chain.send(compliance.functions.addModule(module.address))
    stack = Stack(ground, old.token, module, old.minter, old.mint, old.burn, old.burner, old.operator, old.parts)
    stack.approve()
    stack.send_mint(1)
    assert (stack.issued, stack.supply) == (1, 1001)


def test_module__minted_between_deployment_and_binding__is_not_bound(ground: Gate) -> None:
    stack = trex(ground, gated=False)
    stack.send_mint(1)
    call = stack.parts["compliance"].functions.addModule(stack.adapter.address)
    assert_refused(ground.refusal(call, stack.operator), "UngatedSupply", 0, 1)


def test_module__bound_twice_or_named_wrongly__is_refused(stack: Stack) -> None:
    compliance, functions = stack.parts["compliance"], stack.adapter.functions
    again = called_by_compliance(stack, functions.bindCompliance(compliance.address))
    assert_refused(stack.ground.refusal(again, stack.operator), "AlreadyBound", compliance.address)
    for call in (functions.bindCompliance(stack.holder), functions.unbindCompliance(stack.holder)):
        found = stack.ground.refusal(called_by_compliance(stack, call), stack.operator)
        assert_refused(found, "WrongCompliance", stack.holder, compliance.address)


def test_module__unbound_by_its_owner_behind_the_list__stops_mints(stack: Stack) -> None:
    functions, compliance = stack.adapter.functions, stack.parts["compliance"]
    stack.ground.send(called_by_compliance(stack, functions.unbindCompliance(compliance.address)), stack.operator)
    assert_refused(stack.refusal(1), "NotBound", compliance.address)
    found = stack.ground.refusal(
        called_by_compliance(stack, functions.unbindCompliance(compliance.address)), stack.operator
    )
    assert_refused(found, "NotBound", compliance.address)


def test_module__another_compliance__cannot_have_it(stack: Stack) -> None:
    chain = stack.ground.chain
    other = chain.deploy("TrexModularComplianceProxy", stack.parts["authority"].address)
    foreign = chain.contract("TrexModularCompliance", other.address)
    found = stack.ground.refusal(foreign.functions.addModule(stack.adapter.address), stack.operator)
    assert found is not None
    assert b"not suitable for binding" in found.data
    assert not stack.adapter.functions.canComplianceBind(foreign.address).call()
    with pytest.raises(Reverted) as caught:
        chain.deploy("TrexComplianceModule", stack.ground.registry.address, stack.token.address, foreign.address)
    assert_refused(caught.value, "NotTheTokensCompliance", stack.token.address, foreign.address)


def test_views__as_trex_asks_them(stack: Stack) -> None:
    functions, compliance = stack.adapter.functions, stack.parts["compliance"].address
    assert functions.moduleCheck(ZERO_ADDRESS, stack.holder, 10 * CAP, compliance).call()
    assert functions.canComplianceBind(compliance).call()
    assert not functions.isPlugAndPlay().call()
    assert functions.name().call() == "FilingGateModule"
    assert functions.compliance().call() == compliance
    assert stack.parts["compliance"].functions.getModules().call() == [stack.adapter.address]
