"""What an issuer states to a node about a filing after it is approved (P8), and the text that is signed for it.

A statement names filing, chain and registry, so it is good for nothing else. It is signed as an EIP-191 message over
its own canonical JSON: whoever signs can read what it says.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from oracle.domain.canonical import canonical_bytes
from oracle.domain.fields import Address, Frozen, Text, Timestamp

__all__ = ["MAX_STATEMENT_BYTES", "FilingStatement", "SignedStatement", "statement_message"]

MAX_STATEMENT_BYTES = 10_000


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line without control characters")
    return value


_Words = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_one_line)]


class FilingStatement(Frozen):
    """`filing-statement/v1`. DECLARE: it happened on `event_on`. REPORT: the regulator was told on `reported_on`.

    `evidence` is the SHA-256 of the document that shows it, needed for a report. `at` is when it was signed.
    """

    schema_: Literal["filing-statement/v1"] = Field(default="filing-statement/v1", alias="schema")
    act: Literal["DECLARE", "REPORT"]
    kind: Literal["COMPLETION", "MAJOR_RISK", "CHANGE", "OTHER"]
    number: Text
    chain_id: int = Field(gt=0, lt=2**53)
    registry: Address
    event_on: date
    reported_on: date | None = None
    what: _Words
    evidence: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    at: Timestamp

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.act == "DECLARE":
            if self.reported_on is not None:
                raise ValueError("reportedOn belongs to act REPORT")
            return self
        if self.reported_on is None or self.evidence is None:
            raise ValueError("act REPORT needs reportedOn, and evidence: the SHA-256 of what was sent")
        if self.reported_on < self.event_on:
            raise ValueError("reportedOn lies before eventOn")
        return self

    @property
    def signed_at(self) -> int:
        """`at` in seconds since 1970."""
        return int(datetime.fromisoformat(self.at).timestamp())


class SignedStatement(Frozen):
    """A statement with the address that signed it and its 65 bytes r ‖ s ‖ v in 0x-hex."""

    statement: FilingStatement
    by: Address
    signature: str = Field(pattern=r"^0x([0-9a-fA-F]{128}|[0-9a-fA-F]{130})$")


def statement_message(statement: FilingStatement) -> str:
    """The text to sign (EIP-191, version 0x45)."""
    content = statement.model_dump(mode="json", by_alias=True, exclude_none=True)
    return "filing-gate " + canonical_bytes(content).decode("utf-8")
