"""What every page has around it: the templates, the language, the visitor, the headers that keep it safe."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from oracle import __version__
from oracle.node.pages.language import HTML_LANG, LANGUAGES, catalogue, language_of, translator
from oracle.node.pages.shown import FILTERS
from oracle.node.pages.sight import caller_of, sight_of
from oracle.node.pages.static_files import HTMX, static_url

__all__ = ["PAGE_POLICY", "is_fragment", "page", "wants_page"]

#: Content-Security-Policy of a page: its own style and scripts, forms to itself, nothing inline, nothing from outside.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)

_FOR_PROGRAMS = ("/v1/", "/log/", "/static/", "/metrics", "/readyz", "/healthz", "/openapi.json")


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    block: str | None = None,
    **context: Any,
) -> HTMLResponse:
    """A template as the answer to a request; with `block`, that block of it alone, as a script asks for.

    Every template gets t (text by key), texts (all of them by key), visitor, language, sight, path (of the page shown),
    here (first part of the path) and static (address of a file).
    """
    language = language_of(request)
    path = request.scope["path"]
    found = _environment().get_template(template)
    known = {
        "t": translator(language),
        "texts": catalogue(language),
        "language": language,
        "html_lang": HTML_LANG[language],
        "languages": LANGUAGES,
        "sight": sight_of(request),
        "visitor": caller_of(request),
        "path": path,
        "here": "/" + path.split("/")[1],
        # Only a GET can be shown again after the language was switched.
        "back": quote(path + (f"?{request.url.query}" if request.url.query else ""), safe="")
        if request.method in ("GET", "HEAD")
        else quote(path, safe=""),
        "request_id": getattr(request.state, "request_id", ""),
        "static": static_url,
        "htmx": static_url(HTMX),
        "version": __version__,
        **context,
    }
    if block is None:
        text = found.render(known)
    else:
        scope = found.new_context(known)
        text = "".join(found.blocks[block](scope))
    answer = {
        "Content-Security-Policy": PAGE_POLICY,
        # With the API's no-referrer a browser would hide from a form's target where the form came from.
        "Referrer-Policy": "same-origin",
        "Content-Language": HTML_LANG[language],
        "Vary": "Accept-Language, Cookie, HX-Request",
        **(headers or {}),
    }
    return HTMLResponse(text, status, headers=answer)


def wants_page(request: Request) -> bool:
    """Whether the caller is a browser that wants a page, and not an API's client."""
    if request.scope["path"].startswith(_FOR_PROGRAMS):
        return False
    return "text/html" in request.headers.get("accept", "")


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of the page it shows."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-history-restore-request") != "true"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("oracle.node.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    environment.filters |= FILTERS
    return environment
