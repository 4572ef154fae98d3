"""A waiting caller goes elsewhere: watches for what a queue's overflow rules look at, and turns the rule that counts into a way out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from callcenter.acd.expected_wait import Place
from callcenter.acd.opening import HOLIDAY, WEEKDAYS, closes_at, is_open
from callcenter.acd.overflow import WHY, Standing, asks_of_the_line, decide, next_look_s
from callcenter.acd.rules import Overflow, To, When
from callcenter.acd.ticket import Ticket
from callcenter.basics import clock
from callcenter.basics.errors import NotFound, StoreAway
from callcenter.calls.comforting import promise
from callcenter.calls.phases import Phase
from callcenter.calls.session import Session
from callcenter.ivr.hours import working_weekday

_STAFFING: Final = frozenset({When.NO_AGENTS, When.ALL_PAUSED})


class LookAgain(msgspec.Struct, frozen=True):
    """Something has changed that an overflow rule looks at."""


class Placed(msgspec.Struct, frozen=True):
    """The place that the caller was given when they came."""

    place: Place


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """The caller no longer waits in this queue, without an agent of it. Whoever ends the wait puts it into the ticket's inbox."""

    why: str
    """timeout, overflow, full, no_agents, closed, key."""
    to: str
    """Where the caller goes, for the ledger."""
    phase: Phase
    changes: dict[str, Any] = {}
    """Of the call's record: what the next phase needs."""


class Overflowing:
    """The overflow rules of one waiting caller."""

    def __init__(self, session: Session, ticket: Ticket) -> None:
        self._session = session
        self._ticket = ticket
        self._rules = ticket.queue.rules.overflow
        self._hours = ticket.queue.rules.hours
        self._opened = is_open(self._hours, self._local(ticket.entered_ms), self._kind_of_day)

    # What is watched

    def watching(self) -> Iterator[Coroutine[Any, Any, None]]:
        """The work that puts LookAgain into the inbox when a rule may have come to fit; none for a queue without such rules."""
        if any(rule.when in _STAFFING for rule in self._rules):
            yield self._watch_staffing()
        if any(rule.when is When.WAITED for rule in self._rules):
            yield self._watch_the_wait()
        if any(rule.when is When.CLOSING for rule in self._rules):
            yield self._watch_the_hours()

    def _look_again(self) -> None:
        self._ticket.inbox.put_nowait(LookAgain())

    async def _watch_staffing(self) -> None:
        while True:
            await self._ticket.staffing_changed.wait()
            self._ticket.staffing_changed.clear()
            self._look_again()

    async def _watch_the_wait(self) -> None:
        while (at_s := next_look_s(self._rules, self._waited_s())) is not None:
            await asyncio.sleep(at_s - self._waited_s())
            self._look_again()

    async def _watch_the_hours(self) -> None:
        while end := closes_at(self._hours, self._now(), self._kind_of_day):
            await asyncio.sleep(max(0.0, (clock.to_ms(end) - clock.utc_ms()) / 1000))
            self._look_again()

    async def find_place(self) -> None:
        """Ask for the place the caller was given, note what wait is expected, and let the rules look at it."""
        try:
            place = await self._session.house.acd.place(self._ticket)
        except StoreAway as error:
            self._session.log.info("a waiting caller's place is not known", reason=str(error))
            return
        if place:
            promise(self._session, self._ticket, place, said=False)
            if asks_of_the_line(self._rules):
                self._ticket.inbox.put_nowait(Placed(place))

    # What is decided

    def way_out(self, *, entering: bool = False, place: Place | None = None) -> Exit | None:
        """Where a rule sends the caller as things stand now; None: they wait here."""
        if not self._rules:
            return None
        house, queue = self._session.house, self._ticket.queue
        standing = Standing(
            entering=entering,
            waited_s=self._waited_s(),
            staffing=house.acd.staffing(queue.name),
            is_open=is_open(self._hours, self._now(), self._kind_of_day),
            opened=self._opened,
            ahead=place.position - 1 if place else None,
            expected=place.wait if place else None,
            moves=self._session.record.moves,
            declined_callback=self._session.record.declined_callback,
        )
        rule = decide(self._rules, standing)
        return _exit(self._session, self._ticket, rule) if rule else None

    def _waited_s(self) -> float:
        return (clock.utc_ms() - self._ticket.entered_ms) / 1000

    def _now(self) -> datetime:
        return self._session.house.now()

    def _local(self, at_ms: int) -> datetime:
        return clock.from_ms(at_ms).astimezone(self._now().tzinfo)

    def _kind_of_day(self, moment: datetime) -> str:
        return HOLIDAY if self._session.house.is_holiday(moment) else WEEKDAYS[working_weekday(moment.date()) - 1]


# Ways out


def waited_too_long(ticket: Ticket) -> Exit:
    """The queue's longest wait is over."""
    return _to_voicemail("timeout", ticket.queue.name)


def _to_voicemail(why: str, box: str) -> Exit:
    return Exit(why=why, to=f"voicemail:{box}", phase=Phase.VOICEMAIL, changes={"voicemail_box": box})


def _exit(session: Session, ticket: Ticket, rule: Overflow) -> Exit:
    why, target = WHY[rule.when], rule.target
    match rule.to:
        case To.QUEUE if _is_there(session, target):
            since_ms = ticket.since_ms if rule.keeps_wait else 0
            changes = {"queue": target, "queued_ms": since_ms, "entered_ms": 0, "moves": session.record.moves + 1}
            return Exit(why=why, to=f"queue:{target}", phase=Phase.QUEUE, changes=changes)
        case To.NUMBER if session.house.lines.route(target, session.record.number) is None:
            return Exit(why=why, to=f"number:{target}", phase=Phase.OUTSIDE, changes={"outside": target})
        case To.AGENT:
            return Exit(why=why, to=f"agent:{target}", phase=Phase.DIRECT, changes={"agent": target})
        case To.ANNOUNCEMENT:
            return Exit(why=why, to=f"announcement:{target}", phase=Phase.FAREWELL, changes={"farewell": target})
        case To.CALLBACK:
            return Exit(why=why, to="callback", phase=Phase.ASKING, changes={"queued_ms": ticket.since_ms})
    if rule.to is not To.VOICEMAIL:
        session.log.error("an overflow rule can't be followed; the caller gets the mailbox", queue=ticket.queue.name, rule=rule.to)
        target = ""
    return _to_voicemail(why, target or ticket.queue.name)


def _is_there(session: Session, queue: str) -> bool:
    try:
        session.house.acd.queue(queue)
    except NotFound:
        return False
    return True
