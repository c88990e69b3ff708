"""An audit that is broken off and taken up again says what an unbroken one says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oracle.audit.chain_audit import Progress, audit_chain
from oracle.chain.rpc import connect, raw_call
from oracle.errors import InputError
from tests.chain.node_double import node_double, rpc_result
from tests.chain.small_world import World


class Broken(Exception):
    """Stands for whatever ends an audit."""


def break_off(world: World, file: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Run an audit with small windows and a checkpoint at each, until block `after`."""
    monkeypatch.setattr("oracle.chain.events.FIRST_BLOCKS", 3)
    monkeypatch.setattr("oracle.chain.events.MOST_BLOCKS", 3)
    monkeypatch.setattr("oracle.audit.chain_audit.CHECKPOINT_SECONDS", 0)

    def stop(far: Progress) -> None:
        if far.block > after:
            raise Broken

    with pytest.raises(Broken):
        audit_chain(world.w3, world.deployment, resume=file, advanced=stop)


@pytest.mark.parametrize("after", (1, 9, 17, 25))
def test_resume__broken_off_anywhere__the_same_report(
    played: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = audit_chain(played.w3, played.deployment).as_json()
    file = tmp_path / "audit.json"
    break_off(played, file, monkeypatch, after)
    told: list[str] = []
    with node_double(played.url) as node:
        again = audit_chain(connect(node.url), played.deployment, told.append, resume=file).as_json()
        asked = [json.loads(params)[0] for method, params in node.asked if method == "eth_getLogs"]
    assert "going on after block" in told[0]
    assert int(asked[0]["fromBlock"], 16) >= after - 3, "what was replayed is not read again"
    # The number of windows is counted in this check.
    assert again["checks"].pop("LOG-UNREADABLE") >= whole["checks"].pop("LOG-UNREADABLE")
    assert again == whole


def test_resume__finding_before_the_break__is_kept(
    played: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(method: str, params: list[Any]) -> tuple[int, bytes] | None:
        """Logs whose data don't fit."""
        if method != "eth_getLogs":
            return None
        logs = raw_call(played.w3, method, params)
        return rpc_result([{**log, "data": "0x"} for log in logs])

    file = tmp_path / "audit.json"
    with node_double(played.url, unreadable) as node:
        break_off(played.on(connect(node.url)), file, monkeypatch, 1)
    before = audit_chain(played.w3, played.deployment, resume=file)
    assert "LOG-UNREADABLE" in {finding.id for finding in before.findings}


def test_resume__another_deployment__is_refused(played: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "audit.json"
    break_off(played, file, monkeypatch, 9)
    other = played.deployment.model_copy(update={"threshold": 1})
    with pytest.raises(InputError, match="another version or another deployment"):
        audit_chain(played.w3, other, resume=file)


def test_resume__chain_reorganised_since__begins_anew(
    copy: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "audit.json"
    copy.travel(1)
    audit_chain(copy.w3, copy.deployment, resume=file)
    copy.rpc("anvil_reorg", 1, [])
    told: list[str] = []
    assert audit_chain(copy.w3, copy.deployment, told.append, resume=file).clean
    assert "reorganised" in told[0]


@pytest.mark.parametrize(
    "text", ("", "{", "[]", "5", '{"map": [[1]]}', '{"object": "Path", "fields": {}}', '{"what": 1}', "[" * 99_999)
)
def test_resume__file_of_something_else__is_one_clear_error(played: World, tmp_path: Path, text: str) -> None:
    file = tmp_path / "audit.json"
    file.write_text(text)
    with pytest.raises(InputError, match="not a checkpoint") as raised:
        audit_chain(played.w3, played.deployment, resume=file)
    assert raised.value.where == str(file)
    assert file.read_text() == text
