"""A match over a real Redis, emptied for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.acd.floor import Floor


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    connection = Redis.from_url(redis_url)
    await connection.flushall()
    yield connection
    await connection.aclose()


@pytest.fixture
async def floor(redis: Redis) -> Floor:
    """Agents 1001 to 1005, all reachable, nobody signed on."""
    return await Floor(redis).open()
