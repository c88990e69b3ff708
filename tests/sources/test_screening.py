"""Lists of offenders: hits by code and by exact name, and everything that must not count as clear."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from oracle.domain.filing import AdverseKind, FilingQuery, Observation, ObservationKind, Party
from oracle.evidence.store import EvidenceStore
from oracle.rules.case import query_for
from oracle.signing.recovery import recover
from oracle.sources.parse_error import ParseError
from oracle.sources.screening import ScreeningConfig, ScreeningSource, entries_of
from tests.samples.dossier import ENTITY_NAME, USCC, sample_parsed
from tests.sources.minisign_key import MinisignKey

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
ENTITY = Party(name=ENTITY_NAME, uscc=USCC)
QUERY = FilingQuery(entity_name=ENTITY_NAME, uscc=USCC)
HIT: dict[str, Any] = {
    "name": "示例(上海) 充电科技有限公司",
    "uscc": USCC,
    "since": "2026年3月1日",
    "reference": "（2026）沪01执1号",
}
OTHER = {"name": "另一家有限公司", "uscc": "91310115MA0000001Y", "since": None, "reference": "x"}
KEY = MinisignKey(1)

Asker = Callable[..., list[Observation]]


@pytest.fixture
def ask(tmp_path: Path) -> Asker:
    def observe(
        rows: Any, *, query: FilingQuery = QUERY, signature: bytes | None = None, **changes: Any
    ) -> list[Observation]:
        raw = rows if isinstance(rows, bytes) else json.dumps(rows, ensure_ascii=False).encode()
        (tmp_path / "list.json").write_bytes(raw)
        (tmp_path / "list.json.minisig").write_bytes(signature or b"")
        facts = {
            "path": "list.json",
            "format": "json",
            "adverse": "DISHONEST",
            "version": "2026-47",
            "as_of": "2026-11-20",
        }
        config = ScreeningConfig.model_validate({**facts, **changes})
        store = EvidenceStore(tmp_path / "evidence")
        source = ScreeningSource(config, store, lambda: NOW, recover=recover, base=tmp_path, state=tmp_path / "state")
        found = source.observe(query)
        assert all(item.status is None and item.record is None for item in found)
        return found

    return observe


def only(found: list[Observation]) -> Observation:
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("adverse", list(AdverseKind))
def test_observe__listed_by_code__adverse_with_list_and_day(ask: Asker, adverse: AdverseKind) -> None:
    seen = only(ask([OTHER, HIT], adverse=adverse.value))
    assert (seen.kind, seen.adverse, seen.party, seen.matched_by) == (ObservationKind.ADVERSE, adverse, ENTITY, "USCC")
    assert (seen.list_version, seen.as_of) == ("2026-47", date(2026, 3, 1))
    assert "（2026）沪01执1号" in (seen.detail or "")


@pytest.mark.parametrize(
    ("row", "kind", "by"),
    (
        ({"name": ENTITY_NAME}, "ADVERSE", "NAME"),
        ({"name": "示例 ﹙上海﹚充电科技有限公司"}, "ADVERSE", "NAME"),
        ({"name": ENTITY_NAME, "uscc": "not a code"}, "ADVERSE", "NAME"),
        ({"name": "改名前的公司", "uscc": USCC.lower()}, "ADVERSE", "USCC"),
        ({"name": ENTITY_NAME, "uscc": OTHER["uscc"]}, "SCREENED", None),
        ({"name": ENTITY_NAME + "上海分公司"}, "SCREENED", None),
        ({"name": ENTITY_NAME[1:]}, "SCREENED", None),
        (OTHER, "SCREENED", None),
    ),
)
def test_observe__one_row__matched_exactly_or_not(ask: Asker, row: dict[str, Any], kind: str, by: str | None) -> None:
    seen = only(ask([row]))
    assert (seen.kind.value, seen.matched_by) == (kind, by), seen.detail


def test_observe__every_party_of_a_dossier__asked_for(ask: Asker) -> None:
    query = query_for(sample_parsed())
    assert query.uscc == USCC
    found = ask([OTHER], query=query)
    assert {seen.party for seen in found} == set(query.screened())
    assert len(found) > 1
    hit = {"name": "示例控股（上海）有限公司"}
    named = [seen.party for seen in ask([hit], query=query) if seen.kind is ObservationKind.ADVERSE]
    assert [party.name for party in named if party] == ["示例控股（上海）有限公司"]


def test_observe__list_and_party_share_no_key__not_clear(ask: Asker) -> None:
    seen = only(ask([{"name": "另一家有限公司"}], query=FilingQuery(uscc=USCC)))
    assert seen.kind is ObservationKind.UNSCREENED
    assert only(ask([OTHER], query=FilingQuery(number="1"))).kind is ObservationKind.UNSCREENED


@pytest.mark.parametrize(
    ("rows", "changes", "problem"),
    (
        ([OTHER], {"as_of": "2026-11-01"}, "stale after"),
        ([OTHER], {"as_of": "2026-11-25"}, "in the future"),
        ([{"name": "", "uscc": ""}], {}, "neither name nor code"),
        ([{"name": 5}], {}, "no text of usual length"),
        ([{"name": "长" * 2000}], {}, "no text of usual length"),
        ([{**OTHER, "since": "someday"}], {}, "is not a date"),
        ([{"nom": "x"}], {}, "has no name"),
        (b"<html>", {}, "not JSON"),
        ([OTHER], {"path": "missing.json"}, "is no file"),
        ([OTHER], {"max_bytes": 10}, "more than 10 bytes"),
        ([OTHER], {"minisign_keys": [KEY.public]}, "has no signature"),
    ),
)
def test_observe__list_unreadable_or_stale__never_clear(
    ask: Asker, rows: Any, changes: dict[str, Any], problem: str
) -> None:
    seen = only(ask(rows, **changes))
    assert (seen.kind, seen.party) == (ObservationKind.UNSCREENED, ENTITY)
    assert problem in (seen.detail or "")


def test_observe__signed_list__version_is_its_moment_and_an_older_one_is_refused(ask: Asker) -> None:
    def signed(rows: list[Any], when: datetime) -> Observation:
        raw = json.dumps(rows, ensure_ascii=False).encode()
        signature = KEY.sign(raw, comment=f"timestamp:{int(when.timestamp())}")
        return only(ask(raw, signature=signature, minisign_keys=[KEY.public], version=None, as_of=None))

    assert signed([OTHER], NOW - timedelta(days=1)).kind is ObservationKind.SCREENED
    assert signed([OTHER, HIT], NOW).kind is ObservationKind.ADVERSE
    replayed = signed([OTHER], NOW - timedelta(days=1))
    assert replayed.kind is ObservationKind.UNSCREENED
    assert "was seen before" in (replayed.detail or "")


@pytest.mark.parametrize(
    ("changes", "problem"),
    (
        ({"version": None}, "needs version and asOf"),
        ({"signature": "x"}, "needs minisignKeys or signers"),
        ({"adverse": "RUMOUR"}, "adverse"),
        ({"columns": {"colour": "x"}}, "fields of a list"),
    ),
)
def test_config__wrong_value__refused(changes: dict[str, Any], problem: str) -> None:
    facts = {"path": "x", "format": "csv", "adverse": "SANCTION", "version": "1", "as_of": "2026-11-20"}
    with pytest.raises(ValidationError, match=problem):
        ScreeningConfig.model_validate({**facts, **changes})


CONFIG = ScreeningConfig.model_validate(
    {"path": "x", "format": "csv", "adverse": "PENALTY", "version": "1", "as_of": "2026-11-20"}
)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200).map(lambda raw: b"name,uscc\n" + raw) | st.binary(max_size=100))
def test_entries_of__any_bytes__entries_or_parse_error(raw: bytes) -> None:
    try:
        assert all(entry.name or entry.uscc for entry in entries_of(raw, CONFIG))
    except ParseError:
        return
