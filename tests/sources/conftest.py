"""A fresh stand-in and evidence store for each test, and a source that reads the one into the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from oracle.evidence.store import EvidenceStore
from oracle.sources.csrc import CsrcConfig, CsrcSource
from tests.standin.csrc_site import CsrcSite

SourceMaker = Callable[..., CsrcSource]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CsrcSite]:
    with CsrcSite(tmp_path / "state.json") as running:
        running.set_state(fillersNewer=2, fillersOlder=1)
        yield running


@pytest.fixture
def long_site(site: CsrcSite) -> CsrcSite:
    """The stand-in with lists of three pages."""
    site.set_state(fillersNewer=20, fillersOlder=25)
    return site


@pytest.fixture
def evidence(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


@pytest.fixture
def source(site: CsrcSite, evidence: EvidenceStore) -> SourceMaker:
    def make(**changes: Any) -> CsrcSource:
        settings = {"base_url": site.url, "table_channels": ["c900001"], "notice_channels": ["c900002"]}
        config = CsrcConfig(**{**settings, "backoff_seconds": 0.01, "timeout_seconds": 2.0, **changes})
        return CsrcSource(config, evidence, lambda: datetime.now(UTC))

    return make
