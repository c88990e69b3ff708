"""`filing-gate serve` that ends itself with SIGKILL at one point of the watch: `killed_serve.py POINT CONFIG`.

The product knows nothing of it: the function at that point is wrapped here, in this process.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, NoReturn

from oracle.chain.registry import Registry
from oracle.cli.main import main
from oracle.node.service import Node
from oracle.watch.actions import Actions
from oracle.watch.cycle import Watcher

#: Point -> whose function, its name, and whether the end comes before or after it.
POINTS: dict[str, tuple[type, str, str]] = {
    "before-observe": (Node, "observe", "before"),
    "after-observe": (Node, "observe", "after"),
    "after-look": (Watcher, "look_at", "after"),
    "after-propose": (Actions, "propose", "after"),
    "after-own-signature": (Node, "update", "after"),
    "after-collect": (Actions, "collect", "after"),
    "before-send": (Registry, "update", "before"),
    "after-send": (Registry, "update", "after"),
    "after-suspension-signed": (Actions, "sign_suspension", "after"),
    "before-suspension-sent": (Registry, "suspend_by_signature", "before"),
    "after-suspension-sent": (Registry, "suspend_by_signature", "after"),
    "before-confirm": (Actions, "confirm", "before"),
    "after-conclude": (Actions, "conclude", "after"),
}


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def arm(point: str) -> None:
    """Wrap the function at a point."""
    owner, name, when = POINTS[point]
    original: Any = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            die()
        original(*arguments, **named)
        die()

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.argv = ["filing-gate", "serve", "--config", sys.argv[2]]
    main()
