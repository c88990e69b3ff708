"""JSON-RPC in bulk: answers in the order of the calls, one fault for a bad answer, nodes that disagree are named."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from oracle.chain.raw_rpc import BATCH, RawRpc
from oracle.errors import UnreachableError
from tests.chain.node_double import node_double, rpc_error, rpc_result


def echo(method: str, params: list[Any]) -> tuple[int, bytes]:
    return rpc_result(params[0]) if method == "echo" else rpc_error(f"no {method}")


def test_batch__more_calls_than_fit__answers_in_their_order() -> None:
    calls = [("echo", [number]) for number in range(2 * BATCH + 7)]
    with node_double(None, echo) as node:
        assert RawRpc([node.url]).batch(calls) == list(range(2 * BATCH + 7))
        assert len(node.asked) == len(calls)


def test_batch__node_takes_no_batches__is_asked_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with node_double(None, echo) as node:
        rpc = RawRpc([node.url])
        posted: list[Any] = []
        post = rpc._nodes[0]._post

        def single(content: Any) -> Any:
            posted.append(content)
            return {"error": {"message": "no batches"}} if isinstance(content, list) else post(content)

        monkeypatch.setattr(rpc._nodes[0], "_post", single)
        assert rpc.batch([("echo", [1]), ("echo", [2])]) == [1, 2]
        assert rpc.batch([("echo", [3]), ("echo", [4])]) == [3, 4]
    assert sum(isinstance(content, list) for content in posted) == 1, "it is not tried again"


def test_batch__one_call_refused__names_it_or_stands_in_its_place() -> None:
    with node_double(None, echo) as node:
        rpc = RawRpc([node.url])
        with pytest.raises(UnreachableError, match="other failed: no other"):
            rpc.batch([("echo", [1]), ("other", [])])
        first, second = rpc.batch([("echo", [1]), ("other", [])], strict=False)
    assert first == 1
    assert isinstance(second, UnreachableError)


@pytest.mark.parametrize(
    "answer", (b"", b"<html>", b"5", b"null", b"[]", b"[5]", b'{"jsonrpc": "2.0"}', b"\xff", b"[" * 9999)
)
def test_call__nonsense__is_unreachable(answer: bytes) -> None:
    with node_double(None, lambda method, params: (200, answer)) as node, pytest.raises(UnreachableError) as raised:
        RawRpc([node.url]).call("echo", [1])
    assert raised.value.where == node.url


def test_call__answer_beyond_the_bound__is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracle.chain.raw_rpc.MAX_ANSWER", 1000)
    with node_double(None, echo) as node, pytest.raises(UnreachableError, match="larger than 1000 bytes"):
        RawRpc([node.url]).call("echo", ["x" * 2000])


def test_call__access_key_in_the_url__is_never_shown() -> None:
    with (
        node_double(None, lambda method, params: rpc_error("bad path /v3/c0ffee5ec2e7")) as node,
        pytest.raises(UnreachableError) as raised,
    ):
        RawRpc([node.url + "/v3/c0ffee5ec2e7"]).call("echo", [1])
    assert "c0ffee5ec2e7" not in str(raised.value)


def test_several__nodes_agree_on_what_counts__nothing_is_said() -> None:
    told: list[Any] = []
    with (
        node_double(None, lambda method, params: rpc_result({"number": "0x1", "own": 1})) as one,
        node_double(None, lambda method, params: rpc_result({"number": "0x1", "own": 2})) as other,
    ):
        rpc = RawRpc([one.url, other.url], differs=lambda *said: told.append(said))
        assert rpc.call("block", [], lambda found: found["number"]) == {"number": "0x1", "own": 1}
        assert not told
        rpc.call("block", [])
    assert told == [(other.url, ("block", []))]


def test_several__both_refuse_in_their_own_words__is_agreement() -> None:
    told: list[Any] = []
    with (
        node_double(None, lambda method, params: rpc_error("reverted")) as one,
        node_double(None, lambda method, params: rpc_error("execution reverted")) as other,
    ):
        rpc = RawRpc([one.url, other.url], differs=lambda *said: told.append(said))
        (answer,) = rpc.batch([("eth_call", [])], strict=False)
    assert isinstance(answer, UnreachableError)
    assert not told


def test_first__only_one_node_can__its_answer() -> None:
    with node_double(None, lambda method, params: rpc_error("no traces here")) as poor, node_double(None, echo) as rich:
        rpc = RawRpc([poor.url, rich.url])
        assert rpc.first("echo", ["trace"]) == "trace"
        assert json.loads(poor.asked[0][1]) == ["trace"]
        with pytest.raises(UnreachableError, match="no other"):
            rpc.first("other", [])


@contextmanager
def socket_double(*answers: list[bytes]) -> Iterator[str]:
    """A node behind a socket that gives one list of parts after each request, and then closes; the socket's path."""
    # A socket's path may have no more than about 100 characters, and pytest's folders do.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        path = str(Path(folder) / "ipc")
        server.bind(path)
        server.listen()

        def serve() -> None:
            line, _ = server.accept()
            with line:
                for parts in answers:
                    if not line.recv(1 << 20):
                        return
                    for part in parts:
                        line.sendall(part)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
        thread.join(5)


def told(*results: Any) -> bytes:
    """The answer to so many calls in one request."""
    return json.dumps(
        [{"jsonrpc": "2.0", "id": number, "result": given} for number, given in enumerate(results)]
    ).encode()


def test_socket__answers_in_parts__each_to_its_request() -> None:
    long = told("[]" * 50_000, "]")
    parts = [long[:1], long[1 : long.index(b"]") + 1], long[long.index(b"]") + 1 : -1], long[-1:] + b"\n"]
    with socket_double(parts, [told("a", "b") + b"\n"]) as path:
        rpc = RawRpc([path])
        assert rpc.batch([("one", []), ("two", [])]) == ["[]" * 50_000, "]"]
        assert rpc.batch([("one", []), ("two", [])]) == ["a", "b"]


@pytest.mark.parametrize("parts", ([], [b"<html>"], [b"["], [b"{]"], [b'[{"id": 0}', b", 5"]))
def test_socket__no_whole_answer__is_unreachable_and_the_path_is_shown(parts: list[bytes]) -> None:
    with socket_double(parts) as path:
        with pytest.raises(UnreachableError) as raised:
            RawRpc([path], timeout=0.5).batch([("one", []), ("two", [])])
        assert raised.value.where == path


def test_socket__answer_beyond_the_bound__is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracle.chain.raw_rpc.MAX_ANSWER", 1000)
    with socket_double([told("x" * 2000)]) as path, pytest.raises(UnreachableError, match="larger than 1000 bytes"):
        RawRpc([path]).call("one", [])


def test_socket__broken_once__is_opened_anew() -> None:
    with socket_double() as path:
        rpc = RawRpc([path], timeout=0.5)
        with pytest.raises(UnreachableError):
            rpc.call("one", [])
    with pytest.raises(UnreachableError, match="FileNotFoundError"):
        rpc.call("one", [])
