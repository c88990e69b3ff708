"""Signing in to the pages with an API key, and out; who is signed in.

The key is read from one form, looked up, and forgotten: what a browser keeps is the token of a short session.
"""

from __future__ import annotations

import logging
import time

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from oracle.node.access import session_cookie
from oracle.node.config import HttpConfig
from oracle.node.limits import Limits, client_address
from oracle.node.pages.errors import PageError
from oracle.node.pages.languages_page import local
from oracle.node.pages.posted import read_form, signed_in
from oracle.node.pages.sight import caller_of
from oracle.node.pages.surroundings import page
from oracle.node.service import Node
from oracle.store.api_keys import ApiKeys, Scope
from oracle.store.sessions import Sessions

__all__ = ["sign_in_router"]

LOG = logging.getLogger("filing_gate.pages")

_MAX_BYTES = 10_000
_OPERATES = frozenset({Scope.OPERATOR})


def sign_in_router(node: Node) -> APIRouter:
    """The routes /operator/sign-in, /operator/sign-out and /operator/sessions."""
    router = APIRouter(include_in_schema=False)
    config = node.config.http
    keys, sessions, limits = ApiKeys(node.database.engine), Sessions(node.database.engine), Limits(config)

    def asked(request: Request, back: str, *, error: str | None = None, status: int = 200) -> Response:
        open_to_all = config.auth == "none"
        minutes = config.session_minutes
        return page(request, "sign_in.html", status=status, back_to=back, error=error, keyless=open_to_all, n=minutes)

    @router.get("/operator/sign-in")
    async def form(request: Request) -> Response:
        back = _target(request.query_params.get("back", ""))
        return asked(request, back) if caller_of(request).session is None else RedirectResponse(back, 303)

    @router.post("/operator/sign-in")
    async def sign_in(request: Request) -> Response:
        peer = request.client.host if request.client else "unknown"
        address = client_address(peer, request.headers.get("x-forwarded-for"), config.trusted_proxies)
        allowance = limits.of_sign_in(address, time.monotonic())
        if allowance is not None and allowance.wait:
            raise PageError(429, "tries")
        posted = await read_form(request, config, _MAX_BYTES, token=False)
        back, now = _target(posted.get("back")), int(time.time())
        key = None
        if config.auth != "none":
            key = await run_in_threadpool(keys.find, posted.get("key").strip(), now)
            if key is None:
                LOG.warning("sign-in refused", extra={"address": address})
                return asked(request, back, error="refused", status=401)
        # Whatever token the browser brought is ended: nobody can have it signed in under one that he knows.
        before = caller_of(request).session
        if before is not None:
            await run_in_threadpool(sessions.end, before.id)
        made, token = await run_in_threadpool(sessions.new, key, now, config.session_minutes * 60)
        LOG.info("signed in", extra={"session": made.id, "key": key.id if key else None})
        answer = RedirectResponse(back, 303)
        _keep(answer, config, token, config.session_minutes * 60)
        return answer

    @router.post("/operator/sign-out")
    async def sign_out(request: Request) -> Response:
        caller = signed_in(request, None)
        await read_form(request, config, _MAX_BYTES)
        if caller.session is not None:
            await run_in_threadpool(sessions.end, caller.session.id)
            LOG.info("signed out", extra={"session": caller.session.id})
        answer = RedirectResponse("/operator/sign-in", 303)
        _keep(answer, config, "", 0)
        return answer

    @router.get("/operator/sessions")
    async def listed(request: Request) -> Response:
        caller = signed_in(request, _OPERATES)
        now = int(time.time())
        found = await run_in_threadpool(sessions.all, now)
        return page(request, "sessions.html", sessions=found, own=caller.session, now=now)

    @router.post("/operator/sessions")
    async def end(request: Request) -> Response:
        signed_in(request, _OPERATES)
        posted = await read_form(request, config, _MAX_BYTES)
        if await run_in_threadpool(sessions.end, posted.get("session")):
            LOG.info("session ended by an operator", extra={"session": posted.get("session")[:12]})
        return RedirectResponse("/operator/sessions", 303)

    return router


def _keep(answer: Response, config: HttpConfig, token: str, seconds: int) -> None:
    answer.set_cookie(
        session_cookie(config),
        token,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="strict",
        secure=config.behind_tls,
    )


def _target(back: str) -> str:
    """Where to go on after signing in: a page of this node."""
    return back if local(back) and back.startswith(("/operator", "/dossier")) else "/operator"
