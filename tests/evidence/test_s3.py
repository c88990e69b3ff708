"""Evidence in a bucket: addresses without secrets, and a server that does not do what it should."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.evidence.store import EvidenceStore
from oracle.evidence.warc import CapturedExchange
from oracle.node.config import StoreConfig
from oracle.store.evidence_place import open_evidence
from oracle.store.s3 import S3Address
from tests.cli.command_line import gate
from tests.standin.s3_server import PAGE, S3Server

SECRET = "AKIAIOSFODNN7EXAMPLE"


@pytest.fixture
def server(s3_environment: None) -> Iterator[S3Server]:
    with S3Server("kept") as running:
        yield running


@pytest.fixture
def store(server: S3Server) -> EvidenceStore:
    return open_evidence(f"s3://kept/node-1/?endpoint={server.endpoint}")


def test_parse__good_addresses__bucket_prefix_and_server() -> None:
    whole = S3Address.parse("s3://kept/a/b/?endpoint=https://s3.example.org:9000&region=cn-north-1")
    assert whole == S3Address("kept", "a/b/", "https://s3.example.org:9000", "cn-north-1")
    assert S3Address.parse("s3://kept") == S3Address("kept", "")
    assert str(whole) == "s3://kept/a/b/"


@pytest.mark.parametrize(
    ("address", "problem"),
    (
        (f"s3://{SECRET}:{SECRET}@kept/a", "credential"),
        (f"s3://kept/a?access_key={SECRET}", "endpoint and region"),
        (f"s3://kept/a?endpoint=https://{SECRET}:x@s3.example.org", "no URL of a server"),
        (f"s3://kept/a?endpoint=https://s3.example.org/?key={SECRET}", "no URL of a server"),
        (f"s3://kept/a?region=us-east-1&region={SECRET}", "each once"),
        ("s3://kept/a?endpoint=http://s3.example.org", "must be https"),
        ("s3://kept/a?endpoint=ftp://127.0.0.1", "must be https"),
        ("s3://kept/a?endpoint=https://s3.example.org:99999", "no URL of a server"),
        ("s3://kept/a/../b", "not one of S3"),
        ("s3://KEPT", "not one of S3"),
        ("s3://", "not one of S3"),
        ("https://s3.example.org/kept", "a folder or at s3://"),
        ("s3://kept#a", "a folder or at s3://"),
        ("s3://kept?endpoint", "not an address"),
    ),
)
def test_parse__address_with_a_secret_or_none__refused_without_showing_it(address: str, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem) as caught:
        StoreConfig(evidence=address)
    assert SECRET not in str(caught.value.errors(include_input=False))
    with pytest.raises(InputError, match=problem) as told:
        open_evidence(address)
    assert SECRET not in str(told.value)
    answer = gate("evidence", "verify", "--dir", address)
    assert answer.code == 2
    assert SECRET not in answer.line


def test_open__no_credentials__input_error_names_the_variables(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(InputError, match="AWS_ACCESS_KEY_ID"):
        open_evidence(f"s3://kept/?endpoint={server.endpoint}")
    assert server.requests == []


def test_open__credentials_file__used(server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = testkey\naws_secret_access_key = testsecret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    store = open_evidence(f"s3://kept/?endpoint={server.endpoint}")
    assert store.get(store.put(b"notice")) == b"notice"
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(InputError, match="AWS_PROFILE"):
        open_evidence(f"s3://kept/?endpoint={server.endpoint}")


def test_put__layout_and_list__as_in_a_folder_over_several_pages(store: EvidenceStore, server: S3Server) -> None:
    names = {store.put(bytes([number])) for number in range(2 * PAGE + 1)}
    payload, warc = store.put_exchange(
        CapturedExchange(
            url="https://www.csrc.gov.cn/a", captured_at="2026-11-22T17:00:00+08:00", status=200, body=b"x"
        )
    )
    assert set(server.objects) == {
        *(f"node-1/{name[:2]}/{name}" for name in (*names, warc)),
        f"node-1/index/{payload[:2]}/{payload}/{warc}",
        f"node-1/{next(store.address_entries()).name}",
    }
    address = hashlib.sha256(b"https://www.csrc.gov.cn/a").hexdigest()
    assert next(store.address_entries()).name == f"address/{address[:2]}/{address}/20261122T090000Z-200-{warc}"
    assert set(store.hashes()) == {*names, warc}
    assert list(store.index_entries()) == [(payload, warc)]
    assert store.foreign_names() == []
    answer = gate("evidence", "verify", "--dir", f"s3://kept/node-1?endpoint={server.endpoint}")
    assert answer.code == 0, answer
    assert "clean" in answer.out


def test_put__twice_and_by_two__one_object_written_once(store: EvidenceStore, server: S3Server) -> None:
    name = store.put(b"notice")
    other = open_evidence(f"s3://kept/node-1/?endpoint={server.endpoint}")
    assert other.put(b"notice") == name
    assert [request.split()[0] for request in server.requests].count("PUT") == 1
    # Written between the look and the write: the server refuses the second one, and that is well.
    store._blobs.write(f"{name[:2]}/{name}", b"another")
    assert store.get(name) == b"notice"


def test_put__server_without_conditional_writes__written(store: EvidenceStore, server: S3Server) -> None:
    server.fault = "unconditional"
    assert store.get(store.put(b"notice")) == b"notice"


def test_get__object_changed__refused(store: EvidenceStore, server: S3Server) -> None:
    name = store.put(b"notice")
    server.fault = "other-bytes"
    with pytest.raises(FilingGateError, match="no longer fit their hash"):
        store.get(name)
    with pytest.raises(InputError, match="no evidence with this hash"):
        store.get(hashlib.sha256(b"never").hexdigest())


@pytest.mark.parametrize(
    ("fault", "problem"), (("denied", "AccessDenied"), ("busy", "SlowDown"), ("slow", "no usable answer"))
)
def test_get__server_fails__one_error_that_names_the_object(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, fault: str, problem: str
) -> None:
    monkeypatch.setattr("oracle.store.s3._READ_SECONDS", 0.3)
    monkeypatch.setattr("oracle.store.s3._ATTEMPTS", 1)
    store = open_evidence(f"s3://kept/node-1/?endpoint={server.endpoint}")
    name = store.put(b"notice")
    server.fault = fault
    with pytest.raises(UnreachableError, match=problem) as caught:
        store.get(name)
    assert caught.value.where == f"s3://kept/node-1/{name[:2]}/{name}"
    assert "testsecret" not in str(caught.value)
    assert "testkey" not in str(caught.value)


def test_every_call__web_page_with_status_200__neither_empty_nor_written(
    store: EvidenceStore, server: S3Server
) -> None:
    store.put(b"notice")
    server.fault = "html"
    with pytest.raises(UnreachableError, match="not one of S3"):
        list(store.hashes())
    with pytest.raises(UnreachableError, match="not one of S3"):
        store.put(b"another")
    with pytest.raises(UnreachableError, match="not one of S3"):
        store._blobs.write("aa/bb", b"another")


def test_get__object_larger_than_any_evidence__refused(store: EvidenceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    name = store.put(b"x" * 2000)
    monkeypatch.setattr("oracle.store.s3.MAX_FILE_BYTES", 1000)
    with pytest.raises(FilingGateError, match="larger than 1000 bytes"):
        store.get(name)


def test_put__bucket_missing__error(server: S3Server) -> None:
    missing = open_evidence(f"s3://missing/?endpoint={server.endpoint}")
    with pytest.raises(UnreachableError, match="NoSuchBucket"):
        missing.put(b"notice")
    with pytest.raises(UnreachableError, match="NoSuchBucket"):
        list(missing.hashes())
