"""What every call passes before the API looks at it: a request id, bounds, the caller's key, the caller's limit.

`Doorway` is outermost, so that each answer, an error's too, carries the headers; `Gate` comes after the answer to a
browser's preflight, which has no key.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oracle.errors import FilingGateError
from oracle.node.access import Access, UnauthenticatedError, is_page
from oracle.node.config import HttpConfig
from oracle.node.limits import Allowance, Limits, client_address
from oracle.node.problems import Result, of_error, problem
from oracle.store.api_keys import KEY_MARK

__all__ = ["MAX_HEADER_BYTES", "MAX_TARGET_BYTES", "Doorway", "Gate", "sane_token"]

#: Longest path with query, in bytes: a filing number of 200 characters, percent-encoded, fits.
MAX_TARGET_BYTES = 4096
#: All header lines together, in bytes.
MAX_HEADER_BYTES = 16_384

_TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,64}")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_ALWAYS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_HSTS = "max-age=31536000"


def sane_token(text: str | None) -> bool:
    """Whether a caller's id or key of its own is good to store and repeat: short, plain, and no API key."""
    return text is not None and _TOKEN.fullmatch(text) is not None and not text.startswith(KEY_MARK)


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class Doorway:
    """Gives each request its id and each answer its headers, and answers HEAD as GET without the body."""

    def __init__(self, app: ASGIApp, config: HttpConfig) -> None:
        self._app = app
        always = {**_ALWAYS, **({"Strict-Transport-Security": _HSTS} if config.behind_tls else {})}
        self._headers = _raw(always)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id")
        request_id = given if given is not None and sane_token(given) else secrets.token_hex(16)
        head = scope["method"] == "HEAD"
        inner = {
            **scope,
            "method": "GET" if head else scope["method"],
            "state": {**scope.get("state", {}), "request_id": request_id},
        }

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                # A page has a policy of its own.
                own = {name for name, _ in headers}
                headers += [header for header in self._headers if header[0] not in own]
                headers.append((b"x-request-id", request_id.encode()))
                message = {**message, "headers": headers}
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(inner, receive, answer)


class Gate:
    """Lets through who may call and has not called too often; everybody else gets the answer that `refuse` makes."""

    def __init__(
        self, app: ASGIApp, config: HttpConfig, access: Access, refuse: Callable[[Request, Result], Response]
    ) -> None:
        self._app = app
        self._refuse = refuse
        self._config = config
        self._access = access
        self._limits = Limits(config)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. Leaves the `Caller` in the request's state."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._out_of_bounds(scope, headers)
        allowance = None
        if refusal is None:
            try:
                refusal, allowance = await self._admit(scope, headers)
            except FilingGateError as error:  # the database, which knows the keys, does not answer
                refusal = of_error(error)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and allowance is not None:
                message = {**message, "headers": [*message.get("headers", ()), *_raw(allowance.headers())]}
            await send(message)

        if refusal is None:
            await self._app(scope, receive, answer)
        else:
            await self._refuse(Request(scope), refusal)(scope, receive, answer)

    def _out_of_bounds(self, scope: Scope, headers: Headers) -> Result | None:
        target = (scope.get("raw_path") or scope["path"].encode()) + b"?" + scope["query_string"]
        if len(target) > MAX_TARGET_BYTES:
            return problem(414, "too-long", f"path and query are longer than {MAX_TARGET_BYTES} bytes")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
            return problem(431, "too-long", f"the headers are longer than {MAX_HEADER_BYTES} bytes")
        if KEY_MARK.encode() in target:
            return problem(
                400, "key-in-url", "an API key stands in the address, where logs keep it: revoke it, use a header"
            )
        if _CONTROL.search(scope["path"]):
            return problem(400, "malformed", "the path holds control characters")
        if self._config.auth == "none" and not _is_here(headers.get("host", "")):
            # A page of another site that has its own name point here would otherwise be the operator.
            return problem(421, "misdirected", "without keys, this node answers only under a loopback name")
        return None

    async def _admit(self, scope: Scope, headers: Headers) -> tuple[Result | None, Allowance | None]:
        method, path = scope["method"], scope["path"]
        peer = scope["client"][0] if scope.get("client") else "unknown"
        address = client_address(peer, headers.get("x-forwarded-for"), self._config.trusted_proxies)
        needed = self._access.needed(method, path)
        refusal = None
        page = is_page(method, path)
        if needed is None and not page:
            allowance = self._limits.of_stranger(address, time.monotonic())
        else:
            try:
                key = headers.get("authorization")
                if page:
                    caller = await run_in_threadpool(self._access.visitor, key, Request(scope).cookies)
                else:
                    known = self._access.known(key)
                    caller = known if known is not None else await run_in_threadpool(self._access.caller, key)
                scope["state"]["caller"] = caller
                allowance = (
                    self._limits.of_caller(caller, address, time.monotonic())
                    if caller.scopes
                    else self._limits.of_stranger(address, time.monotonic())
                )
                if needed is not None and not caller.scopes & needed:
                    refusal = problem(403, "forbidden", f"this call needs a key of scope {_listed(needed)}")
            except UnauthenticatedError as error:
                allowance = self._limits.of_stranger(address, time.monotonic())
                refusal = problem(
                    401, "unauthenticated", str(error), {"WWW-Authenticate": 'Bearer realm="filing-gate"'}
                )
        if allowance is not None and allowance.wait:
            refusal = problem(429, "too-many", f"more than {allowance.quota} calls a minute; wait {allowance.wait} s")
        return refusal, allowance


def _listed(scopes: Iterable[str]) -> str:
    return " or ".join(sorted(scopes))


def _is_here(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.lower() == "localhost"
