"""A real `filing-gate serve` process for the first operator of the small world, with a relay that is its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from eth_account import Account

from oracle.chain.rpc import raw_call
from oracle.collector.node_client import NodeClient
from oracle.collector.proposal import new_approval
from oracle.domain.approval import OperatorSignature
from oracle.domain.dossier import Dossier
from oracle.domain.names import filing_id
from oracle.rules.case import SHANGHAI
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner, new_keystore
from tests.anvil import ROOT
from tests.node.running_nodes import World
from tests.samples.dossier import sample_record
from tests.standin.csrc_content import TOKEN_NOTICES, TOKEN_TABLE
from tests.watch.relays import key_file

PASSWORD = "serve"
DAY = 86_400


def free_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        return port


class Serve:
    """One process after another on the same files. `relay` is the account that pays."""

    def __init__(
        self, world: World, folder: Path, *, store: str | None = None, watch: str = "", keys: Path | None = None
    ):
        self.world, self.folder = world, folder
        folder.mkdir(parents=True, exist_ok=True)
        own = world.nodes[0].node.config.base
        keys = keys or folder
        if not (keys / "relay.json").exists():
            signer = world.signers[0]
            assert isinstance(signer, KeySigner)
            secret = signer.secret
            (keys / "key.json").write_text(json.dumps(Account.encrypt(secret, PASSWORD, kdf="scrypt", iterations=2)))
            new_keystore(keys / "relay.json", PASSWORD, light=True)
        self.relay = "0x" + json.loads((keys / "relay.json").read_text())["address"].removeprefix("0x")
        raw_call(world.w3, "anvil_setBalance", [self.relay, hex(10**20)])
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        nodes = "".join(
            f'[[watch.nodes]]\nurl = "{node.url}"\nkey_file = "{key_file(node)}"\n' for node in world.nodes[1:]
        )
        self.config = folder / "node.toml"
        self.config.write_text(
            f'''name = "operator-1"
[http]
port = {self.port}
cache_seconds = 0
auth = "none"
[chain]
id = 31337
registry = "{world.deployment.registry}"
rpc_url = "{world.anvil.url}"
[key]
keystore = "{keys / "key.json"}"
password_env = "SERVE_PASSWORD"
[relay]
keystore = "{keys / "relay.json"}"
password_env = "SERVE_PASSWORD"
[duties]
sweep_seconds = 1
[watch]
interval_seconds = 2
retry_seconds = 1
jitter = 0.0
{watch}
{nodes}
[store]
url = "{store or f"sqlite:///{own / 'node.db'}"}"
evidence = "{own / "evidence"}"
[[sources]]
type = "csrc"
base_url = "{world.site.url}"
table_channels = ["{TOKEN_TABLE}"]
notice_channels = ["{TOKEN_NOTICES}"]
attempts = 1
timeout_seconds = 5
deadline_seconds = 10
''',
            encoding="utf-8",
        )
        self.log = folder / "log.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, point: str | None = None) -> None:
        """Start it, so that it kills itself at `point` if one is given."""
        command = [sys.executable, "-m", "oracle", "serve", "--config", str(self.config)]
        if point is not None:
            command = [sys.executable, "-m", "tests.watch.killed_serve", point, str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=ROOT, env={**os.environ, "SERVE_PASSWORD": PASSWORD}
            )

    def wait_killed(self, seconds: float = 60) -> None:
        """Return when it has killed itself."""
        assert self.process is not None
        assert self.process.wait(seconds) == -signal.SIGKILL, self.text()

    def stop(self) -> int:
        """End it as an operator does; returns the exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        return self.process.wait(30)

    def end(self) -> None:
        """End it in any case."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def ready(self, seconds: float = 40) -> dict[str, Any]:
        """What /readyz says, once it answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                content: dict[str, Any] = httpx2.get(self.url + "/readyz", timeout=5, trust_env=False).json()
                return content
            except httpx2.HTTPError:
                time.sleep(0.1)
        raise AssertionError(self.text())

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def sent(self) -> int:
        """How many transactions the relay has ever sent."""
        return int(str(raw_call(self.world.w3, "eth_getTransactionCount", [self.relay, "latest"])), 16)


def approve(world: World, number: str, url: str | None = None) -> Dossier:
    """Publish a filing and approve it for a day by two of the committee's keys; nodes and `url` get the dossier."""
    world.publish(number=number)
    dossier = world.dossier({"filing.filingNumber": number})
    for client in [*world.clients(), *([NodeClient(url)] if url is not None else [])]:
        client.post("/v1/dossiers", dossier.canonical())
    today = datetime.now(UTC).astimezone(SHANGHAI).date()
    record = "0x" + sample_record(today=today, number=number).record_hash().hex()
    hashes = (record, world.nodes[0].node.ruleset())
    now = max(int(world.w3.eth.get_block("latest")["timestamp"]), int(time.time()))
    approval = new_approval(world.registry, 31337, dossier, hashes, now=now, window_seconds=DAY)
    digest = approval_digest(Domain(31337, world.deployment.registry), approval)
    given = [
        OperatorSignature(operator=signer.address, signature="0x" + signer.sign(digest).hex())
        for signer in world.signers[:2]
    ]
    world.registry.approve(world.issuer, approval, given)
    return dossier


def filing_of(number: str) -> str:
    return "0x" + filing_id(number).hex()


def wait_for(world: World, number: str, sequence: int, serve: Serve, seconds: float = 60) -> Any:
    """The filing's state once its sequence is reached."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = world.registry.filing_state(filing_of(number))
        if state.sequence >= sequence:
            return state
        time.sleep(0.1)
    raise AssertionError(serve.text())
