"""Working days in mainland China: weekends, public holidays, and the weekend days that are worked instead.

The State Council announces a year's holidays late in the year before, so a year that the calendar does not hold is
unknown, never guessed.
"""

from __future__ import annotations

from datetime import date, timedelta

from chinese_calendar import is_workday

__all__ = ["is_working_day", "working_days_after"]


def is_working_day(day: date) -> bool | None:
    """Whether a day is worked; None if the calendar does not hold its year."""
    try:
        return bool(is_workday(day))
    except NotImplementedError:  # how the library says that it lacks the year
        return None


def working_days_after(day: date, count: int) -> date | None:
    """The `count`-th working day after `day`, which itself does not count; None beyond the calendar's years."""
    while count > 0:
        if day == date.max:
            return None
        day += timedelta(days=1)
        worked = is_working_day(day)
        if worked is None:
            return None
        count -= worked
    return day
