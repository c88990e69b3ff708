"""The HTTP API of one node, put together: entrance, routes, errors, description.

Every request that passes authentication and limits is stored before it is looked at, and every answer before it is
sent. Errors are RFC 9457 problem documents.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp

from oracle import __version__
from oracle.errors import FilingGateError
from oracle.node.access import Access
from oracle.node.config import HttpConfig
from oracle.node.desk import Desk
from oracle.node.entrance import Doorway, Gate
from oracle.node.express import Express
from oracle.node.filings_api import filings
from oracle.node.log_api import log_router
from oracle.node.metrics import Metrics
from oracle.node.metrics_api import Measured, metrics_router
from oracle.node.openapi import described
from oracle.node.pages.errors import PageError, answer, refused_page
from oracle.node.pages.routes import page_routers
from oracle.node.pages.verify_page import Verify
from oracle.node.problems import of_error, problem
from oracle.node.proposals_api import answered, proposals
from oracle.node.records_api import records
from oracle.node.service import Node
from oracle.node.status_api import status
from oracle.node.stored_calls import StoredCalls
from oracle.store.api_keys import ApiKeys
from oracle.store.sessions import Sessions

__all__ = ["NodeApp", "create_app"]


#: The framework would send traces and logs to wherever the environment says, past what takes secrets out of them.
_SILENT: TelemetryConfig = {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}


def _living(desk: Desk) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What a server does before its first request and after its last."""

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(desk.begin)
        yield
        await run_in_threadpool(desk.end)

    return living


class NodeApp(FastAPI):
    """FastAPI behind the entrance. A route added to it needs a key of scope operator unless `ACCESS` says otherwise."""

    def __init__(self, config: HttpConfig, access: Access, metrics: Metrics, desk: Desk) -> None:
        super().__init__(
            title="filing-gate operator node",
            version=__version__,
            docs_url=None,
            redoc_url=None,
            telemetry=_SILENT,
            lifespan=_living(desk),
        )
        self._http = config
        self._desk = desk
        self._access = access
        self._metrics = metrics

    def build_middleware_stack(self) -> ASGIApp:
        """The stack of Starlette with the entrance around it, so that an answer to a fault passes it too."""
        inner = Express(super().build_middleware_stack(), self._desk, self._http.body_seconds)
        app: ASGIApp = Gate(inner, self._http, self._access, answer)
        if self._http.cors_origins:
            app = CORSMiddleware(
                app,
                allow_origins=self._http.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id"],
                expose_headers=["X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy", "Idempotency-Replayed"],
            )
        return Doorway(Measured(app, self._metrics), self._http)

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = described(self)
        return self.openapi_schema


def create_app(node: Node, verify: Verify | None = None) -> NodeApp:
    """The ASGI application of one node. `verify` checks the bundles that its pages are given: the auditor's code, which
    no operator's code imports."""
    engine = node.database.engine
    desk = Desk(node, lambda decided, name: answered(node, decided).data(name))
    app = NodeApp(node.config.http, Access(node.config.http, ApiKeys(engine), Sessions(engine)), node.metrics, desk)
    calls = StoredCalls(node)
    app.include_router(proposals(node, calls, desk))
    app.include_router(filings(node, calls))
    app.include_router(records(node, calls))
    app.include_router(status(node))
    app.include_router(log_router(node.log))
    app.include_router(metrics_router(node.metrics))
    for router in page_routers(node, calls, verify):
        app.include_router(router)
    app.add_exception_handler(PageError, refused_page)

    @app.exception_handler(FilingGateError)
    async def _refuse(request: Request, error: FilingGateError) -> Response:
        return answer(request, of_error(error))

    @app.exception_handler(RequestValidationError)
    async def _shape(request: Request, error: RequestValidationError) -> Response:
        rows = [{"field": ".".join(map(str, row["loc"])), "problem": str(row["msg"])} for row in error.errors()]
        return answer(request, problem(422, "invalid", f"{rows[0]['field']}: {rows[0]['problem']}", errors=rows))

    @app.exception_handler(HTTPException)
    async def _routing(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            allowed = {part.strip() for part in headers.get("Allow", headers.get("allow", "")).split(",")} - {""}
            allowed |= {"HEAD"} if "GET" in allowed else set()
            listed = ", ".join(sorted(allowed))
            return answer(request, problem(405, "method", f"this address takes {listed}", {"Allow": listed}))
        if error.status_code == 404:
            return answer(request, problem(404, "unknown", "there is nothing at this address"))
        return answer(request, problem(error.status_code, "malformed", str(error.detail), headers))

    @app.exception_handler(ClientDisconnect)
    async def _gone(request: Request, _error: ClientDisconnect) -> Response:
        # Nobody reads this; without it the log would show a traceback for each caller who hangs up.
        return answer(request, problem(400, "malformed", "the caller hung up before the body was complete"))

    @app.exception_handler(Exception)
    async def _fault(request: Request, _error: Exception) -> Response:
        # The traceback goes to the operator's log, never to the caller.
        return answer(request, problem(500, "fault", "the node failed; its log tells why"))

    return app
