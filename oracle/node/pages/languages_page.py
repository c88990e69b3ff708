"""The language switch: a plain link, so that it works without a script."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from oracle.node.pages.language import COOKIE, LANGUAGES

__all__ = ["language_router", "local"]

_YEAR = 31_536_000


def language_router() -> APIRouter:
    """The route /language/{language}."""
    router = APIRouter(include_in_schema=False)

    @router.get("/language/{language}")
    async def switch(request: Request, language: str) -> Response:
        if language not in LANGUAGES:
            raise HTTPException(404)
        target = request.query_params.get("back", "/")
        response = RedirectResponse(target if local(target) else "/", 303)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, language, max_age=_YEAR, httponly=True, samesite="lax", secure=secure)
        return response

    return router


def local(target: str) -> bool:
    """Whether an address is a path of this node: another site's must not be reached by a link that looks like ours."""
    return target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
