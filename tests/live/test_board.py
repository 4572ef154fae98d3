"""The live board over real Redis: what was put is seen, changes follow, and whoever falls behind is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from callcenter.basics.errors import StoreAway
from callcenter.basics.tasks import Tasks
from callcenter.live import keys
from callcenter.live.board import Board, Change, Overflowed, Topic
from callcenter.live.connection import client, connect
from tests.parts.redis import private_redis
from tests.parts.waiting import until


@pytest.fixture
async def redis_connection(redis_url: str) -> AsyncIterator[Redis]:
    redis = await connect(redis_url)
    await redis.flushall()
    yield redis
    await redis.aclose()


async def subscribed(redis: Redis) -> None:
    async def there() -> bool:
        return dict(await redis.pubsub_numsub(keys.BOARD_CHANNEL)).get(keys.BOARD_CHANNEL.encode(), 0) == 1

    await until("the relay", there)


async def test_snapshot_put_and_take_off(redis_connection: Redis) -> None:
    board = Board(redis_connection)
    await board.put(Topic.CALLS, "a", {"phase": "menu"})
    await board.put(Topic.AGENTS, "1001", {"name": "小李"})
    shown = await board.snapshot()
    assert (shown[Topic.CALLS], shown[Topic.AGENTS]) == ({"a": {"phase": "menu"}}, {"1001": {"name": "小李"}})
    await board.put(Topic.CALLS, "a", None)
    await board.clear(Topic.AGENTS)
    assert not any((await board.snapshot()).values())


async def test_changes_follow_and_the_newest_of_a_moment_is_sent(redis_connection: Redis) -> None:
    board = Board(redis_connection)
    async with Tasks("test") as tasks:
        tasks.start(board.relay(), "relay")
        await subscribed(redis_connection)
        async with board.follow() as changes:
            board.show(Topic.CALLS, "a", {"n": 1})
            board.show(Topic.CALLS, "a", {"n": 2})
            tasks.start(board.send_shown(), "sender")
            async with asyncio.timeout(5):
                assert await anext(changes) == Change("calls", "a", {"n": 2})


async def test_who_falls_behind_is_told(redis_connection: Redis) -> None:
    board = Board(redis_connection)
    async with Tasks("test") as tasks, board.follow(limit=3) as slow, board.follow() as quick:
        tasks.start(board.relay(), "relay")
        await subscribed(redis_connection)
        for number in range(5):
            await board.put(Topic.CALLS, str(number), {})
        async with asyncio.timeout(5):
            assert [(await anext(quick)).key for _ in range(5)] == list("01234")
            with pytest.raises(Overflowed):
                while True:
                    await anext(slow)


@pytest.mark.parts
async def test_what_was_shown_while_redis_was_away_arrives() -> None:
    with private_redis() as server:
        redis = await connect(server.url)
        board = Board(redis)
        async with Tasks("test") as tasks:
            server.stop()
            tasks.start(board.send_shown(), "sender")
            board.show(Topic.CALLS, "a", {"n": 1})
            await asyncio.sleep(0)
            board.show(Topic.CALLS, "a", {"n": 2})
            server.start()

            async def there() -> bool:
                return (await board.snapshot())[Topic.CALLS] == {"a": {"n": 2}}

            await until("the newest state", there)
        await redis.aclose()


@pytest.mark.parts
async def test_a_restart_between_two_commands_is_not_noticed() -> None:
    with private_redis() as server:
        redis = client(server.url)
        await redis.set("a", b"\xff")
        server.stop()
        server.start()
        assert await redis.get("a") is None
        await redis.set("a", b"\xff")
        assert await redis.get("a") == b"\xff"
        await redis.aclose()


@pytest.mark.parts
async def test_no_redis_is_store_away_soon(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(StoreAway):
        await connect(f"unix://{tmp_path}/none.sock")
    assert time.monotonic() - started < 5
