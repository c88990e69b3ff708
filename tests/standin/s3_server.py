"""A stand-in of an S3-compatible server: PUT, GET, HEAD and ListObjectsV2 over real HTTP, with what can go wrong.

It asks for a version 4 signature by `ACCESS_KEY` (present, not recomputed) and keeps objects in memory. `fault` is
None or

    denied            403 to everything            busy         503 to everything
    unconditional     501 to a conditional write   slow         the body of an object never ends
    html              a web page, status 200       other-bytes  an object's bytes are not the ones that were put
"""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.standin.local_server import LocalServer

__all__ = ["ACCESS_KEY", "SECRET_KEY", "S3Server"]

ACCESS_KEY, SECRET_KEY = "testkey", "testsecret"
#: Keys of one page of a list: few, so that lists have several.
PAGE = 3


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: S3Server

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(f"{self.command} {self.path}")
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        signed = f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/" in self.headers.get("Authorization", "")
        if not signed or self.server.fault == "denied":
            self._error(403, "AccessDenied")
        elif self.server.fault == "busy":
            self._error(503, "SlowDown")
        elif self.server.fault == "html":
            self._send(200, b"<!DOCTYPE html><html>log in</html>", "text/html")
        elif bucket != self.server.bucket:
            self._error(404, "NoSuchBucket")
        elif self.command == "PUT":
            self._put(key, data)
        elif not key:
            self._list(parse_qs(parts.query))
        else:
            self._get(key)

    def _put(self, key: str, data: bytes) -> None:
        conditional = self.headers.get("If-None-Match") == "*"
        if conditional and self.server.fault == "unconditional":
            self._error(501, "NotImplemented")
            return
        with self.server.lock:
            if conditional and key in self.server.objects:
                self._error(412, "PreconditionFailed")
                return
            self.server.objects[key] = data
        self._send(200, b"")

    def _get(self, key: str) -> None:
        data = self.server.objects.get(key)
        if data is None:
            self._error(404, "NoSuchKey")
        elif self.server.fault == "slow":
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.server.stopping.wait(20)
        else:
            self._send(200, data + b"!" if self.server.fault == "other-bytes" else data)

    def _list(self, query: dict[str, list[str]]) -> None:
        prefix, after = query.get("prefix", [""])[0], query.get("continuation-token", [""])[0]
        keys = [key for key in sorted(self.server.objects) if key.startswith(prefix) and key > after]
        shown = keys[:PAGE]
        contents = "".join(f"<Contents><Key>{escape(key)}</Key><Size>1</Size></Contents>" for key in shown)
        more = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if keys[PAGE:] else ""
        cut = "true" if more else "false"
        body = f"<ListBucketResult><IsTruncated>{cut}</IsTruncated>{contents}{more}</ListBucketResult>"
        self._send(200, body.encode(), "application/xml")

    def _error(self, status: int, code: str) -> None:
        self._send(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), "application/xml")

    def _send(self, status: int, body: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 200 and self.server.fault != "html":
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()[:32]}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class S3Server(LocalServer):
    """Use as a context manager. `objects` are what is kept, `requests` what was asked so far."""

    def __init__(self, bucket: str) -> None:
        super().__init__(_Handler)
        self.bucket = bucket
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.fault: str | None = None
        self.lock = threading.Lock()
