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
from functools import lru_cache

from oracle.node.config import HttpConfig
from oracle.store.api_keys import ApiKey, ApiKeys, Scope
from oracle.store.sessions import Session, Sessions

__all__ = [
    "ACCESS",
    "KEY_SECONDS",
    "PAGES",
    "PUBLIC_TREES",
    "Access",
    "Caller",
    "UnauthenticatedError",
    "form_token",
    "is_page",
    "scopes_for",
    "session_cookie",
]

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

#: The pages for people. No key is needed; how much each shows depends on who looks (oracle.node.pages.sight).
PAGES = frozenset(
    {
        ("GET", "/"),
        ("GET", "/language/{}"),
        ("GET", "/static/{}"),
        ("GET", "/filings.csv"),
        ("GET", "/filings/{}"),
        ("GET", "/evidence/{}"),
        ("GET", "/evidence/{}/original"),
        ("GET", "/check"),
        ("GET", "/verify"),
        ("POST", "/verify"),
        ("GET", "/dossier"),
        ("POST", "/dossier"),
        ("POST", "/dossier/send"),
        ("GET", "/operator"),
        ("GET", "/operator/sign-in"),
        ("POST", "/operator/sign-in"),
        ("POST", "/operator/sign-out"),
        ("GET", "/operator/observations"),
        ("GET", "/operator/observations/{}"),
        ("GET", "/operator/observations/{}/statement"),
        ("POST", "/operator/observations/{}"),
        ("GET", "/operator/suspensions"),
        ("POST", "/operator/suspensions"),
        ("POST", "/operator/suspensions/review"),
        ("GET", "/operator/health"),
        ("GET", "/operator/sessions"),
        ("POST", "/operator/sessions"),
    }
)

#: Everything below is there for everybody to read: the log proves nothing to an auditor who has to ask for it.
PUBLIC_TREES = ("/log/", "/v1/log/")


def _shape(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in path.split("{}")))


_COMPILED = [(method, _shape(path), scopes) for (method, path), scopes in ACCESS.items()]
_PAGES = [(method, _shape(path)) for method, path in PAGES]
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([!-~]{1,200})")


class UnauthenticatedError(Exception):
    """No key, or none that is good here; the message says which and never repeats it."""


@dataclass(frozen=True)
class Caller:
    """Who calls: the key, None without one; and its scopes."""

    key: ApiKey | None
    scopes: frozenset[Scope]
    #: Set only for somebody signed in to the pages; every form of the session carries `form_token`.
    session: Session | None = None
    form_token: str = ""

    @property
    def key_id(self) -> str | None:
        """The id of the key, as it may be stored and shown."""
        return self.key.id if self.key else None


@lru_cache(maxsize=1_024)
def scopes_for(method: str, path: str) -> frozenset[Scope] | None:
    """The scopes of which a caller needs one; None: no key is needed. HEAD is as GET."""
    method = "GET" if method == "HEAD" else method
    if (method == "GET" and path.startswith(PUBLIC_TREES)) or is_page(method, path):
        return None
    for known, shape, scopes in _COMPILED:
        if known == method and shape.fullmatch(path):
            return scopes
    return frozenset({Scope.OPERATOR})


@lru_cache(maxsize=1_024)
def is_page(method: str, path: str) -> bool:
    """Whether this is a page for people. HEAD is as GET."""
    method = "GET" if method == "HEAD" else method
    return any(known == method and shape.fullmatch(path) for known, shape in _PAGES)


class Access:
    """Tells who calls, and whether that is enough."""

    def __init__(
        self, config: HttpConfig, keys: ApiKeys, sessions: Sessions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._keys = keys
        self._sessions = sessions
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

    def visitor(self, authorization: str | None, cookies: Mapping[str, str]) -> Caller:
        """Who looks at a page: who is signed in, else as `caller`; nobody known is a stranger without any scope."""
        token = cookies.get(session_cookie(self._config))
        if authorization is None and token is not None:
            session = self._sessions.find(token, int(time.time()))
            if session is not None and session.key is not None:
                return Caller(session.key, session.key.scopes, session, form_token(token))
            if session is not None and self._config.auth == "none":
                return Caller(None, frozenset(Scope), session, form_token(token))
        if authorization is None and self._config.auth != "none":
            return Caller(None, frozenset())
        return self.caller(authorization)


def session_cookie(config: HttpConfig) -> str:
    """The name of the cookie of a session. With TLS it is one that no other host and no plain HTTP can set."""
    return "__Host-session" if config.behind_tls else "session"


def form_token(token: str) -> str:
    """What the forms of a session carry, made from its token: neither another site nor another session can know it."""
    return hashlib.sha256(b"filing-gate form: " + token.encode("utf-8")).hexdigest()
