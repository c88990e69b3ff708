"""Bytes come back as they went in, or not at all."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.errors import FilingGateError, InputError
from oracle.evidence.store import EvidenceStore


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "evidence").rglob("*") if path.is_file()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.binary(max_size=2000))
def test_put__any_bytes__come_back_under_their_sha256(store: EvidenceStore, data: bytes) -> None:
    name = store.put(data)
    assert name == hashlib.sha256(data).hexdigest()
    assert store.get(name) == data


def test_put__layout__two_digits_then_the_hash(store: EvidenceStore, tmp_path: Path) -> None:
    name = store.put(b"notice")
    assert (tmp_path / "evidence" / name[:2] / name).read_bytes() == b"notice"


def test_put__same_bytes_again__one_file_and_no_leftovers(store: EvidenceStore, tmp_path: Path) -> None:
    assert store.put(b"notice") == store.put(b"notice")
    assert len(files(tmp_path)) == 1


def test_put__many_threads__one_whole_file(store: EvidenceStore, tmp_path: Path) -> None:
    data = b"x" * 100_000
    threads = [threading.Thread(target=store.put, args=(data,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files(tmp_path)) == 1
    assert store.get(hashlib.sha256(data).hexdigest()) == data


def test_put__rename_fails__nothing_left_behind(
    store: EvidenceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("oracle.evidence.store.os.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        store.put(b"notice")
    assert files(tmp_path) == []


def test_get__unknown_hash__input_error(store: EvidenceStore) -> None:
    with pytest.raises(InputError, match="no evidence with this hash"):
        store.get("0" * 64)


@pytest.mark.parametrize("name", ("", "..", "0" * 63, "A" * 64, "../" + "0" * 61, "0" * 64 + "\n"))
def test_get__not_a_sha256__input_error_before_any_path(store: EvidenceStore, name: str) -> None:
    with pytest.raises(InputError, match="not a SHA-256"):
        store.get(name)


def test_get__file_changed_on_disk__refused(store: EvidenceStore, tmp_path: Path) -> None:
    name = store.put(b"notice")
    (tmp_path / "evidence" / name[:2] / name).write_bytes(b"notice, improved")
    with pytest.raises(FilingGateError, match="no longer fit their hash"):
        store.get(name)
