"""RFC 8785 bytes, keccak256, and JSON read strictly."""

from __future__ import annotations

import json
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.domain.canonical import MAX_SAFE_INTEGER, canonical_bytes, canonical_hash, keccak256, parse_json
from oracle.errors import InputError

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    (
        ({"literals": [None, True, False]}, '{"literals":[null,true,false]}'),
        ({"b": 1, "a": {"d": [], "c": {}}}, '{"a":{"c":{},"d":[]},"b":1}'),
        # RFC 8785, 3.2.2.2: which characters are escaped, and how.
        ('€$\u000f\nA\'B"\\\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        ("\b\f\t\r\x1f\x7f", '"\\b\\f\\t\\r\\u001f\x7f"'),
        # RFC 8785, 3.2.3: keys in the order of their UTF-16 code units, so the emoji stands before U+FB33.
        (
            {"€": 5, "\r": 1, "\ufb33": 7, "1": 2, "😀": 6, "\u0080": 3, "ö": 4},
            '{"\\r":1,"1":2,"\u0080":3,"ö":4,"€":5,"😀":6,"\ufb33":7}',
        ),
        # Unicode is kept as it is: composing is the reader's business, not the hash's.
        ("e\u0301", '"e\u0301"'),
        ([0, -1, MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER], "[0,-1,9007199254740991,-9007199254740991]"),
        ([MAX_SAFE_INTEGER + 1, -(2**53), 2**256 - 1], f'["9007199254740992","-9007199254740992","{2**256 - 1}"]'),
        ((1, 2), "[1,2]"),
    ),
)
def test_canonical_bytes__value__as_the_rfc_writes_it(value: Any, expected: str) -> None:
    assert canonical_bytes(value) == expected.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "where"),
    (
        (1.0, "(top)"),
        ({"a": 0.1}, "a"),
        ({"a": [1, {"b": 1e300}]}, "a[1].b"),
        ([float("nan")], "[0]"),
        ({"a": float("inf")}, "a"),
    ),
)
def test_canonical_bytes__float__refused_with_its_path(value: Any, where: str) -> None:
    with pytest.raises(InputError) as caught:
        canonical_bytes(value)
    assert caught.value.where == where
    assert "float" in caught.value.what


@pytest.mark.parametrize("value", ({"a": "\ud800"}, {"\udfff": 1}, {1: 1}, {"a": object()}, {"a": b"bytes"}))
def test_canonical_bytes__not_json__refused(value: Any) -> None:
    with pytest.raises(InputError, match="cannot be hashed"):
        canonical_bytes(value)


def test_canonical_bytes__nested_too_deeply__refused() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(InputError, match="nested too deeply"):
        canonical_bytes(nested)
    while nested:  # unwound by hand: comparing or freeing a deep list recurses as well
        nested = nested.pop()


@given(JSON_VALUES)
def test_canonical_bytes__read_again__same_value_and_same_bytes(value: Any) -> None:
    written = canonical_bytes(value)
    assert json.loads(written) == value
    assert canonical_bytes(parse_json(written, what="test")) == written


@given(st.dictionaries(st.text(max_size=6), st.integers(0, 9), max_size=6), st.randoms())
def test_canonical_hash__order_of_keys__does_not_matter(value: dict[str, int], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert canonical_hash(dict(items)) == canonical_hash(value)


def test_keccak256__known_answers__is_not_sha3() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
    assert canonical_hash({}) == keccak256(b"{}")


@pytest.mark.parametrize(
    ("data", "where", "words"),
    (
        (b'{"a":1,"a":1}', "f: a", "twice"),
        (b'{"x":[{"uscc":"1","uscc":"2"}]}', "f: uscc", "twice"),
        (b'{"a":NaN}', "f: value", "NaN is not a JSON value"),
        (b'{"a":-Infinity}', "f: value", "-Infinity is not a JSON value"),
        (b'{"a":"\xff"}', "f", "not UTF-8 at byte 6"),
        ("{}".encode("utf-16"), "f", "not UTF-8 at byte 0"),
        (b"\xef\xbb\xbf{}", "f", "BOM"),
        (b"", "f", "line 1 column 1"),
        (b'{"a":1,}', "f", "line 1 column"),
        (b"{'a':1}", "f", "not JSON"),
        (b"[" * 100_000, "f", "nested too deeply"),
        (b"9" * 5000, "f", "a number is too long"),
    ),
)
def test_parse_json__faulty__says_what_and_where(data: bytes, where: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_json(data, what="f")
    assert caught.value.where == where
    assert words in caught.value.what
    assert caught.value.remedy


@pytest.mark.parametrize("length", (10, 300, 10_000))
def test_canonical_bytes__kept__takes_no_more_memory_than_its_bytes(length: int) -> None:
    value = ["x" * length]
    tracemalloc.start()
    kept = canonical_bytes(value)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(kept) == length + 4
    # What else was allocated meanwhile is small; orjson's own result takes 4 kB at least, and 129 kB of the longest.
    assert taken < sys.getsizeof(kept) + 1_000
