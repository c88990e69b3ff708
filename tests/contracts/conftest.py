"""One test chain for all contract tests; each test finds it as deployed and leaves it so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from web3 import IPCProvider, Web3

from scripts.compile import ROOT, artifact, build, collect_sources, compile_sources
from tests.anvil import start_anvil
from tests.contracts.chain_fixture import MAX_VALIDITY, START, Chain, Gate

TEST_SOURCES = ROOT / "tests" / "contracts" / "sol"


@pytest.fixture(scope="session")
def built() -> dict[str, dict[str, Any]]:
    """The project's contracts, compiled now."""
    return build()


@pytest.fixture(scope="session")
def artifacts(built: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The project's contracts and those made for tests only."""
    names = [path.relative_to(ROOT).as_posix() for path in sorted(TEST_SOURCES.glob("*.sol"))]
    made = compile_sources(collect_sources(names))
    extra = {name: artifact(source, name, output) for source in names for name, output in made[source].items()}
    return built | extra


@pytest.fixture(scope="session")
def chain(artifacts: dict[str, dict[str, Any]]) -> Iterator[Chain]:
    with start_anvil(timestamp=START, hardfork="cancun") as anvil:
        yield Chain(Web3(IPCProvider(anvil.ipc)), artifacts)


@pytest.fixture(scope="session")
def deployed(chain: Chain) -> Gate:
    """A registry of five operators of whom three must sign, and three tokens, ascending by address."""
    operators = [account.address for account in chain.operators]
    threshold = 3
    registry = chain.deploy("FilingRegistry", operators, threshold, MAX_VALIDITY)
    admin, issuer, relay, holder = chain.accounts[1:5]
    tokens = [
        chain.deploy("AssetBackedToken", f"Tranche {name}", name, 6, registry.address, admin, issuer) for name in "ABC"
    ]
    tokens.sort(key=lambda token: int(token.address, 16))
    return Gate(chain, registry, tokens, threshold, admin, issuer, relay, holder)


@pytest.fixture
def gate(deployed: Gate) -> Iterator[Gate]:
    """The deployed registry and tokens; what a test does to them is undone."""
    snapshot = deployed.chain.rpc("evm_snapshot")
    yield deployed
    deployed.chain.rpc("evm_revert", snapshot)


@pytest.fixture
def approved(gate: Gate) -> Gate:
    """The same with the first token approved."""
    gate.send(gate.approve(gate.approval()))
    return gate
