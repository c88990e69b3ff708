"""Three operators whose nodes are real `serve` processes, on SQLite or on PostgreSQL with two replicas each."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from web3 import Web3

from oracle.chain.deployment import Deployment, Manifest, deploy, save_deployment
from oracle.chain.registry import FilingState, Registry
from oracle.chain.rpc import raw_call
from oracle.chain.sender import KeySender
from oracle.collector.node_client import NodeClient
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier, parse_dossier
from oracle.domain.names import filing_id
from oracle.node.published_log import new_log_key
from oracle.rules.case import SHANGHAI
from oracle.signing.keys import KeySigner, new_keystore
from oracle.store.api_keys import ApiKeys, Scope
from oracle.store.database import Database
from tests.anvil import ROOT, start_anvil
from tests.samples.dossier import ENTITY_NAME, NUMBER, sample_dossier
from tests.standin.csrc_content import TOKEN_NOTICES, TOKEN_TABLE
from tests.standin.csrc_site import CsrcSite

__all__ = ["FILING", "Committee", "Operator"]

PASSWORD = "two databases"
FILING = "0x" + filing_id(NUMBER).hex()


class RoundRobin:
    """A TCP port in front of replicas: each connection goes to the next one, or to another if that one refuses."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._count = len(ports)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        for _ in range(self._count):
            try:
                node = socket.create_connection(("127.0.0.1", next(self._ports)), timeout=60)
                break
            except ConnectionRefusedError:
                continue
        else:
            caller.close()
            return
        with caller, node:
            back = threading.Thread(target=_pump, args=(node, caller), daemon=True)
            back.start()
            _pump(caller, node)
            back.join(60)

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@dataclass
class Operator:
    """One operator: where its node is reached, its key's address, a configuration for each replica."""

    url: str
    address: str
    folder: Path
    configs: list[Path]
    #: Its API keys: the issuer's, and one for each other operator.
    issuer: str

    def client(self) -> NodeClient:
        """The issuer's."""
        return NodeClient(self.url, key=self.issuer, timeout=45)


def _free_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        return port


class Committee:
    """Chain, site, deployment, three operators and their processes; all of it ends with the stack.

    `store` gives each operator's database URL by its number, `replicas` how many processes it runs.
    """

    def __init__(self, stack: ExitStack, folder: Path, store: Callable[[int], str], replicas: int) -> None:
        self.folder = folder
        self.anvil = stack.enter_context(start_anvil())
        self.site = stack.enter_context(CsrcSite(folder / "site.json", process=True))
        self.w3 = Web3(Web3.HTTPProvider(self.anvil.url))
        issuer = new_keystore(folder / "issuer.json", PASSWORD, light=True)
        self._fund(issuer)
        self.issuer = KeySender(issuer.secret)
        self.processes: list[subprocess.Popen[bytes]] = []
        stack.callback(self.end)
        signers = []
        for number in (1, 2, 3):
            own = folder / f"operator-{number}"
            own.mkdir()
            signers.append(new_keystore(own / "keystore.json", PASSWORD, light=True))
            self._fund(new_keystore(own / "relay.json", PASSWORD, light=True))
            new_log_key(own / "log-key.pem")
        self.deployment = self._deploy([signer.address for signer in signers])
        self.registry = Registry(self.w3, self.deployment.registry)
        ports = [[_free_port() for _ in range(replicas)] for _ in signers]
        fronts = [RoundRobin(own) for own in ports]
        for front in fronts:
            stack.callback(front.close)
        urls = [f"http://127.0.0.1:{front.port}" for front in fronts]
        keys = [self._keys(store(number), number) for number in (1, 2, 3)]
        self.operators = [
            Operator(
                urls[index],
                signer.address,
                folder / f"operator-{index + 1}",
                [self._config(index, port, store(index + 1), urls) for port in ports[index]],
                keys[index],
            )
            for index, signer in enumerate(signers)
        ]

    def _fund(self, signer: KeySigner) -> None:
        raw_call(self.w3, "anvil_setBalance", [signer.address, hex(10**20)])

    def _deploy(self, operators: list[str]) -> Deployment:
        roles = {"admin": self.issuer.address, "issuer": self.issuer.address}
        tokens = [
            {"id": ident, "name": ident, "symbol": ident[:4], "decimals": 6, **roles}
            for ident in ("senior", "subordinated")
        ]
        manifest = {"committee": {"operators": operators, "threshold": 2}, "tokens": tokens}
        made = deploy(Manifest.model_validate(manifest), self.w3, self.issuer)
        save_deployment(made, self.folder / "deployment.json")
        return made

    def _keys(self, url: str, number: int) -> str:
        """Make this operator's API keys: a file for each other operator, and the issuer's."""
        database = Database(url)
        keys, now = ApiKeys(database.engine), int(time.time())
        for other in {1, 2, 3} - {number}:
            path = self.folder / f"operator-{other}" / f"peer-{number}.key"
            path.touch(mode=0o600)
            path.write_text(keys.new(f"operator-{other}", [Scope.ISSUER], now)[1], encoding="utf-8")
        made = keys.new("issuer", [Scope.ISSUER], now)[1]
        database.close()
        return made

    def _config(self, index: int, port: int, store: str, urls: list[str]) -> Path:
        own = self.folder / f"operator-{index + 1}"
        peers = "".join(
            f'[[watch.nodes]]\nurl = "{url}"\nkey_file = "peer-{other + 1}.key"\n'
            for other, url in enumerate(urls)
            if other != index
        )
        path = own / f"node-{port}.toml"
        path.write_text(
            f'''name = "operator-{index + 1}"
[http]
port = {port}
cache_seconds = 0
[chain]
id = 31337
registry = "{self.deployment.registry}"
rpc_url = "{self.anvil.url}"
confirmations = 0
[key]
keystore = "keystore.json"
password_env = "FILING_GATE_PASSWORD"
[relay]
keystore = "relay.json"
password_env = "FILING_GATE_PASSWORD"
[transparency]
key = "log-key.pem"
[duties]
sweep_seconds = 1
[watch]
interval_seconds = 1
retry_seconds = 1
jitter = 0.0
renew_before_seconds = 21600
validity_seconds = 36000
{peers}
[store]
url = "{store}"
evidence = "evidence"
[readiness]
min_free_bytes = 1000000
[[sources]]
type = "csrc"
base_url = "{self.site.url}"
table_channels = ["{TOKEN_TABLE}"]
notice_channels = ["{TOKEN_NOTICES}"]
attempts = 1
timeout_seconds = 5
deadline_seconds = 10
''',
            encoding="utf-8",
        )
        path.chmod(0o600)
        return path

    # Running ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start every replica and wait until each is ready."""
        for operator in self.operators:
            for config in operator.configs:
                with config.with_suffix(".log").open("wb") as log:
                    command = [sys.executable, "-m", "oracle", "serve", "--config", str(config)]
                    env = {**os.environ, "FILING_GATE_PASSWORD": PASSWORD}
                    self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=env))
        for operator in self.operators:
            for config in operator.configs:
                self.wait(lambda config=config: _ready(config), f"{config.name} is ready")  # type: ignore[misc]

    def end(self) -> list[int]:
        """End every process as an operator does; their exit codes."""
        for process in self.processes:
            process.terminate()
        codes = []
        for process in self.processes:
            try:
                codes.append(process.wait(30))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
        self.processes.clear()
        return codes

    def logs(self) -> str:
        """The end of what every replica printed."""
        paths = [config.with_suffix(".log") for operator in self.operators for config in operator.configs]
        return "\n".join(f"== {path}\n{path.read_text('utf-8', 'replace')[-3000:]}" for path in paths if path.exists())

    def wait(self, holds: Callable[[], bool], what: str, seconds: float = 90) -> None:
        """Return as soon as it holds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not within {seconds} s: {what}\n{self.logs()}"
            time.sleep(0.1)

    # The filing ------------------------------------------------------------------------------------------------------

    def state(self) -> FilingState:
        """The filing on chain."""
        return self.registry.filing_state(FILING)

    def dossier(self) -> Dossier:
        """The sample dossier for this deployment, of today."""
        tokens = [token.address for token in self.deployment.tokens]
        today = datetime.now(UTC).astimezone(SHANGHAI).date()
        content: dict[str, Any] = sample_dossier(today=today, tokens=tokens, mint_controller=self.issuer.address)
        return parse_dossier(canonical_bytes(content), what="sample")

    def publish(self) -> None:
        """Publish the notice that fits it."""
        issued_on = (datetime.now(UTC).astimezone(SHANGHAI).date() - timedelta(days=27)).isoformat()
        self.site.publish_notice(
            number=NUMBER, company=ENTITY_NAME, units=1_000_000, amount="100000000", issued_on=issued_on
        )


def _ready(config: Path) -> bool:
    port = config.stem.removeprefix("node-")
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=10, trust_env=False).status_code == 200
    except (httpx2.HTTPError, json.JSONDecodeError):
        return False
