"""The committed artifacts are what the sources compile to, by our compiler run and by Brownie's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts import compile as compiling
from scripts.compile import ARTIFACTS, CONTRACTS, ROOT, SOLC_VERSION

LAYOUT = Path(__file__).with_name("storage_layout.json")
BROWNIE = ROOT / ".venv-brownie" / "bin" / "brownie"


def test_artifacts__rebuilt__equal_the_committed_ones(built: dict[str, dict[str, Any]]) -> None:
    assert compiling.differences(built) == [], "run `python scripts/compile.py` and commit the result"


def test_artifacts__files__hold_no_path_and_the_right_compiler() -> None:
    for name in CONTRACTS:
        text = (ARTIFACTS / f"{name}.json").read_text(encoding="utf-8")
        made = json.loads(text)
        assert made["contractName"] == name
        assert made["sourceName"] == f"contracts/{name}.sol"
        assert made["compiler"]["version"] == SOLC_VERSION
        assert str(ROOT) not in text
        assert text == compiling.render(made)


def test_differences__changed_missing_and_surplus_files__are_named(tmp_path: Path) -> None:
    made = {"One": {"abi": [], "bytecode": "0x01"}, "Two": {"abi": [], "bytecode": "0x02"}}
    assert compiling.differences(made, tmp_path) == ["One.json: not there", "Two.json: not there"]
    compiling.write(made, tmp_path)
    assert compiling.differences(made, tmp_path) == []
    (tmp_path / "Two.json").write_text(compiling.render({"abi": [], "bytecode": "0x03"}), encoding="utf-8")
    (tmp_path / "Three.json").write_text("{}", encoding="utf-8")
    assert compiling.differences(made, tmp_path) == ["Two.json: differs in bytecode", "Three.json: no such contract"]
    compiling.write(made, tmp_path)
    assert compiling.differences(made, tmp_path) == []


def test_find_compiler__wrong_version_or_none__refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "solc"
    other.write_text("#!/bin/sh\necho 'Version: 0.8.30+commit.73712a01.Linux.g++'\n", encoding="utf-8")
    other.chmod(0o755)
    monkeypatch.setenv("SOLC_BINARY", str(other))
    with pytest.raises(compiling.CompileError, match=r"is solc 0\.8\.30, but 0\.8\.37 is needed"):
        compiling.find_compiler()
    monkeypatch.setenv("SOLC_BINARY", str(tmp_path / "nowhere"))
    with pytest.raises(compiling.CompileError, match="does not run as a Solidity compiler"):
        compiling.find_compiler()


def test_storage__layout__is_the_committed_one() -> None:
    # What reads storage directly, and an auditor's notes, must not find something else there one day.
    found = compiling.storage_layouts()
    assert found == json.loads(LAYOUT.read_text(encoding="utf-8")), "run `python scripts/compile.py --layout`, and look"


def test_storage__mint_path__takes_one_slot_each() -> None:
    layout = json.loads(LAYOUT.read_text(encoding="utf-8"))["FilingRegistry"]
    sizes = {kind["label"]: kind["numberOfBytes"] for kind in layout["types"].values()}
    assert sizes["struct FilingRegistry.TrancheRecord"] == "32"
    assert sizes["FilingWord"] == "32"
    assert sizes["struct OracleCommittee.Member"] == "32"
    assert sizes["struct OracleCommittee.Seat"] == "32"


def test_settings__brownie__are_ours() -> None:
    text = (ROOT / "brownie-config.yaml").read_text(encoding="utf-8")
    ours = compiling.settings()
    assert f"evm_version: {ours['evmVersion']}\n" in text
    assert f"runs: {ours['optimizer']['runs']}\n" in text
    assert f"viaIR: {str(ours['viaIR']).lower()}\n" in text
    assert f"version: {SOLC_VERSION}\n" in text
