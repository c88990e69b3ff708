"""A committee of one on a test chain, and its node as the process that an operator starts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from web3 import Web3

from oracle.chain.deployment import Deployment, Manifest, deploy
from oracle.chain.sender import NodeAccountSender
from oracle.rules.case import SHANGHAI
from oracle.signing.keys import new_keystore
from tests.anvil import AnvilProcess, start_anvil
from tests.samples.dossier import sample_dossier
from tests.standin.csrc_content import TOKEN_NOTICES, TOKEN_TABLE
from tests.standin.csrc_site import CsrcSite

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct-horse-battery"
_SERVES = re.compile(r"serves (http://[0-9.:]+)")


class Served:
    """A running `filing-gate serve`; everything it prints goes to `log`."""

    def __init__(self, config: Path, log: Path, env: Mapping[str, str], *arguments: str) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "oracle", "serve", "--config", str(config), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "FILING_GATE_PASSWORD": PASSWORD, **env},
            )
        self.url = self._wait()

    def _wait(self) -> str:
        end = time.monotonic() + 40
        while time.monotonic() < end and self.process.poll() is None:
            found = _SERVES.findall(self.text())
            if found:
                # The socket listens before the line is printed; the application follows.
                httpx2.get(found[-1] + "/healthz", timeout=30, trust_env=False)
                return str(found[-1])
            time.sleep(0.02)
        raise RuntimeError(f"the node does not serve:\n{self.text()[-3000:]}")

    def text(self) -> str:
        """What was printed so far."""
        return self.log.read_text(encoding="utf-8", errors="surrogateescape")

    def get(self, path: str, **options: Any) -> httpx2.Response:
        """GET a path."""
        return httpx2.get(self.url + path, timeout=30, trust_env=False, **options)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """The exit code, once it has ended."""
        try:
            return self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@dataclass
class Ground:
    """What nodes stand on: chain, site, deployment, a keystore in `folder`."""

    folder: Path
    anvil: AnvilProcess
    site: CsrcSite
    w3: Web3
    deployment: Deployment
    operator: str
    _running: list[Served] = field(default_factory=list)

    def config(self, name: str, **changes: str) -> Path:
        """A configuration file; `changes` replace lines: `rpc`, `database`, `more` (appended TOML)."""
        path = self.folder / f"{name}.toml"
        path.write_text(
            f"""name = "{name}"
[http]
port = {changes.get("port", "0")}
cache_seconds = 0
auth = "none"
shutdown_seconds = 10
[chain]
id = 31337
registry = "{self.deployment.registry}"
{changes.get("rpc", f'rpc_url = "{self.anvil.url}"')}
[key]
keystore = "keystore.json"
password_env = "FILING_GATE_PASSWORD"
[relay]
keystore = "relay.json"
password_env = "FILING_GATE_PASSWORD"
[duties]
sweep_seconds = 1
[store]
url = "{changes.get("database", f"sqlite:///{name}.db")}"
evidence = "evidence-{name}"
[readiness]
min_free_bytes = 1000000
[[sources]]
type = "csrc"
base_url = "{self.site.url}"
table_channels = ["{TOKEN_TABLE}"]
notice_channels = ["{TOKEN_NOTICES}"]
attempts = 1
timeout_seconds = 1.5
deadline_seconds = 2.5
{changes.get("more", "")}
""",
            encoding="utf-8",
        )
        path.chmod(0o600)
        return path

    def dossier(self) -> bytes:
        """The sample dossier for the deployment, as JSON."""
        tokens = [token.address for token in self.deployment.tokens]
        return json.dumps(sample_dossier(today=datetime.now(UTC).astimezone(SHANGHAI).date(), tokens=tokens)).encode()

    def serve(self, config: Path, *arguments: str, **env: str) -> Served:
        """Start a node, with further arguments of the command line; it ends with the ground at the latest."""
        served = Served(config, config.with_suffix(".log"), env, *arguments)
        self._running.append(served)
        return served

    def end(self) -> None:
        """End what still runs."""
        for served in self._running:
            if served.process.poll() is None:
                served.process.kill()
                served.process.wait()


@contextmanager
def ground(folder: Path, **chain: Any) -> Iterator[Ground]:
    """A 1-of-1 committee and two tokens on a chain of its own; a relay with funds; nothing published.

    `chain`: options of anvil.
    """
    with ExitStack() as stack:
        anvil = stack.enter_context(start_anvil(**chain))
        site = stack.enter_context(CsrcSite(folder / "site.json", process=True))
        w3 = Web3(Web3.HTTPProvider(anvil.url))
        signer = new_keystore(folder / "keystore.json", PASSWORD, light=True)
        relay = new_keystore(folder / "relay.json", PASSWORD, light=True)
        w3.provider.make_request("anvil_setBalance", [relay.address, hex(10**18)])  # type: ignore[arg-type]
        sender = NodeAccountSender(str(w3.eth.accounts[0]))
        roles = {"admin": sender.address, "issuer": sender.address}
        tokens = [
            {"id": ident, "name": ident, "symbol": ident[:4], "decimals": 6, **roles}
            for ident in ("senior", "subordinated")
        ]
        committee = {"operators": [signer.address], "threshold": 1}
        deployment = deploy(Manifest.model_validate({"committee": committee, "tokens": tokens}), w3, sender)
        made = Ground(folder, anvil, site, w3, deployment, signer.address)
        stack.callback(made.end)
        yield made
