"""One filing as a register, an API or a person states it: texts and numbers by field name, to an observation. Pure.

The fields are number, entityName, uscc, status, decisionDate, units, amount, ccy, validUntil. A filing counts as
published (NOTICE) only if number, name and day of decision are all there; anything unclear is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import stdnum.cn.uscc
from pydantic import ValidationError

from oracle.domain.fields import Frozen, Money
from oracle.domain.filing import FilingQuery, FilingRecord, ObservationKind
from oracle.domain.lifecycle import ENDED, LifeCycle
from oracle.domain.names import fold_name, fold_number
from oracle.sources.csrc_wording import State
from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import XLSX_DAY_ZERO, parse_date, parse_quantity, plain_decimal, squeezed

__all__ = ["DEFAULT_VOCABULARY", "FIELDS", "Stated", "Vocabulary", "concerns", "read_stated", "stated_facts"]

#: The names of the fields, in a register's header and as keys of a mapping.
FIELDS = ("number", "entityName", "uscc", "status", "decisionDate", "units", "amount", "ccy", "validUntil")

DEFAULT_VOCABULARY: dict[str, LifeCycle] = {
    "已接收": LifeCycle.RECEIVED,
    "补充材料": LifeCycle.SUPPLEMENT,
    "征求意见": LifeCycle.CONSULTING,
    "已备案": LifeCycle.FILED,
    "不予备案": LifeCycle.REFUSED,
    **{state.value: state for state in LifeCycle if state is not LifeCycle.UNKNOWN},
}

#: States that stand for a publication of their own; the others are steps on the way.
_PUBLISHED = frozenset({LifeCycle.FILED, LifeCycle.ISSUING, LifeCycle.COMPLETED})
_LONGEST = 1000
_REMEDY = "ask the register's issuer to correct it, or correct the mapping"


class Vocabulary(Frozen):
    """Words of a status to the state they mean, compared after `fold_name`; a missing word leaves it undecided."""

    vocabulary: dict[str, State] = DEFAULT_VOCABULARY

    def state(self, raw: str) -> LifeCycle | None:
        """What the vocabulary says of a word, None if it does not know it."""
        return _folded(tuple(self.vocabulary.items())).get(fold_name(raw))


@lru_cache(maxsize=32)
def _folded(words: tuple[tuple[str, LifeCycle], ...]) -> dict[str, LifeCycle]:
    return {fold_name(word): state for word, state in words}


@dataclass(frozen=True)
class Stated:
    """A filing as stated, folded. `kind` is what an observation of it is."""

    kind: ObservationKind
    number: str | None
    entity_name: str | None
    uscc: str | None
    raw_status: str
    status: LifeCycle | None
    record: FilingRecord | None


def concerns(stated: Stated, query: FilingQuery) -> bool:
    """Whether a stated filing answers the question. ParseError where it does in part: one number, another entity."""
    number = fold_number(query.number) if query.number else None
    name = fold_name(query.entity_name) if query.entity_name else None
    if number is not None and stated.number is not None:
        if stated.number != number:
            return False
    elif name is None or stated.entity_name != name:
        return False
    if name is not None and stated.entity_name != name:
        raise ParseError(f"{stated.number} is of {stated.entity_name or 'nobody'}, not of {name}", remedy=_REMEDY)
    if query.uscc is not None and stated.uscc is not None and stated.uscc != query.uscc:
        raise ParseError(f"{stated.number or name} has the code {stated.uscc}, not {query.uscc}", remedy=_REMEDY)
    return True


def read_stated(fields: Mapping[str, Any], words: Vocabulary, *, where: str) -> Stated:
    """The filing that the fields state. ParseError naming `where` for a value of another type or form."""
    try:
        return _read(fields, words)
    except ParseError as error:
        raise ParseError(f"{where}: {error.what}", remedy=error.remedy or _REMEDY) from None


def _read(fields: Mapping[str, Any], words: Vocabulary) -> Stated:
    text = {name: _text(name, fields.get(name)) for name in ("number", "entityName", "uscc", "status", "ccy")}
    if not text["number"] and not text["entityName"]:
        raise ParseError("neither number nor entityName is given", remedy=_REMEDY)
    raw = text["status"]
    if not raw:
        raise ParseError("status is not given", remedy=_REMEDY)
    number = fold_number(text["number"]) if text["number"] else None
    name = fold_name(text["entityName"]) if text["entityName"] else None
    uscc = text["uscc"].upper() if text["uscc"] else None
    if uscc is not None and not stdnum.cn.uscc.is_valid(uscc):
        raise ParseError(f"uscc {uscc[:40]!r} is no unified social credit code", remedy=_REMEDY)
    status = words.state(raw)
    record = _record(fields, number, name, status, text["ccy"])
    if status in ENDED and number is not None:
        kind = ObservationKind.WITHDRAWAL
    elif status in _PUBLISHED:
        if record is None:
            raise ParseError(f"{raw} needs number, entityName and decisionDate", remedy=_REMEDY)
        kind = ObservationKind.NOTICE
    else:
        kind = ObservationKind.STATUS_TABLE
    return Stated(kind, number, name, uscc, raw, status, record)


def _record(
    fields: Mapping[str, Any], number: str | None, name: str | None, status: LifeCycle | None, ccy: str | None
) -> FilingRecord | None:
    units = _quantity("units", fields.get("units"))
    amount = _quantity("amount", fields.get("amount"))
    decided, until = _day("decisionDate", fields.get("decisionDate")), _day("validUntil", fields.get("validUntil"))
    if units is not None and units != units.to_integral_value():
        raise ParseError("units is not a whole number", remedy=_REMEDY)
    if (amount is None) != (ccy is None):
        raise ParseError("amount and ccy are given only together", remedy=_REMEDY)
    if not number or not name or status is None or decided is None:
        return None
    try:
        return FilingRecord(
            number=number,
            entity_name=name,
            status=status,
            decision_date=decided,
            units=int(units) if units is not None else None,
            amount=Money(amount=plain_decimal(amount), ccy=ccy) if amount is not None and ccy else None,
            valid_until=until,
        )
    except ValidationError as error:
        raise ParseError(f"the values cannot be a record: {error.errors()[0]['msg']}", remedy=_REMEDY) from None


def _text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ParseError(f"{name} is {type(value).__name__}, not a text", remedy=_REMEDY)
    if len(value) > _LONGEST or any("\ud800" <= char <= "\udfff" or char == "\x00" for char in value):
        raise ParseError(f"{name} is too long or holds half a character", remedy=_REMEDY)
    return value.strip() if squeezed(value) else None


def _quantity(name: str, value: Any) -> Decimal | None:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)  # a spreadsheet's whole numbers come so
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise ParseError(f"{name} is {type(value).__name__}, not a whole number or a decimal text", remedy=_REMEDY)
    if value is None or (isinstance(value, str) and not squeezed(value)):
        return None
    return parse_quantity(squeezed(str(value)) if isinstance(value, str) or abs(value) < 10**30 else "too long")


def _day(name: str, value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if value is None or (isinstance(value, str) and not squeezed(value)):
        return None
    if isinstance(value, float) and value.is_integer() and 1 <= value < 100_000:
        return date.fromordinal(XLSX_DAY_ZERO.toordinal() + int(value))
    if not isinstance(value, str):
        raise ParseError(f"{name} is {type(value).__name__}, not a date", remedy=_REMEDY)
    return parse_date(value[:_LONGEST])


def stated_facts(row: Stated | None) -> dict[str, Any]:
    """The fields of an Observation that a stated row decides; ABSENCE where there is none."""
    if row is None:
        return {"kind": ObservationKind.ABSENCE}
    facts: dict[str, Any] = {
        "kind": row.kind,
        "status": row.status,
        "raw_status": row.raw_status,
        "record": row.record,
        "as_of": row.record.decision_date if row.record is not None else None,
    }
    if row.status is None:
        facts["detail"] = f"the vocabulary does not know {row.raw_status[:100]!r}"
    return facts
