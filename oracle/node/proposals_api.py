"""The issuer's calls: hand in a dossier, propose an approval or an update."""

from __future__ import annotations

import json
from typing import Annotated, TypeVar

import orjson
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from oracle.domain.canonical import parse_json
from oracle.domain.dossier import Dossier, parse_dossier, problems_of
from oracle.errors import InputError
from oracle.node.api_models import ApprovalRequest, DossierTaken, SignedAnswer, UpdateRequest
from oracle.node.desk import Desk
from oracle.node.openapi import answers, takes
from oracle.node.problems import Result, problem
from oracle.node.service import Answer, Node
from oracle.node.stored_calls import StoredCalls

__all__ = ["APPROVALS", "answered", "handed_in", "parsed", "proposals"]

APPROVALS = "/v1/approvals"

Model = TypeVar("Model", bound=BaseModel)


def parsed(model: type[Model], body: bytes) -> Model:
    """A body held to its shape. InputError names the field."""
    parse_json(body, what="body")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        rows = problems_of(error)
        raise InputError(f"{rows[0]['field']}: {rows[0]['problem']}", where="body", details=rows) from None


def handed_in(node: Node, request_id: int, body: bytes) -> Result:
    """Keep a dossier: what `POST /v1/dossiers` does."""
    dossier = parse_dossier(body, what="body")
    new = node.database.add_dossier(request_id, dossier)
    return Result(201 if new else 200, {"dossierHash": "0x" + dossier.dossier_hash().hex(), "new": new})


def answered(node: Node, answer: Answer) -> Result:
    """What a node's decision comes to: its signature, or the refusal with its reasons."""
    if answer.signature is None:
        findings = answer.decision.as_json()["failed"]
        if answer.guard is not None:
            findings = [*findings, answer.guard.as_failure()]
        failed = [finding["rule"] for finding in findings]
        fields = [difference.field for difference in answer.decision.differences]
        named = ", ".join(failed + fields)
        return problem(
            409,
            "refused",
            f"{node.config.name} refuses: {named}",
            operator=node.address,
            digest=answer.digest,
            decision=answer.decision_id,
            failed=findings,
            differences=answer.decision.as_json()["differences"],
            earlier=answer.guard.earlier if answer.guard is not None else None,
        )
    content = {
        **answer.signature.model_dump(mode="json", by_alias=True),
        "digest": answer.digest,
        "decision": answer.decision_id,
        "verdicts": orjson.Fragment(answer.decision.verdicts.canonical),
    }
    return Result(200, content)


def proposals(node: Node, calls: StoredCalls, desk: Desk) -> APIRouter:
    """The routes below /v1/dossiers, /v1/approvals and /v1/updates. `desk` is told of each dossier that comes, and of
    each approval that did not go its short way."""
    router = APIRouter(tags=["proposals"])

    @router.post(
        "/v1/dossiers",
        operation_id="handInDossier",
        summary="Hand in a dossier",
        responses=answers({201: (DossierTaken, "Kept"), 200: (DossierTaken, "It was there")}),
        openapi_extra=takes(Dossier, "dossier"),
    )
    async def hand_in(request: Request) -> Response:
        body = await calls.body(request)

        def work(request_id: int) -> Result:
            result = handed_in(node, request_id, body)
            desk.prepare(result.content["dossierHash"])
            return result

        return await calls.run(request, body, work)

    @router.get(
        "/v1/dossiers/{hash}",
        operation_id="getDossier",
        summary="A dossier by its hash",
        responses=answers({200: (Dossier, "The dossier as it was handed in")}, 404),
    )
    async def dossier(
        request: Request, hash: Annotated[str, Path(description="dossierHash, 0x and 64 hexadecimal digits")]
    ) -> Response:
        def work(_: int) -> Result:
            found = node.database.dossier(hash.lower())
            if found is None:
                return problem(404, "unknown", "this node has no dossier with this hash")
            return Result(200, json.loads(found.canonical()))

        return await calls.run(request, b"", work)

    @router.post(
        APPROVALS,
        operation_id="proposeApproval",
        summary="Propose an approval",
        responses=answers({200: (SignedAnswer, "Signed")}, 409, 503),
        openapi_extra=takes(ApprovalRequest, "approval"),
    )
    async def approvals(request: Request) -> Response:
        body = await calls.body(request)

        def work(request_id: int) -> Result:
            proposed = parsed(ApprovalRequest, body).approval
            result = answered(node, node.approve(request_id, proposed))
            desk.prepare(proposed.dossier_hash)
            return result

        return await calls.run(request, body, work)

    @router.post(
        "/v1/updates",
        operation_id="proposeUpdate",
        summary="Propose an update: renew, resume, revoke, complete",
        responses=answers({200: (SignedAnswer, "Signed")}, 409, 503),
        openapi_extra=takes(UpdateRequest, "update"),
    )
    async def updates(request: Request) -> Response:
        body = await calls.body(request)

        def work(request_id: int) -> Result:
            proposal = parsed(UpdateRequest, body)
            return answered(node, node.update(request_id, proposal.dossier_hash, proposal.update))

        return await calls.run(request, body, work)

    return router
