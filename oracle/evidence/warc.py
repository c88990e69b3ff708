"""One HTTP exchange as one WARC 1.1 file (ISO 28500:2017): request, response, and what went wrong, if anything did.

The same exchange gives the same bytes: record ids come from the content, dates from the capture, digests are SHA-256
(warcio's own default is SHA-1). The file is not compressed, so that `sha256sum` and `warcio check` work on it as it is.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParserException
from warcio.warcwriter import WARCWriter

from oracle import __version__
from oracle.errors import FilingGateError

__all__ = ["TRUNCATIONS", "CapturedExchange", "DamagedWarc", "is_warc", "read_warc", "warc_bytes"]

_FIRST_LINE = b"WARC/1.1\r\n"
_HTTP = "application/http; msgtype="
_FIELDS = "application/warc-fields"

#: Values of WARC-Truncated (ISO 28500 5.13): cut at a size, at a time, by the other side, or for another reason.
TRUNCATIONS = ("length", "time", "disconnect", "unspecified")

Headers = tuple[tuple[str, str], ...]

#: A request's other headers may carry a credential or a session: their names are kept, their values are not.
_SHOWN_IN_REQUEST = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "if-modified-since",
        "if-none-match",
        "referer",
        "user-agent",
    }
)
_HIDDEN_IN_RESPONSE = frozenset({"set-cookie", "set-cookie2", "authorization", "proxy-authenticate"})
_NOT_KEPT = "(not kept)"
#: The body is stored as it is after the transfer coding; a reader must not look for chunks in it.
_RENAMED = {"transfer-encoding": "X-Archive-Orig-Transfer-Encoding"}

#: What warcio lets through when bytes are hostile: its own two, and those of the standard library below it.
_UNREADABLE = (ArchiveLoadFailed, StatusAndHeadersParserException, EOFError, ValueError, TypeError, AttributeError)


class DamagedWarc(FilingGateError):
    """Bytes that should be one exchange's WARC file and are not."""


@dataclass(frozen=True)
class CapturedExchange:
    """One request and what came of it.

    `captured_at` is RFC 3339 with offset; `status` is 0 and `reason`, `headers`, `body` are empty if no answer came;
    `problem` says in words what went wrong, `truncated` is one of TRUNCATIONS if the body is not whole.
    """

    url: str
    captured_at: str
    status: int = 0
    reason: str = ""
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    method: str = "GET"
    request_headers: Headers = ()
    request_body: bytes = field(default=b"", repr=False)
    problem: str | None = None
    truncated: str | None = None
    http_version: str = "HTTP/1.1"
    software: str = f"filing-gate/{__version__}"


def is_warc(data: bytes) -> bool:
    """Whether the bytes begin as a file of `warc_bytes` does."""
    return data.startswith(_FIRST_LINE)


def _digest(data: bytes) -> str:
    return "sha256:" + base64.b32encode(hashlib.sha256(data).digest()).decode("ascii")


def _date(captured_at: str) -> str:
    moment = datetime.fromisoformat(captured_at).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _record_id(*parts: str) -> str:
    """A version 8 UUID (RFC 9562) of the SHA-256 of what the record says of itself."""
    raw = bytearray(hashlib.sha256("\n".join(parts).encode("utf-8")).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"<urn:uuid:{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}>"


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "%" + f"{ord(char):02X}" for char in text)


def _block(first: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(_one_line(line) for line in lines).encode("utf-8") + body


def _kept_request(headers: Headers) -> Headers:
    return tuple((name, value if name.lower() in _SHOWN_IN_REQUEST else _NOT_KEPT) for name, value in headers)


def _kept_response(headers: Headers) -> Headers:
    return tuple(
        (_RENAMED.get(name.lower(), name), _NOT_KEPT if name.lower() in _HIDDEN_IN_RESPONSE else value)
        for name, value in headers
    )


def warc_bytes(exchange: CapturedExchange) -> bytes:
    """The WARC file of an exchange. Deterministic: equal exchanges give equal bytes."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=False, warc_version="1.1")
    url, date = _one_line(exchange.url), _date(exchange.captured_at)

    def add(kind: str, content_type: str, block: bytes, payload: bytes, *more: tuple[str, str]) -> str:
        digest = _digest(block)
        ident = _record_id(kind, url, date, digest)
        headers = [
            ("WARC-Type", kind),
            ("WARC-Record-ID", ident),
            ("WARC-Target-URI", url),
            ("WARC-Date", date),
            *more,
            # Both are given for every record: warcio adds one of SHA-1 where it finds none.
            ("WARC-Payload-Digest", _digest(payload)),
            ("WARC-Block-Digest", digest),
            ("Content-Type", content_type),
            ("Content-Length", str(len(block))),
        ]
        rec_headers = StatusAndHeaders("", headers, protocol="WARC/1.1")
        # The block goes in whole and without parsed HTTP headers: warcio would write those anew, and not as they were.
        record = ArcWarcRecord("warc", kind, rec_headers, io.BytesIO(block), None, content_type, len(block))
        writer.write_record(record)
        return ident

    first = f"{exchange.method} {_request_target(exchange.url)} {exchange.http_version}"
    sent = _block(first, _kept_request(exchange.request_headers), exchange.request_body)
    request = add("request", _HTTP + "request", sent, exchange.request_body)
    if exchange.status:
        answer = f"{exchange.http_version} {exchange.status} {exchange.reason}"
        received = _block(answer, _kept_response(exchange.headers), exchange.body)
        cut = [("WARC-Truncated", exchange.truncated)] if exchange.truncated else []
        response = _HTTP + "response"
        add("response", response, received, exchange.body, ("WARC-Concurrent-To", request), *cut)
    fields = [("software", exchange.software), *([("problem", exchange.problem)] if exchange.problem else [])]
    notes = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in fields).encode("utf-8")
    add("metadata", _FIELDS, notes, notes, ("WARC-Concurrent-To", request))
    return out.getvalue()


def _request_target(url: str) -> str:
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^#]*)", url)
    target = found[1] if found else ""
    return target if target.startswith("/") else "/" + target


def read_warc(data: bytes, *, where: str) -> CapturedExchange:
    """The exchange in a WARC file, every digest checked. DamagedWarc names `where` and what is wrong.

    Header values that `warc_bytes` does not keep come back as "(not kept)".
    """
    # warcio would unpack a compressed file, whatever its size; ours never are.
    if not is_warc(data):
        raise _damaged(where, "does not begin as a WARC 1.1 file")
    try:
        records = list(_records(data, where))
    except _UNREADABLE as error:
        raise _damaged(where, f"is not a readable WARC file: {error}") from None
    kinds = [record.kind for record in records]
    if kinds not in (["request", "metadata"], ["request", "response", "metadata"]):
        raise _damaged(where, f"holds the records {', '.join(kinds)[:200]}, not those of one exchange")
    request, metadata = records[0], records[-1]
    if any(record.url != request.url or record.date != request.date for record in records):
        raise _damaged(where, "holds records of different exchanges")
    response = records[1] if len(records) == 3 else None
    method = request.first.split(" ", 1)[0]
    notes = dict(line.split(": ", 1) for line in metadata.body.decode("utf-8").splitlines() if ": " in line)
    version, _, rest = response.first.partition(" ") if response else ("HTTP/1.1", "", "0 ")
    code, _, reason = rest.partition(" ")
    if not re.fullmatch("[0-9]{1,3}", code):
        raise _damaged(where, "holds a response without a status")
    return CapturedExchange(
        url=request.url,
        captured_at=request.date,
        status=int(code),
        reason=reason,
        headers=response.headers if response else (),
        body=response.body if response else b"",
        method=method,
        request_headers=request.headers,
        request_body=request.body,
        problem=notes.get("problem"),
        truncated=response.truncated if response else None,
        http_version=version,
        software=notes.get("software", ""),
    )


@dataclass(frozen=True)
class _Record:
    kind: str
    url: str
    date: str
    first: str
    headers: Headers
    body: bytes
    truncated: str | None


def _records(data: bytes, where: str) -> Iterable[_Record]:
    iterator = ArchiveIterator(io.BytesIO(data), check_digests=True)
    for record in iterator:
        yield _record(record, where)
    if iterator.err_count:
        raise _damaged(where, "has bytes between its records")


def _record(record: Any, where: str) -> _Record:
    named = record.rec_headers
    kind = str(record.rec_type)
    for name in ("WARC-Block-Digest", "WARC-Payload-Digest"):
        if not (named.get_header(name) or "").startswith("sha256:"):
            raise _damaged(where, f"its {kind} record has no SHA-256 {name}")
    body = record.raw_stream.read()
    # Digests are compared when a record has been read to its end, so a record that is cut short was never compared.
    if record.digest_checker.passed is not True:
        problem = "; ".join(record.digest_checker.problems) or "the record is cut short"
        raise _damaged(where, f"its {kind} record does not fit its digests: {problem}")
    http = record.http_headers
    return _Record(
        kind=kind,
        url=named.get_header("WARC-Target-URI") or "",
        date=named.get_header("WARC-Date") or "",
        first=f"{http.protocol} {http.statusline}" if http else "",
        headers=tuple((str(name), str(value)) for name, value in http.headers) if http else (),
        body=body,
        truncated=named.get_header("WARC-Truncated"),
    )


def _damaged(where: str, what: str) -> DamagedWarc:
    return DamagedWarc(what, where=where, remedy="restore the file from a backup; its source can't be proven without")
