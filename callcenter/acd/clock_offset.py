"""How far the wall clock is from the monotonic one: another figure means that somebody has set the machine's clock."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def boot_name() -> str:
    """This boot of the machine: the monotonic clock means nothing beyond it."""
    return _BOOT.read_text().strip() if _BOOT.exists() else ""


def offset_ms() -> int:
    """Wall clock less monotonic clock, in milliseconds."""
    return (time.time_ns() - time.monotonic_ns()) // 1_000_000
