"""`GET /metrics`, and the layer around the API that counts and logs each request under an id."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from oracle.node.metrics import Metrics

__all__ = ["measure"]

LOG = logging.getLogger("filing_gate.http")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
#: Asked every few seconds by machines: their lines would bury all others.
_QUIET = ("/healthz", "/readyz", "/metrics")


def measure(app: FastAPI, metrics: Metrics) -> None:
    """Add `GET /metrics` to an application, and count and log all its requests."""
    router = APIRouter()

    # A plain string: the exposition is text of its own kind and no JSON.
    @router.get("/metrics", summary="Metrics in Prometheus' text format", response_class=Response)
    async def exposition() -> Response:
        return Response(await run_in_threadpool(metrics.exposition), media_type=CONTENT_TYPE_LATEST)

    app.include_router(router)
    app.add_middleware(_Measured, metrics=metrics)


class _Measured:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.monotonic()
        own_id: str = uuid.uuid4().hex[:16]
        clear_contextvars()
        bind_contextvars(request_id=own_id)

        async def sending(message: Message) -> None:
            nonlocal status, own_id
            if message["type"] == "http.response.start":
                status = message["status"]
                own_id = _given_id(message) or own_id
            await send(message)

        self._metrics.began_request()
        try:
            await self._app(scope, receive, sending)
        finally:
            seconds = time.monotonic() - began
            route = _template(scope)
            self._metrics.ended_request(scope["method"], route, status, seconds)
            level = logging.DEBUG if route in _QUIET else logging.INFO
            facts: dict[str, Any] = {
                "request_id": own_id,
                "method": scope["method"],
                "route": route,
                "status": status,
                "seconds": round(seconds, 4),
            }
            number = scope.get("path_params", {}).get("number")
            if number and route.startswith("/v1/filings/"):
                facts["filing"] = number
            LOG.log(level, "answered", extra=facts)


def _template(scope: Scope) -> str:
    """The template of the route that took the request; no path as it came: there is no end of those."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _given_id(message: Message) -> str | None:
    """The id under which the API answers, if it names one."""
    value = dict(message.get("headers", ())).get(b"x-request-id", b"")
    return value.decode("ascii") if _REQUEST_ID.fullmatch(value) else None
