"""Bytes come back as they went in, or not at all."""

from __future__ import annotations

import hashlib
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.evidence.store import EvidenceStore, address_of
from oracle.evidence.warc import CapturedExchange

NOTICE = CapturedExchange(
    url="https://www.csrc.gov.cn/c1.shtml", captured_at="2026-11-22T17:00:00+08:00", status=200, body=b"notice"
)


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "evidence").rglob("*") if path.is_file()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.binary(max_size=2000))
def test_put__any_bytes__come_back_under_their_sha256(store: EvidenceStore, data: bytes) -> None:
    name = store.put(data)
    assert name == hashlib.sha256(data).hexdigest()
    assert store.get(name) == data


def test_put__layout__two_digits_then_the_hash(folder_store: EvidenceStore, tmp_path: Path) -> None:
    name = folder_store.put(b"notice")
    assert (tmp_path / "evidence" / name[:2] / name).read_bytes() == b"notice"


def test_put__same_bytes_again__one_file_and_no_leftovers(folder_store: EvidenceStore, tmp_path: Path) -> None:
    assert folder_store.put(b"notice") == folder_store.put(b"notice")
    assert len(files(tmp_path)) == 1


def test_put__many_threads__one_whole_file(folder_store: EvidenceStore, tmp_path: Path) -> None:
    data = b"x" * 100_000
    threads = [threading.Thread(target=folder_store.put, args=(data,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files(tmp_path)) == 1
    assert folder_store.get(hashlib.sha256(data).hexdigest()) == data


def test_put__rename_fails__nothing_left_behind(
    folder_store: EvidenceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("oracle.evidence.folder.os.replace", refuse)
    with pytest.raises(UnreachableError, match="No space left on device"):
        folder_store.put(b"notice")
    assert files(tmp_path) == []


def test_get__unknown_hash__input_error(store: EvidenceStore) -> None:
    with pytest.raises(InputError, match="no evidence with this hash"):
        store.get("0" * 64)


@pytest.mark.parametrize("name", ("", "..", "0" * 63, "A" * 64, "../" + "0" * 61, "0" * 64 + "\n"))
def test_get__not_a_sha256__input_error_before_any_path(store: EvidenceStore, name: str) -> None:
    with pytest.raises(InputError, match="not a SHA-256"):
        store.get(name)


def test_get__file_changed_on_disk__refused(folder_store: EvidenceStore, tmp_path: Path) -> None:
    name = folder_store.put(b"notice")
    (tmp_path / "evidence" / name[:2] / name).write_bytes(b"notice, improved")
    with pytest.raises(FilingGateError, match="no longer fit their hash"):
        folder_store.get(name)


def test_put_exchange__payload__found_by_its_own_hash(store: EvidenceStore) -> None:
    payload, warc = store.put_exchange(NOTICE)
    assert payload == hashlib.sha256(b"notice").hexdigest()
    assert store.get(payload) == b"notice"
    assert store.get(warc).startswith(b"WARC/1.1\r\n")
    assert list(store.index_entries()) == [(payload, warc)]
    assert store.holds(payload)
    assert store.holds(warc)
    assert not store.holds("0" * 64)


def test_put_exchange__same_payload_at_two_times__two_warcs_one_payload(store: EvidenceStore) -> None:
    first, second = NOTICE, replace(NOTICE, captured_at="2026-11-22T18:00:00+08:00")
    warcs = {store.put_exchange(first)[1], store.put_exchange(second)[1], store.put_exchange(first)[1]}
    assert len(warcs) == 2
    assert set(store.warcs_of(hashlib.sha256(b"notice").hexdigest())) == warcs


def test_captures__many_of_an_address__those_that_show_what_it_gave_then(store: EvidenceStore) -> None:
    def seen(minute: int, status: int, body: bytes, url: str = NOTICE.url) -> str:
        moment = f"2026-11-22T09:{minute:02d}:00+00:00"
        return store.put_exchange(replace(NOTICE, url=url, captured_at=moment, status=status, body=body))[1]

    first, _, changed, confirmed = seen(1, 200, b"a"), seen(2, 304, b""), seen(3, 200, b"b"), seen(4, 304, b"")
    later, _ = seen(6, 200, b"c"), seen(4, 200, b"another page", "https://example.org/")
    address, payload = hashlib.sha256(NOTICE.url.encode()).hexdigest(), hashlib.sha256(b"a").hexdigest()

    def at(minute: int, wanted: str | None = None) -> set[str]:
        return set(store.captures(address, datetime(2026, 11, 22, 9, minute, tzinfo=UTC), wanted))

    assert at(4) == {confirmed, changed}
    assert at(4, payload) == {confirmed, changed, first}, "a replica may have had another page confirmed"
    assert at(5) == {changed}
    assert at(0) == set()
    assert at(0, hashlib.sha256(b"c").hexdigest()) == {later}
    assert store.captures("0" * 64, datetime(2026, 11, 22, tzinfo=UTC)) == []
    with pytest.raises(InputError, match="not a SHA-256"):
        store.captures("../" * 21 + "a", datetime(2026, 11, 22, tzinfo=UTC))


def test_captures__more_in_one_second_than_are_named__bounded_and_the_best_kept(store: EvidenceStore) -> None:
    kept = store.put_exchange(NOTICE)[1]
    moment = datetime.fromisoformat(NOTICE.captured_at) + timedelta(seconds=1)
    for number in range(30):
        store.put_exchange(replace(NOTICE, captured_at=moment.isoformat(), body=bytes([number])))
    named = store.captures(address_of(NOTICE.url), moment, hashlib.sha256(b"notice").hexdigest())
    assert len(named) == 20
    assert named[0] == kept


def test_get__index_leads_to_another_payload__refused(folder_store: EvidenceStore, tmp_path: Path) -> None:
    payload, _ = folder_store.put_exchange(NOTICE)
    _, other = folder_store.put_exchange(replace(NOTICE, body=b"another"))
    for entry in (tmp_path / "evidence" / "index" / payload[:2] / payload).iterdir():
        entry.rename(entry.with_name(other))
    with pytest.raises(FilingGateError, match="does not hold the payload"):
        folder_store.get(payload)


def test_reindex__entry_lost_in_a_crash__written_again(folder_store: EvidenceStore, tmp_path: Path) -> None:
    payload, _ = folder_store.put_exchange(NOTICE)
    folder_store.put(b"a document")
    entries = list(folder_store.address_entries())
    shutil.rmtree(tmp_path / "evidence" / "index")
    shutil.rmtree(tmp_path / "evidence" / "address")
    with pytest.raises(InputError, match="no evidence with this hash"):
        folder_store.get(payload)
    assert folder_store.reindex() == 2
    assert list(folder_store.address_entries()) == entries
    assert folder_store.reindex() == 0
    assert folder_store.get(payload) == b"notice"


def test_foreign_names__stranger_in_the_folder__named(folder_store: EvidenceStore, tmp_path: Path) -> None:
    folder_store.put_exchange(NOTICE)
    (tmp_path / "evidence" / "notes.txt").write_text("mine")
    assert folder_store.foreign_names() == ["notes.txt"]
