"""The call is for one agent: that phone rings, whatever queues the agent serves."""

from __future__ import annotations

from contextlib import suppress

from callcenter.acd.model import AgentState, OfferEnd
from callcenter.basics.errors import AsteriskRefused
from callcenter.calls import line
from callcenter.calls.greeting import answer
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session

_RING_S = 30.0


async def direct(session: Session) -> Phase:
    """Ring the agent; busy or no answer: voicemail for calls from outside."""
    agent, call, acd = session.record.agent, session.record.id, session.house.acd
    if acd.knows_agent(agent) and agent != session.caller.party and await acd.busy(agent, call, AgentState.RINGING):
        end = OfferEnd.CALLER_GONE
        with suppress(AsteriskRefused):
            await session.caller.channel.ring()
        try:
            leg = line.new_leg(session, agent)
            end = await line.ring(session, agent, _RING_S, leg, lambda leg: session.save(other=leg.as_record()))
        finally:
            if end is not OfferEnd.ANSWERED:
                session.record = session.record.evolve(agent="", other=None)
                await acd.call_over(agent, call, None)
        if end is OfferEnd.ANSWERED:
            await answer(session)
            with suppress(AsteriskRefused):
                await session.caller.channel.ring_stop()
            await acd.busy(agent, call, AgentState.TALKING)
            session.record = session.record.evolve(other=leg.as_record())
            return Phase.CONVERSATION
    session.record = session.record.evolve(agent="", voicemail_box=agent)
    await answer(session)
    return Phase.VOICEMAIL
