"""Hours and days of the centre's zone. Pure; days of 23 and 25 hours included."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from callcenter.basics.errors import BadRequest

MOST_PERIODS: Final = 1_000
"""Of one report: 41 days by the hour, or 2 years and 9 months by the day."""


class By(StrEnum):
    """How a report is cut."""

    HOUR = "hour"
    DAY = "day"
    TOTAL = "total"


def midnight(moment: datetime, zone: ZoneInfo, days: int = 0) -> datetime:
    """The beginning of a moment's day in the zone (``days`` later), in UTC; where midnight is skipped, the first moment after it."""
    return datetime.combine(moment.astimezone(zone).date() + timedelta(days=days), time(), zone).astimezone(UTC)


def edges(start: datetime, end: datetime, by: By, zone: ZoneInfo) -> list[datetime]:
    """Where the periods begin and, last, where the last one ends: ``start``, each hour or midnight between, ``end``; all in UTC.

    BadRequest when the end is not after the start, or the report would have more than MOST_PERIODS.
    """
    if end <= start:
        raise BadRequest("to: must be after from", field="to")
    found = [start.astimezone(UTC)]
    while by is not By.TOTAL:
        following = _next_hour(found[-1], zone) if by is By.HOUR else _next_day(found[-1], zone)
        if following >= end:
            break
        found.append(following)
        if len(found) > MOST_PERIODS:
            raise BadRequest(f"to: that would be more than {MOST_PERIODS} periods; ask for less, or by days", field="to")
    return [*found, end.astimezone(UTC)]


def _next_hour(moment: datetime, zone: ZoneInfo) -> datetime:
    """The next full hour of the zone's clock. Walked in UTC: an hour that the clock shows twice is two hours."""
    local = moment.astimezone(zone)
    into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return moment - into + timedelta(hours=1)


def _next_day(moment: datetime, zone: ZoneInfo) -> datetime:
    return midnight(moment, zone, 1)
