"""Calendar arithmetic in months: the last day of a shorter month stands for a day it does not have."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

__all__ = ["months_after"]


def months_after(day: date, months: int) -> date:
    """The same day of the month, `months` later (earlier if negative).

    31 January and one month give the last day of February, 29 February 2028 minus 36 months gives 28 February 2025.
    A result outside the years 1 to 9999 becomes the first or last day a date can carry.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    if year < date.min.year:
        return date.min
    if year > date.max.year:
        return date.max
    return date(year, month, min(day.day, monthrange(year, month)[1]))
