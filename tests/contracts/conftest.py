"""One test chain for all contract tests; each test finds it as deployed and leaves it so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web3 import IPCProvider, Web3

from scripts.compile import ROOT, artifact, build, collect_sources, compile_sources
from tests.anvil import start_anvil
from tests.contracts.chain_fixture import START, Chain, Gate, deploy_gate

TEST_SOURCES = ROOT / "tests" / "contracts" / "sol"


@pytest.fixture(scope="session")
def built() -> dict[str, dict[str, Any]]:
    """The project's contracts, compiled now."""
    return build()


@pytest.fixture(scope="session")
def artifacts(built: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The project's contracts and those made for tests only."""
    names = [path.relative_to(ROOT).as_posix() for path in sorted(TEST_SOURCES.glob("*.sol"))]
    made = compile_sources(collect_sources(names), wanted=names)
    extra = {name: artifact(source, name, output) for source in names for name, output in made[source].items()}
    return built | extra


@pytest.fixture(scope="session")
def chain(artifacts: dict[str, dict[str, Any]]) -> Iterator[Chain]:
    with start_anvil(timestamp=START, hardfork="cancun") as anvil:
        yield Chain(Web3(IPCProvider(anvil.ipc)), artifacts)


@pytest.fixture(scope="session")
def deployed(chain: Chain) -> Gate:
    """A registry of five operators of whom three must sign, and three tokens, ascending by address."""
    return deploy_gate(chain)


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The first test that needs the contracts may have to wait for the WebAssembly compiler on a busy machine.
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-gas", action="store_true", help="write tests/contracts/gas_snapshot.json anew")
