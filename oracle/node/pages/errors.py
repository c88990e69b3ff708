"""Errors as a page for a browser; everybody else gets the problem document."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from oracle.node.access import is_page
from oracle.node.pages.language import catalogue
from oracle.node.pages.surroundings import page, wants_page
from oracle.node.problems import Result, problem, respond

__all__ = ["PageError", "SignInNeeded", "answer", "refused_page"]


class PageError(Exception):
    """A page refuses. `key` names title and text in the catalogue: `refused.title_<key>`, `refused.text_<key>`."""

    def __init__(self, status: int, key: str) -> None:
        super().__init__(key)
        self.status = status
        self.key = key


class SignInNeeded(PageError):
    """Nobody is signed in, or the session has ended; `back` is the page to go on with."""

    def __init__(self, back: str) -> None:
        super().__init__(401, "session")
        self.back = back


async def refused_page(request: Request, error: Exception) -> Response:
    """What a PageError comes to: for a visitor without a session the sign-in, else a page that says why."""
    if not isinstance(error, PageError):
        raise error
    if isinstance(error, SignInNeeded) and request.method in ("GET", "HEAD"):
        return RedirectResponse(f"/operator/sign-in?back={quote(error.back, safe='')}", 303)
    return page(
        request,
        "error.html",
        status=error.status,
        code=error.status,
        title_key=f"refused.title_{error.key}",
        text_key=f"refused.text_{error.key}",
        detail=None,
    )


def answer(request: Request, result: Result) -> Response:
    """A problem in the form that the caller reads: a page if it is a browser on a page, else RFC 9457."""
    if result.status < 400 or not wants_page(request):
        return respond(result, request.state.request_id)
    if result.status == 401 and not is_page(request.scope["method"], request.scope["path"]):
        # The entrance asks for a key before it looks what is there; a person just mistyped an address.
        result = problem(404, "unknown", "there is nothing at this address")
    kind = str(result.status)
    known = f"error.title_{kind}" in catalogue("en")
    return page(
        request,
        "error.html",
        status=result.status,
        headers={name: value for name, value in result.headers.items() if name.lower() != "www-authenticate"},
        code=result.status,
        title_key=f"error.title_{kind if known else 'other'}",
        text_key=f"error.text_{kind if known else 'other'}",
        detail=result.content.get("title") if result.status not in (404, 500) else None,
    )
