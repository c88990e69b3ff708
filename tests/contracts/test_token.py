"""The token: who may mint, batches, and tokens that try to get round the gate."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak
from web3.contract import Contract
from web3.logs import DISCARD

from tests.contracts.chain_fixture import (
    ZERO_ADDRESS,
    Gate,
    Reverted,
    Status,
    Tranche,
    Update,
    assert_refused,
    token_config,
)


def issued(gate: Gate, token: Contract) -> int:
    return int(gate.registry.functions.trancheState(token.address).call()[2])


def test_deploy__token__knows_registry_unit_and_roles(gate: Gate) -> None:
    functions = gate.token.functions
    assert functions.registry().call() == gate.registry.address
    assert functions.filing().call() == b"\0" * 32
    assert functions.decimals().call() == 6
    assert functions.trancheId().call() == keccak(functions.symbol().call().encode())
    assert not functions.permissioned().call()
    issuer_role = functions.ISSUER_ROLE().call()
    assert functions.hasRole(issuer_role, gate.issuer).call()
    assert not functions.hasRole(issuer_role, gate.admin).call()
    assert functions.hasRole(b"\0" * 32, gate.admin).call()


@pytest.mark.parametrize("registry", ("holder", "token"))
def test_deploy__registry_is_none__refused(gate: Gate, registry: str) -> None:
    address = gate.holder if registry == "holder" else gate.token.address
    with pytest.raises(Reverted) as found:
        gate.chain.deploy("AssetBackedToken", token_config(address, gate.admin, gate.issuer))
    assert_refused(found.value, "NotAFilingRegistry", address)


def test_deploy__zero_admin_or_issuer__refused(gate: Gate) -> None:
    role = gate.token.functions.ISSUER_ROLE().call()
    for admin, issuer, expected in ((ZERO_ADDRESS, gate.issuer, b"\0" * 32), (gate.admin, ZERO_ADDRESS, role)):
        with pytest.raises(Reverted) as found:
            gate.chain.deploy("AssetBackedToken", token_config(gate.registry.address, admin, issuer))
        assert_refused(found.value, "ZeroRoleHolder", expected)


def test_mint__without_the_role__refused(approved: Gate) -> None:
    role = approved.token.functions.ISSUER_ROLE().call()
    batch = approved.token.functions.mintBatch([approved.holder], [1])
    for sender in (approved.admin, approved.holder, approved.chain.operators[0].address):
        for call in (approved.mint(1), batch):
            assert_refused(approved.refusal(call, sender), "AccessControlUnauthorizedAccount", sender, role)


def test_transfer_and_burn__suspended_filing__go_on(approved: Gate) -> None:
    approved.send(approved.mint(10), approved.issuer)
    approved.send(approved.update(Update(approved.filing, Status.REVOKED)))
    approved.send(approved.token.functions.transfer(approved.relay, 4), approved.holder)
    approved.send(approved.token.functions.burn(6), approved.holder)
    assert approved.token.functions.totalSupply().call() == 4
    assert issued(approved, approved.token) == 10


def test_supports_interface__token__names_what_it_implements(gate: Gate) -> None:
    supports = gate.token.functions.supportsInterface
    for known in (
        "01ffc9a7",  # ERC-165
        "36372b07",  # ERC-20
        "a219a025",  # its metadata
        "9d8ff7da",  # ERC-2612
        "84b0196e",  # ERC-5267
        "3edbb4c4",  # ERC-7943, fungible, as final
        "7965db0b",  # access control
    ):
        assert supports(bytes.fromhex(known)).call()
    assert not supports(b"\xff" * 4).call()


def test_mint_batch__several_holders__draws_once(approved: Gate) -> None:
    holders = [approved.holder, approved.relay, approved.holder]
    receipt = approved.send(approved.token.functions.mintBatch(holders, [1, 2, 3]), approved.issuer)
    (event,) = approved.events(receipt, "Issued")
    assert (event["amount"], event["issued"]) == (6, 6)
    transfers = approved.token.events.Transfer().process_receipt(receipt, errors=DISCARD)
    moved = [(log["args"]["to"], log["args"]["value"]) for log in transfers]
    assert moved == list(zip(holders, [1, 2, 3], strict=True))
    assert approved.token.functions.totalSupply().call() == 6
    # The batch is over: the next mint draws for itself.
    approved.send(approved.mint(5), approved.issuer)
    assert issued(approved, approved.token) == 11


def test_mint_batch__whole_cap__accepted_and_one_more_refused(approved: Gate) -> None:
    batch = approved.token.functions.mintBatch
    found = approved.refusal(batch([approved.holder] * 2, [999_999, 2]), approved.issuer)
    assert_refused(found, "CapExceeded", approved.token.address, 1_000_001, 1_000_000)
    approved.send(batch([approved.holder] * 2, [999_999, 1]), approved.issuer)


@pytest.mark.parametrize(
    ("holders", "amounts", "error"),
    (
        (2, [1], "BatchLengthMismatch"),
        (1, [1, 2], "BatchLengthMismatch"),
        (0, [], "ZeroAmount"),
        (257, [1] * 257, "BatchTooLong"),
        (2, [0, 0], "ZeroAmount"),
        (2, [0, 1], "ZeroAmount"),
        (2, [1, 0], "ZeroAmount"),
    ),
)
def test_mint_batch__lists_that_do_not_fit__refused(
    approved: Gate, holders: int, amounts: list[int], error: str
) -> None:
    found = approved.refusal(approved.token.functions.mintBatch([approved.holder] * holders, amounts), approved.issuer)
    assert found is not None
    assert found.name == error
    if error == "BatchLengthMismatch":
        assert found.values == (holders, len(amounts))
    if error == "BatchTooLong":
        assert found.values == (257, 256)


def test_mint_batch__largest_and_zero_holder(approved: Gate) -> None:
    batch = approved.token.functions.mintBatch
    found = approved.refusal(batch([approved.holder, ZERO_ADDRESS], [1, 1]), approved.issuer)
    assert_refused(found, "ERC20InvalidReceiver", ZERO_ADDRESS)
    approved.send(batch([approved.holder] * 256, [1] * 256), approved.issuer)
    assert issued(approved, approved.token) == 256


def test_mint_batch__sum_overflows__refused(approved: Gate) -> None:
    batch = approved.token.functions.mintBatch([approved.holder] * 2, [2**256 - 1, 2])
    assert approved.refusal(batch, approved.issuer) is not None


@pytest.fixture
def greedy(gate: Gate) -> tuple[Gate, Contract]:
    """A token whose own code mints for anybody, approved with a cap of 100."""
    token = gate.chain.deploy("GreedyToken", gate.registry.address)
    gate.send(gate.approve(gate.approval(Tranche(token.address, 100, 18))))
    return gate, token


@pytest.mark.parametrize("way", ("mintAnyway", "updateAnyway"))
def test_derived_token__mints_on_its_own__still_draws(greedy: tuple[Gate, Contract], way: str) -> None:
    gate, token = greedy
    call = token.functions[way]
    gate.send(call(gate.holder, 60))
    assert issued(gate, token) == token.functions.totalSupply().call() == 60
    assert_refused(gate.refusal(call(gate.holder, 41)), "CapExceeded", token.address, 41, 40)
    gate.send(gate.update(Update(gate.filing, Status.REVOKED)))
    assert_refused(gate.refusal(call(gate.holder, 1)), "FilingIsFinal", gate.filing, Status.REVOKED)


def test_derived_token__not_in_a_filing__cannot_mint(gate: Gate) -> None:
    token = gate.chain.deploy("GreedyToken", gate.registry.address)
    for call in (
        token.functions.mintAnyway(gate.holder, 1),
        token.functions.updateAnyway(gate.holder, 1),
        token.functions.mintParts([gate.holder], [1]),
    ):
        assert_refused(gate.refusal(call), "TokenNotApproved", token.address)


def test_derived_token__batch__draws_the_sum(greedy: tuple[Gate, Contract]) -> None:
    gate, token = greedy
    receipt = gate.send(token.functions.mintParts([gate.holder] * 2, [30, 31]))
    assert [event["amount"] for event in gate.events(receipt, "Issued")] == [61]
    gate.send(token.functions.mintAnyway(gate.holder, 39))
    assert issued(gate, token) == token.functions.totalSupply().call() == 100
    found = gate.refusal(token.functions.mintParts([gate.holder], [1]))
    assert_refused(found, "CapExceeded", token.address, 1, 0)
