"""SQL of the recordings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import asyncpg

ADD_CHUNK: Final = """insert into recording_chunks (recording, started_at, number, body) values ($1, $2, $3, $4)
on conflict (started_at, recording, number) do update set body = excluded.body"""
"""A chunk, in its place."""
ADD_RECORDING: Final = """insert into recordings (id, call, leg, started_at, duration_ms, size, sha256, key_id, wrapped_key, state, reason)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (id) do update set duration_ms = excluded.duration_ms,
size = excluded.size, sha256 = excluded.sha256, key_id = excluded.key_id, wrapped_key = excluded.wrapped_key,
state = excluded.state, reason = excluded.reason, stored_at = now() where recordings.state = 'failed' returning id"""
"""A recording that is whole in the store, or why there is none; one that is stored stays as it is."""
READ: Final = "select * from recordings where id = $1"
"""One recording."""
STATE: Final = "select state from recordings where id = $1"
"""Whether a recording is in the store."""
CHUNK: Final = "select body from recording_chunks where started_at = $1 and recording = $2 and number = $3"
"""One chunk."""
OLD_KEYS: Final = "select id, key_id, wrapped_key from recordings where state = 'stored' and key_id <> $1 order by id limit $2 for update"
"""Recordings whose data key is under another key of the centre."""
REWRAP: Final = "update recordings set key_id = $2, wrapped_key = $3 where id = $1"
"""The data key under another key of the centre."""
ADD_MONTH: Final = (
    "create table if not exists recording_chunks_{month} partition of recording_chunks for values from ('{start}') to ('{end}')"
)
"""A month's partition; month, start and end are made by code from a date, never from input."""


async def add(pool: asyncpg.Pool, row: dict[str, Any], chunks: Iterable[bytes]) -> None:
    """Put a recording in, whole or not at all; one that is stored already is not touched.

    The row goes first: it holds off anyone else storing the same recording, whose chunks are under another data key.
    """
    columns = ("id", "call", "leg", "started_at", "duration_ms", "size", "sha256", "key_id", "wrapped_key", "state", "reason")
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(ADD_RECORDING, *(row[column] for column in columns)) is None:
            return
        for number, body in enumerate(chunks):
            await connection.execute(ADD_CHUNK, row["id"], row["started_at"], number, body)


async def read(pool: asyncpg.Pool, recording: str) -> dict[str, Any] | None:
    """A recording's row, or None."""
    row = await pool.fetchrow(READ, recording)
    return dict(row) if row else None


async def is_stored(pool: asyncpg.Pool, recording: str) -> bool:
    """Whether its audio is in the store."""
    return bool(await pool.fetchval(STATE, recording) == "stored")


async def chunk(pool: asyncpg.Pool, started_at: datetime, recording: str, number: int) -> bytes | None:
    """One encrypted chunk."""
    body: bytes | None = await pool.fetchval(CHUNK, started_at, recording, number)
    return body


async def add_month(pool: asyncpg.Pool, day: datetime) -> None:
    """Make the partition of a day's month (UTC) unless it is there."""
    start = day.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    await pool.execute(ADD_MONTH.format(month=f"{start:%Y_%m}", start=start.isoformat(), end=after.isoformat()))
