"""The hands on a local chain: send as anybody, at any time, and keep what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from web3 import Web3

from oracle.audit.rehearsal.table import ATTACKS
from oracle.chain.artifacts import abi
from oracle.chain.deployment import Deployment
from oracle.chain.registry import Registry
from oracle.chain.revert import revert_name
from oracle.chain.rpc import chain_faults
from oracle.domain.canonical import keccak256
from oracle.errors import UnreachableError
from oracle.signing.eip712 import Domain

__all__ = ["PASSED", "Broken", "Outcome", "Row", "Stage", "account", "call_data"]

PASSED = "accepted"

#: Enough for any call here and for making a contract; less than the 2**24 that EIP-7825 lets one transaction have.
_GAS = 12_000_000
_RICHES = 10**24
_LOCAL = "the local chain"


def account(role: str) -> str:
    """The address of one who plays a role; nobody has its key, the local chain sends for it."""
    return str(to_checksum_address(keccak256(f"rehearsal: {role}".encode())[:20]))


class Broken(Exception):
    """A scene can't go on: something that must work did not. `kept`: a row says so already."""

    def __init__(self, what: str, *, kept: bool = False) -> None:
        super().__init__(what)
        self.kept = kept


def call_data(interface: list[dict[str, Any]], function: str, *arguments: Any) -> bytes:
    """Call data of a function of an interface. Unlike a contract object's it takes an address in any capitals."""
    for entry in interface:
        if entry["type"] == "function" and function in (entry["name"], signature_of(entry)):
            types = [collapse_if_tuple(item) for item in entry["inputs"]]
            return keccak256(signature_of(entry).encode())[:4] + encode(types, arguments)
    raise KeyError(function)


def signature_of(entry: dict[str, Any]) -> str:
    """Name and types of a function of an ABI."""
    return f"{entry['name']}({','.join(collapse_if_tuple(item) for item in entry['inputs'])})"


@dataclass(frozen=True)
class Outcome:
    """A mined transaction: `error` is the name of the revert's error, None if it passed."""

    error: str | None
    receipt: dict[str, Any]

    @property
    def got(self) -> str:
        """The error, or that it was accepted."""
        return self.error or PASSED


@dataclass(frozen=True)
class Row:
    """One attempt. `verdict`: refused or passed (both as expected), accepted, otherwise, inconclusive."""

    id: str
    attempt: str
    expected: str
    got: str
    verdict: str

    @property
    def ok(self) -> bool:
        """Whether what was expected came, and for no other reason."""
        return self.verdict in ("refused", "passed")

    def as_json(self) -> dict[str, Any]:
        """Keys id, attempt, expected, got, ok, verdict."""
        return {
            "id": self.id,
            "attempt": self.attempt,
            "expected": self.expected,
            "got": self.got,
            "ok": self.ok,
            "verdict": self.verdict,
        }


class Stage:
    """A local chain with the deployment on it. Every sender may be anybody: keys are not asked for."""

    def __init__(self, w3: Web3, deployment: Deployment) -> None:
        self.w3 = w3
        self.deployment = deployment
        self.registry = Registry(w3, deployment.registry)
        self.domain = Domain(deployment.chain_id, self.registry.address)
        self.rows: list[Row] = []
        self._before: str | None = None
        # One connection, without what a general client does for each request: thousands are made.
        place = urlsplit(str(getattr(w3.provider, "endpoint_uri", "")))
        self._connection = HTTPConnection(place.hostname or "", place.port, timeout=60)
        self._funded: set[str] = set()
        self.rpc("anvil_autoImpersonateAccount", True)
        # Mined when told to: asked for a receipt too early, a forked chain asks the other one for it.
        self.rpc("evm_setAutomine", False)

    def rpc(self, method: str, *values: Any) -> Any:
        """A JSON-RPC call of the local chain."""
        content = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(values)}
        with chain_faults(_LOCAL):
            try:
                self._connection.request("POST", "/", json.dumps(content), {"Content-Type": "application/json"})
                answer = json.loads(self._connection.getresponse().read())
            except (OSError, HTTPException) as error:
                self._connection.close()
                raise ConnectionError from error
            if "error" not in answer:
                return answer["result"]
        raise UnreachableError(
            f"{method} failed: {str(answer['error'].get('message', ''))[:200]}", where=_LOCAL, remedy="try again"
        )

    @property
    def now(self) -> int:
        """Time of the newest block."""
        with chain_faults(_LOCAL):
            return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What happens inside is undone, but for the rows."""
        kept = self.rpc("evm_snapshot")
        funded = set(self._funded)
        try:
            yield
        finally:
            self.rpc("evm_revert", kept)
            self._funded = funded

    def leave(self) -> None:
        """Let the local chain go on as usual."""
        self.rpc("evm_setAutomine", True)
        self.rpc("anvil_autoImpersonateAccount", False)
        self._connection.close()

    def forget(self) -> None:
        """Fund everybody anew: the chain was put back."""
        self._funded.clear()

    def travel(self, until: int) -> None:
        """Mine a block at `until`, unless the newest is not older."""
        if until > self.now:
            self.rpc("evm_setNextBlockTimestamp", hex(until))
            self.rpc("evm_mine")

    def data(self, contract: str, function: str, *arguments: Any) -> bytes:
        """Call data of a function of this build: its name or signature, and the arguments as the ABI takes them."""
        return call_data(abi(contract), function, *arguments)

    def _submit(self, sender: str, to: str | None, data: bytes) -> str:
        if sender not in self._funded:
            self.rpc("anvil_setBalance", sender, hex(_RICHES))
            self._funded.add(sender)
        request = {"from": sender, "data": "0x" + data.hex(), "gas": hex(_GAS)}
        return str(self.rpc("eth_sendTransaction", request | ({"to": to} if to else {})))

    def _mined(self, tx_hash: str) -> Outcome:
        receipt = self.rpc("eth_getTransactionReceipt", tx_hash)
        if not isinstance(receipt, dict):
            raise Broken("a transaction was not mined")
        if receipt["status"] == "0x1":
            return Outcome(None, receipt)
        trace = self.rpc("debug_traceTransaction", tx_hash, {"tracer": "callTracer"})
        return Outcome(revert_name(bytes.fromhex(trace.get("output", "0x")[2:])), receipt)

    def send(self, sender: str, to: str | None, data: bytes, *, at: int | None = None) -> Outcome:
        """Send a transaction without asking first whether it passes, in a block of time `at` if given."""
        with chain_faults(_LOCAL):
            self._before = str(self.rpc("evm_snapshot"))
            if at is not None:
                self.rpc("evm_setNextBlockTimestamp", hex(at))
            sent = self._submit(sender, to, data)
            self.rpc("evm_mine")
            return self._mined(sent)

    def send_together(self, sender: str, to: str, calls: Sequence[bytes]) -> list[Outcome]:
        """Send several transactions into one block."""
        with chain_faults(_LOCAL):
            self._before = None
            sent = [self._submit(sender, to, data) for data in calls]
            self.rpc("evm_mine")
            done = [self._mined(tx_hash) for tx_hash in sent]
        if len({outcome.receipt["blockNumber"] for outcome in done}) != 1:
            raise Broken("the transactions did not share a block")
        return done

    def on_registry(self, sender: str, function: str, *arguments: Any, at: int | None = None) -> Outcome:
        """Send a call of the registry."""
        return self.send(sender, self.registry.address, self.data("FilingRegistry", function, *arguments), at=at)

    def on_token(self, token: str, sender: str, function: str, *arguments: Any, at: int | None = None) -> Outcome:
        """Send a call of a token."""
        return self.send(sender, token, self.data("AssetBackedToken", function, *arguments), at=at)

    def attempt(self, attack: str, outcome: Outcome | str, what: str = "", expected: str | None = None) -> None:
        """Keep what an attack came to: refused only if it gave exactly the expected error.

        One that passed is undone, so that the next ones are tried on the state that they are made for.
        """
        known = ATTACKS[attack]
        wanted = expected or known.expected
        got = outcome if isinstance(outcome, str) else outcome.got
        verdict = "accepted" if got == PASSED else "otherwise"
        if verdict == "accepted" and isinstance(outcome, Outcome) and self._before is not None:
            self.rpc("evm_revert", self._before)
            self._before = None
            self._funded.clear()
        if got == wanted:
            verdict = "passed" if wanted == PASSED else "refused"
        self.rows.append(Row(attack, known.attempt + (f": {what}" if what else ""), wanted, got, verdict))

    def control(self, what: str, outcome: Outcome | str) -> None:
        """Keep that something works which must; Broken if it does not."""
        got = outcome if isinstance(outcome, str) else outcome.got
        good = got == PASSED
        self.rows.append(Row("CONTROL", what, PASSED, got, "passed" if good else "inconclusive"))
        if not good:
            raise Broken(f"{what}: {got}", kept=True)
