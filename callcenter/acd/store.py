"""SQL of agents, queues and who serves what."""

from __future__ import annotations

import asyncpg

from callcenter.acd.model import Agent, Member, Queue
from callcenter.basics.errors import BadRequest, NotFound
from callcenter.basics.vocabulary import AGENT_NUMBER, NAME, Language, display_name

AGENTS = "select number, name, language, sip_password, pin from agents where active order by number"
"""Every agent who may work."""
QUEUES = """select name, title, strategy, ring_timeout_s, wrap_up_s, max_wait_s, announce_agent, record_calls, music, weight
from queues order by name"""
"""Every queue."""
MEMBERS = "select m.queue, m.agent, m.penalty from queue_members m join agents a on a.number = m.agent and a.active order by 1, 2"
"""Which active agent serves which queue."""
ADD_AGENT = """insert into agents (number, name, language, sip_password, pin) values ($1, $2, $3, $4, $5)
on conflict (number) do nothing returning number"""
"""A new agent; no row when the number is taken."""
RETIRE_AGENT = "update agents set active = false where number = $1 and active returning number"
"""An agent who no longer works; what they did stays."""
ADD_QUEUE = """insert into queues (name, title, ring_timeout_s, wrap_up_s, max_wait_s, announce_agent, record_calls)
values ($1, $2, $3, $4, $5, $6, $7) on conflict (name) do nothing returning name"""
"""A new queue; no row when the name is taken."""
ADD_MEMBER = """insert into queue_members (queue, agent, penalty) values ($1, $2, $3)
on conflict (queue, agent) do update set penalty = excluded.penalty"""
"""The agent serves the queue from now on."""


async def read_agents(pool: asyncpg.Pool) -> list[Agent]:
    """Every agent who may work, by number."""
    return [
        Agent(number=row[0], name=row[1], language=Language(row[2]), sip_password=row[3], pin=row[4]) for row in await pool.fetch(AGENTS)
    ]


async def read_queues(pool: asyncpg.Pool) -> list[Queue]:
    """Every queue, by name."""
    return [Queue(**dict(row)) for row in await pool.fetch(QUEUES)]


async def read_members(pool: asyncpg.Pool) -> list[Member]:
    """Who serves what."""
    return [Member(queue=row[0], agent=row[1], penalty=row[2]) for row in await pool.fetch(MEMBERS)]


async def add_agent(pool: asyncpg.Pool, agent: Agent) -> None:
    """Add an agent; BadRequest when the number is malformed or taken."""
    if not AGENT_NUMBER.fullmatch(agent.number):
        raise BadRequest(f"number: {agent.number!r:.40} is no job number; 2 to 8 digits", field="number")
    name = display_name(agent.name)
    if await pool.fetchval(ADD_AGENT, agent.number, name, agent.language, agent.sip_password, agent.pin) is None:
        raise BadRequest(f"number: {agent.number} is taken; choose another", field="number")


async def retire_agent(pool: asyncpg.Pool, number: str) -> None:
    """Take an agent out of work; NotFound when there is none."""
    if await pool.fetchval(RETIRE_AGENT, number) is None:
        raise NotFound(f"there is no agent {number!r:.20}")


async def add_queue(pool: asyncpg.Pool, queue: Queue) -> None:
    """Add a queue; BadRequest when the name is malformed or taken."""
    if not NAME.fullmatch(queue.name):
        raise BadRequest(f"name: {queue.name!r:.60} is no queue name; small letters, digits, - and _", field="name")
    row = (queue.name, queue.title, queue.ring_timeout_s, queue.wrap_up_s, queue.max_wait_s, queue.announce_agent, queue.record_calls)
    if await pool.fetchval(ADD_QUEUE, *row) is None:
        raise BadRequest(f"name: {queue.name} is taken; choose another", field="name")


async def add_member(pool: asyncpg.Pool, member: Member) -> None:
    """Let an agent serve a queue."""
    try:
        await pool.execute(ADD_MEMBER, member.queue, member.agent, member.penalty)
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound(f"there is no queue {member.queue!r:.40} or no agent {member.agent!r:.20}") from error
