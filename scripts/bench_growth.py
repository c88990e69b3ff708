"""`make bench BENCH_ARGS=growth`: how what a node costs grows with the filings it watches -> bench/results/growth.json

    python scripts/bench_growth.py                         1, 10, 100, 1,000 and 10,000 filings (the last takes longest)
    python scripts/bench_growth.py --sizes 1 10 100        some of them; results of other sizes in the file stay
    python scripts/bench_growth.py --sizes --change 5      only the time from a change of a publication to no mint

For each size a world of its own (`scripts/growth_world.py`) and one real `filing-gate serve` with the default watch,
one relay, SQLite, and two looks at a time:

- first_cycle_seconds: from its start until every filing was looked at once: the first look records what the chain says;
- watch_cycle_seconds: from the moment at which every filing is made due until each was looked at again; and the CPU
  time of the node in it, a look, with that of the stand-in and the chain beside it;
- rss_mb, peak_rss_mb: the node's memory after it, and the most it ever held;
- start_seconds: from the start of the process to the first answer of /healthz, with all filings in its database;
- register_page_ms: `GET /` where that is a web page, else `GET /v1/filings`; `register_page` says which;
- audit_seconds: `oracle.audit` over the whole chain, in a process of its own; it must find nothing.

And once, with a poll interval of 10 s: from the moment at which a withdrawal stands on the site to the moment at which
the chain refuses a mint, several times, at moments spread over the interval.
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
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import httpx2

from oracle.audit.chain_audit import audit_chain
from oracle.chain.deployment import load_deployment
from oracle.chain.rpc import connect
from scripts.bench_chart import lines
from scripts.bench_measure import machine, machine_line, memory_mb
from scripts.growth_world import PASSWORD, PASSWORD_ENV, GrowthWorld, growth_world
from scripts.soak import cpu_of, free_port

RESULT = ROOT / "bench" / "results" / "growth.json"
SIZES = (1, 10, 100, 1_000, 10_000)
ROUNDS = 3
#: What issue 8 asks for at the largest size, in seconds and MB; and beyond a poll interval, in seconds.
CYCLE_LIMIT, MEMORY_LIMIT, CHANGE_LIMIT = 600, 400, 5
CHANGE_INTERVAL, CHANGES = 10, 5


class Serve:
    """One `filing-gate serve` on a world's configuration."""

    def __init__(self, world: GrowthWorld, port: int) -> None:
        self._world = world
        self.url = f"http://127.0.0.1:{port}"
        self.log = world.config.parent / "log.txt"
        self._began = time.perf_counter()
        command = [sys.executable, "-m", "oracle", "serve", "--config", str(world.config)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=ROOT, env={**os.environ, PASSWORD_ENV: PASSWORD}
            )

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def ready(self, seconds: float = 300) -> float:
        """Seconds from the start until it answered."""
        while time.perf_counter() - self._began < seconds and self._process.poll() is None:
            try:
                httpx2.get(self.url + "/healthz", timeout=5, trust_env=False)
                return time.perf_counter() - self._began
            except httpx2.HTTPError:
                time.sleep(0.02)
        raise RuntimeError(self.log.read_text(encoding="utf-8", errors="replace")[-2000:])

    def looked_since(self, moment: int) -> int:
        """How many filings were looked at since then."""
        query = "select count(*) from watched_filings where number <> '' and looked_at >= ?"
        return _number(self._world, query, moment)

    def wait_looked(self, moment: int, count: int, seconds: float) -> float:
        """Seconds until all were looked at."""
        began = time.perf_counter()
        while (done := self.looked_since(moment)) < count:
            if time.perf_counter() - began > seconds or self._process.poll() is not None:
                raise RuntimeError(f"only {done} of {count} looked at: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(min(1.0, 0.02 + count / 5000))
        return time.perf_counter() - began

    def stop(self) -> None:
        """End it as an operator does."""
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def serving(world: GrowthWorld, port: int) -> Iterator[Serve]:
    """A node until the block ends."""
    serve = Serve(world, port)
    try:
        yield serve
    finally:
        serve.stop()


def _number(world: GrowthWorld, query: str, *values: int) -> int:
    path = world.config.parent / "node.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as connection:
        try:
            return int(connection.execute(query, values).fetchone()[0])
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return 0  # it has not begun yet
            raise


def _all_due(world: GrowthWorld) -> int:
    """Make every filing due now; the moment."""
    with closing(sqlite3.connect(world.config.parent / "node.db", timeout=60)) as connection, connection:
        connection.execute("update watched_filings set next_at = 0 where number <> ''")
    return int(time.time())


def measured_at(size: int) -> dict[str, Any]:
    """All figures of one size."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    port = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="growth-", dir=folder) as place,
        growth_world(Path(place), size, interval=3600, port=port) as world,
    ):
        patience = 60 + size * 0.6
        with serving(world, port) as serve:
            serve.ready()
            first = serve.wait_looked(1, size, patience)
            time.sleep(1.5)  # into another second: `looked_at` knows no parts of one
            pids = {"node": serve.pid, "site": world.site.pid, "chain": world.anvil_pid}
            before, began = {name: cpu_of(pid) for name, pid in pids.items()}, time.perf_counter()
            serve.wait_looked(_all_due(world), size, patience)
            cycle = time.perf_counter() - began
            cpu = {name: (cpu_of(pid) - before[name]) * 1000 / size for name, pid in pids.items()}
            clear = _number(world, "select count(*) from watched_filings where outcome = 'CLEAR'")
            page, shown = _page(serve)
            found = {
                "first_cycle_seconds": round(first, 2),
                "watch_cycle_seconds": round(cycle, 2),
                "cpu_ms_a_look": {name: round(value, 1) for name, value in cpu.items()},
                "clear": clear,
                "rss_mb": memory_mb("VmRSS", serve.pid),
                "peak_rss_mb": memory_mb("VmHWM", serve.pid),
                "register_page": shown,
                "register_page_ms": page,
                "set_up_seconds": world.seconds,
            }
        if clear != size:
            raise SystemExit(f"bench: {clear} of {size} filings are CLEAR: {serve.log.read_text()[-2000:]}")
        starts = []
        for _ in range(ROUNDS):
            with serving(world, port) as serve:
                starts.append(serve.ready())
        found["start_seconds"] = round(statistics.median(starts), 2)
        found |= _audited(world)
    return found


def _page(serve: Serve) -> tuple[float, str]:
    """The register as a person sees it: median milliseconds of a few reads, and what was read."""
    with httpx2.Client(base_url=serve.url, timeout=60, trust_env=False) as client:
        path = "/v1/filings"
        if client.get("/").headers.get("content-type", "").startswith("text/html"):
            path = "/"
        times = []
        for _ in range(2 + ROUNDS):
            began = time.perf_counter()
            answer = client.get(path)
            times.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
    return round(statistics.median(times[2:]), 1), f"GET {path}, {len(answer.content)} bytes"


def _audited(world: GrowthWorld) -> dict[str, Any]:
    file = world.config.parent / "deployment.json"
    command = [sys.executable, str(ROOT / "scripts" / "bench_growth.py"), "--audit", world.url, str(file)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def audit(url: str, file: Path) -> dict[str, Any]:
    """One audit in this process."""
    began = time.perf_counter()
    report = audit_chain(connect(url, timeout=120), load_deployment(file))
    seconds = time.perf_counter() - began
    if not report.clean:
        raise SystemExit(f"bench: the audit found {report.findings[0]}")
    return {
        "audit_seconds": round(seconds, 2),
        "audit_checks": sum(report.checks.values()),
        "audit_peak_rss_mb": memory_mb("VmHWM"),
    }


def change_to_refusal(changes: int) -> dict[str, Any]:
    """Seconds from each withdrawal's publication to the chain's refusal of a mint."""
    folder, port = ROOT / "build", free_port()
    folder.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="growth-", dir=folder) as place,
        growth_world(Path(place), changes, interval=CHANGE_INTERVAL, port=port) as world,
        serving(world, port) as serve,
    ):
        serve.ready()
        serve.wait_looked(1, changes, 120)
        found = []
        for index, filing in enumerate(world.filings):
            token = world.tokens(filing)[0]
            if not world.registry.can_issue(token, 1)[0]:
                raise SystemExit(f"bench: {filing.number} can't be minted before its withdrawal")
            time.sleep(CHANGE_INTERVAL * (0.5 + index / changes))
            world.site.withdraw_notice(filing.number)
            began = time.perf_counter()
            while world.registry.can_issue(token, 1)[0]:
                if time.perf_counter() - began > 10 * CHANGE_INTERVAL:
                    raise SystemExit(f"bench: never refused: {serve.log.read_text()[-2000:]}")
                time.sleep(0.02)
            found.append(round(time.perf_counter() - began, 2))
            if (why := world.registry.can_issue(token, 1)[1]) != "FilingIsSuspended":
                raise SystemExit(f"bench: refused for another reason: {why}")
    return {
        "poll_interval_seconds": CHANGE_INTERVAL,
        "seconds": found,
        "median_seconds": statistics.median(found),
        "longest_seconds": max(found),
        "within": max(found) <= CHANGE_INTERVAL + CHANGE_LIMIT,
    }


def measure(sizes: Sequence[int] = SIZES, changes: int = CHANGES) -> dict[str, Any]:
    """The result; what it holds of other sizes stays, and each size is kept as soon as it is measured."""
    known: dict[str, Any] = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    table: dict[str, Any] = known.get("filings", {})
    for size in sizes:
        table[str(size)] = measured_at(size)
        print(f"{size}: {json.dumps(table[str(size)])}", file=sys.stderr, flush=True)
        _keep(known, table)
    if changes:
        known["change_to_refused_mint"] = change_to_refusal(changes)
    _keep(known, table)
    return known


def _keep(known: dict[str, Any], table: dict[str, Any]) -> None:
    known["filings"] = {name: table[name] for name in sorted(table, key=int)}
    largest = known["filings"].get(str(SIZES[-1]))
    known["limits"] = {"watch_cycle_seconds": CYCLE_LIMIT, "rss_mb": MEMORY_LIMIT, "beyond_interval": CHANGE_LIMIT}
    known["reached"] = largest and (
        largest["watch_cycle_seconds"] <= CYCLE_LIMIT and largest["peak_rss_mb"] < MEMORY_LIMIT
    )
    known["machine"] = machine()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def pictures(result: dict[str, Any]) -> dict[str, str]:
    """Curves over the number of filings."""
    rows = {float(name): row for name, row in result["filings"].items()}
    series = {
        "memory, MB": {size: row["peak_rss_mb"] for size, row in rows.items()},
        "watch cycle, s": {size: row["watch_cycle_seconds"] for size, row in rows.items()},
        "register, ms": {size: row["register_page_ms"] for size, row in rows.items()},
        "start, s": {size: row["start_seconds"] for size, row in rows.items()},
        "audit, s": {size: row["audit_seconds"] for size, row in rows.items()},
    }
    return {"growth.svg": lines("One node by the number of filings", series, "filings", "MB, s, ms")}


def page(result: dict[str, Any]) -> str:
    """The tables of docs/benchmarks.md."""
    rows = [
        "| filings | watch cycle, s | CPU of a look, ms | memory, MB (peak) | start, s | register, ms | audit, s |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in result["filings"].items():
        memory = f"{row['rss_mb']} ({row['peak_rss_mb']})"
        cells = [f"{int(name):,}", row["watch_cycle_seconds"], row["cpu_ms_a_look"]["node"], memory]
        cells += [row["start_seconds"], row["register_page_ms"], row["audit_seconds"]]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    change, limits = result.get("change_to_refused_mint"), result["limits"]
    reached: list[tuple[str, float, float]] = []
    largest = result["filings"].get(str(SIZES[-1]))
    if largest is not None:
        at = f"at {SIZES[-1]:,} filings"
        reached.append((f"watch cycle {at}, s", limits["watch_cycle_seconds"], largest["watch_cycle_seconds"]))
        reached.append((f"most memory {at}, MB", limits["rss_mb"], largest["peak_rss_mb"]))
    if change is not None:
        most = change["poll_interval_seconds"] + limits["beyond_interval"]
        reached.append(("longest time from a change to no mint, s", most, change["longest_seconds"]))
    rows += ["", "| to reach | | measured | |", "|---|--:|--:|---|"]
    rows += [
        f"| {name} | {limit} | {found} | {'met' if found <= limit else 'missed'} |" for name, limit, found in reached
    ]
    if change is not None:
        rows += [
            "",
            f"From a withdrawal's publication to a mint refused on chain: {change['median_seconds']} s in the middle,"
            f" {change['longest_seconds']} s at most of {len(change['seconds'])}, with a poll interval of"
            f" {change['poll_interval_seconds']} s.",
        ]
    rows += ["", "![One node by the number of filings](pictures/growth.svg)"]
    return "\n".join([*rows, "", machine_line(result["machine"])])


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure how a node's cost grows.")
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES), metavar="N", help="numbers of filings")
    parser.add_argument("--change", type=int, default=CHANGES, metavar="N", help="withdrawals timed; 0: none")
    parser.add_argument("--audit", nargs=2, metavar=("URL", "DEPLOYMENT"), help="one audit, as JSON")
    options = parser.parse_args(argv)
    if options.audit:
        print(json.dumps(audit(options.audit[0], Path(options.audit[1]))))
        return 0
    print(page(measure(options.sizes, options.change)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
