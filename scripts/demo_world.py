"""What the demo plays in: a chain, the stand-in of the regulator's site, three operator nodes, an issuer."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2
from eth_account import Account
from eth_utils.address import to_checksum_address
from web3 import Web3

from oracle.chain.deployment import Deployment, load_deployment
from oracle.chain.registry import FilingState, Registry, Token
from oracle.chain.revert import explain_revert
from oracle.chain.rpc import raw_call
from oracle.domain.names import filing_id
from oracle.rules.case import SHANGHAI
from oracle.signing.keys import new_keystore
from tests.anvil import start_anvil
from tests.samples.dossier import sample_dossier
from tests.standin.csrc_content import TOKEN_NOTICES, TOKEN_TABLE
from tests.standin.csrc_site import CsrcSite

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "demo"  # noqa: S105 - of throw-away keys on a local chain
NUMBER = "国合函〔2026〕2002号"
FILING = "0x" + filing_id(NUMBER).hex()
DIM, PLAIN = ("\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "")

MANIFEST = """\
[committee]
operators = {operators}
threshold = 2
owner = "{issuer}"
rotation_delay_seconds = 172800
retention_seconds = 86400

[registry]
max_validity_seconds = 259200

[[tokens]]
id = "senior"
name = "Charging Income Senior"
symbol = "CHGS"
decimals = 6
admin = "{issuer}"
issuer = "{issuer}"

[[tokens]]
id = "subordinated"
name = "Charging Income Subordinated"
symbol = "CHGJ"
decimals = 6
admin = "{issuer}"
issuer = "{issuer}"
"""


class Stopped(Exception):
    """The demo can't go on; the message is one clear line."""


def say(text: str) -> None:
    """Progress."""
    print(f"{DIM}  {text}{PLAIN}", flush=True)


def today() -> date:
    """The regulator's day."""
    return datetime.now(UTC).astimezone(SHANGHAI).date()


def _held_port(wanted: int) -> socket.socket:
    """A listener on `wanted`, or if that is taken on another port, with a line that says so. Close it to use it."""
    for port in (wanted, 0):
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", port))
            holder.listen()
        except OSError:
            holder.close()
            continue
        if port == 0:
            say(f"port {wanted} is taken, using {holder.getsockname()[1]}")
        return holder
    raise Stopped("no port is free")


def _free_port(wanted: int) -> int:
    with _held_port(wanted) as holder:
        port: int = holder.getsockname()[1]
        return port


class World:
    """Everything that runs; all of it ends with the stack. `out` is the folder for its files."""

    def __init__(self, stack: ExitStack, out: Path) -> None:
        self._stack = stack
        self.out = out
        self._ports: list[socket.socket] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        stack.callback(self._end)
        say("starting the chain (anvil) and the stand-in of the regulator's site")
        self.anvil = stack.enter_context(start_anvil(_free_port(8545)))
        self.site = stack.enter_context(CsrcSite(self.out / "site.json", process=True))
        self.w3 = Web3(Web3.HTTPProvider(self.anvil.url))
        self.issuer = new_keystore(self.out / "issuer.json", PASSWORD, light=True)
        self.holder = str(to_checksum_address("0x" + "b0b0" * 10))
        raw_call(self.w3, "anvil_setBalance", [self.issuer.address, hex(10**20)])
        self.operators: list[str] = []
        self.nodes: list[str] = []
        #: The key that each operator gave to the issuer, by the node's address.
        self.keys: dict[str, str] = {}
        #: A key of the first operator, to sign in to its pages with.
        self.operator_key = out / "operator-key.txt"
        self._make_operators()
        self._deploy()
        self._start_nodes()
        self._write_dossier()

    def _make_operators(self) -> None:
        say("making three operators")
        for index in (1, 2, 3):
            # Held until the node starts, or another demo on this machine would choose it too.
            holder = self._stack.enter_context(_held_port(8700 + index))
            self._ports.append(holder)
            made = self.cli(
                *("operator", "init", str(self.directory(index)), "--name", f"operator-{index}"),
                *("--chain-id", "31337", "--rpc", self.anvil.url, "--port", str(holder.getsockname()[1])),
                *("--site", self.site.url, "--table-channel", TOKEN_TABLE, "--notice-channel", TOKEN_NOTICES),
                "--light-kdf",
            )
            self.operators.append(made["operator"])
            raw_call(self.w3, "anvil_setBalance", [made["operator"], hex(10**20)])

    def _deploy(self) -> None:
        say("deploying a 2-of-3 committee, the registry and two tranche tokens")
        text = MANIFEST.format(operators=json.dumps(self.operators), issuer=self.issuer.address)
        (self.out / "manifest.toml").write_text(text, encoding="utf-8")
        self.as_issuer("deploy", str(self.out / "manifest.toml"), "--out", str(self.out / "deployment.json"))
        self.deployment: Deployment = load_deployment(self.out / "deployment.json")
        self.registry = Registry(self.w3, self.deployment.registry)

    def _start_nodes(self) -> None:
        say("starting three operator nodes")
        for index in (1, 2, 3):
            config = self.directory(index) / "node.toml"
            text = config.read_text(encoding="utf-8").replace("<address of the registry>", self.deployment.registry)
            # The demo withdraws and restores a publication within seconds: ask the site each time.
            config.write_text(text.replace("cache_seconds = 30", "cache_seconds = 0"), encoding="utf-8")
            holder = self._ports[index - 1]
            self.nodes.append(f"http://127.0.0.1:{holder.getsockname()[1]}")
            issuer = self.cli("api-key", "new", "--config", str(config), "--name", "issuer", "--scope", "issuer")
            self.keys[self.nodes[-1]] = issuer["key"]
            if index == 1:
                own = self.cli("api-key", "new", "--config", str(config), "--name", "pages", "--scope", "operator")
                self.operator_key.touch(mode=0o600)
                self.operator_key.write_text(own["key"] + "\n", encoding="utf-8")
            log = self._stack.enter_context((self.directory(index) / "log.txt").open("wb"))
            command = [sys.executable, "-m", "oracle", "serve", "--config", str(config)]
            holder.close()
            self._processes.append(
                subprocess.Popen(command, stdout=log, stderr=log, env=_environment(), cwd=ROOT, start_new_session=True)
            )
        keys = self.out / "node-keys.toml"
        keys.touch(mode=0o600)
        lines = [f"{json.dumps(url)} = {json.dumps(key)}\n" for url, key in self.keys.items()]
        keys.write_text("".join(lines), encoding="utf-8")
        for index, url in enumerate(self.nodes, start=1):
            _wait_ready(url, self.directory(index) / "log.txt")

    def _write_dossier(self) -> None:
        addresses = [token.address for token in self.deployment.tokens]
        content = sample_dossier(today=today(), number=NUMBER, tokens=addresses, mint_controller=self.issuer.address)
        (self.out / "dossier.json").write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
        self.cli("dossier", "check", str(self.out / "dossier.json"))

    def _end(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=8)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def directory(self, index: int) -> Path:
        """An operator's directory."""
        return self.out / f"operator-{index}"

    def cli(self, *arguments: str, expect: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Run `filing-gate … --json` as a user would; Stopped if it exits otherwise than expected."""
        command = [sys.executable, "-m", "oracle", *arguments, "--json"]
        done = subprocess.run(
            command, capture_output=True, text=True, env=_environment(), cwd=ROOT, timeout=120, check=False
        )
        if done.returncode not in expect:
            printed = (done.stdout + done.stderr).strip()[-800:]
            raise Stopped(f"filing-gate {arguments[0]} exited {done.returncode}: {printed}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def on_chain(self, *arguments: str, expect: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """A command that reads this chain and deployment."""
        return self.cli(
            *arguments, "--rpc", self.anvil.url, "--deployment", str(self.out / "deployment.json"), expect=expect
        )

    def as_issuer(self, *arguments: str, expect: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """A command that the issuer sends."""
        more = ("--keystore", str(self.out / "issuer.json"))
        if arguments[0] == "deploy":
            return self.cli(*arguments, *more, "--rpc", self.anvil.url, expect=expect)
        return self.on_chain(*arguments, *more, expect=expect)

    def ask_nodes(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        """A command of the issuer that asks all nodes."""
        nodes = [part for url in self.nodes for part in ("--node", url)]
        keys = ("--node-keys", str(self.out / "node-keys.toml"))
        return self.as_issuer(*arguments, *nodes, *keys, expect=(expect,))

    def transact(self, to: str, data: bytes) -> tuple[str, str | None]:
        """Send a real transaction, without asking first whether it will pass: (hash, decoded error or None)."""
        account = Account.from_key(self.issuer.secret)
        request: Any = {
            "to": to_checksum_address(to),
            "data": Web3.to_hex(data),
            "value": 0,
            "gas": 1_000_000,
            "gasPrice": self.w3.eth.gas_price,
            "nonce": self.w3.eth.get_transaction_count(to_checksum_address(account.address)),
            "chainId": self.deployment.chain_id,
        }
        sent = self.w3.eth.send_raw_transaction(account.sign_transaction(request).raw_transaction)
        receipt = self.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)
        if receipt["status"] == 1:
            return Web3.to_hex(sent), None
        call = {"from": account.address, "to": request["to"], "data": request["data"], "gas": hex(1_000_000)}
        answer: Any = self.w3.provider.make_request("eth_call", [call, hex(receipt["blockNumber"])])  # type: ignore[arg-type]
        return Web3.to_hex(sent), explain_revert(answer["error"].get("data"))

    def try_mint(self, units: int) -> tuple[str, str | None]:
        """Send a mint of whole units of the senior token as a real transaction."""
        token = self.deployment.token("senior")
        data = Token(self.w3, token.address).mint_data(self.holder, units * 10**token.decimals)
        return self.transact(token.address, data)

    def issued(self) -> int:
        """What the senior tranche has issued, in base units."""
        return self.registry.tranche_state(self.deployment.token("senior").address).issued

    def state(self) -> FilingState:
        """The filing on chain."""
        return self.registry.filing_state(FILING)

    def registry_logs(self) -> list[dict[str, Any]]:
        """All logs of the registry."""
        query = {"address": self.deployment.registry, "fromBlock": "0x0", "toBlock": "latest"}
        logs: list[dict[str, Any]] = raw_call(self.w3, "eth_getLogs", [query])
        return logs


def _environment() -> dict[str, str]:
    return {**os.environ, "FILING_GATE_PASSWORD": PASSWORD}


def _wait_ready(url: str, log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if httpx2.get(url + "/readyz", timeout=5, trust_env=False).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    printed = log.read_text(encoding="utf-8", errors="replace").strip()[-500:]
    raise Stopped(f"{url} did not become ready within 30 s: {printed}")
