"""The contracts under forge: fuzz tests, invariants and the walks that show that both can fail (fast profile)."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from scripts.compile import ROOT
from scripts.forge import find_forge

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def suites() -> dict[str, Any]:
    """What forge found, by file and contract."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FOUNDRY_", "DAPP_"))}
    done = subprocess.run(
        [find_forge(), "test", "--json", "--allow-failure"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(300)
def test_forge__every_test_and_invariant__holds(suites: dict[str, Any]) -> None:
    failures = [
        f"{suite} {name}: {result['reason']} {result.get('counterexample') or ''}"
        for suite, content in suites.items()
        for name, result in content["test_results"].items()
        if result["status"] != "Success"
    ]
    assert failures == []


@pytest.mark.timeout(300)
def test_forge__the_parts_of_the_proof__all_ran(suites: dict[str, Any]) -> None:
    ran = {suite.split(":")[1]: set(content["test_results"]) for suite, content in suites.items()}
    for contract in ("RegistryWithRetention", "RegistryWithoutRetention"):
        assert ran[contract] == {"invariant_everyRuleHolds()"}
    assert "test_everyKindOfSuccessAndOfRefusalIsReached()" in ran["RegistryReach"]
    assert len(ran["PlantedFaults"]) >= 6
