"""[chain] and [relay]: one way to name endpoints, fees without floats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from oracle.chain.durable_sender import DurableSender
from oracle.chain.fees import FeeCaps
from oracle.errors import InputError
from oracle.node.config import ChainConfig, RelayConfig, parse_config
from oracle.node.service import open_node
from oracle.signing.keys import new_keystore

CHAIN: dict[str, Any] = {"id": 1, "registry": "0x" + "44" * 20}
RELAY: dict[str, Any] = {"keystore": "relay.json", "password_env": "RELAY_PASSWORD"}
FILE = """
name = "one"
[chain]
id = 31337
registry = "0x4444444444444444444444444444444444444444"
rpc_urls = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
confirmations = 3
[key]
keystore = "key.json"
password_env = "RELAY_PASSWORD"
[relay]
keystore = "relay.json"
password_env = "RELAY_PASSWORD"
max_fee_gwei = "1.5"
max_priority_fee_gwei = 1
[[sources]]
type = "csrc"
base_url = "https://www.csrc.gov.cn"
table_channels = ["c1"]
notice_channels = ["c2"]
"""


@pytest.mark.parametrize(
    ("ways", "expected"),
    (
        ({"rpc_url": "http://a"}, ("http://a",)),
        ({"rpc_url_env": "ONE"}, ("http://one/key",)),
        ({"rpc_urls": ["http://a", "http://b"]}, ("http://a", "http://b")),
        ({"rpc_urls_env": ["TWO", "ONE"]}, ("http://two/key", "http://one/key")),
    ),
)
def test_urls__each_way__in_the_order_given(
    monkeypatch: pytest.MonkeyPatch, ways: dict[str, Any], expected: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ONE", "http://one/key")
    monkeypatch.setenv("TWO", "http://two/key")
    chain = ChainConfig.model_validate(CHAIN | ways)
    assert chain.urls() == expected
    assert chain.url() == expected[0]


@pytest.mark.parametrize(
    "ways",
    (
        {},
        {"rpc_url": "http://a", "rpc_urls": ["http://b"]},
        {"rpc_urls": ["http://b"], "rpc_urls_env": ["ONE"]},
        {"rpc_urls": []},
        {"rpc_urls": ["http://b", "http://b"]},
    ),
)
def test_chain__no_way_two_ways_or_a_repeat__refused(ways: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ChainConfig.model_validate(CHAIN | ways)


def test_urls__variable_not_set__named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONE", raising=False)
    with pytest.raises(InputError, match="the environment variable ONE is not set") as raised:
        ChainConfig.model_validate(CHAIN | {"rpc_urls_env": ["ONE"]}).urls()
    assert raised.value.where == "chain.rpc_urls_env"


@pytest.mark.parametrize(
    ("fees", "caps"),
    (
        ({}, FeeCaps(200 * 10**9, 5 * 10**9)),
        ({"max_fee_gwei": 30, "max_priority_fee_gwei": "0.5"}, FeeCaps(30 * 10**9, 5 * 10**8)),
        ({"max_fee_gwei": "0.000000002", "max_priority_fee_gwei": "0.000000001"}, FeeCaps(2, 1)),
    ),
)
def test_fee_caps__whole_or_decimal_text__wei(fees: dict[str, Any], caps: FeeCaps) -> None:
    assert RelayConfig.model_validate(RELAY | fees).fee_caps() == caps


@pytest.mark.parametrize("amount", (1.5, "1.0000000001", "-1", "1e3", "", -1, True, 10**7))
def test_fee_caps__float_or_nonsense__refused(amount: object) -> None:
    with pytest.raises(ValidationError):
        RelayConfig.model_validate(RELAY | {"max_fee_gwei": amount})


def test_fee_caps__tip_above_the_fee__refused() -> None:
    with pytest.raises(ValidationError, match="max_priority_fee_gwei is above max_fee_gwei"):
        RelayConfig.model_validate(RELAY | {"max_fee_gwei": 1, "max_priority_fee_gwei": 2})


def test_open_node__with_a_relay__keeps_a_book_and_one_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "p")
    for name in ("key", "relay"):
        new_keystore(tmp_path / f"{name}.json", "p", light=True)
    config = parse_config(FILE, where="test").model_copy(update={"base": tmp_path})
    node = open_node(config)
    try:
        assert isinstance(node.relay, DurableSender)
        assert node.relay.address != node.address
        first = node.connections.to(config.chain)
        assert node.connections.to(config.chain) is first
        assert [item.ok for item in node.connections.health(config.chain, ask=True)] == [False, False]
        assert node.duties.tend() is None
        assert node.duties.standing is None
    finally:
        node.database.close()
