"""A door to somebody's chain through which only questions pass: what a local copy of the chain reads it by."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

__all__ = ["READS", "ReadOnlyDoor", "read_only"]

#: The JSON-RPC methods that pass. None of them changes a chain, and none makes its node sign.
READS = frozenset(
    {
        "eth_blobBaseFee",
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_feeHistory",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByHash",
        "eth_getBlockByNumber",
        "eth_getBlockReceipts",
        "eth_getCode",
        "eth_getLogs",
        "eth_getProof",
        "eth_getStorageAt",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_maxPriorityFeePerGas",
        "eth_syncing",
        "net_version",
        "web3_clientVersion",
    }
)

_LONGEST_QUESTION = 1 << 20
_LONGEST_ANSWER = 64 << 20
_SECONDS = 20.0
_CHUNK = 1 << 16


class ReadOnlyDoor(ThreadingHTTPServer):
    """Passes the methods in READS on to `upstream` and refuses all others with the JSON-RPC error -32601.

    url: where it listens, on this machine only. refused: names of the methods that it refused, in order. It also keeps
    an address that holds an access key off the command line of the program that reads through it.
    """

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.refused: list[str] = []
        self.session = requests.Session()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: ReadOnlyDoor
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS
    # Head and body of an answer in one packet: two would wait for each other's acknowledgement, 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > _LONGEST_QUESTION:
            self._answer(413, b"")
            self.close_connection = True
            return
        body = self.rfile.read(int(length))
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError):
            self._answer(400, b"")
            return
        questions = asked if isinstance(asked, list) else [asked]
        names = [one.get("method") if isinstance(one, dict) else None for one in questions]
        barred = [str(name) for name in names if not isinstance(name, str) or name not in READS]
        if barred or not questions:
            # One that may not pass keeps back the whole batch.
            self.server.refused += barred
            replies = [_refusal(one) for one in questions]
            self._answer(200, json.dumps(replies if isinstance(asked, list) else replies[0]).encode())
            return
        try:
            status, content = self._ask(body)
        except requests.RequestException:
            self._answer(502, b"")
            return
        self._answer(status, content)

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        with self.server.session.post(
            self.server.upstream, data=body, headers=headers, timeout=_SECONDS, stream=True, allow_redirects=False
        ) as answer:
            content = bytearray()
            for chunk in answer.iter_content(_CHUNK):
                content += chunk
                if len(content) > _LONGEST_ANSWER:
                    return 502, b""
            return answer.status_code, bytes(content)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""


def _refusal(question: Any) -> dict[str, Any]:
    number = question.get("id") if isinstance(question, dict) else None
    return {
        "jsonrpc": "2.0",
        "id": number,
        "error": {"code": -32601, "message": "this door lets questions through only"},
    }


@contextmanager
def read_only(upstream: str) -> Iterator[ReadOnlyDoor]:
    """Open the door; it closes with the block."""
    with ReadOnlyDoor(upstream) as door:
        thread = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield door
        finally:
            door.session.close()
            door.shutdown()
            thread.join()
