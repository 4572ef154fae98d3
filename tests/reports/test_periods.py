"""Days and hours of the centre's zone, on the days when its clock jumps too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.basics.errors import BadRequest
from callcenter.reports.periods import MOST_PERIODS, By, edges, midnight

BERLIN, SHANGHAI, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai"), ZoneInfo("Australia/Lord_Howe")


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)])
def test_a_day_has_the_hours_that_it_has(day: tuple[int, int, int], hours: int) -> None:
    start = datetime(*day, tzinfo=BERLIN).astimezone(UTC)
    end = midnight(start, BERLIN, 1)
    assert end - start == timedelta(hours=hours)
    assert len(edges(start, end, By.HOUR, BERLIN)) == hours + 1
    assert edges(start, end, By.DAY, BERLIN) == edges(start, end, By.TOTAL, BERLIN) == [start, end]


def test_a_week_over_the_jump_is_cut_at_midnights() -> None:
    start = datetime(2026, 10, 22, 10, 30, tzinfo=BERLIN)
    found = edges(start, datetime(2026, 10, 28, tzinfo=BERLIN), By.DAY, BERLIN)
    local = [moment.astimezone(BERLIN) for moment in found]
    assert local[0] == start and all((moment.hour, moment.minute) == (0, 0) for moment in local[1:])
    assert [moment.day for moment in local] == [22, 23, 24, 25, 26, 27, 28]


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@given(MOMENTS, st.timedeltas(timedelta(seconds=1), timedelta(days=6)), st.sampled_from(By), st.sampled_from([BERLIN, SHANGHAI, LORD_HOWE]))
def test_periods_touch_and_cover(start: datetime, length: timedelta, by: By, zone: ZoneInfo) -> None:
    found = edges(start, start + length, by, zone)
    assert (found[0], found[-1]) == (start, start + length)
    longest = {By.HOUR: timedelta(hours=1.5), By.DAY: timedelta(hours=25), By.TOTAL: length}[by]
    assert all(timedelta() < after - before <= longest for before, after in pairwise(found))
    if by is By.HOUR:
        assert all(_begins_an_hour(moment, zone) for moment in found[1:-1])


def _begins_an_hour(moment: datetime, zone: ZoneInfo) -> bool:
    """On the full hour, or where the clock has just jumped by half of one."""
    local = moment.astimezone(zone)
    return local.minute == 0 or local.utcoffset() != (moment - timedelta(hours=1)).astimezone(zone).utcoffset()


def test_what_makes_no_period_is_refused() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(BadRequest, match="after from"):
        edges(now, now, By.TOTAL, SHANGHAI)
    with pytest.raises(BadRequest, match=str(MOST_PERIODS)):
        edges(now, now + timedelta(days=60), By.HOUR, SHANGHAI)
