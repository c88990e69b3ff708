"""One chain with a deployment for all tests of the command line; each test finds it as approved and leaves it so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.command_line import PASSWORD
from tests.cli.deployed_gate import DeployedGate, deployed_gate


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The password in its variable; no address of a node from outside."""
    monkeypatch.setenv("FILING_GATE_PASSWORD", PASSWORD)
    monkeypatch.delenv("FILING_GATE_RPC", raising=False)


@pytest.fixture(scope="session")
def shared_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedGate]:
    with deployed_gate(tmp_path_factory.mktemp("chain")) as running:
        yield running


@pytest.fixture
def chain(shared_chain: DeployedGate) -> Iterator[DeployedGate]:
    """The deployment with one approved filing; what a test does to it is undone."""
    snapshot = shared_chain.rpc("evm_snapshot")
    yield shared_chain
    shared_chain.rpc("evm_revert", snapshot)
