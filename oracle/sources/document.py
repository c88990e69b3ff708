"""One document from a file or an https address, stored before anybody reads it. The fetch half that sources share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import httpx2
from pydantic import Field, model_validator

from oracle.domain.fields import Frozen, Text
from oracle.evidence.store import EvidenceStore
from oracle.sources.http_capture import HttpCapture, HttpLimits, origin
from oracle.sources.parse_error import ParseError

__all__ = ["LOOPBACK", "Document", "Fetching", "Located", "check_address", "read_file", "reading"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Fetching(Frozen):
    """Bounds of one visit. Times in seconds, sizes in bytes."""

    timeout_seconds: float = Field(default=10.0, gt=0, le=120)
    deadline_seconds: float = Field(default=30.0, gt=0, le=600)
    max_bytes: int = Field(default=20_000_000, gt=0, le=200_000_000)
    attempts: int = Field(default=3, ge=1, le=10)
    backoff_seconds: float = Field(default=0.5, ge=0, le=60)
    user_agent: Text = "filing-gate"

    def limits(self) -> HttpLimits:
        """The same as the capture takes them."""
        return HttpLimits(
            timeout=self.timeout_seconds,
            deadline=self.deadline_seconds,
            max_bytes=self.max_bytes,
            attempts=self.attempts,
            backoff=self.backoff_seconds,
            user_agent=self.user_agent,
        )


class Located(Fetching):
    """A document at exactly one of `path` (relative to the configuration) and `url` (https; http to this machine)."""

    path: Text | None = None
    url: Text | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError("give exactly one of path and url")
        if self.url is not None:
            check_address("url", self.url)
        return self


@dataclass(frozen=True)
class Document:
    """What was read. `url` is None for a file, `http_status` too; `sha256` names the stored bytes."""

    body: bytes
    sha256: str
    fetched_at: str
    url: str | None = None
    http_status: int | None = None


def check_address(key: str, url: str) -> httpx2.URL:
    """The address in its parts. ValueError that names `key` if it is not https (http to this machine), or holds a user
    name."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ValueError(f"{key} is no address: {error}") from None
    if parsed.userinfo:
        raise ValueError(f"{key} holds a user name or password: name a variable that holds it instead")
    if not parsed.host or (parsed.scheme != "https" and not (parsed.scheme == "http" and parsed.host in LOOPBACK)):
        raise ValueError(f"{key} must be https (http only to this machine)")
    return parsed


def read_file(path: Path, limit: int, *, name: str) -> bytes:
    """A regular file of at most `limit` bytes. ParseError that shows `name`, never the whole path."""
    try:
        if not path.is_file():
            raise ParseError(f"{name} is no file", remedy="check the path in the source's configuration")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ParseError(f"{name} cannot be read: {error.strerror}", remedy="check path and permissions") from None
    if len(data) > limit:
        raise ParseError(f"{name} has more than {limit} bytes", remedy="raise maxBytes if it should be so large")
    return data


def reading(
    bounds: Fetching, evidence: EvidenceStore, clock: Callable[[], datetime], base: Path
) -> Callable[..., list[Document]]:
    """A function that reads several documents in one visit: `read((path, url), …, headers=None)`.

    All addresses must be of the first one's host. UnreachableError names what could not be read.
    """

    def read(*places: tuple[str | None, str | None], headers: Mapping[str, str] | None = None) -> list[Document]:
        hosts = {origin(url) for _, url in places if url}

        def allowed(url: str) -> bool:
            return len(hosts) == 1 and origin(url) in hosts and _scheme(url) == _scheme(next(filter(None, urls)))

        urls = [url for _, url in places]
        if not hosts:
            return [_stored(base / str(path), str(path)) for path, _ in places]
        with HttpCapture(bounds.limits(), allowed, evidence, clock) as http:
            found = []
            for path, url in places:
                if url is None:
                    found.append(_stored(base / str(path), str(path)))
                    continue
                answer = http.get(url, headers=headers)
                found.append(Document(answer.body, answer.sha256, answer.fetched_at, answer.url, answer.status))
            return found

    def _stored(path: Path, name: str) -> Document:
        body = read_file(path, bounds.max_bytes, name=name)
        return Document(body, evidence.put(body), clock().isoformat(timespec="seconds"))

    return read


def _scheme(url: str) -> str:
    try:
        return httpx2.URL(url).scheme
    except httpx2.InvalidURL:
        return ""
