"""One node over HTTP, with bounds: it may be down, slow, lying or hostile, and none of it may hang the collector."""

from __future__ import annotations

import re
import ssl
import time
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from oracle.domain.canonical import parse_json
from oracle.errors import InputError, UnreachableError

__all__ = ["NodeClient", "NodeReply"]

#: Largest answer that is read, in bytes.
MAX_ANSWER = 2_000_000


@cache
def _trusted() -> ssl.SSLContext:
    """The usual authorities, read once a process: reading them takes longer than a request."""
    return httpx2.create_ssl_context(trust_env=False)


@dataclass(frozen=True)
class NodeReply:
    """An HTTP answer: status and JSON object."""

    status: int
    content: dict[str, Any]


class NodeClient:
    """Calls one node's API, with this node's key if one is given. Every fault is an UnreachableError that names it."""

    def __init__(self, url: str, *, key: str | None = None, timeout: float = 45) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            # The address is not repeated: it may hold a password.
            raise InputError(
                "not a node's http(s) address, without user name",
                where="--node",
                remedy="write e.g. http://127.0.0.1:8700",
            )
        self.url = url.rstrip("/")
        if key is not None and not re.fullmatch(r"[!-~]{1,200}", key):
            raise InputError("its key is no API key", where=self.url, remedy="it reads fgk_… and has no blanks")
        self._headers = {"Content-Type": "application/json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._timeout = timeout

    def get(self, path: str) -> NodeReply:
        """GET a path."""
        return self._request("GET", path, None)

    def post(self, path: str, body: bytes) -> NodeReply:
        """POST JSON bytes to a path."""
        return self._request("POST", path, body)

    def filing(self, number: str) -> NodeReply:
        """`GET /v1/filings/{number}`."""
        return self.get("/v1/filings/" + quote(number, safe=""))

    def bytes_of(self, method: str, path: str, body: bytes | None, most: int) -> tuple[int, httpx2.Headers, bytes]:
        """Status, headers and body of an answer of at most `most` bytes, all of it within the timeout."""
        end = time.monotonic() + self._timeout
        data = bytearray()
        try:
            with (
                httpx2.Client(
                    verify=_trusted(), timeout=self._timeout, trust_env=False, follow_redirects=False
                ) as client,
                client.stream(method, self.url + path, content=body, headers=self._headers) as response,
            ):
                for chunk in response.iter_bytes():
                    data += chunk
                    if len(data) > most or time.monotonic() > end:
                        raise UnreachableError(
                            f"the answer is larger than {most} bytes or takes more than {self._timeout:g} s",
                            where=self.url,
                            remedy="ask the operator",
                        )
                return response.status_code, response.headers, bytes(data)
        except httpx2.TimeoutException:
            raise UnreachableError(
                f"no answer within {self._timeout:g} s", where=self.url, remedy="try again, or use another node"
            ) from None
        except httpx2.HTTPError as error:
            raise UnreachableError(
                f"not reachable ({type(error).__name__})",
                where=self.url,
                remedy="check the address and that the node runs",
            ) from None

    def _request(self, method: str, path: str, body: bytes | None) -> NodeReply:
        status, _, data = self.bytes_of(method, path, body, MAX_ANSWER)
        try:
            content = parse_json(data, what=self.url)
        except InputError as error:
            raise UnreachableError(
                f"answered HTTP {status} without JSON: {error.what}",
                where=self.url,
                remedy="is this a filing-gate node?",
            ) from None
        if not isinstance(content, dict):
            raise UnreachableError(
                f"answered HTTP {status} with JSON that is no object",
                where=self.url,
                remedy="is this a filing-gate node?",
            )
        return NodeReply(status, content)
