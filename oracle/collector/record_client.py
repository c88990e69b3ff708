"""The bytes of one node's records and log over HTTP, bounded in size and time: the node may be slow, or hostile."""

from __future__ import annotations

import time

from oracle.collector.node_client import NodeClient
from oracle.errors import UnreachableError

__all__ = ["RecordClient"]

#: No answer about a log is larger: a bundle of 256 leaves has at most 60 kB, a decision record a few MB.
MAX_BYTES = 10_000_000

#: How often a node is asked that answers 429, and the longest wait between two times, in seconds.
RETRIES = 5
MOST_WAIT = 60


class RecordClient:
    """Gets bytes from one node. Every fault is an UnreachableError that names the node."""

    def __init__(self, url: str, *, key: str | None = None, timeout: float = 45, most: int = MAX_BYTES) -> None:
        """With this node's API key where records are asked for; `most` bounds an answer in bytes.

        InputError if the URL is no node's address, or the key none.
        """
        self._node = NodeClient(url, key=key, timeout=timeout)
        self.url = self._node.url
        self._most = most

    def get(self, path: str) -> bytes | None:
        """The body at a path, None if the node has nothing there. Waits where the node bounds its rate (429)."""
        for _ in range(RETRIES):
            status, wait, data = self._get(path)
            if status != 429:
                break
            time.sleep(wait)
        # 422 is what a node answers to the hash of evidence that it does not have.
        if status == 404 or (status == 422 and path.startswith("/v1/evidence/")):
            return None
        if status != 200:
            keyless = status in (401, 403)
            raise UnreachableError(
                f"answered HTTP {status} to {path[:100]}",
                where=self.url,
                remedy="give an API key of scope auditor (--node-keys)" if keyless else "ask the operator",
            )
        return data

    def _get(self, path: str) -> tuple[int, float, bytes]:
        """Status, seconds to wait before asking again, body."""
        status, headers, data = self._node.bytes_of("GET", path, None, self._most)
        asked = headers.get("Retry-After", "1")
        return status, min(int(asked), MOST_WAIT) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1, data
