"""A stored original, shown safely: as escaped text on a page, or as a download that no browser runs."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from oracle.errors import InputError
from oracle.node.pages.sight import caller_of, sight_of
from oracle.node.pages.surroundings import page
from oracle.node.service import Node

__all__ = ["SHOWN_BYTES", "evidence_router"]

#: Of a long original the page shows the beginning; the download has all of it.
SHOWN_BYTES = 65_536
_NAME = re.compile("[0-9a-f]{64}")
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*(gb18030|gbk|gb2312)", re.IGNORECASE)
#: Whatever the bytes are, and even if a browser shows them: no script, no form, no origin.
_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"


def evidence_router(node: Node) -> APIRouter:
    """The routes /evidence/{sha256} and /evidence/{sha256}/original."""
    router = APIRouter(include_in_schema=False)

    async def stored(request: Request, sha256: str) -> bytes:
        if not sight_of(request).records:
            raise HTTPException(403 if caller_of(request).scopes else 401)
        if not _NAME.fullmatch(sha256):
            raise HTTPException(404)
        try:
            return await run_in_threadpool(node.evidence.get, sha256)
        except InputError:
            raise HTTPException(404) from None

    @router.get("/evidence/{sha256}")
    async def shown(request: Request, sha256: str) -> Response:
        data = await stored(request, sha256)
        text, coding = _text(data[:SHOWN_BYTES])
        return page(
            request,
            "evidence.html",
            sha256=sha256,
            size=len(data),
            text=text,
            coding=coding,
            cut=len(data) > SHOWN_BYTES,
        )

    @router.get("/evidence/{sha256}/original")
    async def original(request: Request, sha256: str) -> Response:
        data = await stored(request, sha256)
        headers = {
            "Content-Disposition": f'attachment; filename="{sha256[:16]}.bin"',
            "Content-Security-Policy": _SANDBOX,
        }
        return Response(data, headers=headers, media_type="application/octet-stream")

    return router


def _text(data: bytes) -> tuple[str | None, str]:
    """The bytes as text and the coding they were read in; None if they are no text."""
    if b"\0" in data or data.startswith((b"%PDF", b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")):
        return None, ""
    names = ["gb18030"] if _CHARSET.search(data[:2_000]) else ["utf-8", "gb18030"]
    for name in names:
        for end in range(4):  # the cut may be inside a character
            try:
                return _printable(data[: len(data) - end].decode(name)), name
            except UnicodeDecodeError:
                continue
    return None, ""


def _printable(text: str) -> str:
    """Control and direction marks made visible, so that what is read is what is there."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text.replace("\r\n", "\n"))
