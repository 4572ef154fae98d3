"""The ACD at work: agents and queues as set up, callers' tickets, agents' states, wrap-up timers.

Every step is decided in Redis (matching.py); this file tells the ledger and the live board what was decided, hands
offers to the calls they are for, and arms the timers that a state owns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

import asyncpg
import msgspec

from callcenter.acd import store
from callcenter.acd.agent_state import CONSEQUENCES, REST_S, requested_mode
from callcenter.acd.matching import Matching
from callcenter.acd.model import Agent, AgentNow, AgentState, Change, Mode, Offer, OfferEnd, Outcome, Queue, QueueNow
from callcenter.basics import clock
from callcenter.basics.errors import NotFound, StoreAway
from callcenter.basics.logs import get_logger
from callcenter.basics.tasks import Tasks
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.ledger.events import AgentChanged, WrapUpEnded
from callcenter.ledger.service import Ledger
from callcenter.live.board import Board, Topic

_log = get_logger(__name__)
_QUEUE_CARD_INTERVAL_S = 0.1
_RETRY_FIRST_S, _RETRY_MOST_S = 0.05, 1.0
_SWEEP_S = 0.5


class Ticket:
    """A caller's place in a queue: offers for the call arrive here."""

    def __init__(self, call: str, queue: Queue, since_ms: int) -> None:
        self.call = call
        self.queue = queue
        self.since_ms = since_ms
        self._offers: asyncio.Queue[Offer] = asyncio.Queue()

    def hand(self, offer: Offer) -> None:
        """An agent's phone is to ring for this caller."""
        self._offers.put_nowait(offer)

    @property
    def has_offer(self) -> bool:
        """Whether an offer is there already."""
        return not self._offers.empty()

    async def next_offer(self) -> Offer:
        """Wait for the next offer, as long as it takes; the asker sets the limit."""
        return await self._offers.get()

    def unread(self) -> list[Offer]:
        """Offers nobody has taken up, when the caller leaves."""
        left = []
        while not self._offers.empty():
            left.append(self._offers.get_nowait())
        return left


class Acd:
    """Who answers whom. One per worker."""

    def __init__(self, *, matching: Matching, pool: asyncpg.Pool, ledger: Ledger, board: Board) -> None:
        self._matching = matching
        self._pool = pool
        self._ledger = ledger
        self._board = board
        self._tasks = Tasks("acd")
        self._tickets: dict[str, Ticket] = {}
        self._agents: dict[str, Agent] = {}
        self._queues: dict[str, Queue] = {}
        self._serves: dict[str, tuple[str, ...]] = {}
        self._now: dict[str, AgentNow] = {}
        """Agents as they are, kept true by every change: screens and counts ask no Redis."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._offers: set[str] = set()
        """Offers that were handed to a call and have not ended."""
        self._dirty_queues: set[str] = set()
        self._dirty = asyncio.Event()
        self.on_agents_changed: Callable[[], Awaitable[None]] | None = None

    # Set-up

    async def start(self) -> None:
        """Load the match function and what is set up, show everyone, arm the wrap-up timers that a worker before us left."""
        await self._matching.load()
        await self.reload()
        for now in await self.agents():
            if now.state is AgentState.WRAPUP:
                self._arm_wrapup(now.number, now.call, self._wrap_up_s(None))
            elif now.state is AgentState.READY:
                self._apply(await self._matching.rest_over(clock.utc_ms(), now.number))
        self._tasks.start(self._show_queues(), "queue cards")

    async def close(self) -> None:
        """Stop the timers."""
        for timer in self._timers.values():
            timer.cancel()
        await self._tasks.close()

    async def reload(self) -> None:
        """Take over what the administrator changed; nobody's call is disturbed."""
        agents = await store.read_agents(self._pool)
        queues = await store.read_queues(self._pool)
        members = await store.read_members(self._pool)
        gone = self._agents.keys() - {agent.number for agent in agents}
        self._agents = {agent.number: agent for agent in agents}
        self._queues = {queue.name: queue for queue in queues}
        serves: dict[str, tuple[str, ...]] = dict.fromkeys(self._agents, ())
        for member in members:
            serves[member.agent] += (member.queue,)
        self._serves = serves
        outcome = await self._matching.configure(clock.utc_ms(), self._agents, queues, members)
        self._apply(outcome)
        for number in gone:
            self._now.pop(number, None)
            self._board.show(Topic.AGENTS, number, None)
        for now in await self.agents():
            self._show_agent(now)
        self._dirty_queues.update(self._queues)
        self._dirty.set()

    async def agents_changed(self) -> None:
        """Agents were added or retired: load them and let their phones be set up."""
        await self.reload()
        if self.on_agents_changed:
            await self.on_agents_changed()

    # Questions

    def queue(self, name: str) -> Queue:
        """The queue as set up; NotFound when there is none."""
        if (queue := self._queues.get(name)) is None:
            raise NotFound(f"there is no queue {name!r:.60}")
        return queue

    def agent(self, number: str) -> Agent:
        """The agent as set up; NotFound when there is none."""
        if (agent := self._agents.get(number)) is None:
            raise NotFound(f"there is no agent {number!r:.20}")
        return agent

    def knows_agent(self, number: str) -> bool:
        """Whether an active agent has this number."""
        return number in self._agents

    @property
    def configured(self) -> tuple[Mapping[str, Agent], Mapping[str, Queue], Mapping[str, tuple[str, ...]]]:
        """Agents, queues, and which queues each agent serves."""
        return self._agents, self._queues, self._serves

    async def agents(self) -> list[AgentNow]:
        """Every agent as they are now."""
        return await self._matching.agents({number: agent.name for number, agent in self._agents.items()}, self._serves)

    async def agent_now(self, number: str) -> AgentNow:
        """One agent as they are now; NotFound when there is none."""
        agent = self.agent(number)
        return (await self._matching.agents({number: agent.name}, self._serves))[0]

    async def queues(self) -> list[QueueNow]:
        """Every queue as it is now."""
        return await self._queues_now(self._queues)

    async def _queues_now(self, names: Iterable[str]) -> list[QueueNow]:
        wanted = [self._queues[name] for name in names if name in self._queues]
        waiting = await self._matching.waiting(queue.name for queue in wanted)
        counts = {queue.name: dict.fromkeys(map(str, AgentState), 0) for queue in wanted}
        for agent in self._now.values():
            for name in agent.queues:
                if name in counts:
                    counts[name][agent.state] += 1
        return [_queue_now(queue, waiting[queue.name], counts[queue.name]) for queue in wanted]

    # Callers

    async def enqueue(self, call: str, queue: str, *, since_ms: int, order_ms: int | None = None) -> Ticket:
        """The caller begins to wait (or goes on waiting with the old ``since_ms``); waits itself while Redis is away."""
        ticket = Ticket(call, self.queue(queue), since_ms)
        self._tickets[call] = ticket
        order = since_ms if order_ms is None else order_ms
        await self._insist(lambda: self._matching.enqueue(clock.utc_ms(), call=call, queue=queue, order_ms=order, since_ms=since_ms))
        self._touch_queue(queue)
        return ticket

    async def leave(self, ticket: Ticket) -> None:
        """The caller no longer waits; offers that nobody took up end as ``caller_gone``."""
        self._tickets.pop(ticket.call, None)
        await self._insist(lambda: self._matching.leave(clock.utc_ms(), ticket.call))
        for offer in ticket.unread():
            await self.offer_ended(offer, OfferEnd.CALLER_GONE)
        self._touch_queue(ticket.queue.name)

    async def offer_ended(self, offer: Offer, end: OfferEnd) -> None:
        """Tell the one end of an offer; a second telling changes nothing."""
        follows = CONSEQUENCES[end]
        self._offers.discard(offer.id)
        outcome = await self._insist(
            lambda: self._matching.offer_end(
                clock.utc_ms(),
                call=offer.call,
                agent=offer.agent,
                offer=offer.id,
                end=end,
                rest=follows.rests,
                keep_place=follows.keeps_place,
            )
        )
        if follows.rests and not outcome.stale:
            self._arm(f"rest:{offer.agent}", REST_S, lambda: self._matching.rest_over(clock.utc_ms(), offer.agent))
        if end is OfferEnd.ANSWERED:
            self._tickets.pop(offer.call, None)
        self._touch_queue(offer.queue)

    # Agents

    async def set_state(self, number: str, state: object, reason: str, by: str) -> AgentNow:
        """Make an agent ready, paused or offline; in a call it takes effect after it. NotFound, BadRequest."""
        mode = requested_mode(state)
        self.agent(number)
        before = await self._matching.agent(number)
        outcome = await self._matching.set_mode(
            clock.utc_ms(), agent=number, mode=mode, reason=reason[:80] if mode is Mode.PAUSED else "", by=by, end_wrapup=True
        )
        if "wrapup_ended" in outcome.notes:
            self._disarm(f"wrapup:{number}")
            self._note_wrapup(number, before.get("call", ""), int(float(before.get("since", "0"))))
        self._apply(outcome)
        return await self.agent_now(number)

    async def set_reachable(self, number: str, reachable: bool) -> None:
        """The agent's phone registered, or can no longer be reached; what is known already costs nothing."""
        known = self._now.get(number)
        if number in self._agents and (known is None or known.reachable != reachable):
            if known:
                self._now[number] = msgspec.structs.replace(known, reachable=reachable)
            await self._insist(lambda: self._matching.set_reachable(clock.utc_ms(), number, reachable))

    async def busy(self, number: str, call: str, activity: AgentState = AgentState.TALKING) -> bool:
        """The agent rings or talks in a call that no offer brought; False when another call has the agent."""
        outcome = await self._insist(lambda: self._matching.busy(clock.utc_ms(), number, call, activity))
        return not outcome.stale

    async def call_over(self, number: str, call: str, queue: str | None) -> None:
        """The agent's conversation is over; after a queue's call comes the queue's wrap-up."""
        wrap_up_s = self._wrap_up_s(queue) if queue else 0
        outcome = await self._insist(lambda: self._matching.call_over(clock.utc_ms(), number, call, wrap_up_s * 1000))
        if wrap_up_s and not outcome.stale and any(change.state is AgentState.WRAPUP for change in outcome.changes):
            self._arm_wrapup(number, call, wrap_up_s)

    async def forget_strangers(self, living: set[str]) -> None:
        """After a crash: calls still waiting in Redis that no longer live are taken out, and agents they held are free."""
        for call in await self._matching.known_calls(self._queues) - living:
            await self._insist(lambda call=call: self._matching.leave(clock.utc_ms(), call))  # type: ignore[misc]
        for number in self._agents:
            facts = await self._matching.agent(number)
            call, activity = facts.get("call", ""), facts.get("activity", "")
            if activity not in {AgentState.RINGING, AgentState.TALKING} or call in living:
                continue
            _log.warning("an agent held by a call that is gone is free again", agent=number, call=call)
            if offer := facts.get("offer"):
                await self.offer_ended(Offer(id=offer, call=call, queue="", agent=number), OfferEnd.CALLER_GONE)
            else:
                await self.call_over(number, call, None)

    def _wrap_up_s(self, queue: str | None) -> int:
        if queue in self._queues:
            return self._queues[queue].wrap_up_s
        return max((found.wrap_up_s for found in self._queues.values()), default=0)

    def _arm_wrapup(self, number: str, call: str, seconds: float) -> None:
        since_ms = clock.utc_ms()

        async def over() -> Outcome:
            outcome = await self._matching.wrapup_over(clock.utc_ms(), number, call)
            if not outcome.stale:
                self._note_wrapup(number, call, since_ms)
            return outcome

        self._arm(f"wrapup:{number}", seconds, over)

    def _note_wrapup(self, number: str, call: str, since_ms: int) -> None:
        now = clock.utc_ms()
        self._ledger.note(WrapUpEnded(id=new_id(Kind.EVENT, now), at_ms=now, call=call, agent=number, lasted_ms=now - since_ms))

    # What every step brings with it

    async def _insist(self, step: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Take a step that must not be lost, trying again while Redis is away."""
        delay_s = _RETRY_FIRST_S
        while True:
            try:
                outcome = await step()
            except StoreAway as error:
                _log.warning("the match waits for Redis", reason=str(error), again_in_s=delay_s)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, _RETRY_MOST_S)
            else:
                self._apply(outcome)
                if delay_s > _RETRY_FIRST_S:
                    self._arm("lost offers", _SWEEP_S, self._end_lost_offers)
                return outcome

    async def _end_lost_offers(self) -> Outcome:
        """Redis decided, but its answer was lost with the connection: such offers ring nowhere, so they end."""
        for number in self._agents:
            facts = await self._matching.agent(number)
            offer = facts.get("offer")
            if offer and offer not in self._offers:
                _log.warning("an offer was lost on the way", agent=number, offer=offer)
                lost = Offer(id=offer, call=facts.get("call", ""), queue="", agent=number)
                await self.offer_ended(lost, OfferEnd.FAILED)
        return Outcome(offers=(), changes=(), notes=())

    def _apply(self, outcome: Outcome) -> None:
        for change in outcome.changes:
            self._tell_change(change)
        for offer in outcome.offers:
            self._touch_queue(offer.queue)
            ticket = self._tickets.get(offer.call)
            if ticket is None:
                self._tasks.start(self.offer_ended(offer, OfferEnd.CALLER_GONE), f"no ticket {offer.id}")
            else:
                self._offers.add(offer.id)
                ticket.hand(offer)

    def _tell_change(self, change: Change) -> None:
        self._ledger.note(
            AgentChanged(
                id=new_id(Kind.EVENT, change.since_ms),
                at_ms=change.since_ms,
                call="",
                agent=change.agent,
                state=change.state,
                reason=change.reason,
                by=change.by,
            )
        )
        if (agent := self._agents.get(change.agent)) is None:
            return
        serves = self._serves.get(change.agent, ())
        self._show_agent(
            AgentNow(
                number=agent.number,
                name=agent.name,
                state=change.state,
                mode=change.mode,
                reason=change.reason,
                since_ms=change.since_ms,
                reachable=change.reachable,
                call=change.call,
                queues=serves,
            )
        )
        self._dirty_queues.update(serves)
        self._dirty.set()

    def _show_agent(self, now: AgentNow) -> None:
        self._now[now.number] = now
        fields = {name: getattr(now, name) for name in AgentNow.__struct_fields__}
        self._board.show(Topic.AGENTS, now.number, fields)

    def _touch_queue(self, queue: str) -> None:
        self._dirty_queues.add(queue)
        self._dirty.set()

    async def _show_queues(self) -> None:
        while True:
            await self._dirty.wait()
            await asyncio.sleep(_QUEUE_CARD_INTERVAL_S)
            self._dirty.clear()
            names, self._dirty_queues = self._dirty_queues, set()
            try:
                shown = await self._queues_now(names)
            except StoreAway:
                self._dirty_queues |= names
                continue
            for now in shown:
                self._board.show(Topic.QUEUES, now.name, {name: getattr(now, name) for name in QueueNow.__struct_fields__})

    def _arm(self, name: str, delay_s: float, step: Callable[[], Awaitable[Outcome]]) -> None:
        self._disarm(name)

        def ring() -> None:
            self._timers.pop(name, None)
            self._tasks.start(self._insist(step), name)

        self._timers[name] = asyncio.get_running_loop().call_later(delay_s, ring)

    def _disarm(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()


def _queue_now(queue: Queue, waiting: tuple[int, int | None], agents: dict[str, int]) -> QueueNow:
    count, since = waiting
    return QueueNow(name=queue.name, title=queue.title, waiting=count, longest_since_ms=since, agents=agents)
