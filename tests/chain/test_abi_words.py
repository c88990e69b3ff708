"""Decoding by slicing beside eth_abi: the same values of what the compiler encodes, and never another value."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.chain.abi_words import NotPlain, decoder_of
from oracle.chain.artifacts import abi

CONTRACTS = ("FilingRegistry", "AssetBackedToken", "TrancheFactory")

SHAPES = {
    f"{contract}.{entry.get('name')}.{part}": entry[part]
    for contract in CONTRACTS
    for entry in abi(contract)
    for part in ("inputs", "outputs")
    if entry["type"] in ("function", "event", "error") and entry.get(part)
}

STRUCT = next(entry["inputs"] for entry in abi("FilingRegistry") if entry.get("name") == "approve")


def values_of(item: dict[str, Any]) -> st.SearchStrategy[Any]:
    kind = item["type"]
    if kind.endswith("[]"):
        return st.lists(values_of({**item, "type": kind[:-2]}), max_size=4).map(tuple)
    if kind == "tuple":
        return st.tuples(*(values_of(part) for part in item["components"]))
    if kind == "address":
        return st.binary(min_size=20, max_size=20).map(lambda data: "0x" + data.hex())
    if kind == "bool":
        return st.booleans()
    if kind == "string":
        return st.text(st.characters(codec="utf-8"), max_size=70)
    if kind == "bytes":
        return st.binary(max_size=70)
    if kind.startswith("uint"):
        return st.integers(0, 2 ** int(kind[4:]) - 1)
    return st.binary(min_size=int(kind[5:]), max_size=int(kind[5:]))


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=5)
@given(data=st.data())
def test_decoder__own_abi__every_value_comes_back(name: str, data: st.DataObject) -> None:
    items = SHAPES[name]
    values = tuple(data.draw(values_of(item)) for item in items)
    encoded = encode([collapse_if_tuple(item) for item in items], values)
    assert decoder_of(items)(encoded) == values == decode([collapse_if_tuple(item) for item in items], encoded)


@settings(max_examples=300)
@given(data=st.data())
def test_decoder__altered_bytes__the_same_as_eth_abi_or_nothing(data: st.DataObject) -> None:
    types = [collapse_if_tuple(item) for item in STRUCT]
    encoded = bytearray(encode(types, tuple(data.draw(values_of(item)) for item in STRUCT)))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.sampled_from((0, 1, 0x20, 0x7F, 0xFF)))
    cut = bytes(encoded[: data.draw(st.sampled_from((len(encoded), len(encoded) - 1, len(encoded) - 32)))])
    try:
        found = decoder_of(STRUCT)(cut)
    except NotPlain:
        return  # eth_abi is asked then
    try:
        assert found == decode(types, cut)
    except DecodingError:
        pytest.fail("took what eth_abi refuses")


def test_decoder__length_beyond_the_bytes__is_refused_without_work() -> None:
    items = [{"type": "uint256[]"}]
    with pytest.raises(NotPlain):
        decoder_of(items)((32).to_bytes(32, "big") + (2**255).to_bytes(32, "big"))


def test_decoder__type_of_no_contract_here__is_refused() -> None:
    with pytest.raises(ValueError, match="no decoder for int256"):
        decoder_of([{"type": "int256"}])
