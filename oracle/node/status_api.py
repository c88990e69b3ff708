"""Who the node is and how it does: needs no key."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from oracle.node.api_models import Health, OperatorView, Readiness
from oracle.node.openapi import answers
from oracle.node.readiness import readiness
from oracle.node.service import Node

__all__ = ["status"]


def status(node: Node) -> APIRouter:
    """The routes /v1/operator, /healthz and /readyz."""
    router = APIRouter(tags=["status"])

    @router.get(
        "/v1/operator",
        operation_id="getOperator",
        summary="Who this node is",
        responses=answers({200: (OperatorView, "Operator, chain and rule set")}),
    )
    async def operator() -> dict[str, Any]:
        return node.operator()

    @router.get(
        "/healthz",
        operation_id="getHealth",
        summary="The process lives",
        responses=answers({200: (Health, "It does")}),
    )
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/readyz",
        operation_id="getReadiness",
        summary="The node can decide: database, chain, key, sources, clock, disk",
        responses=answers({200: (Readiness, "Ready"), 503: (Readiness, "Not ready")}),
    )
    async def readyz() -> Response:
        found = await run_in_threadpool(readiness, node)
        alerts = [] if "database" in found.problems else await run_in_threadpool(node.alerts)
        # What the newest sweep wants a person to look at; it does not make the node unready.
        swept = node.duties.swept
        content = {
            "status": "ready" if found.ready else "unready",
            "problems": found.problems,
            "alerts": alerts,
            "key": found.key.as_json() if found.key is not None else None,
            "sources": {name: state.as_json() for name, state in found.sources.items()},
            "duties": None
            if swept is None
            else {"sweptAt": swept[0], "alerts": [item.as_json() for item in swept[1] if item.alerts or item.problems]},
        }
        return Response(json.dumps(content), 200 if found.ready else 503, media_type="application/json")

    return router
