"""The waiting caller is told: the place in the line, the expected wait, comfort messages and adverts, each at its time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

from callcenter.acd.comfort import Due, in_minutes, next_due, worth_saying
from callcenter.acd.expected_wait import Place
from callcenter.acd.rules import Announcements
from callcenter.acd.ticket import Ticket
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, StoreAway
from callcenter.basics.vocabulary import Language
from callcenter.calls.session import Session
from callcenter.calls.waiting_sound import WaitingSound
from callcenter.ivr import speech
from callcenter.ledger import events as ledger


class Comforting:
    """What one caller is told while waiting."""

    def __init__(self, session: Session, ticket: Ticket, sound: WaitingSound, *, fresh: bool) -> None:
        self._session = session
        self._ticket = ticket
        self._sound = sound
        self._rules = ticket.queue.rules.announcements
        self._told_s = -1.0 if fresh else self._waited_s()
        """Until when everything is told, seconds of waiting."""
        self._before: Place | None = None

    def speaking(self) -> Iterator[Coroutine[Any, Any, None]]:
        """The work that speaks at the right moments; none for a queue that says nothing."""
        if next_due(self._rules, self._told_s):
            yield self.run()

    async def run(self) -> None:
        """Speak as the queue's rules say, until cancelled or until there is nothing more to say."""
        while due := next_due(self._rules, self._told_s):
            await asyncio.sleep(due.at_s - self._waited_s())
            try:
                await self._tell(due)
            except (AsteriskRefused, AsteriskAway, StoreAway) as error:
                self._session.log.info("a waiting caller could not be told", reason=str(error))
            self._told_s = max(due.at_s, self._waited_s())

    def _waited_s(self) -> float:
        return (clock.utc_ms() - self._ticket.entered_ms) / 1000

    async def _tell(self, due: Due) -> None:
        language = self._session.record.language
        now = await self._session.house.acd.place(self._ticket) if due.standing else None
        if now and not worth_saying(self._rules, now, self._before):
            now = None
        sounds = (*(standing(self._rules, now, language) if now else ()), *((f"{language}/{due.comfort}",) if due.comfort else ()))
        if sounds and await self._sound.say(sounds) and now:
            self._promised(now)
            self._before = now

    def _promised(self, said: Place) -> None:
        """The first expected wait that the caller heard is a promise."""
        if said.wait and self._rules.expected_wait and (self._before is None or self._before.wait is None):
            promise(self._session, self._ticket, said, said=True)


def promise(session: Session, ticket: Ticket, place: Place, *, said: bool) -> None:
    """Note what wait the caller may expect from now on, so that it can be held against what it became."""
    if place.wait:
        low_s, high_s = place.wait.low_s, place.wait.high_s
        session.note(ledger.WaitPromised, queue=ticket.queue.name, low_s=low_s, high_s=high_s, position=place.position, said=said)


def standing(rules: Announcements, place: Place, language: Language) -> tuple[str, ...]:
    """Position and expected wait, as far as the queue tells them."""
    sounds: tuple[str, ...] = ()
    if rules.position:
        sounds += speech.place_in_line(place.position, language)
    if rules.expected_wait and place.wait:
        words = in_minutes(place.wait)
        sounds += speech.expected_wait(words.least, words.most, language)
    return sounds
