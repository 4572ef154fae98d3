"""Somebody is called back: the agent's phone rings first, then the customer's, and the two are connected.

With ``agent_first`` off the customer is called first while the agent is held; the phone of the agent rings when the customer
has answered, who then waits like any caller, at the head of the line.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from callcenter.acd.model import EndedOffer, Offer, OfferEnd
from callcenter.acd.ticket import Ticket
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, NotFound
from callcenter.basics.tasks import cancel_and_wait
from callcenter.basics.vocabulary import Language
from callcenter.calls import line
from callcenter.calls.callback_retry import ANSWERED, end_of
from callcenter.calls.legs import Leg
from callcenter.calls.phases import Phase
from callcenter.calls.ringing import Phones, RingOver
from callcenter.calls.session import Session
from callcenter.ivr import speech
from callcenter.ledger import events as ledger

_RING_S: Final = 45.0
"""How long the customer's telephone rings."""
_MOVE_LIMIT_S: Final = 5.0


async def calling_back(session: Session) -> Phase:
    """Find an agent and call the customer; what has come of it stands in ``session.callback_end``."""
    found = None if session.moved else session.house.callbacks.begun(session.record.callback)
    if found is None:
        return await _taken_over(session)
    ticket, offer = found
    if not ticket.queue.rules.callback.agent_first:
        return await _customer_first(session, ticket)
    session.note(ledger.Queued, queue=ticket.queue.name, priority=session.record.priority)
    why = "callback"
    try:
        if await _agent_first(session, ticket, offer):
            why = ANSWERED
            return Phase.CONVERSATION
    finally:
        session.note(ledger.LeftQueue, queue=ticket.queue.name, why=why)
    return Phase.DONE


async def _taken_over(session: Session) -> Phase:
    """Begun before, by another worker or with a connection that is lost: who has answered is connected, others are tried again."""
    record = session.record
    agent = session.legs.get(record.other.channel) if record.other else None
    legs = [session.caller, *([agent] if agent else [])]
    if not all(leg.answered.is_set() and not leg.ended.is_set() for leg in legs):
        return Phase.DONE
    with suppress(TimeoutError):
        async with asyncio.timeout(_MOVE_LIMIT_S):
            await asyncio.gather(*(leg.arrived.wait() for leg in legs))
    if any(leg.ended.is_set() for leg in legs):
        return Phase.DONE
    if agent:
        session.house.callbacks.reached(record.callback)
        session.note(ledger.LeftQueue, queue=record.queue, why=ANSWERED)
        with suppress(AsteriskRefused):
            await agent.channel.ring_stop()
        return Phase.CONVERSATION
    return _wait_for_the_agent(session)


# The agent first


async def _agent_first(session: Session, ticket: Ticket, offer: Offer) -> bool:
    """Whether agent and customer have both answered."""
    agent = await _find_agent(session, ticket, offer)
    if agent is None:
        return False
    session.record = session.record.evolve(ringing=(), agent=agent.party, other=agent.as_record())
    session.save()
    gone = session.house.tasks.start(agent.ended.wait(), f"agent gone {session.record.id}")
    calling = session.house.tasks.start(_tell_and_call(session, agent), f"call back {session.record.id}")
    try:
        await asyncio.wait({gone, calling}, return_when=asyncio.FIRST_COMPLETED)
        end = await calling if calling.done() else None
    finally:
        await cancel_and_wait(gone, calling)
    if end is None:
        return False
    session.callback_end = end_of(end)
    if end is not OfferEnd.ANSWERED:
        with suppress(AsteriskRefused, TimeoutError):
            await _say(session, agent, [f"{_language_of(session, agent)}/callback/not-reached"])
        return False
    session.house.callbacks.reached(session.record.callback)
    return True


async def _find_agent(session: Session, ticket: Ticket, offer: Offer) -> Leg | None:
    """The first agent who answers; None when nobody is free any more."""
    async with Phones(session, ticket) as phones:
        phones.ring(offer)
        while phones.ringing or not ticket.inbox.empty():
            match message := await ticket.inbox.get():
                case Offer():
                    phones.ring(message)
                case EndedOffer():
                    phones.stop(message.id, message.end)
                case RingOver(end=OfferEnd.ANSWERED):
                    if await phones.won(message):
                        leg: Leg = message.leg
                        return leg
                case RingOver():
                    await session.house.acd.offer_ended(message.offer, message.end)
    return None


async def _tell_and_call(session: Session, agent: Leg) -> OfferEnd:
    """The agent hears who is called; then the customer is."""
    language = _language_of(session, agent)
    await _say(session, agent, [f"{language}/callback/to", *speech.digits(session.record.number, language)])
    with suppress(AsteriskRefused):
        await agent.channel.ring()
    try:
        return await _ring_customer(session)
    finally:
        with suppress(AsteriskRefused, AsteriskAway):
            await agent.channel.ring_stop()


def _language_of(session: Session, agent: Leg) -> Language:
    try:
        return session.house.acd.agent(agent.party).language
    except NotFound:
        return session.record.language


async def _say(session: Session, agent: Leg, sounds: list[str]) -> None:
    async with line.playing(session, sounds, agent) as (_, over), asyncio.timeout(line.longest_s(sounds)):
        await over


# The customer


async def _ring_customer(session: Session) -> OfferEnd:
    """Let the customer's telephone ring through the first trunk that takes calls out."""
    trunks = session.house.lines.ways_out
    if not trunks:
        session.log.error("nobody can be called back: no trunk takes calls out")
        return OfferEnd.FAILED
    await session.house.callbacks.dialling(session.record.callback)
    customer, number = session.caller, session.record.number
    customer.endpoint = session.house.lines.endpoint_through(trunks[0], number)
    customer.made = True
    return await line.ring(session, number, _RING_S, customer, lambda leg: session.save(caller=leg.as_record()))


async def _customer_first(session: Session, ticket: Ticket) -> Phase:
    """Call the customer while the agent is held; who answers waits in the queue, where the agent's phone rings."""
    end = await _ring_customer(session)
    session.callback_end = end_of(end)
    if end is not OfferEnd.ANSWERED:
        await session.house.acd.leave(ticket)
        return Phase.DONE
    session.callback_end = "no_answer"
    return _wait_for_the_agent(session)


def _wait_for_the_agent(session: Session) -> Phase:
    """The customer is on the line and waits at the old place: the offers for it stand."""
    now = clock.utc_ms()
    session.note(ledger.Queued, at_ms=now, queue=session.record.queue, priority=session.record.priority)
    session.record = session.record.evolve(caller=session.caller.as_record(), entered_ms=now)
    return Phase.QUEUE
