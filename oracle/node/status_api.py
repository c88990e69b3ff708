"""Who the node is and how it does: needs no key."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from oracle.errors import FilingGateError
from oracle.node.api_models import Health, OperatorView, Readiness
from oracle.node.openapi import answers
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
        summary="The node can decide: database, chain and committee",
        responses=answers({200: (Readiness, "Ready"), 503: (Readiness, "Not ready")}),
    )
    async def readyz() -> Response:
        def check() -> dict[str, str]:
            problems = {}
            if not node.database.ready():
                problems["database"] = "does not answer"
            try:
                wrong = node.check_committee()
                if wrong:
                    problems["committee"] = wrong
            except FilingGateError as error:
                problems["chain"] = str(error)
            return problems

        problems = await run_in_threadpool(check)
        # What the newest sweep wants a person to look at; it does not make the node unready.
        swept = node.duties.swept
        content = {
            "status": "unready" if problems else "ready",
            "problems": problems,
            "duties": None
            if swept is None
            else {"sweptAt": swept[0], "alerts": [item.as_json() for item in swept[1] if item.alerts or item.problems]},
        }
        return Response(json.dumps(content), 503 if problems else 200, media_type="application/json")

    return router
