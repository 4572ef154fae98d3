"""The caller waits, with music, and agents' phones ring until one is answered."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from callcenter.acd.model import Offer, OfferEnd
from callcenter.acd.service import Ticket
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskRefused, NotFound
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.calls import line
from callcenter.calls.greeting import answer
from callcenter.calls.legs import Leg
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.ledger import events as ledger


async def queueing(session: Session) -> Phase:
    """Wait for an agent, as long as the queue allows."""
    await answer(session)
    name = session.record.queue
    since_ms = session.record.queued_ms or clock.utc_ms()
    if not session.record.queued_ms:
        session.note(ledger.Queued, at_ms=since_ms, queue=name)
    try:
        ticket = await session.house.acd.enqueue(session.record.id, name, since_ms=since_ms)
    except NotFound:
        session.log.error("the call's queue does not exist", queue=name)
        session.note(ledger.LeftQueue, queue=name, why="closed")
        await line.play(session, [f"{session.record.language}/out-of-service"])
        return Phase.DONE
    why = "abandoned"
    left_ms: int | None = None
    music = _Music(session, ticket.queue.music)
    try:
        if not ticket.has_offer:
            await music.start()
        session.save(queued_ms=since_ms)
        leg = await _until_answered(session, ticket, music)
        why = "answered" if leg else "timeout"
        left_ms = clock.utc_ms()
        await music.stop()
    finally:
        session.note(ledger.LeftQueue, at_ms=left_ms or session.caller.ended_ms or clock.utc_ms(), queue=name, why=why)
        if why != "answered":
            await session.house.acd.leave(ticket)
    if leg is None:
        session.record = session.record.evolve(voicemail_box=name)
        return Phase.VOICEMAIL
    session.record = session.record.evolve(offer="", agent=leg.party, other=leg.as_record())
    return Phase.ANNOUNCING if ticket.queue.announce_agent else Phase.CONVERSATION


async def _until_answered(session: Session, ticket: Ticket, music: _Music) -> Leg | None:
    loop = asyncio.get_running_loop()
    limit_s = ticket.queue.max_wait_s
    deadline = None if limit_s is None else loop.time() + max(0.0, limit_s - (clock.utc_ms() - ticket.since_ms) / 1000)
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                offer = await ticket.next_offer()
        except TimeoutError:
            return None
        if leg := await _ring(session, ticket, offer):
            return leg
        await music.start()


async def _ring(session: Session, ticket: Ticket, offer: Offer) -> Leg | None:
    session.record = session.record.evolve(offer=offer.id, agent=offer.agent)
    leg_id = new_id(Kind.LEG, clock.utc_ms())
    session.note(ledger.Offered, offer=offer.id, queue=offer.queue, agent=offer.agent, leg=leg_id, because=offer.because)
    end = OfferEnd.CALLER_GONE
    try:
        end, leg = await line.ring(session, offer.agent, ticket.queue.ring_timeout_s, leg_id)
    finally:
        at_ms = session.caller.ended_ms or clock.utc_ms()
        session.note(ledger.OfferEnded, at_ms=at_ms, offer=offer.id, agent=offer.agent, end=end)
        session.record = session.record.evolve(offer="")
        await session.house.acd.offer_ended(offer, end)
        if end is not OfferEnd.ANSWERED:
            session.record = session.record.evolve(agent="", other=None)
    return leg if end is OfferEnd.ANSWERED else None


class _Music:
    """Music while waiting, started once and stopped once."""

    def __init__(self, session: Session, music_class: str) -> None:
        self._session = session
        self._class = music_class
        self._on = False

    async def start(self) -> None:
        if not self._on:
            self._on = True
            await self._session.caller.channel.moh_start(self._class)

    async def stop(self) -> None:
        if self._on:
            self._on = False
            with suppress(AsteriskRefused):
                await self._session.caller.channel.moh_stop()
