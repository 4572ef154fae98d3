"""China's holidays and shifted working days, as the State Council announced them."""

from __future__ import annotations

from datetime import datetime

import pytest

from callcenter.ivr.hours import is_holiday, is_shifted_workday


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
    assert (is_holiday(moment), is_shifted_workday(moment)) == (holiday, shifted)
