"""The numbers and words that the regime has not published, as configuration (regulation 0.3).

All operators of a committee share one policy: it enters the rule set's hash, which every approval carries.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import ProcedureCode
from oracle.domain.fields import Currency, Dec, Frozen, Text
from oracle.domain.names import DEFAULT_NUMBER_PATTERN

__all__ = ["Agreement", "LevelAgreement", "NegativeListVersion", "Policy"]


class NegativeListVersion(Frozen):
    """A version of the AMAC negative list and the day it came into force."""

    version: Text
    in_force_from: date


class LevelAgreement(Frozen):
    """How many sources must show the same for evidence of `level`: `need` ("all", or a number) of the sources `of`.

    An empty `of` means every source that was asked. Level 4 is level 3 seen by at least two independent sources.
    """

    level: int = Field(ge=0, le=4)
    need: Literal["all"] | Annotated[int, Field(ge=1, le=20)]
    of: list[Text] = Field(default=[], max_length=20)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len(set(self.of)) != len(self.of):
            raise ValueError("of: a source stands there twice")
        if self.of and self.need != "all" and self.need > len(self.of):
            raise ValueError(f"need: {self.need} of {len(self.of)} sources cannot be")
        return self


class Agreement(Frozen):
    """Which sources must agree. Without `levels`, one source suffices and every source has to be readable.

    `one_origin` lists names of sources that are not independent of each other and count as one.
    """

    levels: list[LevelAgreement] = Field(default=[], max_length=5)
    one_origin: list[list[Text]] = Field(default=[], max_length=20)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({rule.level for rule in self.levels}) != len(self.levels):
            raise ValueError("levels: a level stands there twice")
        names = [name for group in self.one_origin for name in group]
        if len(set(names)) != len(names):
            raise ValueError("one_origin: a source stands there twice")
        return self

    def origin(self, source: str) -> str:
        """The one name under which a source and those that depend on it count."""
        return next((group[0] for group in self.one_origin if source in group), source)


class Policy(Frozen):
    """What the rules measure against. Defaults are marked ANALOGY or POLICY in the rules that use them."""

    number_pattern: str = DEFAULT_NUMBER_PATTERN
    #: Evidence level an observation needs (regulation 7a: 3 = matched official publication).
    min_level: int = Field(default=3, ge=0, le=4)
    #: Which sources must agree on how a filing stands.
    agreement: Agreement = Agreement()
    #: An observation older than this is stale (FILE-2).
    freshness_seconds: int = Field(default=72 * 3600, gt=0)
    #: Longest window of one approval; the registry's own `maxValidity` binds as well.
    max_approval_seconds: int = Field(default=72 * 3600, gt=0)
    #: Validity of a filing that names no end, in months (FILE-4, by analogy to the 2023 notices).
    default_validity_months: int = Field(default=12, gt=0, le=120)
    #: Look-back of bar 3, in years (P3(3)).
    lookback_years: int = Field(default=3, gt=0, le=50)
    #: Above this share of future cash flow a provider is important (NL-2).
    important_provider_pct: Dec = "15"
    negative_lists: list[NegativeListVersion] = Field(
        default=[NegativeListVersion(version="AMAC-2024-03-29", in_force_from=date(2024, 3, 29))], min_length=1
    )
    #: Settlement currencies known to be harmless.
    settlement_currencies: list[Currency] = [
        "CNY",
        "CNH",
        "HKD",
        "USD",
        "EUR",
        "GBP",
        "SGD",
        "JPY",
        "AED",
        "USDC",
        "USDT",
    ]
    #: RMB-pegged stablecoins (Yinfa [2026] 42: not without consent), and those with consent.
    rmb_stablecoins: list[Currency] = ["CNHC", "CNHT", "AxCNH", "CNYX", "XCNH"]
    consented_stablecoins: list[Currency] = []
    #: Whether the publication must itself state units and amount (FILE-3). Without them the match is INDETERMINATE.
    require_published_amount: bool = True
    #: Months after which a document of another regulator that names no end counts as stale (regulation 5). By ANALOGY
    #: to the documents' usual terms, not confirmed: beyond them PROC-* is INDETERMINATE, never FAIL.
    procedure_validity_months: dict[ProcedureCode, int] = {
        ProcedureCode.NDRC_ODI: 24,
        ProcedureCode.MOFCOM_ODI: 24,
        ProcedureCode.NDRC_DEBT: 12,
        ProcedureCode.CAC_ASSESS: 36,
        ProcedureCode.CAC_CERT: 36,
    }
    #: What "promptly" (P8) means in Chinese working days (POST-1), by ANALOGY to article 22 of the Trial Measures.
    report_working_days: int = Field(default=3, ge=0, le=60)
    #: Rules of basis POLICY or ANALOGY that this committee does not apply. Kept sorted: the order means nothing.
    switched_off: list[Text] = Field(default=[], max_length=100)

    @cached_property
    def canonical_form(self) -> bytes:
        """RFC 8785 bytes, computed once."""
        return canonical_bytes(self.model_dump(mode="json", by_alias=True))

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        levels = [rule.level for rule in self.agreement.levels]
        if levels and max(levels) < self.min_level:
            raise ValueError(f"agreement.levels reaches level {max(levels)}, minLevel asks for {self.min_level}")
        return self

    @model_validator(mode="after")
    def _pattern(self) -> Self:
        try:
            re.compile(self.number_pattern)
        except re.error as error:
            raise ValueError(f"numberPattern is not a regular expression: {error}") from None
        return self

    @field_validator("switched_off")
    @classmethod
    def _sorted(cls, value: list[str]) -> list[str]:
        return sorted(set(value))

    @field_validator("procedure_validity_months")
    @classmethod
    def _terms(cls, value: dict[ProcedureCode, int]) -> dict[ProcedureCode, int]:
        for code, months in value.items():
            if not 0 < months <= 600:
                raise ValueError(f"{code.value}: {months} is not a number of months from 1 to 600")
        return dict(sorted(value.items()))
