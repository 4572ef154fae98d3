"""The ACD at work: callers' tickets, agents' states, what happens by itself.

Every step is decided in Redis (matching.py); this file hands offers to the calls they are for and arms one timer for
whatever is due next. What was decided is told by showing.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import asyncpg

from callcenter.acd.agent_state import CONSEQUENCES, REST_S, requested_mode
from callcenter.acd.classes import steps_of
from callcenter.acd.desk_service import Desks
from callcenter.acd.directory import Configured, Directory
from callcenter.acd.expected_wait import Place
from callcenter.acd.forecast import Forecast
from callcenter.acd.matching import Matching
from callcenter.acd.model import (
    Agent,
    AgentNow,
    AgentState,
    Explanation,
    Mode,
    Offer,
    OfferEnd,
    Outcome,
    PauseReason,
    Queue,
    QueueNow,
    Staffing,
)
from callcenter.acd.showing import Showing
from callcenter.acd.ticket import Ticket, Wanted
from callcenter.basics import clock
from callcenter.basics.errors import StoreAway, TooLate
from callcenter.basics.logs import get_logger
from callcenter.basics.tasks import Tasks
from callcenter.ledger.service import Ledger
from callcenter.live.board import Board

_log = get_logger(__name__)
_RETRY_FIRST_S, _RETRY_MOST_S = 0.05, 1.0
_SWEEP_S = 0.5
MISSED: Final = "missed"
"""The reason of a pause that missed calls brought about."""


class Acd:
    """Who answers whom. One per worker."""

    def __init__(self, *, matching: Matching, pool: asyncpg.Pool, ledger: Ledger, board: Board) -> None:
        self._matching = matching
        self._pool = pool
        self.directory = Directory()
        self.showing = Showing(self.directory, matching, ledger, board)
        self.showing.on_staffing = self._staffing_changed
        self.forecast = Forecast(self.directory, self.showing)
        self.desks = Desks(self.directory, self.showing, pool, self.set_reachable)
        self._tasks = Tasks("acd")
        self._tickets: dict[str, Ticket] = {}
        self._offers: dict[str, Offer] = {}
        """Offers that were handed to a call and have not ended."""
        self._due: asyncio.TimerHandle | None = None
        self._due_ms = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._rebuilding = asyncio.Lock()
        self._closing = False
        self.on_agents_changed: Callable[[], Awaitable[None]] | None = None
        self.on_forgotten: Callable[[], None] | None = None
        """Called when Redis had forgotten everything and knows the match's part again."""

    # Set-up

    async def start(self) -> None:
        """Load the match function and what is set up, show everyone; timers that a worker before us left go on."""
        await self._matching.load()
        await self.reload()
        longest_wrapup_s = max((queue.wrap_up_s for queue in self.directory.queues.values()), default=0)
        longest_pause_s = max((reason.limit_s or 0 for reason in self.directory.reasons.values()), default=0)
        await self._follow(
            self._matching.repair(
                clock.utc_ms(), rest_ms=int(REST_S * 1000), wrapup_ms=longest_wrapup_s * 1000, pause_ms=longest_pause_s * 1000
            )
        )
        await self.forecast.remember(self._pool)
        self._tasks.start(self.showing.run(), "queue cards")
        self._tasks.start(self._read_mail(), "offers of other workers")

    async def close(self) -> None:
        """Stop the timers and the reading of mail."""
        self._closing = True
        for timer in (self._due, self._sweep):
            if timer:
                timer.cancel()
        await self._tasks.close()

    async def reload(self) -> None:
        """Take over what the administrator changed; nobody's call is disturbed."""
        directory = self.directory
        gone = await directory.load(self._pool)
        if self.showing.now:
            await self._take(lambda: self._matching.tick(clock.utc_ms()))
        await self._follow(
            self._matching.configure(clock.utc_ms(), directory.agents.values(), directory.queues.values(), directory.members)
        )
        for number in gone:
            self.showing.forget_agent(number)
        asked = self.showing.moment
        for now in await self.agents():
            if self.showing.is_unchanged(now.number, asked):
                self.showing.show_agent(now)
        self.showing.touch(*directory.queues)

    async def agents_changed(self) -> None:
        """Agents were added or retired: load them and let their phones be set up."""
        await self.reload()
        if self.on_agents_changed:
            await self.on_agents_changed()

    # Questions

    def queue(self, name: str) -> Queue:
        """The queue as set up; NotFound when there is none."""
        return self.directory.queue(name)

    def agent(self, number: str) -> Agent:
        """The agent as set up; NotFound when there is none."""
        return self.directory.agent(number)

    def knows_agent(self, number: str) -> bool:
        """Whether an active agent has this number."""
        return number in self.directory.agents

    def members(self, queue: str) -> set[str]:
        """Who serves a queue."""
        return {number for number, queues in self.directory.serves.items() if queue in queues}

    @property
    def configured(self) -> Configured:
        """Agents, queues, and which queues each agent serves."""
        return Configured(self.directory.agents, self.directory.queues, self.directory.serves)

    @property
    def reasons(self) -> Mapping[str, PauseReason]:
        """Why agents may pause, by name."""
        return self.directory.reasons

    async def agents(self) -> list[AgentNow]:
        """Every agent as they are now."""
        names = {number: agent.name for number, agent in self.directory.agents.items()}
        return await self._matching.agents(names, self.directory.serves)

    async def agent_now(self, number: str) -> AgentNow:
        """One agent as they are now; NotFound when there is none."""
        agent = self.agent(number)
        return (await self._matching.agents({number: agent.name}, self.directory.serves))[0]

    async def queues(self) -> list[QueueNow]:
        """Every queue as it is now."""
        return await self.showing.queues_now(self.directory.queues)

    def states_of(self, queue: str) -> Mapping[str, int]:
        """How many of the queue's agents are in each state, as far as this worker has been told."""
        return self.showing.counts.get(queue, {})

    def staffing(self, queue: str) -> Staffing:
        """Whether anybody works for the queue now."""
        return self.showing.staffing(queue)

    async def position(self, ticket: Ticket) -> int | None:
        """The caller's place in the line, 1 is next; None when they are not in it."""
        return await self._matching.position(ticket.queue.name, ticket.call)

    async def place(self, ticket: Ticket) -> Place | None:
        """The caller's place in the line and how long they will wait from now on; None when they are not in it."""
        position = await self.position(ticket)
        return None if position is None else Place(position=position, wait=self.forecast.wait(ticket.queue.name, position))

    async def explain(self, call: str) -> Explanation:
        """Whom a waiting caller waits for, and what rules each agent out."""
        return await self._matching.explain(call)

    async def broken_pairs(self) -> list[str]:
        """Classes where a caller waits beside a free agent: empty unless the match is broken."""
        return await self._matching.pairs(self.directory.queues)

    # Callers

    def ticket(self, call: str, queue: str, *, since_ms: int, entered_ms: int | None = None) -> Ticket:
        """A place in a queue that is not taken yet; NotFound when there is no such queue.

        ``since_ms``: since when the caller waits, which decides the order; ``entered_ms``: since when in this queue (default: the same).
        """
        return Ticket(call, self.queue(queue), since_ms=since_ms, entered_ms=since_ms if entered_ms is None else entered_ms)

    async def enqueue(
        self, ticket: Ticket, *, priority: int = 0, need: Mapping[str, int] | None = None, preferred: str = "", number: str = ""
    ) -> None:
        """The caller begins to wait, or goes on waiting; waits itself while Redis is away. Whatever happens then, ``leave`` must follow.

        ``need``: skills asked for, ``preferred``: the caller's own agent, ``number``: for a place kept from an earlier call.
        """
        self._tickets[ticket.call] = ticket
        ticket.wanted = Wanted(
            steps=steps_of(ticket.queue, need or {}, preferred), priority=priority, number=number if ticket.queue.return_window_s else ""
        )
        outcome = await self._insist(lambda: self._matching.enqueue(clock.utc_ms(), **_place(ticket)))
        ticket.place_back = "place_back" in outcome.notes
        self.showing.touch(ticket.queue.name)

    def waiting(self, call: str) -> Ticket | None:
        """The place of a caller of this worker's who waits; None when they do not."""
        return self._tickets.get(call)

    async def leave(self, ticket: Ticket, *, abandoned: bool = False) -> None:
        """The caller no longer waits; offers that are out end. Who went away keeps the place for a while. Twice is harmless."""
        self._tickets.pop(ticket.call, None)
        keep_ms = ticket.queue.return_window_s * 1000 if abandoned else 0
        await self._insist(lambda: self._matching.leave(clock.utc_ms(), ticket.call, keep_ms=keep_ms))
        self.showing.touch(ticket.queue.name)

    async def prioritise(self, call: str, priority: int) -> None:
        """Give a waiting caller another priority; TooLate when they no longer wait."""
        outcome = await self._take(lambda: self._matching.prioritise(clock.utc_ms(), call, priority))
        if outcome.stale:
            raise TooLate("this caller is not waiting")

    async def replace(self, ticket: Ticket, by: Ticket) -> bool:
        """Another ticket takes the place of one; False when there was none. Offers for the first end."""
        self._tickets.pop(ticket.call, None)
        self._tickets[by.call] = by
        outcome = await self._insist(lambda: self._matching.replace(clock.utc_ms(), ticket.call, by.call))
        return not outcome.stale

    async def offer_ended(self, offer: Offer, end: OfferEnd) -> bool:
        """Tell the one end of an offer; False when it had ended before, which changes nothing."""
        follows = CONSEQUENCES[end]
        outcome = await self._insist(
            lambda: self._matching.offer_end(
                clock.utc_ms(),
                call=offer.call,
                agent=offer.agent,
                offer=offer.id,
                end=end,
                rest_ms=int(REST_S * 1000) if follows.rests else 0,
                keep_place=follows.keeps_place,
                missed=follows.missed,
            )
        )
        self._offers.pop(offer.id, None)
        if end is OfferEnd.ANSWERED and not outcome.stale:
            self.forecast.answered(offer.agent, offer.queue, clock.utc_ms())
            self._tickets.pop(offer.call, None)
        self.showing.touch(offer.queue)
        return not outcome.stale

    # Agents

    async def set_state(self, number: str, state: object, reason: str, by: str) -> AgentNow:
        """Make an agent ready, paused or offline; in a call it takes effect after it. NotFound, BadRequest; TooLate at a phone
        where somebody else is signed on.

        ``reason`` of a pause: a reason's name or title, with its limit; any other text stands as it is, without one.
        """
        mode = requested_mode(state)
        self.agent(number)
        if mode is not Mode.OFFLINE:
            self.desks.must_be_free_for(number)
        known = self.directory.reason(reason)
        limit_s = known.limit_s if known and known.limit_s else 0
        await self._take(
            lambda: self._matching.set_mode(
                clock.utc_ms(),
                agent=number,
                mode=mode,
                reason=(known.name if known else reason[:80]) if mode is Mode.PAUSED else "",
                by=by,
                pause_ms=limit_s * 1000,
                ends=bool(known and known.ends),
            )
        )
        if mode is Mode.OFFLINE:
            await self.desks.go_home(number)
        return await self.agent_now(number)

    async def extend_wrap_up(self, number: str) -> AgentNow:
        """More time for the after-call work, as much as the most generous of the agent's queues gives; TooLate when it is over."""
        self.agent(number)
        extra_s = max((self.directory.queues[name].wrap_up_extra_s for name in self.directory.serves.get(number, ())), default=0)
        outcome = await self._take(lambda: self._matching.extend_wrapup(clock.utc_ms(), number, extra_s * 1000))
        if outcome.stale:
            raise TooLate("there is no wrap-up to prolong")
        return await self.agent_now(number)

    async def set_reachable(self, number: str, reachable: bool) -> None:
        """The agent's phone registered, or can no longer be reached; what is known already costs nothing."""
        if number in self.directory.agents and self.showing.note_reachable(number, reachable):
            await self._insist(lambda: self._matching.set_reachable(clock.utc_ms(), number, reachable))

    async def busy(self, number: str, call: str, activity: AgentState = AgentState.TALKING) -> bool:
        """The agent rings or talks in a call that no offer brought; False when another call has the agent."""
        outcome = await self._insist(lambda: self._matching.busy(clock.utc_ms(), number, call, activity))
        return not outcome.stale

    async def call_over(self, number: str, call: str, queue: str | None) -> None:
        """The agent's conversation is over; after a queue's call comes the queue's wrap-up."""
        wrap_up_s = self.directory.queues[queue].wrap_up_s if queue in self.directory.queues else 0
        await self._insist(lambda: self._matching.call_over(clock.utc_ms(), number, call, wrap_up_s * 1000))

    async def forget_strangers(self, living: set[str]) -> None:
        """After a crash: calls still waiting in Redis that no longer live are taken out, and agents they held are free."""
        for call in await self._matching.known_calls(self.directory.queues) - living:
            await self._insist(lambda call=call: self._matching.leave(clock.utc_ms(), call))  # type: ignore[misc]
        for number in self.directory.agents:
            facts = await self._matching.agent(number)
            call, activity = facts.get("call", ""), facts.get("activity", "")
            if activity not in {AgentState.RINGING, AgentState.TALKING} or call in living:
                continue
            _log.warning("an agent held by a call that is gone is free again", agent=number, call=call)
            if offer := facts.get("offer"):
                await self.offer_ended(Offer(id=offer, call=call, queue="", agent=number), OfferEnd.CALLER_GONE)
            else:
                await self.call_over(number, call, None)

    # What every step brings with it

    async def _take(self, step: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Take a step; when Redis has forgotten everything, tell it all again first."""
        asked = self.showing.moment
        outcome = await step()
        if outcome.forgotten:
            async with self._rebuilding:
                outcome = await step()
                if outcome.forgotten:
                    await self._rebuild()
                    asked = self.showing.moment
                    outcome = await step()
        self._apply(outcome, asked)
        return outcome

    async def _follow(self, step: Awaitable[Outcome]) -> None:
        """Take a step that Redis can't have forgotten anything for."""
        asked = self.showing.moment
        self._apply(await step, asked)

    async def _rebuild(self) -> None:
        """What is set up, the agents as they are shown, the callers of this worker in their places with the offers that are out."""
        _log.warning("Redis has forgotten everything; it is told again", callers=len(self._tickets), agents=len(self.showing.now))
        agents = list(self.showing.now.values())
        directory, match = self.directory, self._matching
        await match.configure(clock.utc_ms(), (), directory.queues.values(), ())
        await match.restore_agents(clock.utc_ms(), agents)
        for ticket in tuple(self._tickets.values()):
            if offers := [offer for offer in self._offers.values() if offer.call == ticket.call]:
                await self._follow(match.adopt(clock.utc_ms(), offers, **_place(ticket)))
            else:
                await self._follow(match.enqueue(clock.utc_ms(), **_place(ticket)))
        await self._follow(match.configure(clock.utc_ms(), directory.agents.values(), directory.queues.values(), directory.members))
        for now in tuple(self.showing.now.values()):
            self.showing.show_agent(now)
        self.showing.touch(*directory.queues)
        if self.on_forgotten:
            self.on_forgotten()

    async def _insist(self, step: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Take a step that must not be lost, trying again while Redis is away."""
        delay_s = _RETRY_FIRST_S
        while True:
            try:
                outcome = await self._take(step)
            except StoreAway as error:
                _log.warning("the match waits for Redis", reason=str(error), again_in_s=delay_s)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, _RETRY_MOST_S)
            else:
                if delay_s > _RETRY_FIRST_S:
                    self._sweep_soon()
                return outcome

    def _sweep_soon(self) -> None:
        if self._sweep:
            self._sweep.cancel()
        sweep = self._end_lost_offers
        self._sweep = asyncio.get_running_loop().call_later(_SWEEP_S, lambda: self._tasks.start(sweep(), "lost offers"))

    async def _end_lost_offers(self) -> None:
        """Redis decided, but its answer was lost with the connection: such offers ring nowhere, so they end."""
        for number in self.directory.agents:
            facts = await self._matching.agent(number)
            offer = facts.get("offer")
            if offer and offer not in self._offers:
                _log.warning("an offer was lost on the way", agent=number, offer=offer)
                await self.offer_ended(Offer(id=offer, call=facts.get("call", ""), queue="", agent=number), OfferEnd.FAILED)

    def _apply(self, outcome: Outcome, asked: int) -> None:
        for change in outcome.changes:
            self.showing.changed(change, asked)
            self.forecast.changed(change)
        for wrapup in outcome.wrapups:
            self.showing.wrapped_up(wrapup)
        for ended in outcome.ended:
            self._offers.pop(ended.id, None)
            if ticket := self._tickets.get(ended.call):
                ticket.hand(ended)
        for offer in outcome.offers:
            self._hand(offer)
        if outcome.due_ms and not 0 < self._due_ms <= outcome.due_ms:
            self._arm(outcome.due_ms)

    def _hand(self, offer: Offer) -> None:
        self.showing.touch(offer.queue)
        ticket = self._tickets.get(offer.call)
        if ticket is None:
            self._tasks.start(self.offer_ended(offer, OfferEnd.CALLER_GONE), f"no ticket {offer.id}")
        else:
            self._offers[offer.id] = offer
            ticket.hand(offer)

    def _staffing_changed(self, queue: str) -> None:
        for ticket in self._tickets.values():
            if ticket.queue.name == queue:
                ticket.staffing_changed.set()

    async def _read_mail(self) -> None:
        """Offers for our calls that another worker's step made, until closed: a cancellation that meets Redis's answer may be swallowed."""
        while not self._closing:
            try:
                offer = await self._matching.mail()
            except StoreAway as error:
                _log.info("offers of other workers can't be read", reason=str(error))
                await asyncio.sleep(_RETRY_MOST_S)
                continue
            if offer:
                self._hand(offer)

    # What is due

    def _arm(self, due_ms: int) -> None:
        if self._due:
            self._due.cancel()
        self._due_ms = due_ms
        delay_s = max(0.0, (due_ms - clock.utc_ms()) / 1000)
        self._due = asyncio.get_running_loop().call_later(delay_s, self._ring_due)

    def _ring_due(self) -> None:
        self._due, self._due_ms = None, 0
        self._tasks.start(self._insist(lambda: self._matching.tick(clock.utc_ms())), "what is due")


def _place(ticket: Ticket) -> dict[str, Any]:
    """A caller's place, as the match takes it."""
    wanted = ticket.wanted
    return {
        "call": ticket.call,
        "queue": ticket.queue.name,
        "steps": wanted.steps,
        "since_ms": ticket.since_ms,
        "entered_ms": ticket.entered_ms,
        "priority": wanted.priority,
        "number": wanted.number,
    }
