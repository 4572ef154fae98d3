"""SQL of the ledger: events in, projections in; lists and stories out. Each query has a name and a line of purpose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec

from callcenter.basics.clock import from_ms, to_ms
from callcenter.basics.logs import get_logger
from callcenter.ledger.agent_time import Change, Stretch, stretches
from callcenter.ledger.events import Event
from callcenter.ledger.projection import Projected

_log = get_logger(__name__)

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""A connection lent by the pool."""
EVENTS_OF: Final = "select body from call_events where call = $1 order by at, id"
"""Everything that happened to a call."""
EVENTS_OF_CALLS: Final = "select call, body from call_events where call = any($1::text[]) order by at, id"
"""Everything that happened to some calls."""
_MOMENTS: Final = ("started", "answered", "connected", "ended")
_CALL: Final = {
    "id": "text", "direction": "text", "caller": "text", "caller_name": "text", "dialled": "text", "trunk": "text", "node": "text",
    "language": "text", "flow": "text", "dtmf_path": "text", "queue": "text", "agent": "text", "started_ms": "bigint",
    "answered_ms": "bigint", "connected_ms": "bigint", "ended_ms": "bigint", "duration_ms": "bigint", "ivr_ms": "bigint",
    "wait_ms": "bigint", "ring_ms": "bigint", "talk_ms": "bigint", "hold_ms": "bigint", "wrapup_ms": "bigint", "offers": "integer",
    "ended_by": "text", "cause": "integer", "outcome": "text", "witnessed": "boolean", "recordings": "text[]",
}  # fmt: skip
_LEG: Final = {
    "id": "text", "call": "text", "channel": "text", "role": "text", "party": "text", "started_ms": "bigint", "answered_ms": "bigint",
    "ended_ms": "bigint", "ended_by": "text", "cause": "integer", "cause_text": "text",
}  # fmt: skip


def _at(millis: str) -> str:
    return f"to_timestamp(0) + {millis} * interval '1 millisecond'"


def _column(field: str) -> str:
    return field.replace("_ms", "_at") if field.removesuffix("_ms") in _MOMENTS else field


def _columns(fields: dict[str, str]) -> str:
    return ", ".join(map(_column, fields))


def _values(row: str, fields: dict[str, str]) -> str:
    return ", ".join(_at(f"{row}.{field}") if _column(field) != field else f"{row}.{field}" for field in fields)


def _fields(fields: dict[str, str]) -> str:
    return ", ".join(f"{field} {kind}" for field, kind in fields.items())


def _new(fields: dict[str, str], *keep: str) -> str:
    return ", ".join(f"{_column(field)} = excluded.{_column(field)}" for field in fields if field not in keep)


WRITE: Final = f"""with noted as (select body from jsonb_array_elements($1::text::jsonb) as body),
events as (insert into call_events (id, call, at, kind, body)
  select body->>'id', body->>'call', {_at("(body->>'at_ms')::bigint")}, body->>'kind', body from noted on conflict (id) do nothing),
states as (insert into agent_states (agent, started_at, event, state, reason, by)
  select body->>'agent', {_at("(body->>'at_ms')::bigint")}, body->>'id', body->>'state', coalesce(body->>'reason', ''),
  coalesce(body->>'by', '') from noted where body->>'kind' = 'agent_changed' on conflict do nothing),
made as (select * from jsonb_to_recordset($2::text::jsonb) as made(call jsonb, legs jsonb, segments jsonb)),
new_calls as (insert into calls ({_columns(_CALL)})
  select {_values("row", _CALL)} from made, jsonb_to_record(made.call) as row({_fields(_CALL)})
  on conflict (id) do update set {_new(_CALL, "id")}),
new_legs as (insert into legs ({_columns(_LEG)})
  select distinct on (row.id) {_values("row", _LEG)} from made, jsonb_to_recordset(made.legs) as row({_fields(_LEG)}) order by row.id
  on conflict (id) do update set {_new(_LEG, "id", "call")}),
old_segments as (delete from segments using made
  where segments.call = made.call->>'id' and segments.position >= jsonb_array_length(made.segments))
insert into segments (call, position, kind, queue, agent, started_at, ended_at)
select made.call->>'id', row.position - 1, row.kind, row.queue, row.agent, {_at("row.started_ms")}, {_at("row.ended_ms")}
from made, rows from (jsonb_to_recordset(made.segments) as (kind text, queue text, agent text, started_ms bigint, ended_ms bigint))
  with ordinality as row(kind, queue, agent, started_ms, ended_ms, position)
on conflict (call, position) do update set kind = excluded.kind, queue = excluded.queue, agent = excluded.agent,
started_at = excluded.started_at, ended_at = excluded.ended_at"""  # noqa: S608 - fixed names
"""Events ($1), each once however often it is written, agents' states among them, and the rows of calls as their events have them
($2: an array of Projected). One statement: all of it or nothing, in one round trip."""
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
LEGS_OF_CHANNELS: Final = """select legs.channel, legs.call, legs.id as leg, calls.ended_at is not null as is_over
from legs join calls on calls.id = legs.call
where calls.node = $1 and calls.started_at >= $2 and calls.started_at <= $3 and legs.channel = any($4::text[])
order by calls.started_at desc, calls.id desc"""
"""The legs that these channels of a node are in calls that began in a stretch of time."""
AGENT_DAY: Final = """(select state, reason, by, started_at, event from agent_states where agent = $1 and started_at < $2
  order by started_at desc, event desc limit 1)
union all select state, reason, by, started_at, event from agent_states where agent = $1 and started_at >= $2 and started_at < $3
order by started_at, event"""
"""An agent's changes of state in a stretch of time, and the one before it, which still holds at its beginning."""


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


class LegOf(msgspec.Struct, frozen=True, kw_only=True):
    """Where a channel stands in the books."""

    call: str
    leg: str
    is_over: bool
    """Whether the call's end is written."""


class CallStory(msgspec.Struct, frozen=True):
    """Everything about one call."""

    call: dict[str, Any]
    legs: list[dict[str, Any]]
    segments: list[dict[str, Any]]
    events: list[dict[str, Any]]
    recordings: list[str]


async def write(connection: Connection, bodies: Iterable[bytes], projections: Sequence[Projected]) -> None:
    """Write events (each a JSON object) and the rows of calls, all or nothing; what is there already stays or becomes as given.

    Raises what asyncpg raises; ``is_refusal`` tells which of it no later try will change.
    """
    await connection.execute(WRITE, (b"[" + b",".join(bodies) + b"]").decode(), msgspec.json.encode(projections).decode())


_REFUSED: Final = ("21", "22", "23", "54", "P0")
"""Classes of SQLSTATE: cardinality, data, integrity, limits of the program, and what a trigger raises."""


def is_refusal(error: Exception) -> bool:
    """Whether Postgres (or the way there) will never take this, however often it is tried."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "").startswith(_REFUSED)
    return isinstance(error, ValueError | OverflowError)


async def events_of(connection: Connection, calls: Sequence[str]) -> dict[str, list[Event]]:
    """Everything that happened to these calls; what this version doesn't understand is left out and logged."""
    found: dict[str, list[Event]] = {call: [] for call in calls}
    for row in await connection.fetch(EVENTS_OF_CALLS, calls):
        try:
            found[row[0]].append(msgspec.convert(row[1], Event))
        except msgspec.ValidationError as error:
            _log.error("an event in Postgres is not understood", call=row[0], reason=str(error)[:200])
    return found


def _moment(millis: int | None) -> Any:
    return None if millis is None else from_ms(millis)


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


async def legs_of_channels(pool: asyncpg.Pool, node: str, channels: Sequence[str], from_ms_: int, to_ms_: int) -> dict[str, LegOf]:
    """Call and leg of each channel that is in a call which began between two moments (UTC milliseconds): of its first one."""
    rows = await pool.fetch(LEGS_OF_CHANNELS, node, from_ms(from_ms_), from_ms(to_ms_), channels)
    return {row["channel"]: LegOf(call=row["call"], leg=row["leg"], is_over=row["is_over"]) for row in rows}


async def agent_day(pool: asyncpg.Pool, agent: str, from_ms_: int, to_ms_: int) -> tuple[Stretch, ...]:
    """What an agent did between two moments (UTC milliseconds; the second one not later than now): every millisecond once."""
    rows = await pool.fetch(AGENT_DAY, agent, from_ms(from_ms_), from_ms(to_ms_))
    changes = [
        Change(at_ms=to_ms(row["started_at"]), id=row["event"], state=row["state"], reason=row["reason"], by=row["by"]) for row in rows
    ]
    return stretches(changes, from_ms_, to_ms_)
