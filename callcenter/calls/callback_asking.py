"""A caller is asked whether to be called back, at which number, and is then let go: the place stays.

While they wait it is offered at its times, and asked for by key; agents' phones go on ringing meanwhile, and an agent who answers
ends the asking. An overflow rule asks at once, outside the line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, Final

from callcenter.acd.ticket import Ticket
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, StoreAway, TooLate
from callcenter.basics.vocabulary import ANONYMOUS, Kind, LegRole, new_id
from callcenter.calls import line
from callcenter.calls.callbacks import Wish
from callcenter.calls.greeting import answer
from callcenter.calls.overflowing import Exit
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.calls.waiting_sound import WaitingSound
from callcenter.ivr import speech
from callcenter.ivr.asks import DigitTimeouts, Gather
from callcenter.ledger import events as ledger

_ROUNDS: Final = 5
"""So often something is asked before the caller simply waits on."""
_LONGEST_NUMBER: Final = 20
_TYPING: Final = DigitTimeouts(first_s=8.0, inter_s=5.0, overall_s=60.0)


class CallbackOffers:
    """Tells one waiting caller of the callback, and listens for the key."""

    def __init__(self, session: Session, ticket: Ticket, sound: WaitingSound) -> None:
        self._session = session
        self._ticket = ticket
        self._sound = sound
        self._rules = ticket.queue.rules.callback
        self._offered = False
        self._asking = False

    def working(self) -> Iterator[Coroutine[Any, Any, None]]:
        """The work that offers and listens; none where nobody can be called back."""
        if self._rules.offered and can_be_asked(self._session):
            yield self.offer()
            yield self.listen()

    async def offer(self) -> None:
        """Tell of it at the right moments, until cancelled."""
        due_s = float(self._rules.after_s)
        while True:
            await asyncio.sleep(max(0.0, due_s - self._waited_s()))
            if not self._asking and await self._is_worth_offering():
                language = self._session.record.language
                self._offered = True
                await self._sound.say((f"{language}/callback/press", *speech.key(self._rules.key, language)))
            due_s = self._waited_s() + self._rules.every_s

    async def listen(self) -> None:
        """Wait for the key once it has been offered, then ask, until cancelled or until the caller will be called back."""
        while True:
            key = await self._session.digits.get()
            if key == self._rules.key and self._offered:
                self._asking = True
                await self._ask()
                self._asking = False

    def _waited_s(self) -> float:
        return (clock.utc_ms() - self._ticket.entered_ms) / 1000

    async def _is_worth_offering(self) -> bool:
        """Whether the expected wait is long enough; where nothing is known of it, it is."""
        if not self._rules.expected_wait_s:
            return True
        try:
            place = await self._session.house.acd.place(self._ticket)
        except StoreAway:
            return False
        return place is None or place.wait is None or place.wait.high_s >= self._rules.expected_wait_s

    async def _ask(self) -> None:
        """Let the caller go who will be called back; others wait on."""
        async with self._sound.floor():
            number = await ask_number(self._session)
            end = await book(self._session, number, self._ticket) if number else None
            if end:
                self._ticket.inbox.put_nowait(end)
                await asyncio.Event().wait()


async def asking(session: Session) -> Phase:
    """An overflow rule offers a callback at once; who does not want it waits on, at the old place."""
    await answer(session)
    number = None
    if can_be_asked(session):
        await line.play(session, [f"{session.record.language}/callback/we-can"])
        number = await ask_number(session)
    end = await book(session, number, None) if number else None
    if end is None:
        session.record = session.record.evolve(declined_callback=True, entered_ms=0)
        return Phase.QUEUE
    session.record = session.record.evolve(**end.changes)
    return end.phase


def can_be_asked(session: Session) -> bool:
    """Whether there is a number at which this caller could be called back."""
    return bool(_network_number(session)) or session.house.callbacks.takes_typed_numbers


def _network_number(session: Session) -> str:
    """The caller's own number, where it may be called."""
    number = session.record.number
    if session.caller.role is LegRole.AGENT or number == ANONYMOUS:
        return ""
    return number if session.house.callbacks.may_be_called(number, network=number) else ""


async def ask_number(session: Session) -> str | None:
    """The number that the caller has confirmed; None when they have not, or hung up."""
    language = session.record.language
    number = _network_number(session)
    for _ in range(_ROUNDS):
        if not number:
            number = await _typed(session)
            continue
        sounds = (f"{language}/callback/your-number", *speech.digits(number, language), f"{language}/callback/confirm")
        pressed = (await _gather(session, Gather(sounds=sounds))).strip()
        if pressed == "1":
            return number
        if pressed == "2" and session.house.callbacks.takes_typed_numbers:
            number = ""
        else:
            await _play(session, "invalid-choice" if pressed else "no-input")
    return None


async def _typed(session: Session) -> str:
    """The number that the caller types; empty when it may not be called."""
    ask = Gather(sounds=(f"{session.record.language}/callback/enter",), max_digits=_LONGEST_NUMBER, terminators="#", timeouts=_TYPING)
    number = await _gather(session, ask)
    if not number:
        await _play(session, "no-input")
        return ""
    if not session.house.callbacks.may_be_called(number, network=session.record.number):
        await _play(session, "callback/not-possible")
        return ""
    return number


async def book(session: Session, number: str, ticket: Ticket | None) -> Exit | None:
    """Write the callback down and let its place pass over; None when that can't be, and the caller waits on.

    From here on it stands, even when the caller hangs up at this moment.
    """
    callback = new_id(Kind.CALLBACK, clock.utc_ms())
    session.save(booked=callback)
    work = session.house.tasks.start(_book(session, number, ticket, callback), f"book {callback}")
    try:
        had_one = not await asyncio.shield(work)
    except (StoreAway, TooLate) as error:
        session.log.warning("nobody will be called back", reason=str(error))
        session.save(booked="")
        if isinstance(error, StoreAway):
            await _play(session, "callback/failed")
        return None
    farewell = "callback/have-one" if had_one else "callback/booked"
    return Exit(why="callback", to="callback", phase=Phase.FAREWELL, changes={"farewell": farewell})


async def _book(session: Session, number: str, ticket: Ticket | None, callback: str) -> bool:
    record = session.record
    since_ms = ticket.since_ms if ticket else record.queued_ms or clock.utc_ms()
    if ticket and ticket.place_back:
        with suppress(StoreAway):
            since_ms = (await session.house.acd.explain(record.id)).since_ms or since_ms
    wish = Wish(
        queue=record.queue,
        number=number,
        since_ms=since_ms,
        asked_by="call",
        name=record.name,
        language=record.language,
        first_call=record.id,
        priority=record.priority,
        need=record.need,
        preferred=record.preferred,
        shown=record.dialled,
    )
    fresh = await session.house.callbacks.book(wish, callback, ticket, lambda: session.caller.leaving or session.caller.ended.is_set())
    session.note(ledger.CallbackAsked, callback=callback, queue=record.queue, number=number, had_one=not fresh)
    return fresh


async def _gather(session: Session, ask: Gather) -> str:
    """Keys, as ``line.gather``; cancelled because an agent is there, it says no more."""
    try:
        return (await line.gather(session, ask)).text
    except asyncio.CancelledError:
        await _hush(session)
        raise


async def _play(session: Session, name: str) -> None:
    try:
        await line.play(session, [f"{session.record.language}/{name}"])
    except asyncio.CancelledError:
        await _hush(session)
        raise


async def _hush(session: Session) -> None:
    with suppress(AsteriskRefused, AsteriskAway):
        await session.house.ari.playback(session.record.playback).stop()
