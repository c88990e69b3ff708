"""What the client reads: state as the contracts answer it, events as another decoder has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hexbytes import HexBytes

from oracle.chain.artifacts import abi
from oracle.chain.events import Event, decode_call, read_events
from oracle.chain.overview import overview
from oracle.chain.registry import FilingState, TrancheState
from oracle.chain.rpc import connect
from oracle.domain.approval import ZERO_HASH, OnChainStatus
from oracle.errors import RefusedError, UnreachableError
from tests.anvil import start_anvil
from tests.audit.full_history import play
from tests.chain.node_double import node_double, rpc_error
from tests.chain.small_world import (
    CAP,
    FILING,
    MAX_VALIDITY,
    OPERATORS,
    OTHER_FILING,
    RETENTION,
    ROTATION_DELAY,
    START,
    World,
    new_world,
)


@pytest.fixture(scope="module")
def played() -> Iterator[World]:
    """A chain on which everything happened."""
    with start_anvil(timestamp=START, hardfork="cancun") as anvil:
        world = new_world(connect(anvil.url))
        play(world)
        yield world


def plain(value: Any) -> Any:
    """web3's value in the form of ours: bytes, tuples for structs."""
    if isinstance(value, HexBytes | bytes):
        return bytes(value)
    if isinstance(value, dict) or hasattr(value, "items"):
        return tuple(plain(item) for item in value.values())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def by_web3(world: World, contract: str, address: str) -> list[dict[str, Any]]:
    """The same events decoded by web3 itself."""
    made: Any = world.w3.eth.contract(world.w3.to_checksum_address(address), abi=abi(contract))
    found = []
    for log in world.w3.eth.get_logs({"address": world.w3.to_checksum_address(address), "fromBlock": 0}):
        for entry in made.events:
            kind = getattr(made.events, entry.event_name)()
            if bytes(log["topics"][0]) == bytes.fromhex(kind.topic[2:]):
                found.append(kind.process_log(log))
    return found


@pytest.mark.parametrize(
    ("contract", "index"), (("FilingRegistry", None), *(("AssetBackedToken", number) for number in range(3)))
)
def test_read_events__whole_history__equals_web3_s_own_decoding(
    played: World, contract: str, index: int | None
) -> None:
    address = played.registry.address if index is None else played.tokens[index].address
    mine = read_events(played.w3, contract, [address], 0, played.w3.eth.block_number)
    theirs = by_web3(played, contract, address)
    assert len(mine) == len(theirs) > 2
    for event, other in zip(mine, theirs, strict=True):
        assert (event.name, event.address, event.place) == (
            other["event"],
            other["address"],
            (other["blockNumber"], other["logIndex"]),
        )
        assert event.transaction == "0x" + bytes(other["transactionHash"]).hex()
        assert event.transaction_index == other["transactionIndex"]
        assert set(event.values) == set(other["args"])
        for name, value in event.values.items():
            expected = plain(other["args"][name])
            assert (list(value) if name == "tranches" else value) == checksummed(name, expected)


def checksummed(name: str, value: Any) -> Any:
    """Inside structs our decoder leaves addresses as they are on the chain, in lower case."""
    return [(token.lower(), *rest) for token, *rest in value] if name == "tranches" else value


def test_read_events__every_kind_of_registry_event__is_there(played: World) -> None:
    names = {event.name for event in all_events(played)}
    declared = {entry["name"] for entry in abi("FilingRegistry") if entry["type"] == "event"}
    assert names == declared - {"EIP712DomainChanged"}


def all_events(world: World) -> list[Event]:
    return read_events(world.w3, "FilingRegistry", [world.registry.address], 0, world.w3.eth.block_number)


@pytest.mark.parametrize("widest", (1, 2, 7))
def test_read_events__node_refuses_wide_ranges__all_are_read_in_narrower_ones(played: World, widest: int) -> None:
    def narrow(method: str, params: list[Any]) -> tuple[int, bytes] | None:
        if method != "eth_getLogs":
            return None
        span = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
        return rpc_error(f"block range {span} is too wide") if span > widest else None

    last = played.w3.eth.block_number
    with node_double(played.url, narrow) as double:
        found = read_events(connect(double.url), "FilingRegistry", [played.registry.address], 0, last)
    assert found == all_events(played)
    asked = double.methods().count("eth_getLogs")
    assert asked <= (last + 1) // max(1, widest // 2) + 7, "no range is asked for again after it was refused"


def test_read_events__node_refuses_every_range__says_so_after_one_block(played: World) -> None:
    def never(method: str, params: list[Any]) -> tuple[int, bytes] | None:
        return rpc_error("no logs here") if method == "eth_getLogs" else None

    with node_double(played.url, never) as double, pytest.raises(UnreachableError, match="no logs here"):
        read_events(connect(double.url), "FilingRegistry", [played.registry.address], 0, 40)
    assert double.methods().count("eth_getLogs") == 6, "40, 20, 10, 5, 2 and 1 blocks"


def test_read_events__more_blocks_than_a_window__borders_are_read_once(
    played: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, last = all_events(played), played.w3.eth.block_number
    monkeypatch.setattr("oracle.chain.events.FIRST_BLOCKS", 5)
    monkeypatch.setattr("oracle.chain.events.MOST_BLOCKS", 5)
    with node_double(played.url) as double:
        found = read_events(connect(double.url), "FilingRegistry", [played.registry.address], 0, last)
    assert found == expected
    assert double.methods().count("eth_getLogs") == -(-(last + 1) // 5)


def test_read_events__no_addresses__asks_for_nothing(played: World) -> None:
    with node_double(played.url) as double:
        assert read_events(connect(double.url), "FilingRegistry", [], 0, 5) == []
    assert double.methods() == ["eth_chainId"], "to connect"


def test_read_events__empty_range__is_empty(played: World) -> None:
    assert read_events(played.w3, "FilingRegistry", [played.registry.address], 9, 8) == []


def test_decode_call__own_encoding__comes_back(world: World) -> None:
    made = world.approval((0, 5), (1, 6))
    data = world.registry.approve_data(made, world.signed(made))
    decoded = decode_call("FilingRegistry", data)
    assert decoded is not None
    name, (struct, signatures) = decoded
    assert (name, struct[0].hex(), struct[5:]) == (
        "approve",
        FILING[2:],
        (made.valid_after, made.valid_until, made.sequence),
    )
    assert [row[1:] for row in struct[1]] == [(5, 6), (6, 6)]
    assert [int(row[0], 16) for row in signatures] == sorted(int(key.address, 16) for key in OPERATORS[:2])


@pytest.mark.parametrize("data", (b"", b"\1\2\3", b"\1\2\3\4", b"\xff" * 100))
def test_decode_call__no_call_of_the_contract__is_none(data: bytes) -> None:
    assert decode_call("FilingRegistry", data) is None


def test_decode_call__arguments_cut_short__is_none(world: World) -> None:
    made = world.approval()
    data = world.registry.approve_data(made, world.signed(made))
    assert decode_call("FilingRegistry", data[:200]) is None


# State


def test_registry__reads__are_what_was_approved(world: World) -> None:
    registry, token = world.registry, world.tokens[0]
    assert registry.operators() == [key.address for key in OPERATORS]
    assert (registry.threshold(), registry.max_validity()) == (2, MAX_VALIDITY)
    assert registry.filing_state(FILING) == FilingState(OnChainStatus.NONE, 0, 0, 0)
    assert registry.tranche_state(token.address) == TrancheState(ZERO_HASH, 0, 0)
    assert registry.can_issue(token.address, 1) == (False, "TokenNotApproved")
    before = world.w3.eth.block_number
    made = world.approval((0, CAP))
    registry.approve(world.relay, made, world.signed(made))
    world.mint(0, 7)
    assert registry.filing_state(FILING) == FilingState(OnChainStatus.APPROVED, made.valid_after, made.valid_until, 1)
    assert registry.tranche_state(token.address) == TrancheState(FILING, CAP, 7)
    assert registry.can_issue(token.address, CAP - 7) == (True, None)
    assert registry.can_issue(token.address, CAP) == (False, "CapExceeded")
    assert registry.can_issue(token.address, 0) == (False, "ZeroAmount")
    assert (token.total_supply(), token.balance_of(world.holders[0])) == (7, 7)
    assert registry.filing_state(FILING, before).sequence == 0
    assert registry.tranche_state(token.address, before).cap == token.total_supply(before) == 0
    assert registry.can_issue(token.address, 1, before) == (False, "TokenNotApproved")


def test_overview__played_chain__equals_direct_calls(played: World) -> None:
    seen = overview(played.w3, played.deployment)
    registry, latest = played.registry, played.w3.eth.get_block("latest")
    assert (seen.chain_id, seen.registry, list(seen.operators), seen.threshold) == (
        31337,
        registry.address,
        registry.operators(),
        registry.threshold(),
    )
    assert (seen.block, seen.time) == (latest["number"], latest["timestamp"])
    assert [row.filing for row in seen.filings] == sorted((FILING, OTHER_FILING))
    for row in seen.filings:
        assert row.state == registry.filing_state(row.filing)
        assert row.reason == "in a test"
        assert [tranche.token.address for tranche in row.tranches] == [
            token.address
            for token in played.deployment.tokens
            if registry.tranche_state(token.address).filing == row.filing
        ]
        for tranche in row.tranches:
            assert tranche.state == registry.tranche_state(tranche.token.address)
            assert tranche.refusal == registry.can_issue(tranche.token.address, 1)[1] == "FilingIsFinal"


def test_overview__as_json__amounts_are_text_and_keys_stay(played: World) -> None:
    said = overview(played.w3, played.deployment).as_json()
    committee = {"operators", "threshold", "epoch", "owner", "rotationDelay", "retention"}
    assert set(said) == {"chainId", "registry", "block", "time", "filings"} | committee
    assert (said["epoch"], said["rotationDelay"], said["retention"]) == (5, ROTATION_DELAY, RETENTION)
    filing = next(row for row in said["filings"] if row["filing"] == FILING)
    assert set(filing) == {"filing", "status", "validAfter", "validUntil", "sequence", "reason", "tranches"}
    assert filing["status"] == "COMPLETED"
    senior = next(row for row in filing["tranches"] if row["token"] == played.tokens[0].address)
    assert (senior["cap"], senior["issued"], senior["canIssue"]) == (str(2 * CAP), "150000", False)


def test_overview__every_read__is_at_the_block_it_names(played: World) -> None:
    with node_double(played.url) as double:
        seen = overview(connect(double.url), played.deployment)
    reads = [params for method, params in double.asked if method == "eth_call"]
    assert len(reads) > 5
    assert [params for params in reads if f'"{hex(seen.block)}"' not in params] == []


def test_overview__filing_never_approved__is_refused(played: World) -> None:
    with pytest.raises(RefusedError, match="never been approved") as raised:
        overview(played.w3, played.deployment, "国合函〔2026〕99号")
    assert raised.value.where == "国合函〔2026〕99号"


def test_overview__nothing_approved_yet__has_no_filings(world: World) -> None:
    assert overview(world.w3, world.deployment).filings == ()


def test_overview__mintable__names_no_refusal(world: World) -> None:
    world.approve((0, CAP))
    (row,) = overview(world.w3, world.deployment).filings
    assert (row.reason, [tranche.refusal for tranche in row.tranches]) == (None, [None])
    assert row.as_json()["tranches"][0]["canIssue"] is True
