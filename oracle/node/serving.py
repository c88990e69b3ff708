"""The HTTP server of a node: it listens before it says so, and ends in order when it is told to."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from oracle.errors import FilingGateError

__all__ = ["listening", "serve_until_stopped"]

_BACKLOG = 2048


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
