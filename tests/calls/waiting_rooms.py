"""Queues with rules for the tests of waiting: each on its own number, served by the agents named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from callcenter.acd import store
from callcenter.acd.model import Member, Queue
from callcenter.acd.rules import Rules
from callcenter.database.pool import connect
from tests.parts.centre import Centre

_NUMBER = "insert into numbers (number, kind, target, language) values ($1, 'queue', $2, 'zh')"


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A queue, the number that leads to it, who serves it, and its rules."""

    number: str
    queue: str
    agents: tuple[str, ...] = ()
    rules: dict[str, Any] = {}
    more: dict[str, Any] = {}
    """Other fields of the queue."""


async def lay(centre: Centre, *rooms: Room) -> None:
    """Set the queues up and let a new worker read them."""
    pool = await connect(f"postgresql://callcenter@/callcenter?host={centre.var / 'postgres' / 'run'}")
    for room in rooms:
        rules = msgspec.convert(room.rules, Rules)
        queue = Queue(name=room.queue, title=room.queue, ring_timeout_s=3, wrap_up_s=1, return_window_s=0, rules=rules, **room.more)
        await centre.db.execute("delete from queues where name = $1", room.queue)
        await store.add_queue(pool, queue)
        for agent in room.agents:
            await store.add_member(pool, Member(queue=room.queue, agent=agent))
        await centre.db.execute("delete from numbers where number = $1", room.number)
        await centre.db.execute(_NUMBER, room.number, room.queue)
    await pool.close()
    await centre.worker_killed()


@asynccontextmanager
async def laid(centre: Centre, *rooms: Room) -> AsyncIterator[None]:
    """The queues are there for a while."""
    await lay(centre, *rooms)
    try:
        yield
    finally:
        for room in rooms:
            await centre.db.execute("delete from numbers where number = $1", room.number)
            await centre.db.execute("delete from queues where name = $1", room.queue)
        await centre.worker_killed()
