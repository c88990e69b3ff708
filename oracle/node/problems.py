"""Errors as RFC 9457 problem documents. `type` is `urn:filing-gate:problem:<kind>`; the kinds are in docs/api.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.responses import Response

from oracle.domain.canonical import exact
from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.node.duties import ForbiddenError, UnknownFilingError

__all__ = ["PROBLEM", "TYPE", "LimitError", "Result", "of_error", "problem", "respond"]

PROBLEM = "application/problem+json"
TYPE = "urn:filing-gate:problem:"


class LimitError(InputError):
    """A request beyond a bound: it is refused with `status` before anything is stored."""

    def __init__(self, status: int, kind: str, what: str, *, remedy: str, closes: bool = False) -> None:
        super().__init__(what, remedy=remedy)
        self.status = status
        self.kind = kind
        #: Whether the connection ends with the answer.
        self.closes = closes


@dataclass(frozen=True)
class Result:
    """What a call comes to: status, media type, JSON-ready content, headers."""

    status: int
    content: Any
    media: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def data(self, request_id: str) -> bytes:
        """The content as it is stored and sent; a problem names the request."""
        content = {**self.content, "requestId": request_id} if self.media == PROBLEM else self.content
        try:
            return exact(orjson.dumps(content))
        except orjson.JSONEncodeError:
            pass  # an integer beyond 64 bits, or a lone surrogate
        # A lone surrogate that a caller sent as an escape, and that an error names, has no UTF-8.
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")


def problem(status: int, kind: str, title: str, headers: Mapping[str, str] | None = None, **more: Any) -> Result:
    """A problem document; keys whose value is None are left out."""
    content = {
        "type": TYPE + kind,
        "title": title,
        "status": status,
        **{key: value for key, value in more.items() if value is not None},
    }
    return Result(status, content, PROBLEM, headers or {})


def of_error(error: FilingGateError) -> Result:
    """The problem document of an error of ours."""
    if isinstance(error, LimitError):
        return problem(error.status, error.kind, str(error), {"Connection": "close"} if error.closes else None)
    if isinstance(error, UnreachableError):
        return problem(503, "unreachable", str(error))
    if isinstance(error, ForbiddenError):
        return problem(403, "forbidden", str(error))
    if isinstance(error, UnknownFilingError):
        return problem(404, "unknown", str(error))
    if isinstance(error, InputError):
        return problem(422, "invalid", str(error), errors=error.details)
    return problem(500, "fault", str(error))


def respond(result: Result, request_id: str) -> Response:
    """The result as an answer to the request of that X-Request-Id."""
    return Response(result.data(request_id), result.status, headers=dict(result.headers), media_type=result.media)
