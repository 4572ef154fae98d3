"""Customers who are to be called back: each waits in the line like a caller, without a line of their own.

A callback is a row in Postgres and a task here. Its ticket has the name of the call that will call back, so agents, offers and
books know it as any other call; each attempt is a call of its own, begun when an agent is found (calling_back.py tells it).
After a restart the rows begin to wait again at their places.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import asyncpg
import msgspec

from callcenter.acd.model import Offer, OfferEnd
from callcenter.acd.service import Acd
from callcenter.acd.ticket import Ticket
from callcenter.basics import clock
from callcenter.basics.errors import BadRequest, NotFound, StoreAway, TooLate
from callcenter.basics.logs import get_logger
from callcenter.basics.tasks import Tasks, cancel_and_wait
from callcenter.basics.vocabulary import ANONYMOUS, Direction, Kind, Language, LegRole, new_id
from callcenter.calls import callback_store as store
from callcenter.calls.callback_retry import ANSWERED, NO_AGENT, Again, after
from callcenter.calls.phases import Phase
from callcenter.calls.record import CallRecord, LegRecord
from callcenter.calls.session import Session
from callcenter.ledger import events as ledger
from callcenter.lines.callers import key_of
from callcenter.lines.choice import may_call_back
from callcenter.lines.service import Lines

if TYPE_CHECKING:
    from callcenter.calls.service import Calls

_log = get_logger(__name__)
_T = TypeVar("_T")
_AGAIN_S: Final = 2.0


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to be called back, and with what right to a place."""

    queue: str
    number: str
    """Checked by ``may_be_called``."""
    since_ms: int
    asked_by: str
    name: str = ""
    language: Language = Language.ZH
    first_call: str = ""
    priority: int = 0
    need: dict[str, int] = {}
    preferred: str = ""
    shown: str = ""
    """The number of ours that the customer knows; empty: one that leads to the queue."""


@dataclass
class _Live:
    """A callback that this worker looks after."""

    row: store.Callback
    ticket: Ticket
    in_line: bool = False
    task: asyncio.Task[None] | None = None
    offer: Offer | None = None
    """The agent who was found first."""


class Callbacks:
    """All live callbacks, and the desk where new ones are asked for."""

    def __init__(self, pool: asyncpg.Pool, acd: Acd, lines: Lines, allowed: tuple[str, ...]) -> None:
        self._pool = pool
        self._acd = acd
        self._lines = lines
        self._allowed = allowed
        self._tasks = Tasks("callbacks")
        self._live: dict[str, _Live] = {}
        self._calls: Calls
        self._stopping = False
        """At a worker's end the places stay: the next one goes on with them."""

    async def run(self, calls: Calls) -> None:
        """Look after every callback, until cancelled: those of before as soon as the calls of before are taken over."""
        self._calls = calls
        try:
            await calls.recovered.wait()
            for row in await self._insist(lambda: store.read_open(self._pool)):
                if row.id not in self._live:
                    self._begin(row, taken_over=True)
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Look after nobody any more; the next worker goes on."""
        self._stopping = True
        await self._tasks.close()

    async def waiting(self) -> set[str]:
        """Names under which live callbacks stand in the lines; empty while Postgres is away, which costs no place."""
        try:
            return {row.last_call for row in await store.read_open(self._pool) if row.state == "waiting"}
        except StoreAway as error:
            _log.warning("callbacks can't be read", reason=str(error))
            return set()

    # Asking for one

    def may_be_called(self, number: str, network: str = "") -> bool:
        """Whether a customer may be called back at a number; ``network``: the number that the network gave for them."""
        if not self._lines.ways_out or number == ANONYMOUS or self._lines.route(number, number) or self._acd.knows_agent(number):
            return False
        given = bool(network) and network != ANONYMOUS and key_of(network) == key_of(number)
        return may_call_back(number, given_by_network=given, allowed=self._allowed)

    @property
    def takes_typed_numbers(self) -> bool:
        """Whether any number that a caller types may be called."""
        return bool(self._allowed and self._lines.ways_out)

    async def ask(self, wish: Wish) -> store.Callback:
        """Somebody who holds no line wants to be called back; TooLate when they have a live callback, BadRequest, NotFound, StoreAway."""
        self._acd.queue(wish.queue)
        if not self._lines.ways_out:
            raise BadRequest("no trunk takes calls out: nobody can be called back")
        if not self.may_be_called(wish.number):
            raise BadRequest("number: this number may not be called; see the setting outside_allowed", field="number")
        row = await self._row_of(wish)
        if not await store.add(self._pool, row):
            raise TooLate(f"there is a callback for this number in queue {wish.queue} already")
        self._begin(row)
        return row

    async def book(self, wish: Wish, callback: str, ticket: Ticket | None, is_gone: Callable[[], bool]) -> bool:
        """The caller who holds ``ticket`` will be called back and keeps the place; False when they had a callback, which stays.

        The better of both places is kept. ``is_gone``: whether the caller has hung up, who is called back all the same; one
        who is not, and whom an agent has just answered, is not: TooLate. StoreAway: nothing has changed.
        """
        row = msgspec.structs.replace(await self._row_of(wish), id=callback)
        if not await store.add(self._pool, row):
            await self._better_place(row)
            return False
        live = self._live[row.id] = _Live(row, self._ticket(row))
        if ticket:
            live.in_line = await self._acd.replace(ticket, live.ticket)
            if not live.in_line and not is_gone():
                del self._live[row.id]
                await self._insist(lambda: store.end(self._pool, row.id, "cancelled", "cancelled"))
                raise TooLate("an agent has just answered")
        self._begin(row)
        return True

    async def cancel(self, callback: str) -> store.Callback:
        """Call nobody back; NotFound, TooLate when the customer is just being called or it is over."""
        row = await store.cancel(self._pool, callback)
        if row is None:
            if await store.read_one(self._pool, callback) is None:
                raise NotFound(f"there is no callback {callback!r:.40}")
            raise TooLate("the customer is just being called, or the callback is over")
        if (live := self._live.pop(callback, None)) and live.task:
            live.task.cancel()
        return row

    async def _row_of(self, wish: Wish) -> store.Callback:
        now = clock.utc_ms()
        shown = wish.shown or await store.number_of(self._pool, wish.queue)
        since, moment = clock.from_ms(wish.since_ms), clock.from_ms(now)
        return store.Callback(
            id=new_id(Kind.CALLBACK, now),
            queue=wish.queue,
            number=wish.number,
            key=key_of(wish.number),
            name=wish.name,
            language=wish.language,
            since=since,
            asked_at=moment,
            asked_by=wish.asked_by,
            first_call=wish.first_call,
            priority=wish.priority,
            need=wish.need,
            preferred=wish.preferred,
            shown=shown,
            state="waiting",
            attempts=0,
            next_try=moment,
            ended_at=None,
            outcome="",
            last_call=new_id(Kind.CALL, now),
        )

    async def _better_place(self, row: store.Callback) -> None:
        """The customer asked again: of two places the better one counts."""
        old = await store.live_of(self._pool, row.queue, row.key)
        if old is None or not await store.better_place(self._pool, old.id, row.since):
            return
        if live := self._live.pop(old.id, None):
            await cancel_and_wait(live.task)
            self._begin(msgspec.structs.replace(live.row, since=row.since))

    # Waiting

    def _ticket(self, row: store.Callback) -> Ticket:
        return self._acd.ticket(row.last_call, row.queue, since_ms=clock.to_ms(row.since))

    def _begin(self, row: store.Callback, *, taken_over: bool = False) -> None:
        try:
            live = self._live.setdefault(row.id, _Live(row, self._ticket(row)))
        except NotFound:
            _log.warning("the queue of a callback is gone", callback=row.id, queue=row.queue)
            return
        live.row = row
        live.task = self._tasks.start(self._look_after(live, taken_over=taken_over), f"callback {row.id}")

    async def _look_after(self, live: _Live, *, taken_over: bool) -> None:
        """From asking to the last attempt."""
        try:
            end = await self._what_became(live) if taken_over else ""
            while not end or await self._goes_on(live, end):
                end = await self._attempt(live)
            self._live.pop(live.row.id, None)
        except NotFound:
            _log.warning("the queue of a callback is gone", callback=live.row.id, queue=live.row.queue)
            self._live.pop(live.row.id, None)
        finally:
            if not self._stopping:
                await self._acd.leave(live.ticket)

    async def _what_became(self, live: _Live) -> str:
        """How the attempt ended that a worker before us had begun; empty when there was none."""
        if live.row.state != "calling":
            return ""
        if session := self._calls.sessions.get(live.row.last_call):
            await session.over.wait()
            return self._end_of(session)
        spoken = await self._insist(lambda: store.was_spoken(self._pool, live.row.last_call))
        return ANSWERED if spoken else NO_AGENT

    async def _goes_on(self, live: _Live, end: str) -> bool:
        """Write down how an attempt ended; whether there will be another."""
        row = await self._insist(lambda: store.read_one(self._pool, live.row.id))
        if row is None or row.state not in store.LIVE:
            return False
        todo = after(end, row.attempts, self._acd.queue(row.queue).rules.callback)
        _log.info("an attempt to call back is over", callback=row.id, end=end, attempts=row.attempts)
        if not isinstance(todo, Again):
            await self._insist(lambda: store.end(self._pool, row.id, todo.state, todo.outcome))
            return False
        next_try = clock.utc_now() + timedelta(seconds=todo.after_s)
        call = new_id(Kind.CALL, clock.utc_ms())
        await self._insist(lambda: store.wait_again(self._pool, row.id, next_try, call))
        live.row = msgspec.structs.replace(row, state="waiting", next_try=next_try, last_call=call)
        before, live.ticket = live.ticket, self._ticket(live.row)
        live.in_line = end == NO_AGENT and await self._acd.replace(before, live.ticket)
        if not live.in_line:
            await self._acd.leave(before)
        return True

    async def _attempt(self, live: _Live) -> str:
        """Wait until an agent is there, then call; how it ended."""
        await _until(live.row.next_try)
        if not live.in_line:
            row = live.row
            await self._acd.enqueue(live.ticket, priority=row.priority, need=row.need, preferred=row.preferred)
        live.in_line = False
        offer = live.offer = await _first_offer(live.ticket)
        try:
            claimed = await store.claim(self._pool, live.row.id, live.ticket.call)
        except StoreAway as error:
            _log.warning("nobody is called back while Postgres is away", callback=live.row.id, reason=str(error))
            await self._acd.offer_ended(offer, OfferEnd.CALLER_GONE)
            await self._acd.leave(live.ticket)
            await asyncio.sleep(_AGAIN_S)
            return ""
        if not claimed:
            return "cancelled"
        session = self._session_of(live.row)
        self._calls.start(session)
        await session.over.wait()
        return self._end_of(session)

    @staticmethod
    def _end_of(session: Session) -> str:
        return ANSWERED if session.record.talked else session.callback_end

    # An attempt

    def _session_of(self, row: store.Callback) -> Session:
        now, node = clock.utc_ms(), self._calls.house.node
        leg = new_id(Kind.LEG, now)
        record = CallRecord(
            id=row.last_call,
            node=node,
            direction=Direction.OUTBOUND,
            started_ms=now,
            caller=LegRecord(leg=leg, channel=leg, name="", role=LegRole.OUTSIDE, party=row.number, made=False),
            number=row.number,
            name=row.name,
            dialled=row.shown,
            phase=Phase.CALLBACK,
            phase_since_ms=now,
            language=row.language,
            queue=row.queue,
            queued_ms=clock.to_ms(row.since),
            priority=row.priority,
            need=row.need,
            preferred=row.preferred,
            callback=row.id,
        )
        session = self._calls.session_of(record)
        trunk = next(iter(self._lines.ways_out), "")
        session.note(
            ledger.CallArrived,
            at_ms=now,
            direction=Direction.OUTBOUND,
            caller=row.shown or ANONYMOUS,
            dialled=row.number,
            trunk=trunk,
            node=node,
        )
        session.note(ledger.LanguageChosen, at_ms=now, language=row.language)
        session.note(ledger.PhaseEntered, at_ms=now, phase=Phase.CALLBACK)
        session.note(
            ledger.CallbackStarted,
            at_ms=now,
            callback=row.id,
            queue=row.queue,
            first_call=row.first_call,
            since_ms=clock.to_ms(row.since),
            attempt=row.attempts + 1,
        )
        session.save()
        return session

    def begun(self, callback: str) -> tuple[Ticket, Offer] | None:
        """The place of a callback for which a call is made, and the agent who was found first; told once."""
        live = self._live.get(callback)
        if live is None or live.offer is None:
            return None
        offer, live.offer = live.offer, None
        return live.ticket, offer

    async def dialling(self, callback: str) -> None:
        """The customer is about to be called: counted before it happens, so that no crash calls them without end."""
        await self._insist(lambda: store.dialling(self._pool, callback))

    def reached(self, callback: str) -> None:
        """The two talk: whatever happens now, nobody is called again."""
        self._tasks.start(self._insist(lambda: store.end(self._pool, callback, "done", ANSWERED)), f"reached {callback}")

    async def _insist(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Ask Postgres for something that must not be lost, again and again while it is away."""
        while True:
            try:
                return await step()
            except StoreAway as error:
                _log.warning("callbacks wait for Postgres", reason=str(error))
                await asyncio.sleep(_AGAIN_S)


async def _until(moment: datetime) -> None:
    await asyncio.sleep(max(0.0, (moment - clock.utc_now()).total_seconds()))


async def _first_offer(ticket: Ticket) -> Offer:
    """The first agent who is found."""
    while not isinstance(message := await ticket.inbox.get(), Offer):
        pass
    return message
