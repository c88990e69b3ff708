"""JSON-RPC in bulk: answers in the order of the calls, one fault for a bad answer, nodes that disagree are named."""

from __future__ import annotations

import json
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
