"""Several endpoints of one chain: who is asked, who is passed over, and what is never shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from eth_account import Account
from web3 import Web3

from oracle.chain.failover import FailoverProvider, connect_endpoints
from oracle.chain.rpc import raw_call
from oracle.domain.canonical import keccak256
from oracle.errors import InputError, RefusedError, UnreachableError
from tests.chain.small_world import FILING, World
from tests.standin.rpc_node import FAULTS, RpcNode

KEY = "c0ffee5ec2e7c0ffee"
CHAIN = 31337


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def two(world: World) -> Iterator[tuple[RpcNode, RpcNode]]:
    with ExitStack() as stack:
        yield stack.enter_context(RpcNode(world.url)), stack.enter_context(RpcNode(world.url))


def joined(*nodes: RpcNode, clock: Clock | None = None, timeout: float = 0.3, path: str = "", **options: Any) -> Web3:
    urls = [node.endpoint + path for node in nodes]
    return connect_endpoints(
        urls, chain_id=CHAIN, clock=clock or Clock(), sleep=lambda seconds: None, timeout=timeout, **options
    )


def health(w3: Web3, index: int) -> dict[str, Any]:
    assert isinstance(w3.provider, FailoverProvider)
    return w3.provider.health()[index].as_json()


@pytest.mark.parametrize("fault", FAULTS)
def test_read__first_fails__second_answers_and_first_rests(
    world: World, two: tuple[RpcNode, RpcNode], fault: str
) -> None:
    first, second = two
    clock = Clock()
    w3 = joined(first, second, clock=clock)
    assert world.on(w3).registry.threshold() == 2
    assert not [method for method in second.asked if method == "eth_call"]
    first.fault = fault
    assert world.on(w3).registry.threshold() == 2
    assert not health(w3, 0)["ok"]
    assert health(w3, 0)["lastError"]
    assert health(w3, 1)["ok"]
    asked = len(first.asked)
    assert world.on(w3).registry.threshold() == 2
    assert len(first.asked) == asked
    first.fault = None
    clock.now += 200
    assert world.on(w3).registry.threshold() == 2
    assert first.asked[asked] == "eth_chainId"
    assert health(w3, 0)["ok"]


def test_read__fails_between_two_reads_of_one_question__goes_on_at_the_other(
    world: World, two: tuple[RpcNode, RpcNode]
) -> None:
    first, second = two
    first.fault, first.only = "503", frozenset({"eth_call"})
    seen = world.on(joined(first, second)).registry
    assert "eth_getCode" in first.asked
    assert seen.threshold() == 2
    assert seen.filing_state(FILING).sequence == 0
    assert "eth_getCode" not in second.asked


def test_read__all_fail__error_names_each_and_no_key(world: World, two: tuple[RpcNode, RpcNode]) -> None:
    first, second = two
    first.fault, second.fault = "503", "garbage"
    w3 = joined(first, second, path=f"/v3/{KEY}")
    with pytest.raises(UnreachableError) as raised:
        raw_call(w3, "eth_blockNumber", [])
    assert f"{first.endpoint}: HTTP 503" in str(raised.value)
    assert f"{second.endpoint}: its answer is no JSON" in str(raised.value)
    assert KEY not in str(raised.value) + repr(health(w3, 0)) + str(w3.provider)


def test_read__node_quotes_its_own_key__not_shown(world: World) -> None:
    class Quoting(RpcNode):
        def answer(self, method: str, params: list[Any]) -> Any:
            if method == "eth_getCode":
                return {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": f"/v3/{KEY}: no"}}
            return super().answer(method, params)

    with Quoting(world.url) as node, pytest.raises(RefusedError) as raised:
        world.on(joined(node, path=f"/v3/{KEY}"))
    assert "/v3/…: no" in str(raised.value)
    assert KEY not in str(raised.value)


def test_read__revert__is_an_answer_and_not_asked_again(world: World, two: tuple[RpcNode, RpcNode]) -> None:
    first, second = two
    w3 = joined(first, second)
    with pytest.raises(RefusedError, match="TokenNotApproved"):
        world.on(w3).mint(0, 1)
    assert first.asked.count("eth_estimateGas") == 1
    assert "eth_estimateGas" not in second.asked
    assert health(w3, 0)["ok"]


def test_chain_id__another_chain__never_used_and_named(
    world: World, two: tuple[RpcNode, RpcNode], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = two
    first.chain_id = 1
    with caplog.at_level(logging.WARNING, "filing_gate.rpc"):
        assert world.on(joined(first, second)).registry.threshold() == 2
    assert set(first.asked) == {"eth_chainId"}
    assert f"{first.endpoint}: it is on chain 1, not {CHAIN}: not used" in caplog.text


def test_chain_id__changes_while_it_was_away__noticed_before_use(world: World, two: tuple[RpcNode, RpcNode]) -> None:
    first, second = two
    clock = Clock()
    w3 = joined(first, second, clock=clock)
    assert world.on(w3).registry.threshold() == 2
    first.fault = "closed"
    assert world.on(w3).registry.threshold() == 2
    first.fault, first.chain_id = None, 1
    clock.now += 200
    asked = len(first.asked)
    assert world.on(w3).registry.threshold() == 2
    assert set(first.asked[asked:]) == {"eth_chainId"}


def test_chain_id__all_elsewhere__an_input_error(world: World) -> None:
    with RpcNode(world.url) as node:
        node.chain_id = 5
        with pytest.raises(InputError, match=f"the node is on chain 5, not {CHAIN}"):
            world.on(joined(node))


def test_lag__behind_by_more_than_allowed__not_read_from(world: World, two: tuple[RpcNode, RpcNode]) -> None:
    first, second = two
    clock = Clock()
    world.rpc("anvil_mine", hex(10))
    w3 = joined(first, second, clock=clock, max_lag=3)
    first.lag = 3
    assert world.on(w3).registry.threshold() == 2
    assert "eth_call" in first.asked
    for _ in range(2):
        world.rpc("evm_mine")
    world.approve()
    first.lag, first.asked[:] = 4, []
    clock.now += 60
    assert world.on(w3).registry.filing_state(FILING).sequence == 1
    assert "eth_call" not in first.asked
    assert health(w3, 0)["lastError"] == "its head lags behind the others'"
    assert not health(w3, 0)["ok"]


def test_lag__the_only_one_left_is_behind__nothing_is_decided(world: World, two: tuple[RpcNode, RpcNode]) -> None:
    first, second = two
    clock = Clock()
    w3 = joined(first, second, clock=clock, max_lag=0)
    assert world.on(w3).registry.threshold() == 2
    first.fault, second.lag = "503", 1
    clock.now += 60
    with pytest.raises(UnreachableError, match="its head lags behind"):
        world.on(w3).registry.threshold()


def test_send__known_or_mined_already__counts_as_sent(world: World, two: tuple[RpcNode, RpcNode]) -> None:
    first, second = two
    w3 = joined(first, second)
    account = Account.from_key(keccak256(b"sends by hand"))
    world.rpc("anvil_setBalance", account.address, hex(10**18))
    made = {"to": account.address, "value": 0, "gas": 21_000, "nonce": 0, "chainId": CHAIN}
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1}
    signed = account.sign_transaction(made | fees)
    first.forgets = True
    for _ in range(2):
        assert Web3.to_hex(w3.eth.send_raw_transaction(signed.raw_transaction)) == Web3.to_hex(signed.hash)
    assert w3.eth.get_transaction_receipt(signed.hash)["status"] == 1
    other = account.sign_transaction(made | fees | {"gas": 22_000})
    first.forgets = False
    answer = w3.provider.make_request("eth_sendRawTransaction", [Web3.to_hex(other.raw_transaction)])  # type: ignore[arg-type]
    assert "nonce too low" in str(answer["error"])


def test_send__unlocked_account__never_sent_twice(world: World, two: tuple[RpcNode, RpcNode]) -> None:
    first, second = two
    first.fault, first.only = "slow", frozenset({"eth_sendTransaction"})
    with pytest.raises(UnreachableError):
        world.on(joined(first, second)).approve()
    assert "eth_sendTransaction" not in second.asked


def test_probe__each_is_asked_now(world: World, two: tuple[RpcNode, RpcNode]) -> None:
    first, second = two
    w3 = joined(first, second)
    second.chain_id = 5
    assert isinstance(w3.provider, FailoverProvider)
    told = [item.as_json() for item in w3.provider.probe()]
    assert [(item["index"], item["url"], item["ok"]) for item in told] == [
        (0, first.endpoint, True),
        (1, second.endpoint, False),
    ]
    assert told[0]["head"] == int(world.rpc("eth_blockNumber"), 16)
    assert told[0]["latencyMs"] is not None
    assert told[1]["lastError"] == f"it is on chain 5, not {CHAIN}"


@pytest.mark.parametrize("urls", ((), ("",), ("http://127.0.0.1:1", "ws://127.0.0.1:1")))
def test_connect_endpoints__no_address__an_input_error(urls: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as raised:
        connect_endpoints(urls, chain_id=CHAIN)
    assert raised.value.where == "[chain]"
