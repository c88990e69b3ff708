"""A time stamp authority (RFC 3161 over HTTP, section 3.4): asked for a stamp over a file of the store.

The exchange is stored as any other. The authority may be asked over plain http, as most are: what it sends is
signed, and bound to the question by hash and nonce; the question holds a hash and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import httpx2
from pydantic import Field, model_validator

from oracle.domain.fields import Frozen, Text
from oracle.errors import InputError, UnreachableError
from oracle.evidence.store import EvidenceStore
from oracle.evidence.timestamp import MAX_TOKEN_BYTES, BadStamp, TimeStamp, checked_stamp, policy_id, root_certificates
from oracle.sources.document import read_file
from oracle.sources.http_capture import FetchError, HttpCapture, HttpLimits, origin
from oracle.sources.sightings import CLOCK_SKEW

__all__ = ["TimestampAuthority", "TimestampConfig"]

_MAX_ROOTS_BYTES = 1_000_000


class TimestampConfig(Frozen):
    """One authority. `roots` is a PEM file (relative to the configuration) with the root certificates it is held to.

    `policy` is the OID that its stamps must bear; the request cannot ask for it, so it is the authority's default one.
    """

    url: Text
    roots: Text
    policy: Text | None = None
    #: Whether nothing is approved without a stamp. A withdrawal or suspension never waits for one.
    required: bool = False
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        try:
            parsed = httpx2.URL(self.url)
        except httpx2.InvalidURL as error:
            raise ValueError(f"url is not an address: {error}") from None
        if parsed.userinfo:
            raise ValueError("url holds a user name or password: use an authority that asks for none")
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError("url must be http(s), e.g. http://timestamp.example.org")
        if self.policy is not None:
            try:
                policy_id(self.policy)
            except ValueError:
                raise ValueError("policy is no object identifier, e.g. 1.3.6.1.4.1.4146.2.3") from None
        return self


class TimestampAuthority:
    """Asks one authority. `base` is the folder that `roots` is relative to; the roots are read at once."""

    def __init__(
        self, config: TimestampConfig, evidence: EvidenceStore, clock: Callable[[], datetime], *, base: Path
    ) -> None:
        try:
            import rfc3161_client
        except ModuleNotFoundError:
            raise InputError(
                "needs the package rfc3161-client", where="[timestamp]", remedy="install filing-gate[timestamp]"
            ) from None
        self._builder = rfc3161_client.TimestampRequestBuilder
        self._sha256 = rfc3161_client.HashAlgorithm.SHA256
        self._config = config
        self._evidence = evidence
        self._clock = clock
        try:
            pem = read_file(base / config.roots, _MAX_ROOTS_BYTES, name=config.roots)
        except UnreachableError as error:
            raise InputError(error.what, where="timestamp.roots", remedy="check the path") from None
        self._roots = root_certificates(pem, where=f"timestamp.roots = {config.roots}")

    @property
    def required(self) -> bool:
        """Whether nothing is approved without a stamp."""
        return self._config.required

    def stamp(self, data: bytes) -> TimeStamp:
        """Store the bytes, have their SHA-256 stamped, check the stamp, store it. UnreachableError if there is none.

        The bytes are stored whatever the authority does, and so is what it answered.
        """
        sha256 = self._evidence.put(data)
        request = self._builder().data(data).hash_algorithm(self._sha256).build()
        token = self._asked(request.as_bytes())
        try:
            stamp = checked_stamp(token, sha256, self._roots, policy=self._config.policy, nonce=request.nonce)
        except BadStamp as error:
            raise self._refused(str(error)) from None
        if abs(stamp.time - self._clock()) > max(CLOCK_SKEW, timedelta(seconds=self._config.timeout_seconds)):
            raise self._refused(f"the stamp states {stamp.time.isoformat()}, far from this node's time")
        self._evidence.put(token)
        return stamp

    def _asked(self, request: bytes) -> bytes:
        config = self._config
        limits = HttpLimits(
            timeout=config.timeout_seconds,
            deadline=config.timeout_seconds,
            max_bytes=MAX_TOKEN_BYTES,
            attempts=1,
            backoff=0,
            user_agent="filing-gate",
        )
        with HttpCapture(limits, lambda url: origin(url) == origin(config.url), self._evidence, self._clock) as http:
            return http.post(config.url, request, content_type="application/timestamp-query").body

    def _refused(self, what: str) -> FetchError:
        return FetchError(what, url=self._config.url, remedy="check [timestamp] url, roots and policy")
