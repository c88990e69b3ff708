"""A register with a detached signature as a source: kept by counsel or a data vendor, as JSON, CSV or XLSX.

The signature is checked before the register is read; it also says when the register was issued, so that a stale one
and one older than what was seen before are refused. What the rows mean is decided in `stated_filing`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from pydantic import Field, field_validator, model_validator

from oracle.domain.fields import Address, Text
from oracle.domain.filing import FilingQuery, Observation
from oracle.errors import UnreachableError
from oracle.sources.detached_signature import Recover, Signed, minisign_key, verify
from oracle.sources.document import Document, check_address
from oracle.sources.file_source import FileSource, NamedFile
from oracle.sources.parse_error import ParseError
from oracle.sources.register_rows import FILINGS_PER_MB, Format, read_rows
from oracle.sources.sightings import CLOCK_SKEW, failure
from oracle.sources.stated_filing import FIELDS, Stated, Vocabulary, concerns, read_stated, stated_facts

__all__ = ["PARSER_VERSION", "RegistryFileConfig", "RegistryFileSource", "SignedFileConfig", "checked", "rows_of"]

PARSER_VERSION = "registry-file/1"
_NEEDED = ("number", "entityName", "status")


class SignedFileConfig(NamedFile):
    """A file, its signature, and who may sign it. `max_age_seconds` counts from what the signature states.

    The signature stands beside the file under the same name and `.minisig`, unless `signature` (a path or an address,
    as the file is one) says otherwise.
    """

    format: Format
    signature: Text | None = None
    minisign_keys: list[Text] = []
    signers: list[Address] = []
    max_age_seconds: int = Field(default=7 * 86_400, gt=0)

    @field_validator("minisign_keys")
    @classmethod
    def _keys(cls, value: list[str]) -> list[str]:
        for key in value:
            minisign_key(key)
        return value

    @model_validator(mode="after")
    def _somebody_signs(self) -> Self:
        if not self.minisign_keys and not self.signers:
            raise ValueError("minisignKeys or signers must name somebody")
        if self.url and self.signature:
            check_address("signature", self.signature)
        return self

    def places(self) -> tuple[tuple[str | None, str | None], tuple[str | None, str | None]]:
        """(path, url) of the file and of its signature."""
        if self.url:
            return (None, self.url), (None, self.signature or self.url + ".minisig")
        return (self.path, None), (self.signature or f"{self.path}.minisig", None)


class RegistryFileConfig(SignedFileConfig, Vocabulary):
    """One register. `columns` gives the label of each field where it is not the field's own name."""

    name: Text = "registry-file"
    #: Evidence level of what it says (regulation 7a: 2 = vouched for by a listed key, not by the regulator).
    level: int = Field(default=2, ge=0, le=3)
    columns: dict[str, Text] = {}

    @field_validator("columns")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name not in FIELDS:
                raise ValueError(f"{name!r} is not a field; fields are {', '.join(FIELDS)}")
        return value


def checked(
    config: SignedFileConfig, register: Document, signature: Document, recover: Recover, now: datetime
) -> Signed:
    """Who signed the file, and when. ParseError if nobody listed did, or if it is stale or from the future."""
    signed = verify(register.body, signature.body, config.minisign_keys, config.signers, recover)
    age = now - signed.issued_at
    if age < -CLOCK_SKEW:
        raise ParseError(f"issued {signed.issued_at.isoformat()}, in the future", remedy="check the clocks")
    if age > timedelta(seconds=config.max_age_seconds):
        raise ParseError(
            f"issued {signed.issued_at.isoformat()}, stale after {config.max_age_seconds} s",
            remedy="fetch a newer one from its issuer, or raise maxAgeSeconds",
        )
    return signed


def rows_of(data: bytes, config: RegistryFileConfig) -> list[Stated]:
    """All filings of a register's bytes. ParseError names the row that cannot be read."""
    labels = {name: config.columns.get(name, name) for name in FIELDS}
    return [
        read_stated(row, config, where=f"row {index}")
        for index, row in enumerate(read_rows(data, config.format, labels, _NEEDED, per_mb=FILINGS_PER_MB), 1)
    ]


class RegistryFileSource(FileSource[RegistryFileConfig]):
    """Implements `Source` for a signed register."""

    def observe(self, query: FilingQuery) -> list[Observation]:
        """What the register says of the filing; ABSENCE if nothing, FAILURE if it cannot be trusted or read."""
        began = self._clock()
        document: Document | None = None
        try:
            document, signature = self._read(*self._config.places())
            signed = checked(self._config, document, signature, self._recover, began)
            stated = rows_of(document.body, self._config)
            self._seen.advance(signed.issued_at, document.sha256)
            found = [row for row in stated if concerns(row, query)]
            if len(found) > 1:
                raise ParseError(f"{len(found)} rows are of this filing", remedy="ask the register's issuer")
        except UnreachableError as error:
            return [failure(self.name, PARSER_VERSION, began, error, document)]
        return [self._seen_as(found[0] if found else None, document, signature, signed)]

    def _seen_as(self, row: Stated | None, register: Document, signature: Document, signed: Signed) -> Observation:
        return Observation(
            source=self.name,
            level=self._config.level,
            fetched_at=register.fetched_at,
            url=register.url,
            http_status=register.http_status,
            sha256=register.sha256,
            attachment_sha256=signature.sha256,
            title=f"register signed by {signed.key}",
            published_str=signed.issued_at.isoformat(),
            parser_version=PARSER_VERSION,
            **stated_facts(row),
        )
