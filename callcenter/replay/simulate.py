"""A day once more, in virtual time: who comes, how phones are answered and how long talks last is given; who answers whom is the
real match's decision (acd/matching.lua), in a Redis of its own.

One heap of what happens when; whatever happens is one step of the match, and what the match decides makes more happen. Where
the running centre decides in calls/queueing.py and calls/overflowing.py, this does the same: phones that ring are let ring to
their end before an overflow rule counts, the longest wait ends even then.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from callcenter.acd.agent_state import CONSEQUENCES, REST_S
from callcenter.acd.classes import steps_of
from callcenter.acd.matching import Matching
from callcenter.acd.model import AgentState, EndedOffer, Mode, Offer, OfferEnd, Outcome, Queue, Staffing
from callcenter.acd.opening import Calendar, closes_at, is_open
from callcenter.acd.overflow import WHY, Standing, decide
from callcenter.acd.rules import Overflow, To, When
from callcenter.basics.clock import from_ms, to_ms
from callcenter.ledger.agent_time import Change
from callcenter.replay.changes import Changed
from callcenter.replay.dice import Dice
from callcenter.replay.model import ANSWERED, Caller, Day, Handling, OtherWork, Result, Served, Shift
from callcenter.reports.model import Visit

_KEPT_MS: Final = 86_400_000
"""The match forgets a kept place by the real clock, so it is told to keep it long, and the window is watched here."""
_STAFFING: Final = frozenset({When.NO_AGENTS, When.ALL_PAUSED})
_FULL_USE_MS: Final = 250
"""A wrap-up that ended so close to the queue's limit was ended by it."""
_LATE_MS: Final = 1_000
"""A phone picked up so soon after the limit was answered all the same."""
Work = Callable[[], Awaitable[None]]


@dataclass
class _Waiting:
    """A caller in a queue."""

    caller: Caller
    queue: Queue
    since_ms: int
    entered_ms: int
    moves: int
    opened: bool
    ringing: set[str] = field(default_factory=set)
    offers: int = 0
    missed: int = 0
    elsewhere: int = 0


class Simulation:
    """One replay of one day. ``wraps_ms``: by queue, how long a wrap-up could last as it was."""

    def __init__(
        self, matching: Matching, day: Day, changed: Changed, dice: Dice, *, zone: ZoneInfo, calendar: Calendar, wraps_ms: Mapping[str, int]
    ) -> None:
        self._matching = matching
        self._day = day
        self._changed = changed
        self._queues = changed.set_up.queues
        self._dice = dice
        self._zone = zone
        self._calendar = calendar
        self._wraps_ms = wraps_ms
        self._now = day.begin_ms
        self._heap: list[tuple[int, int, Work]] = []
        self._turn = itertools.count()
        self._ticks: set[int] = set()
        self._waiting: dict[str, _Waiting] = {}
        self._live: dict[str, Offer] = {}
        self._turns: dict[tuple[str, str], int] = {}
        self._gone: dict[tuple[str, str], int] = {}
        """Queue and number → when they last went away without an agent."""
        self._state: dict[str, str] = {}
        self._states: dict[str, list[Change]] = {}
        self._served: list[Served] = []
        self._crowded = 0
        self._estimates: set[str] = set()
        self._members: dict[str, list[str]] = {name: [] for name in self._queues}
        self._serves: dict[str, list[str]] = {}
        for queue, agent in changed.set_up.members:
            self._members[queue].append(agent)
            self._serves.setdefault(agent, []).append(queue)

    async def run(self) -> Result:
        """Replay the day to its end, and on until everybody who came is served or what agents did is no longer known."""
        await self._open()
        while self._heap and self._heap[0][0] <= self._day.until_ms:
            self._now, _, work = heapq.heappop(self._heap)
            await work()
        for waiting in self._waiting.values():
            self._write(waiting, "", "")
        return Result(served=tuple(self._served), states={who: tuple(found) for who, found in self._states.items()}, notes=self._notes())

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self._crowded:
            notes.append(f"{self._crowded} other conversations came while the agent talked to a replayed caller, and were left out")
        if self._estimates:
            notes.append(f"overflow by expected wait is not replayed: {', '.join(sorted(self._estimates))}")
        return tuple(notes)

    def _at(self, at_ms: int, work: Work) -> None:
        heapq.heappush(self._heap, (max(at_ms, self._now), next(self._turn), work))

    async def _open(self) -> None:
        """The centre as the day begins, and what of the day is given."""
        set_up, now = self._changed.set_up, self._now
        await self._matching.load()
        queues = [_without_auto_pause(queue) for queue in set_up.queues.values()]
        self._follow(await self._matching.configure(now, set_up.agents.values(), queues, set_up.members.values()))
        for number in set_up.agents:
            self._follow(await self._matching.set_reachable(now, number, True))
            for shift in self._shifts(number):
                self._at(shift.at_ms, partial(self._shift, number, shift))
        for work in self._day.other_work:
            if work.agent in set_up.agents and work.agent not in self._changed.hours:
                self._at(work.from_ms, partial(self._other_work, work))
        for caller in self._day.callers:
            self._at(caller.entered_ms, partial(self._come, caller))

    def _shifts(self, number: str) -> Iterable[Shift]:
        if (hours := self._changed.hours.get(number)) is not None:
            return [
                Shift(at_ms=at_ms, mode=mode) for stretch in hours for at_ms, mode in zip(stretch, (Mode.READY, Mode.OFFLINE), strict=True)
            ]
        return self._day.shifts.get(self._changed.like.get(number, number), ())

    # What every step brings with it

    def _follow(self, outcome: Outcome) -> None:
        touched: dict[str, Staffing] = {}
        for change in outcome.changes:
            if not change.fresh:
                continue
            for queue in self._serves.get(change.agent, ()):
                touched.setdefault(queue, self._staffing(queue))
            self._state[change.agent] = change.state
            told = Change(at_ms=change.since_ms, id=f"{next(self._turn):012d}", state=change.state, reason=change.reason, by=change.by)
            self._states.setdefault(change.agent, []).append(told)
        for ended in outcome.ended:
            self._phone_stops(ended)
        for offer in outcome.offers:
            self._ring(offer)
        for queue, before in touched.items():
            if self._staffing(queue) is not before and any(rule.when in _STAFFING for rule in self._queues[queue].rules.overflow):
                self._at(self._now, partial(self._look_at_queue, queue))
        if outcome.due_ms and outcome.due_ms not in self._ticks:
            self._ticks.add(outcome.due_ms)
            self._at(outcome.due_ms, partial(self._tick, outcome.due_ms))

    async def _tick(self, due_ms: int) -> None:
        self._ticks.discard(due_ms)
        self._follow(await self._matching.tick(self._now))

    def _staffing(self, queue: str) -> Staffing:
        states = [self._state.get(agent, AgentState.OFFLINE) for agent in self._members[queue]]
        if all(state == AgentState.OFFLINE for state in states):
            return Staffing.NOBODY
        at_work = any(state not in (AgentState.OFFLINE, AgentState.PAUSED) for state in states)
        return Staffing.AT_WORK if at_work else Staffing.ALL_PAUSED

    # Agents

    async def _shift(self, agent: str, shift: Shift) -> None:
        if shift.reachable is not None:
            self._follow(await self._matching.set_reachable(self._now, agent, shift.reachable))
        if shift.mode is not None:
            mode = self._matching.set_mode(self._now, agent=agent, mode=shift.mode, reason=shift.reason, by="agent", end_wrapup=False)
            self._follow(await mode)

    async def _other_work(self, work: OtherWork) -> None:
        outcome = await self._matching.busy(self._now, work.agent, work.call, AgentState.TALKING)
        self._follow(outcome)
        if outcome.stale:
            self._crowded += 1
        else:
            self._at(work.to_ms, partial(self._talk_over, work.agent, work.call, 0))

    async def _talk_over(self, agent: str, call: str, wrap_ms: int) -> None:
        self._follow(await self._matching.call_over(self._now, agent, call, wrap_ms))

    # Callers come

    async def _come(self, caller: Caller) -> None:
        if (patience_ms := self._dice.patience_ms(caller)) is not None:
            self._at(caller.entered_ms + patience_ms, partial(self._give_up, caller))
        for at_ms, priority in caller.raised:
            self._at(at_ms, partial(self._raise, caller, priority))
        await self._enter(caller, caller.queue, caller.since_ms, moves=0)

    async def _enter(self, caller: Caller, name: str, since_ms: int, *, moves: int) -> None:
        queue, now = self._queues[name], self._now
        waiting = _Waiting(caller, queue, since_ms, now, moves, is_open(queue.rules.hours, self._local(), self._calendar))
        self._waiting[caller.name] = waiting
        if (rule := self._way_out(waiting, entering=True)) is not None:
            return await self._send_on(waiting, rule)
        moved = name != caller.queue
        number = caller.number if self._place_is_kept(queue, caller.number) else ""
        steps = steps_of(queue, caller.need, "" if moved else caller.preferred)
        outcome = await self._matching.enqueue(
            now, call=caller.name, queue=name, steps=steps, since_ms=since_ms, entered_ms=now, priority=caller.priority, number=number
        )
        self._follow(outcome)
        self._arrange(waiting)
        if any(rule.when is When.EXPECTED_WAIT for rule in queue.rules.overflow):
            self._estimates.add(name)
        if any(rule.when is When.LENGTH for rule in queue.rules.overflow) and not waiting.ringing:
            position = await self._matching.position(name, caller.name)
            if (rule := self._way_out(waiting, entering=True, ahead=(position or 1) - 1)) is not None:
                await self._send_on(waiting, rule)
        return None

    def _place_is_kept(self, queue: Queue, number: str) -> bool:
        """Who has never gone away is given the number too, so that the place is kept when they do."""
        gone_ms = self._gone.get((queue.name, number))
        return bool(queue.return_window_s) and (gone_ms is None or self._now - gone_ms <= queue.return_window_s * 1000)

    def _arrange(self, waiting: _Waiting) -> None:
        """What ends the wait by itself."""
        queue = waiting.queue
        if queue.max_wait_s is not None:
            self._at(waiting.entered_ms + queue.max_wait_s * 1000, partial(self._wait_no_longer, waiting))
        looks = [waiting.entered_ms + rule.than * 1000 for rule in queue.rules.overflow if rule.when is When.WAITED]
        closing = closes_at(queue.rules.hours, self._local(), self._calendar)
        if closing and any(rule.when is When.CLOSING for rule in queue.rules.overflow):
            looks.append(to_ms(closing))
        for at_ms in looks:
            self._at(at_ms, partial(self._look, waiting))

    def _local(self) -> datetime:
        return from_ms(self._now).astimezone(self._zone)

    # Callers go on, or away

    def _is_there(self, waiting: _Waiting) -> bool:
        return self._waiting.get(waiting.caller.name) is waiting

    def _way_out(self, waiting: _Waiting, *, entering: bool = False, ahead: int | None = None) -> Overflow | None:
        rules = [rule for rule in waiting.queue.rules.overflow if rule.when is not When.EXPECTED_WAIT]
        if not rules:
            return None
        standing = Standing(
            entering=entering,
            waited_s=(self._now - waiting.entered_ms) / 1000,
            staffing=self._staffing(waiting.queue.name),
            is_open=is_open(waiting.queue.rules.hours, self._local(), self._calendar),
            opened=waiting.opened,
            ahead=ahead,
            moves=waiting.moves,
        )
        return decide(rules, standing)

    async def _look(self, waiting: _Waiting) -> None:
        if self._is_there(waiting) and not waiting.ringing and (rule := self._way_out(waiting)):
            await self._send_on(waiting, rule)

    async def _look_at_queue(self, queue: str) -> None:
        for waiting in [one for one in self._waiting.values() if one.queue.name == queue]:
            await self._look(waiting)

    async def _send_on(self, waiting: _Waiting, rule: Overflow) -> None:
        await self._leave(waiting, WHY[rule.when])
        if rule.to is To.QUEUE and rule.target in self._queues:
            since_ms = waiting.since_ms if rule.keeps_wait else self._now
            await self._enter(waiting.caller, rule.target, since_ms, moves=waiting.moves + 1)

    async def _wait_no_longer(self, waiting: _Waiting) -> None:
        if self._is_there(waiting):
            await self._leave(waiting, "timeout")

    async def _give_up(self, caller: Caller) -> None:
        if (waiting := self._waiting.get(caller.name)) is not None:
            if caller.number:
                self._gone[waiting.queue.name, caller.number] = self._now
            await self._leave(waiting, caller.gives_up_as, keep_ms=_KEPT_MS if waiting.queue.return_window_s else 0)

    async def _raise(self, caller: Caller, priority: int) -> None:
        if caller.name in self._waiting:
            self._follow(await self._matching.prioritise(self._now, caller.name, priority))

    async def _leave(self, waiting: _Waiting, how: str, *, keep_ms: int = 0) -> None:
        self._write(waiting, how, "")
        self._waiting.pop(waiting.caller.name)
        self._follow(await self._matching.leave(self._now, waiting.caller.name, keep_ms=keep_ms))

    # Phones ring

    def _ring(self, offer: Offer) -> None:
        waiting = self._waiting[offer.call]
        self._live[offer.id] = offer
        waiting.ringing.add(offer.id)
        waiting.offers += 1
        turn = self._turns.get((offer.call, offer.agent), 0)
        self._turns[offer.call, offer.agent] = turn + 1
        ring = self._dice.ring(offer.call, offer.agent, turn, like=self._changed.like.get(offer.agent, ""))
        limit_ms = waiting.queue.ring_timeout_s * 1000
        timed_out = ring.end is OfferEnd.TIMED_OUT or ring.lasted_ms > limit_ms + _LATE_MS
        lasted_ms, end = (limit_ms, OfferEnd.TIMED_OUT) if timed_out else (ring.lasted_ms, ring.end)
        self._at(self._now + lasted_ms, partial(self._ring_over, offer, end))

    def _phone_stops(self, ended: EndedOffer) -> None:
        self._live.pop(ended.id, None)
        if (waiting := self._waiting.get(ended.call)) is not None:
            waiting.ringing.discard(ended.id)
            waiting.elsewhere += ended.end is OfferEnd.ELSEWHERE

    async def _ring_over(self, offer: Offer, end: OfferEnd) -> None:
        if self._live.pop(offer.id, None) is None:
            return
        waiting = self._waiting[offer.call]
        waiting.ringing.discard(offer.id)
        follows = CONSEQUENCES[end]
        waiting.missed += follows.missed or end is OfferEnd.FAILED
        outcome = await self._matching.offer_end(
            self._now,
            call=offer.call,
            agent=offer.agent,
            offer=offer.id,
            end=end,
            rest_ms=int(REST_S * 1000) if follows.rests else 0,
            keep_place=follows.keeps_place,
            missed=follows.missed,
        )
        self._follow(outcome)
        if end is OfferEnd.ANSWERED:
            self._answered(waiting, offer.agent)
        else:
            await self._look(waiting)

    def _answered(self, waiting: _Waiting, agent: str) -> None:
        handling = self._dice.handling(waiting.caller)
        wrap_ms = wrap_up_ms(handling.wrap_ms, self._wraps_ms.get(waiting.caller.queue, 0), waiting.queue.wrap_up_s * 1000)
        self._write(waiting, ANSWERED, agent, Handling(announce_ms=handling.announce_ms, talk_ms=handling.talk_ms, wrap_ms=wrap_ms))
        self._waiting.pop(waiting.caller.name)
        self._at(self._now + handling.announce_ms + handling.talk_ms, partial(self._talk_over, agent, waiting.caller.name, wrap_ms))

    def _write(self, waiting: _Waiting, how: str, agent: str, handling: Handling = Handling()) -> None:  # noqa: B008 - frozen
        visit = Visit(
            queue=waiting.queue.name,
            entered_ms=waiting.entered_ms,
            how=how,
            wait_ms=self._now - waiting.entered_ms if how else 0,
            announce_ms=handling.announce_ms,
            talk_ms=handling.talk_ms,
            wrap_ms=handling.wrap_ms,
            offers=waiting.offers,
            missed=waiting.missed,
            offers_lost=len(waiting.ringing) if how != ANSWERED else 0,
            offers_elsewhere=waiting.elsewhere,
        )
        self._served.append(Served(name=waiting.caller.name, agent=agent, visit=visit))


def wrap_up_ms(lasted_ms: int, limit_ms: int, new_limit_ms: int) -> int:
    """How long a wrap-up lasts under another limit: who used the whole of the old one uses the whole of the new one."""
    if lasted_ms < limit_ms - _FULL_USE_MS:
        return min(lasted_ms, new_limit_ms)
    return new_limit_ms + (lasted_ms - limit_ms if lasted_ms > limit_ms + _FULL_USE_MS else 0)


def _without_auto_pause(queue: Queue) -> Queue:
    """Pauses after missed calls are replayed as they were: what would have ended other ones nobody knows."""
    return queue if not queue.auto_pause_after else msgspec.structs.replace(queue, auto_pause_after=0)
