"""What a browser posts: read within bounds, only from this node's own pages, and for a session only with its token."""

from __future__ import annotations

import hmac
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from oracle.node.access import Caller
from oracle.node.config import HttpConfig
from oracle.node.pages.errors import PageError, SignInNeeded
from oracle.node.pages.sight import caller_of
from oracle.node.stored_calls import whole_body
from oracle.store.api_keys import Scope

__all__ = ["TOKEN", "Posted", "read_form", "signed_in"]

#: The name of the field that carries a session's form token.
TOKEN = "form_token"  # noqa: S105

_MAX_FIELDS = 10_000
_MAX_FILES = 2


@dataclass(frozen=True)
class Posted:
    """A form as it was sent: fields in order, files by name (empty ones left out)."""

    fields: tuple[tuple[str, str], ...]
    files: dict[str, bytes]

    def get(self, name: str) -> str:
        """The first field of that name; empty if there is none."""
        return next((value for key, value in self.fields if key == name), "")


def signed_in(request: Request, scopes: frozenset[Scope] | None) -> Caller:
    """Who is signed in with one of these scopes. SignInNeeded without a session, PageError 403 for another scope."""
    caller = caller_of(request)
    if caller.session is None:
        raise SignInNeeded(request.url.path)
    if scopes is not None and not caller.scopes & scopes:
        raise PageError(403, "scope")
    return caller


def same_site(request: Request) -> bool:
    """Whether a browser says that the request comes from a page of this node. One that says nothing is not believed."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return site == "same-origin"
    # A proxy that ends TLS changes the scheme and not the name.
    return urlsplit(origin).netloc == request.headers.get("host")


async def read_form(request: Request, config: HttpConfig, limit: int, *, token: bool = True) -> Posted:
    """The form, at most `limit` bytes with everything around it.

    PageError 403 if it comes from elsewhere or, with `token`, not from a page of the caller's own session; LimitError
    for one that is too large or too slow; PageError 400 for one that can't be read.
    """
    if not same_site(request):
        raise PageError(403, "origin")
    data = await whole_body(request, limit, config.body_seconds)
    found = await _read(request, data, limit)
    if token:
        expected = caller_of(request).form_token
        if not expected or not hmac.compare_digest(found.get(TOKEN).encode("utf-8", "replace"), expected.encode()):
            raise PageError(403, "form")
    return found


async def _read(request: Request, data: bytes, limit: int) -> Posted:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if media == "application/x-www-form-urlencoded":
            pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
            return Posted(tuple(pairs), {})
        if media != "multipart/form-data":
            raise PageError(415, "unread")
        parser = MultiPartParser(
            request.headers, _chunk(data), max_files=_MAX_FILES, max_fields=_MAX_FIELDS, max_part_size=limit
        )
        # Nothing goes to a disk, not even for a moment.
        parser.spool_max_size = limit + 1
        form = await parser.parse()
    except (ValueError, MultiPartException):
        raise PageError(400, "unread") from None
    fields, files = [], {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            content = await value.read()
            if content:
                files[name] = content
        else:
            fields.append((name, value))
    await form.close()
    return Posted(tuple(fields), files)


async def _chunk(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data
    yield b""
