"""`GET /metrics`, and the layer around the API that counts and logs each request under an id."""

from __future__ import annotations

import logging
import time
from typing import Any

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oracle.node.logs import REQUEST
from oracle.node.metrics import Metrics
from oracle.node.openapi import answers

__all__ = ["Measured", "metrics_router"]

LOG = logging.getLogger("filing_gate.http")

#: Asked every few seconds by machines: their lines would bury all others.
_QUIET = ("/healthz", "/readyz", "/metrics")


def metrics_router(metrics: Metrics) -> APIRouter:
    """The route /metrics."""
    router = APIRouter(tags=["status"])

    # A plain string: the exposition is text of its own kind and no JSON.
    @router.get(
        "/metrics",
        operation_id="getMetrics",
        summary="Metrics in Prometheus' text format",
        response_class=Response,
        responses={**answers({}), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def exposition() -> Response:
        return Response(await run_in_threadpool(metrics.exposition), media_type=CONTENT_TYPE_LATEST)

    return router


class Measured:
    """Counts and logs every request, also those that the gate refuses."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.monotonic()
        request_id = scope["state"]["request_id"]
        REQUEST.set(request_id)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
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
                "request_id": request_id,
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
