"""`evidence`, `replay` and what a dossier shows in part, as a user calls them."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest

from oracle.domain.approval import FilingApproval, OnChainStatus
from oracle.domain.canonical import canonical_bytes
from oracle.domain.filing import ObservationKind
from oracle.evidence.store import EvidenceStore
from oracle.evidence.warc import CapturedExchange
from oracle.rules.decision import FilingOnChain
from oracle.rules.decision_record import Circumstances, build, decide, signed_envelope
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner
from oracle.signing.personal_message import decision_message, message_digest
from tests.cli.command_line import gate
from tests.samples.dossier import sample_bytes, sample_case, sample_observation, sample_parsed

SIGNER = KeySigner(b"\x07" * 32)
REGISTRY = "0x" + "11" * 20
HASH = "0x" + "22" * 32


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


@pytest.fixture
def decision(store: EvidenceStore, tmp_path: Path) -> Path:
    """A signed refusal about the sample dossier, resting on one stored page that could not be read."""
    url, moment = "https://www.csrc.gov.cn/list", "2026-10-12T09:00:00+08:00"
    payload, _ = store.put_exchange(CapturedExchange(url=url, captured_at=moment, status=200, body=b"<html>"))
    seen = sample_observation(ObservationKind.FAILURE, fetched_at=moment, url=url, sha256=payload)
    case = sample_case(observations=[seen])
    proposed = FilingApproval.model_validate(
        {
            "filing": HASH,
            "tranches": [{"token": REGISTRY, "cap": 5, "decimals": 6}],
            "dossier_hash": "0x" + case.dossier.dossier_hash().hex(),
            "record_hash": HASH,
            "ruleset_hash": HASH,
            "valid_after": case.now,
            "valid_until": case.now + 60,
            "sequence": 1,
        }
    )
    digest = "0x" + approval_digest(Domain(31337, REGISTRY), proposed).hex()
    chain = FilingOnChain(OnChainStatus.NONE, 0, 0, 0, 86400)
    about = Circumstances("approval", SIGNER.address, 31337, REGISTRY, chain, proposed, digest, "filing-gate/0.1.0")
    document = canonical_bytes(build(case, about, decide(case, about)))
    name = hashlib.sha256(document).hexdigest()
    signature = SIGNER.sign(message_digest(decision_message(name)))
    data = signed_envelope(document, SIGNER.address, signature)
    store.put(data)
    store.put(case.dossier.canonical())
    path = tmp_path / "decision.json"
    path.write_bytes(data)
    return path


def test_replay__from_the_store_alone__same_bytes(decision: Path, store: EvidenceStore) -> None:
    answer = gate("replay", decision, "--evidence", store, "--json")
    assert answer.code == 0, answer
    assert answer.json["identical"] is True
    assert answer.json["signature"] == "good"
    assert answer.json["evidence"] == []
    assert "the same bytes" in gate("replay", decision, "--evidence", store).out


def test_replay__with_the_dossier_file__same_bytes(decision: Path, tmp_path: Path) -> None:
    dossier = tmp_path / "dossier.json"
    dossier.write_bytes(sample_bytes())
    assert gate("replay", decision, "--dossier", dossier).code == 0


def test_replay__no_dossier__exit_2_and_one_line(decision: Path) -> None:
    answer = gate("replay", decision)
    assert answer.code == 2
    assert "--dossier" in answer.line


def test_replay__field_changed__exit_1_and_its_name(decision: Path, store: EvidenceStore) -> None:
    envelope = json.loads(decision.read_bytes())
    envelope["decision"]["outcome"]["approved"] = True
    decision.write_bytes(canonical_bytes(envelope))
    answer = gate("replay", decision, "--evidence", store)
    assert answer.code == 1
    assert "differs in outcome.approved: recorded true, replayed false" in answer.out


def test_verify__clean_store__exit_0_counts(decision: Path, store: EvidenceStore) -> None:
    answer = gate("evidence", "verify", "--dir", store, "--json")
    assert (answer.code, answer.json["clean"]) == (0, True), answer
    assert answer.json["checked"]["decisions"] == 1
    assert answer.json["checked"]["warcs"] == 1
    name = hashlib.sha256(decision.read_bytes()).hexdigest()
    assert gate("evidence", "verify", "--dir", store, "--decision", name).code == 0


def test_verify__file_changed__exit_1_and_its_hash(decision: Path, store: EvidenceStore) -> None:
    warc = next(store.index_entries())[1]
    (Path(str(store)) / warc[:2] / warc).write_bytes(b"WARC/1.1\r\n")
    answer = gate("evidence", "verify", "--dir", store)
    assert answer.code == 1
    assert f"FILE {warc}: the stored bytes no longer fit their hash" in answer.out


@pytest.mark.parametrize("options", ((), ("--dir", "x", "--config", "y"), ("--dir", "/nowhere/at/all")))
def test_verify__no_such_store__exit_2(options: tuple[str, ...]) -> None:
    assert gate("evidence", "verify", *options).code == 2


def test_reindex__entry_lost__written_again(decision: Path, store: EvidenceStore) -> None:
    payload, warc = next(store.index_entries())
    (Path(str(store)) / "index" / payload[:2] / payload / warc).unlink()
    assert gate("evidence", "verify", "--dir", store).code == 1
    assert gate("evidence", "reindex", "--dir", store, "--json").json == {"added": 1}
    assert gate("evidence", "verify", "--dir", store).code == 0


def test_add__two_documents__rows_for_the_dossier(store: EvidenceStore, tmp_path: Path) -> None:
    (tmp_path / "opinion-1.pdf").write_bytes(b"%PDF opinion")
    (tmp_path / "report-1.odd").write_bytes(b"")
    answer = gate("evidence", "add", tmp_path / "opinion-1.pdf", tmp_path / "report-1.odd", "--dir", store, "--json")
    rows = answer.json["evidence"]
    assert [row["id"] for row in rows] == ["opinion-1", "report-1"]
    assert rows[0]["mime"] == "application/pdf"
    assert rows[0]["size"] == 12
    assert store.get(rows[0]["sha256"]) == b"%PDF opinion"
    assert '[[evidence]]\nid = "opinion-1"\n' in gate("evidence", "add", tmp_path / "opinion-1.pdf", "--dir", store).out
    assert gate("evidence", "add", tmp_path / "nothing.pdf", "--dir", store).code == 2


def test_seal_show_check__one_document__good_alone_and_no_other(tmp_path: Path) -> None:
    file, seed, part = tmp_path / "d.json", tmp_path / "seed", tmp_path / "part.json"
    file.write_bytes(sample_bytes())
    first = gate("dossier", "seal", file, "--seed", seed, "--json")
    assert first.code == 1
    assert seed.stat().st_mode & 0o777 == 0o600
    root = first.json["evidenceRoot"]
    assert gate("dossier", "show-part", file, "evidence:report-1", "--seed", seed).code == 2
    file.write_bytes(sample_bytes({"evidenceRoot": root}))
    assert gate("dossier", "seal", file, "--seed", seed).code == 0
    assert gate("dossier", "show-part", file, "evidence:report-1", "--seed", seed, "--out", part).code == 0
    assert gate("dossier", "check-part", part, "--root", root).code == 0
    assert gate("dossier", "check-part", part, "--root", HASH).code == 1
    other = tmp_path / "other.pdf"
    other.write_bytes(b"another document")
    assert "has SHA-256" in gate("dossier", "check-part", part, "--root", root, "--file", other).out
    assert gate("dossier", "check-part", file, "--root", root).code == 2
    assert gate("dossier", "show-part", file, "evidence:none", "--seed", seed).code == 2
    assert sample_parsed({"evidenceRoot": root}).evidence_root == root


def test_person_hash__asked__same_again_with_its_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*options: str) -> dict[str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("张三\n11010519491231002X\n"))
        answer = gate("dossier", "person-hash", "--json", *options)
        assert answer.code == 0
        assert "张三" not in answer.out + answer.err
        return dict(answer.json)

    first, second = ask(), ask()
    assert first != second
    assert ask("--salt", first["salt"]) == first
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert gate("dossier", "person-hash").code == 2
