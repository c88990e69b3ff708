"""A node that is not there, is no node, or answers nonsense: one clear error, and never the access key in its URL."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from web3 import HTTPProvider, Web3

from oracle.audit.chain_audit import audit_chain
from oracle.chain.events import read_events
from oracle.chain.overview import overview
from oracle.chain.registry import Registry, Token
from oracle.chain.rpc import connect, raw_call, shown_url
from oracle.errors import FilingGateError, InputError, RefusedError, UnreachableError
from tests.chain.node_double import node_double, rpc_error, rpc_result
from tests.chain.small_world import FILING, World

KEY = "c0ffee5ec2e7c0ffee"
NONSENSE: dict[str, tuple[int, bytes]] = {
    "HTML": (200, b"<html><body>Welcome</body></html>"),
    "nothing": (200, b""),
    "no UTF-8": (200, b"\xff\xfe"),
    "a list": (200, b"[]"),
    "a number": (200, b"5"),
    "null": (200, b"null"),
    "an empty object": (200, b"{}"),
    "deep nesting": (200, b"[" * 100_000),
    "null as result": rpc_result(None),
    "words as result": rpc_result("zz"),
    "a list as result": rpc_result([1]),
    "an object as result": rpc_result({}),
    "an error": rpc_error("no"),
    "an error that is text": (200, b'{"jsonrpc":"2.0","id":1,"error":"no"}'),
}


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_connect__nobody_listens__is_unreachable() -> None:
    port = closed_port()
    with pytest.raises(UnreachableError) as raised:
        connect(f"http://127.0.0.1:{port}")
    assert raised.value.where == f"http://127.0.0.1:{port}"
    assert raised.value.exit_code == 3


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_connect__node_answers_nonsense__is_no_node(nonsense: str) -> None:
    with (
        node_double(None, lambda method, params: NONSENSE[nonsense]) as double,
        pytest.raises((UnreachableError, RefusedError)) as raised,
    ):
        connect(double.url)
    assert raised.value.where == double.url
    assert raised.value.remedy


@pytest.mark.parametrize("status", (404, 500))
def test_connect__http_error__is_unreachable(status: int) -> None:
    with (
        node_double(None, lambda method, params: (status, b"oops")) as double,
        pytest.raises(UnreachableError, match="HTTPError"),
    ):
        connect(double.url, timeout=1)


@pytest.mark.parametrize("nonsense", NONSENSE)
@pytest.mark.parametrize("method", ("eth_call", "eth_getLogs", "eth_getBlockByNumber", "eth_getCode"))
def test_reads__node_answers_one_method_with_nonsense__is_this_project_s_error(
    deployed: World, method: str, nonsense: str
) -> None:
    def answer(asked: str, params: list[Any]) -> tuple[int, bytes] | None:
        return NONSENSE[nonsense] if asked == method else None

    address = deployed.registry.address
    with node_double(deployed.url, answer) as double:
        w3 = connect(double.url)
        reads: dict[str, Callable[[], object]] = {
            "eth_call": lambda: deployed.on(w3).registry.operators(),
            "eth_getLogs": lambda: read_events(w3, "FilingRegistry", [address], 0, 5),
            "eth_getBlockByNumber": lambda: audit_chain(w3, deployed.deployment),
            "eth_getCode": lambda: audit_chain(w3, deployed.deployment),
        }
        with pytest.raises(FilingGateError) as raised:
            reads[method]()
    assert raised.value.remedy


@pytest.mark.parametrize(
    "url",
    ("", "x", "ws://127.0.0.1:8545", "file:///etc/passwd", "http://", "http://[::1", "http://a:b/", "http://a:70000/"),
)
def test_connect__not_an_http_url__is_an_input_error(url: str) -> None:
    with pytest.raises(InputError, match=r"not an http\(s\) URL"):
        connect(url)


def test_connect__another_chain__names_both(deployed: World) -> None:
    with pytest.raises(InputError, match="the node is on chain 31337, not 1"):
        connect(deployed.url, chain_id=1)
    assert connect(deployed.url, chain_id=31337).eth.chain_id == 31337


def test_registry__address_without_contract__is_an_input_error(deployed: World) -> None:
    with pytest.raises(InputError, match="no contract at this address") as raised:
        Registry(deployed.w3, deployed.holders[0])
    assert raised.value.where == deployed.holders[0]


def test_token__address_without_contract__says_so(deployed: World) -> None:
    with pytest.raises(UnreachableError, match="no such contract at this address"):
        Token(deployed.w3, deployed.holders[0]).total_supply()


def test_registry__address_of_another_contract__says_that_it_does_not_fit(deployed: World) -> None:
    with pytest.raises(FilingGateError, match=r"reverted|no such contract"):
        Registry(deployed.w3, deployed.tokens[0].address).filing_state(FILING)


@pytest.mark.parametrize(
    "place",
    ("http://{host}/v3/{key}", "http://{host}/?apikey={key}", "http://{key}:{key}@{host}/", "http://user:{key}@{host}"),
)
@pytest.mark.parametrize(
    "answer",
    (
        lambda method, params: rpc_error(f"Cannot POST /v3/{KEY}?apikey={KEY}"),
        lambda method, params: (200, f"<html>{KEY}</html>".encode()),
        lambda method, params: (500, KEY.encode()),
        lambda method, params: rpc_result(KEY),
        None,
    ),
    ids=["error that quotes it", "page that quotes it", "HTTP 500", "result", "nobody"],
)
def test_errors__key_in_the_url__is_never_shown(place: str, answer: Any) -> None:
    def texts(url: str) -> list[str]:
        w3 = Web3(HTTPProvider(url, exception_retry_configuration=None))
        found = []
        for attempt in (lambda: raw_call(w3, "eth_blockNumber", []), lambda: Token(w3, "0x" + "11" * 20).decimals()):
            try:
                attempt()
            except FilingGateError as error:
                found += [str(error), repr(error), str(error.as_json())]
        return found

    if answer is None:
        said = texts(place.format(host=f"127.0.0.1:{closed_port()}", key=KEY))
        assert len(said) == 6
    else:
        with node_double(None, answer) as double:
            said = texts(place.format(host=double.url.removeprefix("http://"), key=KEY))
        assert len(said) >= 3
    assert [text for text in said if KEY in text] == []


@pytest.mark.parametrize(
    ("url", "shown"),
    (
        ("https://user:pass@example.org:8545/v3/abc?key=1#x", "https://example.org:8545"),
        ("http://[::1]:8545/v3", "http://[::1]:8545"),
        ("https://example.org", "https://example.org"),
        ("http://[::1/secret", "(not a URL)"),
        ("http://host:port/secret", "(not a URL)"),
    ),
)
def test_shown_url__any__is_scheme_host_and_port(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_overview__node_without_the_block__is_this_project_s_error(deployed: World) -> None:
    def answer(method: str, params: list[Any]) -> tuple[int, bytes] | None:
        return rpc_result(None) if method == "eth_getBlockByNumber" else None

    with node_double(deployed.url, answer) as double, pytest.raises(UnreachableError):
        overview(connect(double.url), deployed.deployment)
