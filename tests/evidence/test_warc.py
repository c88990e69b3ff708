"""One exchange, one file: the same bytes each time, read back whole, refused when changed."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from oracle.evidence.warc import TRUNCATIONS, CapturedExchange, DamagedWarc, read_warc, warc_bytes

NOTICE = CapturedExchange(
    url="https://www.csrc.gov.cn/csrc/c1/content.shtml?x=1",
    captured_at="2026-11-22T17:00:00+08:00",
    status=200,
    reason="OK",
    headers=(("Content-Type", "text/html"), ("Transfer-Encoding", "chunked"), ("Set-Cookie", "csrc_session=secret")),
    body="备案通知书\r\n\r\nWARC/1.1\r\n".encode(),
    request_headers=(("Host", "www.csrc.gov.cn"), ("Authorization", "Bearer secret"), ("Cookie", "id=secret")),
)
SILENCE = CapturedExchange(url="https://a.cn/", captured_at="2026-11-22T09:00:00Z", problem="no answer within 1.0 s")


def test_warc__known_exchange__known_bytes() -> None:
    small = CapturedExchange(
        url="https://a.cn/x",
        captured_at="2026-11-22T17:00:00+08:00",
        status=200,
        reason="OK",
        body=b"x",
        software="t/1",
    )
    data = warc_bytes(small)
    assert hashlib.sha256(data).hexdigest() == "7972e6bc6b93755ca51db0769b3160a48e19c1c9d18fbc9c2a73e8ad6c93d3b1"
    assert data.count(b"WARC-Date: 2026-11-22T09:00:00Z") == 3
    assert b"sha1:" not in data


_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=20).map(str.strip)
_HEADERS = st.lists(st.tuples(st.from_regex("X-[A-Za-z]{1,10}", fullmatch=True), _TEXT), max_size=4).map(tuple)


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        CapturedExchange,
        url=st.from_regex(r"https://[a-z]{1,10}\.cn/[a-z0-9/]{0,20}", fullmatch=True),
        captured_at=st.dates(min_value=date(1990, 1, 1)).map(lambda day: f"{day}T01:02:03Z"),
        status=st.integers(100, 599),
        reason=st.sampled_from(["OK", "Not Found", ""]),
        headers=_HEADERS,
        body=st.binary(max_size=500),
        problem=st.none() | st.sampled_from(["cut off", "读取失败"]),
        truncated=st.none() | st.sampled_from(TRUNCATIONS),
    )
)
def test_warc__any_exchange__read_back_as_it_was(exchange: CapturedExchange) -> None:
    data = warc_bytes(exchange)
    assert warc_bytes(exchange) == data
    assert read_warc(data, where="test") == exchange


def test_warc__credentials_and_cookies__names_kept_values_not() -> None:
    data = warc_bytes(NOTICE)
    assert b"secret" not in data
    assert b"Authorization: (not kept)" in data
    assert b"Set-Cookie: (not kept)" in data


def test_warc__no_answer__request_and_problem_only() -> None:
    again = read_warc(warc_bytes(SILENCE), where="test")
    assert again.status == 0
    assert again.body == b""
    assert again.problem == "no answer within 1.0 s"


def test_warc__standard_tool__finds_every_digest_good(tmp_path: Path) -> None:
    for number, exchange in enumerate((NOTICE, SILENCE, replace(NOTICE, truncated="length", problem="cut off"))):
        (tmp_path / f"{number}.warc").write_bytes(warc_bytes(exchange))
    tool = [str(Path(sys.executable).with_name("warcio")), "check", "-v", *map(str, tmp_path.glob("*.warc"))]
    done = subprocess.run(tool, capture_output=True, text=True, check=True)
    assert done.stdout.count("digest pass") == 8
    assert "no digest" not in done.stdout


def test_warc__library__gives_the_payload_unchanged() -> None:
    records = {
        record.rec_type: record.content_stream().read() for record in ArchiveIterator(io.BytesIO(warc_bytes(NOTICE)))
    }
    assert records["response"] == NOTICE.body


def test_read__any_byte_of_a_block_changed__refused() -> None:
    data = warc_bytes(NOTICE)
    for match in re.finditer("备案|sha256:|GET|software|Host".encode(), data):
        changed = bytearray(data)
        changed[match.start()] ^= 1
        with pytest.raises(DamagedWarc):
            read_warc(bytes(changed), where="test")


@pytest.mark.parametrize(
    "change",
    (
        lambda data: data[:-40],
        lambda data: data[: len(data) // 2],
        lambda data: data + data,
        lambda data: gzip.compress(data),
        lambda data: b"",
        lambda data: b"<html>",
        lambda data: data.replace(b"Content-Length: ", b"Content-Length: 9", 1),
        lambda data: data.replace(b"WARC-Block-Digest: sha256:", b"WARC-Block-Digest: md5:"),
        lambda data: data.replace(b"WARC-Payload-Digest", b"X-Nothing", 1),
        lambda data: b"WARC/1.1\r\n" + bytes(range(256)),
    ),
)
def test_read__damaged__refused_with_its_name(change) -> None:
    with pytest.raises(DamagedWarc, match="abc"):
        read_warc(change(warc_bytes(NOTICE)), where="abc")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_read__mutated__same_exchange_or_refused(data: st.DataObject) -> None:
    good = warc_bytes(NOTICE)
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 5))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    try:
        body = read_warc(bytes(bad), where="test").body
    except DamagedWarc:
        return
    assert body == NOTICE.body
