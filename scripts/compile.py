"""Compile contracts/ and write what Python loads to oracle/chain/artifacts/.

    python scripts/compile.py                     write the artifacts
    python scripts/compile.py --check             compile and compare with the committed ones; 1 if they differ
    python scripts/compile.py --layout            write tests/contracts/storage_layout.json as well
    python scripts/compile.py --install-native    download the native compiler (faster), then write the artifacts

The compiler is the first of these that is there, and must be of the very version below:

1. the path in $SOLC_BINARY;
2. a native solc installed by py-solc-x;
3. tools/solc, which runs the WebAssembly build from node_modules (`npm ci`).

Source names, remappings and settings are Brownie's (see brownie-config.yaml), so that both make the same bytecode, down
to the hash of the metadata, in any folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    # This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
    sys.path[0] = str(ROOT)

import argparse
import fcntl
import hashlib
import json
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SOURCES = ROOT / "contracts"
ARTIFACTS = ROOT / "oracle" / "chain" / "artifacts"
CACHE = ROOT / "build" / "solc-cache"
LAYOUT = ROOT / "tests" / "contracts" / "storage_layout.json"

SOLC_VERSION = "0.8.37"
EVM_VERSION = "cancun"
# Measured: through the intermediate representation the registry is 3 kB smaller and a mint 1 % cheaper; more runs make
# the code grow by a third for a few gas.
OPTIMIZER: dict[str, Any] = {"enabled": True, "runs": 200}
VIA_IR = True
REMAPPINGS = {"@openzeppelin/contracts": "node_modules/@openzeppelin/contracts"}

# What an attacker would write, for `filing-gate rehearse`: kept beside its source.
PUPPET = "oracle/audit/rehearsal/Puppet.sol"

# The contracts that Python deploys or calls.
CONTRACTS = ("AssetBackedToken", "FilingRegistry", "TrancheFactory")

_IMPORT = re.compile(r"""^\s*import\b[^;]*?["']([^"']+)["']\s*;""", re.MULTILINE)


class CompileError(Exception):
    """The sources cannot be compiled here; the message says why and what to do."""


def find_compiler() -> Path:
    """The compiler to use. Raises CompileError if there is none, or if it is of another version."""
    import solcx
    from solcx.exceptions import SolcNotInstalled
    from solcx.install import get_executable

    given = os.environ.get("SOLC_BINARY")
    if given:
        binary = Path(given)
    else:
        try:
            binary = Path(get_executable(SOLC_VERSION))
        except SolcNotInstalled:
            binary = ROOT / "tools" / "solc"
            if not (ROOT / "node_modules" / "solc").is_dir():
                message = f"no solc {SOLC_VERSION}: run `npm ci`, or this script with --install-native"
                raise CompileError(message) from None
    try:
        found = str(solcx.wrapper.get_solc_version(binary))
    except (OSError, solcx.exceptions.SolcError, solcx.exceptions.UnexpectedVersionError) as error:
        raise CompileError(f"{binary} does not run as a Solidity compiler: {error}") from error
    if found != SOLC_VERSION:
        raise CompileError(f"{binary} is solc {found}, but {SOLC_VERSION} is needed; change or unset SOLC_BINARY")
    return binary


def install_native() -> None:
    """Downloads the native compiler of the right version. Needs the network."""
    import solcx

    solcx.install_solc(SOLC_VERSION)


def resolve_import(importer: str, target: str, remappings: Mapping[str, str] = REMAPPINGS) -> str:
    """The source name that `import "target"` means in the source named `importer`."""
    if target.startswith("."):
        return posixpath.normpath(posixpath.join(posixpath.dirname(importer), target))
    for prefix, replacement in remappings.items():
        if target.startswith(prefix):
            return replacement + target[len(prefix) :]
    return target


def collect_sources(
    names: Iterable[str], own: Mapping[str, str] | None = None, remappings: Mapping[str, str] = REMAPPINGS
) -> dict[str, dict[str, str]]:
    """The named sources and all that they import, as the compiler's `sources`.

    `names` are paths from the project's root; `own` gives the text of sources that are not files.
    """
    given = dict(own or {})
    texts: dict[str, str] = {}
    pending = [*names, *given]
    while pending:
        name = pending.pop()
        if name in texts:
            continue
        try:
            text = given[name] if name in given else (ROOT / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise CompileError(f"{name} is imported but not there; is node_modules installed (`npm ci`)?") from None
        texts[name] = text
        pending += [resolve_import(name, target, remappings) for target in _IMPORT.findall(text)]
    return {name: {"content": texts[name]} for name in sorted(texts)}


def settings(remappings: Mapping[str, str] = REMAPPINGS) -> dict[str, Any]:
    """The compiler settings that decide about the bytecode."""
    return {
        "evmVersion": EVM_VERSION,
        "optimizer": dict(OPTIMIZER),
        "remappings": [f"{prefix}={target}" for prefix, target in sorted(remappings.items())],
        "viaIR": VIA_IR,
    }


def compile_sources(
    sources: Mapping[str, Mapping[str, str]],
    remappings: Mapping[str, str] = REMAPPINGS,
    *,
    wanted: Iterable[str] = ("*",),
    quickly: bool = False,
) -> dict[str, Any]:
    """The compiler's `contracts` for these sources: source name, contract name, output.

    Only for the sources named by `wanted`: making code of what they import takes most of the time. `quickly`: without
    the optimizer, code only; it does the same and is larger.
    What was compiled before, from the same text with the same settings, is taken from build/solc-cache/.
    """
    job = _job(sources, remappings, wanted, quickly=quickly)
    compiler = find_compiler()
    CACHE.mkdir(parents=True, exist_ok=True)
    kept = _kept(job)
    with kept.with_suffix(".lock").open("w") as lock:
        # Parallel test workers want the same at the same time; one compiles, the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_file():
            temporary = kept.with_suffix(".new")
            temporary.write_text(json.dumps(_run(compiler, job)), encoding="utf-8")
            temporary.replace(kept)
    contracts: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return contracts


def compile_anew(sources: Mapping[str, Mapping[str, str]], *, wanted: Iterable[str]) -> dict[str, Any]:
    """As `compile_sources`, whatever was compiled before; nothing is kept."""
    return _run(find_compiler(), _job(sources, REMAPPINGS, wanted))


def kept_at(
    sources: Mapping[str, Mapping[str, str]],
    remappings: Mapping[str, str] = REMAPPINGS,
    *,
    wanted: Iterable[str] = ("*",),
    folder: Path = CACHE,
) -> Path:
    """Where `compile_sources` keeps what it makes of these sources."""
    return _kept(_job(sources, remappings, wanted), folder)


def _kept(job: Mapping[str, Any], folder: Path = CACHE) -> Path:
    return folder / f"{hashlib.sha256(json.dumps([SOLC_VERSION, job], sort_keys=True).encode()).hexdigest()}.json"


def _job(
    sources: Mapping[str, Mapping[str, str]],
    remappings: Mapping[str, str],
    wanted: Iterable[str],
    *,
    quickly: bool = False,
) -> dict[str, Any]:
    evm = ["evm.bytecode.object", "evm.deployedBytecode", "evm.methodIdentifiers"]
    outputs = ["evm.bytecode.object"] if quickly else ["abi", *evm, "storageLayout", "devdoc", "userdoc"]
    chosen = settings(remappings) | ({"optimizer": {"enabled": False}, "viaIR": False} if quickly else {})
    selection: dict[str, dict[str, list[str]]] = {name: {"*": outputs} for name in wanted}
    if not quickly:
        # Immutables are named by numbers of the syntax tree, and a contract's may be declared in what it imports.
        selection = {"*": {"": ["ast"], **selection.pop("*", {})}, **selection}
    return {
        "language": "Solidity",
        "sources": dict(sources),
        "settings": chosen | {"outputSelection": selection},
    }


def _run(compiler: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    import solcx
    from solcx.exceptions import SolcError

    try:
        result = solcx.compile_standard(dict(job), solc_binary=compiler)
    except SolcError as error:
        raise CompileError(f"the sources do not compile:\n{error.message}") from error
    contracts: dict[str, Any] = result["contracts"]
    names = dict(_immutables(result.get("sources", {})))
    for outputs in contracts.values():
        for output in outputs.values():
            deployed = output.get("evm", {}).get("deployedBytecode", {})
            if "immutableReferences" in deployed:
                places = deployed["immutableReferences"]
                deployed["immutableReferences"] = {names[number]: places[number] for number in places}
    return contracts


def _immutables(node: Any) -> Iterator[tuple[str, str]]:
    """(number in the syntax tree, Contract._name) of every immutable declared below a node."""
    if isinstance(node, list):
        for item in node:
            yield from _immutables(item)
    elif isinstance(node, dict) and node.get("nodeType") == "ContractDefinition":
        for item in node["nodes"]:
            if item["nodeType"] == "VariableDeclaration" and item["mutability"] == "immutable":
                yield str(item["id"]), f"{node['name']}.{item['name']}"
    elif isinstance(node, dict):
        # The tree as a whole: sources by name, each with its `ast`, whose `nodes` hold the contracts.
        for item in node["nodes"] if "nodeType" in node and "nodes" in node else node.values():
            if isinstance(item, dict | list):
                yield from _immutables(item)


def artifact(source: str, name: str, output: Mapping[str, Any]) -> dict[str, Any]:
    """What Python needs to know of one contract; the same in any folder."""
    deployed = output["evm"]["deployedBytecode"]
    places = deployed.get("immutableReferences", {})
    return {
        "contractName": name,
        "sourceName": source,
        "abi": output["abi"],
        "bytecode": "0x" + output["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + deployed["object"],
        "immutableReferences": {
            name: sorted(of_one, key=lambda place: place["start"]) for name, of_one in places.items()
        },
        "compiler": {"version": SOLC_VERSION, "settings": settings()},
    }


def compile_project() -> tuple[list[str], dict[str, Any]]:
    """The names of the sources in contracts/, and what `compile_sources` makes of them."""
    names = [path.relative_to(ROOT).as_posix() for path in sorted(SOURCES.rglob("*.sol"))]
    return names, compile_sources(collect_sources(names), wanted=names)


def build() -> dict[str, dict[str, Any]]:
    """Compiles the project. Contract name to artifact, for the contracts in CONTRACTS."""
    names, made = compile_project()
    found = {
        name: artifact(source, name, output)
        for source in names
        for name, output in made.get(source, {}).items()
        if name in CONTRACTS
    }
    missing = sorted(set(CONTRACTS) - set(found))
    if missing:
        raise CompileError(f"no such contract in contracts/: {', '.join(missing)}")
    return found


def build_puppet() -> str:
    """The text of Puppet.json: interface and creation code of the rehearsal's attacker."""
    made = compile_sources(collect_sources([PUPPET]), wanted=[PUPPET])[PUPPET]["Puppet"]
    return render({"abi": made["abi"], "bytecode": "0x" + made["evm"]["bytecode"]["object"]})


def storage_layouts() -> dict[str, dict[str, Any]]:
    """Where the contracts in CONTRACTS keep their state: contract name to the compiler's `storage` and `types`."""
    names, made = compile_project()
    return {
        name: {
            # Numbers of the syntax tree, which other sources shift, are no part of the layout.
            "storage": [
                {key: entry[key] for key in ("slot", "offset", "label")} | {"type": _without_numbers(entry["type"])}
                for entry in output["storageLayout"]["storage"]
            ],
            "types": {
                _without_numbers(kind): {"label": entry["label"], "numberOfBytes": entry["numberOfBytes"]}
                for kind, entry in (output["storageLayout"]["types"] or {}).items()
            },
        }
        for source in names
        for name, output in made.get(source, {}).items()
        if name in CONTRACTS
    }


def _without_numbers(kind: str) -> str:
    return re.sub(r"\)\d+", ")", kind)


def render(made: Mapping[str, Any]) -> str:
    """An artifact as the text of its file."""
    return json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write(made: Mapping[str, Mapping[str, Any]], folder: Path = ARTIFACTS) -> list[Path]:
    """Writes one file a contract and removes files of contracts that are gone. Returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.json"):
        if stale.stem not in made:
            stale.unlink()
    written = []
    for name in sorted(made):
        path = folder / f"{name}.json"
        path.write_text(render(made[name]), encoding="utf-8")
        written.append(path)
    return written


def differences(made: Mapping[str, Mapping[str, Any]], folder: Path = ARTIFACTS) -> list[str]:
    """What differs between a build and the files in `folder`, one line each; empty if nothing does."""
    lines = []
    for name in sorted(made):
        path = folder / f"{name}.json"
        if not path.is_file():
            lines.append(f"{path.name}: not there")
            continue
        text = path.read_text(encoding="utf-8")
        if text == render(made[name]):
            continue
        try:
            old = json.loads(text)
        except json.JSONDecodeError as error:
            lines.append(f"{path.name}: is not JSON: {error}")
            continue
        keys = sorted(key for key in {*old, *made[name]} if old.get(key) != made[name].get(key))
        lines.append(f"{path.name}: differs in {', '.join(keys) or 'layout only'}")
    lines += [f"{path.name}: no such contract" for path in sorted(folder.glob("*.json")) if path.stem not in made]
    return lines


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Compile contracts/ into oracle/chain/artifacts/.")
    parser.add_argument("--check", action="store_true", help="compare with the committed artifacts, write nothing")
    parser.add_argument("--layout", action="store_true", help="write the committed storage layout as well")
    parser.add_argument("--install-native", action="store_true", help="download the native compiler first")
    options = parser.parse_args(argv)
    try:
        if options.install_native:
            install_native()
        made = build()
        puppet = build_puppet()
    except CompileError as error:
        print(f"compile: {error}", file=sys.stderr)
        return 2
    if options.check:
        lines = differences(made)
        if (ROOT / PUPPET).with_suffix(".json").read_text(encoding="utf-8") != puppet:
            lines.append(f"{PUPPET}: Puppet.json is not what it compiles to")
        for line in lines:
            print(f"compile: {line}", file=sys.stderr)
        if lines:
            print("compile: run `python scripts/compile.py` and commit the result", file=sys.stderr)
            return 1
        print(f"{len(made)} artifacts are what contracts/ compiles to")
        return 0
    if options.layout:
        LAYOUT.write_text(render(storage_layouts()), encoding="utf-8")
    (ROOT / PUPPET).with_suffix(".json").write_text(puppet, encoding="utf-8")
    for path in write(made):
        name = path.stem
        size = (len(made[name]["deployedBytecode"]) - 2) // 2
        print(f"{path.relative_to(ROOT).as_posix()}: {size} bytes of code")
    return 0


if __name__ == "__main__":
    sys.exit(main())
