"""The API's description (OpenAPI 3.1): what FastAPI tells by itself, and what the entrance adds to every call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from oracle import __version__
from oracle.domain.dossier import Dossier
from oracle.domain.filing_statement import SignedStatement
from oracle.node.access import scopes_for
from oracle.node.api_models import ApprovalRequest, Problem, UpdateRequest
from oracle.node.problems import PROBLEM

__all__ = ["answers", "described", "examples", "takes"]

_SCHEMA = "#/components/schemas/{model}"
_REQUESTS: tuple[type[BaseModel], ...] = (Dossier, ApprovalRequest, UpdateRequest, SignedStatement, Problem)

_TITLES = {
    400: "The address can't be: control characters, or an API key in it",
    401: "No API key, or none that is good here",
    403: "The key's scope is not enough, or whoever signed has no right to state this",
    404: "Not known to this node",
    408: "The body did not arrive in time",
    409: "Refused: the rules that did not pass and the fields that differ; or the same Idempotency-Key is in work",
    413: "The body is too large",
    414: "Path and query are too long",
    415: "The body is not application/json",
    422: "The input is wrong: field and problem of each fault",
    429: "Too many calls; Retry-After says when the next is good",
    431: "The headers are too long",
    500: "The node failed; its log tells why",
    503: "A source, the chain or the time stamp authority did not answer; nothing was decided",
}
_EVERYWHERE = (400, 414, 429, 431, 500)
_HEADERS: dict[str, Any] = {
    "X-Request-Id": {
        "description": "The caller's own if it is 1 to 64 letters, digits and . _ : -, else a new one",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
    },
    "RateLimit-Policy": {
        "description": "The limit that counts for this caller: calls a minute",
        "schema": {"type": "string"},
    },
    "RateLimit": {"description": "What is left of it", "schema": {"type": "string"}},
}
_NO_CONTROLS = r"^[^\u0000-\u001f\u007f-\u009f]+$"
_RETRY = {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}
_CHALLENGE = {"description": "RFC 6750", "required": True, "schema": {"type": "string"}}
_REPLAYED = {"description": "The answer is that of the first request with this key", "schema": {"enum": ["true"]}}
_DESCRIPTION = """One operator's node. Times are seconds since 1970 or RFC 3339, hashes 0x-hex, amounts integers of \
base units. Errors are RFC 9457 problem documents. HEAD is answered wherever GET is; another method than those listed \
gets 405 with Allow."""


@cache
def examples() -> Mapping[str, Any]:
    """One example of each request body, of an invented company."""
    text = files("oracle.node").joinpath("api_examples.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def answers(good: Mapping[int, tuple[type[BaseModel], str]], *problems: int) -> dict[int | str, dict[str, Any]]:
    """What a call answers: models with a sentence, and the statuses of the problem documents it has of its own."""
    found: dict[int | str, dict[str, Any]] = {
        status: {"model": model, "description": text} for status, (model, text) in good.items()
    }
    # 422 always: FastAPI would describe its own shape of it otherwise.
    return {**found, **{status: _problem_response(status) for status in (*problems, 422)}}


def takes(model: type[BaseModel], example: str) -> dict[str, Any]:
    """The body of a call, for `openapi_extra`: it is parsed after it is stored, so FastAPI does not see it."""
    content = {
        "schema": {"$ref": _SCHEMA.format(model=model.__name__)},
        "examples": {example: {"value": examples()[example]}},
    }
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _problem_response(status: int) -> dict[str, Any]:
    schema = {"$ref": _SCHEMA.format(model="Problem")}
    return {"description": _TITLES[status], "content": {PROBLEM: {"schema": schema}}}


def described(app: FastAPI) -> dict[str, Any]:
    """The whole description."""
    found = get_openapi(
        title=app.title,
        version=__version__,
        description=_DESCRIPTION,
        routes=app.routes,
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    _, definitions = models_json_schema([(model, "validation") for model in _REQUESTS], ref_template=_SCHEMA)
    components = found.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **definitions["$defs"]}
    components["schemas"].pop("HTTPValidationError", None)
    components["schemas"].pop("ValidationError", None)
    components["securitySchemes"] = {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "fgk_<id>_<secret>",
            "description": "From `filing-gate api-key new`. x-scopes of a call lists the scopes of which it needs one.",
        }
    }
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method.upper(), path)
    return found


def _complete(operation: dict[str, Any], method: str, path: str) -> None:
    scopes = scopes_for(method, path)
    statuses = set(_EVERYWHERE)
    if scopes is None:
        operation["security"] = []
    else:
        operation["security"] = [{"apiKey": []}]
        operation["x-scopes"] = sorted(scopes)
        statuses |= {401, 403}
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        if parameter["in"] == "path":
            parameter["schema"] = {"type": "string", "minLength": 1, "pattern": _NO_CONTROLS}
    parameters.append(
        {
            "name": "X-Request-Id",
            "in": "header",
            "required": False,
            "description": "An id of the caller's for this request; one that is not sane is replaced.",
            "schema": {"type": "string"},
        }
    )
    if method == "POST":
        statuses |= {408, 409, 413, 415}
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key with the same body is answered as the first time, and does nothing again.",
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
            }
        )
    responses = operation["responses"]
    for status in statuses:
        responses.setdefault(str(status), _problem_response(status))
    operation["responses"] = dict(sorted(responses.items()))
    for code, response in responses.items():
        headers = {**_HEADERS}
        if code == "401":
            headers["WWW-Authenticate"] = _CHALLENGE
        if code in ("409", "429"):
            headers["Retry-After"] = _RETRY
        if method == "POST" and code < "500":
            headers["Idempotency-Replayed"] = _REPLAYED
        response["headers"] = headers
