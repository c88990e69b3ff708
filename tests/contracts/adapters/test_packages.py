"""The packages are those that README.md names, and their absence is told, not passed over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contracts.adapters import packages


def test_require_packages__absent__says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "PACKAGES", tmp_path)
    packages.require_packages.cache_clear()
    with pytest.raises(packages.PackagesMissing, match=r"run tests/contracts/adapters/install\.sh.*t-rex 4\.1\.6"):
        packages.require_packages()


def test_require_packages__another_version__says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "@chainlink" / "ace"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"version": "0.9.0"}', encoding="utf-8")
    monkeypatch.setattr(packages, "PACKAGES", tmp_path)
    packages.require_packages.cache_clear()
    with pytest.raises(packages.PackagesMissing, match=r"ace 1\.0\.0 \(found 0\.9\.0\)"):
        packages.require_packages()


def test_lock__names_no_address_and_the_versions_of_the_readme() -> None:
    text = (packages.FOLDER / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text
    readme = (packages.FOLDER / "README.md").read_text(encoding="utf-8")
    for name, entry in json.loads(text)["packages"].items():
        if name:
            assert f"`{name.removeprefix('node_modules/')}`" in readme
            assert entry["version"] in readme
            assert entry["integrity"].startswith("sha512-")
