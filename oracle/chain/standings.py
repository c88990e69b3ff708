"""How many filings and tokens stand at one block, read in batches, and afterwards only what events say has changed.

The registry's state changes by its events alone, so a later reading asks for those since the block before; after a
re-organisation of that block everything is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oracle.chain.events import decode_log, log_windows
from oracle.chain.raw_rpc import Call, RawRpc
from oracle.chain.registry import FilingState, TrancheState
from oracle.chain.rpc import chain_faults
from oracle.chain.views import view
from oracle.domain.approval import OnChainStatus
from oracle.errors import FilingGateError, UnreachableError

__all__ = ["Standings", "read_standings"]


@dataclass(frozen=True)
class Standings:
    """State at `block`, whose time is `time` (seconds since 1970). Filings by 0x-hex id, tranches by lower-case token.

    `threshold` of `operators` must sign. A filing that was never approved has sequence
    0, a token that no approval named the zero filing.
    """

    block: int
    block_hash: str
    time: int
    threshold: int
    operators: tuple[str, ...]
    filings: Mapping[str, FilingState]
    tranches: Mapping[str, TrancheState]


def read_standings(
    urls: Sequence[str],
    chain_id: int,
    registry: str,
    filings: Collection[str],
    tokens: Collection[str],
    before: Standings | None = None,
    *,
    timeout: float = 10,
) -> Standings:
    """The state now, by the first of the endpoints that gives it whole. UnreachableError if none does.

    `before` is an earlier reading, from which this goes on.
    """
    fault: FilingGateError | None = None
    for url in urls:
        try:
            return _read(RawRpc([url], timeout=timeout), url, chain_id, registry, filings, tokens, before)
        except UnreachableError as error:
            fault = fault or error
    raise fault or UnreachableError("no endpoint is configured", where="chain", remedy="name one")


def _read(
    rpc: RawRpc,
    url: str,
    chain_id: int,
    registry: str,
    filings: Collection[str],
    tokens: Collection[str],
    before: Standings | None,
) -> Standings:
    with chain_faults(url):
        chain, head, earlier = rpc.batch(
            [
                ("eth_chainId", []),
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getBlockByNumber", [hex(before.block) if before else "0x0", False]),
            ]
        )
        if int(chain, 16) != chain_id:
            raise UnreachableError(
                f"the endpoint is on chain {int(chain, 16)}, not {chain_id}", where="chain", remedy="check its address"
            )
        block = int(head["number"], 16)
        known = (
            before if before and earlier and earlier["hash"] == before.block_hash and before.block <= block else None
        )
        old_filings, old_tranches = (known.filings, known.tranches) if known else ({}, {})
        changed = _changed(rpc, registry, known, block)
        ask_filings = [item for item in filings if item not in old_filings or item in changed]
        ask_tokens = [
            item
            for item in map(str.lower, tokens)
            if item not in old_tranches or item in changed or old_tranches[item].filing in changed
        ]
        found = rpc.batch(
            [
                _ask(registry, block, "operators"),
                _ask(registry, block, "threshold"),
                *(_ask(registry, block, "filingState", bytes.fromhex(item[2:])) for item in ask_filings),
                *(_ask(registry, block, "trancheState", item) for item in ask_tokens),
            ]
        )
        states = {
            item: FilingState(OnChainStatus(status), after, until, sequence)
            for item, (status, after, until, sequence) in zip(
                ask_filings, (_answer("filingState", row) for row in found[2:]), strict=False
            )
        }
        tranches = {
            item: TrancheState("0x" + bytes(filing).hex(), cap, issued)
            for item, (filing, cap, issued) in zip(
                ask_tokens, (_answer("trancheState", row) for row in found[2 + len(ask_filings) :]), strict=True
            )
        }
        return Standings(
            block,
            str(head["hash"]),
            int(head["timestamp"], 16),
            int(_answer("threshold", found[1])[0]),
            tuple(_answer("operators", found[0])[0]),
            {**old_filings, **states},
            {**old_tranches, **tranches},
        )


def _ask(registry: str, block: int, function: str, *arguments: Any) -> Call:
    return ("eth_call", [{"to": registry, "data": view("FilingRegistry", function).data(*arguments)}, hex(block)])


def _answer(function: str, returned: str) -> tuple[Any, ...]:
    found = view("FilingRegistry", function).answer(returned)
    if found is None:
        raise ValueError(f"{function} has no such answer")
    return found


def _changed(rpc: RawRpc, registry: str, known: Standings | None, block: int) -> set[str]:
    """The filings and tokens that events after the earlier reading name."""
    if known is None or known.block >= block:
        return set()
    wanted = {"address": registry}

    def ask(first: int, last: int) -> Any:
        return rpc.call("eth_getLogs", [{**wanted, "fromBlock": hex(first), "toBlock": hex(last)}])

    changed: set[str] = set()
    for _, _, logs in log_windows(ask, known.block + 1, block):
        for log in logs:
            event, _ = decode_log("FilingRegistry", log) or (None, False)
            if event is None:
                continue
            values = event.values
            if "filing" in values:
                changed.add("0x" + bytes(values["filing"]).hex())
            if "token" in values:
                changed.add(str(values["token"]).lower())
            changed |= {str(tranche[0]).lower() for tranche in values.get("tranches", ())}
    return changed
