"""Tokens at addresses known before the filing, which say what they were made of."""

from __future__ import annotations

import pytest
from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak
from web3.contract import Contract
from web3.logs import DISCARD

from tests.contracts.chain_fixture import ZERO_ADDRESS, Gate, Reverted, Tranche, assert_refused, token_config

SALT = b"\x07" * 32


@pytest.fixture
def factory(gate: Gate) -> Contract:
    return gate.chain.deploy("TrancheFactory")


def configs(gate: Gate, **changes):
    return [
        token_config(
            gate.registry.address, gate.admin, gate.issuer, symbol=name, tranche_id=keccak(name.encode()), **changes
        )
        for name in ("SENIOR", "MEZZANINE", "EQUITY")
    ]


def predicted(factory: Contract, given, salt: bytes = SALT) -> list[ChecksumAddress]:
    return [factory.functions.predict(config, salt).call() for config in given]


def test_deploy_all__issuance__stands_where_predicted_with_its_values(gate: Gate, factory: Contract) -> None:
    given = configs(gate, permissioned=True)
    addresses = predicted(factory, given)
    assert all(not gate.chain.w3.eth.get_code(address) for address in addresses)
    call = factory.functions.deployAll(given, SALT)
    assert call.call() == addresses
    receipt = gate.send(call)
    logs = factory.events.TrancheDeployed().process_receipt(receipt, errors=DISCARD)
    assert [dict(log["args"]) for log in logs] == [
        {"token": address, "trancheId": config[3], "registry": gate.registry.address, "salt": SALT}
        for address, config in zip(addresses, given, strict=True)
    ]
    for address, config in zip(addresses, given, strict=True):
        token = gate.chain.contract("AssetBackedToken", address)
        functions = token.functions
        found = (
            functions.name().call(),
            functions.symbol().call(),
            functions.decimals().call(),
            functions.trancheId().call(),
            functions.registry().call(),
        )
        assert found == config[:5]
        assert functions.permissioned().call()
        assert functions.hasRole(b"\0" * 32, gate.admin).call()
        assert functions.hasRole(functions.ISSUER_ROLE().call(), gate.issuer).call()
        for other in (factory.address, gate.relay):
            assert not functions.hasRole(b"\0" * 32, other).call()
            assert not functions.hasRole(functions.ISSUER_ROLE().call(), other).call()


def test_deploy_all__after_the_addresses_were_signed__approval_and_mint_pass(gate: Gate, factory: Contract) -> None:
    given = configs(gate)
    addresses = sorted(predicted(factory, given), key=lambda address: int(address, 16))
    approval = gate.approval(*(Tranche(address) for address in addresses))
    signatures = gate.signed(approval)
    gate.send(factory.functions.deployAll(given, SALT))
    gate.send(gate.approve(approval, signatures))
    for address in addresses:
        token = gate.chain.contract("AssetBackedToken", address)
        gate.send(gate.mint(1, token), gate.issuer)
        assert token.functions.totalSupply().call() == 1


def test_predict__any_value_changed__another_address(gate: Gate, factory: Contract) -> None:
    base = token_config(gate.registry.address, gate.admin, gate.issuer)
    # Name, symbol, decimals, tranche id, registry, admin, issuer, allow-list.
    others = ("Tranche B", "B", 7, b"\x01" * 32, gate.holder, gate.relay, gate.relay, True)
    assert len(others) == len(base)
    changed = [(*base[:index], other, *base[index + 1 :]) for index, other in enumerate(others)]
    found = predicted(factory, [base, *changed]) + predicted(factory, [base], b"\x08" * 32)
    found += predicted(gate.chain.deploy("TrancheFactory"), [base])
    assert len(set(found)) == len(base) + 3


def test_deploy_all__overtaken__gives_the_very_same_tokens(gate: Gate, factory: Contract) -> None:
    given = configs(gate)
    addresses = predicted(factory, given)
    # Somebody sees the transaction, deploys one of the tokens first, and the same with himself as the issuer.
    mine = token_config(gate.registry.address, gate.admin, gate.relay, symbol="SENIOR", tranche_id=keccak(b"SENIOR"))
    gate.send(factory.functions.deployAll([given[1], mine], SALT), gate.relay)
    assert predicted(factory, [mine])[0] not in addresses
    receipt = gate.send(factory.functions.deployAll(given, SALT), gate.holder)
    logs = factory.events.TrancheDeployed().process_receipt(receipt, errors=DISCARD)
    assert [log["args"]["token"] for log in logs] == [addresses[0], addresses[2]]
    for address in addresses:
        functions = gate.chain.contract("AssetBackedToken", address).functions
        assert not functions.hasRole(functions.ISSUER_ROLE().call(), gate.relay).call()
    # All there already: nothing happens.
    receipt = gate.send(factory.functions.deployAll(given, SALT))
    assert receipt["logs"] == []


def test_deploy_all__one_impossible__none_deployed_and_its_error_told(gate: Gate, factory: Contract) -> None:
    given = [*configs(gate)[:1], token_config(gate.registry.address, gate.admin, ZERO_ADDRESS)]
    found = gate.refusal(factory.functions.deployAll(given, SALT))
    assert_refused(found, "ZeroRoleHolder", keccak(b"ISSUER_ROLE"))
    with pytest.raises(Reverted):
        gate.send(factory.functions.deployAll(given, SALT))
    assert not gate.chain.w3.eth.get_code(predicted(factory, given)[0])


def test_deploy_all__none_or_too_many__refused(gate: Gate, factory: Contract) -> None:
    function = factory.functions.deployAll
    assert_refused(gate.refusal(function([], SALT)), "InvalidTrancheCount", 0, 32)
    assert_refused(gate.refusal(function([configs(gate)[0]] * 33, SALT)), "InvalidTrancheCount", 33, 32)
