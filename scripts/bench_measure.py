"""What every benchmark needs: repeated rates with their spread, and what machine and versions they are of."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
PEERS = ROOT / "bench" / "peers"

ROUNDS = 5
SECONDS = 0.5


class NotReady(Exception):
    """Something that a step needs is not installed; the message says what to run."""


@dataclass(frozen=True)
class Rate:
    """Operations per second: the median of the rounds, and the slowest and fastest of them."""

    median: int
    low: int
    high: int

    @property
    def spread(self) -> list[int]:
        """Slowest and fastest round."""
        return [self.low, self.high]


def rate_of(rounds: Sequence[float]) -> Rate:
    """The rate of some rounds, each in operations per second."""
    return Rate(round(statistics.median(rounds)), round(min(rounds)), round(max(rounds)))


def round_of(work: Callable[[int], object], seconds: float = SECONDS) -> float:
    """Calls of `work(index)` per second of this process's CPU time: what other processes do costs none of it."""
    done, began = 0, time.process_time()
    while (now := time.process_time()) - began < seconds:
        for _ in range(50):  # reading the clock costs as much as a tenth of an operation
            work(done)
            done += 1
    return done / (now - began)


def memory_mb(field: str, pid: int | None = None) -> float:
    """`VmRSS` or `VmHWM` (the most so far) of a process, this one if None, in MB.

    Not `ru_maxrss`: a process that was started takes over what its parent held when it was.
    """
    status = Path(f"/proc/{pid or 'self'}/status").read_text(encoding="utf-8")
    found = next(line for line in status.splitlines() if line.startswith(field + ":"))
    return round(int(found.split()[1]) / 1024, 1)


def machine() -> dict[str, Any]:
    """What the figures are of: processor, cores, system, Python, and how busy the machine was just now."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def machine_line(found: dict[str, Any]) -> str:
    """`machine()` in a sentence for the page."""
    return (
        f"{found['processor']}, {found['cores']} cores, {found['system']}, Python {found['python']}; "
        f"load {found['load']} at the end."
    )


def versions(*names: str) -> dict[str, str]:
    """Of installed Python packages."""
    return {name: version(name) for name in names}


def versions_line(found: dict[str, str]) -> str:
    """Versions in a sentence for the page."""
    return ", ".join(f"{name} {number}" for name, number in found.items()) + "."
