"""A JSON API mapped by pointers: the happy path, every pointer that leads astray, the secret that is never kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.errors import InputError
from oracle.evidence.store import EvidenceStore
from oracle.sources.http_json import HttpJsonConfig, HttpJsonSource, stated_in
from oracle.sources.json_pointer import MISSING, check_pointer, resolve
from oracle.sources.parse_error import ParseError
from tests.sources.file_server import FileServer

NUMBER, COMPANY = "国合函〔2026〕886号", "示例（上海）充电科技有限公司"
BOTH = FilingQuery(number=NUMBER, entity_name=COMPANY)
ITEM: dict[str, Any] = {
    "no": NUMBER,
    "co/mpany": {"~name": COMPANY},
    "state": "已备案",
    "decided": "2026-11-20",
    "plan": [{"units": 1000000, "amount": "100000000", "ccy": "CNY"}],
}
FIELDS = {
    "number": "/no",
    "entityName": "/co~1mpany/~0name",
    "status": "/state",
    "decisionDate": "/decided",
    "units": "/plan/0/units",
    "amount": "/plan/0/amount",
    "ccy": "/plan/0/ccy",
}
SECRET = "s3cret-token-value"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        yield running


Maker = Callable[..., Observation]


@pytest.fixture
def observe(server: FileServer, tmp_path: Path) -> Maker:
    def ask(
        body: Any, *, status: int = 200, secret: Any = lambda: None, query: FilingQuery = BOTH, **changes: Any
    ) -> Observation:
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        server.put("/v1/filings", raw, status=status)
        facts = {"url": server.url + "/v1/filings?number={number}", "items": "/data", "fields": FIELDS}
        config = HttpJsonConfig.model_validate({**facts, "backoff_seconds": 0, "max_bytes": 100_000, **changes})
        source = HttpJsonSource(config, EvidenceStore(tmp_path / "evidence"), lambda: datetime.now(UTC), secret=secret)
        found = source.observe(query)
        assert len(found) == 1
        return found[0]

    return ask


def test_observe__api_with_pointers__the_filing(observe: Maker, server: FileServer, tmp_path: Path) -> None:
    seen = observe({"data": [{**ITEM, "no": "国合函〔2026〕1号"}, ITEM]})
    assert (seen.kind, seen.status, seen.level) == (ObservationKind.NOTICE, LifeCycle.FILED, 2), seen.detail
    assert seen.record is not None
    assert (seen.record.units, seen.record.number) == (1_000_000, NUMBER)
    assert "%E5%9B%BD" in server.seen[0][0]
    assert NUMBER.encode() in EvidenceStore(tmp_path / "evidence").get(seen.sha256 or "")


def test_observe__one_answer_without_items__the_filing(observe: Maker) -> None:
    assert observe(ITEM, items=None).kind is ObservationKind.NOTICE


@pytest.mark.parametrize(
    ("body", "kind", "telling"),
    (
        ({"data": []}, "ABSENCE", ""),
        ({"data": None}, "FAILURE", "/data leads to a NoneType"),
        ({"data": {}}, "FAILURE", "/data leads to a dict"),
        ({}, "FAILURE", "/data leads to nothing"),
        ([], "FAILURE", "is no place in an array"),
        ("text", "FAILURE", "leads into a str"),
        ({"data": [{**ITEM, "state": None}]}, "FAILURE", "/state (status) leads to nothing"),
        ({"data": [{**ITEM, "state": 5}]}, "FAILURE", "status is int"),
        ({"data": [{**ITEM, "state": ["已备案"]}]}, "FAILURE", "status is list"),
        ({"data": [{**ITEM, "co/mpany": "x"}]}, "FAILURE", "leads into a str"),
        ({"data": [{**ITEM, "plan": "x"}]}, "FAILURE", "leads into a str"),
        ({"data": [{**ITEM, "plan": []}]}, "NOTICE", ""),
        ({"data": [{**ITEM, "decided": 20261120}]}, "FAILURE", "decisionDate is int"),
        ({"data": [{**ITEM, "state": "approved"}]}, "STATUS_TABLE", "does not know"),
        ({"data": [ITEM, ITEM]}, "FAILURE", "2 items are of this filing"),
        ({"data": [{**ITEM, "co/mpany": {"~name": "另一家有限公司"}}]}, "FAILURE", "not of"),
        (b'{"data": [], "data": []}', "FAILURE", "twice"),
        (b"<html>", "FAILURE", "not JSON"),
        (b"[" * 50_000, "FAILURE", "nested too deeply"),
        (b" " * 200_000, "FAILURE", "more than 100000 bytes"),
    ),
)
def test_observe__answers_of_every_shape__as_they_are(observe: Maker, body: Any, kind: str, telling: str) -> None:
    seen = observe(body)
    assert seen.kind.value == kind, seen.detail
    assert telling in (seen.detail or "")
    assert seen.status is None or kind == "NOTICE"


@pytest.mark.parametrize("status", (401, 404, 500, 302))
def test_observe__answer_of_another_status__failure(observe: Maker, status: int) -> None:
    seen = observe({"data": [ITEM]}, status=status)
    assert (seen.kind, seen.http_status) == (ObservationKind.FAILURE, status)


def test_observe__secret__sent_and_kept_nowhere(
    observe: Maker, server: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for status in (200, 401):
        seen = observe({"data": [ITEM]}, status=status, secret=lambda: SECRET, auth_header="X-Api-Key", auth_prefix="")
        assert SECRET not in seen.model_dump_json()
    assert {headers["x-api-key"] for _, headers in server.seen} == {SECRET}
    assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET not in caplog.text


def test_observe__secret_missing_or_unusable__failure_without_it(observe: Maker, server: FileServer) -> None:
    def missing() -> str:
        raise InputError("the environment variable X is not set", where="x", remedy="export X")

    assert "the secret is missing" in (observe({"data": []}, secret=missing).detail or "")
    seen = observe({"data": []}, secret=lambda: SECRET + "\n")
    assert "no header may have" in (seen.detail or "")
    assert SECRET not in (seen.detail or "")
    assert server.seen == []


def test_observe__address_needs_what_was_not_asked__failure(observe: Maker) -> None:
    assert "needs {number}" in (observe({"data": []}, query=FilingQuery(entity_name=COMPANY)).detail or "")


def test_observe__redirect_to_another_host__secret_stays_here(observe: Maker, server: FileServer) -> None:
    with FileServer() as other:
        server.put("/moved", b"", status=302, Location=other.url + "/x")
        seen = observe({"data": []}, url=server.url + "/moved", secret=lambda: SECRET)
        assert "outside the allowed hosts" in (seen.detail or "")
        assert other.seen == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    (
        ({"url": "http://example.org/{number}"}, "must be https"),
        ({"url": "https://{name}.example.org/"}, "only after the host"),
        ({"url": "https://example.org/{colour}"}, "may hold"),
        ({"url": "https://u:p@example.org/"}, "user name"),
        ({"fields": {"number": "/a"}}, "missing"),
        ({"fields": {**FIELDS, "colour": "/a"}}, "unknown"),
        ({"fields": {**FIELDS, "number": "a"}}, "not a JSON Pointer"),
        ({"fields": {**FIELDS, "number": "/a~2"}}, "not a JSON Pointer"),
        ({"auth_env": "A", "auth_file": "b"}, "at most one"),
        ({"auth_header": "X Y"}, "not one of HTTP"),
    ),
)
def test_config__wrong_value__refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        HttpJsonConfig.model_validate({"url": "https://example.org/", "fields": FIELDS, **changes})


RFC = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}


@pytest.mark.parametrize(
    ("pointer", "value"),
    (
        ("", RFC), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3),
        ("/g|h", 4), ("/i\\j", 5), ('/k"l', 6), ("/ ", 7), ("/m~0n", 8), ("/x", MISSING), ("/foo/2", MISSING),
    ),
)  # fmt: skip
def test_resolve__examples_of_rfc_6901__their_values(pointer: str, value: Any) -> None:
    assert resolve(RFC, check_pointer(pointer)) == value


@pytest.mark.parametrize("pointer", ("/foo/-", "/foo/01", "/foo/bar", "/foo/٣"))
def test_resolve__no_place_in_an_array__refused(pointer: str) -> None:
    with pytest.raises(ParseError):
        resolve(RFC, pointer)


CONFIG = HttpJsonConfig.model_validate({"url": "https://example.org/", "items": "/data", "fields": FIELDS})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["no", "state", "data", "plan"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps({"data": value}).encode()))
def test_stated_in__any_bytes__stated_or_parse_error_and_never_filed(raw: bytes) -> None:
    try:
        found = stated_in(raw, CONFIG)
    except ParseError:
        return
    assert all(row.status is not LifeCycle.FILED for row in found)
