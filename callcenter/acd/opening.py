"""When a queue is open, and when that ends: opening hours × the calendar. Pure; moments are in the centre's zone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from callcenter.acd.rules import OpeningHours

HOLIDAY: Final = "holiday"
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Calendar = Callable[[datetime], str]
"""What kind of day a moment lies in: one of WEEKDAYS (another one than its own for a shifted workday), or HOLIDAY."""
_DAY: Final = timedelta(days=1)
_LOOK_AHEAD: Final = 8
"""Days after which hours that have not ended by then count as without end."""
_Stretch = tuple[datetime, datetime]


def is_ever_open(hours: OpeningHours) -> bool:
    """Whether any day has hours at all."""
    return any(hours.days.values())


def is_open(hours: OpeningHours | None, moment: datetime, calendar: Calendar) -> bool:
    """Whether the queue is open at ``moment``; without hours it always is."""
    return hours is None or _holding(hours, moment, calendar) is not None


def closes_at(hours: OpeningHours | None, moment: datetime, calendar: Calendar) -> datetime | None:
    """When the hours that hold at ``moment`` end, in UTC; None when it is closed, or open for more than a week."""
    if hours is None or (stretch := _holding(hours, moment, calendar)) is None:
        return None
    end = stretch[1]
    for _ in range(_LOOK_AHEAD * 2):
        following = _holding(hours, end.astimezone(moment.tzinfo), calendar)
        if following is None:
            return end
        if following[1] - moment.astimezone(UTC) > _LOOK_AHEAD * _DAY:
            return None
        end = following[1]
    return None


def _holding(hours: OpeningHours, moment: datetime, calendar: Calendar) -> _Stretch | None:
    """The stretch that holds at ``moment`` and ends last, in UTC."""
    now = moment.astimezone(UTC)
    found = [stretch for day in (moment - _DAY, moment) for stretch in _stretches(hours, day, calendar) if stretch[0] <= now < stretch[1]]
    return max(found, key=lambda stretch: stretch[1], default=None)


def _stretches(hours: OpeningHours, day: datetime, calendar: Calendar) -> Iterator[_Stretch]:
    """The stretches that begin on a day."""
    noon = datetime.combine(day.date(), time(12), day.tzinfo)
    kind = calendar(noon)
    if kind == HOLIDAY and HOLIDAY not in hours.days:
        kind = WEEKDAYS[day.weekday()]
    for begins, ends in hours.days.get(kind, ()):
        start = _moment(day.date(), begins, day)
        end = _moment(day.date() if _minutes(ends) > _minutes(begins) else day.date() + _DAY, ends, day)
        yield start, end


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _moment(day: date, text: str, like: datetime) -> datetime:
    minutes = _minutes(text)
    days, rest = divmod(minutes, 24 * 60)
    return datetime.combine(day + days * _DAY, time(rest // 60, rest % 60), like.tzinfo).astimezone(UTC)
