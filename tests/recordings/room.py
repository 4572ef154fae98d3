"""A recordings room of a test's own, and audio to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from callcenter.basics import clock
from callcenter.basics.tasks import Tasks
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.database.pool import connect
from callcenter.recordings.service import RecordingInfo, Recordings
from tests.parts.rtp import RATE
from tests.parts.waiting import until


def two_tones(seconds: float, left: float = 440, right: float = 880) -> bytes:
    """What MixMonitor's option D writes: 16 bit, 8 kHz, stereo."""
    moments = np.arange(int(RATE * seconds)) / RATE
    both = np.stack([8000 * np.sin(2 * np.pi * hertz * moments) for hertz in (left, right)], axis=1)
    return both.astype("<i2").tobytes()


@asynccontextmanager
async def open_room(dsn: str, folder: Path, *, least_free: int = 0) -> AsyncIterator[Recordings]:
    """Recordings that take in, in ``folder``."""
    pool = await connect(dsn)
    try:
        async with Tasks("test") as tasks:
            recordings = Recordings(pool, folder / "spool", folder / "keys", least_free=least_free)
            tasks.start(recordings.run(), "recordings")
            yield recordings
    finally:
        await pool.close()


def begun(recordings: Recordings, raw: bytes | None, *, started_ms: int | None = None) -> str:
    """A recording whose file is written and not yet finished."""
    started_ms = started_ms or clock.utc_ms()
    recording = new_id(Kind.RECORDING, started_ms)
    path = recordings.begin(recording, call=new_id(Kind.CALL, started_ms), leg=new_id(Kind.LEG, started_ms), started_ms=started_ms)
    if raw is not None:
        path.write_bytes(raw)
    return recording


async def taken_in(recordings: Recordings, raw: bytes | None) -> str:
    """A recording that went the whole way, stored or failed."""
    recording = begun(recordings, raw)
    await recordings.finished(recording, clock.utc_ms())
    await settled(recordings, recording)
    return recording


async def settled(recordings: Recordings, recording: str, timeout_s: float = 20) -> RecordingInfo:
    """Wait until it is no longer only in the spool, and its intake is through."""

    async def there() -> list[RecordingInfo]:
        info = await recordings.describe(recording)
        return [info] if info and info.state != "spooled" and not recordings.backlog() else []

    found: list[RecordingInfo] = await until(f"{recording} is stored or failed", there, timeout_s)
    return found[0]


async def audio_of(recordings: Recordings, recording: str, start: int = 0, end: int = 1 << 40) -> bytes:
    """The bytes that a player gets."""
    return b"".join([part async for part in recordings.stream(recording, start, end)])
