"""The calls that are kept: each request is stored before it is looked at and each answer before it is sent."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from oracle.domain.dossier import MAX_DOSSIER_BYTES
from oracle.errors import FilingGateError, InputError
from oracle.node.access import Caller
from oracle.node.entrance import sane_token
from oracle.node.problems import PROBLEM, LimitError, Result, of_error, problem
from oracle.node.service import Node
from oracle.store.database import format_time
from oracle.store.idempotency import IdempotencyKeys

__all__ = ["StoredCalls", "Work", "whole_body"]

#: Does what a call asks for; given the number under which the request is stored.
Work = Callable[[int], Result]


class StoredCalls:
    """Runs the calls of one node. Only what has passed authentication and limits comes here."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._idempotency = IdempotencyKeys(node.database.engine)

    async def body(self, request: Request, limit: int = MAX_DOSSIER_BYTES) -> bytes:
        """The body, cut off at the limit while it streams. LimitError if it is too large, too slow, or not JSON."""
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json":
            # What a page of another site may send without being asked is never this type.
            raise LimitError(415, "media-type", "the body is not application/json", remedy="name it in Content-Type")
        return await whole_body(request, limit, self._node.config.http.body_seconds)

    async def run(self, request: Request, body: bytes, work: Work) -> Response:
        """Store the request, do the work, store the answer; or repeat the answer of the same Idempotency-Key."""
        return await run_in_threadpool(self._run, request, body, work)

    def _run(self, request: Request, body: bytes, work: Work) -> Response:
        caller: Caller = request.state.caller
        database, name = self._node.database, request.state.request_id
        query = f"?{request.url.query}" if request.url.query else ""
        path = request.scope["path"] + query
        number = database.add_request(
            format_time(datetime.now(UTC)), request.method, path, body, name=name, api_key=caller.key_id
        )
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if key is None:
            return self._answered(number, name, work)
        if not sane_token(key):
            error = InputError(
                "1 to 64 letters, digits and . _ : - are expected", where="Idempotency-Key", remedy="send e.g. a UUID"
            )
            return self._answered(number, name, lambda _: of_error(error))
        fingerprint = hashlib.sha256(f"{request.method} {path}\n".encode() + body).hexdigest()
        owner = caller.key_id or "-"
        keep = self._node.config.http.idempotency_hours * 3600
        claim = self._idempotency.claim(owner, key, fingerprint, number, int(time.time()), keep)
        if claim.taken:
            done = False
            try:
                response = self._answered(number, name, work)
                done = True
            finally:
                if not done:
                    self._idempotency.release(owner, key, number)
            return response
        if claim.status is not None and claim.body is not None:
            database.add_answer(number, format_time(datetime.now(UTC)), claim.status, claim.body)
            media = PROBLEM if claim.status >= 400 else "application/json"
            return Response(claim.body, claim.status, headers={"Idempotency-Replayed": "true"}, media_type=media)
        if claim.same:
            result = problem(
                409, "in-work", "the first request with this Idempotency-Key is in work", {"Retry-After": "1"}
            )
        else:
            result = problem(422, "key-reused", "this Idempotency-Key stands for another request")
        return self._answered(number, name, lambda _: result)

    def kept(self, request: Request, path: str, body: bytes, work: Work) -> Result:
        """The same for what a page does in place of the call `POST path`: the request is stored as that call's."""
        caller: Caller = request.state.caller
        number = self._node.database.add_request(
            format_time(datetime.now(UTC)), "POST", path, body, name=request.state.request_id, api_key=caller.key_id
        )
        return self._worked(number, request.state.request_id, work)[0]

    def _answered(self, number: int, name: str, work: Work) -> Response:
        result, data = self._worked(number, name, work)
        return Response(data, result.status, headers=dict(result.headers), media_type=result.media)

    def _worked(self, number: int, name: str, work: Work) -> tuple[Result, bytes]:
        try:
            result = work(number)
        except FilingGateError as error:
            result = of_error(error)
        data = result.data(name)
        self._node.database.add_answer(number, format_time(datetime.now(UTC)), result.status, data)
        return result, data


async def whole_body(request: Request, limit: int, seconds: float) -> bytes:
    """The body, cut off at the limit while it streams. LimitError if it is larger, or takes longer."""
    data = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                data += chunk
                if len(data) > limit:
                    raise LimitError(
                        413,
                        "too-large",
                        f"the body is larger than {limit} bytes",
                        remedy="documents enter by their hash",
                    )
    except TimeoutError:
        raise LimitError(
            408, "too-slow", f"the body did not arrive within {seconds:g} s", remedy="send it again", closes=True
        ) from None
    return bytes(data)
