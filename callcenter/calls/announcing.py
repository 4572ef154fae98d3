"""The agent has picked up; the caller hears whom they will speak to (自动报工号) before the two are connected."""

from __future__ import annotations

import asyncio

from callcenter.basics.tasks import cancel_and_wait
from callcenter.calls import line
from callcenter.calls.legs import Leg
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.ledger import events as ledger


def other_leg(session: Session) -> Leg:
    """The other side's leg of the record."""
    other = session.record.other
    if other is None:
        raise AssertionError("a conversation has two sides")
    return session.legs[other.channel]


async def announcing(session: Session) -> Phase:
    """Announce the agent; an agent who hangs up meanwhile gives the caller the old place in the queue back."""
    agent = other_leg(session)
    sound = f"{session.record.language}/agents/{session.record.agent}"
    complete = False
    announcement = session.house.tasks.start(line.play(session, [sound]), f"announcement {session.record.id}")
    gone = session.house.tasks.start(agent.ended.wait(), f"agent gone {session.record.id}")
    try:
        await asyncio.wait({announcement, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not gone.done():
            await announcement
            complete = True
    finally:
        session.note(ledger.Announced, agent=session.record.agent, complete=complete)
        await cancel_and_wait(announcement, gone)
    if complete:
        return Phase.CONVERSATION
    await session.house.acd.call_over(agent.party, session.record.id, None)
    session.note(ledger.Queued, queue=session.record.queue)
    session.record = session.record.evolve(agent="", other=None)
    return Phase.QUEUE
