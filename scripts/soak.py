"""`make soak`'s long run: three nodes, two of them relays, many filings, and a seeded life for each of them.

python scripts/soak.py                               200 filings for 600 s; exit 1 if anything differs from the model
python scripts/soak.py --filings 5 --seconds 30      a small one
python scripts/soak.py --seed 7 --interval 120 --out soak.json

A real test chain, a stand-in of the regulator's site in a process of its own, three `filing-gate serve`. Notices are
withdrawn, changed, taken down and put back; major risks are declared; windows near their end; the site fails in six
ways; nodes are killed with SIGKILL and started again. At the end the chain's state of every filing is held against what
`scripts/soak_model.py` says by the script alone, the whole chain is audited, and each node's database is proven.
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import argparse
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx2
from web3 import Web3

from oracle.audit.chain_audit import audit_chain
from oracle.chain.deployment import Deployment, Manifest, TokenManifest, deploy, token_struct
from oracle.chain.events import read_events
from oracle.chain.registry import Factory, FilingState, Registry
from oracle.chain.rpc import raw_call
from oracle.chain.sender import NodeAccountSender
from oracle.chain.snapshot import Constants, Snapshot
from oracle.collector.node_client import NodeClient
from oracle.domain.approval import FilingApproval, OperatorSignature, Tranche
from oracle.domain.canonical import canonical_bytes, keccak256
from oracle.domain.dossier import Dossier, parse_dossier
from oracle.domain.filing_statement import FilingStatement, statement_message
from oracle.domain.names import filing_id
from oracle.errors import UnreachableError
from oracle.rules.case import SHANGHAI
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner, new_keystore
from oracle.signing.personal_message import message_digest
from scripts.soak_model import FATES, Event, Life, Pace, Trouble, draw_lives, draw_troubles, expected
from tests.anvil import start_anvil
from tests.samples.dossier import sample_dossier, sample_record
from tests.standin.csrc_content import TOKEN_NOTICES
from tests.standin.csrc_site import CsrcSite

PASSWORD = "soak"  # noqa: S105 - of throw-away keys on a local chain
AMOUNT, UNITS = "100000000", 1_000_000
GRID, VALIDITY = 60, 86_400
TOKENS_AT_ONCE = 6
#: The node without a relay: what is declared to it waits.
POOR = 2


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        return port


def today() -> date:
    """The regulator's day."""
    return datetime.now(UTC).astimezone(SHANGHAI).date()


class Operator:
    """One operator's folder and its running node."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.signer = new_keystore(folder / "key.json", PASSWORD, light=True)
        self.relay = new_keystore(folder / "relay.json", PASSWORD, light=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start `filing-gate serve`."""
        command = [sys.executable, "-m", "oracle", "serve", "--config", str(self.folder / "node.toml")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=ROOT, env={**os.environ, "SOAK_PASSWORD": PASSWORD}
            )

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def wait_ready(self, seconds: float = 90) -> None:
        """Return once it answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                httpx2.get(self.url + "/healthz", timeout=5, trust_env=False)
                return
            except httpx2.HTTPError:
                time.sleep(0.1)
        raise RuntimeError(self.log.read_text(encoding="utf-8", errors="replace")[-2000:])

    def count(self, query: str) -> int:
        """One number out of its database."""
        with closing(sqlite3.connect(f"file:{self.folder / 'node.db'}?mode=ro", uri=True, timeout=30)) as connection:
            return int(connection.execute(query).fetchone()[0])

    def fsck(self) -> dict[str, Any]:
        """What `filing-gate store fsck` says; the node must have ended."""
        done = subprocess.run(
            [sys.executable, "-m", "oracle", "store", "fsck", "--config", str(self.folder / "node.toml"), "--json"],
            capture_output=True, text=True, cwd=ROOT, env={**os.environ, "SOAK_PASSWORD": PASSWORD}, check=False,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"findings": [done.stderr[-500:]]}
        return found


class Soak:
    """Everything that runs; all of it ends with the stack."""

    def __init__(
        self,
        stack: ExitStack,
        folder: Path,
        seed: int,
        count: int,
        pace: Pace,
        *,
        fates: tuple[str, ...] = FATES,
    ) -> None:
        self.pace, self.seed = pace, seed
        self.lives = draw_lives(seed, count, pace, fates)
        self.anvil = stack.enter_context(start_anvil())
        self.site = stack.enter_context(CsrcSite(folder / "site.json", process=True))
        self.w3 = Web3(Web3.HTTPProvider(self.anvil.url))
        self.issuer = NodeAccountSender(str(self.w3.eth.accounts[0]))
        self.declarant = KeySigner(keccak256(b"declarant of the soak"))
        self.operators = [Operator(folder / f"operator-{index}") for index in (1, 2, 3)]
        for operator in self.operators:
            stack.callback(operator.kill)
        self._deploy()
        self._publish()
        for index, operator in enumerate(self.operators):
            raw_call(self.w3, "anvil_setBalance", [operator.relay.address, hex(10**20)])
            self._configure(index, operator)
            operator.start()
        for operator in self.operators:
            operator.wait_ready()
        self.dossiers = [self._dossier(life) for life in self.lives]
        self._hand_in()
        self.began = 0
        self._before: dict[int, float] = {}
        self._approve()

    def _deploy(self) -> None:
        roles = {"admin": self.issuer.address, "issuer": self.issuer.address}
        tokens = [
            TokenManifest.model_validate(
                {"id": f"{rank}-{life.index}", "name": f"{rank} {life.index}", "symbol": "SOAK", "decimals": 6, **roles}
            )
            for life in self.lives
            for rank in ("senior", "junior")
        ]
        committee = {"operators": [item.signer.address for item in self.operators], "threshold": 2}
        manifest = Manifest.model_validate({"committee": committee, "tokens": tokens[:2]})
        made = deploy(manifest, self.w3, self.issuer)
        factory, salt = Factory(self.w3, made.factory), keccak256(b"")
        rows = [token.model_dump() for token in made.tokens]
        for begin in range(2, len(tokens), TOKENS_AT_ONCE):
            configs = [token_struct(token, made.registry) for token in tokens[begin : begin + TOKENS_AT_ONCE]]
            factory.deploy_all(self.issuer, configs, salt)
            for token, config in zip(tokens[begin : begin + TOKENS_AT_ONCE], configs, strict=True):
                address = factory.predict(config, salt)
                rows.append({"id": token.id, "address": address, "symbol": token.symbol, "decimals": token.decimals})
        self.deployment: Deployment = made.model_copy(
            update={"tokens": [type(made.tokens[0]).model_validate(row) for row in rows]}
        )
        self.registry = Registry(self.w3, made.registry)

    def _publish(self) -> None:
        issued_on = (today() - timedelta(days=27)).isoformat()
        notices = [
            {"manuscriptId": str(7_800_000 + life.index), "number": life.number, "company": life.company,
             "issuedOn": issued_on, "units": UNITS, "amount": AMOUNT, "withdrawn": False}
            for life in self.lives
        ]  # fmt: skip
        self.site.set_state(notices=notices, etags=True, fillersNewer=0, fillersOlder=0)

    def _configure(self, index: int, operator: Operator) -> None:
        others = [item for item in self.operators if item is not operator]
        nodes = "".join(f'[[watch.nodes]]\nurl = "{item.url}"\n' for item in others)
        relay = '[relay]\nkeystore = "relay.json"\npassword_env = "SOAK_PASSWORD"\nwait_seconds = 30\n'
        (operator.folder / "node.toml").write_text(
            f'''name = "operator-{index + 1}"
[http]
port = {operator.port}
auth = "none"
[http.limits]
operator = 0
[chain]
id = 31337
registry = "{self.deployment.registry}"
rpc_url = "{self.anvil.url}"
[key]
keystore = "key.json"
password_env = "SOAK_PASSWORD"
{"" if index == POOR else relay}
[duties]
sweep_seconds = {1 if self.pace.interval < 60 else 2}
[[duties.declarants]]
address = "{self.declarant.address}"
[watch]
interval_seconds = {self.pace.interval}
retry_seconds = {max(1, self.pace.margin // 4)}
renew_before_seconds = {self.pace.renew_before}
validity_seconds = {VALIDITY}
grid_seconds = {GRID}
concurrency = 2
{"" if index == POOR else nodes}
[[sources]]
type = "csrc"
base_url = "{self.site.url}"
notice_channels = ["{TOKEN_NOTICES}"]
page_size = 100
attempts = 1
timeout_seconds = 10
deadline_seconds = 20
''',
            encoding="utf-8",
        )

    def _dossier(self, life: Life) -> Dossier:
        tokens = [token.address for token in self.deployment.tokens[2 * life.index : 2 * life.index + 2]]
        changes = {"filing.filingNumber": life.number, "filingEntity.nameZh": life.company}
        return parse_dossier(canonical_bytes(sample_dossier(changes, today=today(), tokens=tokens)), what="soak")

    def _hand_in(self) -> None:
        """Every node gets every dossier, and has looked once at each filing: that none is approved yet."""

        def give(operator: Operator) -> None:
            client = NodeClient(operator.url)
            for dossier in self.dossiers:
                reply = client.post("/v1/dossiers", dossier.canonical())
                if reply.status not in (200, 201):
                    raise RuntimeError(f"{operator.url}: {reply.content}")

        with ThreadPoolExecutor(len(self.operators)) as pool:
            list(pool.map(give, self.operators))
        query = "select count(*) from watched_filings where number <> '' and looked_at > 0"
        end = time.monotonic() + 30 + 2 * len(self.lives)
        while any(operator.count(query) < len(self.lives) for operator in self.operators):
            if time.monotonic() > end:
                raise RuntimeError("the nodes did not look at all filings")
            time.sleep(0.2)

    def _approve(self) -> None:
        """By the committee's keys: what is tried here is the watch. One filing was asked for at a node before."""
        seen = NodeClient(self.operators[0].url).filing(self.lives[0].number)
        ruleset = seen.content["rulesetHash"]
        if seen.content["recordHash"] != self._record(self.lives[0]):
            raise RuntimeError(f"the stand-in does not show what the model thinks: {seen.content}")
        self.began = int(time.time()) + 3 + len(self.lives) // 20
        domain = Domain(31337, self.deployment.registry)
        for life, dossier in zip(self.lives, self.dossiers, strict=True):
            plan = dossier.issue_plan
            chosen = sorted(plan.tranches, key=lambda item: int(item.contract, 16))
            approval = FilingApproval(
                filing=filing_of(life),
                tranches=tuple(
                    Tranche(token=item.contract, cap=plan.base_units(item.max_units), decimals=plan.decimals)
                    for item in chosen
                ),
                dossier_hash="0x" + dossier.dossier_hash().hex(),
                record_hash=self._record(life),
                ruleset_hash=ruleset,
                valid_after=int(time.time()) - 60,
                valid_until=self.began + life.ends,
                sequence=1,
            )
            digest = approval_digest(domain, approval)
            given = [
                OperatorSignature(operator=item.signer.address, signature="0x" + item.signer.sign(digest).hex())
                for item in self.operators[:2]
            ]
            self.registry.approve(self.issuer, approval, given)

    def _record(self, life: Life) -> str:
        record = sample_record(today=today(), number=life.number, name=life.company)
        return "0x" + record.record_hash().hex()

    # The run ---------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Let everything happen at its time; returns at the end of the run."""
        running = [operator.process.pid for operator in self.operators if operator.process is not None]
        self._before = {pid: cpu_of(pid) for pid in (self.anvil.pid, self.site.pid, os.getpid(), *running)}
        plan: list[tuple[float, Any, Life | None]] = [
            (event.at, event, life) for life in self.lives for event in life.events
        ]
        for trouble in draw_troubles(self.seed, self.pace):
            plan.append((trouble.at, trouble, None))
            plan.append((trouble.at + trouble.seconds, (trouble, "over"), None))
        for at, item, life in sorted(plan, key=lambda row: row[0]):
            self._sleep_until(at)
            if life is not None:
                self._happen(life, item)
            elif isinstance(item, Trouble):
                self._trouble(item)
            else:
                self._over(item[0])
        self._sleep_until(self.pace.seconds)

    def _sleep_until(self, at: float) -> None:
        left = self.began + at - time.time()
        if left > 0:
            time.sleep(left)

    def _trouble(self, trouble: Trouble) -> None:
        say(f"{trouble.at:4} s: {trouble.what} {trouble.kind}, {trouble.seconds} s")
        if trouble.what == "site":
            self.site.set_state(fault=trouble.kind)
        else:
            self.operators[int(trouble.kind)].kill()

    def _over(self, trouble: Trouble) -> None:
        if trouble.what == "site":
            self.site.set_state(fault=None)
        else:
            self.operators[int(trouble.kind)].start()

    def _happen(self, life: Life, event: Event) -> None:
        if event.what in ("declare", "tell"):
            at = POOR if event.what == "tell" else life.index % 2
            self._declare(life, self.operators[at])
        elif event.what == "withdraw":
            self.site.withdraw_notice(life.number)
        else:
            change: dict[str, dict[str, Any]] = {
                "amend": {"units": UNITS // 2},
                "remove": {"withdrawn": True},
                "restore": {"withdrawn": False},
            }
            rows = self.site.read()["notices"]
            changed = [{**row, **change[event.what]} if row["number"] == life.number else row for row in rows]
            self.site.set_state(notices=changed)

    def _declare(self, life: Life, operator: Operator) -> None:
        said = FilingStatement.model_validate_json(
            json.dumps(
                {
                    "act": "DECLARE",
                    "kind": "MAJOR_RISK",
                    "number": life.number,
                    "chainId": 31337,
                    "registry": self.deployment.registry,
                    "eventOn": today().isoformat(),
                    "what": "the chargers burnt down",
                    "at": datetime.now(UTC).isoformat(timespec="seconds"),
                }
            )
        )
        signature = self.declarant.sign(message_digest(statement_message(said)))
        signed = {
            "statement": said.model_dump(mode="json", by_alias=True, exclude_none=True),
            "by": self.declarant.address,
            "signature": "0x" + signature.hex(),
        }
        path = f"/v1/filings/{quote(life.number, safe='')}/events"
        for _ in range(60):
            try:
                reply = NodeClient(operator.url).post(path, json.dumps(signed).encode())
            except UnreachableError:
                reply = None
            if reply is not None and reply.status in (200, 201, 202):
                return
            time.sleep(0.5)
        raise RuntimeError(f"{operator.url} takes no statement: {reply.content if reply else 'no answer'}")

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time of each part since the approvals; a killed node's only since its last start."""
        parts = {"anvil": self.anvil.pid, "site": self.site.pid, "harness": os.getpid()}
        for index, operator in enumerate(self.operators, start=1):
            if operator.process is not None:
                parts[f"node{index}"] = operator.process.pid
        taken = {name: cpu_of(pid) - self._before.get(pid, 0.0) for name, pid in parts.items()}
        return {name: round(seconds, 1) for name, seconds in taken.items()}

    # The end ---------------------------------------------------------------------------------------------------------

    def differences(self) -> list[str]:
        """Where the chain is not as the model says, one sentence a filing."""
        found = []
        # All at once: asked one by one, these reads would take more of the machine than the nodes do.
        now = Snapshot(self.registry, dict.fromkeys(map(filing_of, self.lives)), (), Constants())
        for life in self.lives:
            state, wanted = now.filing_state(filing_of(life)), expected(life, self.pace)
            if self._seen(life, state) != asdict(wanted):
                found.append(f"{life.number} ({life.fate}): expected {asdict(wanted)}, found {self._seen(life, state)}")
        return found

    def _seen(self, life: Life, state: FilingState) -> dict[str, Any]:
        first, end = self.began + life.ends, state.valid_until
        renewed = end != first and end % GRID == 0 and end > self.began
        kept = end == first or renewed
        status = state.status.name if kept else f"{state.status.name}, window ends at {end}"
        live = state.status.name == "APPROVED" and end > self.began + self.pace.seconds
        return {"status": status, "sequence": state.sequence, "renewed": renewed, "open": live}

    def delays(self) -> dict[str, list[int]]:
        """Seconds from each event that stops a filing to the block of its suspension, by kind of event."""
        last = int(self.w3.eth.block_number)
        times: dict[str, int] = {}
        for event in read_events(self.w3, "FilingRegistry", [self.registry.address], 0, last, topics=[None, None]):
            if event.name == "FilingSuspended":
                filing = event.values["filing"]
                name = filing if isinstance(filing, str) else "0x" + bytes(filing).hex()
                times[name] = int(self.w3.eth.get_block(event.block)["timestamp"])
        found: dict[str, list[int]] = {}
        for life in self.lives:
            if filing_of(life) in times:
                stop = next(event for event in life.events if event.what in ("withdraw", "amend", "declare"))
                found.setdefault(stop.what, []).append(times[filing_of(life)] - self.began - stop.at)
        return found


def cpu_of(pid: int) -> float:
    """CPU time that a process has taken, in seconds; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def filing_of(life: Life) -> str:
    """The filing's id on chain, 0x-hex."""
    return "0x" + filing_id(life.number).hex()


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run it; 0 if everything is as the model says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--filings", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--interval", type=int, help="seconds between two looks; default: one a filing, 3 at least")
    parser.add_argument("--margin", type=int, help="seconds between what must not meet; default: a fifth of interval")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--settle", type=int, help="longest wait after the end; default: an interval, two margins")
    parser.add_argument("--fsck", action=argparse.BooleanOptionalAction, default=True, help="prove the databases")
    parser.add_argument("--keep", type=Path, help="a folder to leave everything in")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "soak.json")
    given = parser.parse_args(arguments)
    interval = given.interval or max(3, min(given.filings, given.seconds // 4))
    pace = Pace(given.seconds, interval, given.margin or max(2, interval // 5))
    if pace.seconds < 2 * pace.interval + 6 * pace.margin:
        parser.error("--seconds must be twice the interval and six margins at least")
    started = time.monotonic()
    with ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="filing-gate-soak-")))
        folder.mkdir(parents=True, exist_ok=True)
        soak = Soak(stack, folder, given.seed, given.filings, pace)
        say(f"{given.filings} filings approved after {time.monotonic() - started:.0f} s; {pace}")
        soak.run()
        settle = given.settle or max(60, pace.interval + 2 * pace.margin)
        result = concluded(soak, settle, fsck=given.fsck)
    print_table(soak, result)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0 if result["ok"] else 1


def concluded(soak: Soak, settle: int, *, fsck: bool) -> dict[str, Any]:
    """Wait until the chain is as the model says, `settle` seconds at most; then look at everything."""
    left = soak.differences()
    end = time.monotonic() + settle
    while left and time.monotonic() < end:
        time.sleep(0.5)
        left = soak.differences()
    waited = time.time() - soak.began - soak.pace.seconds
    cpu = soak.cpu_seconds()
    codes = [operator.stop() for operator in soak.operators]
    left = soak.differences()
    audit = audit_chain(soak.w3, soak.deployment)
    say(f"{len(left)} differences, audit {len(audit.findings)} findings; now each node's database is proven")
    with ThreadPoolExecutor(len(soak.operators)) as pool:
        proofs = list(pool.map(Operator.fsck, soak.operators)) if fsck else None
    nodes = []
    for index, operator in enumerate(soak.operators):
        text = operator.log.read_text(encoding="utf-8", errors="replace")
        nodes.append(
            {
                "exit": codes[index],
                "looks": operator.count("select count(distinct sighting) from observations"),
                "decisions": operator.count("select count(*) from decisions"),
                "signatures": operator.count("select count(*) from signatures"),
                "traces": text.count("Traceback"),
                "firstTrace": text[text.find("Traceback") :][:3000] if "Traceback" in text else None,
                "fsck": proofs[index].get("findings", ["nothing said"]) if proofs is not None else "not run",
            }
        )
    clean = not audit.findings and all(
        node["fsck"] in ([], "not run") and node["exit"] == 0 and node["traces"] == 0 for node in nodes
    )
    delays = {
        what: {"count": len(found), "median": statistics.median(found), "longest": max(found)}
        for what, found in sorted(soak.delays().items())
    }
    return {
        "filings": len(soak.lives),
        "seed": soak.seed,
        **asdict(soak.pace),
        "troubles": [asdict(item) for item in draw_troubles(soak.seed, soak.pace)],
        "settledAfter": round(waited, 1),
        "differences": left,
        "audit": [asdict(finding) for finding in audit.findings],
        "looksAskedFor": round(len(soak.lives) * soak.pace.seconds / soak.pace.interval),
        "cpuSeconds": cpu,
        "auditChecks": sum(audit.checks.values()),
        "nodes": nodes,
        "delays": delays,
        "verdict": "as the model says" if clean and not left else "NOT as the model says",
        "ok": clean and not left,
    }


def print_table(soak: Soak, result: dict[str, Any]) -> None:
    """What was found, for a person."""
    counts = Counter(life.fate for life in soak.lives)
    print(f"{'fate':10} {'filings':>7} {'differ':>7}  at the end")
    for fate in sorted(counts):
        differ = sum(f"({fate})" in text for text in result["differences"])
        life = next(life for life in soak.lives if life.fate == fate)
        wanted = expected(life, soak.pace)
        print(f"{fate:10} {counts[fate]:7} {differ:7}  {wanted.status}, sequence {wanted.sequence}")
    for what, found in result["delays"].items():
        print(f"{what}: suspended after {found['median']:.0f} s in the middle, {found['longest']} s at most")
    for index, node in enumerate(result["nodes"], start=1):
        print(f"node {index}: {node['looks']} looks, {node['decisions']} decisions, {node['signatures']} signatures")
        print(f"node {index}: exit {node['exit']}, {node['traces']} traces, fsck {node['fsck'] or 'clean'}")
    for finding in (*result["differences"], *result["audit"]):
        print(finding)
    print(f"audit: {result['auditChecks']} checks, {len(result['audit'])} findings")
    print(f"settled {result['settledAfter']} s after the end")
    print(f"CPU seconds since the approvals: {result['cpuSeconds']}; looks asked for: {result['looksAskedFor']}")
    print(result["verdict"])


if __name__ == "__main__":
    sys.exit(main())
