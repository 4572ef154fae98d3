"""SQL with which an administrator changes queues, members, skills and reasons to pause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import msgspec

from callcenter.acd.model import PauseReason, Queue
from callcenter.acd.store import queue_row
from callcenter.basics.errors import NotFound

PUT_QUEUE: Final = """insert into queues (name, title, strategy, ring_timeout_s, wrap_up_s, max_wait_s, announce_agent, record_calls, music,
    head_start_s, priority_step_s, return_window_s, ring_most, widen_s, preferred_wait_s, auto_pause_after,
    wrap_up_extra_s, service_level_s, rules)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
on conflict (name) do update set (title, strategy, ring_timeout_s, wrap_up_s, max_wait_s, announce_agent, record_calls, music,
    head_start_s, priority_step_s, return_window_s, ring_most, widen_s, preferred_wait_s, auto_pause_after,
    wrap_up_extra_s, service_level_s, rules)
  = row(excluded.title, excluded.strategy, excluded.ring_timeout_s, excluded.wrap_up_s, excluded.max_wait_s, excluded.announce_agent,
    excluded.record_calls, excluded.music, excluded.head_start_s, excluded.priority_step_s, excluded.return_window_s, excluded.ring_most,
    excluded.widen_s, excluded.preferred_wait_s, excluded.auto_pause_after, excluded.wrap_up_extra_s, excluded.service_level_s,
    excluded.rules)"""
"""The queue as given, new or changed."""
LEADS_TO_QUEUE: Final = """select 'number ' || number from numbers where kind = 'queue' and target = $1
union all select 'flow ' || f.name from (select distinct on (name) name, body from flows order by name, version desc) f
    where jsonb_path_exists(f.body, '$.**.queue ? (@ == $name)', jsonb_build_object('name', $1::text))
union all select 'queue ' || q.name from queues q where q.name <> $1
    and jsonb_path_exists(q.rules, '$.overflow[*] ? (@.to == "queue" && @.target == $name)', jsonb_build_object('name', $1::text))
order by 1"""
"""What sends callers to a queue: numbers, flows as they are now, other queues' overflow."""
REMOVE_QUEUE: Final = "delete from queues where name = $1 returning name"
"""The queue is gone; what callers did there stays in the ledger."""
REMOVE_MEMBER: Final = "delete from queue_members where queue = $1 and agent = $2 returning agent"
"""The agent no longer serves the queue."""
SKILLS: Final = """select s.name, s.title,
    coalesce((select jsonb_object_agg(a.agent, a.level) from agent_skills a where a.skill = s.name), '{}') as agents
from skills s order by s.name"""
"""Every skill with who has it."""
PUT_SKILL: Final = "insert into skills (name, title) values ($1, $2) on conflict (name) do update set title = excluded.title"
"""A skill, new or renamed."""
QUEUES_NEEDING: Final = """select name from queues
where jsonb_path_exists(rules, '$.rings[*].need.keyvalue() ? (@.key == $name)', jsonb_build_object('name', $1::text)) order by name"""
"""Queues whose rings ask for a skill."""
REMOVE_SKILL: Final = "delete from skills where name = $1 returning name"
"""A skill nobody has any more."""
SKILL_NAMES: Final = "select name from skills"
"""What skills there are."""
CLEAR_SKILLS: Final = "delete from agent_skills where agent = $1"
"""The agent has no skills."""
ADD_SKILL: Final = "insert into agent_skills (agent, skill, level) values ($1, $2, $3)"
"""The agent has this skill."""
PUT_REASON: Final = """insert into pause_reasons (name, title_zh, title_en, paid, limit_s, ends, position)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (name) do update set (title_zh, title_en, paid, limit_s, ends, position)
  = row(excluded.title_zh, excluded.title_en, excluded.paid, excluded.limit_s, excluded.ends, excluded.position)"""
"""A reason to pause, new or changed."""
REMOVE_REASON: Final = "delete from pause_reasons where name = $1 returning name"
"""Nobody pauses for this reason any more."""


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """A skill and who has it."""

    name: str
    title: str
    agents: dict[str, int]
    """Agent → level."""


async def put_queue(pool: asyncpg.Pool, queue: Queue) -> None:
    """Make or change a queue that was checked."""
    await pool.execute(PUT_QUEUE, *queue_row(queue))


async def leads_to_queue(pool: asyncpg.Pool, queue: str) -> list[str]:
    """What sends callers to a queue, in words: ``number 4001``, ``flow main``, ``queue sales``."""
    return [row[0] for row in await pool.fetch(LEADS_TO_QUEUE, queue)]


async def remove_queue(pool: asyncpg.Pool, queue: str) -> None:
    """Remove a queue; NotFound when there is none."""
    if await pool.fetchval(REMOVE_QUEUE, queue) is None:
        raise NotFound(f"there is no queue {queue!r:.40}")


async def remove_member(pool: asyncpg.Pool, queue: str, agent: str) -> None:
    """Take an agent out of a queue; NotFound when they don't serve it."""
    if await pool.fetchval(REMOVE_MEMBER, queue, agent) is None:
        raise NotFound(f"agent {agent!r:.20} does not serve queue {queue!r:.40}")


async def read_skills(pool: asyncpg.Pool) -> list[Skill]:
    """Every skill with who has it."""
    return [Skill(**dict(row)) for row in await pool.fetch(SKILLS)]


async def skill_names(pool: asyncpg.Pool) -> set[str]:
    """The names of all skills."""
    return {row[0] for row in await pool.fetch(SKILL_NAMES)}


async def put_skill(pool: asyncpg.Pool, name: str, title: str) -> None:
    """Make or rename a skill."""
    await pool.execute(PUT_SKILL, name, title)


async def queues_needing(pool: asyncpg.Pool, skill: str) -> list[str]:
    """Queues whose rings ask for a skill."""
    return [row[0] for row in await pool.fetch(QUEUES_NEEDING, skill)]


async def remove_skill(pool: asyncpg.Pool, name: str) -> None:
    """Remove a skill; NotFound when there is none."""
    if await pool.fetchval(REMOVE_SKILL, name) is None:
        raise NotFound(f"there is no skill {name!r:.40}")


async def set_skills(pool: asyncpg.Pool, agent: str, levels: Mapping[str, int]) -> None:
    """Give an agent exactly these skills (skill → level 1 to 10), all at once."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(CLEAR_SKILLS, agent)
        await connection.executemany(ADD_SKILL, [(agent, skill, level) for skill, level in levels.items()])


async def put_reason(pool: asyncpg.Pool, reason: PauseReason) -> None:
    """Make or change a reason to pause."""
    row: tuple[Any, ...] = tuple(getattr(reason, field) for field in PauseReason.__struct_fields__)
    await pool.execute(PUT_REASON, *row)


async def remove_reason(pool: asyncpg.Pool, name: str) -> None:
    """Remove a reason; NotFound when there is none."""
    if await pool.fetchval(REMOVE_REASON, name) is None:
        raise NotFound(f"there is no reason {name!r:.40}")
