"""What a scrape says of the watch, the relay, the endpoints, the guard and the log: taken from the database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address
from sqlalchemy import select

from oracle.chain.fees import Fees
from oracle.chain.transaction_book import Attempt, Draft
from oracle.evidence.log_leaf import decision_leaf
from oracle.node.condition import Condition
from oracle.node.service import Node
from oracle.signing.keys import KeySigner
from oracle.store import tables
from oracle.store.log import append_leaf
from oracle.store.transactions import StoredTransactions
from oracle.store.watch_state import ALERT_KINDS, NODE, Watched, WatchState
from tests.node.running_nodes import bare_node

RELAY = str(to_checksum_address("0x" + "ab" * 20))


def values(node: Node, name: str) -> dict[str, float]:
    """Each series of a metric by its labels."""
    text = node.metrics.exposition().decode()
    found = re.findall(rf"^filing_gate_{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    made = bare_node(tmp_path)

    def registry() -> object:
        return made.registry()

    made.condition = Condition(lambda: made.config, made.database, registry, KeySigner(b"\x01" * 32), RELAY)  # type: ignore[arg-type]
    return made


def test_scrape__nothing_happened__zeros_that_can_be_alerted_on(node: Node) -> None:
    assert values(node, "watch_tick_timestamp_seconds") == {"": 0}
    assert values(node, "guard_refusals_total") == {"": 0}
    assert values(node, "log_leaves") == {"": 0}
    assert values(node, "relay_transaction_wait_seconds") == {"": 0}
    shown = values(node, "alerts")
    assert set(shown.values()) == {0}
    assert {re.findall(r'kind="([^"]*)"', labels)[0] for labels in shown} == {*ALERT_KINDS, "other"}


def test_scrape__alerts_a_tick_a_waiting_transaction_leaves__counted(node: Node) -> None:
    now = 1_800_000_000
    state = WatchState(node.database.engine)
    critical = {"kind": "suspension", "severity": "critical", "text": "t", "since": 1}
    strange = {"kind": "later-version", "severity": "warning", "text": "t", "since": 1}
    state.looked(Watched("one", looked_at=now, alerts=(critical, strange)))
    state.looked(Watched("two", looked_at=now, alerts=(critical,)))
    state.looked(Watched(NODE, looked_at=now))
    draft = Draft(1, RELAY, None, RELAY, b"", 21_000)
    StoredTransactions(node.database.engine).open(draft, 0, Attempt(1, "0x00", b"", Fees(1, 1), 1_700_000_000))
    with node.database.engine.begin() as connection:
        append_leaf(connection, decision_leaf(1, b"x"), decision_leaf(2, b"y"))
    node.metrics.guarded()
    assert values(node, "watch_tick_timestamp_seconds") == {"": now}
    shown = values(node, "alerts")
    assert shown['kind="suspension",severity="critical"'] == 2
    assert shown['kind="other",severity="warning"'] == 1
    assert values(node, "log_leaves") == {"": 2}
    assert values(node, "relay_transactions_unsettled") == {"": 1}
    assert values(node, "relay_transaction_wait_seconds")[""] > 1_000_000
    assert values(node, "guard_refusals_total") == {"": 1}
    with node.database.engine.connect() as connection:
        assert connection.execute(select(tables.transactions.c.state)).scalars().all() == ["live"]


def test_scrape__an_endpoint_that_does_not_answer__is_down_and_shown_by_host(node: Node) -> None:
    node.condition.head.newest(max_age=0, wait=30)
    assert values(node, "rpc_endpoint_up") == {'chain_id="1",endpoint="127.0.0.1:1",index="0"': 0}
    assert values(node, "chain_reachable") == {"": 0}
