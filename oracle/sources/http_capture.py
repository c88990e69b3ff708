"""HTTP with everything kept: each exchange is stored as a WARC file before anyone reads its body.

Bounded in every direction: size of a body, time of a request, time of a whole visit, attempts, redirects, and the hosts
that may be asked. One `HttpCapture` is one visit: cookies live as long as it does.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import TracebackType
from typing import Any, Self

import httpx2

from oracle.errors import FilingGateError, UnreachableError
from oracle.evidence.store import EvidenceStore
from oracle.evidence.warc import CapturedExchange
from oracle.sources.courtesy import Courtesy, KeptAnswer
from oracle.sources.web_address import parsed_address

__all__ = ["Exchange", "FetchError", "HttpCapture", "HttpLimits", "origin", "path_of"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class HttpLimits:
    """Bounds of one visit. Times in seconds, sizes in bytes."""

    timeout: float
    deadline: float
    max_bytes: int
    attempts: int
    backoff: float
    user_agent: str
    max_redirects: int = 3


@dataclass(frozen=True)
class Exchange:
    """One answer. `url` is the address that gave it, after redirects; `sha256` names the stored body.

    `body` is empty where the asker had read it before (`HttpCapture.get`).
    """

    url: str
    status: int
    body: bytes
    sha256: str
    fetched_at: str


class FetchError(UnreachableError):
    """An address gave nothing usable. `url` is that address, `exchange` what came, if anything did."""

    def __init__(
        self, what: str, *, url: str, remedy: str, exchange: Exchange | None = None, again: bool = False
    ) -> None:
        super().__init__(what, where=path_of(url), remedy=remedy)
        self.url = url
        self.exchange = exchange
        self.again = again
        self._told = (what, remedy)

    def again_raised(self) -> FetchError:
        """The same, to be raised another time: an error that is raised keeps what led to it."""
        what, remedy = self._told
        return FetchError(what, url=self.url, remedy=remedy, exchange=self.exchange, again=self.again)


def path_of(url: str) -> str:
    """The path of an address, without host and query: what an error may show."""
    try:
        return parsed_address(url).path
    except httpx2.InvalidURL:
        return "(invalid address)"


def origin(url: str) -> str:
    """`host` or `host:port` of an address, lower case, default ports left out; "" if it is none."""
    try:
        return parsed_address(url).netloc.decode("ascii").lower()
    except httpx2.InvalidURL:
        return ""


@cache
def _trusted() -> ssl.SSLContext:
    """The usual authorities, read once a process: reading them takes longer than a request."""
    return httpx2.create_ssl_context(trust_env=False)


class HttpCapture:
    """One visit to a site. Use it as a context manager."""

    def __init__(
        self,
        limits: HttpLimits,
        allowed: Callable[[str], bool],
        evidence: EvidenceStore,
        clock: Callable[[], datetime],
        courtesy: Courtesy | None = None,
    ) -> None:
        self._courtesy = courtesy
        self._refused: FetchError | None = None
        self._limits = limits
        self._allowed = allowed
        self._evidence = evidence
        self._clock = clock
        self._ends = time.monotonic() + limits.deadline
        self._sockets: list[socket.socket] = []
        # The environment (proxies, .netrc) must not change what a node sees; encodings are off so that the bytes on the
        # wire are the bytes that are stored, and a small answer cannot unfold into a large one.
        self._client = httpx2.Client(
            verify=_trusted(),
            trust_env=False,
            follow_redirects=False,
            headers={"user-agent": limits.user_agent, "accept-encoding": "identity"},
        )
        self._watchdog = threading.Timer(limits.deadline, self._hang_up)
        self._watchdog.daemon = True

    def __enter__(self) -> Self:
        self._watchdog.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.cancel()
        self._client.close()

    def get(
        self,
        url: str,
        *,
        referer: str | None = None,
        headers: Mapping[str, str] | None = None,
        whole: bool = False,
        read: Callable[[str], bool] = lambda _sha256: False,
    ) -> Exchange:
        """The answer with status 200 to a GET, redirects inside the allowed hosts followed. FetchError otherwise.

        `headers` are sent and never recorded: they may hold a secret. Where the site says that an address has not
        changed (304), the answer is the stored one; `whole` asks for all of it, as for a page whose cookie counts.
        A caller that has read the stored body of a hash before says so by `read`, and gets it without that body.
        """
        for _ in range(self._limits.max_redirects + 1):
            exchange, location = self._persistent(url, referer, headers or {}, whole, read)
            if location is None:
                return exchange
            url = self._next_address(exchange, url, location)
        raise FetchError(
            f"more than {self._limits.max_redirects} redirects",
            url=url,
            remedy="open the page in a browser",
            exchange=exchange,
        )

    def post(self, url: str, content: bytes, *, content_type: str) -> Exchange:
        """The answer with status 200 to a POST that is made once; a redirect is refused. FetchError otherwise."""
        question = _Question(content, content_type)
        exchange, location = self._once(url, None, {}, True, lambda _sha256: False, question)
        if location is not None:
            raise FetchError("redirects", url=url, remedy="give the address it redirects to", exchange=exchange)
        return exchange

    def _next_address(self, exchange: Exchange, url: str, location: str) -> str:
        try:
            target = str(parsed_address(url).join(location))
        except (httpx2.InvalidURL, ValueError):
            target = ""
        if not self._allowed(target):
            raise FetchError(
                f"redirects to {origin(target)[:200] or 'no host'}, outside the allowed hosts",
                url=url,
                remedy="add the host to allowedHosts if it is the regulator's",
                exchange=exchange,
            )
        return target

    def forget(self, exchange: Exchange) -> None:
        """The answer could not be used: the next visit asks for all of it again."""
        if self._courtesy is not None:
            self._courtesy.forget(exchange.url)

    def _persistent(
        self, url: str, referer: str | None, headers: Mapping[str, str], whole: bool, read: Callable[[str], bool]
    ) -> tuple[Exchange, str | None]:
        self._ask_robots(url)
        for attempt in range(1, self._limits.attempts + 1):
            try:
                return self._once(url, referer, headers, whole, read)
            except FetchError as error:
                pause = self._limits.backoff * (2 ** (attempt - 1)) * (1 + random.random())  # noqa: S311 - spreads load
                if not error.again or attempt == self._limits.attempts or time.monotonic() + pause > self._ends:
                    raise
                time.sleep(pause)
        raise AssertionError("attempts is at least 1")

    def _ask_robots(self, url: str) -> None:
        if self._courtesy is None or not self._allowed(url) or parsed_address(url).path == "/robots.txt":
            return
        if self._refused is not None:
            raise self._refused
        try:
            permitted = self._courtesy.permits(url, self._robots)
        except FetchError as error:
            self._refused = error
            raise
        if not permitted:
            raise FetchError(
                "robots.txt forbids this address", url=url, remedy="ask the site's owner, or leave the channel out"
            )

    def _robots(self, url: str) -> bytes | None:
        try:
            return self.get(url).body
        except FetchError as error:
            if error.exchange is not None and 400 <= error.exchange.status < 500 and error.exchange.status != 429:
                return None
            raise

    def _wait_turn(self, url: str) -> None:
        pause = self._courtesy.turn(url) if self._courtesy is not None else 0.0
        if pause > 0:
            if time.monotonic() + pause > self._ends:
                raise self._late(url)
            time.sleep(pause)

    def _once(
        self,
        url: str,
        referer: str | None,
        headers: Mapping[str, str],
        whole: bool,
        read: Callable[[str], bool],
        question: _Question | None = None,
    ) -> tuple[Exchange, str | None]:
        if not self._allowed(url):
            raise FetchError(
                f"leads to {origin(url)[:200] or 'no host'}, outside the allowed hosts",
                url=url,
                remedy="add the host to allowedHosts if it is the regulator's",
            )
        self._wait_turn(url)
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self._late(url)
        kept = self._courtesy.kept(url) if self._courtesy is not None and not whole else None
        answer = _Answer()
        sent = {**({"referer": referer} if referer else {}), **(kept.headers() if kept else {})}
        problem = self._receive(answer, url, sent, headers, min(self._limits.timeout, left), question)
        exchange = self._keep(answer, url, problem, question)
        if problem:
            if time.monotonic() >= self._ends:
                raise self._late(url, exchange)
            raise FetchError(problem, url=url, remedy="try again later", exchange=exchange, again=not answer.cut)
        if answer.status == 304 and kept is not None:
            return self._unchanged(exchange, kept, read), None
        judged = self._judged(exchange, answer, url)
        if self._courtesy is not None and judged[1] is None:
            self._courtesy.keep(url, answer.headers, exchange.sha256)
        return judged

    def _unchanged(self, exchange: Exchange, kept: KeptAnswer, read: Callable[[str], bool]) -> Exchange:
        """The stored body under the time of this visit."""
        body = b""
        try:
            if not (read(kept.sha256) and self._evidence.holds(kept.sha256)):
                body = self._evidence.get(kept.sha256)
        except FilingGateError as error:
            self.forget(exchange)
            raise FetchError(
                f"the site says nothing has changed, but the stored answer cannot be read: {error.what}",
                url=exchange.url,
                remedy="try again: all of it will be asked for",
                exchange=exchange,
                again=True,
            ) from None
        return Exchange(exchange.url, exchange.status, body, kept.sha256, exchange.fetched_at)

    def _judged(self, exchange: Exchange, answer: _Answer, url: str) -> tuple[Exchange, str | None]:
        location = answer.headers.get("location")
        if answer.status in _REDIRECTS and location:
            return exchange, location
        if answer.status != 200:
            again = answer.status >= 500 or answer.status == 429
            remedy = "try again later" if again else "open the page in a browser: it may have been moved or withdrawn"
            raise FetchError(f"HTTP status {answer.status}", url=url, remedy=remedy, exchange=exchange, again=again)
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise FetchError(
                "an encoded body that was not asked for", url=url, remedy="try again later", exchange=exchange
            )
        return exchange, None

    def _receive(
        self,
        answer: _Answer,
        url: str,
        headers: Mapping[str, str],
        secret: Mapping[str, str],
        timeout: float,
        question: _Question | None,
    ) -> str | None:
        """Fills `answer`; gives what went wrong, None if nothing did."""
        try:
            request = self._client.build_request(
                "POST" if question else "GET",
                parsed_address(url),
                headers={**headers, **secret, **({"content-type": question.content_type} if question else {})},
                content=question.content if question else None,
                timeout=timeout,
                extensions={"trace": self._remember_socket},
            )
            hidden = {name.lower() for name in secret}
            answer.sent = tuple(pair for pair in _printed(request.headers) if pair[0].lower() not in hidden)
            with closing(self._client.send(request, stream=True)) as response:
                answer.status, answer.headers = response.status_code, response.headers
                answer.reason, answer.version = response.reason_phrase, response.http_version
                for chunk in response.iter_raw(65536):
                    room = self._limits.max_bytes - len(answer.body)
                    answer.body += chunk[:room]
                    if len(chunk) > room:
                        answer.cut = True
                        return f"a body of more than {self._limits.max_bytes} bytes, cut off there"
        except httpx2.TimeoutException:
            return f"no answer within {timeout:.1f} s"
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            return f"the connection failed: {type(error).__name__}"
        return None

    def _remember_socket(self, event: str, info: dict[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._sockets.append(info["return_value"].get_extra_info("socket"))

    def _hang_up(self) -> None:
        """Ends the visit at its deadline even where a site sends a byte now and then, which no read timeout notices."""
        for connected in list(self._sockets):
            with suppress(OSError):
                # The plain socket's method: that of a TLS socket would pull its state from under the reading thread.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def _late(self, url: str, exchange: Exchange | None = None) -> FetchError:
        return FetchError(
            f"the visit took longer than {self._limits.deadline:g} s",
            url=url,
            remedy="try again later, or raise deadlineSeconds",
            exchange=exchange,
        )

    def _keep(self, answer: _Answer, url: str, problem: str | None, question: _Question | None) -> Exchange:
        body = bytes(answer.body)
        fetched_at = self._clock().isoformat(timespec="seconds")
        captured = CapturedExchange(
            url=url,
            captured_at=fetched_at,
            status=answer.status,
            reason=answer.reason,
            headers=_printed(answer.headers),
            body=body,
            method="POST" if question else "GET",
            request_headers=answer.sent,
            request_body=question.content if question else b"",
            problem=problem,
            truncated=answer.truncated(problem),
            http_version=answer.version,
        )
        payload, _ = self._evidence.put_exchange(captured)
        return Exchange(url, answer.status, body, payload, fetched_at)


def _printed(headers: httpx2.Headers) -> tuple[tuple[str, str], ...]:
    """Headers in their order, spelled as they were on the wire."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw)


@dataclass(frozen=True)
class _Question:
    """The body of a POST."""

    content: bytes
    content_type: str


class _Answer:
    """What has arrived so far; `status` is 0 until the first line has."""

    def __init__(self) -> None:
        self.sent: tuple[tuple[str, str], ...] = ()
        self.status = 0
        self.reason = ""
        self.version = "HTTP/1.1"
        self.headers: httpx2.Headers = httpx2.Headers()
        self.body = bytearray()
        self.cut = False

    def truncated(self, problem: str | None) -> str | None:
        """Why the body is not whole, as WARC-Truncated says it; None if it is whole."""
        if self.cut:
            return "length"
        return "unspecified" if problem else None
