"""`make bench BENCH_ARGS=http`: approvals a second over HTTP -> bench/results/http.json; docs/benchmarks.md explains.

Each request is `POST /v1/approvals` with an API key and a proposal that the node has not seen: another filing, another
dossier. The dossiers were handed in before, over HTTP, and the node has had the time to read the chain of them; the
sightings stand in its database as its own parser gave them for a notice on the stand-in's site, under other numbers,
and are young enough. The node holds each proposal to every rule, signs the decision's record and the approval, and
keeps request, decision, record, claim, signature, log leaves and answer durably before it answers. Logging is on. The
load comes from wrk (`apt-get install -y wrk`) on the same machine; every line of its bodies is sent once.

Beside it in the same run: a bare FastAPI endpoint that validates, signs with eth-account and commits each proposal by
itself, and uvicorn that answers nothing. Exit 1 if any request failed.

    python scripts/bench_http.py
    python scripts/bench_http.py --rounds 5 --only sqlite_1_worker
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import argparse
import asyncio
import json
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx2

from oracle.domain.approval import FilingApproval
from oracle.domain.filing import FilingQuery, Observation
from oracle.domain.names import filing_id, fold_number
from oracle.node.config import load_config
from oracle.store.database import Database
from scripts.bench_chart import bars
from scripts.bench_measure import NotReady, machine, machine_line, versions, versions_line
from scripts.load import Place, postgres
from tests.node.served_process import Ground, ground
from tests.samples.dossier import ENTITY_NAME

RESULT = ROOT / "bench" / "results" / "http.json"
SETUPS = {
    "sqlite_1_worker": ("sqlite", 1),
    "sqlite_2_workers": ("sqlite", 2),
    "postgres_1_worker": ("postgresql", 1),
    "postgres_2_workers": ("postgresql", 2),
}
#: Distinct proposals for one round, whose parsed dossiers a node keeps in memory; more than it can decide meanwhile.
BODIES = 1_900
#: A node that has used less than this share of one core for a second has made everything ready.
IDLE = 0.05


@dataclass(frozen=True)
class Round:
    """One run of wrk."""

    per_second: float
    p99_ms: float
    errors: int


def wrk(url: str, bodies: Path, key: str | None, *, connections: int, seconds: int) -> Round:
    """Send the lines of a file for so many seconds, each once."""
    program = shutil.which("wrk")
    if program is None:
        raise NotReady("wrk is missing: apt-get install -y wrk")
    command = [program, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    command += ["-s", str(ROOT / "scripts" / "bench_http.lua"), url, "--", str(bodies), "/v1/approvals"]
    done = subprocess.run([*command, *([key] if key else [])], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return Round(found["requests"] / found["microseconds"] * 1e6, found["p99_us"] / 1000, int(found["errors"]))


def summary(rounds: list[Round]) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The medians (keys per_second, p99_ms, errors), and each round's values."""
    rates, waits = [item.per_second for item in rounds], [item.p99_ms for item in rounds]
    medians = {
        "per_second": round(statistics.median(rates), 1),
        "p99_ms": round(statistics.median(waits), 1),
        "errors": sum(item.errors for item in rounds),
    }
    return medians, {"per_second": [round(rate, 1) for rate in rates], "p99_ms": [round(wait, 1) for wait in waits]}


class Proposals:
    """Makes filings, their sightings and dossiers, and proposals for them."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._next = 0
        first = "国合函〔2026〕6999号"
        place.publish(first)
        self._model = FilingApproval.model_validate_json(json.dumps(json.loads(place.proposed(first))["approval"]))
        self._database = Database(load_config(place.config).database_url())
        query = FilingQuery(number=first, entity_name=ENTITY_NAME)
        self._seen = self._database.last_sighting(query)

    def close(self) -> None:
        """Give the database back."""
        self._database.close()

    def make(self, count: int, connections: int) -> bytes:
        """Have so many new filings seen, hand their dossiers in, and give the bodies of their proposals, one a line."""
        numbers = [f"国合函〔2026〕{10_000 + self._next + index}号" for index in range(count)]
        self._next += count
        for number in numbers:
            query = FilingQuery(number=number, entity_name=ENTITY_NAME)
            self._database.add_sighting(query, [_about(item, number) for item in self._seen])
        hashes = asyncio.run(self._hand_in(numbers, connections))
        return b"\n".join(self._proposal(number, hashes[number]) for number in numbers) + b"\n"

    async def _hand_in(self, numbers: list[str], connections: int) -> dict[str, str]:
        place, found, left = self._place, dict[str, str](), iter(numbers)

        async def caller(client: httpx2.AsyncClient) -> None:
            for number in left:
                answer = await client.post("/v1/dossiers", content=place.as_number(number))
                answer.raise_for_status()
                found[number] = answer.json()["dossierHash"]

        headers = {"Authorization": f"Bearer {place.key}", "Content-Type": "application/json"}
        async with httpx2.AsyncClient(
            base_url=place.served.url, headers=headers, timeout=60, trust_env=False
        ) as client:
            await asyncio.gather(*(caller(client) for _ in range(connections)))
        return found

    def _proposal(self, number: str, dossier_hash: str) -> bytes:
        record = next(item.record for item in self._seen if item.record is not None)
        folded = fold_number(number)
        changes = {
            "filing": "0x" + filing_id(folded).hex(),
            "dossier_hash": dossier_hash,
            "record_hash": "0x" + record.model_copy(update={"number": folded}).record_hash().hex(),
        }
        approval = self._model.model_copy(update=changes)
        return json.dumps({"approval": approval.model_dump(mode="json", by_alias=True)}).encode()


def _about(seen: Observation, number: str) -> Observation:
    """The same sighting of another number."""
    if seen.record is None:
        return seen
    return seen.model_copy(update={"record": seen.record.model_copy(update={"number": fold_number(number)})})


def cpu_seconds(process: int) -> float:
    """CPU time that a process and its children have used."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(folder.name) == process or int(fields[1]) == process:
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def wait_until_idle(process: int, longest: float = 300) -> None:
    """Until the node has made everything ready and filed what it had to."""
    end = time.monotonic() + longest
    time.sleep(1)
    while time.monotonic() < end:
        before = cpu_seconds(process)
        time.sleep(1)
        if cpu_seconds(process) - before < IDLE:
            return


def measured(
    base: Ground, name: str, given: argparse.Namespace, stack: ExitStack
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rounds of one setup: medians, and what they are made of."""
    store, workers = SETUPS[name]
    database = None
    if store == "postgresql":
        uri = stack.enter_context(postgres()).get_uri()
        database = uri.replace("postgresql://", "postgresql+psycopg://")
    place = Place(base, name, database, filings=0, workers=workers)
    proposals = Proposals(place)
    rounds, cpu = [], []
    try:
        for turn in range(given.rounds + 1):
            count = given.bodies if turn else 200
            bodies = base.folder / f"{name}-{turn}.jsonl"
            bodies.write_bytes(proposals.make(count, given.connections))
            process = place.served.process.pid
            wait_until_idle(process)
            before = cpu_seconds(process)
            seconds = given.seconds if turn else 1
            found = wrk(place.served.url, bodies, place.key, connections=given.connections, seconds=seconds)
            used = cpu_seconds(process) - before
            if turn:  # the first is to warm up
                rounds.append(found)
                cpu.append(round(found.per_second * seconds / used, 1))
            print(name, turn if turn else "warm-up", found, flush=True)
    finally:
        proposals.close()
        place.served.stop()
    medians, spread = summary(rounds)
    return medians, {**spread, "per_cpu_second": cpu}


def peer(name: str, folder: Path, bodies: Path, given: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rounds of a peer: `app` or `hello` of scripts/bench_http_peer.py."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", f"scripts.bench_http_peer:{name}", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--no-access-log", "--log-level", "warning"],
        cwd=ROOT,
        env={**os.environ, "BENCH_PEER_DATABASE": str(folder / "peer.db")},
    )
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                httpx2.get(url, timeout=5, trust_env=False)
                break
            except httpx2.TransportError:
                time.sleep(0.1)
        rounds = [
            wrk(url, bodies, None, connections=given.connections, seconds=given.seconds)
            for _ in range(given.rounds + 1)
        ][1:]
    finally:
        process.terminate()
        process.wait()
    print("peer", name, rounds, flush=True)
    return summary(rounds)


def measure(given: argparse.Namespace | None = None) -> dict[str, Any]:
    """bench/results/http.json."""
    given = given or options().parse_args([])
    wanted = given.only or list(SETUPS)
    result: dict[str, Any] = {}
    spread: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="filing-gate-http-")))
        base = stack.enter_context(ground(folder))
        for name in wanted:
            result[name], spread[name] = measured(base, name, given, stack)
        peers = {}
        body = next(folder.glob("*-0.jsonl")).read_bytes().splitlines()[0]
        # The peers keep whatever comes, so they may be sent the same again.
        bodies = folder / "peer.jsonl"
        bodies.write_bytes((body + b"\n") * 60_000)
        for name, shown in (("app", "fastapi_validate_sign_commit"), ("hello", "uvicorn_hello")):
            peers[shown], spread[shown] = peer(name, folder, bodies, given)
    result["meta"] = {
        "machine": machine(),
        "versions": versions("fastapi", "uvicorn", "pydantic", "eth-account", "SQLAlchemy"),
        "sqlite": sqlite3.sqlite_version,
        "rounds": given.rounds,
        "seconds": given.seconds,
        "connections": given.connections,
        "peers": peers,
        "spread": spread,
    }
    return result


def pictures(result: dict[str, Any]) -> dict[str, str]:
    """A bar for each setup, and for the peer that does no more than validate, sign and commit."""
    rates = {name.replace("_", " "): result[name]["per_second"] for name in SETUPS if name in result}
    rates["bare FastAPI"] = result["meta"]["peers"]["fastapi_validate_sign_commit"]["per_second"]
    return {"http.svg": bars("Approvals a second over HTTP", {"approvals": rates})}


def page(result: dict[str, Any]) -> str:
    """The table of docs/benchmarks.md."""
    meta = result["meta"]
    rows = {name.replace("_", " "): result[name] for name in SETUPS if name in result}
    rows |= {name.replace("_", " ") + " (peer)": found for name, found in meta["peers"].items()}
    lines = ["| | per second | p99 ms | errors |", "|---|--:|--:|--:|"]
    lines += [f"| {name} | {row['per_second']:,} | {row['p99_ms']:,} | {row['errors']} |" for name, row in rows.items()]
    told = f"Median of {meta['rounds']} rounds of {meta['seconds']} s over {meta['connections']} connections."
    shown = "![Approvals a second over HTTP](pictures/http.svg)"
    return "\n".join([*lines, "", shown, "", told, machine_line(meta["machine"]), versions_line(meta["versions"])])


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1, help="of one round; its proposals are made before")
    parser.add_argument("--bodies", type=int, default=BODIES, help="distinct proposals for one round")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--only", action="append", choices=list(SETUPS))
    parser.add_argument("--out", type=Path, default=RESULT)
    return parser


def main() -> int:
    """Runs the command line; returns the exit code."""
    given = options().parse_args()
    try:
        result = measure(given)
    except NotReady as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {given.out}")
    return 1 if any(result[name]["errors"] for name in SETUPS if name in result) else 0


if __name__ == "__main__":
    sys.exit(main())
