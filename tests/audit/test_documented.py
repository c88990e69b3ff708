"""The examples of docs/audit.md and of the library's docstrings run, and say what is written there."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import oracle.audit
from oracle.audit import bundle_check
from oracle.audit.bundle_check import BUNDLE_CHECKS
from oracle.audit.decision_check import DECISION_CHECKS
from oracle.audit.log_check import LOG_FINDINGS
from tests.chain.small_world import World

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "audit.md"


def failures(test: doctest.DocTest) -> int:
    assert len(test.examples) >= 3
    return doctest.DocTestRunner().run(test).failed


@pytest.mark.slow
def test_page__every_example__gives_what_is_written(played: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    known = {"url": played.url, "deployment": played.deployment}
    test = doctest.DocTestParser().get_doctest(PAGE.read_text("utf-8"), known, PAGE.name, str(PAGE), 0)
    assert failures(test) == 0


def test_docstring__verify_bundle__gives_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    known = {**vars(bundle_check), "Path": Path}
    text = bundle_check.verify_bundle.__doc__ or ""
    assert failures(doctest.DocTestParser().get_doctest(text, known, "verify_bundle", None, 0)) == 0


def test_page__names_every_check() -> None:
    page = PAGE.read_text("utf-8")
    audit, bundle = page.split("## bundle and verify")
    for name in (*DECISION_CHECKS, *(set(LOG_FINDINGS) - {"LOG-ENTRIES"})):
        assert f"`{name}`" in audit
    for name in set(BUNDLE_CHECKS) - set(DECISION_CHECKS):
        assert f"`{name}`" in bundle or name.startswith("SIGNATURE-")


def test_package__other_names__are_no_attributes() -> None:
    assert oracle.audit.verify_bundle is bundle_check.verify_bundle
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        oracle.audit.nothing  # noqa: B018
