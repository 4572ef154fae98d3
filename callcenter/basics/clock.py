"""The only place that asks for the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def utc_ms() -> int:
    """Now, in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def monotonic_s() -> float:
    """Seconds of a clock that never jumps; only differences mean something."""
    return time.monotonic()


def from_ms(millis: int) -> datetime:
    """UTC milliseconds since 1970 as a datetime."""
    return datetime.fromtimestamp(millis / 1000, UTC)


def to_ms(moment: datetime) -> int:
    """A datetime with a zone as UTC milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def parse_asterisk(text: str) -> int:
    """Asterisk's ARI timestamp (``2026-11-23T14:07:00.123+0000``) as UTC milliseconds since 1970."""
    return to_ms(datetime.fromisoformat(text))
