"""The numbers and words that the regime has not published, as configuration (regulation 0.3).

All operators of a committee share one policy: it enters the rule set's hash, which every approval carries.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Self

from pydantic import Field, model_validator

from oracle.domain.fields import Currency, Dec, Frozen, Text
from oracle.domain.names import DEFAULT_NUMBER_PATTERN

__all__ = ["NegativeListVersion", "Policy"]


class NegativeListVersion(Frozen):
    """A version of the AMAC negative list and the day it came into force."""

    version: Text
    in_force_from: date


class Policy(Frozen):
    """What the rules measure against. Defaults are marked ANALOGY or POLICY in the rules that use them."""

    number_pattern: str = DEFAULT_NUMBER_PATTERN
    #: Evidence level an observation needs (regulation 7a: 3 = matched official publication).
    min_level: int = Field(default=3, ge=0, le=4)
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

    @model_validator(mode="after")
    def _pattern(self) -> Self:
        try:
            re.compile(self.number_pattern)
        except re.error as error:
            raise ValueError(f"numberPattern is not a regular expression: {error}") from None
        return self
