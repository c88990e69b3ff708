"""Where the contracts' proofs find forge."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class ForgeNotInstalledError(RuntimeError):
    """There is no forge for this platform in node_modules."""


def find_forge() -> Path:
    """The forge program in node_modules; npm's wrapper is passed over. Raises ForgeNotInstalledError."""
    packages = ROOT / "node_modules" / "@foundry-rs"
    for path in sorted(packages.glob("forge-*/bin/forge*")):
        return path
    raise ForgeNotInstalledError(f"no forge under {packages}: run `npm ci`")
