"""Time stamps: asked of an authority that may answer anything, checked again offline, never claimed where missing."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from oracle.audit.evidence_check import StampTerms, prove_store
from oracle.errors import InputError, UnreachableError
from oracle.evidence.manifest import manifest_of
from oracle.evidence.store import EvidenceStore
from oracle.evidence.timestamp import BadStamp, checked_stamp, root_certificates
from oracle.sources.timestamp_authority import TimestampAuthority, TimestampConfig
from tests.cli.command_line import gate
from tests.proof.every_source import every_source
from tests.standin.time_authority import POLICY, TimeAuthority

DATA = b'{"a": "manifest"}'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    with TimeAuthority(tmp_path_factory.mktemp("authority")) as authority:
        yield authority


@pytest.fixture
def authority(running: TimeAuthority) -> Iterator[TimeAuthority]:
    running.fault = None
    yield running
    running.fault = None


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


def asking(authority: TimeAuthority, store: EvidenceStore, shift: timedelta = timedelta(), **more: Any) -> Any:
    config = TimestampConfig.model_validate({"url": authority.url, "roots": str(authority.roots), **more})
    return TimestampAuthority(config, store, lambda: datetime.now(UTC) + shift, base=Path())


def token_in(store: EvidenceStore) -> bytes:
    return next(data for data in map(store.get, store.hashes()) if data.startswith(b"\x30"))


def test_stamp__good_authority__time_authority_and_token_that_openssl_verifies(
    authority: TimeAuthority, store: EvidenceStore, tmp_path: Path
) -> None:
    stamp = asking(authority, store, policy=POLICY).stamp(DATA)
    assert abs(stamp.time - datetime.now(UTC)) < timedelta(minutes=1)
    assert (stamp.authority, stamp.policy) == ("CN=Stamps good", POLICY)
    kind, question = authority.questions[-1]
    assert kind == "application/timestamp-query"
    assert hashlib.sha256(DATA).digest() in question
    (tmp_path / "token.tsr").write_bytes(token_in(store))
    (tmp_path / "data").write_bytes(DATA)
    command = ["openssl", "ts", "-verify", "-data", "data", "-in", "token.tsr", "-CAfile", str(authority.roots)]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("fault", "problem"),
    (
        ("wrong-nonce", "Nonce"),
        ("wrong-hash", "Mismatch"),
        ("expired", "certificate.*expired|verifying certificates"),
        ("wrong-usage", "unsuitable certificate purpose|id-kp-timeStamping"),
        ("html", "not a time stamp"),
        ("empty", "not a time stamp"),
        ("huge", "cut off there"),
        ("slow", "no answer within|longer than"),
        ("busy", "HTTP status 503"),
        ("refused", "not a time stamp|refused"),
    ),
)
def test_stamp__authority_misbehaves__error_data_kept_no_token(
    authority: TimeAuthority, store: EvidenceStore, fault: str, problem: str
) -> None:
    authority.fault = fault
    with pytest.raises(UnreachableError, match=problem):
        asking(authority, store, timeout_seconds=0.5 if fault == "slow" else 10).stamp(DATA)
    assert store.get(hashlib.sha256(DATA).hexdigest()) == DATA
    # What it answered is there as an exchange, and nothing as a token.
    assert not [name for name in store.hashes() if store.get(name).startswith(b"\x30")]
    exchanges = [store.exchange(warc) for _, warc in store.index_entries()]
    assert [item.method for item in exchanges] == ["POST"]
    assert hashlib.sha256(DATA).digest() in exchanges[0].request_body


def test_stamp__another_policy_or_time_or_root__refused(
    authority: TimeAuthority, store: EvidenceStore, tmp_path: Path
) -> None:
    with pytest.raises(UnreachableError, match="Policy"):
        asking(authority, store, policy="1.2.3").stamp(DATA)
    with pytest.raises(UnreachableError, match="far from this node's time"):
        asking(authority, store, shift=timedelta(hours=1)).stamp(DATA)
    with TimeAuthority(tmp_path / "other") as other, pytest.raises(UnreachableError, match="does not hold"):
        asking(authority, store, roots=str(other.roots)).stamp(DATA)


def test_checked__token_changed_anywhere__refused(authority: TimeAuthority, store: EvidenceStore) -> None:
    asking(authority, store).stamp(DATA)
    token, sha256 = token_in(store), hashlib.sha256(DATA).hexdigest()
    roots = root_certificates(authority.roots.read_bytes(), where="roots")
    whole = checked_stamp(token, sha256, roots)
    with pytest.raises(BadStamp):
        checked_stamp(token, hashlib.sha256(b"another").hexdigest(), roots)
    for place in range(0, len(token), 7):
        changed = token[:place] + bytes([token[place] ^ 1]) + token[place + 1 :]
        try:
            # A certificate beside the chain is not signed over; whatever is accepted must say the same.
            assert checked_stamp(changed, sha256, roots).time == whole.time
        except BadStamp:
            continue


@pytest.mark.parametrize(
    ("change", "problem"),
    (
        ({"url": "http://user:secret@127.0.0.1/"}, "user name"),
        ({"url": "ftp://127.0.0.1/"}, "http"),
        ({"policy": "policy"}, "object identifier"),
        ({"timeout_seconds": 0.0}, "greater than"),
    ),
)
def test_config__wrong__refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        TimestampConfig.model_validate({"url": "http://127.0.0.1/", "roots": "roots.pem", **change})


def test_open__roots_missing_or_none__input_error(authority: TimeAuthority, store: EvidenceStore) -> None:
    for roots in ("nowhere.pem", str(authority.roots.with_name("ts.cnf"))):
        with pytest.raises(InputError, match="roots"):
            asking(authority, store, roots=roots)


def test_verify__stamped_decision__shows_time_and_authority_offline(authority: TimeAuthority, tmp_path: Path) -> None:
    with every_source(tmp_path) as world:
        seen = world.observe()
        data = world.decide(seen)
        dossier = json.loads(data)["decision"]["dossierHash"]
        roots = root_certificates(authority.roots.read_bytes(), where="roots")
        terms = StampTerms(roots, POLICY, required=True)
        assert not prove_store(world.store, terms=terms).stamps
        stamp = asking(authority, world.store).stamp(manifest_of(dossier, seen, world.store).as_bytes())
        (tmp_path / "decision.json").write_bytes(data)
    proof = prove_store(world.store, terms=terms)
    assert proof.check.findings == []
    assert [item for _, item in proof.stamps] == [stamp]
    answer = gate("evidence", "verify", "--dir", world.store, "--timestamp-roots", authority.roots)
    assert answer.code == 0, answer
    assert f"evidence stamped {stamp.time.isoformat()} by CN=Stamps good" in answer.out
    assert "were not checked" in gate("evidence", "verify", "--dir", world.store).out
    replayed = gate(
        *("replay", tmp_path / "decision.json", "--evidence", world.store, "--timestamp-roots", authority.roots),
        "--json",
    )
    assert replayed.json["timestamps"][0]["authority"] == "CN=Stamps good"
    other = root_certificates((authority.roots.parent / "good.pem").read_bytes(), where="roots")
    forged = prove_store(world.store, terms=StampTerms(other, "1.2.3"))
    assert {item.kind for item in forged.check.findings} == {"timestamp"}
    assert forged.stamps == []
