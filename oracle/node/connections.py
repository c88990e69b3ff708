"""The node's connections to its chains, kept for its life so that it is remembered which endpoints failed."""

from __future__ import annotations

import threading
from typing import cast

from web3 import Web3

from oracle.chain.failover import EndpointHealth, FailoverProvider, connect_endpoints
from oracle.chain.registry import Registry
from oracle.chain.rpc import Report
from oracle.chain.snapshot import Constants
from oracle.node.config import ChainConfig

__all__ = ["Connections"]


class Connections:
    """One connection for each chain, over all its endpoints. Thread-safe.

    `report` is told of every request: the endpoint as it may be shown, whether it answered, the seconds it took.
    """

    def __init__(self, report: Report = lambda _endpoint, _ok, _seconds: None) -> None:
        self._report = report
        self._lock = threading.Lock()
        #: What is known for good of the tokens on them.
        self.constants = Constants()
        self._known: dict[tuple[int, tuple[str, ...], int], Web3] = {}

    def to(self, chain: ChainConfig) -> Web3:
        """The connection to a chain. InputError for a wrong address; nothing is asked yet."""
        key = (chain.id, chain.urls(), chain.max_lag_blocks)
        with self._lock:
            if key not in self._known:
                self._known[key] = connect_endpoints(
                    chain.urls(), chain_id=chain.id, max_lag=chain.max_lag_blocks, report=self._report
                )
            return self._known[key]

    def registry(self, chain: ChainConfig) -> Registry:
        """The registry configured on a chain. UnreachableError if no endpoint answers, InputError for another chain."""
        return Registry(self.to(chain), chain.registry)

    def health(self, chain: ChainConfig, *, ask: bool = False) -> list[EndpointHealth]:
        """How each endpoint of a chain was found when last asked; with `ask`, each is asked now."""
        provider = cast(FailoverProvider, self.to(chain).provider)
        return provider.probe() if ask else provider.health()
