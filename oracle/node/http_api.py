"""The HTTP API. Every request is stored before it is looked at and every answer before it is sent.

Errors are RFC 9457 problem documents. A refusal has `type` .../refused and lists the rules that did not pass and the
fields that differ.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ValidationError

from oracle import __version__
from oracle.domain.approval import FilingApproval, FilingUpdate
from oracle.domain.canonical import parse_json
from oracle.domain.dossier import MAX_DOSSIER_BYTES, parse_dossier, problems_of
from oracle.domain.fields import H256, Frozen
from oracle.domain.filing_statement import MAX_STATEMENT_BYTES, SignedStatement
from oracle.errors import FilingGateError, InputError, RefusedError, UnreachableError
from oracle.node.duties import ForbiddenError, UnknownFilingError
from oracle.node.service import Answer, Node
from oracle.store.database import format_time

__all__ = ["create_app"]

PROBLEM = "application/problem+json"
Model = TypeVar("Model", bound=BaseModel)
TYPE = "urn:filing-gate:problem:"


class ApprovalRequest(Frozen):
    approval: FilingApproval


class UpdateRequest(Frozen):
    dossier_hash: H256
    update: FilingUpdate


def _problem(status: int, kind: str, title: str, **more: Any) -> tuple[int, str, dict[str, Any]]:
    content = {
        "type": TYPE + kind,
        "title": title,
        "status": status,
        **{key: value for key, value in more.items() if value is not None},
    }
    return status, PROBLEM, content


def _of_error(error: FilingGateError) -> tuple[int, str, dict[str, Any]]:
    if isinstance(error, UnreachableError):
        return _problem(503, "unreachable", str(error))
    if isinstance(error, ForbiddenError):
        return _problem(403, "forbidden", str(error))
    if isinstance(error, UnknownFilingError):
        return _problem(404, "unknown", str(error))
    if isinstance(error, InputError):
        return _problem(422, "invalid", str(error), errors=error.details)
    return _problem(500, "fault", str(error))


async def _body(request: Request, limit: int = MAX_DOSSIER_BYTES) -> bytes:
    """The body, cut off at the limit while it streams."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise InputError(f"the body is larger than {limit} bytes", remedy="documents enter by their hash")
    return data


def _parse(model: type[Model], body: bytes) -> Model:
    parse_json(body, what="body")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        rows = problems_of(error)
        raise InputError(f"{rows[0]['field']}: {rows[0]['problem']}", where="body", details=rows) from None


def _answer(node: Node, answer: Answer) -> tuple[int, str, dict[str, Any]]:
    if answer.signature is None:
        failed = [finding["rule"] for finding in answer.decision.as_json()["failed"]]
        fields = [difference.field for difference in answer.decision.differences]
        named = ", ".join(failed + fields)
        return _problem(
            409,
            "refused",
            f"{node.config.name} refuses: {named}",
            operator=node.address,
            digest=answer.digest,
            decision=answer.decision_id,
            failed=answer.decision.as_json()["failed"],
            differences=answer.decision.as_json()["differences"],
        )
    content = {
        **answer.signature.model_dump(mode="json", by_alias=True),
        "digest": answer.digest,
        "decision": answer.decision_id,
        "verdicts": answer.decision.verdicts.as_json(),
    }
    return 200, "application/json", content


def create_app(node: Node) -> FastAPI:
    """The ASGI application of one node."""
    app = FastAPI(title="filing-gate operator node", version=__version__, docs_url=None, redoc_url=None)

    def kept(method: str, path: str, body: bytes, work: Any) -> Response:
        request_id = node.database.add_request(format_time(datetime.now(UTC)), method, path, body)
        try:
            status, media, content = work(request_id)
        except FilingGateError as error:
            status, media, content = _of_error(error)
        data = json.dumps(content, ensure_ascii=False).encode("utf-8")
        node.database.add_answer(request_id, format_time(datetime.now(UTC)), status, data)
        return Response(data, status, media_type=media)

    @app.exception_handler(FilingGateError)
    async def _refuse(_request: Request, error: FilingGateError) -> Response:
        status, media, content = _of_error(error)
        return Response(json.dumps(content, ensure_ascii=False), status, media_type=media)

    @app.exception_handler(Exception)
    async def _fault(_request: Request, _error: Exception) -> Response:
        # The traceback goes to the operator's log, never to the caller.
        status, media, content = _problem(500, "fault", "the node failed; its log tells why")
        return Response(json.dumps(content), status, media_type=media)

    @app.post("/v1/dossiers", summary="Hand in a dossier")
    async def dossiers(request: Request) -> Response:
        body = await _body(request)

        def work(request_id: int) -> tuple[int, str, dict[str, Any]]:
            dossier = parse_dossier(body, what="body")
            new = node.database.add_dossier(request_id, dossier)
            return (
                201 if new else 200,
                "application/json",
                {"dossierHash": "0x" + dossier.dossier_hash().hex(), "new": new},
            )

        return await run_in_threadpool(kept, "POST", "/v1/dossiers", body, work)

    @app.get("/v1/dossiers/{name}", summary="A dossier by its hash")
    async def dossier(name: str) -> Response:
        def work(_: int) -> tuple[int, str, dict[str, Any]]:
            found = node.database.dossier(name.lower())
            if found is None:
                return _problem(404, "unknown", "this node has no dossier with this hash")
            return 200, "application/json", json.loads(found.canonical())

        return await run_in_threadpool(kept, "GET", f"/v1/dossiers/{name}", b"", work)

    @app.post("/v1/approvals", summary="Propose an approval")
    async def approvals(request: Request) -> Response:
        body = await _body(request)

        def work(request_id: int) -> tuple[int, str, dict[str, Any]]:
            return _answer(node, node.approve(request_id, _parse(ApprovalRequest, body).approval))

        return await run_in_threadpool(kept, "POST", "/v1/approvals", body, work)

    @app.post("/v1/updates", summary="Propose an update: renew, resume, revoke, complete")
    async def updates(request: Request) -> Response:
        body = await _body(request)

        def work(request_id: int) -> tuple[int, str, dict[str, Any]]:
            proposal = _parse(UpdateRequest, body)
            return _answer(node, node.update(request_id, proposal.dossier_hash, proposal.update))

        return await run_in_threadpool(kept, "POST", "/v1/updates", body, work)

    @app.get("/v1/filings/{number}", summary="What this node sees of a filing")
    async def filings(number: str) -> Response:
        return await run_in_threadpool(
            kept, "GET", f"/v1/filings/{number}", b"", lambda _: (200, "application/json", node.filing(number))
        )

    @app.post("/v1/filings/{number}/events", summary="Declare an event, or record a report, after the filing (signed)")
    async def events(number: str, request: Request) -> Response:
        body = await _body(request, MAX_STATEMENT_BYTES)

        def work(_: int) -> tuple[int, str, dict[str, Any]]:
            try:
                taken = node.duties.take(number, _parse(SignedStatement, body), int(time.time()))
            except ForbiddenError:
                raise
            except RefusedError as error:
                return _problem(409, "refused", str(error), operator=node.address)
            # 202: recorded, and the chain doesn't show the suspension yet.
            return (201 if taken.new else 200) if taken.done else 202, "application/json", taken.view

        return await run_in_threadpool(kept, "POST", f"/v1/filings/{number}/events", body, work)

    @app.get("/v1/filings/{number}/duties", summary="The filing's record, its reports with deadlines, and alerts")
    async def duties(number: str) -> Response:
        def work(_: int) -> tuple[int, str, dict[str, Any]]:
            return 200, "application/json", node.duties.view(number, int(time.time()))

        return await run_in_threadpool(kept, "GET", f"/v1/filings/{number}/duties", b"", work)

    @app.get("/v1/evidence/{sha256}", summary="Stored bytes, as they were received")
    async def evidence(sha256: str) -> Response:
        data = await run_in_threadpool(node.evidence.get, sha256)
        # Hostile bytes from outside: never shown as a page.
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(data, media_type="application/octet-stream", headers=headers)

    @app.get("/v1/decisions/{number}", summary="A signed decision record, byte for byte as it was stored")
    async def decisions(number: str) -> Response:
        # Digits only, and no more than a database's integer holds.
        known = number.isascii() and number.isdigit() and len(number) < 19
        data = await run_in_threadpool(node.database.decision_record, int(number)) if known else None
        if data is None:
            status, media, content = _problem(404, "unknown", "this node has no decision record with this number")
            return Response(json.dumps(content), status, media_type=media)
        return Response(data, media_type="application/json", headers={"X-Content-Type-Options": "nosniff"})

    @app.get("/v1/operator", summary="Who this node is")
    async def operator() -> dict[str, Any]:
        return node.operator()

    @app.get("/healthz", summary="The process lives")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", summary="The node can decide: database, chain and committee")
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
        alerts = [] if "database" in problems else await run_in_threadpool(node.alerts)
        # What the newest sweep wants a person to look at; it does not make the node unready.
        swept = node.duties.swept
        content = {
            "status": "unready" if problems else "ready",
            "problems": problems,
            "alerts": alerts,
            "duties": None
            if swept is None
            else {"sweptAt": swept[0], "alerts": [item.as_json() for item in swept[1] if item.alerts or item.problems]},
        }
        return Response(json.dumps(content), 503 if problems else 200, media_type="application/json")

    return app
