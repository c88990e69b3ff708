"""What the chains say of the tranches: one chain, two, one of them silent, a token that is not ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from web3 import Web3

from oracle.chain.deployment import Deployment, Manifest, deploy
from oracle.chain.sender import NodeAccountSender
from oracle.domain.dossier import Dossier
from oracle.evidence.store import EvidenceStore
from oracle.node.config import ChainConfig
from oracle.node.service import Node
from oracle.node.startup import check_start
from oracle.rules.table import evaluate
from oracle.rules.verdict import Verdict
from oracle.store.database import Database
from tests.anvil import AnvilProcess, start_anvil
from tests.node.running_nodes import World

OTHER = 31338


@pytest.fixture
def second() -> Iterator[AnvilProcess]:
    with start_anvil(chain_id=OTHER) as anvil:
        yield anvil


def deployed_on(anvil: AnvilProcess, world: World) -> Deployment:
    w3 = Web3(Web3.HTTPProvider(anvil.url))
    issuer = NodeAccountSender(str(w3.eth.accounts[0]))
    token = {"id": "far", "name": "far", "symbol": "FAR", "decimals": 6}
    roles = {"admin": issuer.address, "issuer": issuer.address}
    committee = {"operators": world.deployment.operators, "threshold": 2}
    return deploy(Manifest.model_validate({"committee": committee, "tokens": [token | roles]}), w3, issuer)


def node_with(world: World, folder: Path, *chains: ChainConfig) -> Node:
    config = world.nodes[0].node.config.model_copy(update={"chains": list(chains), "base": folder})
    database = Database(f"sqlite:///{folder / 'far.db'}")
    return Node(config, database, [], world.signers[0], EvidenceStore(folder / "evidence"))


def plan_verdicts(node: Node, dossier: Dossier) -> dict[str, Verdict]:
    # Without sources there is no publication; the filed units then are the dossier's own.
    findings = evaluate(node.case(dossier, chain=node.registry())).findings
    return {finding.rule: finding.result for finding in findings if finding.rule.startswith("PLAN")}


def far(world: World, contract: str) -> Dossier:
    return world.dossier({"issuePlan.tranches[1].chain": f"eip155:{OTHER}", "issuePlan.tranches[1].contract": contract})


PASS = {"PLAN-1": Verdict.PASS, "PLAN-2": Verdict.PASS}
OPEN = {"PLAN-1": Verdict.INDETERMINATE, "PLAN-2": Verdict.INDETERMINATE}


def test_two_chains__counted_together__silent_chain_leaves_it_open(
    world: World, second: AnvilProcess, tmp_path: Path
) -> None:
    there = deployed_on(second, world)
    dossier = far(world, there.tokens[0].address)
    chain = ChainConfig(id=OTHER, registry=there.registry, rpc_url=second.url)
    node = node_with(world, tmp_path, chain)
    assert plan_verdicts(node, dossier) == PASS
    case = node.case(dossier, chain=node.registry())
    assert case.tranches is not None
    assert {item.chain for item in case.tranches} == {"eip155:31337", f"eip155:{OTHER}"}
    assert check_start(node) == []
    second.stop()
    began = time.monotonic()
    assert plan_verdicts(node, dossier) == OPEN
    assert time.monotonic() - began < 10
    assert str(OTHER) in check_start(node)[0]
    node.database.close()


def test_second_chain__not_configured_or_another_chain__leaves_it_open(
    world: World, second: AnvilProcess, tmp_path: Path
) -> None:
    there = deployed_on(second, world)
    dossier = far(world, there.tokens[0].address)
    node = node_with(world, tmp_path)
    assert plan_verdicts(node, dossier) == OPEN
    # The address of chain 31337 under the other's number: the chain id that answers decides.
    node = node_with(world, tmp_path, ChainConfig(id=OTHER, registry=there.registry, rpc_url=world.anvil.url))
    assert plan_verdicts(node, dossier) == OPEN
    node.database.close()


def test_token__of_another_registry__fails(world: World, second: AnvilProcess, tmp_path: Path) -> None:
    there = deployed_on(second, world)
    again = deployed_on(second, world)
    assert there.registry != again.registry
    node = node_with(world, tmp_path, ChainConfig(id=OTHER, registry=again.registry, rpc_url=second.url))
    verdicts = plan_verdicts(node, far(world, there.tokens[0].address))
    assert verdicts == {"PLAN-1": Verdict.PASS, "PLAN-2": Verdict.FAIL}
    node.database.close()


def test_token__no_code_or_foreign_code__does_not_pass(world: World, tmp_path: Path) -> None:
    node = node_with(world, tmp_path)
    nothing = world.dossier({"issuePlan.tranches[1].contract": "0x" + "77" * 20})
    assert plan_verdicts(node, nothing) == OPEN
    # The token's own code with one byte changed still answers every question; it is not the known build.
    token = world.deployment.tokens[1].address
    code = bytearray(world.w3.eth.get_code(Web3.to_checksum_address(token)))
    code[-1] ^= 1
    world.w3.provider.make_request("anvil_setCode", [token, "0x" + code.hex()])  # type: ignore[arg-type]
    assert plan_verdicts(node, world.dossier()) == {"PLAN-1": Verdict.PASS, "PLAN-2": Verdict.INDETERMINATE}
    node.database.close()


def test_facts__of_the_sample__name_registry_and_build(world: World, tmp_path: Path) -> None:
    node = node_with(world, tmp_path)
    case = node.case(world.dossier(), chain=world.registry)
    assert case.tranches is not None
    for facts in case.tranches:
        assert facts.registry == facts.own_registry == world.deployment.registry
        assert facts.build == "AssetBackedToken"
    node.database.close()


def test_case__later_revision__finds_what_was_handed_in(world: World, tmp_path: Path) -> None:
    node = node_with(world, tmp_path)
    first = world.dossier()
    hashed = "0x" + first.dossier_hash().hex()
    second = world.dossier({"revision": 2, "prevDossierHash": hashed})
    assert node.case(second, chain=None).revisions == ()
    request = node.database.add_request("2026-10-12T00:00:00.000+00:00", "POST", "/v1/dossiers", b"")
    node.database.add_dossier(request, first)
    assert node.case(second, chain=None).revisions == (first,)
    assert node.case(second, chain=None).signers == (node.config.name, node.address)
    node.database.close()
