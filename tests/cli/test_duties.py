"""`duties` and `suspend --node`: what is asked for, what is checked, and that nothing unfinished looks like done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oracle.domain.approval import OnChainStatus, Suspension
from oracle.domain.filing_statement import SignedStatement, statement_message
from oracle.domain.reason import encode_reason
from oracle.signing.eip712 import Domain, suspension_digest
from oracle.signing.personal_message import message_digest
from oracle.signing.recovery import recover
from tests.cli.command_line import Answer, gate
from tests.cli.deployed_gate import FILING, NUMBER, DeployedGate
from tests.collector.lying_nodes import LyingNode

Reply = Callable[[str, bytes], tuple[int, dict[str, Any]]]


def stated(chain: DeployedGate, act: str, *more: str, by: str = "issuer") -> Answer:
    deployment = ("--deployment", str(chain.folder / "deployment.json"))
    what = ("--kind", "MAJOR_RISK", "--event-on", "2026-10-12", "--what", "fire")
    return gate("duties", act, NUMBER, *what, *deployment, *chain.by(by), *more)


def says(status: int, content: dict[str, Any]) -> LyingNode:
    return LyingNode(lambda path, body: (status, content))


@pytest.mark.parametrize(
    ("statuses", "code", "done"),
    (
        ((201, 201), 0, True),
        ((200, 202), 0, True),  # one operator's suspension on chain stops the filing for all
        ((202, 202), 1, False),
        ((201, 403), 1, False),
        ((201, 503), 3, False),
        ((201, 500), 3, False),
    ),
)
def test_declare__what_nodes_answer__is_what_the_exit_code_says(
    chain: DeployedGate, statuses: tuple[int, int], code: int, done: bool
) -> None:
    first, second = (says(status, {"title": "because", "problem": None}) for status in statuses)
    with first, second:
        answer = stated(chain, "declare", "--node", first.url, "--node", second.url, "--json")
    assert answer.code == code
    assert answer.json["done"] is done
    assert [row["node"] for row in answer.json["answers"]] == [first.url, second.url]


def test_declare__sends_a_statement_signed_for_this_registry(chain: DeployedGate) -> None:
    got: list[bytes] = []

    def keep(path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        got.append(body)
        return 201, {}

    with LyingNode(keep) as node:
        assert stated(chain, "declare", "--node", node.url).code == 0
    signed = SignedStatement.model_validate_json(got[0])
    digest = message_digest(statement_message(signed.statement))
    assert recover(digest, bytes.fromhex(signed.signature[2:])) == chain.keys["issuer"].address == signed.by
    assert signed.statement.registry == chain.deployment.registry
    assert signed.statement.chain_id == chain.deployment.chain_id


def test_declare__nobody_answers__exit_3(chain: DeployedGate) -> None:
    answer = stated(chain, "declare", "--node", "http://127.0.0.1:1")
    assert answer.code == 3
    assert "NOT done" in answer.out


def test_report__takes_the_hash_of_the_document__and_its_day(chain: DeployedGate, tmp_path: Path) -> None:
    document = tmp_path / "report.pdf"
    document.write_bytes(b"what was sent")
    got: list[bytes] = []

    def keep(path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        got.append(body)
        return 201, {}

    more = ("--reported-on", "2026-10-13", "--evidence", str(document))
    with LyingNode(keep) as node:
        assert stated(chain, "report", "--node", node.url, *more).code == 0
        early = stated(chain, "report", "--node", node.url, "--reported-on", "2026-10-11", "--evidence", str(document))
        none = stated(chain, "report", "--node", node.url, "--reported-on", "2026-10-13", "--evidence", "no.pdf")
        wrong = stated(chain, "report", "--node", node.url, "--reported-on", "yesterday", "--evidence", str(document))
    statement = json.loads(got[0])["statement"]
    assert statement["evidence"] == hashlib.sha256(b"what was sent").hexdigest()
    assert (statement["act"], statement["reportedOn"]) == ("REPORT", "2026-10-13")
    assert [answer.code for answer in (early, none, wrong)] == [2, 2, 2]
    assert "before eventOn" in early.err
    assert len(got) == 1


def test_list__from_a_node__alerts_exit_1(chain: DeployedGate) -> None:
    view = {
        "number": NUMBER, "state": "FILED", "onChain": {"status": "APPROVED", "sequence": 1}, "alerts": [],
        "duties": [{"kind": "CHANGE", "state": "DUE", "eventOn": "2026-10-12", "due": None, "where": "x"}],
    }  # fmt: skip
    with says(200, view) as node:
        quiet = gate("duties", "list", NUMBER, "--node", node.url)
    assert quiet.code == 0
    assert "CHANGE  DUE  event 2026-10-12  due not known  x" in quiet.out
    with says(200, view | {"alerts": ["look"]}) as node:
        assert gate("duties", "list", NUMBER, "--node", node.url).code == 1
    with says(404, {"title": "no record"}) as node:
        assert gate("duties", "list", NUMBER, "--node", node.url, "--json").code == 1
    assert gate("duties", "list", NUMBER).code == 2


def test_sweep__no_configuration__exit_2() -> None:
    assert gate("duties", "sweep", "--config", "none.toml").code == 2


def offered(chain: DeployedGate, by: str, sequence: int = 1) -> dict[str, Any]:
    suspension = Suspension(filing=FILING, sequence=sequence, reason=encode_reason("report overdue"))
    digest = suspension_digest(Domain(chain.deployment.chain_id, chain.registry.address), suspension)
    signature = {"operator": chain.keys[by].address, "signature": "0x" + chain.keys[by].sign(digest).hex()}
    return {"suspension": {"suspension": suspension.model_dump(mode="json", by_alias=True), "signature": signature}}


def relayed(chain: DeployedGate, status: int, content: dict[str, Any]) -> Answer:
    with says(status, content) as node:
        return gate("suspend", NUMBER, "--node", node.url, *chain.at, *chain.by("stranger"), "--json")


def test_suspend__node_s_signature__relayed_by_anybody(chain: DeployedGate) -> None:
    answer = relayed(chain, 200, offered(chain, "two"))
    assert (answer.code, answer.json["operator"]) == (0, chain.keys["two"].address)
    assert chain.registry.filing_state(FILING).status is OnChainStatus.SUSPENDED


def test_suspend__node_offers_nothing_or_nonsense__nothing_is_sent(chain: DeployedGate) -> None:
    before = chain.rpc("eth_blockNumber")
    forged = offered(chain, "two")
    forged["suspension"]["signature"]["operator"] = chain.keys["one"].address
    for content, code in (
        ({"suspension": None}, 1),
        (offered(chain, "stranger"), 1),
        (offered(chain, "two", sequence=7), 1),
        (forged, 1),
        ({"suspension": {"suspension": {}, "signature": {}}}, 3),
    ):
        assert relayed(chain, 200, content).code == code
    assert relayed(chain, 404, {"title": "no record"}).code == 1
    assert chain.rpc("eth_blockNumber") == before


def test_suspend__both_or_neither_of_key_and_node__exit_2(chain: DeployedGate) -> None:
    key = ("--operator-keystore", str(chain.keystore("one")))
    for options in ((), (*key, "--reason", "x", "--node", "http://127.0.0.1:1"), key):
        assert gate("suspend", NUMBER, *options, *chain.at).code == 2
