"""The register with a thousand filings and a chain that does not answer: small pages, few queries, nothing claimed."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from sqlalchemy import event

from oracle.chain.registry import FilingState
from oracle.domain.approval import OnChainStatus
from oracle.domain.dossier import parse_dossier
from oracle.node.pages.register_page import PER_PAGE, csv_of
from oracle.node.refreshed import Seen
from oracle.node.register import MAX_AGE, Register, RowStatus, Shown, status_of
from tests.node.running_nodes import ServedNode, bare_node
from tests.samples.dossier import sample_bytes

COUNT = 1_000
CLIENT = httpx2.Client(trust_env=False, timeout=30)
#: What the regulator might publish, or an issuer hand in, as a company's name.
FORMULA = '=HYPERLINK("http://evil.example")'


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedNode]:
    found = ServedNode(bare_node(tmp_path_factory.mktemp("node")))
    database = found.node.database
    first = parse_dossier(sample_bytes(), what="sample")
    request = database.add_request("2026-11-01T00:00:00Z", "POST", "/v1/dossiers", b"")
    for number in range(1, COUNT + 1):
        filing = first.filing.model_copy(update={"filing_number": f"国合函〔2026〕{number}号"})
        entity = first.filing_entity.model_copy(update={"name_zh": FORMULA if number == 7 else f"示例{number}公司"})
        database.add_dossier(request, first.model_copy(update={"filing": filing, "filing_entity": entity}))
    yield found
    found.stop()


def get(node: ServedNode, path: str) -> httpx2.Response:
    return CLIENT.get(node.url + path, headers={"Accept": "text/html", **node.headers})


def test_register__a_thousand_filings__a_small_page_and_few_queries(node: ServedNode) -> None:
    first = get(node, "/")
    assert first.status_code == 200
    asked: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    engine = node.node.database.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        again = get(node, "/?page=2")
    finally:
        event.remove(engine, "before_cursor_execute", count)
    # The key of the caller, and three counts that say that nothing is new.
    assert len(asked) <= 5, asked
    linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', first.text)
    packed = sum(int(get(node, path).headers["content-length"]) for path in set(linked))
    assert len(again.content) + packed < 100_000
    assert len(re.findall('<th scope="row">', again.text)) == PER_PAGE
    assert "Filings: 1000" in again.text
    assert f"国合函〔2026〕{PER_PAGE + 1}号" in again.text


def test_register__chain_does_not_answer__says_so_and_claims_nothing(node: ServedNode) -> None:
    text = get(node, "/").text
    assert "The chain can&#39;t be read just now" in text
    assert "Not read" in text
    assert "chip good" not in text
    answer = get(node, "/check?token=0x" + "12" * 20)
    assert answer.status_code == 503
    assert "nothing is said about this token" in answer.text
    filing = get(node, "/filings/国合函〔2026〕5号")
    assert filing.status_code == 200
    assert "chip good" not in filing.text


def test_start__register__is_read_once_with_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    begun, answers, answered = threading.Event(), threading.Event(), threading.Event()

    def read(*given: Any) -> Any:
        asked.append(given[-1])
        begun.set()
        assert answers.wait(30)
        answered.set()
        return SimpleNamespace(block=len(asked), time=1, filings={}, tranches={})

    monkeypatch.setattr("oracle.node.register.read_standings", read)
    monkeypatch.setattr(Register.shown, "__kwdefaults__", {"max_age": MAX_AGE, "wait": 0})
    # It serves although the chain has not answered.
    served = ServedNode(bare_node(tmp_path))
    try:
        assert begun.wait(30)
        assert "The chain can&#39;t be read just now" in get(served, "/").text
        answers.set()
        assert answered.wait(30)
        assert asked == [None]
        # A reading of its own that goes on from the first one, so nothing of before the visit passes for new.
        assert any("block 2," in get(served, "/").text for _ in range(200))
        assert [getattr(before, "block", None) for before in asked] == [None, 1]
    finally:
        answers.set()
        served.stop()


def test_register__a_dossier_more__is_there_at_once(node: ServedNode) -> None:
    assert "国合函〔2025〕1号" not in get(node, "/?q=2025").text
    first = parse_dossier(sample_bytes(), what="sample")
    filing = first.filing.model_copy(update={"filing_number": "国合函〔2025〕1号"})
    database = node.node.database
    request = database.add_request("2026-11-01T00:00:00Z", "POST", "/v1/dossiers", b"")
    database.add_dossier(request, first.model_copy(update={"filing": filing}))
    assert "国合函〔2025〕1号" in get(node, "/?q=2025").text


def test_csv__a_name_that_is_a_formula__is_text(node: ServedNode) -> None:
    register = Register(node.node.config, node.node.database.engine)
    rows = [row for row in register.shown(0, wait=0).rows if row.known.entity_name == FORMULA]
    assert len(rows) == 1
    text = csv_of(rows, Shown(rows, Seen(None, None, late=False)), names=True).decode("utf-8-sig")
    assert "\"'=HYPERLINK(" in text
    assert ",unread," in text


@pytest.mark.parametrize(
    ("status", "now", "expected"),
    (
        (OnChainStatus.APPROVED, 99, RowStatus.EARLY),
        (OnChainStatus.APPROVED, 100, RowStatus.OPEN),
        (OnChainStatus.APPROVED, 199, RowStatus.OPEN),
        (OnChainStatus.APPROVED, 200, RowStatus.EXPIRED),
        (OnChainStatus.SUSPENDED, 150, RowStatus.SUSPENDED),
        (OnChainStatus.REVOKED, 150, RowStatus.REVOKED),
        (OnChainStatus.COMPLETED, 150, RowStatus.COMPLETED),
    ),
)
def test_status__of_a_window__as_the_registry_would_say(status: OnChainStatus, now: int, expected: RowStatus) -> None:
    assert status_of(FilingState(status, 100, 200, 3), now) is expected
    assert status_of(FilingState(OnChainStatus.NONE, 0, 0, 0), now) is RowStatus.PENDING
    assert status_of(None, now) is RowStatus.UNREAD


def test_shown__an_old_reading__is_not_fresh() -> None:
    value: Any = SimpleNamespace(block=1)
    assert Shown([], Seen(value, None, late=False)).fresh
    assert not Shown([], Seen(value, "down", late=False)).fresh
    assert not Shown([], Seen(value, None, late=True)).fresh
    assert not Shown([], Seen(None, None, late=False)).fresh
