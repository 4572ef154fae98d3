"""A ledger's database of its own, and how to write calls into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import asyncpg
import pytest

from callcenter.database import pool as database
from callcenter.ledger import store
from callcenter.ledger.events import encode
from callcenter.ledger.projection import project


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    connected = await database.connect(postgres_dsn)
    yield connected
    await connected.close()


async def write(pool: asyncpg.Pool, calls: Iterable[list[Any]], others: Iterable[Any] = ()) -> None:
    """Calls, each with its rows, and events outside any call."""
    calls = list(calls)
    async with pool.acquire() as connection:
        bodies = [encode(event) for call in calls for event in call] + [encode(event) for event in others]
        await store.write(connection, bodies, [project(call) for call in calls])
