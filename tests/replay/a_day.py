"""A day of one queue, worked out by plain first come, first served, and written as the events that the centre would have noted."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from callcenter.basics.vocabulary import Direction, EndedBy, Kind, LegRole, new_id
from callcenter.ledger import events as e
from tests.ledger.histories import Story

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2025, 3, 12)
MIDNIGHT_MS = round(datetime(2025, 3, 12, tzinfo=ZONE).timestamp() * 1000)
NINE_MS = MIDNIGHT_MS + 9 * 3_600_000
RING_MS = 2_000


@dataclass
class Call:
    """A caller who comes ``at_s`` seconds after nine."""

    at_s: float
    talk_s: float = 60
    patience_s: float | None = None
    queue: str = "sales"
    number: str = "13900000001"
    wrap_s: float = 0
    waited_ms: int | None = None
    """What the oracle found."""
    agent: str = ""
    story: Story = field(init=False)

    @property
    def at_ms(self) -> int:
        return NINE_MS + round(self.at_s * 1000)


class Oracle:
    """One line for all queues, the longest idle agent first; every phone rings two seconds and is answered."""

    def __init__(self, agents: Iterable[str], calls: Iterable[Call]) -> None:
        self.calls = sorted(calls, key=lambda call: call.at_ms)
        self.changes: list[Any] = []
        self._turn = itertools.count()
        self._heap: list[tuple[int, int, Any, Any]] = []
        self._line: list[Call] = []
        self._idle: list[tuple[int, str]] = []
        for number in sorted(agents):
            self._agent_is(number, "ready", NINE_MS - 60_000)
            self._idle.append((NINE_MS - 60_000, number))
        self._agents = sorted(agents)

    def events(self) -> list[Any]:
        """Every event of the day."""
        for call in self.calls:
            self._at(call.at_ms, self._come, call)
        now = NINE_MS
        while self._heap:
            now, _, work, about = heapq.heappop(self._heap)
            work(now, about)
        for number in self._agents:
            self._agent_is(number, "offline", max(now, NINE_MS) + 60_000)
        return [event for call in self.calls for event in call.story.events] + self.changes

    def _at(self, at_ms: int, work: Any, about: Any) -> None:
        heapq.heappush(self._heap, (at_ms, next(self._turn), work, about))

    def _agent_is(self, number: str, state: str, at_ms: int) -> None:
        self.changes.append(e.AgentChanged(id=new_id(Kind.EVENT, at_ms), at_ms=at_ms, call="", agent=number, state=state))

    def _come(self, now: int, call: Call) -> None:
        call.story = Story(now)
        leg = new_id(Kind.LEG, now)
        call.story.add(e.CallArrived, direction=Direction.INBOUND, caller=call.number, dialled="4001", node="n")
        call.story.add(e.LegStarted, leg=leg, channel=leg, role=LegRole.CALLER, party=call.number)
        call.story.add(e.Queued, queue=call.queue)
        self._line.append(call)
        if call.patience_s is not None:
            self._at(now + round(call.patience_s * 1000), self._give_up, call)
        self._match(now)

    def _match(self, now: int) -> None:
        while self._line and self._idle:
            call, (_, number) = self._line.pop(0), heapq.heappop(self._idle)
            call.story.now = now
            call.story.add(e.Offered, offer=f"{call.story.call}/1", queue=call.queue, agent=number, leg="a")
            self._agent_is(number, "ringing", now)
            self._at(now + RING_MS, self._answer, (call, number))

    def _answer(self, now: int, about: tuple[Call, str]) -> None:
        call, number = about
        story = call.story
        story.now, call.waited_ms, call.agent = now, now - call.at_ms, number
        story.add(e.OfferEnded, offer=f"{story.call}/1", agent=number, end="answered")
        story.add(e.LeftQueue, queue=call.queue, why="answered")
        story.add(e.LegStarted, leg="a" + story.call, channel="a", role=LegRole.AGENT, party=number)
        story.add(e.Bridged, bridge="b", legs=(story.events[1].leg, "a" + story.call))
        self._agent_is(number, "talking", now)
        self._at(now + round(call.talk_s * 1000), self._hang_up, about)

    def _hang_up(self, now: int, about: tuple[Call, str]) -> None:
        call, number = about
        self._end(call, now)
        if call.wrap_s:
            self._agent_is(number, "wrapup", now)
            self._at(now + round(call.wrap_s * 1000), self._wrapped_up, about)
        else:
            self._wrapped_up(now, about)

    def _wrapped_up(self, now: int, about: tuple[Call, str]) -> None:
        call, number = about
        if call.wrap_s:
            call.story.now = now
            call.story.add(e.WrapUpEnded, agent=number, lasted_ms=round(call.wrap_s * 1000))
        self._agent_is(number, "ready", now)
        heapq.heappush(self._idle, (now, number))
        self._match(now)

    def _give_up(self, now: int, call: Call) -> None:
        if call in self._line:
            self._line.remove(call)
            call.story.now, call.waited_ms = now, now - call.at_ms
            call.story.add(e.LeftQueue, queue=call.queue, why="abandoned")
            self._end(call, now)

    def _end(self, call: Call, now: int) -> None:
        call.story.now = now
        call.story.add(e.LegEnded, leg=call.story.events[1].leg, by=EndedBy.CALLER, cause=16)
        call.story.add(e.CallEnded, by=EndedBy.CALLER, cause=16, outcome="x")
