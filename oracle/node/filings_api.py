"""Calls about filings: which this node knows, what it sees of one, its record, and statements on it."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from oracle.domain.filing_statement import MAX_STATEMENT_BYTES, SignedStatement
from oracle.domain.life_record import fold
from oracle.domain.names import filing_id
from oracle.errors import RefusedError
from oracle.node.api_models import DutiesView, FilingPage, FilingView, StatementTaken
from oracle.node.duties import EVENTS_SHOWN, ForbiddenError
from oracle.node.openapi import answers, takes
from oracle.node.paging import cursor_of, page_of, page_parameters, split
from oracle.node.problems import Result, problem
from oracle.node.proposals_api import parsed
from oracle.node.service import Node
from oracle.node.stored_calls import StoredCalls
from oracle.store.lists import Lists

__all__ = ["filings", "stated"]

_USUAL = 50

Number = Annotated[
    str, Path(description="The filing number as published; brackets and blanks may differ, e.g. 国合函〔2026〕886号")
]


def filings(node: Node, calls: StoredCalls) -> APIRouter:
    """The routes below /v1/filings."""
    router = APIRouter(tags=["filings"])
    lists = Lists(node.database.engine)

    @router.get(
        "/v1/filings",
        operation_id="listFilings",
        summary="The filings this node knows, by number",
        responses=answers({200: (FilingPage, "One page")}),
        openapi_extra=page_parameters(_USUAL),
    )
    async def known(request: Request) -> Response:
        def work(_: int) -> Result:
            page = page_of(request, _USUAL)
            rows, last = split(lists.filings(page.text(), page.limit + 1), page)
            shown = [
                {
                    "number": number,
                    "filing": "0x" + filing_id(number).hex(),
                    "state": _state(node, number),
                    "entityName": name,
                }
                for number, name in rows
            ]
            return Result(200, {"filings": shown, "next": cursor_of(last[0]) if last else None})

        return await calls.run(request, b"", work)

    @router.get(
        "/v1/filings/{number}",
        operation_id="getFiling",
        summary="What this node sees of a filing",
        responses=answers({200: (FilingView, "As seen now, or as long ago as the configuration allows")}, 503),
    )
    async def filing(request: Request, number: Number) -> Response:
        return await calls.run(request, b"", lambda _: Result(200, node.filing(number)))

    @router.post(
        "/v1/filings/{number}/events",
        operation_id="stateEvent",
        summary="Declare an event, or record a report, after the filing (signed)",
        responses=answers(
            {
                201: (StatementTaken, "Recorded, and done"),
                200: (StatementTaken, "It was recorded before, and is done"),
                202: (StatementTaken, "Recorded; the chain doesn't show the suspension yet"),
            },
            404,
            409,
            503,
        ),
        openapi_extra=takes(SignedStatement, "statement"),
    )
    async def events(request: Request, number: Number) -> Response:
        body = await calls.body(request, MAX_STATEMENT_BYTES)

        return await calls.run(request, body, lambda _: stated(node, number, body))

    @router.get(
        "/v1/filings/{number}/duties",
        operation_id="getDuties",
        summary="The filing's record, its reports with deadlines, and alerts",
        responses=answers({200: (DutiesView, "The record")}, 404, 503),
        openapi_extra=page_parameters(EVENTS_SHOWN),
    )
    async def duties(request: Request, number: Number) -> Response:
        def work(_: int) -> Result:
            page = page_of(request, EVENTS_SHOWN)
            view = node.duties.view(number, int(time.time()), events=page.limit, before=page.number())
            return Result(200, _with_cursor(view))

        return await calls.run(request, b"", work)

    return router


def stated(node: Node, number: str, body: bytes) -> Result:
    """Take a signed statement: what `POST /v1/filings/{number}/events` does."""
    try:
        taken = node.duties.take(number, parsed(SignedStatement, body), int(time.time()))
    except ForbiddenError:
        raise
    except RefusedError as error:
        return problem(409, "refused", str(error), operator=node.address)
    return Result((201 if taken.new else 200) if taken.done else 202, _with_cursor(taken.view))


def _with_cursor(view: dict[str, Any]) -> dict[str, Any]:
    row = view["earlierEvents"]
    return {**view, "earlierEvents": cursor_of(row) if row else None}


def _state(node: Node, number: str) -> str | None:
    events = node.database.filing_events(number)
    return fold(events, int(time.time())).life.state.value if events else None
