"""`filing-gate check`: what it finds, what it exits with, and that it leaves everything as it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oracle.chain.rpc import connect, raw_call
from oracle.errors import InputError
from oracle.node.config import load_config
from oracle.node.service import open_node
from oracle.signing.keys import new_keystore
from tests.chain.node_double import node_double, rpc_result
from tests.cli.command_line import Answer, gate
from tests.collector.lying_nodes import LyingNode
from tests.node.served_process import PASSWORD, Ground, ground

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("ground")) as made:
        yield made


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILING_GATE_PASSWORD", PASSWORD)


def check(config: Path, *more: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit code, and the last row of each check that is not ok, else its row."""
    answer = gate("check", "--config", config, "--json", *more)
    rows: dict[str, dict[str, str]] = {}
    for row in answer.json["checks"]:
        if row["check"] not in rows or row["result"] != "ok":
            rows[row["check"]] = row
    assert answer.json["ok"] == (answer.code == 0)
    return answer.code, rows


def files(folder: Path) -> dict[str, tuple[int, float]]:
    """Every file below a folder with size and time of change."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime) for path in found}


def test_check__complete_node__all_ok_and_nothing_is_changed(place: Ground) -> None:
    config = place.config("good")
    node = open_node(load_config(config))
    node.database.close()
    before = files(place.folder)
    code, rows = check(config)
    assert code == 0, rows
    assert {row["result"] for row in rows.values()} == {"ok"}
    expected = {"versions", "secrets", "permissions", "key", "relay key", "chain", "registry", "committee", "clock"}
    assert expected | {"relay funds", "database", "evidence", "disk", "source csrc", "node"} <= rows.keys()
    assert place.operator in rows["key"]["found"]
    assert "this build's FilingRegistry" in rows["registry"]["found"]
    assert "written, read back and removed" in rows["evidence"]["found"]
    assert files(place.folder) == before


def test_check__before_the_first_start__makes_nothing(place: Ground) -> None:
    config = place.config("new")
    before = files(place.folder)
    code, rows = check(config)
    assert code == 0
    assert "not there yet" in rows["database"]["found"]
    assert files(place.folder) == before
    assert not (place.folder / "evidence-new").exists()


def test_check__as_text__a_row_each_and_the_remedy_below(place: Ground) -> None:
    answer: Answer = gate(
        "check", "--config", place.config("text", more="[timestamp]\nurl='http://127.0.0.1:1'\nroots='x'")
    )
    assert answer.code == 1
    assert "time stamps" in answer.out
    assert "    remedy: check the path" in answer.out
    assert answer.out.splitlines()[-1].endswith("1 failed, 0 warnings")


def test_check__chain_and_source_silent__exit_3_and_the_others_are_still_looked_at(place: Ground) -> None:
    config = place.config("silent", rpc='rpc_url = "http://127.0.0.1:1/secretpath"')
    text = config.read_text("utf-8").replace(place.site.url, "http://127.0.0.1:1")
    config.write_text(text, "utf-8")
    code, rows = check(config)
    assert code == 3
    failed = {name for name, row in rows.items() if row["result"] == "fail"}
    assert failed == {"chain", "registry", "committee", "clock", "relay funds", "source csrc"}
    assert rows["evidence"]["result"] == rows["key"]["result"] == "ok"
    assert "secretpath" not in str(rows)


def change(place: Ground, name: str, old: str, new: str) -> Path:
    config = place.config(name)
    text = config.read_text("utf-8")
    assert old in text
    config.write_text(text.replace(old, new), "utf-8")
    return config


def test_check__wrong_chain_id__fails(place: Ground) -> None:
    code, rows = check(change(place, "other-chain", "id = 31337", "id = 31338"))
    assert code == 1
    assert "on chain 31337, not 31338" in rows["chain"]["found"]


def test_check__several_endpoints__each_is_asked_and_the_bad_ones_are_named(place: Ground) -> None:
    w3 = connect(place.anvil.url)
    head = w3.eth.block_number

    def otherwise(method: str, params: list[Any]) -> tuple[int, bytes] | None:
        return rpc_result("0x1") if method == "eth_chainId" else None

    def behind(method: str, params: list[Any]) -> tuple[int, bytes] | None:
        return rpc_result(hex(head)) if method == "eth_blockNumber" else None

    raw_call(w3, "anvil_mine", [hex(7)])
    with node_double(place.anvil.url, otherwise) as wrong, node_double(place.anvil.url, behind) as late:
        good, silent = place.anvil.url, "http://127.0.0.1:1/second-k3y"
        for urls, code in (
            ([good, silent, wrong.url, late.url], 1),
            ([silent, wrong.url, good, late.url], 1),
            ([good, silent], 3),
            ([good, late.url], 0),
        ):
            config = place.config("several", rpc=f"rpc_urls = {json.dumps(urls)}")
            answer = gate("check", "--config", config, "--json")
            rows = {(row["result"], row["found"]) for row in answer.json["checks"] if row["check"] == "chain"}
            assert answer.code == code, answer
            assert "k3y" not in answer.out
            of = {url: f"(endpoint {number} of {len(urls)})" for number, url in enumerate(urls, 1)}
            expected = {
                good: ("ok", f"{place.anvil.url} is on chain 31337"),
                silent: ("fail", "http://127.0.0.1:1: the chain's node did not answer"),
                wrong.url: ("fail", f"{wrong.url}: the node is on chain 1, not 31337"),
                late.url: ("warn", f"{late.url} is 7 blocks behind"),
            }
            for url in urls:
                result, found = expected[url]
                assert [
                    text for kind, text in rows if kind == result and text.startswith(found) and text.endswith(of[url])
                ], (url, rows)
            # What is read of the chain is read from the first good one.
            by_name = {row["check"]: row["result"] for row in answer.json["checks"]}
            assert by_name["registry"] == by_name["committee"] == "ok"


def test_check__address_holds_other_code__fails(place: Ground) -> None:
    token = place.deployment.tokens[0].address
    code, rows = check(change(place, "other-code", place.deployment.registry, token))
    assert code in (1, 3)
    assert rows["registry"]["result"] == "fail"
    assert "other code" in rows["registry"]["found"]


def test_check__key_of_somebody_else__fails(place: Ground) -> None:
    other = new_keystore(place.folder / "other.json", PASSWORD, light=True)
    code, rows = check(change(place, "other-key", '"keystore.json"', '"other.json"'))
    assert code == 1
    assert other.address in rows["committee"]["found"]


def test_check__wrong_password__fails_and_names_no_secret(place: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILING_GATE_PASSWORD", "a wrong secret")
    code, rows = check(place.config("wrong-password"))
    assert code == 1
    assert rows["key"]["result"] == "fail"
    assert rows["committee"]["found"] == "not looked at: there is no key"
    assert "a wrong secret" not in str(rows)


def test_check__variable_not_set__fails(place: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILING_GATE_PASSWORD")
    code, rows = check(place.config("no-password"))
    assert code == 1
    assert "FILING_GATE_PASSWORD is not set" in rows["secrets"]["found"]


@pytest.mark.parametrize("name", ("keystore.json", "relay.json"))
def test_check__keystore_open_to_others__fails(place: Ground, name: str) -> None:
    keystore = place.folder / name
    keystore.chmod(0o644)
    try:
        code, rows = check(place.config("open"))
    finally:
        keystore.chmod(0o600)
    assert code == 1
    assert rows["permissions"]["remedy"] == f"chmod 600 {keystore}"


def test_check__relay_poor__fails_with_the_sum(place: Ground) -> None:
    code, rows = check(place.config("poor"), "--suspensions", "100000")
    assert code == 1
    assert "100000 suspensions cost" in rows["relay funds"]["found"]


def test_check__database_of_another_registry__fails(place: Ground) -> None:
    config = place.config("bound")
    settings = load_config(config)
    node = open_node(settings)
    node.database.close()
    token = place.deployment.tokens[0].address
    code, rows = check(change(place, "bound", place.deployment.registry, token))
    assert code in (1, 3)
    assert "belongs to registry" in rows["database"]["found"]


def test_check__no_database_there_but_bytes__fails(place: Ground) -> None:
    config = place.config("broken")
    (place.folder / "broken.db").write_bytes(os.urandom(8192))
    code, rows = check(config)
    assert code in (1, 3)
    assert rows["database"]["result"] == "fail"


def test_check__configuration_wrong__exit_2(place: Ground) -> None:
    assert gate("check", "--config", change(place, "typo", "[chain]", "[chian]"), "--json").code == 2


@pytest.mark.parametrize(("content", "result"), (({"chainId": 1, "operator": "0x0"}, "fail"), (None, "ok")))
def test_check__peer__must_share_registry_and_rules(place: Ground, content: dict[str, Any] | None, result: str) -> None:
    config = place.config("peered")
    node = open_node(load_config(config))
    node.database.close()
    same = node.operator() if content is None else content
    with LyingNode(lambda path, body: (200, json.dumps(same).encode())) as peer:
        _, rows = check(config, "--peer", peer.url)
        assert rows[f"peer {peer.url}"]["result"] == result


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    (
        ("id = 31337", "id = 31338", "on chain 31337, not 31338"),
        ("", "0x" + "44" * 20, "no contract at 0x4444"),
    ),
)
def test_open_node__chain_or_registry_is_another__refused_and_the_new_database_belongs_to_nobody(
    place: Ground, old: str, new: str, problem: str
) -> None:
    name = f"first-{new[-2:]}"
    wrong = change(place, name, old or place.deployment.registry, new)
    with pytest.raises(InputError, match=problem):
        open_node(load_config(wrong))
    # Corrected, the same database serves.
    node = open_node(load_config(place.config(name)))
    try:
        assert node.database.bound()
    finally:
        node.database.close()


def test_open_node__key_of_nobody__refused_and_the_new_database_belongs_to_nobody(place: Ground) -> None:
    new_keystore(place.folder / "stranger-first.json", PASSWORD, light=True)
    wrong = change(place, "first-key", 'keystore = "keystore.json"', 'keystore = "stranger-first.json"')
    with pytest.raises(InputError, match="not among the registry's operators"):
        open_node(load_config(wrong))
    node = open_node(load_config(place.config("first-key")))
    try:
        assert node.address == place.operator
    finally:
        node.database.close()
