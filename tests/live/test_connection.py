"""What the connection to Redis promises: who is cancelled ends, a Redis that stands still is noticed."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.basics.tasks import Tasks
from callcenter.live.connection import client, connect
from tests.parts.redis import private_redis


async def test_a_task_that_is_cancelled_at_any_turn_of_the_loop_ends(redis_url: str) -> None:
    redis = await connect(redis_url)

    async def ask_for_ever(redis: Redis) -> None:
        while True:
            async with redis.pipeline(transaction=False) as pipe:
                await pipe.get("a").execute()
            await redis.get("a")

    async with Tasks("test") as tasks:
        for turns in range(400):
            asking = tasks.start(ask_for_ever(redis), f"asking {turns}")
            for _ in range(turns % 40):
                await asyncio.sleep(0)
            asking.cancel()
            ended, _ = await asyncio.wait([asking], timeout=0.5)
            assert ended, f"cancelled after {turns % 40} turns it went on"
    await redis.aclose()


@pytest.mark.parts
async def test_a_redis_that_stands_still_is_noticed_while_sending() -> None:
    with private_redis() as server:
        redis = client(server.url, socket_timeout=0.1)
        await redis.ping()
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(RedisError):
                async with asyncio.timeout(10):
                    await redis.set("a", b"x" * 50_000_000)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert await redis.get("a") is None
        await redis.aclose()
