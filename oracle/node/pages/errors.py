"""Errors as a page for a browser; everybody else gets the problem document."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from oracle.node.access import is_page
from oracle.node.pages.language import catalogue
from oracle.node.pages.surroundings import page, wants_page
from oracle.node.problems import Result, problem, respond

__all__ = ["answer"]


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
