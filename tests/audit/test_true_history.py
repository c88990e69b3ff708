"""A history in which everything was right: the audit is clean, says the contracts' own totals, and asks once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from oracle.audit.chain_audit import audit_chain
from oracle.audit.decision_check import DECISION_CHECKS
from oracle.audit.findings import FINDINGS
from oracle.audit.log_check import LOG_FINDINGS
from oracle.chain.rpc import connect
from oracle.errors import InputError, UnreachableError
from tests.chain.node_double import node_double, rpc_error
from tests.chain.small_world import FILING, OTHER_FILING, World


def test_audit__everything_that_may_happen__is_clean_and_says_the_contracts_totals(played: World) -> None:
    told: list[str] = []
    report = audit_chain(played.w3, played.deployment, told.append)
    said = report.as_json()
    assert said["clean"], said["findings"]
    assert said["findings"] == []
    assert (said["chainId"], said["registry"]) == (31337, played.registry.address)
    block = played.w3.eth.get_block(said["lastBlock"])
    assert said["lastBlockHash"] == "0x" + bytes(block["hash"]).hex()
    assert said["lastBlock"] == played.w3.eth.block_number
    assert {row["filing"] for row in said["filings"]} == {FILING, OTHER_FILING}
    for row in said["filings"]:
        state = played.registry.filing_state(row["filing"])
        assert (row["status"], row["validAfter"], row["validUntil"], row["sequence"]) == (
            state.status.name,
            state.valid_after,
            state.valid_until,
            state.sequence,
        )
    assert [row["token"] for row in said["tokens"]] == [token.address for token in played.tokens]
    for row, token in zip(said["tokens"], played.tokens, strict=True):
        state_of = played.registry.tranche_state(token.address)
        assert (row["cap"], row["issued"]) == (str(state_of.cap), str(state_of.issued))
        assert row["minted"] == row["issued"]
        assert int(row["minted"]) - int(row["burned"]) == token.total_supply()
    assert said["tokens"][0]["burned"] == "10000"
    assert len(told) == 2


def test_audit__true_history__makes_every_check_that_needs_no_deviation(
    played: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that is never made would never find anything."""
    monkeypatch.setattr("oracle.audit.history.SAMPLE", 1)
    made = audit_chain([played.w3, played.w3], played.deployment).checks
    with_evidence = {*DECISION_CHECKS, *LOG_FINDINGS} - {"LOG-ENTRIES"}
    assert set(FINDINGS) - set(made) == {"COMMITTEE-MISSING"} | with_evidence
    assert made["SIGNATURE-SECOND"] == made["SIGNATURE-INVALID"]
    assert made["SIGNATURE-INVALID"] == 2 * 8 + 2
    assert made["ISSUE-COUNT"] == 5
    assert made["MINT-UNCOVERED"] == 5


def test_audit__true_history__asks_for_nothing_twice(played: World) -> None:
    with node_double(played.url) as double:
        audit_chain(connect(double.url), played.deployment)
    counts = Counter(double.asked)
    last = hex(played.w3.eth.block_number)
    # Once to connect, once by the audit.
    assert {call for call, count in counts.items() if count > 1} == {
        ("eth_chainId", "[]"),
        ("eth_getBlockByNumber", f'["{last}", false]'),
    }
    assert counts["eth_chainId", "[]"] == 2
    methods = Counter(double.methods())
    assert methods["eth_getTransactionByHash"] == 11 + 1, "one a change, and the registry's creation"
    assert methods["debug_traceTransaction"] == 0
    assert methods["eth_getLogs"] == 1
    assert counts["eth_getBlockByNumber", f'["{last}", false]'] == 2, "to see at the end that the chain did not move"
    # Changes, mints, 12 of the committee and the granting of roles have blocks of their own.
    assert methods["eth_getBlockByNumber"] <= 2 + 11 + 5 + 12 + 3


def test_audit__every_read_of_state__is_at_one_block(played: World) -> None:
    with node_double(played.url) as double:
        report = audit_chain(connect(double.url), played.deployment)
    reads = [json.loads(params)[1] for method, params in double.asked if method in ("eth_call", "eth_getCode")]
    assert len(reads) > 20
    assert set(reads) - {hex(report.last_block)} <= {"latest"}
    assert reads.count("latest") == 1, "whether there is a registry at all"


def test_audit__chain_reorganised_while_read__says_so(copy: World) -> None:
    copy.travel(1)
    began: list[str] = []

    def reorganise(method: str, params: list[Any]) -> None:
        if method == "eth_getLogs" and not began:
            began.append(method)
            copy.rpc("anvil_reorg", 1, [])

    with (
        node_double(copy.url, reorganise) as double,
        pytest.raises(UnreachableError, match="reorganised"),
    ):
        audit_chain(connect(double.url), copy.deployment)


def test_audit__another_chain__is_refused_before_it_says_anything(played: World) -> None:
    with pytest.raises(InputError, match="the deployment is on chain 1, the node on 31337"):
        audit_chain(played.w3, played.deployment.model_copy(update={"chain_id": 1}))


def test_audit__no_contract_at_the_registry_s_address__is_refused(played: World) -> None:
    with pytest.raises(InputError, match="no contract at this address"):
        audit_chain(played.w3, played.deployment.model_copy(update={"registry": played.holders[0]}))


def test_audit__by_the_node_s_socket__is_the_same_report(played: World, socket_of_played: str) -> None:
    by_http = audit_chain(played.w3, played.deployment).as_json()
    by_socket = audit_chain(connect(socket_of_played), played.deployment).as_json()
    assert by_socket == by_http
    assert by_socket["clean"]


def test_audit__transactions_that_fail_to_arrive__are_one_clear_error(played: World) -> None:
    def answer(method: str, params: list[Any]) -> tuple[int, bytes] | None:
        return rpc_error("pruned") if method == "eth_getTransactionByHash" else None

    with (
        node_double(played.url, answer) as double,
        pytest.raises(UnreachableError, match="eth_getTransactionByHash failed: pruned"),
    ):
        audit_chain(connect(double.url), played.deployment)


def test_audit__transactions_in_several_answers__is_the_same_report(
    played: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = audit_chain(played.w3, played.deployment).as_json()
    monkeypatch.setattr("oracle.audit.chain_reader.BATCH", 2)
    told = Counter[str]()

    def answer(method: str, params: list[Any]) -> tuple[int, bytes] | None:
        told[method] += 1
        return None

    with node_double(played.url, answer) as double:
        assert audit_chain(connect(double.url), played.deployment).as_json() == expected
    assert told["eth_getTransactionByHash"] == 11 + 1
