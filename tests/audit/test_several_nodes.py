"""Several nodes asked at once: what one of them tells otherwise is a finding, and the oldest head counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from oracle.audit.chain_audit import audit_chain
from oracle.chain.rpc import connect, raw_call
from tests.chain.node_double import node_double, rpc_result
from tests.chain.small_world import World


def real(world: World, method: str, params: list[Any]) -> Any:
    return raw_call(world.w3, method, params)


Falsify = Callable[[Any], Any]


def without_last(logs: list[Any]) -> list[Any]:
    return logs[:-1]


def later(header: dict[str, Any]) -> dict[str, Any]:
    return {**header, "timestamp": hex(int(header["timestamp"], 16) + 1)}


def other_input(transaction: dict[str, Any]) -> dict[str, Any]:
    return {**transaction, "input": transaction["input"] + "00"}


@pytest.mark.parametrize(
    ("method", "falsify"),
    (
        ("eth_getLogs", without_last),
        ("eth_getBlockByNumber", later),
        ("eth_getTransactionByHash", other_input),
        ("eth_getCode", lambda code: code[:-2] + "ff"),
        ("eth_call", lambda answer: answer[:-1] + ("1" if answer[-1] == "0" else "0")),
    ),
)
def test_audit__second_node_tells_otherwise__is_named(played: World, method: str, falsify: Falsify) -> None:
    def lie(asked: str, params: list[Any]) -> tuple[int, bytes] | None:
        return rpc_result(falsify(real(played, asked, params))) if asked == method and params[-1] != "latest" else None

    with node_double(played.url, lie) as liar:
        report = audit_chain([played.w3, connect(liar.url)], played.deployment)
        found = {(finding.id, finding.found, finding.subject.split(" ")[0]) for finding in report.findings}
        assert found == {("NODES-DIFFER", f"{liar.url} answers otherwise", method)}


def test_audit__second_node_is_behind__its_newest_block_counts(played: World) -> None:
    behind = played.w3.eth.block_number - 3

    def old(asked: str, params: list[Any]) -> tuple[int, bytes] | None:
        return rpc_result(hex(behind)) if asked == "eth_blockNumber" else None

    with node_double(played.url, old) as node:
        report = audit_chain([played.w3, connect(node.url)], played.deployment)
        asked = [json.loads(params) for method, params in node.asked if method == "eth_getLogs"]
    assert report.clean
    assert report.last_block == behind
    assert int(asked[-1][0]["toBlock"], 16) == behind
