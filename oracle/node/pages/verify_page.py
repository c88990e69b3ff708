"""Verify a bundle: the file is checked in memory by the auditor's code, each check is shown, nothing is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import Response

from oracle.errors import FilingGateError
from oracle.node.pages.surroundings import page

__all__ = ["MAX_UPLOAD", "Verify", "verify_router"]

#: Largest bundle that a page takes, in bytes; the command `filing-gate verify` takes greater ones.
MAX_UPLOAD = 16_000_000
#: Of a file that is too large so much is received and thrown away: a browser reads no answer before it has sent all.
_DISCARDED = 128_000_000
#: What a form adds around the file.
_AROUND = 4_096

#: Checks a bundle and gives the report as JSON: `BundleReport.as_json`. InputError if it is no bundle.
Verify = Callable[[bytes], dict[str, Any]]


def verify_router(verify: Verify | None, body_seconds: float) -> APIRouter:
    """The route /verify. Without `verify` it says that this node checks no bundles."""
    router = APIRouter(include_in_schema=False)
    # One at a time: a hostile bundle must not take every thread of the node.
    turn = asyncio.Semaphore(1)

    def shown(request: Request, status: int = 200, **found: Any) -> Response:
        context = {"error": None, "detail": None, "report": None, "name": "", "took": 0, **found}
        return page(request, "verify.html", status=status, offered=verify is not None, limit=MAX_UPLOAD, **context)

    @router.get("/verify")
    async def form(request: Request) -> Response:
        return shown(request)

    @router.post("/verify")
    async def check(request: Request) -> Response:
        if verify is None:
            raise HTTPException(404)
        try:
            async with asyncio.timeout(body_seconds):
                data, name = await _file(request)
        except TimeoutError:
            return shown(request, 408, error="verify.error_slow")
        except _TooLarge as fault:
            if fault.more:
                await _discard(request, body_seconds)
            return shown(request, 413, error="verify.error_large")
        if not data:
            return shown(request, 422, error="verify.error_none")
        began = time.monotonic()
        async with turn:
            try:
                report = await run_in_threadpool(verify, data)
            except FilingGateError as error:
                return shown(request, 422, error="verify.error_bundle", detail=str(error), name=name)
        return shown(request, report=report, name=name, took=time.monotonic() - began)

    return router


class _TooLarge(Exception):
    """More than MAX_UPLOAD bytes; `more`: and not all of them have arrived."""

    def __init__(self, *, more: bool) -> None:
        super().__init__()
        self.more = more


async def _discard(request: Request, seconds: float) -> None:
    left = _DISCARDED
    try:
        async with asyncio.timeout(seconds):
            while left > 0:
                message = await request.receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return


async def _file(request: Request) -> tuple[bytes, str]:
    """The file of the form field `bundle` and its name; empty if there is none."""
    if int(request.headers.get("content-length") or "0") > MAX_UPLOAD + _AROUND:
        raise _TooLarge(more=True)
    received = 0
    receive = request.receive

    async def bounded() -> Any:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_UPLOAD + _AROUND:
            raise _TooLarge(more=bool(message.get("more_body")))
        return message

    try:
        form = await Request(request.scope, bounded).form(max_files=1, max_fields=4)
    except (MultiPartException, HTTPException):
        return b"", ""
    try:
        found = form.get("bundle")
        if not isinstance(found, UploadFile):
            return b"", ""
        if (found.size or 0) > MAX_UPLOAD:
            raise _TooLarge(more=False)
        return await found.read(), (found.filename or "")[:100]
    finally:
        await form.close()
