"""The bytes of one node's log over HTTP, bounded in size and time: the node may be slow, or hostile."""

from __future__ import annotations

import time

import httpx2

from oracle.collector.node_client import NodeClient
from oracle.errors import UnreachableError

__all__ = ["LogClient"]

#: No answer about a log is larger: a bundle of 256 leaves has at most 60 kB, a decision record a few MB.
MAX_BYTES = 10_000_000


class LogClient:
    """Gets bytes from one node, with that client's key. Every fault is an UnreachableError that names the node."""

    def __init__(self, node: NodeClient, *, timeout: float = 45) -> None:
        self.url = node.url
        self._headers = node.headers
        self._timeout = timeout

    def get(self, path: str) -> bytes | None:
        """The body at a path, None if the node has nothing there (404)."""
        end = time.monotonic() + self._timeout
        data = b""
        try:
            with (
                httpx2.Client(timeout=self._timeout, trust_env=False, follow_redirects=False) as client,
                client.stream("GET", self.url + path, headers=self._headers) as response,
            ):
                for chunk in response.iter_bytes():
                    data += chunk
                    if len(data) > MAX_BYTES or time.monotonic() > end:
                        raise UnreachableError(
                            f"the answer takes more than {MAX_BYTES} bytes or {self._timeout:g} s",
                            where=self.url,
                            remedy="ask the operator",
                        )
                status = response.status_code
        except httpx2.TimeoutException:
            raise UnreachableError(
                f"no answer within {self._timeout:g} s", where=self.url, remedy="try again"
            ) from None
        except httpx2.HTTPError as error:
            raise UnreachableError(
                f"not reachable ({type(error).__name__})",
                where=self.url,
                remedy="check the address and that the node runs",
            ) from None
        if status == 404:
            return None
        if status in (401, 403):
            raise UnreachableError(
                f"answered HTTP {status} to {path[:100]}",
                where=self.url,
                remedy="give an API key of scope auditor (--node-keys)",
            )
        if status != 200:
            raise UnreachableError(f"answered HTTP {status} to {path[:100]}", where=self.url, remedy="ask the operator")
        return data
