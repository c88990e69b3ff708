"""`filing-gate key new`: a keystore for a relay, a declarant, an issuer."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from oracle.signing.keys import load_keystore
from tests.cli.command_line import PASSWORD, gate


def test_key_new__keystore_opens_by_its_password_and_is_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILING_GATE_PASSWORD", PASSWORD)
    file = tmp_path / "relay.json"
    made = gate("key", "new", file, "--light-kdf", "--json")
    assert made.code == 0, made.err
    assert load_keystore(file, PASSWORD).address == made.json["address"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in made.out + file.read_text("utf-8")
    before = file.read_bytes()
    again = gate("key", "new", file, "--light-kdf")
    assert again.code == 2
    assert "choose another name" in again.line
    assert file.read_bytes() == before


def test_key_new__no_password_and_no_terminal__one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILING_GATE_PASSWORD", raising=False)
    answer = gate("key", "new", tmp_path / "relay.json")
    assert answer.code == 2
    assert "FILING_GATE_PASSWORD" in answer.line
    assert not (tmp_path / "relay.json").exists()
