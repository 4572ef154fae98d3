"""A floor of agents and queues over the match alone: no telephones, every step at a moment the test chooses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from redis.asyncio import Redis

from callcenter.acd.agent_state import CONSEQUENCES
from callcenter.acd.classes import steps_of
from callcenter.acd.matching import Matching
from callcenter.acd.model import Agent, Member, Mode, Offer, OfferEnd, Outcome, Queue
from callcenter.basics.vocabulary import Language

AGENTS = ("1001", "1002", "1003", "1004", "1005")


def agent(number: str, **skills: int) -> Agent:
    return Agent(number=number, name=number, language=Language.ZH, sip_password="s" * 20, pin="1", skills=skills)


def queue(name: str = "sales", **rules: Any) -> Queue:
    return Queue(name=name, title=name, **rules)


class Floor:
    """Who is there and who waits; each verb is one step of the match at ``now`` milliseconds."""

    def __init__(self, redis: Redis, worker: str = "one") -> None:
        self.redis = redis
        self.now = 1_000_000
        self.clock_set_by_ms = 0
        self.matching = Matching(redis, worker, offset_ms=lambda: self.clock_set_by_ms)
        self.queues: dict[str, Queue] = {}

    async def open(self, queues: Iterable[Queue] = (), agents: Iterable[Agent] = (), members: Iterable[Member] | None = None) -> Self:
        """Set up; by default one queue ``sales`` that all agents serve."""
        staff = list(agents) or [agent(number) for number in AGENTS]
        wanted = list(queues) or [queue()]
        serving = (
            list(members) if members is not None else [Member(queue=found.name, agent=who.number) for found in wanted for who in staff]
        )
        self.queues = {found.name: found for found in wanted}
        await self.matching.configure(self.now, staff, wanted, serving)
        for who in staff:
            await self.matching.set_reachable(self.now, who.number, True)
        return self

    def later(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    def set_clock(self, by_s: float) -> None:
        """Somebody sets the machine's clock."""
        self.later(by_s)
        self.clock_set_by_ms += round(by_s * 1000)

    async def ready(self, *agents: str) -> list[Offer]:
        """Ready one after the other, a second apart."""
        offers: list[Offer] = []
        for number in agents:
            offers += (await self.mode(number, Mode.READY)).offers
            self.later(1)
        return offers

    async def mode(self, number: str, mode: Mode, **more: Any) -> Outcome:
        return await self.matching.set_mode(self.now, agent=number, mode=mode, by="test", **more)

    async def call(self, call: str, queue: str = "sales", **more: Any) -> tuple[Offer, ...]:
        """Somebody comes; ``more``: need, preferred, since, priority, number."""
        return (await self.enqueued(call, queue, **more)).offers

    async def enqueued(
        self,
        call: str,
        queue: str = "sales",
        *,
        need: Mapping[str, int] | None = None,
        preferred: str = "",
        since: int | None = None,
        **more: Any,
    ) -> Outcome:
        steps = steps_of(self.queues[queue], need or {}, preferred)
        since_ms = self.now if since is None else since
        return await self.matching.enqueue(self.now, call=call, queue=queue, steps=steps, since_ms=since_ms, entered_ms=self.now, **more)

    async def end(self, offer: Offer, how: OfferEnd) -> Outcome:
        follows = CONSEQUENCES[how]
        return await self.matching.offer_end(
            self.now,
            call=offer.call,
            agent=offer.agent,
            offer=offer.id,
            end=how,
            rest_ms=5000 if follows.rests else 0,
            keep_place=follows.keeps_place,
            missed=follows.missed,
        )

    async def answered(self, offer: Offer, talk_s: float = 0, wrap_up_s: float = 0) -> Outcome:
        """Answered, talked, and done with it."""
        await self.end(offer, OfferEnd.ANSWERED)
        self.later(talk_s)
        return await self.matching.call_over(self.now, offer.agent, offer.call, round(wrap_up_s * 1000))

    async def tick(self, after_s: float = 0) -> Outcome:
        self.later(after_s)
        return await self.matching.tick(self.now)

    async def state(self, number: str) -> str:
        return (await self.matching.agent(number)).get("state", "offline")

    async def served(self, agents: Iterable[str]) -> list[str]:
        """Whom each agent gets, becoming ready in this order."""
        return [offer.call for offer in await self.ready(*agents)]

    async def agents_of(self, calls: Iterable[str], **more: Any) -> list[str]:
        """Which agent each call gets, coming in this order, a second apart."""
        found = []
        for call in calls:
            found += [offer.agent for offer in await self.call(call, **more)]
            self.later(1)
        return found
