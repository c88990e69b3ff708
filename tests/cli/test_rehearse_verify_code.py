"""`rehearse` and `verify-code` as an auditor runs them."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from oracle.audit import source_build
from oracle.audit.code_check import _METADATA, check_code
from oracle.audit.source_build import build_from_source, built_from_artifacts, standard_json
from oracle.chain.artifacts import artifact
from oracle.chain.deployment import save_deployment
from scripts.compile import CACHE, compile_project, find_compiler
from tests.cli.command_line import gate
from tests.cli.deployed_gate import DeployedGate

pytestmark = pytest.mark.slow


def test_rehearse__sound_deployment__exit_0_and_every_row_as_expected(chain: DeployedGate) -> None:
    before = chain.rpc("eth_getBlockByNumber", "latest", False)
    answer = gate("rehearse", *chain.at, "--json")
    content = answer.json
    assert [row for row in content["rows"] if not row["ok"]] == []
    assert (answer.code, content["clean"]) == (0, True)
    assert {"FOUND-MINT-OVER-CAP", "MINT-OVER-CAP-ONE-BLOCK", "SIGN-HIGH-S", "REPLAY-OTHER-CHAIN"} <= {
        row["id"] for row in content["rows"]
    }
    # Each of the three tokens, and one made for the purpose.
    assert len([row for row in content["rows"] if row["id"] == "MINT-OVER-CAP"]) == 4
    assert content["seconds"] < 60
    assert chain.rpc("eth_getBlockByNumber", "latest", False) == before


def test_rehearse__weak_token__exit_1_and_named(chain: DeployedGate, tmp_path: Path) -> None:
    """A token whose every call passes and changes nothing has no gate."""
    token = chain.deployment.token("senior")
    save_deployment(chain.deployment.model_copy(update={"tokens": [token]}), tmp_path / "one.json")
    at = ("--rpc", chain.url, "--deployment", tmp_path / "one.json")
    shown = gate("rehearse", *at, "--block", "0")
    # There is no registry yet in block 0.
    assert shown.code == 2
    assert chain.deployment.registry in shown.err
    # Answers 1 to whatever it is asked, which its decimals are not but its mint takes.
    chain.rpc("anvil_setCode", token.address, "0x600160005260206000f3")
    answer = gate("rehearse", *at, "--json")
    assert answer.code == 1
    bad = {row["id"] for row in answer.json["rows"] if row["verdict"] == "accepted"}
    assert {"ENTRY-TOKEN", "BYPASS-INITIALISE"} <= bad


def test_verify_code__sound__all_match_and_adapters_are_asked_for(chain: DeployedGate, tmp_path: Path) -> None:
    answer = gate("verify-code", *chain.at, "--standard-json", tmp_path / "json", "--json")
    assert answer.code == 0, answer.out
    assert {row["result"] for row in answer.json["contracts"]} == {"match"}
    assert len(answer.json["contracts"]) == 5
    names = sorted(path.name for path in (tmp_path / "json").iterdir())
    assert names == ["AssetBackedToken.json", "FilingRegistry.json", "TrancheFactory.json"]
    assert "all 5 contracts match" in gate("verify-code", *chain.at, "--artifacts").out
    senior = chain.deployment.token("senior").address
    wrong = gate("verify-code", *chain.at, "--adapter", f"GatedMinter={senior}", "--json")
    assert wrong.code == 1
    assert [row["result"] for row in wrong.json["contracts"] if not row["ok"]] == ["mismatch"]
    assert gate("verify-code", *chain.at, "--adapter", f"Nothing={senior}").code == 2
    assert gate("verify-code", *chain.at, "--adapter", "GatedMinter").code == 2
    assert gate("verify-code", *chain.at, "--artifacts", "--fresh").code == 2


def places(name: str) -> set[int]:
    return {
        at
        for of_one in artifact(name)["immutableReferences"].values()
        for place in of_one
        for at in range(place["start"], place["start"] + place["length"])
    }


def tampered(code: str, at: int) -> str:
    raw = bytearray.fromhex(code[2:])
    raw[at] ^= 1
    return "0x" + raw.hex()


def result_of(chain: DeployedGate, name: str) -> dict[str, Any]:
    answer = gate("verify-code", *chain.at, "--json")
    row: dict[str, Any] = next(row for row in answer.json["contracts"] if row["name"] == name)
    assert answer.code == (0 if row["ok"] else 1)
    return row


def test_verify_code__one_byte_differs__is_told_where(chain: DeployedGate) -> None:
    registry = chain.deployment.registry
    code = chain.rpc("eth_getCode", registry, "latest")
    at = next(at for at in range(100, 1000) if at not in places("FilingRegistry"))
    chain.rpc("anvil_setCode", registry, tampered(code, at))
    row = result_of(chain, "registry")
    assert (row["result"], row["offset"]) == ("mismatch", at)
    # An immutable's place: the code is the same, the value is not.
    chain.rpc("anvil_setCode", registry, tampered(code, max(places("FilingRegistry"))))
    assert result_of(chain, "registry")["result"] == "immutables"
    chain.rpc("anvil_setCode", registry, "0x" + code[2:-2])
    assert result_of(chain, "registry")["result"] == "mismatch"


def put(code: str, *words: tuple[dict[str, int], str]) -> str:
    """The code with a word (hex) in each of these places."""
    text = code[2:]
    for place, word in words:
        start, end = 2 * place["start"], 2 * (place["start"] + place["length"])
        text = text[:start] + word + text[end:]
    return "0x" + text


def test_verify_code__values_of_two_immutables_exchanged__each_place_is_held_against_its_own(
    chain: DeployedGate,
) -> None:
    registry = chain.deployment.registry
    code = chain.rpc("eth_getCode", registry, "latest")
    known = artifact("FilingRegistry")["immutableReferences"]
    words = {name: code[2:][2 * of_one[0]["start"] :][:64] for name, of_one in known.items()}
    delay, retention = "OracleCommittee._rotationDelay", "OracleCommittee._retention"
    assert words[delay] != words[retention]
    swapped = {delay: words[retention], retention: words[delay]}
    chain.rpc(
        "anvil_setCode", registry, put(code, *((place, swapped[name]) for name in swapped for place in known[name]))
    )
    row = result_of(chain, "registry")
    assert row["result"] == "immutables"
    assert row["detail"].startswith(
        f"{retention} at byte {known[retention][0]['start']}: expected 0x{words[retention]}"
    )


@pytest.mark.parametrize(("contract", "symbol"), (("FilingRegistry", "registry"), ("AssetBackedToken", "SNR")))
def test_verify_code__every_immutable_in_every_place__named_with_its_byte(
    chain: DeployedGate, contract: str, symbol: str
) -> None:
    address = chain.deployment.registry if symbol == "registry" else chain.deployment.token("senior").address
    code = chain.rpc("eth_getCode", address, "latest")
    built = built_from_artifacts()
    for name, of_one in artifact(contract)["immutableReferences"].items():
        for place in of_one:
            chain.rpc("anvil_setCode", address, put(code, (place, "ab" * 32)))
            row = next(item for item in check_code(chain.w3, chain.deployment, built) if item.name == symbol)
            assert (row.result, row.good) == ("immutables", False)
            assert row.detail.startswith(f"{name} at byte {place['start']}: expected 0x")


@pytest.mark.parametrize("name", ("registry", "factory", "SNR"))
def test_verify_code__metadata_differs__is_told_and_passes(chain: DeployedGate, name: str) -> None:
    known = {"registry": chain.deployment.registry, "factory": chain.deployment.factory}
    address = known.get(name) or chain.deployment.token("senior").address
    code = chain.rpc("eth_getCode", address, "latest")
    found = list(_METADATA.finditer(bytes.fromhex(code[2:])))
    assert found
    for one in found:
        chain.rpc("anvil_setCode", address, tampered(code, one.start() + 20))
        row = result_of(chain, name)
        assert (row["result"], row["ok"]) == ("metadata-only", True)


def test_verify_code__token_bound_to_other_values__is_told(chain: DeployedGate) -> None:
    senior, junior = chain.deployment.token("senior").address, chain.deployment.token("junior").address
    chain.rpc("anvil_setCode", senior, chain.rpc("eth_getCode", junior, "latest"))
    row = result_of(chain, "SNR")
    assert row["result"] == "immutables"
    assert "expected" in row["detail"]


@pytest.mark.parametrize(
    ("code", "result"),
    (
        ("0x", "no-code"),
        ("0x363d3d373d3d3d363d73" + "ab" * 20 + "5af43d82803e903d91602b57fd5bf3", "proxy"),
        ("0xef0100" + "ab" * 20, "proxy"),
        ("0x6001", "mismatch"),
    ),
)
def test_verify_code__something_else_stands_there__is_named(chain: DeployedGate, code: str, result: str) -> None:
    chain.rpc("anvil_setCode", chain.deployment.factory, code)
    row = result_of(chain, "factory")
    assert row["result"] == result
    assert ("0x" + "ab" * 20 in row["detail"]) == (result == "proxy")


def test_verify_code__proxy_by_its_slot__is_named(chain: DeployedGate) -> None:
    factory, word = chain.deployment.factory, "0x" + "00" * 12 + "cd" * 20
    chain.rpc("anvil_setCode", factory, "0x6001")
    slot = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
    chain.rpc("anvil_setStorageAt", factory, slot, word)
    assert result_of(chain, "factory")["result"] == "proxy"


def test_standard_json__compiled__gives_the_same_code_and_metadata() -> None:
    text = standard_json("GatedMinter")
    kept = CACHE / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    if not kept.is_file():
        compiler = [str(find_compiler()), "--standard-json"]
        done = subprocess.run(compiler, input=text, capture_output=True, text=True, check=True, timeout=100)
        kept.write_text(done.stdout, encoding="utf-8")
    (made,) = json.loads(kept.read_text(encoding="utf-8"))["contracts"]["contracts/adapters/GatedMinter.sol"].values()
    _, project = compile_project()
    ours = project["contracts/adapters/GatedMinter.sol"]["GatedMinter"]["evm"]
    assert made["evm"]["bytecode"]["object"] == ours["bytecode"]["object"]
    assert made["evm"]["deployedBytecode"]["object"] == ours["deployedBytecode"]["object"]
    assert json.loads(made["metadata"])["settings"]["compilationTarget"] == {
        "contracts/adapters/GatedMinter.sol": "GatedMinter"
    }


def test_verify_code__no_sources_or_no_compiler__says_so(
    chain: DeployedGate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source_build._script.cache_clear()
    monkeypatch.setenv("SOLC_BINARY", str(tmp_path / "nowhere"))
    answer = gate("verify-code", *chain.at, "--fresh", "--json")
    assert answer.code == 2
    assert "--artifacts" in answer.json["remedy"]
    source_build._script.cache_clear()
    monkeypatch.setattr(source_build, "_ROOT", tmp_path)
    answer = gate("verify-code", *chain.at, "--json")
    assert answer.code == 2
    assert "--artifacts" in answer.json["remedy"]
    assert gate("verify-code", *chain.at, "--artifacts").code == 0
    source_build._script.cache_clear()


def test_check_code__build_of_another_contract__never_matches(chain: DeployedGate) -> None:
    built = build_from_source()
    swapped = built | {"FilingRegistry": built["TrancheFactory"]}
    (registry, *rest) = check_code(chain.w3, chain.deployment, swapped)
    assert registry.result == "mismatch"
    assert {report.result for report in rest} == {"match"}


@pytest.mark.parametrize("command", ("rehearse", "verify-code"))
def test_rpc__nobody_listens__exit_3(chain: DeployedGate, command: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://user:geheim@127.0.0.1:{closed.getsockname()[1]}/key-geheim"
        answer = gate(command, "--rpc", url, "--deployment", chain.folder / "deployment.json", "--json")
    assert answer.code == 3
    assert "geheim" not in answer.out + answer.err


def test_rehearse__options_that_do_not_fit__exit_2(chain: DeployedGate, tmp_path: Path) -> None:
    deployment = ("--deployment", str(chain.folder / "deployment.json"))
    state = tmp_path / "state.json"
    state.write_text("{", encoding="utf-8")
    assert gate("rehearse", *chain.at, "--block", 10_000, "--json").json["where"] == "--block"
    assert "--rpc" in gate("rehearse", *deployment, "--json").json["remedy"]
    assert gate("rehearse", *chain.at, "--state", state, "--json").json["where"] == "--state"
    assert gate("rehearse", "--state", state, "--json").json["where"] == "--deployment"
    assert gate("rehearse", "--state", tmp_path / "none", *deployment).code == 2
    broken = gate("rehearse", "--state", state, *deployment, "--json")
    assert (broken.code, broken.json["where"]) == (3, "anvil")
