"""What `serve` logs: one event a line, as text or JSON, without secrets and without what could forge a line.

Everything goes through the standard library's logging, so the lines of uvicorn and of other libraries look the same and
are cleaned alike. Facts are given as `extra=`; the request's id is added by itself.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from oracle.node.config import NodeConfig, named_secrets

__all__ = ["REQUEST", "Redactor", "configure_logs", "secrets_of"]

_HIDDEN = "…"
#: A shorter value is no secret worth the name, and would be cut out of every other word.
_SHORTEST = 4
#: A path segment or query value of an RPC URL that is shorter is a word like `rpc` or `v3`.
_KEY_LENGTH = 6
_MAX_SECRET_FILE = 65_536
_LONGEST_TEXT = 2_000
_MOST_LINES = 100
#: An event that is no longer stands in the program as it is.
_SHORT = 80
_DEEPEST = 6

_ENVIRONMENT = re.compile(r"PASS|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|CREDENTIAL|(^|_)PIN(_|$)|PRIVATE", re.IGNORECASE)
_SECRET_FIELD = re.compile(
    r"pass(word|wd|phrase)?|secret|api_?key|authorization|cookie|private_?key|(.*_)?pin|(access_|auth_)?token",
    re.IGNORECASE,
)
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"fgk_[A-Za-z0-9._~-]+"), "fgk_" + _HIDDEN),
    # Greedy: a password may itself hold an @.
    (re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s'\"]*@"), r"\1" + _HIDDEN + "@"),
    (
        re.compile(r"(?i)\b((?:proxy-)?authorization|cookie|x-api-key)(['\"]?\s*[:=,]\s*[b]?['\"]?)[^\r\n'\"}]+"),
        r"\1\2" + _HIDDEN,
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), r"\1 " + _HIDDEN),
    (
        re.compile(r"(?i)\b(pass(?:word|wd|phrase)?|pwd|secret|api[_-]?key|access[_-]?key|pin)\s*[=:]\s*[^\s&'\",;)]+"),
        r"\1=" + _HIDDEN,
    ),
)


#: No shape fits a text without one of these signs; most texts have none.
_MARKS = re.compile(r"fgk_|://|[=:,]|(?i:bearer|basic)\s")


def secrets_of(config: NodeConfig, environment: Mapping[str, str] | None = None) -> set[str]:
    """Every secret this process can know of: what the configuration names, and variables that are named like one."""
    environment = os.environ if environment is None else environment
    found = {value for name, value in environment.items() if _ENVIRONMENT.search(name)}
    for key, where in named_secrets(config):
        if isinstance(where, Path):
            found |= _of_file(where)
        elif named := environment.get(where):
            found |= {named} | (_of_url(named) if "url" in key else set())
    for chain in (config.chain, *config.chains):
        for url in (chain.rpc_url or "", *(chain.rpc_urls or ())):
            found |= _of_url(url)
    found |= _of_userinfo(config.store.url)
    return {text for text in found if len(text) >= _SHORTEST}


def _of_file(path: Path) -> set[str]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_SECRET_FILE).decode("utf-8", "replace")
    except OSError:
        return set()
    return {text.rstrip("\r\n"), *(line.strip() for line in text.splitlines())}


def _of_userinfo(url: str) -> set[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return {url}
    return {parts.password} if parts.password else set()


def _of_url(url: str) -> set[str]:
    """The words of an RPC URL that may be an access key."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return {url}
    words = [*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    return {word for word in words if len(word) >= _KEY_LENGTH} | _of_userinfo(url)


class Redactor:
    """Takes secrets out of texts: those it was told, also as URLs and JSON write them, and what is shaped like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        told = {text for text in secrets if len(text) >= _SHORTEST}
        written = {form for text in told for form in (text, quote(text, safe=""), quote(text), unquote(text))}
        written |= {json.dumps(text)[1:-1] for text in told} | {repr(text)[1:-1] for text in told}
        # The longest first: one may hold another.
        ordered = sorted((text for text in written if len(text) >= _SHORTEST), key=len, reverse=True)
        self._told = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        #: The names of facts are few, and the same in every line.
        self._named = lru_cache(maxsize=1_024)(self._name)
        #: `clean` of a short text that comes again and again: the names of loggers, most events.
        self.fixed: Callable[[str], str] = lru_cache(maxsize=1_024)(self.clean)

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._told is not None:
            text = self._told.sub(_HIDDEN, text)
        if _MARKS.search(text) is None:
            return text
        for shape, instead in _SHAPES:
            text = shape.sub(instead, text)
        return text

    def _name(self, key: str) -> tuple[str, bool]:
        return _harmless(self.text(key)), _SECRET_FIELD.fullmatch(key) is not None

    def clean(self, value: Any, depth: int = 0) -> Any:
        """A value as it may be logged: JSON's types only, no secret, no control or direction mark, bounded in size."""
        if type(value) is str:
            return _harmless(self.text(value))
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, Mapping) and depth < _DEEPEST:
            found = {}
            for key, item in list(value.items())[:_MOST_LINES]:
                name, secret = self._named(str(key))
                found[name] = _HIDDEN if secret else self.clean(item, depth + 1)
            return found
        if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
            return [self.clean(item, depth + 1) for item in list(value)[:_MOST_LINES]]
        return _harmless(self.text(str(value)))


def _harmless(text: str) -> str:
    """What does not print is written as an escape: line ends, terminal sequences, marks that turn the direction."""
    cut = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + _HIDDEN
    if cut.isprintable():
        return cut
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in cut)


#: The request that a line is about, where there is one; set for each request in a context of its own.
REQUEST: ContextVar[str | None] = ContextVar("request", default=None)

#: What a record has that is no fact of its event.
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "taskName",
    "color_message",  # uvicorn's second copy of the text, for terminals
}


class _Lines(logging.Formatter):
    """One event a line: the request, the event, its facts, the time, the operator, each cleaned; then written."""

    def __init__(self, redactor: Redactor, operator: str, written: Callable[[dict[str, Any]], str]) -> None:
        super().__init__()
        self._redactor = redactor
        # It stands in each line: logs of several nodes end up in one place.
        self._operator = redactor.clean(operator)
        self._written = written

    def _event(self, record: logging.LogRecord) -> str:
        what, redactor = record.getMessage(), self._redactor
        short = not record.args and len(what) <= _SHORT
        return str((redactor.fixed if short else redactor.clean)(what))

    def format(self, record: logging.LogRecord) -> str:
        clean, request = self._redactor.clean, REQUEST.get()
        facts: dict[str, Any] = {} if request is None else {"request_id": request}
        facts |= {key: value for key, value in record.__dict__.items() if key not in _OWN}
        fixed = self._redactor.fixed
        event: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "logger": fixed(record.name),
            "event": self._event(record),
        }
        for name, value in clean(facts).items():
            event.setdefault(name, value)
        event["operator"] = self._operator
        if record.exc_info:
            lines = self.formatException(record.exc_info).splitlines()[-_MOST_LINES:]
            event["exception"] = [clean(line) for line in lines]
        return self._written(event)


_json = json.JSONEncoder(ensure_ascii=False).encode


def _as_text(event: dict[str, Any]) -> str:
    when, level, logger, what, *facts = event.items()
    told = [f"{key}={_quoted(value)}" for key, value in facts]
    return " ".join([when[1], f"{level[1]:<7}", logger[1], what[1], *told])


_NOT_PLAIN = re.compile(r'[ "=]')


def _quoted(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if type(value) is bool:
        return "true" if value else "false"
    text = value if isinstance(value, str) else _json(value)
    return text if text and _NOT_PLAIN.search(text) is None else _json(text)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; an event that can't be formatted becomes a fixed line and never the raw arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        try:
            self.stream.write(f"filing_gate.logs: an event of {_harmless(record.name)} could not be written\n")
        except (OSError, ValueError):
            return  # nobody reads any more


def configure_logs(config: NodeConfig, stream: TextIO | None = None) -> None:
    """Have all logging of this process go to `stream` (stderr), as `[logging]` says. Call it once, before serving."""
    redactor = Redactor(secrets_of(config))
    written = _json if config.logging.format == "json" else _as_text
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(_Lines(redactor, config.name, written))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.logging.level.upper())
    # No line tells its place in the source, thread or process: to find them costs as much as to write the line.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # At their own debug level these write whole requests.
    for name in (
        "urllib3",
        "web3",
        "asyncio",
        "httpx",
        "httpcore",
        "httpx2",
        "botocore",
        "boto3",
        "alembic",
        "sqlalchemy",
        "oracle.store.engine",  # what its pool of connections says of itself
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    faults = logging.getLogger("filing_gate.faults")
    sys.excepthook = lambda kind, error, trace: faults.critical("the process ends", exc_info=(kind, error, trace))
    threading.excepthook = lambda given: faults.error(
        "a thread ended",
        exc_info=(given.exc_type, given.exc_value or given.exc_type(), given.exc_traceback),
    )
