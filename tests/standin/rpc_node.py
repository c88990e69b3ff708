"""A stand-in of an Ethereum node that misbehaves: it passes on to a real one what its fault does not spoil."""

from __future__ import annotations

import json
import urllib.request
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.standin.local_server import LocalServer

__all__ = ["RpcNode"]

#: What `RpcNode.fault` may be, besides None.
FAULTS = ("429", "503", "garbage", "wrong-shape", "limit", "slow", "closed")

_TAGGED = {"eth_call": 1, "eth_getBalance": 1, "eth_getCode": 1, "eth_getTransactionCount": 1, "eth_estimateGas": 1}


class RpcNode(LocalServer):
    """A local HTTP server before the node at `upstream`. Its attributes may be changed while it runs.

    fault: one of FAULTS for every call, or for those in `only`.
    chain_id: the chain it claims to be on; None, the true one.
    lag: it answers as the chain was so many blocks ago.
    forgets: it answers eth_sendRawTransaction with a hash and throws the transaction away.
    takes_batches: whether it answers batches; batches: the sizes of those asked.
    asked: the other methods asked for, in order; raws: the signed transactions it was handed, as 0x-hex.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__(_Handler)
        self.upstream = upstream
        self.fault: str | None = None
        self.only: frozenset[str] | None = None
        self.chain_id: int | None = None
        self.lag = 0
        self.forgets = False
        self.takes_batches = True
        self.asked: list[str] = []
        self.batches: list[int] = []
        self.raws: list[str] = []

    def pass_on(self, method: str, params: list[Any]) -> Any:
        """The real node's answer, as JSON."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.upstream, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def answer(self, method: str, params: list[Any]) -> Any:
        """The answer of a node without `fault`, as JSON."""
        if method == "eth_chainId" and self.chain_id is not None:
            return {"jsonrpc": "2.0", "id": 1, "result": hex(self.chain_id)}
        if method == "eth_sendRawTransaction":
            self.raws.append(params[0])
            if self.forgets:
                return {"jsonrpc": "2.0", "id": 1, "result": "0x" + "00" * 32}
        if self.lag:
            seen = hex(max(0, int(self.pass_on("eth_blockNumber", [])["result"], 16) - self.lag))
            if method == "eth_blockNumber":
                return {"jsonrpc": "2.0", "id": 1, "result": seen}
            place = _TAGGED.get(method)
            if place is not None and params[place:] in ([], ["latest"]):
                params = [*params[:place], seen]
        return self.pass_on(method, params)


class _Handler(BaseHTTPRequestHandler):
    server: RpcNode
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # headers and body in one packet, or the other side waits for the second

    def _batch(self, asked: list[dict[str, Any]]) -> None:
        """Several calls at once; refused like a fault by a node that takes no batches."""
        node = self.server
        node.batches.append(len(asked))
        if node.fault is not None or not node.takes_batches:
            self._say(400, b"no batches")
            return
        answers = [{**node.answer(one["method"], one["params"]), "id": one["id"]} for one in asked]
        self._say(200, json.dumps(answers[::-1]).encode())  # JSON-RPC 2.0, 6: in any order

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        node = self.server
        if isinstance(asked, list):
            self._batch(asked)
            return
        method = asked["method"]
        node.asked.append(method)
        fault = node.fault if node.only is None or method in node.only else None
        if fault == "closed":
            self.close_connection = True
            return
        if fault == "slow":
            node.stopping.wait(5)
        if fault in ("429", "503"):
            self._say(int(fault), b"try again later")
        elif fault == "garbage":
            self._say(200, b"<html><body>Welcome</body></html>")
        elif fault == "wrong-shape":
            self._say(200, b'{"jsonrpc":"2.0","id":1,"result":["no"]}')
        elif fault == "limit":
            self._say(200, b'{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"daily request count exceeded"}}')
        else:
            self._say(200, json.dumps(node.answer(method, asked["params"])).encode())

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass
