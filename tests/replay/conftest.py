"""A ledger with a day in it, and a Redis to replay it in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from callcenter.acd.model import Agent, Member, Queue
from callcenter.acd.store import add_agent, add_member, add_queue
from callcenter.basics.tasks import Tasks
from callcenter.basics.vocabulary import Language
from callcenter.database import pool as database
from callcenter.ledger.service import Ledger
from callcenter.replay.service import Comparison, Wish, replay
from tests.replay.a_day import DAY, ZONE

AGENTS = ("1001", "1002", "1003", "1004")
Replay = Callable[..., Awaitable[Comparison]]
Lay = Callable[[Iterable[Any]], Awaitable[None]]


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """Queues ``sales`` and ``support``, served by 1001 and 1002; 1003 and 1004 serve none."""
    connected = await database.connect(postgres_dsn)
    for number in AGENTS:
        await add_agent(connected, Agent(number=number, name=number, language=Language.ZH, sip_password="s" * 20, pin="1234"))
    for name in ("sales", "support"):
        await add_queue(connected, Queue(name=name, title=name, wrap_up_s=5))
        for number in AGENTS[:2]:
            await add_member(connected, Member(queue=name, agent=number))
    yield connected
    await connected.close()


@pytest.fixture
def lay(pool: asyncpg.Pool, tmp_path: Path) -> Lay:
    """Write events into the ledger as a worker does."""

    async def work(events: Iterable[Any]) -> None:
        async with Tasks("test") as tasks:
            ledger = Ledger(pool, tmp_path)
            tasks.start(ledger.run(), "ledger")
            ledger.note(*events)
            await ledger.settle(60)

    return work


@pytest.fixture
async def replayed(pool: asyncpg.Pool, redis_url: str) -> AsyncIterator[Replay]:
    """Replay the day with what a wish says."""
    redis = Redis.from_url(redis_url)

    async def work(**wish: Any) -> Comparison:
        return await replay(pool, redis, ZONE, Wish(**{"day": DAY} | wish))

    yield work
    await redis.aclose()
