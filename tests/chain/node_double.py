"""A local HTTP server in place of an Ethereum node: it passes on to a real one what a test does not answer itself."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Method and parameters to what is sent: a status and bytes; None passes the request on.
Answer = Callable[[str, list[Any]], tuple[int, bytes] | None]


class NodeDouble:
    """Counts what it is asked: `asked` holds (method, parameters as JSON)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, str]] = []

    def methods(self) -> list[str]:
        """The methods asked for, in order."""
        return [method for method, _ in self.asked]


def rpc_error(message: str, code: int = -32000) -> tuple[int, bytes]:
    """A JSON-RPC error."""
    return 200, json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}).encode()


def rpc_result(result: Any) -> tuple[int, bytes]:
    """A JSON-RPC result."""
    return 200, json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()


@contextmanager
def node_double(upstream: str | None, answer: Answer = lambda method, params: None) -> Iterator[NodeDouble]:
    """Runs one; `upstream` is the real node's URL, needed if `answer` ever gives None."""

    def one(asked: dict[str, Any]) -> tuple[int, bytes]:
        double.asked.append((asked["method"], json.dumps(asked["params"])))
        given = answer(asked["method"], asked["params"])
        if given is None:
            assert upstream
            forwarded = urllib.request.Request(
                upstream, json.dumps(asked).encode(), {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(forwarded) as response:
                given = 200, response.read()
        return given

    def together(batch: list[dict[str, Any]]) -> tuple[int, bytes]:
        """A batch: what a test answers with something that has no place in one takes the place of the whole."""
        found = []
        for asked in batch:
            status, content = one(asked)
            try:
                answered = json.loads(content)
            except (ValueError, RecursionError):
                return status, content
            if status != 200 or not isinstance(answered, dict):
                return status, content
            found.append({**answered, "id": asked["id"]})
        return 200, json.dumps(found).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # headers and body in one packet, or the other side waits for the second

        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            asked = json.loads(request)
            given = together(asked) if isinstance(asked, list) else one(asked)
            self.send_response(given[0])
            self.send_header("Content-Length", str(len(given[1])))
            self.end_headers()
            self.wfile.write(given[1])

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    double = NodeDouble(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
