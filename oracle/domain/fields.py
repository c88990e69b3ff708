"""The field types that dossiers, records and approvals share, each checked where it is read.

Identifiers: USCC (GB 32100-2015), LEI (ISO 17442), ISIN (ISO 6166), CAIP-2 chains, EIP-55 addresses, ISO 3166 places,
ISO 4217-like currency codes. Amounts of money are decimal strings, token amounts integers; a float is always refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any, Self, TypeVar

import stdnum.cn.uscc
import stdnum.exceptions
import stdnum.isin
import stdnum.lei
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from oracle.domain.address import eip55
from oracle.domain.canonical import MAX_SAFE_INTEGER
from oracle.domain.normal_form import nfc

__all__ = [
    "Address",
    "CountryCode",
    "Currency",
    "Dec",
    "FILL_MARK",
    "Frozen",
    "H256",
    "Isin",
    "Lei",
    "Money",
    "RegionCn",
    "Text",
    "Timestamp",
    "Uint",
    "Uscc",
    "exact",
    "is_uscc",
]


Made = TypeVar("Made")

#: A text that begins with this is waiting for its value (`domain.template`) and is refused.
FILL_MARK = "<FILL"


class Frozen(BaseModel):
    """Base of all documents: strict, immutable, unknown keys refused, JSON keys in camelCase."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )

    def __copy__(self) -> Self:
        """A copy without what was computed of the original: `model_copy` changes fields of it."""
        copied = super().__copy__()
        copied._forget_computed()
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """As `__copy__`."""
        copied = super().__deepcopy__(memo)
        copied._forget_computed()
        return copied

    def computed(self, make: Callable[[Self], Made]) -> Made:
        """What `make`, a function of a module, makes of this document; made once, as a document never changes."""
        name = f"{make.__module__}.{make.__qualname__}"
        if name not in self.__dict__:
            self.__dict__[name] = make(self)
        found: Made = self.__dict__[name]
        return found

    def _forget_computed(self) -> None:
        for name in self.__dict__.keys() - type(self).model_fields.keys():
            del self.__dict__[name]


def _text(value: str) -> str:
    if "\x00" in value:
        raise ValueError("contains a NUL character")
    if value.startswith(FILL_MARK):
        raise ValueError("still to be filled in")
    return nfc(value)


def _stdnum(module: Any, name: str, standard: str, length: int) -> Any:
    def check(value: str) -> str:
        try:
            number = str(module.validate(value))
        except stdnum.exceptions.InvalidChecksum:
            raise ValueError(
                f"not a {name}: the check character does not fit ({standard}); compare it with the original"
            ) from None
        except stdnum.exceptions.InvalidLength:
            raise ValueError(f"not a {name}: wrong length ({standard})") from None
        except stdnum.exceptions.ValidationError:
            raise ValueError(f"not a {name}: a character stands where {standard} allows none like it") from None
        # stdnum.lei checks the remainder only, which a string of any length can meet.
        if len(number) != length:
            raise ValueError(f"not a {name}: wrong length ({standard})")
        return number

    return AfterValidator(check)


@lru_cache(maxsize=4_096)
def is_uscc(text: str) -> bool:
    """Whether a text is a unified social credit code with a right check character (GB 32100-2015)."""
    return len(text) == 18 and bool(stdnum.cn.uscc.is_valid(text))


def _address(value: str) -> str:
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
        raise ValueError("not an address: 0x and 40 hexadecimal digits are expected")
    proper = eip55(bytes.fromhex(value[2:]))
    if value not in (proper, value.lower()):
        raise ValueError("the address fails its EIP-55 checksum: copy it again, or write it in lower case")
    return proper


def _hash(value: str) -> str:
    return value.lower()


def _uint(value: Any) -> Any:
    """An integer, or its decimal string (needed beyond 2^53 - 1)."""
    if isinstance(value, str):
        if not re.fullmatch(r"0|[1-9][0-9]{0,77}", value):
            raise ValueError("not a whole number: decimal digits without sign, point or leading zero are expected")
        return int(value)
    if isinstance(value, float):
        raise ValueError("a float is not an amount: write a whole number, or a string of digits")
    return value


def _uint_json(value: int) -> int | str:
    return value if value <= MAX_SAFE_INTEGER else str(value)


def _decimal(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError('a bare number is not an amount: write a decimal string, e.g. "100.50"')
    return value


def _timestamp(value: str) -> str:
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("not an RFC 3339 time, e.g. 2026-11-22T09:30:00+08:00") from None
    if parsed.tzinfo is None or "T" not in value:
        raise ValueError("the time has no offset: write e.g. 2026-11-22T09:30:00+08:00")
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=4000), AfterValidator(_text)]
Uscc = Annotated[
    str,
    StringConstraints(min_length=1, max_length=40),
    _stdnum(stdnum.cn.uscc, "unified social credit code", "GB 32100-2015", 18),
]
Lei = Annotated[str, StringConstraints(min_length=1, max_length=40), _stdnum(stdnum.lei, "LEI", "ISO 17442", 20)]
Isin = Annotated[str, StringConstraints(min_length=1, max_length=40), _stdnum(stdnum.isin, "ISIN", "ISO 6166", 12)]
#: 0x and 40 hex digits; kept in EIP-55 form.
Address = Annotated[str, StringConstraints(max_length=60), AfterValidator(_address)]
#: 0x and 64 hex digits, lower case.
H256 = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{64}$"), AfterValidator(_hash)]
#: CAIP-2 id of an EVM chain.
ChainRef = Annotated[str, StringConstraints(pattern=r"^eip155:[1-9][0-9]{0,17}$")]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
RegionCn = Annotated[str, StringConstraints(pattern=r"^CN-[A-Z]{2}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{2,12}$")]
#: Non-negative integer below 2^256; JSON number up to 2^53 - 1, decimal string beyond.
Uint = Annotated[
    int,
    BeforeValidator(_uint),
    Field(ge=0, lt=2**256),
    PlainSerializer(_uint_json, return_type=int | str, when_used="always"),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^(0|[1-9][0-9]{0,77})$"}]}
    ),
]
#: Seconds since 1970, below 2^48.
Seconds = Annotated[int, Field(ge=0, lt=2**48)]
#: Non-negative decimal string, at most 30 digits before and 18 after the point.
Dec = Annotated[str, BeforeValidator(_decimal), StringConstraints(pattern=r"^(0|[1-9][0-9]{0,29})(\.[0-9]{1,18})?$")]
#: RFC 3339 with offset.
Timestamp = Annotated[str, StringConstraints(max_length=40), AfterValidator(_timestamp)]


class Money(Frozen):
    """An exact amount of one currency."""

    amount: Dec
    ccy: Currency


@lru_cache(maxsize=4_096)
@lru_cache(maxsize=4_096)
def exact(value: str) -> Fraction:
    """A `Dec` as an exact fraction."""
    return Fraction(value)
