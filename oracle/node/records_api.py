"""The auditor's calls: stored bytes and signed decisions, as they were kept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from oracle.errors import InputError
from oracle.node.api_models import CaptureList, CapturesAsked, DecisionPage, DecisionRecord
from oracle.node.openapi import answers
from oracle.node.paging import cursor_of, page_of, page_parameters, split
from oracle.node.problems import Result, problem, respond
from oracle.node.query import query_of
from oracle.node.service import Node
from oracle.node.stored_calls import StoredCalls
from oracle.store.lists import Lists

__all__ = ["records"]

_USUAL = 50
_OCTETS = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


def _moment(at: str) -> datetime:
    try:
        return datetime.strptime(at, "%Y%m%dT%H%M%S%z")
    except ValueError:
        raise InputError("no moment of a calendar", where="query: at", remedy="write e.g. 20261129T220000Z") from None


def _query_parameters() -> dict[str, Any]:
    described = CapturesAsked.model_json_schema()["properties"]
    string = {"type": "string"}
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": field.is_required(),
                "description": field.description,
                "schema": {**string, **{key: value for key, value in described[name].items() if key == "pattern"}},
            }
            for name, field in CapturesAsked.model_fields.items()
        ]
    }


def records(node: Node, calls: StoredCalls) -> APIRouter:
    """The routes below /v1/evidence, /v1/captures and /v1/decisions."""
    router = APIRouter(tags=["records"])
    lists = Lists(node.database.engine)

    @router.get(
        "/v1/evidence/{sha256}",
        operation_id="getEvidence",
        summary="Stored bytes, as they were received",
        response_class=Response,
        responses={**answers({}), 200: {"description": "The bytes", **_OCTETS}},
    )
    async def evidence(
        sha256: Annotated[str, Path(description="SHA-256 of the bytes, 64 hexadecimal digits")],
    ) -> Response:
        data = await run_in_threadpool(node.evidence.get, sha256)
        # Hostile bytes from outside: never shown as a page.
        headers = {"Content-Disposition": "attachment"}
        return Response(data, media_type="application/octet-stream", headers=headers)

    @router.get(
        "/v1/captures",
        operation_id="listCaptures",
        summary="The WARC files that show what an address gave at a moment",
        responses=answers({200: (CaptureList, "Their hashes")}),
        openapi_extra=_query_parameters(),
    )
    async def captures(request: Request) -> Response:
        asked = query_of(request, CapturesAsked)
        named = await run_in_threadpool(node.evidence.captures, asked.address, _moment(asked.at), asked.payload)
        return respond(Result(200, {"captures": named}), request.state.request_id)

    @router.get(
        "/v1/decisions",
        operation_id="listDecisions",
        summary="The decisions of this node, newest first",
        responses=answers({200: (DecisionPage, "One page")}),
        openapi_extra=page_parameters(_USUAL),
    )
    async def made(request: Request) -> Response:
        def work(_: int) -> Result:
            page = page_of(request, _USUAL)
            rows, last = split(lists.decisions(page.number(), page.limit + 1), page)
            shown = [
                {
                    "id": row.id,
                    "kind": row.kind,
                    "dossierHash": row.dossier_hash,
                    "decidedAt": row.decided_at,
                    "approved": row.approved,
                }
                for row in rows
            ]
            return Result(200, {"decisions": shown, "next": cursor_of(last.id) if last else None})

        return await calls.run(request, b"", work)

    @router.get(
        "/v1/decisions/{number}",
        operation_id="getDecision",
        summary="A signed decision record, byte for byte as it was stored",
        responses=answers({200: (DecisionRecord, "The record")}, 404),
    )
    async def decision(
        request: Request, number: Annotated[str, Path(description="The number that an answer names in `decision`")]
    ) -> Response:
        # Digits only, and no more than a database's integer holds.
        known = number.isascii() and number.isdigit() and len(number) < 19
        data = await run_in_threadpool(node.database.decision_record, int(number)) if known else None
        if data is None:
            missing = problem(404, "unknown", "this node has no decision record with this number")
            return respond(missing, request.state.request_id)
        return Response(data, media_type="application/json")

    return router
