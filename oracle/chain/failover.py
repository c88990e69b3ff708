"""Several RPC endpoints of one chain as one web3 provider: when one does not answer, the next one is asked.

A JSON-RPC error about the call itself (a revert, no funds) is an answer and is handed on; no connection, a timeout, an
HTTP status other than 200, a rate limit, or a text that is no JSON-RPC is none. An endpoint on another chain is never
used, and one whose head lags behind the others' is not read from.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import requests
from web3 import Web3
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from oracle.chain.rpc import Report, check_url, shown_url, without_keys
from oracle.domain.canonical import keccak256
from oracle.errors import FilingGateError, InputError, UnreachableError

__all__ = ["EndpointHealth", "FailoverProvider", "connect_endpoints", "is_known", "is_nonce_too_low"]

LOG = logging.getLogger("filing_gate.rpc")

#: Largest answer read, in bytes.
MAX_ANSWER = 64 * 1024 * 1024

#: An endpoint that failed is passed over for so many seconds, twice as long after each further failure, up to a limit.
FIRST_PENALTY, LONGEST_PENALTY = 2.0, 120.0

#: Heads are compared anew when they are older than this, in seconds; one that was not renewed counts for so long.
HEAD_SECONDS, HEAD_MEMORY = 4.0, 3600.0

#: An endpoint that took no batch is asked one by one for so many seconds.
SINGLE_SECONDS = 60.0

#: How often all endpoints are tried before a call fails, and the pause between, in seconds.
ROUNDS, PAUSE = 2, 0.1

#: JSON-RPC errors that speak of the endpoint and not of the call: EIP-1474 limit exceeded and resource unavailable, and
#: HTTP's number for too many requests, which some put there.
_LIMITS = frozenset({-32005, -32002, 429})

_HEX = re.compile(r"0x[0-9a-fA-F]*\Z")
_HEX_RESULTS = frozenset(
    {
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_estimateGas",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getCode",
        "eth_getTransactionCount",
        "eth_maxPriorityFeePerGas",
    }
)
_OBJECT_RESULTS = frozenset(
    {"eth_getBlockByHash", "eth_getBlockByNumber", "eth_getTransactionByHash", "eth_getTransactionReceipt"}
)


class _Unusable(Exception):
    """An endpoint gave no answer; the text says why and holds no secret."""


@dataclass(frozen=True)
class EndpointHealth:
    """One endpoint as metrics and `check` show it: `head` in blocks, `latency_ms` of the newest answer.

    `index` is its place in the configuration: two endpoints at one host are shown alike.
    """

    index: int
    shown_url: str
    ok: bool
    last_error: str | None
    head: int | None
    latency_ms: int | None

    def as_json(self) -> dict[str, Any]:
        """Keys index, url, ok, lastError, head, latencyMs."""
        return {
            "index": self.index,
            "url": self.shown_url,
            "ok": self.ok,
            "lastError": self.last_error,
            "head": self.head,
            "latencyMs": self.latency_ms,
        }


class _Endpoint:
    """What is remembered of an endpoint. Written by whoever asked it last."""

    def __init__(self, index: int, url: str) -> None:
        self.index = index
        self.url = url
        self.shown = shown_url(url)
        #: Whether it is known to be on the right chain, since it was last away.
        self.checked = False
        #: The other chain it was found on.
        self.other_chain: int | None = None
        self.failures = 0
        #: Until then nothing is asked in batches.
        self.single_until = 0.0
        self.bad_until = 0.0
        self.last_error: str | None = None
        self.lags = False
        self.head: int | None = None
        self.head_at = float("-inf")
        self.latency: float | None = None


def is_known(message: str) -> bool:
    """Whether a node's refusal of a transaction says that it has it already."""
    text = message.lower()
    return any(words in text for words in ("already known", "already imported", "known transaction", "already in pool"))


def is_nonce_too_low(message: str) -> bool:
    """Whether a node's refusal of a transaction says that its nonce is used."""
    return "nonce too low" in message.lower() or "nonce is too low" in message.lower()


class FailoverProvider(JSONBaseProvider):
    """A web3 provider over one or more URLs of one chain, in the order of preference. Thread-safe.

    `clock` gives seconds that only grow; `max_lag` is how many blocks an endpoint's head may be behind another's;
    `report` is told of every request: the endpoint as it may be shown, whether it answered, the seconds it took.
    """

    # A revert may name a web address for web3 to fetch from (EIP-3668): no contract sends this process anywhere.
    global_ccip_read_enabled = False

    def __init__(
        self,
        urls: Sequence[str],
        *,
        chain_id: int,
        max_lag: int = 5,
        timeout: float = 15,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        report: Report = lambda _endpoint, _ok, _seconds: None,
    ) -> None:
        super().__init__()
        self._report = report
        self.chain_id = chain_id
        self._endpoints = [_Endpoint(index, url) for index, url in enumerate(urls)]
        self._max_lag = max_lag
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self._local = threading.local()
        self._polling = threading.Lock()

    def __str__(self) -> str:
        return f"RPC endpoints {', '.join(item.shown for item in self._endpoints)}"

    @property
    def endpoint_uri(self) -> str:
        """The URL that this thread asked last: it may hold a key, show it by `shown_url` only."""
        return str(getattr(self._local, "url", self._endpoints[0].url))

    def is_connected(self, show_traceback: bool = False) -> bool:
        """Whether an endpoint on the right chain answers."""
        try:
            self.make_request(RPCEndpoint("eth_chainId"), [])
        except FilingGateError:
            return False
        return True

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """The first answer. UnreachableError, naming every endpoint, if there is none; InputError if all that there are
        belong to another chain."""
        body = self.encode_rpc_request(method, params)
        if method == "eth_sendRawTransaction":
            return self._broadcast(body, params[0])
        # Only Ethereum's own reads may be asked twice: a development chain's commands and transactions that it signs
        # itself would happen twice.
        twice = method.startswith("eth_") and method != "eth_sendTransaction"
        limited: RPCResponse | None = None
        for turn in range(ROUNDS if twice else 1):
            if turn:
                self._sleep(PAUSE)
            for endpoint in self._in_order():
                if not self._may_read(endpoint):
                    continue
                try:
                    answer = self._ask(endpoint, str(method), body)
                except _Unusable:
                    if twice:
                        continue
                    raise self._nobody() from None
                if _error_code(answer) not in _LIMITS:
                    return answer
                limited = answer
                # Some nodes say the same of a range of logs that is too wide: that is no fault of theirs.
                if method != "eth_getLogs":
                    self._failed(endpoint, "it says that a limit is reached")
        if limited is not None:
            return limited
        raise self._nobody()

    def make_batch_request(self, asked: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        """The answers to several of Ethereum's own reads, in their order, by one request.

        What an endpoint does not take in a batch is asked one by one, and that is no fault of its. Errors as
        `make_request`.
        """
        calls = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in enumerate(asked)
        ]
        body = json.dumps(calls).encode()
        for endpoint in self._in_order():
            if endpoint.single_until > self._clock() or not self._may_read(endpoint):
                continue
            self._local.url = endpoint.url
            try:
                found = self._in_batch(asked, self._post(endpoint.url, body))
            except (_Unusable, requests.exceptions.RequestException, OSError):
                found = [None] * len(asked)
            if all(answer is None for answer in found):
                endpoint.single_until = self._clock() + SINGLE_SECONDS
                break
            return [
                answer if answer is not None and _error_code(answer) not in _LIMITS else self.make_request(*request)
                for answer, request in zip(found, asked, strict=True)
            ]
        return [self.make_request(*request) for request in asked]

    @classmethod
    def _in_batch(cls, asked: Sequence[tuple[RPCEndpoint, Any]], data: bytes) -> list[RPCResponse | None]:
        """The answers by their ids; None for each that is missing, as all are where no batch is taken."""
        answers = _json(data)
        if not isinstance(answers, list):
            return [None] * len(asked)
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        return [
            cls._checked(str(method), by_id[number]) if number in by_id else None
            for number, (method, _) in enumerate(asked)
        ]

    def health(self) -> list[EndpointHealth]:
        """Each endpoint as it was found when last asked, in the order of the configuration."""
        return [
            EndpointHealth(
                item.index,
                item.shown,
                item.checked and item.last_error is None and not item.lags,
                item.last_error or ("its head lags behind the others'" if item.lags else None),
                item.head,
                None if item.latency is None else round(item.latency * 1000),
            )
            for item in self._endpoints
        ]

    def probe(self) -> list[EndpointHealth]:
        """Ask every endpoint for chain and head now, also those that are passed over, and say how they are."""
        for endpoint in self._endpoints:
            endpoint.checked = False
            self._poll(endpoint)
        for endpoint in self._endpoints:
            endpoint.lags = self._behind(endpoint)
        return self.health()

    # Which endpoint -------------------------------------------------------------------------------------------------

    def _in_order(self) -> list[_Endpoint]:
        """Those that are well, as configured; then the others, which are better than nobody."""
        now = self._clock()
        well = [item for item in self._endpoints if item.bad_until <= now]
        return well + sorted((item for item in self._endpoints if item not in well), key=lambda item: item.bad_until)

    def _may_read(self, endpoint: _Endpoint) -> bool:
        """Whether it is on the right chain and not behind the others."""
        if len(self._endpoints) == 1:
            return self._on_chain(endpoint)
        self._poll_all()
        if endpoint.head is None or self._clock() - endpoint.head_at > HEAD_SECONDS or not endpoint.checked:
            self._poll(endpoint)
        behind = self._behind(endpoint)
        if behind and not endpoint.lags:
            LOG.warning("%s: its head %s lags behind the others': not read from", endpoint.shown, endpoint.head)
        endpoint.lags = behind
        return endpoint.checked and endpoint.last_error is None and not behind

    def _behind(self, endpoint: _Endpoint) -> bool:
        since = self._clock() - HEAD_MEMORY
        others = [item.head for item in self._endpoints if item is not endpoint and item.head_at > since]
        best = max((head for head in others if head is not None), default=None)
        return best is not None and (endpoint.head is None or endpoint.head < best - self._max_lag)

    def _poll_all(self) -> None:
        """Renew the heads of those that are well. One thread does it; the others go on with what is known."""
        if not self._polling.acquire(blocking=False):
            return
        try:
            now = self._clock()
            for endpoint in self._endpoints:
                if endpoint.bad_until <= now and now - endpoint.head_at > HEAD_SECONDS:
                    self._poll(endpoint)
        finally:
            self._polling.release()

    def _poll(self, endpoint: _Endpoint) -> None:
        if not self._on_chain(endpoint):
            return
        try:
            answer = self._ask(endpoint, "eth_blockNumber", self.encode_rpc_request(RPCEndpoint("eth_blockNumber"), []))
        except _Unusable:
            return
        if "result" not in answer:
            self._failed(endpoint, "it does not tell its head")

    def _on_chain(self, endpoint: _Endpoint) -> bool:
        """Whether it is on the right chain: asked before its first use, and again after it was away."""
        if endpoint.checked:
            return True
        try:
            answer = self._ask(endpoint, "eth_chainId", self.encode_rpc_request(RPCEndpoint("eth_chainId"), []))
        except _Unusable:
            return False
        if "result" not in answer:
            self._failed(endpoint, "it does not tell its chain")
        return endpoint.checked

    # Asking ---------------------------------------------------------------------------------------------------------

    def _ask(self, endpoint: _Endpoint, method: str, body: bytes) -> RPCResponse:
        self._local.url = endpoint.url
        started = self._clock()
        try:
            answer = self._checked(method, _json(self._post(endpoint.url, body)))
        except _Unusable as error:
            self._report(endpoint.shown, False, self._clock() - started)
            self._failed(endpoint, str(error))
            raise
        except (requests.exceptions.RequestException, OSError) as error:
            self._report(endpoint.shown, False, self._clock() - started)
            self._failed(endpoint, type(error).__name__)
            raise _Unusable from None
        endpoint.latency = self._clock() - started
        self._report(endpoint.shown, True, endpoint.latency)
        result = answer.get("result")
        if method == "eth_chainId" and isinstance(result, str):
            self._learn_chain(endpoint, int(result, 16))
        elif method == "eth_blockNumber" and isinstance(result, str):
            endpoint.head, endpoint.head_at = int(result, 16), self._clock()
        if endpoint.checked:
            endpoint.failures, endpoint.bad_until, endpoint.last_error = 0, 0.0, None
        if answer.get("error") is not None:
            answer = cast(RPCResponse, {**answer, "error": _without_keys_in(answer["error"], endpoint.url)})
        return answer

    def _learn_chain(self, endpoint: _Endpoint, found: int) -> None:
        if found == self.chain_id:
            endpoint.checked, endpoint.other_chain = True, None
            return
        if endpoint.other_chain != found:
            LOG.warning("%s: it is on chain %d, not %d: not used", endpoint.shown, found, self.chain_id)
        endpoint.other_chain = found
        endpoint.head = None
        self._failed(endpoint, f"it is on chain {found}, not {self.chain_id}")
        raise _Unusable

    def _failed(self, endpoint: _Endpoint, why: str) -> None:
        if endpoint.last_error != why and endpoint.other_chain is None:
            LOG.warning("%s: %s", endpoint.shown, why)
        endpoint.checked = False
        endpoint.last_error = why
        endpoint.failures += 1
        endpoint.bad_until = self._clock() + min(FIRST_PENALTY * 2 ** min(endpoint.failures - 1, 10), LONGEST_PENALTY)

    def _post(self, url: str, body: bytes) -> bytes:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
        end = time.monotonic() + self._timeout
        with session.post(
            url,
            data=body,
            headers={"Content-Type": "application/json"},
            timeout=self._timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code != 200:
                raise _Unusable(f"HTTP {response.status_code}")
            found = bytearray()
            for part in response.iter_content(65536):
                found += part
                if len(found) > MAX_ANSWER:
                    raise _Unusable("its answer is too large")
                if time.monotonic() > end:
                    raise _Unusable("its answer takes too long")
        return bytes(found)

    @staticmethod
    def _checked(method: str, answer: Any) -> RPCResponse:
        if not isinstance(answer, dict) or (answer.get("error") is None and "result" not in answer):
            raise _Unusable("its answer is no JSON-RPC")
        if answer.get("error") is None:
            answer.pop("error", None)
            result = answer["result"]
            fits = True
            if method in _HEX_RESULTS:
                fits = isinstance(result, str) and _HEX.match(result) is not None
                fits = fits and (result != "0x" or method in ("eth_call", "eth_getCode"))
            elif method in _OBJECT_RESULTS:
                fits = result is None or isinstance(result, dict)
            elif method == "eth_getLogs":
                fits = isinstance(result, list)
            if not fits:
                raise _Unusable(f"its answer to {method} has the wrong shape")
        return cast(RPCResponse, answer)

    # Sending --------------------------------------------------------------------------------------------------------

    def _broadcast(self, body: bytes, raw: Any) -> RPCResponse:
        """Hand a signed transaction to every endpoint that is well: one that takes it and forgets it does no harm.

        It has arrived if one has it, whether by this call, by an earlier one, or already mined. The hash is computed
        here, not believed.
        """
        data = bytes.fromhex(raw.removeprefix("0x")) if isinstance(raw, str) else bytes(raw)
        transaction = Web3.to_hex(keccak256(data))
        arrived, refused = False, None
        for turn in range(ROUNDS):
            if turn:
                self._sleep(PAUSE)
            now = self._clock()
            for endpoint in self._in_order():
                if (arrived and endpoint.bad_until > now) or not self._on_chain(endpoint):
                    continue
                try:
                    answer = self._ask(endpoint, "eth_sendRawTransaction", body)
                    message = _error_message(answer)
                    mined = message is not None and is_nonce_too_low(message) and self._mined(endpoint, transaction)
                    if message is None or is_known(message) or mined:
                        arrived = True
                    else:
                        refused = refused or answer
                except _Unusable:
                    continue
            if arrived:
                return {"jsonrpc": "2.0", "id": 0, "result": transaction}
            if refused is not None:
                return refused
        raise self._nobody()

    def _mined(self, endpoint: _Endpoint, transaction: str) -> bool:
        method = RPCEndpoint("eth_getTransactionReceipt")
        answer = self._ask(endpoint, str(method), self.encode_rpc_request(method, [transaction]))
        return isinstance(answer.get("result"), dict)

    def _nobody(self) -> FilingGateError:
        elsewhere = [item for item in self._endpoints if item.other_chain is not None]
        if len(elsewhere) == len(self._endpoints):
            return InputError(
                f"the node is on chain {elsewhere[0].other_chain}, not {self.chain_id}",
                where=elsewhere[0].shown,
                remedy="point --rpc or [chain] to the right chain",
            )
        told = [
            f"{item.shown}: {item.last_error or ('its head lags behind' if item.lags else 'not asked')}"
            for item in self._endpoints
        ]
        return UnreachableError(
            f"the chain's node did not answer properly ({'; '.join(told)})",
            where=f"chain {self.chain_id}",
            remedy="check that it runs and that the addresses under [chain] are right",
        )


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise _Unusable("its answer is no JSON") from None


def _error_code(answer: RPCResponse) -> int | None:
    error: Any = answer.get("error")
    return error.get("code") if isinstance(error, dict) else None


def _error_message(answer: RPCResponse) -> str | None:
    error: Any = answer.get("error")
    if error is None:
        return None
    return str(error.get("message", "")) if isinstance(error, dict) else str(error)


def _without_keys_in(error: Any, url: str) -> Any:
    """A JSON-RPC error as the endpoint at `url` gave it, without what that URL keeps secret."""
    if isinstance(error, dict):
        return {name: _without_keys_in(value, url) for name, value in error.items()}
    return without_keys(error, url) if isinstance(error, str) else error


def connect_endpoints(
    urls: Sequence[str],
    *,
    chain_id: int,
    max_lag: int = 5,
    timeout: float = 15,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    report: Report = lambda _endpoint, _ok, _seconds: None,
) -> Web3:
    """A Web3 over several http(s) URLs of one chain (see `FailoverProvider`). Nothing is asked before the first call.

    InputError for a text that is no such URL.
    """
    if not urls:
        raise InputError("no RPC address is named", where="[chain]", remedy="name one with rpc_url or rpc_urls")
    for url in urls:
        check_url(url, "[chain]")
    provider = FailoverProvider(
        urls, chain_id=chain_id, max_lag=max_lag, timeout=timeout, clock=clock, sleep=sleep, report=report
    )
    w3 = Web3(provider)
    # As `connect` does: it asks for the chain id before every call, and refuses a proof-of-authority chain.
    w3.middleware_onion.remove("validation")
    return w3
