"""SQL of a replay: everything the ledger knows of a past day, read in a handful of queries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from callcenter.acd.model import Agent, Member
from callcenter.acd.store import read_queues
from callcenter.basics.clock import to_ms
from callcenter.database.pool import store_away
from callcenter.ledger.agent_time import Change
from callcenter.ledger.events import Event, decode
from callcenter.replay.model import OtherWork, SetUp, Told
from callcenter.reports.model import Visit
from callcenter.reports.store import VISITS

_LIMIT_S: Final = 60

DAY_VISITS: Final = f"""with visits as ({VISITS})
select visits.*, calls.caller, calls.direction from visits join calls on calls.id = visits.call
order by entered_at, visits.call"""  # noqa: S608 - fixed names
"""Visits that began from $1 until before $2, of a queue ($3) or all, with who called."""
STORIES: Final = """select body::text as body from call_events
where call = any($1::text[]) and call <> '' and kind in ('queued', 'prioritised', 'left_queue', 'offered', 'offer_ended')
order by at, substr(id, 11)"""
"""What happened to some calls while they waited."""
CONVERSATIONS: Final = """select s.call, coalesce(nullif(s.agent, ''), c.agent) as agent,
  min(s.started_at) as from_at, max(s.ended_at) as to_at
from segments s join calls c on c.id = s.call
where s.kind in ('talking', 'held') and s.started_at >= $1 and s.started_at < $2 and coalesce(nullif(s.agent, ''), c.agent) <> ''
group by 1, 2 order by 3, 1, 2"""
"""Agents' conversations that began from $1 until before $2, a queue's and others."""
STATES: Final = """select a.number as agent, s.state, s.reason, s.by, s.started_at, s.event from agents a cross join lateral (
    (select state, reason, by, started_at, event from agent_states where agent = a.number and started_at < $1
      order by started_at desc, event desc limit 1)
    union all select state, reason, by, started_at, event from agent_states
      where agent = a.number and started_at >= $1 and started_at < $2) s
order by a.number, s.started_at, s.event"""
"""Agents' changes from $1 until before $2, and what each was before."""
AGENTS: Final = """select a.number, a.name, a.language,
    coalesce((select jsonb_object_agg(s.skill, s.level) from agent_skills s where s.agent = a.number), '{}') as skills
from agents a where a.active or exists (
    select 1 from agent_states s where s.agent = a.number and s.started_at >= $1 and s.started_at < $2 and s.state <> 'offline')
order by a.number"""
"""Agents who may work, and those retired since who worked that day."""
MEMBERS: Final = "select queue, agent, penalty, weight, position from queue_members order by queue, position, agent"
"""Who serves what, retired agents included."""
SKILLS: Final = "select name from skills order by name"
"""Every skill there is."""


async def _fetch(pool: asyncpg.Pool, query: str, *given: Any) -> list[asyncpg.Record]:
    with store_away():
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(f"set local statement_timeout = '{_LIMIT_S}s'")
            return await connection.fetch(query, *given, timeout=_LIMIT_S + 1)


async def read_visits(pool: asyncpg.Pool, begin: datetime, end: datetime) -> list[Told]:
    """The visits that began from ``begin`` until before ``end``, in the order in which they began."""
    return [_visit_row(dict(row)) for row in await _fetch(pool, DAY_VISITS, begin, end, None)]


def _visit_row(row: dict[str, Any]) -> Told:
    call, caller, direction = (row.pop(name) for name in ("call", "caller", "direction"))
    entered_ms = to_ms(row.pop("entered_at"))
    visit = Visit(**{name: value for name, value in row.items() if name in Visit.__struct_fields__}, entered_ms=entered_ms)
    return Told(call=call, caller=caller, direction=direction, visit=visit)


async def read_stories(pool: asyncpg.Pool, calls: Iterable[str]) -> dict[str, list[Event]]:
    """What happened to each of these calls while they waited, in its order."""
    found: dict[str, list[Event]] = {}
    for row in await _fetch(pool, STORIES, sorted(set(calls))):
        event = decode(row["body"])
        found.setdefault(event.call, []).append(event)
    return found


async def read_conversations(pool: asyncpg.Pool, begin: datetime, end: datetime) -> list[OtherWork]:
    """Agents' conversations that began from ``begin`` until before ``end``."""
    return [
        OtherWork(call=row["call"], agent=row["agent"], from_ms=to_ms(row["from_at"]), to_ms=to_ms(row["to_at"]))
        for row in await _fetch(pool, CONVERSATIONS, begin, end)
    ]


async def read_states(pool: asyncpg.Pool, begin: datetime, end: datetime) -> dict[str, list[Change]]:
    """By agent: the changes from ``begin`` until before ``end``, after the one that held at ``begin``."""
    found: dict[str, list[Change]] = {}
    for row in await _fetch(pool, STATES, begin, end):
        change = Change(at_ms=to_ms(row["started_at"]), id=row["event"], state=row["state"], reason=row["reason"], by=row["by"])
        found.setdefault(row["agent"], []).append(change)
    return found


async def read_set_up(pool: asyncpg.Pool, begin: datetime, end: datetime) -> SetUp:
    """What is set up now; with the agents who worked between the moments and are retired since. No secrets of theirs."""
    agents = [msgspec.convert(dict(row) | {"sip_password": "", "pin": ""}, Agent) for row in await _fetch(pool, AGENTS, begin, end)]
    numbers = {agent.number for agent in agents}
    members = [Member(**dict(row)) for row in await _fetch(pool, MEMBERS)]
    with store_away():
        queues = await read_queues(pool)
    return SetUp(
        agents={agent.number: agent for agent in agents},
        queues={queue.name: queue for queue in queues},
        members={(member.queue, member.agent): member for member in members if member.agent in numbers},
    )


async def read_skills(pool: asyncpg.Pool) -> list[str]:
    """The names of all skills."""
    return [row["name"] for row in await _fetch(pool, SKILLS)]
