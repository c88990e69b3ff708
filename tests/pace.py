"""CPU time in seconds of the machine that the limits were set on: a slower or crowded one is given more by as much."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

#: What `_work` took of CPU time there, on a quiet machine.
_SECONDS = 0.1
_TRIES = 5


def _work() -> None:
    rows = [{"name": str(number), "value": [number] * 5} for number in range(15_000)]
    json.loads(json.dumps(rows, indent=1))


def cpu_seconds(work: Callable[[], object]) -> float:
    """The CPU time of `work` in this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def within(limit: float, work: Callable[[], object]) -> bool:
    """Whether `work` is done within `limit` seconds of CPU time, in the best of a few tries.

    Too long is compared with what a fixed piece of work takes at that moment: neighbours on the same core slow both.
    """
    for _ in range(_TRIES):
        took = cpu_seconds(work)
        if took < limit or took < limit * cpu_seconds(_work) / _SECONDS:
            return True
    return False
