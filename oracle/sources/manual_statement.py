"""An observation that one person entered and another confirmed, as a signed file. Pure: bytes in, statement out.

Both sign texts by EIP-191 that name the statement's hash and what they did, so that neither signature can stand for
the other. Who may sign, and which addresses are one person's, is configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal

from pydantic import Field, ValidationError

from oracle.domain.canonical import canonical_bytes, canonical_hash, parse_json
from oracle.domain.fields import Address, Frozen, Money, Text, Timestamp, Uint, Uscc
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.personal_message import message_digest
from oracle.errors import InputError
from oracle.sources.detached_signature import Recover
from oracle.sources.parse_error import ParseError
from oracle.sources.stated_filing import Stated, Vocabulary, read_stated

__all__ = [
    "MAX_STATEMENT_BYTES",
    "ManualFile",
    "ManualStatement",
    "Person",
    "SignedAct",
    "act_text",
    "parse_statement",
    "person_of",
    "stated_by",
    "who_signed",
]

MAX_STATEMENT_BYTES = 50_000
_FORGED = "remove the file, and have the observation entered and confirmed anew"


class Person(Frozen):
    """Somebody who may enter or confirm. All `addresses` are this one person's."""

    name: Text
    addresses: list[Address] = Field(min_length=1, max_length=20)


class ManualStatement(Frozen):
    """What a person saw. `seen_at` is when; `evidence` names the stored bytes of a copy (page, photograph, PDF)."""

    schema_: Literal["manual-observation/v1"] = Field(default="manual-observation/v1", alias="schema")
    source: Text
    seen_at: Timestamp
    number: Text
    entity_name: Text
    uscc: Uscc | None = None
    status: LifeCycle
    decision_date: date | None = None
    units: Uint | None = None
    amount: Money | None = None
    valid_until: date | None = None
    url: Text | None = None
    evidence: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    def statement_hash(self) -> str:
        """keccak256 of the canonical form, 0x-hex."""
        return "0x" + canonical_hash(self.model_dump(mode="json", by_alias=True, exclude_none=True)).hex()


class SignedAct(Frozen):
    """One person's signature (65 bytes, 0x-hex) and the moment it was made."""

    by: Address
    at: Timestamp
    signature: str = Field(pattern=r"^0x[0-9a-f]{128,130}$")


class ManualFile(Frozen):
    """The file: the statement, and who entered and who confirmed it."""

    statement: ManualStatement
    entered: SignedAct
    confirmed: SignedAct | None = None

    def as_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_bytes(self.model_dump(mode="json", by_alias=True, exclude_none=True))


def act_text(statement: ManualStatement, act: Literal["enter", "confirm"], at: str) -> str:
    """The text that is signed."""
    return f"filing-gate manual observation\nact: {act}\nstatement: {statement.statement_hash()}\nat: {at}"


def parse_statement(data: bytes, *, name: str) -> ManualFile:
    """The file's content, nothing verified yet. ParseError naming the file."""
    if len(data) > MAX_STATEMENT_BYTES:
        raise ParseError(f"{name}: more than {MAX_STATEMENT_BYTES} bytes", remedy=_FORGED)
    try:
        # Parsed first by our own reader, which refuses what a lenient one lets pass (a key twice, NaN, …).
        return ManualFile.model_validate_json(canonical_bytes(parse_json(data, what=name)))
    except InputError as error:
        raise ParseError(f"{error.where or name}: {error.what}", remedy=_FORGED) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ParseError(f"{name}: {place}: {first['msg']}", remedy=_FORGED) from None


def person_of(address: str, persons: Sequence[Person]) -> str | None:
    """The name of the listed person with this address."""
    return next((person.name for person in persons if address in person.addresses), None)


def who_signed(file: ManualFile, persons: Sequence[Person], recover: Recover, *, name: str) -> tuple[str, str | None]:
    """Who entered and who confirmed (None if nobody has). ParseError for a signature that does not hold.

    Both must be listed, and different persons, whatever their addresses.
    """
    entered = _signer(file.statement, "enter", file.entered, persons, recover, name)
    if file.confirmed is None:
        return entered, None
    confirmed = _signer(file.statement, "confirm", file.confirmed, persons, recover, name)
    if confirmed == entered:
        raise ParseError(f"{name}: {entered} both entered and confirmed it", remedy="have another person confirm it")
    if datetime.fromisoformat(file.confirmed.at) < datetime.fromisoformat(file.entered.at):
        raise ParseError(f"{name}: confirmed before it was entered", remedy=_FORGED)
    return entered, confirmed


def _signer(
    statement: ManualStatement,
    act: Literal["enter", "confirm"],
    signed: SignedAct,
    persons: Sequence[Person],
    recover: Recover,
    name: str,
) -> str:
    try:
        found = recover(message_digest(act_text(statement, act, signed.at)), bytes.fromhex(signed.signature[2:]))
    except ValueError:
        found = ""
    if found != signed.by:
        raise ParseError(f"{name}: the signature to {act} is not by {signed.by}", remedy=_FORGED)
    person = person_of(signed.by, persons)
    if person is None:
        raise ParseError(
            f"{name}: {signed.by} is not listed among the source's persons",
            remedy="list the address only if it is a person's who may observe",
        )
    return person


def stated_by(statement: ManualStatement, *, name: str) -> Stated:
    """The filing that the statement speaks of. ParseError if it says too little for its status."""
    fields: Mapping[str, object] = {
        "number": statement.number,
        "entityName": statement.entity_name,
        "uscc": statement.uscc,
        "status": statement.status.value,
        "decisionDate": statement.decision_date,
        "units": str(statement.units) if statement.units is not None else None,
        "amount": statement.amount.amount if statement.amount else None,
        "ccy": statement.amount.ccy if statement.amount else None,
        "validUntil": statement.valid_until,
    }
    return read_stated(fields, Vocabulary(), where=name)
