"""`suspend` by an operator, by a stranger and relayed; `resume`, `revoke`, `complete` before any node is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oracle.domain.approval import OnChainStatus
from tests.cli.command_line import Answer, gate
from tests.cli.deployed_gate import FILING, HOLDER, NUMBER, DeployedGate
from tests.samples.dossier import sample_dossier


def suspend(chain: DeployedGate, by: str, *more: str, number: str = NUMBER, reason: str = "notice gone") -> Answer:
    key = str(chain.keystore(by))
    return gate("suspend", number, "--reason", reason, "--operator-keystore", key, *chain.at, *more, "--json")


def test_suspend__by_an_operator__stops_minting_at_once(chain: DeployedGate) -> None:
    answer = suspend(chain, "three")
    assert answer.code == 0
    assert answer.json["operator"] == chain.keys["three"].address
    assert chain.registry.filing_state(FILING).status is OnChainStatus.SUSPENDED
    refused = gate("mint", "senior", HOLDER, "1", *chain.at, *chain.by("issuer"), "--json")
    assert refused.code == 1
    assert refused.json["error"].startswith("FilingIsSuspended(")
    shown = gate("status", *chain.at)
    assert "SUSPENDED" in shown.out
    assert "reason: notice gone" in shown.out


def test_suspend__number_as_printed_elsewhere__is_the_same_filing(chain: DeployedGate) -> None:
    assert suspend(chain, "one", number="国合函[2026] 3003 号").json["filing"] == FILING


def test_suspend__by_a_stranger__exit_1_with_the_decoded_error(chain: DeployedGate) -> None:
    answer = suspend(chain, "stranger")
    assert answer.code == 1
    assert answer.json["error"].startswith("NotAnOperator(")
    assert chain.keys["stranger"].address in answer.json["error"]
    assert chain.registry.filing_state(FILING).status is OnChainStatus.APPROVED


def test_suspend__relayed__another_account_pays_the_gas(chain: DeployedGate) -> None:
    chain.rpc("anvil_setBalance", chain.keys["two"].address, "0x0")
    assert suspend(chain, "two").code == 1
    answer = suspend(chain, "two", *chain.by("stranger"))
    assert answer.code == 0
    assert answer.json["operator"] == chain.keys["two"].address
    sender = chain.rpc("eth_getTransactionByHash", answer.json["transaction"])["from"]
    assert sender == chain.keys["stranger"].address.lower()
    assert chain.registry.filing_state(FILING).status is OnChainStatus.SUSPENDED


def test_suspend__stranger_s_signature_relayed__exit_1(chain: DeployedGate) -> None:
    answer = suspend(chain, "stranger", *chain.by("issuer"))
    assert answer.code == 1
    assert "(" in answer.json["error"]
    assert chain.registry.filing_state(FILING).status is OnChainStatus.APPROVED


def test_suspend__unknown_filing__exit_1_and_nothing_sent(chain: DeployedGate) -> None:
    before = chain.rpc("eth_blockNumber")
    answer = suspend(chain, "one", number="国合函〔2026〕1号")
    assert answer.code == 1
    assert "NONE, not APPROVED" in answer.json["error"]
    assert chain.rpc("eth_blockNumber") == before


def test_suspend__again__exit_1(chain: DeployedGate) -> None:
    assert suspend(chain, "one").code == 0
    answer = suspend(chain, "two")
    assert answer.code == 1
    assert "SUSPENDED, not APPROVED" in answer.json["error"]


@pytest.mark.parametrize("reason", ("第" * 400, "r" * 10_000, "\x1b[2J"))
def test_suspend__long_or_hostile_reason__by_its_hash_or_hex(chain: DeployedGate, reason: str) -> None:
    assert suspend(chain, "one", reason=reason).code == 0
    shown = gate("status", NUMBER, *chain.at, "--json")
    assert shown.json["filings"][0]["reason"].startswith("0x")


def test_suspend__operator_keystore_missing__named(chain: DeployedGate) -> None:
    answer = gate("suspend", NUMBER, "--reason", "x", "--operator-keystore", "none.json", *chain.at, "--json")
    assert answer.code == 2
    assert answer.json["where"] == "none.json"


@pytest.mark.parametrize("command", ("resume", "revoke", "complete"))
def test_by_quorum__dossier_of_another_filing__exit_2(chain: DeployedGate, tmp_path: Path, command: str) -> None:
    file = tmp_path / "dossier.json"
    file.write_text(json.dumps(sample_dossier()), encoding="utf-8")
    options = ("--dossier", str(file), "--reason", "x", "--node", "http://127.0.0.1:1")
    answer = gate(command, NUMBER, *options, *chain.at, *chain.by("issuer"), "--json")
    assert answer.code == 2
    assert "not " + NUMBER in answer.json["error"]


@pytest.mark.parametrize("command", ("resume", "revoke", "complete"))
def test_by_quorum__no_node_answers__exit_3_and_each_is_named(
    chain: DeployedGate, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "dossier.json"
    file.write_text(json.dumps(sample_dossier(number=NUMBER)), encoding="utf-8")
    options = ("--dossier", str(file), "--reason", "x", "--node", "http://127.0.0.1:1", "--node", "http://127.0.0.1:2")
    answer = gate(command, NUMBER, *options, *chain.at, *chain.by("issuer"), "--json")
    assert answer.code == 3
    assert "http://127.0.0.1:1" in answer.json["error"]
    assert "http://127.0.0.1:2" in answer.json["error"]


@pytest.mark.parametrize(
    "url", ("http://user:geheim@127.0.0.1:1", "http://:geheim@127.0.0.1:1", "http://geheim:x@[::1")
)
@pytest.mark.parametrize("as_json", ((), ("--json",)))
def test_node__address_with_a_password__refused_and_not_echoed(
    chain: DeployedGate, url: str, as_json: tuple[str, ...]
) -> None:
    answer = gate("approve", chain.manifest, "d.json", "--node", url, *chain.at, *chain.by("issuer"), *as_json)
    assert answer.code == 2
    assert "--node" in answer.out + answer.err
    assert "geheim" not in answer.out + answer.err
