"""A caller enters a queue: is there an agent of their own, who is asked before anybody else?"""

from __future__ import annotations

import asyncio
from typing import Final

from callcenter.acd.model import Queue
from callcenter.acd.own_agent import own_agent
from callcenter.acd.rules import Own
from callcenter.basics import clock
from callcenter.basics.vocabulary import ANONYMOUS
from callcenter.calls.session import Session
from callcenter.ledger import events as ledger

_LIMIT_S: Final = 0.25
"""Nobody waits longer than this to be known again."""


async def prefer(session: Session, queue: Queue) -> None:
    """Put the caller's own agent into the record, where the queue's rules ask for one; and tell the ledger whom and why."""
    record, rules = session.record, queue.rules.own_agent
    found = None
    if rules.by and queue.preferred_wait_s and record.number != ANONYMOUS:
        last = {}
        if Own.LAST in rules.by:
            try:
                async with asyncio.timeout(_LIMIT_S):
                    last = dict(await session.house.last_talks.of(record.number))
            except TimeoutError:
                session.log.info("nobody knows in time who talked with the caller last")
        members = session.house.acd.members(queue.name)
        owner = session.house.caller_facts(record.number).owner
        found = own_agent(rules, queue=queue.name, members=members, owner=owner, last=last, now_ms=clock.utc_ms())
    if found:
        session.record = record.evolve(preferred=found.agent)
        session.note(ledger.AgentPreferred, queue=queue.name, agent=found.agent, why=found.why)
    elif record.preferred and queue.preferred_wait_s:
        session.note(ledger.AgentPreferred, queue=queue.name, agent=record.preferred, why="flow")


def remember(session: Session) -> None:
    """The two talk: the caller's next call may go to this agent first."""
    record, number = session.record, session.record.number
    if record.queue and record.agent and number != ANONYMOUS:
        remembering = session.house.last_talks.remember(number, record.queue, record.agent, clock.utc_ms())
        session.house.tasks.start(remembering, f"remember {record.id}")
