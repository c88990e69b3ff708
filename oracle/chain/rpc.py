"""A connection to an Ethereum node, by HTTP or a socket (IPC), and its faults as this project's errors."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import requests.exceptions
from web3 import HTTPProvider, IPCProvider, Web3
from web3.exceptions import (
    BadFunctionCallOutput,
    BlockNotFound,
    ContractCustomError,
    ContractLogicError,
    TimeExhausted,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)

from oracle.chain.revert import explain_revert
from oracle.errors import InputError, RefusedError, UnreachableError

__all__ = ["Report", "chain_faults", "check_url", "connect", "is_socket", "raw_call", "shown_url", "without_keys"]

#: (endpoint, whether it answered, seconds)
Report = Callable[[str, bool, float], None]


#: A path segment or query value shorter than this is no access key, but a word like `rpc` or `v3`.
_KEY_LENGTH = 6


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # brackets that don't match, or a port that is none
        return None
    return parts


def is_socket(url: str) -> bool:
    """Whether a node's address is that of a socket on this machine: a path from the root."""
    return url.startswith("/")


def shown_url(url: str) -> str:
    """The URL without user, path and query: those may carry an access key. A socket's path as it is."""
    if is_socket(url):
        return url
    parts = _split(url)
    if parts is None:
        return "(not a URL)"
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def without_keys(message: str, url: str) -> str:
    """What a node said, without what its URL keeps secret: some nodes quote their own path."""
    parts = None if is_socket(url) else _split(url)
    if parts is not None:
        words = [*parts.path.split("/"), parts.query, *(value for _, value in parse_qsl(parts.query))]
        secrets = {word for word in words if len(word) >= _KEY_LENGTH} | {parts.username or "", parts.password or ""}
        secrets |= {unquote(word) for word in secrets}
        for word in sorted(secrets - {""}, key=len, reverse=True):
            message = message.replace(word, "…")
    return message


def _cut(message: str, url: str) -> str:
    return without_keys(message, url)[:200]


def check_url(url: str, where: str) -> None:
    """InputError, naming `where`, unless it is an http(s) URL."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("not an http(s) URL", where=where, remedy="write e.g. http://127.0.0.1:8545")


def _message(error: Web3RPCError, url: str) -> str:
    answer: Any = error.rpc_response
    fault = answer.get("error") if isinstance(answer, dict) else None
    return _cut(str(fault.get("message") if isinstance(fault, dict) else error.message), url)


@contextmanager
def chain_faults(url: str) -> Iterator[None]:
    """Turns web3's exceptions into RefusedError (a revert) and UnreachableError (everything else)."""
    try:
        yield
    except (ContractCustomError, ContractLogicError) as error:
        data = error.data if isinstance(error.data, str) else None
        reason = explain_revert(data) if data else _cut(error.message or "reverted without a reason", url)
        raise RefusedError(reason, where="contract", details={"revertData": data}) from None
    except BadFunctionCallOutput:
        raise UnreachableError(
            "the call returned nothing: no such contract at this address on this chain",
            where=shown_url(url),
            remedy="check the address and --rpc",
        ) from None
    except (BlockNotFound, TransactionNotFound) as error:
        missing = "block" if isinstance(error, BlockNotFound) else "transaction"
        raise UnreachableError(
            f"the node does not know this {missing}", where=shown_url(url), remedy="ask an archive node"
        ) from None
    except Web3RPCError as error:
        raise RefusedError(
            f"the chain's node refused: {_message(error, url)}",
            where=shown_url(url),
            remedy="check funds, nonce and gas",
        ) from None
    except TimeExhausted:
        raise UnreachableError(
            "the transaction was sent but not mined in time",
            where=shown_url(url),
            remedy="look it up before sending again",
        ) from None
    except (requests.exceptions.RequestException, Web3Exception, OSError) as error:
        raise UnreachableError(
            f"the chain's node did not answer properly ({type(error).__name__})",
            where=shown_url(url),
            remedy="check that it runs and that --rpc is right",
        ) from None
    # What web3 and we stumble over when the answer is not JSON-RPC's, or of another shape than the method gives.
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreachableError(
            f"the chain's node answered with something unusable ({type(error).__name__})",
            where=shown_url(url),
            remedy="check that --rpc is an Ethereum node",
        ) from None


class _SocketProvider(IPCProvider):
    """web3's, with its address where the HTTP one has it."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__(path, timeout=math.ceil(timeout))
        self.endpoint_uri = path

    def __del__(self) -> None:
        line: socket.socket | None = getattr(self._socket, "sock", None)
        if line is not None:
            line.close()


def connect(url: str, *, chain_id: int | None = None, timeout: float = 15) -> Web3:
    """A Web3 on an http(s) URL, or the path of a socket, that has answered. `chain_id`, if given, must be its chain.

    Raises InputError for a wrong URL or chain, UnreachableError when nobody answers.
    """
    provider: HTTPProvider | IPCProvider
    if is_socket(url):
        provider = _SocketProvider(url, timeout)
    else:
        check_url(url, "--rpc")
        provider = HTTPProvider(url, request_kwargs={"timeout": timeout})
    # A revert may name a web address for web3 to fetch from (EIP-3668): no contract sends this process anywhere.
    provider.global_ccip_read_enabled = False
    w3 = Web3(provider)
    # It asks for the chain id before every call, and refuses the longer extra data of a proof-of-authority chain.
    w3.middleware_onion.remove("validation")
    with chain_faults(url):
        actual = w3.eth.chain_id
        if not isinstance(actual, int):
            raise TypeError("the chain id is no number")
    if chain_id is not None and actual != chain_id:
        raise InputError(
            f"the node is on chain {actual}, not {chain_id}",
            where=shown_url(url),
            remedy="point --rpc to the right chain",
        )
    return w3


def raw_call(w3: Web3, method: str, params: list[Any]) -> Any:
    """One JSON-RPC call without web3's formatters. UnreachableError if it fails."""
    url = str(getattr(w3.provider, "endpoint_uri", ""))
    with chain_faults(url):
        answer = w3.provider.make_request(method, params)  # type: ignore[arg-type]
        if not isinstance(answer, dict):
            raise TypeError("the answer is no object")
        if answer.get("error") is None:
            return answer["result"]
        error: Any = answer["error"]
    message = str(error.get("message", "") if isinstance(error, dict) else error)
    raise UnreachableError(f"{method} failed: {_cut(message, url)}", where=shown_url(url), remedy="try another node")
