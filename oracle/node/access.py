"""Who may call what. The table below is the only place that says so; what it does not name, only an operator may call.

Keys come as `Authorization: Bearer fgk_…` (RFC 6750). They are held against the database; one that was found good is
believed for `KEY_SECONDS`, so a revoked key is refused everywhere after that time at the latest.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from oracle.node.config import HttpConfig
from oracle.store.api_keys import ApiKey, ApiKeys, Scope

__all__ = ["ACCESS", "KEY_SECONDS", "PUBLIC_TREES", "Access", "Caller", "UnauthenticatedError", "scopes_for"]

#: How long a key that the database knew as good is believed without asking again.
KEY_SECONDS = 1.0
#: Good keys remembered.
_MOST_KEYS = 1_000

_ANYBODY: frozenset[Scope] = frozenset(Scope)
_READS = frozenset({Scope.AUDITOR, Scope.OPERATOR})
_SUBMITS = frozenset({Scope.ISSUER, Scope.OPERATOR})
_PUBLIC: frozenset[Scope] | None = None

#: (method, path) -> the scopes of which a key needs one; None needs no key. `{}` stands for one part of a path.
ACCESS: Mapping[tuple[str, str], frozenset[Scope] | None] = {
    ("GET", "/healthz"): _PUBLIC,
    ("GET", "/readyz"): _PUBLIC,
    ("GET", "/v1/operator"): _PUBLIC,
    ("GET", "/openapi.json"): _PUBLIC,
    ("GET", "/metrics"): _READS,
    ("POST", "/v1/dossiers"): _SUBMITS,
    ("POST", "/v1/approvals"): _SUBMITS,
    ("POST", "/v1/updates"): _SUBMITS,
    ("POST", "/v1/filings/{}/events"): _SUBMITS,
    ("GET", "/v1/dossiers/{}"): _ANYBODY,
    ("GET", "/v1/filings"): _ANYBODY,
    ("GET", "/v1/filings/{}"): _ANYBODY,
    ("GET", "/v1/filings/{}/duties"): _ANYBODY,
    ("GET", "/v1/decisions"): _READS,
    ("GET", "/v1/decisions/{}"): _READS,
    ("GET", "/v1/evidence/{}"): _READS,
    ("GET", "/v1/captures"): _READS,
}

#: Everything below is there for everybody to read: the log proves nothing to an auditor who has to ask for it.
PUBLIC_TREES = ("/log/", "/v1/log/")

_COMPILED = [
    (method, re.compile("[^/]+".join(re.escape(part) for part in path.split("{}"))), scopes)
    for (method, path), scopes in ACCESS.items()
]
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([!-~]{1,200})")


class UnauthenticatedError(Exception):
    """No key, or none that is good here; the message says which and never repeats it."""


@dataclass(frozen=True)
class Caller:
    """Who calls: the key, None without one; and its scopes."""

    key: ApiKey | None
    scopes: frozenset[Scope]

    @property
    def key_id(self) -> str | None:
        """The id of the key, as it may be stored and shown."""
        return self.key.id if self.key else None


def scopes_for(method: str, path: str) -> frozenset[Scope] | None:
    """The scopes of which a caller needs one; None: no key is needed. HEAD is as GET."""
    method = "GET" if method == "HEAD" else method
    if method == "GET" and path.startswith(PUBLIC_TREES):
        return None
    for known, shape, scopes in _COMPILED:
        if known == method and shape.fullmatch(path):
            return scopes
    return frozenset({Scope.OPERATOR})


class Access:
    """Tells who calls, and whether that is enough."""

    def __init__(self, config: HttpConfig, keys: ApiKeys, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._keys = keys
        self._clock = clock
        # By a hash keyed anew in each process: the keys themselves do not stay in memory.
        self._salt = secrets.token_bytes(32)
        self._good: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    def _name(self, authorization: str) -> bytes:
        return hashlib.blake2b(
            authorization.encode("utf-8", "surrogateescape"), key=self._salt, digest_size=32
        ).digest()

    def known(self, authorization: str | None) -> Caller | None:
        """Who sends this header, if the database said so a moment ago and the key has not run out; it is not asked."""
        if authorization is None or self._config.auth == "none":
            return None
        found = self._good.get(self._name(authorization))
        if found is None or self._clock() - found[0] >= KEY_SECONDS:
            return None
        caller = found[1]
        return caller if caller.key is not None and caller.key.good(int(time.time())) else None

    def needed(self, method: str, path: str) -> frozenset[Scope] | None:
        """As `scopes_for`, with what the configuration opens."""
        if self._config.public_metrics and path == "/metrics" and method in ("GET", "HEAD"):
            return None
        return scopes_for(method, path)

    def caller(self, authorization: str | None) -> Caller:
        """Who sends this Authorization header. UnauthenticatedError if nobody known."""
        if self._config.auth == "none":
            return Caller(None, frozenset(Scope))
        if authorization is None:
            raise UnauthenticatedError("an API key is needed")
        asked = self._clock()
        shape = _BEARER.fullmatch(authorization)
        found = self._keys.find(shape[1], int(time.time())) if shape else None
        if found is None:
            raise UnauthenticatedError("the API key is unknown, expired or revoked")
        caller = Caller(found, found.scopes)
        self._good[self._name(authorization)] = (asked, caller)
        if len(self._good) > _MOST_KEYS:
            self._good.popitem(last=False)
        return caller
