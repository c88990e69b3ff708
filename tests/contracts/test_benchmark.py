"""The committed benchmark says what the tests measure, and its document what the benchmark says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import bench, bench_gas


def test_benchmark__committed__agrees_with_the_snapshot() -> None:
    assert bench_gas.differences() == [], "run `make bench BENCH_ARGS=gas` and commit the result"
    assert bench.main(["gas", "--check"]) == 0


def test_differences__other_missing_and_no_figures__are_named(tmp_path: Path) -> None:
    result, snapshot = tmp_path / "gas.json", tmp_path / "snapshot.json"
    names = dict.fromkeys(bench_gas.OURS.values(), 1)
    snapshot.write_text(json.dumps(names), encoding="utf-8")
    assert bench_gas.differences(result, snapshot) == ["gas.json: not there"]
    ours = dict.fromkeys(bench_gas.OURS, 1)
    result.write_text(json.dumps({"ours": ours}), encoding="utf-8")
    assert bench_gas.differences(result, snapshot) == []
    result.write_text(json.dumps({"ours": {**ours, "suspend": 2}}), encoding="utf-8")
    assert bench_gas.differences(result, snapshot) == ["suspend: 2 in gas.json, 1 in snapshot.json"]
    del ours["renew_3of5"]
    result.write_text(json.dumps({"ours": ours}), encoding="utf-8")
    assert bench_gas.differences(result, snapshot) == ["renew_3of5: None in gas.json, 1 in snapshot.json"]


def test_bench__peers_not_installed__says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_gas, "INSTALLED", tmp_path)
    assert bench.main(["gas"]) == 2
    told = capsys.readouterr().err
    assert "run bench/peers/install.sh" in told
    assert "@predicate/contracts 1.0.10 (found nothing)" in told
