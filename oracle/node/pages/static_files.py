"""Style sheet and scripts under addresses that name their content, so that a browser may keep them for ever.

`static/` holds what is ours; `static/vendor/`, which git ignores, what set-up puts there from the locked npm packages
(scripts/bootstrap.sh, deploy/Dockerfile). The pages work without a script, so a missing one is no error.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

__all__ = ["HTMX", "static_router", "static_url"]

HTMX = "vendor/htmx.min.js"

_OURS = ("site.css", "site.js", "icon.svg")
_MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


@dataclass(frozen=True)
class _File:
    address: str
    data: bytes
    packed: bytes
    media: str


@cache
def _by_name() -> Mapping[str, _File]:
    found = {}
    for name in (*_OURS, HTMX):
        place = files("oracle.node.pages").joinpath("static", *name.split("/"))
        if not place.is_file():
            continue
        data, path = place.read_bytes(), PurePosixPath(name)
        address = f"/static/{path.stem}.{hashlib.sha256(data).hexdigest()[:16]}{path.suffix}"
        found[name] = _File(address, data, gzip.compress(data, mtime=0), _MEDIA[path.suffix])
    return found


@cache
def _by_address() -> Mapping[str, _File]:
    return {item.address: item for item in _by_name().values()}


def static_url(name: str) -> str | None:
    """The address of a file of `static/`; None if it is not installed."""
    found = _by_name().get(name)
    return found.address if found else None


def static_router() -> APIRouter:
    """The route below /static."""
    router = APIRouter(include_in_schema=False)

    @router.get("/static/{name}")
    async def static(request: Request, name: str) -> Response:
        found = _by_address().get(request.url.path)
        if found is None:
            raise HTTPException(404)
        packed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {**_FOREVER, **({"Content-Encoding": "gzip"} if packed else {})}
        return Response(found.packed if packed else found.data, headers=headers, media_type=found.media)

    return router
