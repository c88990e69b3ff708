"""What a registry says of many filings at one block, read by a few requests of many calls each.

A `Snapshot` stands in for the registry: what was read is answered from memory, as of its block; everything else, and
whatever came back as anything but a plain value, is asked as usual, so there is one judgement of strange answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from web3.types import RPCEndpoint

from oracle.chain.code_match import known_build
from oracle.chain.events import Event, decode_log
from oracle.chain.registry import FilingState, Registry, TokenState
from oracle.chain.rpc import batch_call
from oracle.domain.address import eip55
from oracle.domain.approval import OnChainStatus
from oracle.domain.canonical import keccak256
from oracle.errors import FilingGateError

__all__ = ["Constants", "Snapshot"]

#: Calls in one request: what public nodes take.
BATCH = 100

#: What can't change of a token of this project is read again after this time: a reorganised chain may hold another.
CONSTANT_SECONDS = 3600.0

Call = tuple[RPCEndpoint, list[Any]]


def _selector(signature: str) -> str:
    return "0x" + keccak256(signature.encode())[:4].hex()


_FILING_STATE = _selector("filingState(bytes32)")
_TRANCHE_STATE = _selector("trancheState(address)")
_DECIMALS, _REGISTRY, _PERMISSIONED = map(_selector, ("decimals()", "registry()", "permissioned()"))
_MAX_VALIDITY = _selector("maxValidity()")


@dataclass(frozen=True, slots=True)
class _Constant:
    state: TokenState
    read_at: float


class Constants:
    """What the code of a token of this project fixes for ever, by chain and address, for `CONSTANT_SECONDS`."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], _Constant] = {}

    def get(self, chain: int, token: str) -> TokenState | None:
        """The state without what was issued (0); None if it is not known, or is to be read again."""
        found = self._known.get((chain, token))
        return found.state if found and time.monotonic() - found.read_at < CONSTANT_SECONDS else None

    def keep(self, chain: int, token: str, state: TokenState) -> None:
        """Keep what is constant of a state, if its code is known."""
        if state.build is not None:
            self._known[(chain, token)] = _Constant(replace(state, issued=0), time.monotonic())


class Snapshot(Registry):
    """A registry with `filings` (id -> the block of the newest change that is known, None) and `tokens` read at once.

    UnreachableError if the newest block can't be read; what else is not read is asked later.
    """

    def __init__(
        self, registry: Registry, filings: Mapping[str, int | None], tokens: Iterable[str], constants: Constants
    ) -> None:
        # Not the registry's own: that one asks whether there is a contract, which `registry` has done.
        self.__dict__.update(vars(registry))
        self._block = super().head()
        self._states: dict[str, FilingState] = {}
        self._events: dict[tuple[str, int], list[Event]] = {}
        self._tokens: dict[str, TokenState] = {}
        self._longest: int | None = None
        self._constants = constants
        self._read(filings, tokens)

    def _at(self, to: str, data: str) -> Call:
        return RPCEndpoint("eth_call"), [{"to": to, "data": data}, hex(self._block)]

    def _read(self, filings: Mapping[str, int | None], named: Iterable[str]) -> None:
        tokens = [token for token in dict.fromkeys(map(_checksummed, named)) if token not in self._tokens]
        if not tokens and not filings and self._longest is not None:
            return
        constants, chain = self._constants, int(getattr(self.w3.provider, "chain_id", 0))
        calls: dict[tuple[str, ...], Call] = {}
        if self._longest is None:
            calls["longest",] = self._at(self.address, _MAX_VALIDITY)
        for filing, block in filings.items():
            calls["state", filing] = self._at(self.address, _FILING_STATE + filing[2:])
            if block is not None and block <= self._block:
                wanted = {"address": [self.address], "topics": [None, filing]}
                span = {"fromBlock": hex(block), "toBlock": hex(block)}
                calls["events", filing] = RPCEndpoint("eth_getLogs"), [{**wanted, **span}]
        for token in tokens:
            calls["issued", token] = self._at(self.address, _TRANCHE_STATE + token[2:].lower().zfill(64))
            if constants.get(chain, token) is None:
                calls["code", token] = RPCEndpoint("eth_getCode"), [token, hex(self._block)]
                for data in (_DECIMALS, _REGISTRY, _PERMISSIONED):
                    calls[data, token] = self._at(token, data)
        found = _answers(self, calls)
        if words := _words(found.get(("longest",)), 1):
            self._longest = words[0]
        for filing, block in filings.items():
            self._keep_filing(filing, block, found)
        for token in tokens:
            self._keep_token(token, chain, found)

    def _keep_filing(self, filing: str, block: int | None, found: Mapping[tuple[str, ...], Any]) -> None:
        words = _words(found.get(("state", filing)), 4)
        if words and words[0] < len(OnChainStatus):
            self._states[filing] = FilingState(OnChainStatus(words[0]), *words[1:])
        events = _events(found.get(("events", filing)))
        if block is not None and events is not None:
            self._events[filing, block] = events

    def _keep_token(self, token: str, chain: int, found: Mapping[tuple[str, ...], Any]) -> None:
        constants = self._constants
        issued = _words(found.get(("issued", token)), 3)
        state = constants.get(chain, token) or _constant(token, found)
        if issued and state is not None:
            constants.keep(chain, token, state)
            self._tokens[token] = replace(state, issued=issued[2])

    # As a registry ---------------------------------------------------------------------------------------------------

    def head(self) -> int:
        """The block of the snapshot."""
        return self._block

    def max_validity(self, block: int | None = None) -> int:
        """As the registry's."""
        return self._longest if block is None and self._longest is not None else super().max_validity(block)

    def filing_state(self, filing: str, block: int | None = None) -> FilingState:
        """As the registry's, at the block of the snapshot."""
        known = self._states.get(filing) if block is None else None
        return known if known is not None else super().filing_state(filing, block)

    def events_of(self, filing: str, first: int, last: int) -> list[Event]:
        """As the registry's."""
        known = self._events.get((filing, first)) if first == last else None
        return known if known is not None else super().events_of(filing, first, last)

    def will_ask(self, tokens: Iterable[str]) -> None:
        """Read those of these tokens that were not read yet."""
        self._read({}, tokens)

    def token_state(self, token: str, block: int | None = None) -> TokenState | None:
        """As the registry's, at the block of the snapshot."""
        known = self._tokens.get(_checksummed(token)) if block is None else None
        return known if known is not None else super().token_state(token, block)


def _checksummed(address: str) -> str:
    return eip55(bytes.fromhex(address[2:]))


def _answers(registry: Registry, calls: Mapping[tuple[str, ...], Call]) -> dict[tuple[str, ...], Any]:
    """The results by key; without those that failed."""
    keys = list(calls)
    found: dict[tuple[str, ...], Any] = {}
    for begin in range(0, len(keys), BATCH):
        some = keys[begin : begin + BATCH]
        try:
            results = batch_call(registry.w3, [calls[key] for key in some])
        except FilingGateError:
            break  # asked one by one where it is needed, where the error counts
        found.update({key: result for key, result in zip(some, results, strict=True) if result is not None})
    return found


def _words(result: Any, count: int) -> list[int] | None:
    """The whole numbers in that many words of 32 bytes; None for anything else."""
    if not isinstance(result, str) or len(result) != 2 + 64 * count:
        return None
    try:
        return [int(result[begin : begin + 64], 16) for begin in range(2, len(result), 64)]
    except ValueError:
        return None


def _events(result: Any) -> list[Event] | None:
    if not isinstance(result, list):
        return None
    try:
        decoded: Sequence[tuple[Event, bool] | None] = [decode_log("FilingRegistry", log) for log in result]
    except (KeyError, TypeError, ValueError):
        return None
    if any(item is not None and not item[1] for item in decoded):
        return None
    return [item[0] for item in decoded if item is not None]


def _constant(token: str, found: Mapping[tuple[str, ...], Any]) -> TokenState | None:
    """What a token's own getters say, if its code is this project's; other contracts are asked one by one."""
    code = found.get(("code", token))
    try:
        build = known_build(bytes.fromhex(code[2:])) if isinstance(code, str) else None
    except ValueError:
        build = None
    words = [_words(found.get((data, token)), 1) for data in (_DECIMALS, _REGISTRY, _PERMISSIONED)]
    if build is None or None in words:
        return None
    decimals, registry, permissioned = (item[0] for item in words if item)
    if registry >= 2**160 or decimals > 255 or permissioned > 1:
        return None
    return TokenState(build, decimals, eip55(registry.to_bytes(20, "big")), bool(permissioned), 0)
