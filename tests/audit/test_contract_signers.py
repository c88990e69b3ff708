"""An operator that is a contract: the audit asks it, as of the block in which its signature was taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from oracle.audit.chain_audit import audit_chain
from oracle.audit.chain_reader import ChainReader
from oracle.chain.deployment import deploy
from oracle.chain.rpc import connect
from oracle.chain.sender import NodeAccountSender
from oracle.domain.approval import OperatorSignature
from scripts.compile import artifact, collect_sources, compile_sources
from tests.anvil import start_anvil
from tests.chain.node_double import node_double, rpc_error
from tests.chain.small_world import OPERATORS, START, World, manifest

SOURCE = "tests/contracts/sol/OddWallet.sol"
KEY = OPERATORS[0]


@pytest.fixture(scope="module")
def wallet_code() -> dict[str, Any]:
    return artifact(
        SOURCE, "OddWallet", compile_sources(collect_sources([SOURCE]), wanted=[SOURCE])[SOURCE]["OddWallet"]
    )


@pytest.fixture
def world(wallet_code: dict[str, Any]) -> Iterator[World]:
    """A committee of two, both of whom must sign; one is a contract with the key of the first operator."""
    with start_anvil(timestamp=START, hardfork="cancun") as anvil:
        w3 = connect(anvil.url)
        accounts = [str(account) for account in w3.eth.accounts]
        factory = w3.eth.contract(abi=wallet_code["abi"], bytecode=wallet_code["bytecode"])
        sent = factory.constructor(KEY.address, 0).transact({"from": w3.eth.accounts[0]})
        wallet = str(w3.eth.wait_for_transaction_receipt(sent)["contractAddress"])
        plan = manifest(accounts)
        committee = plan.committee.model_copy(update={"operators": [wallet, OPERATORS[1].address]})
        deployment = deploy(plan.model_copy(update={"committee": committee}), w3, NodeAccountSender(accounts[0]))
        made = World(w3, deployment, NodeAccountSender(accounts[2]), NodeAccountSender(accounts[3]), accounts[4:8])
        approval = made.approval((0, 1000))
        by_key, other = made.signed(approval)
        made.registry.approve(
            made.relay, approval, [OperatorSignature(operator=wallet, signature=by_key.signature), other]
        )
        yield made


def test_audit__contract_accepted__clean(world: World) -> None:
    report = audit_chain(world.w3, world.deployment)
    assert report.findings == []
    assert report.checks["SIGNATURE-INVALID"] == 2


def test_audit__node_without_the_old_state__signature_is_not_believed(world: World) -> None:
    asked = ChainReader(world.w3, world.registry.address)
    digest = bytes(32)
    wallet = world.deployment.operators[0]
    assert asked.accepts(wallet, digest, KEY.sign(digest), asked.last) is True
    assert asked.accepts(wallet, digest, OPERATORS[1].sign(digest), asked.last) is False
    assert asked.accepts(OPERATORS[1].address, digest, OPERATORS[1].sign(digest), asked.last) is False

    def pruned(method: str, params: list[Any]) -> Any:
        old = method in ("eth_call", "eth_getCode") and params[1] != hex(world.w3.eth.block_number)
        return rpc_error("missing trie node") if old and params[1] != "latest" else None

    world.travel(60)
    with node_double(world.url, pruned) as double:
        report = audit_chain(connect(double.url), world.deployment)
    assert [finding.id for finding in report.findings] == ["SIGNATURE-INVALID"]
    assert "missing trie node" in report.findings[0].found
