"""A signed register: who signed it, how old it is, what it says."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from pydantic import ValidationError

from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.personal_message import message_digest
from oracle.evidence.store import EvidenceStore
from oracle.signing.keys import KeySigner
from oracle.signing.recovery import recover
from oracle.sources.detached_signature import minisign_key, register_text, verify
from oracle.sources.parse_error import ParseError
from oracle.sources.register_rows import read_rows
from oracle.sources.registry_file import RegistryFileConfig, RegistryFileSource, rows_of
from oracle.sources.stated_filing import FIELDS
from tests.sources.file_server import FileServer
from tests.sources.minisign_key import MinisignKey

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
NUMBER, COMPANY = "国合函〔2026〕886号", "示例（上海）充电科技有限公司"
BOTH = FilingQuery(number=NUMBER, entity_name=COMPANY)
ROW: dict[str, Any] = {
    "number": NUMBER,
    "entityName": COMPANY,
    "uscc": "91310000MA0000000Y",
    "status": "已备案",
    "decisionDate": "2026-11-20",
    "units": "1,000,000",
    "amount": "１亿",
    "ccy": "CNY",
    "validUntil": "",
}
KEY, OTHER = MinisignKey(1), MinisignKey(2)
SIGNER = KeySigner(b"\x07" * 32)


def as_json(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"filings": list(rows)}, ensure_ascii=False).encode()


def as_csv(*rows: dict[str, Any]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS)
    writer.writeheader()
    writer.writerows(rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def as_xlsx(*rows: dict[str, Any]) -> bytes:
    book = Workbook()
    book.worksheets[0].append(["登记册"])
    book.worksheets[0].append(list(FIELDS))
    for row in rows:
        book.worksheets[0].append([row.get(name) for name in FIELDS])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def stamp(when: datetime = NOW) -> str:
    return f"timestamp:{int(when.timestamp())}\tfile:register"


def eip_191(data: bytes, signer: KeySigner = SIGNER, when: datetime = NOW) -> bytes:
    sha256, issued = hashlib.sha256(data).hexdigest(), when.isoformat()
    signature = "0x" + signer.sign(message_digest(register_text(sha256, issued))).hex()
    content = {"schema": "register-signature/v1", "sha256": sha256, "issuedAt": issued, "signature": signature}
    return json.dumps(content).encode()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        yield running


Maker = Callable[..., list[Observation]]


@pytest.fixture
def observe(tmp_path: Path) -> Maker:
    """Writes register and signature, asks a new source, gives what it says."""

    def ask(data: bytes, signature: bytes | None, *, query: FilingQuery = BOTH, **changes: Any) -> list[Observation]:
        (tmp_path / "register").write_bytes(data)
        (tmp_path / "register.minisig").unlink(missing_ok=True)
        if signature is not None:
            (tmp_path / "register.minisig").write_bytes(signature)
        facts = {"path": "register", "format": "json", "minisign_keys": [KEY.public], "signers": [SIGNER.address]}
        config = RegistryFileConfig.model_validate({**facts, **changes})
        store = EvidenceStore(tmp_path / "evidence")
        source = RegistryFileSource(
            config, store, lambda: NOW, recover=recover, base=tmp_path, state=tmp_path / "state"
        )
        found = source.observe(query)
        assert all(item.sha256 is None or store.get(item.sha256) == data for item in found)
        return found

    return ask


def only(found: list[Observation]) -> Observation:
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(("form", "write"), (("json", as_json), ("csv", as_csv), ("xlsx", as_xlsx)))
@pytest.mark.parametrize("prehashed", (True, False))
def test_observe__register_signed_by_a_listed_key__the_filing(
    observe: Maker, form: str, write: Callable[..., bytes], prehashed: bool
) -> None:
    data = write(ROW, {**ROW, "number": "国合函〔2026〕1号", "entityName": "另一家有限公司", "uscc": None})
    seen = only(observe(data, KEY.sign(data, comment=stamp(), prehashed=prehashed), format=form))
    assert (seen.kind, seen.status, seen.level) == (ObservationKind.NOTICE, LifeCycle.FILED, 2), seen.detail
    assert seen.record is not None
    assert seen.record.units == 1_000_000
    assert seen.record.amount is not None
    assert (seen.record.amount.amount, seen.record.entity_name) == ("100000000", "示例(上海)充电科技有限公司")


def test_observe__signed_by_eip_191__the_filing(observe: Maker) -> None:
    data = as_json(ROW)
    seen = only(observe(data, eip_191(data)))
    assert seen.kind is ObservationKind.NOTICE, seen.detail
    assert SIGNER.address in (seen.title or "")


@pytest.mark.parametrize(
    ("sign", "problem"),
    (
        (lambda data: None, "is no file"),
        (lambda data: b" ", "has no signature"),
        (lambda data: OTHER.sign(data, comment=stamp()), "which is not listed"),
        (lambda data: KEY.sign(data + b" ", comment=stamp()), "does not fit"),
        (lambda data: KEY.sign(data, comment=stamp()).replace(b"file:register", b"file:other"), "does not fit"),
        (lambda data: KEY.sign(data, comment="no time"), "does not say when"),
        (lambda data: KEY.sign(data, comment=stamp() + " timestamp:1"), "does not say when"),
        (lambda data: KEY.sign(data, comment="timestamp:999999999999"), "impossible time"),
        (lambda data: KEY.sign(data, comment=stamp(NOW - timedelta(days=8))), "stale after"),
        (lambda data: KEY.sign(data, comment=stamp(NOW + timedelta(hours=1))), "in the future"),
        (lambda data: b"x" * 10_001, "more than 10000 bytes"),
        (lambda data: KEY.sign(data, comment=stamp()).replace(b"RUQ", b"!!!", 1), "not the base64"),
        (lambda data: b"untrusted comment: x\n\n", "four lines"),
        (lambda data: eip_191(data, KeySigner(b"\x08" * 32)), "which is not listed"),
        (lambda data: eip_191(data + b" "), "of another file"),
        (lambda data: eip_191(data).replace(b"2026-11-22", b"2026-11-21"), "not listed"),
        (lambda data: b'{"schema": "register-signature/v1"}', "has not the keys"),
    ),
)
def test_observe__signature_absent_foreign_or_forged__failure(
    observe: Maker, sign: Callable[[bytes], bytes | None], problem: str
) -> None:
    data = as_json(ROW)
    signature = sign(data)
    if signature is not None and b"!!!" in signature:
        assert problem == "not the base64"
    seen = only(observe(data, signature))
    assert (seen.kind, seen.status, seen.record) == (ObservationKind.FAILURE, None, None)
    assert problem in (seen.detail or "")


def test_observe__older_register_though_signed__refused_as_replay(observe: Maker) -> None:
    old, new = as_json(ROW), as_json({**ROW, "status": "REVOKED"})
    before = KEY.sign(old, comment=stamp(NOW - timedelta(days=2)))
    assert only(observe(old, before)).kind is ObservationKind.NOTICE
    revoked = only(observe(new, KEY.sign(new, comment=stamp(NOW - timedelta(days=1)))))
    assert (revoked.kind, revoked.status) == (ObservationKind.WITHDRAWAL, LifeCycle.REVOKED)
    replayed = only(observe(old, before))
    assert replayed.kind is ObservationKind.FAILURE
    assert "was seen before" in (replayed.detail or "")
    same_moment = only(observe(old, KEY.sign(old, comment=stamp(NOW - timedelta(days=1)))))
    assert same_moment.kind is ObservationKind.FAILURE


def test_observe__state_damaged__failure(observe: Maker, tmp_path: Path) -> None:
    data = as_json(ROW)
    assert only(observe(data, KEY.sign(data, comment=stamp()))).kind is ObservationKind.NOTICE
    next((tmp_path / "state").iterdir()).write_text("{")
    assert "cannot be read" in (only(observe(data, KEY.sign(data, comment=stamp()))).detail or "")


@pytest.mark.parametrize(
    ("rows", "kind", "telling"),
    (
        ([], "ABSENCE", ""),
        ([{**ROW, "entityName": COMPANY + "上海分公司"}], "FAILURE", "not of"),
        ([{**ROW, "number": "国合函〔2026〕88号"}], "ABSENCE", ""),
        ([ROW, ROW], "FAILURE", "2 rows are of this filing"),
        ([{**ROW, "status": "已批准"}], "STATUS_TABLE", "does not know"),
        ([{**ROW, "status": "已接收", "decisionDate": ""}], "STATUS_TABLE", ""),
        ([{**ROW, "decisionDate": None}], "FAILURE", "needs number, entityName and decisionDate"),
        ([{**ROW, "decisionDate": "2026-13-01"}], "FAILURE", "is not a date"),
        ([{**ROW, "units": 1.5}], "FAILURE", "units is float"),
        ([{**ROW, "units": "1,00"}], "FAILURE", "read exactly"),
        ([{**ROW, "units": True}], "FAILURE", "units is bool"),
        ([{**ROW, "ccy": None}], "FAILURE", "only together"),
        ([{**ROW, "number": 886}], "FAILURE", "number is int"),
        ([{**ROW, "uscc": "91310000MA0000000X"}], "FAILURE", "no unified social credit code"),
        ([{key: value for key, value in ROW.items() if key != "status"}], "FAILURE", "has no status"),
    ),
)
def test_observe__rows_of_every_kind__as_they_are(
    observe: Maker, rows: list[dict[str, Any]], kind: str, telling: str
) -> None:
    data = as_json(*rows)
    seen = only(observe(data, KEY.sign(data, comment=stamp())))
    assert seen.kind.value == kind, seen.detail
    assert telling in (seen.detail or "")
    assert seen.status is not LifeCycle.FILED


def test_observe__other_code_than_asked__failure(observe: Maker) -> None:
    data = as_json(ROW)
    query = BOTH.model_copy(update={"uscc": "91310115MA0000001Y"})
    assert "has the code" in (only(observe(data, KEY.sign(data, comment=stamp()), query=query)).detail or "")


def test_observe__over_http__register_and_signature_of_one_host(server: FileServer, tmp_path: Path) -> None:
    data = as_json(ROW)
    url = server.put("/register.json", data)
    server.put("/register.json.minisig", KEY.sign(data, comment=stamp()))
    config = RegistryFileConfig(url=url, format="json", minisign_keys=[KEY.public], backoff_seconds=0)
    source = RegistryFileSource(
        config, EvidenceStore(tmp_path / "e"), lambda: NOW, recover=recover, base=tmp_path, state=tmp_path / "s"
    )
    assert only(source.observe(BOTH)).kind is ObservationKind.NOTICE
    server.put("/register.json", b"", status=500)
    assert "HTTP status 500" in (only(source.observe(BOTH)).detail or "")
    server.put("/register.json", b" " * 2000)
    small = RegistryFileSource(
        config.model_copy(update={"max_bytes": 1000}),
        EvidenceStore(tmp_path / "e"),
        lambda: NOW,
        recover=recover,
        base=tmp_path,
        state=tmp_path / "s",
    )
    assert "more than 1000 bytes" in (only(small.observe(BOTH)).detail or "")


@pytest.mark.parametrize(
    ("changes", "problem"),
    (
        ({"minisign_keys": [], "signers": []}, "must name somebody"),
        ({"minisign_keys": ["RWQ"]}, "not a minisign public key"),
        ({"path": None}, "exactly one of path and url"),
        ({"path": None, "url": "http://example.org/r"}, "must be https"),
        ({"path": None, "url": "https://u:p@example.org/r"}, "user name"),
        ({"columns": {"colour": "x"}}, "is not a field"),
        ({"level": 4}, "less than or equal to 3"),
    ),
)
def test_config__wrong_value__refused(changes: dict[str, Any], problem: str) -> None:
    facts: dict[str, Any] = {"path": "r", "format": "json", "minisign_keys": [KEY.public]}
    with pytest.raises(ValidationError, match=problem):
        RegistryFileConfig.model_validate({**facts, **changes})


CONFIG = RegistryFileConfig(path="r", format="json", minisign_keys=[KEY.public])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_rows_of__mutated_bytes__never_filed_without_number_and_name(data: st.DataObject) -> None:
    form, write = data.draw(st.sampled_from([("json", as_json), ("csv", as_csv)]))
    raw = bytearray(write(ROW))
    for _ in range(data.draw(st.integers(1, 5))):
        place, length = data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, 30))
        raw[place : place + length] = data.draw(st.binary(max_size=8))
    try:
        rows = rows_of(bytes(raw), CONFIG.model_copy(update={"format": form}))
    except ParseError:
        return
    for row in rows:
        if (
            row.kind is ObservationKind.NOTICE
            and row.number == NUMBER
            and row.entity_name == "示例(上海)充电科技有限公司"
        ):
            assert NUMBER.encode() in raw or b"886" in raw
            assert "充电科技有限公司".encode() in raw or b"\\u" in raw


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_signature__any_bytes__parse_error(signature: bytes) -> None:
    with pytest.raises(ParseError):
        verify(b"data", signature, [KEY.public], [SIGNER.address], recover)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["json", "csv", "xlsx"]), st.binary(max_size=300))
def test_read_rows__any_bytes__rows_or_parse_error(form: Any, raw: bytes) -> None:
    try:
        assert isinstance(read_rows(raw, form, {"name": "name"}, ("name",)), list)
    except ParseError:
        return


def test_minisign_key__public_key_line__id_and_key() -> None:
    assert minisign_key(KEY.public)[0] == b"\x01" * 8
