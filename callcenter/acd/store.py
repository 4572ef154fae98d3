"""SQL of agents, skills, queues, who serves what, and reasons to pause."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from callcenter.acd.model import Agent, Member, PauseReason, Queue
from callcenter.basics.errors import BadRequest, NotFound
from callcenter.basics.logs import get_logger
from callcenter.basics.vocabulary import AGENT_NUMBER, NAME, display_name
from callcenter.database.pool import Querier

_log = get_logger(__name__)
AGENTS = """select a.number, a.name, a.language, a.sip_password, a.pin, a.desk, a.confirms_outside,
    coalesce((select jsonb_object_agg(s.skill, s.level) from agent_skills s where s.agent = a.number), '{}') as skills
from agents a where a.active order by a.number"""
"""Every agent who may work, with skills."""
SET_DESK = "update agents set desk = $2, confirms_outside = $3 where number = $1 and active returning number"
"""Where the agent is signed on."""
QUEUES = """select name, title, strategy, ring_timeout_s, wrap_up_s, max_wait_s, announce_agent, record_calls, music, head_start_s,
    priority_step_s, return_window_s, ring_most, widen_s, preferred_wait_s, auto_pause_after, wrap_up_extra_s, service_level_s, rules
from queues order by name"""
"""Every queue with its rules."""
MEMBERS = """select m.queue, m.agent, m.penalty, m.weight, m.position
from queue_members m join agents a on a.number = m.agent and a.active order by m.queue, m.position, m.agent"""
"""Which active agent serves which queue."""
HANDLED = """select q.name, array_agg(c.ms) as lasted_ms from queues q cross join lateral (
    select talk_ms + hold_ms + wrapup_ms + ring_ms / greatest(offers, 1) as ms from calls
    where calls.queue = q.name and connected_at is not null and ended_at is not null order by started_at desc limit $1
) c group by q.name"""
"""What each queue's last calls took of an agent's time."""
TALKS = """select caller, queue, agent, connected_at from calls
where started_at > now() - make_interval(days => $1) and queue <> '' and agent <> '' and connected_at is not null
order by started_at desc limit $2"""
"""Who talked with whom in which queue, the newest first."""
REASONS = "select name, title_zh, title_en, paid, limit_s, ends, position from pause_reasons order by position, name"
"""Why agents may pause."""
ADD_AGENT = """insert into agents (number, name, language, sip_password, pin) values ($1, $2, $3, $4, $5)
on conflict (number) do nothing returning number"""
"""A new agent; no row when the number is taken."""
RETIRE_AGENT = "update agents set active = false where number = $1 and active returning number"
"""An agent who no longer works; what they did stays."""
ADD_QUEUE = """insert into queues (name, title, strategy, ring_timeout_s, wrap_up_s, max_wait_s, announce_agent, record_calls, music,
    head_start_s, priority_step_s, return_window_s, ring_most, widen_s, preferred_wait_s, auto_pause_after,
    wrap_up_extra_s, service_level_s, rules)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
on conflict (name) do nothing returning name"""
"""A new queue; no row when the name is taken."""
ADD_MEMBER = """insert into queue_members (queue, agent, penalty, weight, position) values ($1, $2, $3, $4, $5)
on conflict (queue, agent) do update set penalty = excluded.penalty, weight = excluded.weight, position = excluded.position"""
"""The agent serves the queue from now on."""


async def read_agents(pool: asyncpg.Pool) -> list[Agent]:
    """Every agent who may work, by number."""
    return [msgspec.convert(dict(row), Agent) for row in await pool.fetch(AGENTS)]


async def read_queues(pool: asyncpg.Pool) -> list[Queue]:
    """Every queue, by name."""
    return [_queue(dict(row)) for row in await pool.fetch(QUEUES)]


def _queue(row: dict[str, Any]) -> Queue:
    """A queue whose rules can't be read (written by hand, or by another version) works without them: its callers still wait."""
    try:
        return msgspec.convert(row, Queue)
    except msgspec.ValidationError as error:
        _log.error("a queue's rules can't be read", queue=row["name"], reason=str(error))
        return msgspec.convert(row | {"rules": {}}, Queue)


async def read_members(pool: asyncpg.Pool) -> list[Member]:
    """Who serves what."""
    return [Member(**dict(row)) for row in await pool.fetch(MEMBERS)]


async def read_reasons(pool: asyncpg.Pool) -> list[PauseReason]:
    """Why agents may pause, in the order in which they are shown."""
    return [PauseReason(**dict(row)) for row in await pool.fetch(REASONS)]


async def read_handled(pool: asyncpg.Pool, most: int) -> dict[str, list[int]]:
    """Queue → what up to ``most`` of its last calls took of an agent's time, milliseconds, the newest first."""
    return {row["name"]: row["lasted_ms"] for row in await pool.fetch(HANDLED, most)}


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """An agent talked with a caller of a queue."""

    caller: str
    queue: str
    agent: str
    connected_at: datetime


async def read_talks(pool: asyncpg.Pool, days: int, most: int) -> list[Talk]:
    """Who talked with whom in the last ``days``, at most so many talks, the newest first."""
    return [Talk(**dict(row)) for row in await pool.fetch(TALKS, days, most)]


async def add_agent(pool: Querier, agent: Agent) -> None:
    """Add an agent; BadRequest when the number is malformed or taken."""
    if not AGENT_NUMBER.fullmatch(agent.number):
        raise BadRequest(f"number: {agent.number!r:.40} is no job number; 2 to 8 digits", field="number")
    name = display_name(agent.name)
    if await pool.fetchval(ADD_AGENT, agent.number, name, agent.language, agent.sip_password, agent.pin) is None:
        raise BadRequest(f"number: {agent.number} is taken; choose another", field="number")


async def set_desk(pool: asyncpg.Pool, number: str, desk: str, *, confirms: bool) -> None:
    """Write down where an agent is signed on; NotFound when there is none."""
    if await pool.fetchval(SET_DESK, number, desk, confirms) is None:
        raise NotFound(f"there is no agent {number!r:.20}")


async def retire_agent(pool: asyncpg.Pool, number: str) -> None:
    """Take an agent out of work; NotFound when there is none."""
    if await pool.fetchval(RETIRE_AGENT, number) is None:
        raise NotFound(f"there is no agent {number!r:.20}")


def queue_row(queue: Queue) -> tuple[Any, ...]:
    """The queue's columns in the order of ADD_QUEUE."""
    *columns, rules = (getattr(queue, field) for field in Queue.__struct_fields__)
    return (*columns, msgspec.to_builtins(rules))


async def add_queue(pool: Querier, queue: Queue) -> None:
    """Add a queue; BadRequest when the name is malformed or taken."""
    if not NAME.fullmatch(queue.name):
        raise BadRequest(f"name: {queue.name!r:.60} is no queue name; small letters, digits, - and _", field="name")
    if await pool.fetchval(ADD_QUEUE, *queue_row(queue)) is None:
        raise BadRequest(f"name: {queue.name} is taken; choose another", field="name")


async def add_member(pool: Querier, member: Member) -> None:
    """Let an agent serve a queue."""
    try:
        await pool.execute(ADD_MEMBER, member.queue, member.agent, member.penalty, member.weight, member.position)
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound(f"there is no queue {member.queue!r:.40} or no agent {member.agent!r:.20}") from error
