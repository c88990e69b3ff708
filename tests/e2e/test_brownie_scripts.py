"""The Brownie scripts and console against a small world: a chain, the stand-in of the site, three nodes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from scripts.compile import ARTIFACTS, CONTRACTS
from scripts.demo_world import NUMBER, PASSWORD, ROOT, World, today
from tests.samples.dossier import ENTITY_NAME

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

BROWNIE = ROOT / ".venv-brownie" / "bin" / "brownie"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything up, and the filing published: the next proposal can be signed."""
    assert BROWNIE.exists(), f"{BROWNIE} is missing: `make setup` installs it, and so does `make test`"
    with ExitStack() as stack:
        made = World(stack, tmp_path_factory.mktemp("world"))
        issued_on = (today() - timedelta(days=27)).isoformat()
        made.site.publish_notice(
            number=NUMBER, company=ENTITY_NAME, units=1_000_000, amount="100000000", issued_on=issued_on
        )
        yield made


def brownie(world: World, *arguments: str, given: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """`make brownie ARGS=…`, on the world's chain."""
    return subprocess.run(
        [str(BROWNIE), *arguments, *(() if arguments == ("compile",) else ("--network", "anvil"))],
        input=given,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
        env={
            **os.environ,
            "HOME": str(ROOT / "build" / "brownie-home"),
            "SOLCX_BINARY_PATH": str(ROOT / ".solcx"),
            "PATH": f"{BROWNIE.parent}:{ROOT / 'node_modules' / '.bin'}:{os.environ['PATH']}",
            "ANVIL_PORT": str(world.anvil.port),
            "DEPLOYMENT": str(world.out / "deployment.json"),
            "FILING_GATE_PASSWORD": PASSWORD,
            **env,
        },
    )


def issue(world: World, **env: str) -> subprocess.CompletedProcess[str]:
    """The script that approves and mints, as the issuer."""
    more = {
        "KEYSTORE": str(world.out / "issuer.json"),
        "DOSSIER": str(world.out / "dossier.json"),
        "NODES": " ".join(world.nodes),
        "NODE_KEYS": str(world.out / "node-keys.toml"),
    }
    return brownie(world, "run", "issue", **{**more, **env})


def test_deploy__manifest__writes_a_deployment_that_lives(world: World, tmp_path: Path) -> None:
    out = tmp_path / "deployment.json"
    done = brownie(world, "run", "deploy", MANIFEST=str(world.out / "manifest.toml"), OUT=str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"registry 0x[0-9a-fA-F]{40} on chain 31337: 2 of 3 operators", done.stdout)
    assert re.search(r"senior CHGS 0x[0-9a-fA-F]{40}", done.stdout)
    assert f"wrote {out}" in done.stdout
    status = world.cli("status", "--rpc", world.anvil.url, "--deployment", str(out))
    assert status["operators"] == world.operators
    assert status["filings"] == []


def test_deploy__what_brownie_compiled_for_it__is_the_very_same_bytecode(world: World) -> None:
    done = brownie(world, "compile")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in CONTRACTS:
        ours = json.loads((ARTIFACTS / f"{name}.json").read_text(encoding="utf-8"))
        theirs = json.loads((ROOT / "build" / "contracts" / f"{name}.json").read_text(encoding="utf-8"))
        assert "0x" + theirs["bytecode"] == ours["bytecode"]
        assert "0x" + theirs["deployedBytecode"] == ours["deployedBytecode"]
        assert theirs["abi"] == ours["abi"]


def test_issue_and_inspect__inside_and_over_the_cap(world: World) -> None:
    done = issue(world, TO=world.holder, AMOUNT="1234.5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "approved by 2 operators, sequence 1" in done.stdout
    assert f"minted 1,234.5 CHGS to {world.holder}" in done.stdout
    assert "issued 1,234.5 of 800,000" in done.stdout
    assert world.issued() == 1_234_500_000

    refused = issue(world, AMOUNT="800000")
    assert refused.returncode == 1
    lines = [line for line in refused.stderr.splitlines() if "CapExceeded(" in line]
    assert len(lines) == 1
    assert lines[0].startswith("issue: ")
    assert "requested=800000000000, remaining=798765500000" in lines[0]
    assert "Traceback" not in refused.stdout + refused.stderr
    assert world.issued() == 1_234_500_000

    seen = brownie(world, "run", "inspect")
    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert f"registry {world.deployment.registry}: 2 of 3 operators" in seen.stdout
    assert "APPROVED, sequence 2" in seen.stdout
    assert "senior CHGS: issued 1,234.5 of 800,000, mintable" in seen.stdout
    assert re.search(r"audit: \d\d+ checks, 0 deviations", seen.stdout)


@pytest.mark.parametrize(
    ("env", "named"),
    (
        ({"AMOUNT": "1e3"}, "AMOUNT"),
        ({"DOSSIER": "/nowhere/dossier.json"}, "/nowhere/dossier.json"),
        ({"FILING_GATE_PASSWORD": "geheim"}, "password"),
    ),
)
def test_issue__bad_input__one_line_and_exit_2(world: World, env: dict[str, str], named: str) -> None:
    before = world.state().sequence
    done = issue(world, **env)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("issue: ")]
    assert len(lines) == 1
    assert named in lines[0]
    assert "geheim" not in done.stdout + done.stderr
    assert world.state().sequence == before


def test_console__piped_commands__the_contracts_are_loaded(world: World) -> None:
    address = world.deployment.registry
    commands = (
        f"print('threshold', FilingRegistry.at('{address}').threshold())\n"
        f"print('symbol', AssetBackedToken.at('{world.deployment.token('senior').address}').symbol())\n"
    )
    done = brownie(world, "console", given=commands)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "threshold 2" in done.stdout
    assert "symbol CHGS" in done.stdout
