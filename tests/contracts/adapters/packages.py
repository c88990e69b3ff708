"""Contracts of other projects, from their own packages: published as bytecode, or compiled from their sources."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from scripts.compile import EVM_VERSION, OPTIMIZER, find_compiler

FOLDER = Path(__file__).resolve().parent
PACKAGES = FOLDER / "node_modules"

_ACE = "@chainlink/ace/packages"
# As in ACE's own remappings; everything else is found by the name of its package.
_REMAPPED = {"@chainlink/policy-management/": f"{_ACE}/policy-management/src/"}
_ACE_SOURCES = {
    "PolicyEngine": f"{_ACE}/policy-management/src/core/PolicyEngine.sol",
    "ComplianceTokenMintBurnExtractor": f"{_ACE}/policy-management/src/extractors/ComplianceTokenMintBurnExtractor.sol",
    "VolumePolicy": f"{_ACE}/policy-management/src/policies/VolumePolicy.sol",
    "BypassPolicy": f"{_ACE}/policy-management/src/policies/BypassPolicy.sol",
    "ComplianceTokenERC20": f"{_ACE}/tokens/erc-20/src/ComplianceTokenERC20.sol",
    "ERC1967Proxy": "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol",
}
_TREX = "@tokenysolutions/t-rex/artifacts/contracts"
_TREX_ARTIFACTS = {
    "Token": "token/Token",
    "ModularCompliance": "compliance/modular/ModularCompliance",
    "IdentityRegistry": "registry/implementation/IdentityRegistry",
    "IdentityRegistryStorage": "registry/implementation/IdentityRegistryStorage",
    "ClaimTopicsRegistry": "registry/implementation/ClaimTopicsRegistry",
    "TrustedIssuersRegistry": "registry/implementation/TrustedIssuersRegistry",
    "TREXImplementationAuthority": "proxy/authority/TREXImplementationAuthority",
    "TokenProxy": "proxy/TokenProxy",
    "ModularComplianceProxy": "proxy/ModularComplianceProxy",
    "IdentityRegistryProxy": "proxy/IdentityRegistryProxy",
    "IdentityRegistryStorageProxy": "proxy/IdentityRegistryStorageProxy",
    "ClaimTopicsRegistryProxy": "proxy/ClaimTopicsRegistryProxy",
    "TrustedIssuersRegistryProxy": "proxy/TrustedIssuersRegistryProxy",
}
_IMPORT = re.compile(r"""^\s*import\b[^;]*?["']([^"']+)["']\s*;""", re.MULTILINE)


class PackagesMissing(Exception):
    """The packages are not installed, or not as locked; the message says what to run."""


@cache
def require_packages() -> None:
    """Raises PackagesMissing unless every package of package.json is there at its exact version."""
    wanted = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    wrong = []
    for name, version in wanted.items():
        path = PACKAGES / name / "package.json"
        found = json.loads(path.read_text(encoding="utf-8"))["version"] if path.is_file() else "nothing"
        if found != version:
            wrong.append(f"{name} {version} (found {found})")
    if wrong:
        raise PackagesMissing(f"run tests/contracts/adapters/install.sh; it installs {', '.join(wrong)}")


def published(name: str, path: str) -> dict[str, Any]:
    """ABI and bytecode as the package has them."""
    made = json.loads((PACKAGES / path).read_text(encoding="utf-8"))
    return {"contractName": name, "abi": made["abi"], "bytecode": made["bytecode"]}


def trex() -> dict[str, dict[str, Any]]:
    """T-REX 4.1.6 and the identity of ONCHAINID, by names that begin with `Trex`."""
    require_packages()
    found = {
        f"Trex{name}": published(f"Trex{name}", f"{_TREX}/{path}.sol/{name}.json")
        for name, path in _TREX_ARTIFACTS.items()
    }
    identity = "@onchain-id/solidity/artifacts/contracts/Identity.sol/Identity.json"
    return found | {"TrexIdentity": published("TrexIdentity", identity)}


def ace(**changes: Any) -> dict[str, dict[str, Any]]:
    """Chainlink ACE 1.0.0, compiled now with the project's compiler, by names that begin with `Ace`.

    changes: settings of the compiler other than the project's.
    """
    import solcx

    require_packages()
    job = {
        "language": "Solidity",
        "sources": _sources(_ACE_SOURCES.values()),
        "settings": {
            "evmVersion": EVM_VERSION,
            "optimizer": dict(OPTIMIZER),
            "remappings": [f"{prefix}={target}" for prefix, target in _REMAPPED.items()],
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
            **changes,
        },
    }
    made = solcx.compile_standard(job, solc_binary=find_compiler())["contracts"]
    found = {}
    for name, path in _ACE_SOURCES.items():
        output = made[path][name]
        bytecode = "0x" + output["evm"]["bytecode"]["object"]
        found[f"Ace{name}"] = {"contractName": f"Ace{name}", "abi": output["abi"], "bytecode": bytecode}
    return found


def _sources(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The named sources and all that they import."""
    found: dict[str, dict[str, str]] = {}
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in found:
            continue
        text = (PACKAGES / name).read_text(encoding="utf-8")
        found[name] = {"content": text}
        for target in _IMPORT.findall(text):
            if target.startswith("."):
                pending.append(posixpath.normpath(posixpath.join(posixpath.dirname(name), target)))
                continue
            prefix = next((prefix for prefix in _REMAPPED if target.startswith(prefix)), "")
            pending.append(_REMAPPED.get(prefix, "") + target[len(prefix) :])
    return found
