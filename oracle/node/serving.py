"""The HTTP server of a node: it listens before it says so, and ends in order when it is told to."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from oracle.errors import FilingGateError

__all__ = ["calm_collector", "further_workers", "inherited_socket", "listening", "one_heap", "serve_until_stopped"]

LOG = logging.getLogger("filing_gate.http")

_BACKLOG = 2048

#: Python's collector of cycles: young objects, and passes over them, before it looks at older ones. By default (700,
#: 10, 10) it walks through everything that a node keeps in memory again and again under load, up to a second each time.
_COLLECTED_AFTER = (10_000, 10, 1_000)
#: glibc's name for how many heaps there may be (malloc.h).
_M_ARENA_MAX = -8


def calm_collector() -> None:
    """Have the collector of cycles leave alone what was loaded so far, and look at the rest seldom.

    Nearly all objects of a node are freed by their count, at once; cycles are few (an error with its trace).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)


def one_heap() -> None:
    """Have all threads of this process take memory from one heap; call it before there are any.

    glibc gives threads heaps of their own, and what one took and another gave back lies idle there: of 466 MB after
    10,000 approvals, 100. Python lets one thread at a time ask for memory, so they need not wait for each other. Other
    C libraries know no such setting and stay as they are.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


@contextmanager
def listening(host: str, port: int, *, where: str) -> Iterator[socket.socket]:
    """A socket bound to the address. FilingGateError, naming `where`, if it can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
            bound.listen(_BACKLOG)
        except OSError:
            raise FilingGateError(
                f"{host}:{port} can't be listened on",
                where=where,
                remedy="free the port or choose another in [http]",
            ) from None
        yield bound
    finally:
        bound.close()


@contextmanager
def further_workers(config: Path, bound: socket.socket, count: int) -> Iterator[None]:
    """So many further processes that answer on the bound socket while the block runs. Should one of them end by itself,
    this process is told to stop: whoever supervises it starts all anew."""
    command = [sys.executable, "-m", "oracle", "serve", "--config", str(config), "--inherited", str(bound.fileno())]
    # What they wait for on their input never comes; its end tells them that this process is gone.
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(bound.fileno(),))  # noqa: S603 - this program
        for _ in range(count)
    ]
    ending = threading.Event()

    def watch(process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        if not ending.is_set():
            LOG.critical("a worker ended", extra={"worker": process.pid, "exit_code": code})
            os.kill(os.getpid(), signal.SIGTERM)

    watchers = [threading.Thread(target=watch, args=(process,), daemon=True) for process in started]
    for watcher in watchers:
        watcher.start()
    try:
        yield
    finally:
        ending.set()
        for process in started:
            process.terminate()
        for process, watcher in zip(started, watchers, strict=True):
            watcher.join()
            if process.stdin is not None:
                process.stdin.close()


@contextmanager
def inherited_socket(number: int) -> Iterator[socket.socket]:
    """The listening socket of the process that started this one, which is told to stop when that one is gone."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    bound = socket.socket(fileno=number)
    try:
        yield bound
    finally:
        bound.close()


class _Server(uvicorn.Server):
    """Ends by returning: uvicorn itself raises the signal again, and the process would not exit 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        def stop(number: int, frame: FrameType | None) -> None:
            # A second Ctrl-C does not wait for requests.
            self.handle_exit(number, frame)

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve_until_stopped(app: FastAPI, bound: socket.socket, shutdown_seconds: int) -> None:
    """Serve on a bound socket until SIGTERM or SIGINT; requests in flight get `shutdown_seconds` to finish.

    A request was stored before it was looked at, so one that is cut off then is not lost.
    """
    config = uvicorn.Config(
        app,
        # Its lines go where all lines go (oracle.node.logs).
        log_config=None,
        access_log=False,
        server_header=False,
        # Whom a forwarded address is believed from is [http] trusted_proxies, and nobody by default.
        proxy_headers=False,
        timeout_graceful_shutdown=shutdown_seconds,
    )
    _Server(config).run(sockets=[bound])
