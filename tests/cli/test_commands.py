"""The command tree as a whole: names, help, usage errors, and what starting it costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from oracle import __version__
from oracle.cli.main import _root
from tests.cli.command_line import ROOT, gate, program

COMMANDS = {
    "dossier new": ("FILE", "--json"),
    "dossier check": ("FILE", "--out", "--json"),
    "observe": ("--config", "--number", "--entity", "--json"),
    "evaluate": ("FILE", "--config", "--json"),
    "operator init": ("DIRECTORY", "--name", "--chain-id", "--rpc", "--registry", "--port", "--site", "--json"),
    "operator take-over": ("OLD", "--config", "--json"),
    "serve": ("--config",),
    "api-key new": ("--config", "--name", "--scope", "--expires", "--json"),
    "api-key list": ("--config", "--json"),
    "api-key revoke": ("ID", "--config", "--json"),
    "deploy": ("MANIFEST", "--rpc", "--keystore", "--password-file", "--from", "--out", "--json"),
    "approve": (
        "MANIFEST",
        "DOSSIER",
        "--node",
        "--node-keys",
        "--rpc",
        "--keystore",
        "--from",
        "--deployment",
        "--hours",
        "--json",
    ),
    "mint": ("TOKEN", "TO", "AMOUNT", "--rpc", "--keystore", "--from", "--deployment", "--json"),
    "mint-batch": ("TOKEN", "FILE", "--rpc", "--keystore", "--from", "--deployment", "--json"),
    "status": ("NUMBER", "--rpc", "--deployment", "--json"),
    "committee show": ("--rpc", "--deployment", "--json"),
    "committee announce": ("NEW", "--replace", "--rpc", "--keystore", "--from", "--deployment", "--calldata", "--json"),
    "committee apply": ("NEW", "--replace", "--keystore", "--from", "--calldata", "--json"),
    "committee cancel": ("NEW", "--replace", "--keystore", "--from", "--calldata", "--json"),
    "committee remove": ("OPERATOR", "--keystore", "--from", "--calldata", "--json"),
    "committee threshold": ("N", "--keystore", "--from", "--calldata", "--json"),
    "committee apply-threshold": ("--keystore", "--from", "--calldata", "--json"),
    "committee cancel-threshold": ("--keystore", "--from", "--calldata", "--json"),
    "suspend": ("NUMBER", "--reason", "--operator-keystore", "--rpc", "--keystore", "--from", "--deployment", "--json"),
    "resume": ("NUMBER", "--dossier", "--reason", "--node", "--rpc", "--keystore", "--hours", "--json"),
    "revoke": ("NUMBER", "--dossier", "--reason", "--node", "--rpc", "--keystore", "--json"),
    "complete": ("NUMBER", "--dossier", "--reason", "--node", "--rpc", "--keystore", "--json"),
    "dossier seal": ("FILE", "--seed", "--json"),
    "dossier show-part": ("FILE", "--seed", "--json"),
    "dossier check-part": ("PART", "--json"),
    "dossier person-hash": ("--salt", "--json"),
    "rules explain": ("ID", "--lang", "--json"),
    "evidence verify": ("--dir", "--config", "--json"),
    "evidence add": ("FILE", "--dir", "--json"),
    "evidence reindex": ("--dir", "--json"),
    "replay": ("--dossier", "--json"),
    "manual enter": ("--config", "--json"),
    "manual confirm": ("--config", "--json"),
    "manual sign": ("--keystore", "--json"),
    "duties list": ("NUMBER", "--node", "--config", "--json"),
    "duties declare": ("NUMBER", "--kind", "--event-on", "--what", "--node", "--deployment", "--keystore", "--json"),
    "duties report": ("NUMBER", "--kind", "--reported-on", "--evidence", "--node", "--keystore", "--json"),
    "duties sweep": ("--config", "--json"),
    "bundle": ("--sequence", "--rpc", "--deployment", "--evidence", "--log", "--node-keys", "--out"),
    "verify": ("BUNDLE", "--operator", "--timestamp-roots", "--rpc", "--complete", "--json"),
    "key new": ("FILE", "--json"),
    "key show": ("--config", "--json"),
    "key confirm-restore": ("--config", "--nothing-signed-since-the-backup"),
    "store upgrade": ("--config", "--json"),
    "store backup": ("FILE", "--config", "--json"),
    "store restore": ("FILE", "--config", "--json"),
    "store fsck": ("--config", "--json"),
    "check": ("--config", "--peer", "--json"),
    "log check": ("--node", "--node-keys", "--state", "--operator", "--json"),
    "log export": ("DIR", "--config", "--json"),
    "audit": ("--rpc", "--deployment", "--report", "--sign-key", "--resume", "--json"),
    "rehearse": ("--rpc", "--deployment", "--block", "--state", "--json"),
    "verify-code": ("--rpc", "--deployment", "--adapter", "--artifacts", "--fresh", "--standard-json", "--json"),
}


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> dict[str, click.Command]:
    """Every command that is no group, by its full name."""
    if not isinstance(command, click.Group):
        return {" ".join(path): command}
    context = click.Context(command)
    found: dict[str, click.Command] = {}
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        found |= leaves(below, (*path, name))
    return found


def test_commands__all__are_those_of_the_interface() -> None:
    assert set(leaves(_root)) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help__each_command__exits_0_and_names_its_options(name: str) -> None:
    answer = gate(*name.split(), "--help")
    assert answer.code == 0
    assert answer.err == ""
    assert answer.out.startswith(f"Usage: filing-gate {name} ")
    assert [word for word in COMMANDS[name] if word not in answer.out] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help__each_command__says_what_it_does_and_explains_every_option(name: str) -> None:
    command = leaves(_root)[name]
    assert command.help
    unexplained = [option.opts[0] for option in command.params if isinstance(option, click.Option) and not option.help]
    assert unexplained == []


def test_json__every_command_but_serve__has_it() -> None:
    lacking = {
        name
        for name, command in leaves(_root).items()
        if not any("--json" in option.opts for option in command.params if isinstance(option, click.Option))
    }
    assert lacking == {"serve"}, "it runs until it is stopped, and its log is not one document"


def filled(command: click.Command, file: Path) -> list[str]:
    """Arguments for all that a command needs, and for where it reads from: `file`, and a port where nobody listens."""
    given: list[str] = []
    for item in command.params:
        flag = isinstance(item, click.Option) and item.is_flag
        known = {"rpc": "http://127.0.0.1:1", "rpcs": "http://127.0.0.1:1", "nodes": "http://127.0.0.1:1"}
        reads = isinstance(item.type, click.Path) or item.name in known or item.name == "directory"
        if flag or item.name in ("as_json", "help") or not (item.required or reads):
            continue
        if item.name in known:
            value = known[item.name]
        elif isinstance(item.type, click.Choice):
            value = str(item.type.choices[0])
        elif isinstance(item.type, click.DateTime):
            value = "2026-11-22"
        elif item.type in (click.INT, click.FLOAT) or isinstance(item.type, click.IntRange):
            value = "1"
        else:
            value = str(file) if reads else "1"
        given += [value] if isinstance(item, click.Argument) else [item.opts[0], value]
    return given


KINDS = {
    "nothing": lambda path: None,
    "cut": lambda path: path.write_bytes(b'{"chainId": 31337, "registry": "0x'),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 40),
    "folder": lambda path: path.mkdir(),
}
#: They work without any of these: what they are given is where they write, or nothing is asked of them.
CONTENT = {
    ("dossier new", "nothing"),
    ("key new", "nothing"),
    ("operator init", "nothing"),
    ("operator init", "folder"),
    ("evidence add", "cut"),
    ("evidence add", "binary"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"serve", "rules explain", "dossier person-hash"}))
def test_bad_input__any_file_that_is_none__one_json_document_and_its_exit_code(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FILING_GATE_PASSWORD", "a password of tests")
    path = tmp_path / "given"
    KINDS[kind](path)
    before = sorted(item.name for item in tmp_path.iterdir())
    answer = gate(*name.split(), *filled(leaves(_root)[name], path), "--json")
    document = answer.json
    if (name, kind) in CONTENT:
        assert (answer.code, "error" in document) in ((0, False), (2, True))
        return
    assert answer.code in (2, 3), answer
    assert document["error"]
    assert document["where"]
    assert document["remedy"]
    assert sorted(item.name for item in tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ("dossier", "operator"))
def test_help__group__lists_its_commands(name: str) -> None:
    answer = gate(name, "--help")
    assert answer.code == 0
    below = [full.split()[1] for full in COMMANDS if full.startswith(name + " ")]
    assert [word for word in below if word not in answer.out] == []


def test_help__whole__lists_every_command_and_h_is_the_same() -> None:
    answer = gate("--help")
    assert answer.code == 0
    listed = [line.split()[0] for line in answer.out.split("Commands:")[1].splitlines() if line[2:3].strip()]
    assert set(listed) == {name.split()[0] for name in COMMANDS}
    assert gate("-h") == answer


def test_version__asked__is_the_package_s() -> None:
    assert gate("--version").out == f"filing-gate, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    (
        (("mint-all",), "mint-all"),
        (("status", "--colour"), "--colour"),
        (("dossier", "burn"), "burn"),
        (("mint", "senior"), "TO"),
        (("observe", "--config", "x"), "--number"),
        (("status",), "--rpc"),
        (("approve", "m", "d", "--rpc", "http://127.0.0.1:1"), "--node"),
        (("operator", "init", "x", "--rpc", "http://127.0.0.1:1", "--chain-id", "one"), "--chain-id"),
    ),
)
def test_usage__wrong__exits_2_in_text_and_in_json(arguments: tuple[str, ...], named: str) -> None:
    text = gate(*arguments)
    assert (text.code, text.out) == (2, "")
    assert named in text.err
    document = gate(*arguments, "--json")
    assert (document.code, document.err) == (2, "")
    assert named in document.json["error"]
    assert document.json["where"] == "command line"
    assert "--help" in document.json["remedy"]


def test_program__as_module_and_as_script__are_the_same() -> None:
    script = ROOT / ".venv" / "bin" / "filing-gate"
    assert script.exists(), "the project is not installed into .venv: run `make setup`"
    done = subprocess.run([str(script), "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert program("--help").out == done.stdout


def test_program__unknown_command__exits_2_without_traceback() -> None:
    answer = program("nothing-like-it", "--json")
    assert answer.code == 2
    assert answer.json["error"]
    assert answer.err == ""


def test_help__imports__none_of_the_heavy_packages() -> None:
    code = (
        "import json, sys\n"
        "from oracle.cli.main import _run\n"
        "assert _run(['--help']) == 0\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=True,
    )
    loaded = {name.split(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}
    heavy = {"web3", "fastapi", "sqlalchemy", "pydantic", "requests", "httpx2", "eth_account", "uvicorn", "tomllib"}
    assert loaded & heavy == set()


def test_output__reader_that_stops_early__no_complaint_and_the_exit_code_stays(tmp_path: object) -> None:
    command = (
        f"{sys.executable} -m oracle dossier check {tmp_path}/none.toml --json | head -c 1; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "{", "")
