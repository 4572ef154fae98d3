"""Promised waits against what they became: within, sooner, later, and by how much."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from callcenter.basics.clock import to_ms
from callcenter.ledger import events as e
from callcenter.reports.promise_store import Promises, count_promises
from tests.reports.conftest import write
from tests.reports.days import Caller

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


def _caller(minute: int, wait_s: int, *, why: str = "answered", queue: str = "sales", said: bool = False) -> list[Any]:
    caller = Caller(to_ms(START + timedelta(minutes=minute)), random.Random(minute))
    caller.add(e.Queued, queue=queue)
    caller.add(e.WaitPromised, queue=queue, low_s=60, high_s=180, position=2)
    if said:
        caller.add(e.WaitPromised, 15_000, queue=queue, low_s=30, high_s=90, position=1, said=True)
    caller.add(e.LeftQueue, wait_s * 1000, queue=queue, why=why)
    return list(caller.events)


async def test_promises_are_held_against_the_waits(pool: asyncpg.Pool) -> None:
    calls = [
        _caller(0, 60),
        _caller(1, 180),
        _caller(2, 59),
        _caller(3, 181),
        _caller(4, 500, why="abandoned"),
        _caller(5, 80, said=True),
        _caller(6, 100, queue="support"),
        _caller(600, 100),
    ]
    await write(pool, calls)
    found = await count_promises(pool, START, START + timedelta(hours=1))
    assert found == [
        Promises(queue="", said=False, promised=7, answered=6, within=4, sooner=1, later=1, median_error_ms=60_000),
        Promises(queue="", said=True, promised=1, answered=1, within=1, sooner=0, later=0, median_error_ms=20_000),
        Promises(queue="sales", said=False, promised=6, answered=5, within=3, sooner=1, later=1, median_error_ms=60_000),
        Promises(queue="sales", said=True, promised=1, answered=1, within=1, sooner=0, later=0, median_error_ms=20_000),
        Promises(queue="support", said=False, promised=1, answered=1, within=1, sooner=0, later=0, median_error_ms=20_000),
    ]
    assert found[0].share_within == 4 / 6
    only = await count_promises(pool, START, START + timedelta(hours=1), "support")
    assert [row.queue for row in only] == ["", "support"]


async def test_a_wait_that_goes_on_is_no_promise_kept_or_broken(pool: asyncpg.Pool) -> None:
    await write(pool, [_caller(0, 60)[:-1]])
    assert await count_promises(pool, START, START + timedelta(hours=1)) == []
