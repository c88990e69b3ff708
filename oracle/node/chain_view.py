"""What the chain says of filings and tokens, read once and kept until an event of the registry speaks against it.

The registry's state can be rebuilt from its events alone, so what was read at one block holds at a later one unless an
event between them names the filing or the token. Whoever asks first has the view brought up to the newest block
(`refresh`); a view that is older than `seconds` gives nothing (`known`), and neither does one that can't be brought up:
stale is never fresh. After a reorganisation everything is forgotten. The contract's own check of the sequence and the
signature guard stand behind all this.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from eth_utils.address import to_checksum_address

from oracle.chain.registry import FilingState, Registry
from oracle.chain.rpc import chain_faults, raw_call
from oracle.domain.dossier import Dossier
from oracle.node.facts import tranche_facts
from oracle.rules.case import TrancheFacts
from oracle.rules.decision import FilingOnChain

__all__ = ["ChainView", "Head", "Known"]

#: Blocks whose events are asked for again each time: an endpoint that lags gives those it did not have then.
_OVERLAP = 16
#: A view that is further behind is made anew.
_MOST_BLOCKS = 2_000
#: Filings and tokens kept. A row is a few hundred bytes.
_MOST_ROWS = 50_000


@dataclass(frozen=True)
class Head:
    """The newest block: number, hash, time in seconds since 1970; and when it was read, by the monotonic clock."""

    number: int
    hash: str
    time: int
    read_at: float


@dataclass(frozen=True)
class Known:
    """What is known of a dossier's filing and tranches as of `head`."""

    head: Head
    state: FilingOnChain
    tranches: tuple[TrancheFacts, ...]


class ChainView:
    """The view of one registry. Thread-safe; `known` asks nobody."""

    def __init__(
        self,
        registry: Callable[[], Registry],
        chain_id: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`registry` gives the registry on a connection; a view serves for `seconds` after it was brought up."""
        self._connect = registry
        self._bound: Registry | None = None
        self._chain = f"eip155:{chain_id}"
        self._chain_id = chain_id
        self._seconds = seconds
        self._clock = clock
        self._refreshing = threading.Lock()
        self._lock = threading.Lock()
        self._head: Head | None = None
        self._max_validity: int | None = None
        self._filings: dict[str, FilingState] = {}
        self._tokens: dict[str, TrancheFacts] = {}
        self._seen: dict[tuple[str, str], int] = {}
        #: By filing: a dossier's hash, and what `known` made for it of the rows above, until one of them goes.
        self._made: dict[str, tuple[bytes, FilingOnChain, tuple[TrancheFacts, ...]]] = {}

    def known(self, dossier: Dossier, filing: str) -> Known | None:
        """What the view has of a dossier and its filing (0x-hex); None if anything is missing or the view is old."""
        with self._lock:
            head, state, longest = self._head, self._filings.get(filing), self._max_validity
            if head is None or state is None or longest is None or self._clock() - head.read_at > self._seconds:
                return None
            made = self._made.get(filing)
            if made is not None and made[0] == dossier.dossier_hash():
                return Known(head, made[1], made[2])
            plan, found = dossier.issue_plan, []
            for item in plan.tranches:
                facts = self._tokens.get(item.contract) if item.chain == self._chain else None
                if facts is None:
                    return None
                found.append(replace(facts, cap=plan.base_units(item.max_units)))
            on_chain = FilingOnChain(state.status, state.valid_after, state.valid_until, state.sequence, longest)
            _kept(self._made, filing, (dossier.dossier_hash(), on_chain, tuple(found)))
        return Known(head, on_chain, tuple(found))

    def has(self, filing: str) -> bool:
        """Whether the view has a filing (0x-hex)."""
        return filing in self._filings

    def lacks(self, dossier: Dossier, filing: str) -> bool:
        """Whether `load` would read something of this dossier."""
        with self._lock:
            tokens = [item.contract for item in dossier.issue_plan.tranches if item.chain == self._chain]
            return filing not in self._filings or any(token not in self._tokens for token in tokens)

    def refresh(self, age: float = 0.5) -> Head:
        """Bring the view up to the newest block, if `age`, a share of its `seconds`, has gone by since that was done.
        UnreachableError if the chain can't be read."""
        head = self._head
        if head is None or self._clock() - head.read_at >= age * self._seconds:
            with self._refreshing:
                head = self._head
                if head is None or self._clock() - head.read_at >= age * self._seconds:
                    head = self._advanced(self._registry())
        return head

    def load(self, dossier: Dossier, filing: str) -> None:
        """Read what the view lacks of a dossier and its filing. UnreachableError if the chain can't be read.

        Kept of a token is only what an event would tell of or nothing can change: it must be of a build of ours.
        """
        with self._refreshing:
            registry = self._registry()
            head = self._head
            if head is None or self._clock() - head.read_at > self._seconds / 2:
                head = self._advanced(registry)
            if self._max_validity is None:
                self._max_validity = registry.max_validity()
            with self._lock:
                missing = [
                    item
                    for item in dossier.issue_plan.tranches
                    if item.chain == self._chain and item.contract not in self._tokens
                ]
                reads = filing not in self._filings
            # At the view's own block: an endpoint that does not have it yet refuses, and nothing is kept.
            state = registry.filing_state(filing, head.number) if reads else None
            plan = dossier.issue_plan.model_copy(update={"tranches": missing})
            own = dossier.model_copy(update={"issue_plan": plan})
            facts = tranche_facts(own, {self._chain_id: registry}, self._chain_id, head.number) if missing else ()
            with self._lock:
                if state is not None:
                    _kept(self._filings, filing, state)
                for item in facts:
                    if item.build is not None:
                        _kept(self._tokens, item.contract, item)

    def _registry(self) -> Registry:
        """The registry, looked for once: the contract's object costs more than a call."""
        if self._bound is None:
            self._bound = self._connect()
        return self._bound

    def _advanced(self, registry: Registry) -> Head:
        read_at = self._clock()
        w3, url = registry.w3, str(getattr(registry.w3.provider, "endpoint_uri", ""))
        with chain_faults(url):
            block = raw_call(w3, "eth_getBlockByNumber", ["latest", False])
            head = Head(int(block["number"], 16), str(block["hash"]), int(block["timestamp"], 16), read_at)
            before = self._head
            if before is None or not self._follows(w3, before, head, str(block["parentHash"])):
                self._forget()
            elif head.hash != before.hash:
                first = max(0, before.number + 1 - _OVERLAP)
                where = {"address": registry.address, "fromBlock": hex(first), "toBlock": hex(head.number)}
                logs = raw_call(w3, "eth_getLogs", [where])
                self._drop([(log["blockHash"], log["logIndex"], log["topics"][1:]) for log in logs], head.number)
        with self._lock:
            self._head = head
        return head

    @staticmethod
    def _follows(w3: Any, before: Head, head: Head, parent: str) -> bool:
        """Whether `before` is on the chain that ends with `head`, and not too far behind."""
        if head.number - before.number > _MOST_BLOCKS or head.number < before.number:
            return False
        if head.number == before.number:
            return head.hash == before.hash
        if head.number == before.number + 1:
            return parent == before.hash
        block = raw_call(w3, "eth_getBlockByNumber", [hex(before.number), False])
        return isinstance(block, dict) and block["hash"] == before.hash

    def _forget(self) -> None:
        with self._lock:
            self._head = None
            self._filings.clear()
            self._tokens.clear()
            self._seen.clear()
            self._made.clear()

    def _drop(self, logs: list[tuple[str, str, list[str]]], newest: int) -> None:
        """Forget what the events name: a filing by its id, a token by its address."""
        with self._lock:
            if logs:
                self._made.clear()
            for block, index, topics in logs:
                if self._seen.setdefault((block, index), newest) != newest:
                    continue
                for topic in topics:
                    self._filings.pop(topic.lower(), None)
                    if topic.startswith("0x" + "00" * 12):
                        self._tokens.pop(str(to_checksum_address("0x" + topic[26:])), None)
            old = newest - 4 * _OVERLAP
            self._seen = {key: number for key, number in self._seen.items() if number > old}


def _kept(rows: dict[str, Any], name: str, row: Any) -> None:
    if name not in rows and len(rows) >= _MOST_ROWS:
        del rows[next(iter(rows))]
    rows[name] = row
