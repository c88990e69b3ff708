"""The attacker's contract (Puppet.sol beside this file), placed on a local chain and pulled by its strings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from eth_utils.address import to_checksum_address

from oracle.audit.rehearsal.stage import Broken, Outcome, Stage, call_data

__all__ = ["Puppet", "Pull", "puppet_artifact"]


@cache
def puppet_artifact() -> dict[str, Any]:
    """Keys abi and bytecode, made of Puppet.sol by scripts/compile.py."""
    content: dict[str, Any] = json.loads((files(__package__) / "Puppet.json").read_text(encoding="utf-8"))
    return content


@dataclass(frozen=True)
class Pull:
    """One call to make; `inside`: by running the target's code on the puppet's own storage."""

    target: str
    data: bytes
    inside: bool = False

    @property
    def struct(self) -> tuple[str, bytes, bool]:
        """As the ABI takes it."""
        return self.target, self.data, self.inside


class Puppet:
    """A puppet at `address`; it passes for a token of six decimals."""

    def __init__(self, stage: Stage, master: str) -> None:
        self._stage = stage
        self._master = master
        made = stage.send(master, None, bytes.fromhex(puppet_artifact()["bytecode"][2:]))
        if made.error is not None:
            raise Broken(f"place the attacker's contract: {made.error}")
        self.address = str(to_checksum_address(made.receipt["contractAddress"]))

    def _data(self, function: str, *arguments: Any) -> bytes:
        return call_data(puppet_artifact()["abi"], function, *arguments)

    def acting(self, pulls: Sequence[Pull]) -> bytes:
        """The call data that has it make these calls."""
        return self._data("act", [pull.struct for pull in pulls])

    def act(self, *pulls: Pull) -> Outcome:
        """Have it make these calls; the error is that of the first that fails."""
        return self._stage.send(self._master, self.address, self.acting(pulls))

    def plan(self, pull: Pull, times: int) -> None:
        """What it does the next times when something else calls it."""
        if self._stage.send(self._master, self.address, self._data("plan", pull.struct, times)).error is not None:
            raise Broken("the attacker's contract takes no plan")

    def end(self) -> Outcome:
        """Have it destroy itself."""
        return self._stage.send(self._master, self.address, self._data("end"))
