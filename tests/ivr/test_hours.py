"""China's holidays and shifted working days, as the State Council announced them."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from callcenter.ivr.hours import is_holiday, is_shifted_workday, working_weekday


@pytest.mark.parametrize(
    ("day", "holiday", "shifted"),
    [
        ("2025-01-01", True, False),
        ("2025-01-26", False, True),
        ("2025-01-28", True, False),
        ("2025-02-04", True, False),
        ("2025-02-05", False, False),
        ("2025-02-08", False, True),
        ("2025-04-04", True, False),
        ("2025-04-27", False, True),
        ("2025-05-05", True, False),
        ("2025-09-28", False, True),
        ("2025-10-06", True, False),
        ("2025-10-08", True, False),
        ("2025-10-09", False, False),
        ("2025-10-11", False, True),
        ("2025-11-23", False, False),
        ("2026-01-01", True, False),
        ("2026-01-02", True, False),
        ("2026-01-04", False, True),
        ("2026-02-14", False, True),
        ("2026-02-17", True, False),
        ("2026-02-23", True, False),
        ("2026-02-28", False, True),
        ("2026-05-01", True, False),
        ("2026-10-01", True, False),
        ("2026-10-07", True, False),
        ("2026-10-08", False, False),
        ("2026-10-10", False, True),
        ("2045-10-01", True, False),
        ("2045-01-01", True, False),
        ("2045-06-07", False, False),
        ("2045-06-10", False, False),
        ("1990-01-01", True, False),
    ],
)
def test_days(day: str, holiday: bool, shifted: bool) -> None:
    moment = datetime.fromisoformat(f"{day}T12:00+08:00")
    assert (is_holiday(moment), is_shifted_workday(moment.date())) == (holiday, shifted)


@pytest.mark.parametrize(
    ("day", "weekday"),
    [("2026-02-14", 5), ("2026-01-04", 1), ("2026-02-28", 5), ("2025-01-26", 1), ("2026-11-28", 6), ("2026-11-29", 7), ("2026-10-01", 4)],
)
def test_a_shifted_saturday_is_worked_like_a_friday_and_a_sunday_like_a_monday(day: str, weekday: int) -> None:
    assert working_weekday(date.fromisoformat(day)) == weekday
