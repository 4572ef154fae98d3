"""Opening hours: weekdays, holidays, shifted workdays, nights, the closing moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.opening import HOLIDAY, WEEKDAYS, closes_at, is_open
from callcenter.acd.rules import OpeningHours

SHANGHAI = ZoneInfo("Asia/Shanghai")
OFFICE = OpeningHours(days=dict.fromkeys(WEEKDAYS[:5], (("09:00", "12:00"), ("13:30", "18:00"))) | {HOLIDAY: ()})
NIGHT = OpeningHours(days={"fri": (("22:00", "06:00"),)})
ALWAYS = OpeningHours(days=dict.fromkeys(WEEKDAYS, (("00:00", "24:00"),)))


def plain(moment: datetime) -> str:
    return WEEKDAYS[moment.weekday()]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def test_open_between_the_ends_of_a_stretch() -> None:
    assert not is_open(OFFICE, at("2026-11-23T08:59:59"), plain)
    assert is_open(OFFICE, at("2026-11-23T09:00"), plain)
    assert not is_open(OFFICE, at("2026-11-23T12:00"), plain)
    assert not is_open(OFFICE, at("2026-11-22T10:00"), plain)
    assert is_open(None, at("2026-11-22T10:00"), plain)


def test_a_holiday_and_a_shifted_workday() -> None:
    assert not is_open(OFFICE, at("2026-10-01T10:00"), lambda moment: HOLIDAY)
    assert is_open(OFFICE, at("2026-10-10T10:00"), lambda moment: "mon")
    own = OpeningHours(days={"thu": (("09:00", "18:00"),)})
    assert is_open(own, at("2026-10-01T10:00"), lambda moment: HOLIDAY), "without hours of holidays the day's own count"


def test_a_night_belongs_to_the_day_it_begins() -> None:
    assert is_open(NIGHT, at("2026-11-28T05:59"), plain)
    assert not is_open(NIGHT, at("2026-11-28T06:00"), plain)
    assert not is_open(NIGHT, at("2026-11-27T05:00"), plain)
    assert closes_at(NIGHT, at("2026-11-27T23:00"), plain) == at("2026-11-28T06:00")


def test_the_closing_moment() -> None:
    assert closes_at(OFFICE, at("2026-11-23T10:00"), plain) == at("2026-11-23T12:00")
    assert closes_at(OFFICE, at("2026-11-23T12:30"), plain) is None
    assert closes_at(ALWAYS, at("2026-11-23T12:30"), plain) is None
    weekend = OpeningHours(days={"sat": (("10:00", "24:00"),), "sun": (("00:00", "08:00"),)})
    assert closes_at(weekend, at("2026-11-28T12:00"), plain) == at("2026-11-29T08:00")


def test_hours_where_the_clock_jumps() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    night = OpeningHours(days={"sat": (("20:00", "06:00"),)})
    moment = datetime(2026, 10, 24, 21, tzinfo=berlin)
    end = closes_at(night, moment, plain)
    assert end is not None
    assert end - moment.astimezone(UTC) == timedelta(hours=10), "nine hours by the clock, and one that comes twice"


times = st.integers(0, 23).flatmap(lambda hour: st.integers(0, 59).map(lambda minute: f"{hour:02}:{minute:02}"))
some_hours = st.dictionaries(st.sampled_from(WEEKDAYS), st.lists(st.tuples(times, times), max_size=3).map(tuple)).map(
    lambda days: OpeningHours(days=days)
)


@given(some_hours, st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(SHANGHAI)))
def test_it_closes_when_it_says(hours: OpeningHours, moment: datetime) -> None:
    end = closes_at(hours, moment, plain)
    if end is None:
        return
    assert is_open(hours, moment, plain)
    assert end > moment
    assert is_open(hours, (end - timedelta(seconds=1)).astimezone(SHANGHAI), plain)
    assert not is_open(hours, end.astimezone(SHANGHAI), plain)
