"""AcePolicy in the PolicyEngine of Chainlink ACE 1.0.0, compiled from the published sources."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from web3.contract import Contract

from tests.contracts.adapters.stacks import (
    AMOUNT,
    CAP,
    MINT_SELECTOR,
    RESULT_CONTINUE,
    Stack,
    ace,
    run_arguments,
)
from tests.contracts.chain_fixture import ZERO_ADDRESS, Gate, Reverted, assert_refused

# The first test compiles everything.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def stack(ground: Gate) -> Stack:
    made = ace(ground)
    made.approve()
    return made


def policy_of(stack: Stack, kind: str, configuration: bytes) -> Contract:
    """One of ACE's own policies, behind a proxy."""
    chain, engine = stack.ground.chain, stack.parts["engine"]
    logic = chain.deploy(f"Ace{kind}")
    call = logic.functions.initialize(engine.address, stack.operator, configuration)._encode_transaction_data()
    return chain.contract(f"Ace{kind}", chain.deploy("AceERC1967Proxy", logic.address, call).address)


def test_mint__error_of_the_registry__comes_inside_the_engines(stack: Stack) -> None:
    found = stack.ground.refusal(stack.mint(stack.holder, CAP + 1), stack.minter)
    assert found is not None
    assert found.name == "PolicyPostRunError"
    assert found.values[0].lower() == stack.adapter.address.lower()
    assert_refused(stack.innermost(found), "CapExceeded", stack.adapter.address, CAP + 1, CAP)


def test_mint__with_another_policy_after_it__both_hold_and_it_draws_once(stack: Stack) -> None:
    volume = policy_of(stack, "VolumePolicy", encode(["uint256", "uint256"], [10, 500]))
    engine = stack.parts["engine"].functions
    stack.ground.send(engine.addPolicy(stack.token.address, MINT_SELECTOR, volume.address, [AMOUNT]), stack.operator)
    found = stack.ground.refusal(stack.mint(stack.holder, 501), stack.minter)
    assert found is not None
    assert found.name == "PolicyRunRejected"
    assert stack.draws(stack.send_mint(500)) == [(stack.adapter.address, 500)]
    assert stack.issued == 500


def test_mint__policy_before_it_that_allows_at_once__goes_past_and_is_found_out(stack: Stack) -> None:
    """The limit that docs/adapters.md names, and what comes of it."""
    bypass = policy_of(stack, "BypassPolicy", b"")
    stack.ground.send(bypass.functions.allowAddress(stack.holder), stack.operator)
    engine, token = stack.parts["engine"].functions, stack.token.address
    account = keccak(b"account")
    stack.ground.send(engine.addPolicyAt(token, MINT_SELECTOR, bypass.address, [account], 0), stack.operator)
    stack.send_mint(7)
    assert (stack.issued, stack.supply) == (0, 7)
    stack.ground.send(engine.removePolicy(token, MINT_SELECTOR, bypass.address), stack.operator)
    assert_refused(stack.refusal(1), "UngatedSupply", 0, 7)


def test_mint__policy_removed_for_a_while__is_found_out(stack: Stack) -> None:
    engine, token = stack.parts["engine"].functions, stack.token.address
    stack.send_mint(3)
    stack.ground.send(engine.removePolicy(token, MINT_SELECTOR, stack.adapter.address), stack.operator)
    stack.send_mint(2)
    stack.ground.send(engine.addPolicy(token, MINT_SELECTOR, stack.adapter.address, [AMOUNT]), stack.operator)
    assert_refused(stack.refusal(1), "UngatedSupply", 3, 5)


def test_mint__extractor_that_tells_less__is_found_out_at_the_next_mint(stack: Stack) -> None:
    ground, engine = stack.ground, stack.parts["engine"].functions
    low = ground.chain.deploy("LowExtractor", encode(["uint256"], [1]))
    ground.send(engine.setExtractor(MINT_SELECTOR, low.address), stack.operator)
    stack.send_mint(1000)
    assert (stack.issued, stack.supply, stack.adapter.functions.supplyDue().call()) == (1, 1000, 1)
    assert_refused(stack.refusal(1), "UngatedSupply", 1, 1000)
    ground.send(engine.setExtractor(MINT_SELECTOR, stack.parts["extractor"].address), stack.operator)
    assert_refused(stack.refusal(1), "UngatedSupply", 1, 1000)


@pytest.mark.parametrize("value", (b"", b"\0" * 31, b"\0" * 64), ids=["nothing", "short", "long"])
def test_mint__extractor_that_tells_no_number__is_refused(stack: Stack, value: bytes) -> None:
    odd = stack.ground.chain.deploy("LowExtractor", value)
    stack.ground.send(stack.parts["engine"].functions.setExtractor(MINT_SELECTOR, odd.address), stack.operator)
    assert_refused(stack.refusal(1), "AmountUnreadable", 1)


@pytest.mark.parametrize("names", ([], ["amount", "account"]), ids=["none", "two"])
def test_mint__installed_with_other_parameters__is_refused(ground: Gate, names: list[str]) -> None:
    stack = ace(ground, gated=False)
    stack.approve()
    keys = [keccak(name.encode()) for name in names]
    call = stack.parts["engine"].functions.addPolicy(stack.token.address, MINT_SELECTOR, stack.adapter.address, keys)
    ground.send(call, stack.operator)
    assert_refused(stack.refusal(1), "AmountUnreadable", len(names))


def test_run_and_post_run__not_from_the_engine__are_refused(stack: Stack) -> None:
    functions, values = stack.adapter.functions, run_arguments(stack, 1)
    for call in (
        functions.run(*values),
        functions.postRun(*values),
        functions.onInstall(MINT_SELECTOR),
        functions.onUninstall(MINT_SELECTOR),
    ):
        for stranger in (stack.ground.relay, stack.operator, stack.minter, stack.token.address):
            assert_refused(stack.ground.refusal(call, stranger), "OnlyPolicyEngine", stranger)


def test_run__stranger_as_target__cannot_make_it_draw(stack: Stack) -> None:
    """An engine runs policies for whoever calls it, but only those installed for the caller."""
    ground, engine = stack.ground, stack.parts["engine"].functions
    data = encode(["address", "uint256"], [stack.holder, 5])
    ground.send(engine.run((MINT_SELECTOR, stack.minter, data, b"")), ground.relay)
    assert stack.issued == 0
    call = engine.addPolicy(ground.relay, MINT_SELECTOR, stack.adapter.address, [AMOUNT])
    ground.send(call, stack.operator)
    found = stack.inner(ground.refusal(engine.run((MINT_SELECTOR, stack.minter, data, b"")), ground.relay))
    assert_refused(found, "WrongSubject", ground.relay, stack.token.address)


def test_run__says_continue_and_draws_nothing(stack: Stack) -> None:
    values = run_arguments(stack, 5)
    found = stack.adapter.functions.run(*values).call({"from": stack.parts["engine"].address})
    assert found == RESULT_CONTINUE
    assert stack.issued == 0


def test_install__for_another_function__is_refused(stack: Stack) -> None:
    engine = stack.parts["engine"].functions
    call = engine.addPolicy(stack.token.address, b"\1\2\3\4", stack.adapter.address, [AMOUNT])
    found = stack.ground.refusal(call, stack.operator)
    assert_refused(found, "WrongSelector", b"\1\2\3\4", MINT_SELECTOR)


def test_post_run__engines_configuration_admin_without_a_mint__is_refused(stack: Stack) -> None:
    """`setPolicyConfiguration` calls any function of a policy as the engine."""
    engine = stack.parts["engine"].functions
    call = stack.adapter.functions.postRun(*run_arguments(stack, 5))
    data = bytes.fromhex(call._encode_transaction_data()[2:])
    forged = engine.setPolicyConfiguration(stack.adapter.address, 0, data[:4], data[4:])
    assert_refused(stack.inner(stack.ground.refusal(forged, stack.operator)), "PolicyWasConfigured", 1)
    stack.send_mint(1)
    assert stack.issued == 1


def test_post_run__after_any_such_call__mints_are_refused(stack: Stack) -> None:
    engine = stack.parts["engine"].functions
    data = bytes.fromhex(stack.adapter.functions.token()._encode_transaction_data()[2:])
    stack.ground.send(engine.setPolicyConfiguration(stack.adapter.address, 0, data, b""), stack.operator)
    assert_refused(stack.refusal(1), "PolicyWasConfigured", 1)


def test_run_and_post_run__engine_asks_for_another_function__are_refused(stack: Stack) -> None:
    chain, engine = stack.ground.chain, stack.parts["engine"].address
    chain.rpc("anvil_impersonateAccount", engine)
    caller, subject, _, parameters, context = run_arguments(stack, 5)
    functions, other = stack.adapter.functions, b"\1\2\3\4"
    for call in (
        functions.run(caller, subject, other, parameters, context),
        functions.postRun(caller, subject, other, parameters, context),
    ):
        assert_refused(stack.ground.refusal(call, engine), "WrongSelector", other, MINT_SELECTOR)
    chain.rpc("anvil_stopImpersonatingAccount", engine)


def test_deployment__without_an_engine__is_refused(stack: Stack) -> None:
    with pytest.raises(Reverted) as caught:
        stack.ground.chain.deploy(
            "AcePolicy", stack.ground.registry.address, stack.token.address, ZERO_ADDRESS, MINT_SELECTOR
        )
    assert_refused(caught.value, "ZeroPolicyEngine")


def test_views__engine_selector_version_and_interfaces(stack: Stack) -> None:
    functions = stack.adapter.functions
    assert functions.policyEngine().call() == stack.parts["engine"].address
    assert functions.mintSelector().call() == MINT_SELECTOR
    assert functions.typeAndVersion().call() == "FilingGatePolicy 1.0.0"
    # All functions of ACE's IPolicy; its own policies answer yes to the same.
    volume = policy_of(stack, "VolumePolicy", encode(["uint256", "uint256"], [0, 0]))
    names = (
        "typeAndVersion()",
        "onInstall(bytes4)",
        "onUninstall(bytes4)",
        "run(address,address,bytes4,bytes[],bytes)",
        "postRun(address,address,bytes4,bytes[],bytes)",
    )
    identifier = 0
    for name in names:
        identifier ^= int.from_bytes(keccak(name.encode())[:4], "big")
    key = identifier.to_bytes(4, "big")
    for policy in (stack.adapter, volume):
        assert policy.functions.supportsInterface(key).call()
        assert policy.functions.supportsInterface(bytes.fromhex("01ffc9a7")).call()
    assert not functions.supportsInterface(b"\xff" * 4).call()
