"""Versions of flows on a real Postgres."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callcenter.basics.errors import BadFlow, NotFound
from callcenter.database.pool import connect
from callcenter.ivr import interpreter, store
from callcenter.ivr.asks import SendToQueue
from tests.ivr.playbook import facts, flow, keys

MENU: dict[str, Any] = {"type": "menu", "prompt": ["main-menu"], "otherwise": "end"}


def version(queue: str) -> dict[str, Any]:
    return flow(a=MENU | {"options": {"1": "q"}}, q={"type": "queue", "queue": queue})


async def test_a_call_ends_on_the_version_it_began_in(postgres_dsn: str) -> None:
    pool = await connect(postgres_dsn)
    try:
        assert (await store.save_flow(pool, version("old"), "ann")).version == 1
        flows = store.Flows(pool)
        await flows.load()
        first = flows.latest("test")
        assert first is not None and flows.latest("none") is None
        step = interpreter.begin(first, facts())
        assert (await store.save_flow(pool, version("new") | {"version": 77}, "ann")).version == 2
        await flows.load()
        newest, older = flows.latest("test"), flows.version("test", step.position.version)
        assert newest is not None and newest.version == 2 and older is not None
        assert interpreter.resume(older, step.position, keys("1"), facts()).ask == SendToQueue(queue="old")
        assert interpreter.resume(newest, interpreter.begin(newest, facts()).position, keys("1"), facts()).ask == SendToQueue(queue="new")
        assert (await store.read_flow(pool, "test"))["version"] == 2
        assert (await store.read_flow(pool, "test", 1))["nodes"]["q"]["queue"] == "old"
        assert [(row["name"], row["version"]) for row in await store.list_flows(pool)] == [("test", 2)]
        with pytest.raises(NotFound):
            await store.read_flow(pool, "test", 3)
        with pytest.raises(BadFlow):
            await store.save_flow(pool, version("a\0"), "ann")
    finally:
        await pool.close()


async def test_two_administrators_save_at_once(postgres_dsn: str) -> None:
    pool = await connect(postgres_dsn, max_size=8)
    try:
        saved = await asyncio.gather(*(store.save_flow(pool, version(f"q{number}"), "ann") for number in range(8)))
        assert sorted(found.version for found in saved) == list(range(1, 9))
    finally:
        await pool.close()
