"""`operator take-over` as an operator calls it: counts, a second run, and what it refuses."""

from __future__ import annotations

from pathlib import Path

from oracle.store.database import Database
from tests.cli.command_line import gate
from tests.samples.dossier import sample_parsed

REGISTRY = "0x" + "11" * 20


def node(folder: Path, registry: str = REGISTRY) -> tuple[str, str]:
    """A new operator: its configuration and its address."""
    where = ("--chain-id", "31337", "--rpc", "http://127.0.0.1:1", "--registry", registry)
    channels = ("--table-channel", "c1", "--notice-channel", "c2")
    made = gate("operator", "init", folder, *where, *channels, "--light-kdf", "--json")
    assert made.code == 0, made.err
    return str(folder / "node.toml"), made.json["operator"]


def test_take_over__old_database__counted_and_the_second_time_nothing(tmp_path: Path) -> None:
    old, old_address = node(tmp_path / "old")
    new, new_address = node(tmp_path / "new")
    database = Database(f"sqlite:///{tmp_path / 'old' / 'node.db'}")
    database.bind_to({"operator": old_address, "chain": "31337", "registry": REGISTRY})
    dossier = sample_parsed()
    database.add_dossier(database.add_request("2027", "POST", "/v1/dossiers", dossier.canonical()), dossier)
    database.close()
    answer = gate("operator", "take-over", old, "--config", new, "--json")
    nothing = {"dossiers": 0, "statements": 0, "events": 0, "claims": 0}
    assert answer.json == {"operator": new_address, **nothing, "dossiers": 1}
    assert gate("operator", "take-over", old, "--config", new, "--json").json == {"operator": new_address, **nothing}
    assert "taken      0 dossiers" in gate("operator", "take-over", old, "--config", new).out
    assert gate("operator", "take-over", new, "--config", new, "--json").code == 2


def test_take_over__no_old_database__refused_and_none_is_made(tmp_path: Path) -> None:
    old, _ = node(tmp_path / "old")
    new, _ = node(tmp_path / "new")
    answer = gate("operator", "take-over", old, "--config", new)
    assert answer.code == 2
    assert "there is no such database" in answer.line
    assert not list(tmp_path.rglob("node.db"))
