"""`deploy`, `status` and `audit` on a real chain, and what a wrong address, chain or file says."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.anvil import start_anvil
from tests.cli.command_line import Answer, gate, program
from tests.cli.deployed_gate import CAP, FILING, HOLDER, NUMBER, DeployedGate

READERS = ("status", "audit")


def test_status__whole__committee_filing_and_tranches(chain: DeployedGate) -> None:
    assert gate("mint", "senior", HOLDER, "1.5", *chain.at, *chain.by("issuer")).code == 0
    answer = gate("status", *chain.at, "--json")
    assert (answer.code, answer.err) == (0, "")
    content = answer.json
    assert content["registry"] == chain.deployment.registry
    assert (content["threshold"], len(content["operators"])) == (2, 3)
    (filing,) = content["filings"]
    assert (filing["filing"], filing["status"], filing["sequence"]) == (FILING, "APPROVED", 1)
    senior = next(row for row in filing["tranches"] if row["id"] == "senior")
    assert (senior["issued"], senior["cap"], senior["canIssue"]) == ("1500000", str(CAP * 10**6), True)
    text = gate("status", *chain.at).out
    assert "2 of 3 operators" in text
    assert f"issued 1.5 of {CAP:,}" in text
    assert "h 5" in text or "(24 h 0 min left)" in text


def test_status__by_number_as_program_and_from_the_environment__the_same(chain: DeployedGate) -> None:
    deployment = str(chain.folder / "deployment.json")
    answer = program("status", NUMBER, "--deployment", deployment, "--json", env={"FILING_GATE_RPC": chain.url})
    assert answer.code == 0
    assert answer.json["filings"][0]["filing"] == FILING


@pytest.mark.parametrize("number", ("国合函〔2026〕1号", "nonsense", "n" * 10_000, "\x1b[2J"))
def test_status__unknown_filing__exit_1(chain: DeployedGate, number: str) -> None:
    answer = gate("status", number, *chain.at)
    assert answer.code == 1
    assert answer.line.startswith("filing-gate: " + number[:3].replace("\x1b", "\N{REPLACEMENT CHARACTER}"))
    assert "never been approved" in gate("status", number, *chain.at, "--json").json["error"]
    assert len(answer.line) < 1100
    assert "\x1b" not in answer.err


def test_status__expired__says_so(chain: DeployedGate) -> None:
    chain.rpc("evm_increaseTime", hex(25 * 3600))
    chain.rpc("evm_mine")
    answer = gate("status", *chain.at)
    assert answer.code == 0
    assert "(expired)" in answer.out
    assert "not mintable: FilingExpired" in answer.out


def test_audit__sound__clean(chain: DeployedGate) -> None:
    assert gate("mint", "senior", HOLDER, "1.5", *chain.at, *chain.by("issuer")).code == 0
    answer = gate("audit", *chain.at, "--json")
    assert answer.code == 0
    assert answer.json["clean"] is True
    assert answer.json["findings"] == []
    assert sum(answer.json["checks"].values()) > 10
    assert "clean: no deviation" in gate("audit", *chain.at).out


def test_audit__supply_written_behind_the_gate__exit_1_and_named(chain: DeployedGate) -> None:
    assert gate("mint", "senior", HOLDER, "1.5", *chain.at, *chain.by("issuer")).code == 0
    token = chain.deployment.token("senior").address
    values = [int(chain.rpc("eth_getStorageAt", token, hex(slot), "latest"), 16) for slot in range(32)]
    more = "0x" + (2_500_000).to_bytes(32, "big").hex()
    chain.rpc("anvil_setStorageAt", token, hex(values.index(1_500_000)), more)
    answer = gate("audit", *chain.at, "--json")
    assert answer.code == 1
    assert [row["id"] for row in answer.json["findings"]] == ["SUPPLY"]
    text = gate("audit", *chain.at)
    assert text.code == 1
    assert "SUPPLY" in text.out
    assert "expected 1500000; found 2500000" in text.out


def reading(command: str, *options: object) -> Answer:
    return gate(command, *options, "--json")


@pytest.mark.parametrize("command", READERS)
def test_rpc__nobody_listens__exit_3(chain: DeployedGate, command: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        url = f"http://user:geheim@127.0.0.1:{closed.getsockname()[1]}/key-geheim"
        answer = reading(command, "--rpc", url, "--deployment", chain.folder / "deployment.json")
    assert answer.code == 3
    assert answer.json["where"] == f"http://127.0.0.1:{url.split(':')[3].split('/')[0]}"
    assert answer.json["remedy"]
    assert "geheim" not in answer.out + answer.err


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize(
    "url", ("127.0.0.1:8545", "ws://127.0.0.1:8545", "http://", "http://127.0.0.1:99999", "http://[::1", "\x1b[2J", "")
)
def test_rpc__not_an_address__exit_2(chain: DeployedGate, command: str, url: str) -> None:
    answer = reading(command, "--rpc", url, "--deployment", chain.folder / "deployment.json")
    assert answer.code == 2
    assert "--rpc" in answer.json["where"] + answer.json["error"]


def test_audit__path_that_is_no_socket__exit_2_and_names_it(chain: DeployedGate) -> None:
    file = chain.folder / "deployment.json"
    for path in (file, chain.folder / "missing.ipc"):
        answer = reading("audit", "--rpc", path, "--deployment", file)
        assert (answer.code, answer.json["error"]) == (2, "not a socket")
        assert answer.json["where"] == f"--rpc {path}"


@pytest.fixture(scope="module")
def other_chain() -> Iterator[str]:
    with start_anvil(chain_id=4242) as anvil:
        yield anvil.url


@pytest.fixture(scope="module")
def empty_chain() -> Iterator[str]:
    """A chain of the right number on which nothing is deployed."""
    with start_anvil() as anvil:
        yield anvil.url


@pytest.mark.parametrize("command", READERS)
def test_deployment__of_another_chain__exit_2_and_both_named(
    chain: DeployedGate, other_chain: str, command: str
) -> None:
    answer = reading(command, "--rpc", other_chain, "--deployment", chain.folder / "deployment.json")
    assert answer.code == 2
    assert "chain 31337" in answer.json["error"]
    assert "4242" in answer.json["error"]


@pytest.mark.parametrize("command", READERS)
def test_deployment__registry_not_on_this_chain__no_traceback_and_not_0(
    chain: DeployedGate, empty_chain: str, command: str
) -> None:
    answer = reading(command, "--rpc", empty_chain, "--deployment", chain.folder / "deployment.json")
    assert answer.code == 2
    assert chain.deployment.registry in answer.out


@pytest.mark.parametrize("command", READERS)
def test_deployment__no_file__names_where_it_was_looked_for(
    chain: DeployedGate, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = reading(command, "--rpc", chain.url)
    assert answer.code == 2
    assert answer.json["where"] == "deployments/31337.json"


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize(
    ("data", "problem"),
    (
        (b"", "not JSON"),
        (b"[]", "Input should be"),
        (b"\xff", "not UTF-8"),
        (b'{"schema": "deployment/v2"}', "schema"),
        (b'{"schema": "deployment/v1", "chainId": "x"}', "chainId"),
    ),
)
def test_deployment__broken_file__exit_2_and_the_key(
    chain: DeployedGate, tmp_path: Path, command: str, data: bytes, problem: str
) -> None:
    file = tmp_path / "deployment.json"
    file.write_bytes(data)
    answer = reading(command, "--rpc", chain.url, "--deployment", file)
    assert answer.code == 2
    assert answer.json["where"] == str(file)
    assert problem in answer.json["error"]


def test_deploy__fresh__file_written_and_a_living_one_never_overwritten(chain: DeployedGate, tmp_path: Path) -> None:
    out = tmp_path / "below" / "deployment.json"
    options = ("--rpc", chain.url, *chain.by("issuer"), "--out", out, "--json")
    answer = gate("deploy", chain.manifest, *options)
    assert answer.code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["registry"] == answer.json["registry"]
    before = out.read_bytes()
    again = gate("deploy", chain.manifest, *options)
    assert again.code == 2
    assert "--out" in again.json["remedy"]
    assert out.read_bytes() == before
    status = gate("status", "--rpc", chain.url, "--deployment", out)
    assert status.code == 0
    assert "no filing has been approved yet" in status.out


def test_deploy__file_cannot_be_written__found_out_before_gas_is_spent(chain: DeployedGate, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    before = chain.rpc("eth_blockNumber")
    for out in (tmp_path / "file" / "deployment.json", Path("/proc/deployment.json")):
        answer = gate("deploy", chain.manifest, "--rpc", chain.url, *chain.by("issuer"), "--out", out, "--json")
        assert answer.code == 2
        assert answer.json["where"]
    assert chain.rpc("eth_blockNumber") == before


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    (
        ("threshold = 2", "threshold = 4", "committee: threshold 4 can't be reached by 3 operators"),
        ("threshold = 2", "treshold = 2", "committee.threshold: missing"),
        ('symbol = "SNR"', "symbol = 1", "tokens[0].symbol"),
        ("decimals = 6", "decimals = 77", "tokens[0].decimals"),
        ("[committee]", "[committee", "not TOML"),
        ('id = "junior"', 'id = "senior"', "two tokens share one id"),
    ),
)
def test_deploy__manifest_wrong__the_key_is_named(
    chain: DeployedGate, tmp_path: Path, old: str, new: str, problem: str
) -> None:
    file = tmp_path / "manifest.toml"
    file.write_text(chain.manifest.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    answer = gate("deploy", file, "--rpc", chain.url, *chain.by("issuer"), "--out", tmp_path / "d.json", "--json")
    assert answer.code == 2
    assert answer.json["where"] == str(file)
    assert problem in answer.json["error"]
