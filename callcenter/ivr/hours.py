"""Holidays and working days: China's by its own calendar with shifted working days (调休). Pure."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import chinese_calendar
import holidays

_FALLBACK: Final = holidays.country_holidays("CN")


def is_holiday(moment: datetime) -> bool:
    """Whether the State Council's calendar has a holiday on this day (``moment`` in the centre's zone).

    A working Saturday in exchange for a long weekend is none, a plain Sunday is none either: opening hours know the weekdays.
    Years not yet announced go by the fixed holidays.
    """
    day: date = moment.date()
    try:
        off, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return day in _FALLBACK
    return bool(off and name)


def is_shifted_workday(day: date) -> bool:
    """Whether this weekend day is worked in exchange for a holiday; False in years not yet announced."""
    try:
        return day.isoweekday() > 5 and bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return False


def working_weekday(day: date) -> int:
    """The weekday (1 Monday – 7 Sunday) whose hours are worked on this day: Friday's on a shifted Saturday, Monday's on such a Sunday."""
    weekday = day.isoweekday()
    if not is_shifted_workday(day):
        return weekday
    return 5 if weekday == 6 else 1
