"""The caller waits, with music, and agents' phones ring until one is answered."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from callcenter.acd.model import EndedOffer, Offer, OfferEnd
from callcenter.acd.ticket import Ticket
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskRefused, NotFound
from callcenter.basics.tasks import cancel_and_wait
from callcenter.calls import line
from callcenter.calls.greeting import answer
from callcenter.calls.legs import Leg
from callcenter.calls.phases import Phase
from callcenter.calls.ringing import Phones, RingOver
from callcenter.calls.session import Session
from callcenter.ledger import events as ledger


async def queueing(session: Session) -> Phase:
    """Wait for an agent, as long as the queue allows."""
    ticket = await _ticket(session)
    if ticket is None:
        return Phase.DONE
    why = "abandoned"
    left_ms: int | None = None
    music = _Music(session, ticket.queue.music)
    answering = session.house.tasks.start(answer(session), f"answer {session.record.id}")
    try:
        await _take_the_place(session, ticket)
        await answering
        if not ticket.has_offer:
            await music.start()
        session.save(queued_ms=ticket.since_ms, entered_ms=ticket.entered_ms)
        leg = await _until_answered(session, ticket, music)
        why = "answered" if leg else "timeout"
        left_ms = clock.utc_ms()
        await music.stop()
    finally:
        session.note(ledger.LeftQueue, at_ms=left_ms or session.caller.ended_ms or clock.utc_ms(), queue=ticket.queue.name, why=why)
        await cancel_and_wait(answering)
        if why != "answered":
            await session.house.acd.leave(ticket, abandoned=why == "abandoned")
    if leg is None:
        session.record = session.record.evolve(voicemail_box=ticket.queue.name, ringing=())
        return Phase.VOICEMAIL
    session.record = session.record.evolve(ringing=(), agent=leg.party, other=leg.as_record())
    return Phase.ANNOUNCING if ticket.queue.announce_agent else Phase.CONVERSATION


async def _ticket(session: Session) -> Ticket | None:
    record = session.record
    entered_ms = record.entered_ms or clock.utc_ms()
    if not record.entered_ms:
        session.note(ledger.Queued, at_ms=entered_ms, queue=record.queue, priority=record.priority)
    try:
        return session.house.acd.ticket(record.id, record.queue, since_ms=record.queued_ms or entered_ms, entered_ms=entered_ms)
    except NotFound:
        session.log.error("the call's queue does not exist", queue=record.queue)
        session.note(ledger.LeftQueue, queue=record.queue, why="closed")
        await answer(session)
        await line.play(session, [f"{record.language}/out-of-service"])
        return None


async def _take_the_place(session: Session, ticket: Ticket) -> None:
    record = session.record
    await session.house.acd.enqueue(ticket, priority=record.priority, need=record.need, preferred=record.preferred, number=record.number)


async def _until_answered(session: Session, ticket: Ticket, music: _Music) -> Leg | None:
    """Let the phones ring that the match chooses; None when the queue's longest wait is over."""
    limit_s = ticket.queue.max_wait_s
    passed_s = (clock.utc_ms() - ticket.entered_ms) / 1000
    deadline = None if limit_s is None else asyncio.get_running_loop().time() + max(0.0, limit_s - passed_s)
    async with Phones(session, ticket) as phones:
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    message = await ticket.inbox.get()
            except TimeoutError:
                return None
            match message:
                case Offer():
                    phones.ring(message)
                case EndedOffer():
                    phones.stop(message.id, message.end)
                case RingOver(end=OfferEnd.ANSWERED):
                    if await phones.won(message):
                        return message.leg
                case RingOver():
                    await session.house.acd.offer_ended(message.offer, message.end)
                    await music.start()


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
