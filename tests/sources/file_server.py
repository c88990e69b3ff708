"""A small real HTTP server: answers by path, remembers each request's headers, and can misbehave."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

__all__ = ["FileServer"]


class _Handler(BaseHTTPRequestHandler):
    server: _Site

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        status, body, headers = self.server.answers.get(self.path.split("?")[0], (404, b"", {}))
        etag = headers.get("ETag")
        if etag and self.headers.get("If-None-Match") == etag:
            status, body = 304, b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Site(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []


class FileServer:
    """Use as a context manager. `put` sets an answer, `seen` are (path, headers in lower case) so far."""

    def __init__(self) -> None:
        self._site = _Site()
        self._thread = threading.Thread(target=self._site.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._site.shutdown()
        self._site.server_close()
        self._thread.join(timeout=5)

    @property
    def url(self) -> str:
        """http://127.0.0.1:port."""
        return f"http://127.0.0.1:{self._site.server_address[1]}"

    @property
    def seen(self) -> list[tuple[str, dict[str, str]]]:
        """The requests so far."""
        return self._site.seen

    def put(self, path: str, body: bytes, *, status: int = 200, **headers: str) -> str:
        """Answer that path so; returns its address."""
        self._site.answers[path] = (status, body, headers)
        return self.url + path
