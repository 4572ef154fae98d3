"""The caller waits, with music, and agents' phones ring until one is answered.

One inbox, the ticket's, tells all that can happen: offers and their ends (from the match), phones that ring no longer
(ringing.py), reasons to look at the overflow rules again (overflowing.py), and ``Exit`` from whatever else ends the wait. The
producers are tasks that live as long as the wait does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from callcenter.acd.model import EndedOffer, Offer, OfferEnd
from callcenter.acd.ticket import Ticket
from callcenter.basics import clock
from callcenter.basics.errors import NotFound
from callcenter.basics.tasks import cancel_and_wait
from callcenter.calls import line
from callcenter.calls.callback_asking import CallbackOffers
from callcenter.calls.comforting import Comforting
from callcenter.calls.greeting import answer
from callcenter.calls.legs import Leg
from callcenter.calls.overflowing import Exit, LookAgain, Overflowing, Placed, waited_too_long
from callcenter.calls.own_agent import prefer
from callcenter.calls.phases import Phase
from callcenter.calls.ringing import Phones, RingOver
from callcenter.calls.session import Session
from callcenter.calls.waiting_sound import WaitingSound
from callcenter.ledger import events as ledger


async def queueing(session: Session) -> Phase:
    """Wait for an agent, as long as the queue allows."""
    fresh = not session.record.entered_ms
    ticket = await _ticket(session)
    if ticket is None:
        return Phase.DONE
    end: Leg | Exit | None = None
    left_ms: int | None = None
    sound = WaitingSound(session, ticket.queue.music)
    overflowing = Overflowing(session, ticket)
    answering = session.house.tasks.start(answer(session), f"answer {session.record.id}")
    try:
        end = overflowing.way_out(entering=fresh)
        if end is None:
            await _take_the_place(session, ticket, fresh=fresh)
            await answering
            async with _producers(session, ticket, overflowing, sound, fresh=fresh):
                if not ticket.has_offer:
                    await sound.start()
                session.save(queued_ms=ticket.since_ms, entered_ms=ticket.entered_ms)
                end = await _until_over(session, ticket, sound, overflowing)
                left_ms = clock.utc_ms()
                await sound.stop()
        await answering
    finally:
        why, to = (end.why, end.to) if isinstance(end, Exit) else ("answered" if end else _why_gone(session), "")
        left_ms = left_ms or session.caller.ended_ms or clock.utc_ms()
        session.note(ledger.LeftQueue, at_ms=left_ms, queue=ticket.queue.name, why=why, to=to)
        await cancel_and_wait(answering)
        if not isinstance(end, Leg):
            await session.house.acd.leave(ticket, abandoned=end is None)
    if isinstance(end, Exit):
        session.record = session.record.evolve(ringing=(), **end.changes)
        return end.phase
    session.record = session.record.evolve(ringing=(), agent=end.party, other=end.as_record())
    return Phase.ANNOUNCING if ticket.queue.announce_agent else Phase.CONVERSATION


def _why_gone(session: Session) -> str:
    """Why a caller has hung up: one who has just been promised a callback has not given up."""
    return "callback" if session.record.booked else "abandoned"


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


async def _take_the_place(session: Session, ticket: Ticket, *, fresh: bool) -> None:
    if fresh:
        await prefer(session, ticket.queue)
    record = session.record
    await session.house.acd.enqueue(ticket, priority=record.priority, need=record.need, preferred=record.preferred, number=record.number)


@asynccontextmanager
async def _producers(
    session: Session, ticket: Ticket, overflowing: Overflowing, sound: WaitingSound, *, fresh: bool
) -> AsyncIterator[None]:
    """What watches and speaks while the caller waits."""
    works = [
        *overflowing.watching(),
        *Comforting(session, ticket, sound, fresh=fresh).speaking(),
        *CallbackOffers(session, ticket, sound).working(),
    ]
    if fresh and not ticket.has_offer:
        works.append(overflowing.find_place())
    tasks = [session.house.tasks.start(work, f"waiting {session.record.id}") for work in works]
    try:
        yield
    finally:
        await cancel_and_wait(*tasks)


async def _until_over(session: Session, ticket: Ticket, sound: WaitingSound, overflowing: Overflowing) -> Leg | Exit:
    """Let the phones ring that the match chooses until one is answered, or until the wait ends otherwise.

    A phone that rings is let ring to its end before an overflow rule counts.
    """
    limit_s = ticket.queue.max_wait_s
    passed_s = (clock.utc_ms() - ticket.entered_ms) / 1000
    deadline = None if limit_s is None else asyncio.get_running_loop().time() + max(0.0, limit_s - passed_s)
    async with Phones(session, ticket) as phones:
        while True:
            end: Exit | None = None
            try:
                async with asyncio.timeout_at(deadline):
                    message = await ticket.inbox.get()
            except TimeoutError:
                return waited_too_long(ticket)
            match message:
                case Offer():
                    phones.ring(message)
                case EndedOffer():
                    phones.stop(message.id, message.end)
                case RingOver(end=OfferEnd.ANSWERED):
                    await sound.hush()
                    if await phones.won(message):
                        return message.leg
                    await sound.start()
                case RingOver():
                    await session.house.acd.offer_ended(message.offer, message.end)
                    await sound.start()
                    end = None if phones.ringing else overflowing.way_out()
                case LookAgain() if not phones.ringing:
                    end = overflowing.way_out()
                case Placed() if not phones.ringing:
                    end = overflowing.way_out(entering=True, place=message.place)
                case Exit():
                    end = message
            if end:
                return end
