"""Manners towards a site: a pace per host, robots.txt (RFC 9309), and asking only for what has changed (RFC 9110 13).

The pace and the answers kept are shared by all visits of a process; robots.txt is asked for again after an hour.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.robotparser import RobotFileParser

from oracle.sources.web_address import parsed_address

__all__ = ["Courtesy", "KeptAnswer"]

_ROBOTS_SECONDS = 3600.0
_MAX_ROBOTS = 512_000
_MAX_VALIDATOR = 500

_PACE_LOCK = threading.Lock()
_NEXT_TURN: dict[str, float] = {}


@dataclass(frozen=True)
class KeptAnswer:
    """What is known of an address: the validators of its last answer and the hash of the stored body."""

    etag: str | None
    last_modified: str | None
    sha256: str

    def headers(self) -> dict[str, str]:
        """The headers that make a request conditional."""
        named = {"if-none-match": self.etag, "if-modified-since": self.last_modified}
        return {name: value for name, value in named.items() if value}


class Courtesy:
    """How one source treats its site. `interval` is the least time between two requests to a host, in seconds.

    `folder` keeps validators between visits, None asks for everything each time; bodies stay in the evidence store.
    """

    def __init__(self, *, interval: float, robots: bool, user_agent: str, folder: Path | None) -> None:
        self._interval = interval
        self._robots = robots
        self._user_agent = user_agent
        self._folder = folder
        self._lock = threading.Lock()
        self._rules: dict[str, tuple[float, RobotFileParser]] = {}

    def turn(self, url: str) -> float:
        """Seconds to wait before this host may be asked; the turn is taken."""
        host = _host(url)
        known = self._rules.get(host)
        delay = known[1].crawl_delay(self._user_agent) if known else None
        with _PACE_LOCK:
            now = time.monotonic()
            begin = max(now, _NEXT_TURN.get(host, now))
            _NEXT_TURN[host] = begin + max(self._interval, float(delay or 0))
            return begin - now

    def permits(self, url: str, fetch: Callable[[str], bytes | None]) -> bool:
        """Whether robots.txt lets us ask. `fetch` gives its bytes, None if the site has none; its errors pass through.

        A site that cannot say is not asked: RFC 9309 2.3.1.4 reads an unreachable robots.txt as a complete refusal.
        """
        if not self._robots:
            return True
        host = _host(url)
        with self._lock:
            known = self._rules.get(host)
        if known is None or time.monotonic() - known[0] > _ROBOTS_SECONDS:
            body = fetch(str(parsed_address(url).join("/robots.txt").copy_with(query=None, fragment=None)))
            parser = RobotFileParser()
            parser.parse((body or b"")[:_MAX_ROBOTS].decode("utf-8", "replace").splitlines())
            known = (time.monotonic(), parser)
            with self._lock:
                self._rules[host] = known
        return known[1].can_fetch(self._user_agent, url)

    def kept(self, url: str) -> KeptAnswer | None:
        """What is kept of an address; None also where that cannot be read: then all of it is asked for."""
        if self._folder is None:
            return None
        try:
            content = json.loads(self._file(url).read_text("utf-8"))
            if content["url"] != url:
                return None
            return KeptAnswer(content["etag"], content["lastModified"], str(content["sha256"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, url: str, headers: Mapping[str, str], sha256: str) -> None:
        """Keep the validators of an answer, if it has any; a folder that cannot be written costs only the saving."""
        etag, modified = headers.get("etag"), headers.get("last-modified")
        if self._folder is None or not (etag or modified) or len((etag or "") + (modified or "")) > _MAX_VALIDATOR:
            return
        content = {"url": url, "etag": etag, "lastModified": modified, "sha256": sha256}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".new-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(content, file)
                os.replace(temporary, self._file(url))
            except (OSError, UnicodeEncodeError):
                Path(temporary).unlink(missing_ok=True)
        except OSError:
            return

    def forget(self, url: str) -> None:
        """Ask for all of it the next time: what was kept could not be used."""
        if self._folder is not None:
            self._file(url).unlink(missing_ok=True)

    def _file(self, url: str) -> Path:
        name = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()
        return (self._folder or Path()) / f"{name}.json"


def _host(url: str) -> str:
    return parsed_address(url).netloc.decode("ascii", "replace").lower()
