"""SQL of the ledger: events in, projections in; lists and stories out. Each query has a name and a line of purpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec

from callcenter.basics.clock import from_ms, to_ms
from callcenter.ledger.events import AgentChanged, Event, as_fields
from callcenter.ledger.projection import CallRow, LegRow, Projected, Segment

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""A connection lent by the pool."""
ADD_EVENTS: Final = """insert into call_events (id, call, at, kind, body)
select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::jsonb[]) on conflict (id) do nothing"""
"""Events, each once however often it is written."""
ADD_AGENT_STATES: Final = """insert into agent_states (agent, started_at, event, state, reason, by)
select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[]) on conflict do nothing"""
"""Agents' states, each from its beginning to the next one's."""
EVENTS_OF: Final = "select body from call_events where call = $1 order by at, id"
"""Everything that happened to a call."""
_CALL: Final = (
    "id", "direction", "caller", "caller_name", "dialled", "trunk", "node", "language", "flow", "dtmf_path", "queue", "agent",
    "started_at", "answered_at", "connected_at", "ended_at", "duration_ms", "ivr_ms", "wait_ms", "ring_ms", "talk_ms", "hold_ms",
    "wrapup_ms", "offers", "ended_by", "cause", "outcome", "witnessed", "recordings",
)  # fmt: skip
_SET = ", ".join(f"{column} = excluded.{column}" for column in _CALL[1:])
PUT_CALL: Final = (
    f"insert into calls ({', '.join(_CALL)}) values ({', '.join(f'${n}' for n in range(1, len(_CALL) + 1))})"  # noqa: S608 - fixed names
    f" on conflict (id) do update set {_SET}"
)
"""A call's row as its events have it."""
PUT_LEG: Final = """insert into legs (id, call, channel, role, party, started_at, answered_at, ended_at, ended_by, cause, cause_text)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (id) do update set answered_at = excluded.answered_at,
ended_at = excluded.ended_at, ended_by = excluded.ended_by, cause = excluded.cause, cause_text = excluded.cause_text"""
"""A leg's row as the events have it."""
DROP_SEGMENTS: Final = "delete from segments where call = any($1::text[])"
"""The segments of calls that get new ones."""
ADD_SEGMENTS: Final = """insert into segments (call, position, kind, queue, agent, started_at, ended_at)
select * from unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
on conflict (call, position) do update set kind = excluded.kind, queue = excluded.queue, agent = excluded.agent,
started_at = excluded.started_at, ended_at = excluded.ended_at"""
"""The stretches of calls."""
LIST_CALLS: Final = """select * from calls
where ($1::timestamptz is null or started_at >= $1) and ($2::timestamptz is null or started_at < $2)
and ($3::text is null or caller like '%' || $3 || '%' or dialled like '%' || $3 || '%')
and ($4::text is null or agent = $4) and ($5::text is null or queue = $5) and ($6::text is null or direction = $6)
and ($7::text is null or outcome = $7) and ($8::bigint is null or talk_ms >= $8)
and ($9::timestamptz is null or (started_at, id) < ($9, $10::text))
order by started_at desc, id desc limit $11"""
"""Calls, newest first, from a cursor on."""
READ_CALL: Final = "select * from calls where id = $1"
"""One call."""
LEGS_OF: Final = "select * from legs where call = $1 order by started_at, id"
"""A call's channels."""
SEGMENTS_OF: Final = "select * from segments where call = $1 order by position"
"""A call's stretches."""
OPEN_CALLS: Final = "select id from calls where ended_at is null and node = $1 order by started_at"
"""Calls of a node whose end is not written."""
AGENT_DAY: Final = """select state, reason, by, started_at, lead(started_at) over (order by started_at, event) as ended_at
from agent_states where agent = $1 and started_at >= $2 and started_at < $3 order by started_at, event"""
"""An agent's states in a stretch of time, each to the next one's beginning."""


class CallFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls to list; None: all."""

    from_ms: int | None = None
    to_ms: int | None = None
    number: str | None = None
    """A part of the caller's or the dialled number."""
    agent: str | None = None
    queue: str | None = None
    direction: str | None = None
    outcome: str | None = None
    min_talk_ms: int | None = None


class CallPage(msgspec.Struct, frozen=True):
    """A page of calls; ``next`` is the cursor of the next one, None at the end."""

    calls: list[dict[str, Any]]
    next: str | None


class CallStory(msgspec.Struct, frozen=True):
    """Everything about one call."""

    call: dict[str, Any]
    legs: list[dict[str, Any]]
    segments: list[dict[str, Any]]
    events: list[dict[str, Any]]
    recordings: list[str]


async def add_events(connection: Connection, events: Sequence[Event]) -> None:
    """Write events; those that are there already stay as they are."""
    if events:
        bodies = [as_fields(event) for event in events]
        columns = (
            [event.id for event in events],
            [event.call for event in events],
            [from_ms(event.at_ms) for event in events],
            [body["kind"] for body in bodies],
            bodies,
        )
        await connection.execute(ADD_EVENTS, *columns)


async def add_agent_states(connection: Connection, events: Sequence[AgentChanged]) -> None:
    """Write agents' changes of state."""
    if events:
        columns = [(event.agent, from_ms(event.at_ms), event.id, event.state, event.reason, event.by) for event in events]
        await connection.execute(ADD_AGENT_STATES, *map(list, zip(*columns, strict=True)))


async def events_of(connection: Connection, call: str) -> list[Event]:
    """Everything that happened to a call."""
    return [msgspec.convert(row[0], Event) for row in await connection.fetch(EVENTS_OF, call)]


def _moment(millis: int | None) -> Any:
    return None if millis is None else from_ms(millis)


def _call_values(row: CallRow) -> tuple[Any, ...]:
    moments = {"started_at": row.started_ms, "answered_at": row.answered_ms, "connected_at": row.connected_ms, "ended_at": row.ended_ms}
    return tuple(_moment(moments[column]) if column in moments else getattr(row, column) for column in _CALL)


def _leg_values(leg: LegRow) -> tuple[Any, ...]:
    return (
        leg.id, leg.call, leg.channel, leg.role, leg.party, from_ms(leg.started_ms), _moment(leg.answered_ms), _moment(leg.ended_ms),
        leg.ended_by, leg.cause, leg.cause_text,
    )  # fmt: skip


def _segment_values(call: str, position: int, segment: Segment) -> tuple[Any, ...]:
    return (call, position, segment.kind, segment.queue, segment.agent, from_ms(segment.started_ms), from_ms(segment.ended_ms))


async def put_projections(connection: Connection, projections: Sequence[Projected]) -> None:
    """Write the rows of calls as their events have them now."""
    if not projections:
        return
    await connection.executemany(PUT_CALL, [_call_values(found.call) for found in projections])
    if legs := [_leg_values(leg) for found in projections for leg in found.legs]:
        await connection.executemany(PUT_LEG, legs)
    await connection.execute(DROP_SEGMENTS, [found.call.id for found in projections])
    segments = [
        _segment_values(found.call.id, position, segment) for found in projections for position, segment in enumerate(found.segments)
    ]
    if segments:
        await connection.execute(ADD_SEGMENTS, *map(list, zip(*segments, strict=True)))


def _cursor(text: str | None) -> tuple[Any, str | None]:
    if not text:
        return None, None
    millis, _, call = text.partition("_")
    if not millis.isdecimal() or len(millis) > 14:
        return None, None
    return from_ms(int(millis)), call


async def list_calls(pool: asyncpg.Pool, wanted: CallFilter, cursor: str | None = None, limit: int = 50) -> CallPage:
    """A page of calls, newest first."""
    before, call = _cursor(cursor)
    texts = (wanted.number, wanted.agent, wanted.queue, wanted.direction, wanted.outcome, call)
    if any(text and any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text) for text in texts):
        return CallPage([], None)
    part = wanted.number.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") if wanted.number else None
    rows = await pool.fetch(
        LIST_CALLS, _moment(wanted.from_ms), _moment(wanted.to_ms), part, wanted.agent, wanted.queue, wanted.direction,
        wanted.outcome, wanted.min_talk_ms, before, call, limit + 1,
    )  # fmt: skip
    page = [dict(row) for row in rows[:limit]]
    more = len(rows) > limit
    return CallPage(page, f"{to_ms(page[-1]['started_at'])}_{page[-1]['id']}" if more else None)


async def read_call(pool: asyncpg.Pool, call: str) -> CallStory | None:
    """A call's whole story, or None when there is no such call."""
    row = await pool.fetchrow(READ_CALL, call)
    if row is None:
        return None
    legs = [dict(leg) for leg in await pool.fetch(LEGS_OF, call)]
    segments = [dict(segment) for segment in await pool.fetch(SEGMENTS_OF, call)]
    events = [found[0] for found in await pool.fetch(EVENTS_OF, call)]
    return CallStory(dict(row), legs, segments, events, list(row["recordings"]))


async def open_calls(pool: asyncpg.Pool, node: str) -> list[str]:
    """Calls of a node whose end is not written, oldest first."""
    return [row[0] for row in await pool.fetch(OPEN_CALLS, node)]


async def agent_day(pool: asyncpg.Pool, agent: str, from_ms_: int, to_ms_: int) -> list[dict[str, Any]]:
    """An agent's states between two moments (UTC milliseconds)."""
    return [dict(row) for row in await pool.fetch(AGENT_DAY, agent, from_ms(from_ms_), from_ms(to_ms_))]
