"""The ledger on real Postgres: visible soon, each event once, through a crash of Postgres and after it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from callcenter.basics.tasks import Tasks
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.database.migrate import migrate
from callcenter.database.pool import connect
from callcenter.ledger import store
from callcenter.ledger.events import WrapUpEnded
from callcenter.ledger.service import Ledger, rebuild
from tests.ledger.histories import answered_call
from tests.parts.postgres import private_cluster
from tests.parts.waiting import until


@asynccontextmanager
async def ledger_on(dsn: str, folder: Path) -> AsyncIterator[tuple[Ledger, asyncpg.Pool]]:
    pool = await connect(dsn)
    async with Tasks("test") as tasks:
        ledger = Ledger(pool, folder)
        tasks.start(ledger.run(), "ledger")
        yield ledger, pool
    await pool.close()


async def test_each_query_fits_the_schema(postgres_dsn: str) -> None:
    queries = {name: text for name, text in vars(store).items() if name.isupper() and isinstance(text, str) and not name.startswith("_")}
    connection = await asyncpg.connect(postgres_dsn)
    try:
        for text in queries.values():
            await connection.prepare(text)
    finally:
        await connection.close()
    assert {"WRITE", "EVENTS_OF", "LIST_CALLS", "AGENT_DAY"} <= set(queries)


async def test_a_call_stands_whole_and_a_late_wrap_up_is_added(postgres_dsn: str, tmp_path: Path) -> None:
    story = answered_call()
    async with ledger_on(postgres_dsn, tmp_path) as (ledger, pool):
        ledger.note(*story.events)
        await ledger.settle(5)
        assert ledger.backlog() == 0
        found = await store.read_call(pool, story.call)
        assert found and len(found.events) == len(story.events) and len(found.legs) == 2
        ledger.note(WrapUpEnded(id=new_id(Kind.EVENT, story.now), at_ms=story.now, call=story.call, agent="1001", lasted_ms=1234))
        await ledger.settle(5)
        assert await pool.fetchval("select wrapup_ms from calls where id = $1", story.call) == 1234


async def test_the_end_of_a_call_is_visible_soon(postgres_dsn: str, tmp_path: Path) -> None:
    async with ledger_on(postgres_dsn, tmp_path) as (ledger, pool):
        took = []
        for _ in range(20):
            story = answered_call()
            call = story.call
            started = time.monotonic()
            ledger.note(*story.events)
            await until(
                "the row", lambda call=call: pool.fetchval("select 1 from calls where id = $1 and ended_at is not null", call), 5, 0.005
            )
            took.append(time.monotonic() - started)
    assert sorted(took)[-2] < 1.0


async def test_rebuilding_gives_the_same_rows(postgres_dsn: str, tmp_path: Path) -> None:
    stories = [answered_call() for _ in range(5)]
    async with ledger_on(postgres_dsn, tmp_path) as (ledger, pool):
        for story in stories:
            ledger.note(*story.events)
        await ledger.settle(5)
        before = [await store.read_call(pool, story.call) for story in stories]
        await pool.execute("delete from segments")
        await pool.execute("delete from legs")
        await pool.execute("delete from calls")
        await rebuild(pool, [story.call for story in stories])
        assert [await store.read_call(pool, story.call) for story in stories] == before


@pytest.mark.parts
async def test_postgres_dies_and_comes_back_and_everything_arrives_once(tmp_path: Path) -> None:
    with private_cluster() as cluster:
        await migrate(cluster.dsn())
        async with ledger_on(cluster.dsn(), tmp_path) as (ledger, pool):
            stories = [answered_call() for _ in range(30)]
            for story in stories[:10]:
                ledger.note(*story.events)
            cluster.stop(signal.SIGQUIT)
            for story in stories[10:]:
                ledger.note(*story.events)
            await until("the ledger to see that Postgres is away", lambda: ledger.delayed, 20)
            cluster.start()
            await ledger.settle(30)
            assert not ledger.delayed
            wanted = sum(len(story.events) for story in stories)
            assert await pool.fetchval("select count(*) from call_events") == wanted
            assert await pool.fetchval("select count(*) from calls where outcome = 'answered'") == 30


async def test_what_a_worker_left_behind_is_shipped_by_the_next(postgres_dsn: str, tmp_path: Path) -> None:
    story = answered_call()
    pool = await connect(postgres_dsn)
    await pool.close()
    async with Tasks("test") as tasks:
        ledger = Ledger(pool, tmp_path)
        tasks.start(ledger.run(), "ledger")
        ledger.note(*story.events)
        await until("the spool", lambda: any(path.stat().st_size for path in tmp_path.glob("*.events")), 5)
        await asyncio.sleep(0)
    async with ledger_on(postgres_dsn, tmp_path) as (again, fresh):

        async def all_there() -> bool:
            return await fresh.fetchval("select count(*) from call_events") == len(story.events)

        await until("what was left behind", all_there, 10)
        assert not again.delayed


async def test_an_event_postgres_cannot_hold_stops_nothing(postgres_dsn: str, tmp_path: Path) -> None:
    bad, good = answered_call(caller="x\x00y"), answered_call()
    async with ledger_on(postgres_dsn, tmp_path) as (ledger, pool):
        ledger.note(*bad.events)
        ledger.note(*good.events)
        await until("the good call", lambda: pool.fetchval("select 1 from calls where id = $1 and ended_at is not null", good.call), 5)


@pytest.mark.parametrize("hostile", ["' or 1=1 --", "%", "\\", "_", "x\x00y", "\ud800"])
async def test_a_hostile_search_finds_nothing(postgres_dsn: str, tmp_path: Path, hostile: str) -> None:
    async with ledger_on(postgres_dsn, tmp_path) as (ledger, pool):
        ledger.note(*answered_call().events)
        await ledger.settle(5)
        assert (await store.list_calls(pool, store.CallFilter(number=hostile))).calls == []


async def test_pages_show_each_call_once(postgres_dsn: str, tmp_path: Path) -> None:
    stories = [answered_call(1_795_000_000_000 + number // 3) for number in range(25)]
    async with ledger_on(postgres_dsn, tmp_path) as (ledger, pool):
        for story in stories:
            ledger.note(*story.events)
        await ledger.settle(5)
        seen, cursor = [], None
        while True:
            page = await store.list_calls(pool, store.CallFilter(), cursor, 4)
            seen += [call["id"] for call in page.calls]
            if (cursor := page.next) is None:
                break
    assert sorted(seen) == sorted(story.call for story in stories)


async def test_settling_ends_while_others_go_on_noting(postgres_dsn: str, tmp_path: Path) -> None:
    async with ledger_on(postgres_dsn, tmp_path) as (ledger, pool), Tasks("noting") as tasks:

        async def go_on() -> None:
            while True:
                ledger.note(*answered_call().events)
                await asyncio.sleep(0.002)

        tasks.start(go_on(), "noting")
        story = answered_call()
        ledger.note(*story.events)
        await ledger.settle(5)
        assert await pool.fetchval("select count(*) from call_events where call = $1", story.call) == len(story.events)
