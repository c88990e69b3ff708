"""Any JSON API as a source: where each fact stands is given by JSON Pointers in the configuration.

The API is asked for one filing at a time; the address may hold {number}, {name} and {uscc}. A secret goes into one
header, is read when it is needed, and is part of no record, observation or error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, model_validator

from oracle.domain.canonical import parse_json
from oracle.domain.fields import Text
from oracle.domain.filing import FilingQuery, Observation
from oracle.domain.names import fold_name, fold_number
from oracle.errors import InputError, UnreachableError
from oracle.evidence.store import EvidenceStore
from oracle.sources.document import Document, Fetching, check_address, reading
from oracle.sources.json_pointer import MISSING, check_pointer, resolve
from oracle.sources.labelled_fields import DRIFT
from oracle.sources.parse_error import ParseError
from oracle.sources.register_rows import FILINGS_PER_MB
from oracle.sources.sightings import failure
from oracle.sources.stated_filing import FIELDS, Stated, Vocabulary, concerns, read_stated, stated_facts

__all__ = ["PARSER_VERSION", "HttpJsonConfig", "HttpJsonSource", "stated_in"]

PARSER_VERSION = "http-json/1"
_NEEDED = ("number", "entityName", "status")


class HttpJsonConfig(Fetching, Vocabulary):
    """One API. `fields` are pointers from each item of `items`, or from the whole answer where `items` is absent."""

    name: Text = "http-json"
    url: Text
    #: Evidence level of what it says (regulation 7a). An API that only repeats the regulator is not the regulator.
    level: int = Field(default=2, ge=0, le=3)
    items: Text | None = None
    fields_: dict[str, str] = Field(alias="fields")
    #: `auth_header` carries `auth_prefix` and the secret of the variable `auth_env` or the file `auth_file`.
    auth_header: Text = "Authorization"
    auth_prefix: str = Field(default="Bearer ", max_length=40)
    auth_env: Text | None = None
    auth_file: Text | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        parts = urlsplit(self.url)
        if "{" in parts.netloc or re.sub(r"\{(number|name|uscc)\}", "", self.url).count("{"):
            raise ValueError("url may hold {number}, {name} and {uscc}, and only after the host")
        check_address("url", re.sub(r"[{}]", "", self.url))
        unknown = set(self.fields_) - set(FIELDS)
        missing = set(_NEEDED) - set(self.fields_)
        if unknown or missing:
            raise ValueError(f"fields: unknown {sorted(unknown)}, missing {sorted(missing)}; known are {list(FIELDS)}")
        for pointer in (*self.fields_.values(), *([self.items] if self.items is not None else [])):
            check_pointer(pointer)
        if self.auth_env is not None and self.auth_file is not None:
            raise ValueError("give at most one of authEnv and authFile")
        if not re.fullmatch(r"[A-Za-z0-9-]{1,60}", self.auth_header) or not self.auth_prefix.isprintable():
            raise ValueError("authHeader or authPrefix is not one of HTTP")
        return self

    def address(self, query: FilingQuery) -> str:
        """The address for one question. ParseError if it needs what the question does not hold."""
        values = {
            "number": fold_number(query.number) if query.number else None,
            "name": fold_name(query.entity_name) if query.entity_name else None,
            "uscc": query.uscc,
        }

        def filled(match: re.Match[str]) -> str:
            value = values[match[1]]
            if value is None:
                raise ParseError(f"the address needs {match[0]}, the question has none", remedy="ask with it")
            return quote(value, safe="")

        return re.sub(r"\{(number|name|uscc)\}", filled, self.url)


def stated_in(data: bytes, config: HttpJsonConfig) -> list[Stated]:
    """The filings of an answer. ParseError for a pointer that leads to nothing needed, or to another type."""
    try:
        content = parse_json(data, what="answer")
    except InputError as error:
        raise ParseError(f"{error.where}: {error.what}", remedy=DRIFT) from None
    items = [content]
    if config.items is not None:
        items = resolve(content, config.items)
        if not isinstance(items, list):
            found = "nothing" if items is MISSING else f"a {type(items).__name__}"
            raise ParseError(f"{config.items} leads to {found}, not to an array", remedy="correct items")
        if len(items) > (most := FILINGS_PER_MB * max(1, len(data) // 1_000_000)):
            raise ParseError(f"the answer has more than {most} items", remedy="narrow the address")
    return [
        read_stated(_fields(item, config), config, where=f"item {index}" if config.items is not None else "answer")
        for index, item in enumerate(items)
    ]


def _fields(item: Any, config: HttpJsonConfig) -> dict[str, Any]:
    found = {name: resolve(item, pointer) for name, pointer in config.fields_.items()}
    for name in _NEEDED:
        if found[name] is MISSING or found[name] is None:
            raise ParseError(f"{config.fields_[name]} ({name}) leads to nothing", remedy="correct fields, or " + DRIFT)
    return {name: None if value is MISSING else value for name, value in found.items()}


class HttpJsonSource:
    """Implements `Source` for a JSON API. `secret` gives the header's secret, None where none is configured."""

    def __init__(
        self,
        config: HttpJsonConfig,
        evidence: EvidenceStore,
        clock: Callable[[], datetime],
        *,
        secret: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._secret = secret
        self._read = reading(config, evidence, clock, Path())

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    def observe(self, query: FilingQuery) -> list[Observation]:
        """What the API says of the filing; ABSENCE if its list does not hold it, FAILURE if it cannot be read."""
        began = self._clock()
        document: Document | None = None
        try:
            url = self._config.address(query)
            (document,) = self._read((None, url), headers=self._headers())
            found = [row for row in stated_in(document.body, self._config) if concerns(row, query)]
            if len(found) > 1:
                raise ParseError(f"{len(found)} items are of this filing", remedy="narrow the address")
        except UnreachableError as error:
            return [failure(self.name, PARSER_VERSION, began, error, document)]
        return [self._seen_as(found[0] if found else None, document)]

    def _headers(self) -> dict[str, str]:
        try:
            secret = self._secret()
        except InputError as error:
            raise ParseError(f"the secret is missing: {error.what}", remedy=error.remedy) from None
        if secret is None:
            return {}
        if not secret.isascii() or not secret.isprintable():
            raise ParseError("the secret holds characters no header may have", remedy="check authEnv or authFile")
        return {self._config.auth_header: self._config.auth_prefix + secret}

    def _seen_as(self, row: Stated | None, document: Document) -> Observation:
        return Observation(
            source=self.name,
            level=self._config.level,
            fetched_at=document.fetched_at,
            url=document.url,
            http_status=document.http_status,
            sha256=document.sha256,
            parser_version=PARSER_VERSION,
            **stated_facts(row),
        )
