"""SQL of customers who are to be called back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from callcenter.basics.vocabulary import Language
from callcenter.database.pool import store_away

LIVE: Final = ("waiting", "calling")
"""States of a callback that is not over."""
_COLUMNS: Final = """id, queue, number, key, name, language, since, asked_at, asked_by, coalesce(first_call, '') as first_call, priority,
    need, preferred, shown, state, attempts, next_try, ended_at, coalesce(outcome, '') as outcome, coalesce(last_call, '') as last_call"""
ADD_CALLBACK = f"""insert into callbacks
    (id, queue, number, key, name, language, since, asked_by, first_call, priority, need, preferred, shown, last_call)
values ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9, ''), $10, $11, $12, $13, $14)
on conflict (queue, key) where state in ('waiting', 'calling') do nothing returning {_COLUMNS}"""  # noqa: S608 - fixed names
"""A new callback; no row when this customer has a live one in the queue."""
OPEN_CALLBACKS = f"select {_COLUMNS} from callbacks where state in ('waiting', 'calling') order by since"  # noqa: S608 - fixed names
"""Every live callback."""
LIVE_CALLBACK = f"""select {_COLUMNS} from callbacks
where queue = $1 and key = $2 and state in ('waiting', 'calling')"""  # noqa: S608 - fixed names
"""The live callback of a customer in a queue."""
ONE_CALLBACK = f"select {_COLUMNS} from callbacks where id = $1"  # noqa: S608 - fixed names
"""A callback, live or over."""
LIST_CALLBACKS = f"""select {_COLUMNS} from callbacks
where ($1::text is null or state = $1) and ($2::text is null or queue = $2) and ($3::text is null or id < $3)
order by id desc limit $4"""  # noqa: S608 - fixed names
"""A page of callbacks, newest first."""
BETTER_PLACE = "update callbacks set since = $2 where id = $1 and state = 'waiting' and since > $2 returning id"
"""The customer waits since an earlier moment."""
CLAIM = "update callbacks set state = 'calling', last_call = $2 where id = $1 and state in ('waiting', 'calling') returning id"
"""An agent is there: nobody cancels the callback any more."""
DIALLING = "update callbacks set attempts = attempts + 1 where id = $1 returning attempts"
"""The customer is about to be called, which counts whatever becomes of it."""
WAIT_AGAIN = "update callbacks set state = 'waiting', next_try = $2, last_call = $3 where id = $1 and state in ('waiting', 'calling')"
"""The customer waits on, and is not called before $2."""
END_CALLBACK = """update callbacks set state = $2, outcome = $3, ended_at = now()
where id = $1 and state in ('waiting', 'calling') returning id"""
"""The callback is over."""
CANCEL = f"""update callbacks set state = 'cancelled', outcome = 'cancelled', ended_at = now()
where id = $1 and state = 'waiting' returning {_COLUMNS}"""  # noqa: S608 - fixed names
"""The customer is not called back; no row when they are being called."""
SPOKEN = "select connected_at is not null from calls where id = $1"
"""Whether the two have talked in a call."""
NUMBERS_OF_QUEUE = "select number from numbers where kind = 'queue' and target = $1 order by number limit 1"
"""A number of ours that leads to the queue."""


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is, or was, to be called back."""

    id: str
    queue: str
    number: str
    """As it is dialled."""
    key: str
    """One for all spellings of the number."""
    name: str
    language: Language
    since: datetime
    """Since when the customer waits: the place in the queue."""
    asked_at: datetime
    asked_by: str
    """``call``, or the user or token who asked for it."""
    first_call: str
    priority: int
    need: dict[str, int]
    preferred: str
    shown: str
    """The number of ours that the customer sees."""
    state: str
    """waiting, calling, done, failed, cancelled."""
    attempts: int
    """How often the customer was dialled."""
    next_try: datetime
    """Not before this moment."""
    ended_at: datetime | None
    outcome: str
    """answered, no_answer, busy, failed, cancelled; empty while it is live."""
    last_call: str
    """The call that calls back, or that will."""


def _callback(row: asyncpg.Record | None) -> Callback | None:
    return None if row is None else msgspec.convert(dict(row), Callback)


async def add(pool: asyncpg.Pool, callback: Callback) -> bool:
    """Write a new callback down; False when the customer has a live one in this queue."""
    one = callback
    given = (one.id, one.queue, one.number, one.key, one.name, one.language, one.since, one.asked_by, one.first_call, one.priority)
    with store_away():
        return await pool.fetchrow(ADD_CALLBACK, *given, one.need, one.preferred, one.shown, one.last_call) is not None


async def read_open(pool: asyncpg.Pool) -> list[Callback]:
    """Every live callback, by its place."""
    with store_away():
        return [msgspec.convert(dict(row), Callback) for row in await pool.fetch(OPEN_CALLBACKS)]


async def live_of(pool: asyncpg.Pool, queue: str, key: str) -> Callback | None:
    """The live callback of a customer in a queue."""
    with store_away():
        return _callback(await pool.fetchrow(LIVE_CALLBACK, queue, key))


async def read_one(pool: asyncpg.Pool, callback: str) -> Callback | None:
    """A callback, live or over."""
    with store_away():
        return _callback(await pool.fetchrow(ONE_CALLBACK, callback))


async def read_page(pool: asyncpg.Pool, *, state: str | None, queue: str | None, after: str | None, limit: int) -> Sequence[Callback]:
    """At most ``limit`` callbacks older than ``after``, newest first."""
    with store_away():
        return [msgspec.convert(dict(row), Callback) for row in await pool.fetch(LIST_CALLBACKS, state, queue, after, limit)]


async def better_place(pool: asyncpg.Pool, callback: str, since: datetime) -> bool:
    """The customer waits since an earlier moment; False when that changes nothing."""
    return await _told(pool, BETTER_PLACE, callback, since) is not None


async def claim(pool: asyncpg.Pool, callback: str, call: str) -> bool:
    """An agent is there; False when the callback is over."""
    return await _told(pool, CLAIM, callback, call) is not None


async def dialling(pool: asyncpg.Pool, callback: str) -> int:
    """The customer is about to be called; the how manieth time."""
    return int(await _told(pool, DIALLING, callback) or 0)


async def wait_again(pool: asyncpg.Pool, callback: str, next_try: datetime, call: str) -> None:
    """The customer waits on; ``call`` will call back."""
    await _told(pool, WAIT_AGAIN, callback, next_try, call)


async def end(pool: asyncpg.Pool, callback: str, state: str, outcome: str) -> None:
    """The callback is over; twice is harmless."""
    await _told(pool, END_CALLBACK, callback, state, outcome)


async def cancel(pool: asyncpg.Pool, callback: str) -> Callback | None:
    """Nobody is called back; None when the customer does not wait."""
    with store_away():
        return _callback(await pool.fetchrow(CANCEL, callback))


async def was_spoken(pool: asyncpg.Pool, call: str) -> bool:
    """Whether the two have talked in a call, as far as the books know."""
    return bool(await _told(pool, SPOKEN, call))


async def number_of(pool: asyncpg.Pool, queue: str) -> str:
    """A number of ours that leads to the queue; empty when none does."""
    return str(await _told(pool, NUMBERS_OF_QUEUE, queue) or "")


async def _told(pool: asyncpg.Pool, query: str, *given: Any) -> Any:
    with store_away():
        return await pool.fetchval(query, *given)
