"""JSON-RPC in bulk, by HTTP or a socket: many calls in one request, answers parsed by orjson, several nodes compared.

web3 stays for everything that is not bulk.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, Protocol

import orjson
import requests

from oracle.chain.rpc import chain_faults, is_socket, shown_url, without_keys
from oracle.errors import UnreachableError

__all__ = ["Call", "RawRpc"]

#: (method, parameters)
Call = tuple[str, list[Any]]

#: Calls in one request: what public nodes take.
BATCH = 100

#: Largest answer to one request, in bytes.
MAX_ANSWER = 256_000_000

_CHUNK = 1 << 20


class _Line(Protocol):
    """Carries one JSON document to a node and brings back its answer."""

    def exchange(self, content: bytes) -> Any: ...


def _too_large(url: str) -> NoReturn:
    raise UnreachableError(
        f"the node's answer is larger than {MAX_ANSWER} bytes", where=shown_url(url), remedy="use another node"
    )


class _Http:
    def __init__(self, url: str, timeout: float) -> None:
        self._url, self._timeout = url, timeout
        self._session = requests.Session()
        self._session.trust_env = False

    def exchange(self, content: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        with self._session.post(self._url, data=content, headers=headers, timeout=self._timeout, stream=True) as answer:
            answer.raise_for_status()
            parts, size = [], 0
            for part in answer.iter_content(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > MAX_ANSWER:
                    _too_large(self._url)
        return orjson.loads(b"".join(parts))


class _Socket:
    """A Unix socket. Nothing marks the end of an answer but that it is a whole JSON document."""

    def __init__(self, path: str, timeout: float) -> None:
        self._path, self._timeout = path, timeout
        self._line: socket.socket | None = None

    def __del__(self) -> None:
        if self._line is not None:
            self._line.close()

    def exchange(self, content: bytes) -> Any:
        # Kept only if all goes well: what is left of one answer must not be taken for the next one.
        line, self._line = self._line or self._connected(), None
        try:
            line.settimeout(self._timeout)
            line.sendall(content)
            answer = self._received(line)
        except BaseException:
            line.close()
            raise
        self._line = line
        return answer

    def _connected(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.settimeout(self._timeout)
            line.connect(self._path)
        except BaseException:
            line.close()
            raise
        return line

    def _received(self, line: socket.socket) -> Any:
        until, found = time.monotonic() + self._timeout, bytearray()
        while True:
            line.settimeout(max(until - time.monotonic(), 0.001))
            part = line.recv(_CHUNK)
            if not part:
                raise ConnectionError("the node closed the socket")
            found += part
            if len(found) > MAX_ANSWER:
                _too_large(self._path)
            # Parsing what can't be whole yet, at every part, would take the square of the time.
            if bytes(found[:1] + found[-64:].rstrip()[-1:]) in (b"{}", b"[]"):
                try:
                    return orjson.loads(found)
                except orjson.JSONDecodeError:
                    continue


class _Node:
    def __init__(self, url: str, timeout: float) -> None:
        self.url = url
        self._line: _Line = _Socket(url, timeout) if is_socket(url) else _Http(url, timeout)
        self._batches = True

    def ask(self, calls: Sequence[Call], *, strict: bool = True) -> list[Any]:
        """The result of each call. One without a result raises UnreachableError, or is that error if not `strict`."""
        with chain_faults(self.url):
            if self._batches and len(calls) > 1:
                answers = self._post([_request(number, call) for number, call in enumerate(calls)])
                if isinstance(answers, list):
                    by_number = {answer["id"]: answer for answer in answers}
                    return [self._result(call, by_number.get(number), strict) for number, call in enumerate(calls)]
                # A node that takes no batches says so with one answer.
                self._batches = False
            return [self._result(call, self._post(_request(0, call)), strict) for call in calls]

    def _post(self, content: Any) -> Any:
        return self._line.exchange(orjson.dumps(content))

    def _result(self, call: Call, answer: Any, strict: bool) -> Any:
        if not isinstance(answer, dict):
            raise TypeError("the answer is no object")
        if answer.get("error") is None:
            return answer["result"]
        error = answer["error"]
        message = str(error.get("message", "") if isinstance(error, dict) else error)
        fault = UnreachableError(
            f"{call[0]} failed: {without_keys(message, self.url)[:200]}",
            where=shown_url(self.url),
            remedy="try another node",
        )
        if strict:
            raise fault
        return fault


def _words(found: Any) -> Any:
    """Nodes agree that a call fails; each says it in its own words."""
    return "fails" if isinstance(found, UnreachableError) else found


def _request(number: int, call: Call) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": call[0], "params": call[1]}


class RawRpc:
    """One node or several, each an http(s) URL or a socket's path.

    With several, every call goes to all of them at once, and the first one's answer counts. `differs` hears of each
    call that another node answers differently: (its URL as it may be shown, the call).
    Not thread-safe.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        differs: Callable[[str, Call], None] = lambda _node, _call: None,
        timeout: float = 30,
    ) -> None:
        self._nodes = [_Node(url, timeout) for url in urls]
        self._differs = differs
        self._pool = ThreadPoolExecutor(len(urls)) if len(urls) > 1 else None

    @property
    def urls(self) -> list[str]:
        """The nodes' addresses, which may hold access keys."""
        return [node.url for node in self._nodes]

    def call(self, method: str, params: list[Any], seen: Callable[[Any], Any] | None = None) -> Any:
        """The result of one call; see `batch`."""
        return self.batch([(method, params)], seen)[0]

    def batch(
        self, calls: Sequence[Call], seen: Callable[[Any], Any] | None = None, *, strict: bool = True
    ) -> list[Any]:
        """The results of the calls, in their order. UnreachableError if one of the nodes fails at one of them.

        `seen` takes from a result what nodes have to agree on; without it they must give the same. If not `strict`, a
        call that a node refuses has that UnreachableError as its result.
        """
        found: list[Any] = []
        for start in range(0, len(calls), BATCH):
            found += self._together(calls[start : start + BATCH], seen or (lambda result: result), strict)
        return found

    def each(self, method: str, params: list[Any]) -> list[Any]:
        """Every node's own result of one call, in the order of the nodes."""
        return [node.ask([(method, params)])[0] for node in self._nodes]

    def first(self, method: str, params: list[Any]) -> Any:
        """The result of the first node that gives one: for what not every node can. UnreachableError if none does."""
        for node in self._nodes[:-1]:
            try:
                return node.ask([(method, params)])[0]
            except UnreachableError:
                continue
        return self._nodes[-1].ask([(method, params)])[0]

    def _together(self, calls: Sequence[Call], seen: Callable[[Any], Any], strict: bool) -> list[Any]:
        if self._pool is None:
            return self._nodes[0].ask(calls, strict=strict)
        asked = self._pool.map(lambda node: node.ask(calls, strict=strict), self._nodes)
        answers: list[list[Any]] = list(asked)
        for node, others in zip(self._nodes[1:], answers[1:], strict=True):
            for call, one, other in zip(calls, answers[0], others, strict=True):
                with chain_faults(node.url):
                    same = _words(seen(one)) == _words(seen(other))
                if not same:
                    self._differs(shown_url(node.url), call)
        return answers[0]
