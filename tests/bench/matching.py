"""The match alone: Redis with matching.lua, 10,000 callers waiting, 1,000 agents, 50 skills. No telephones, no worker.

A *match* is an agent who becomes free and gets an offer (``call_over``, which chooses the caller) and that offer's end
(``offer_end``). A caller who joins for each one that is taken keeps the number of waiting callers what it is.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from callcenter.acd.classes import Step, steps_of
from callcenter.acd.matching import Matching
from callcenter.acd.model import Agent, Member, Mode, Offer, OfferEnd, Outcome, Queue
from callcenter.acd.rules import Ring, Rules
from callcenter.basics.vocabulary import Language
from tests.bench.results import at_least, below, run_of, spread
from tests.parts import machine
from tests.parts.redis import private_redis

AGENTS, SKILLS, QUEUES, CLASSES = 1000, 50, 10, 60
LEVELS = (10, 100, 1000, 10000)
CONNECTIONS, BATCH = 4, 25
_WAITED_MS = 600_000
_INNER_US = 20
"""The slow log holds the commands inside a step too, which take less than this; a whole step takes more."""


class Pipelined:
    """Stands where a Redis connection stands: what is asked in one turn of the loop goes out in one piece."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._asked: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []

    async def fcall(self, *arguments: Any) -> Any:
        answer = asyncio.get_running_loop().create_future()
        self._asked.append((arguments, answer))
        return await answer

    async def flush(self) -> None:
        """Send what was asked and hand out the answers."""
        asked, self._asked = self._asked, []
        async with self._redis.pipeline(transaction=False) as pipe:
            for arguments, _ in asked:
                pipe.fcall(*arguments)
            for (_, waiting), answer in zip(asked, await pipe.execute(), strict=True):
                waiting.set_result(answer)


@dataclass
class Floor:
    """Agents, queues and the kinds of callers, drawn with a fixed seed: the same floor each time."""

    draw: random.Random = field(default_factory=lambda: random.Random(3))
    agents: list[Agent] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    queues: dict[str, Queue] = field(default_factory=dict)
    kinds: list[tuple[str, tuple[Step, ...]]] = field(default_factory=list)
    may: dict[str, list[int]] = field(default_factory=dict)
    """Agent → which kinds of callers they may answer."""

    def __post_init__(self) -> None:
        skills = [f"skill{n}" for n in range(SKILLS)]
        widening = Rules(rings=(Ring(after_s=0), Ring(after_s=90, keeps_needs=False)))
        for n in range(QUEUES):
            self.queues[f"q{n}"] = Queue(name=f"q{n}", title="bench", rules=widening if n % 2 else Rules())
        needs: list[tuple[str, dict[str, int]]] = []
        for n in range(CLASSES):
            wanted = {} if n < QUEUES else {skill: self.draw.randint(1, 3) for skill in self.draw.sample(skills, 1 + n % 2)}
            needs.append((f"q{n % QUEUES}", wanted))
        self.kinds = [(queue, steps_of(self.queues[queue], need)) for queue, need in needs]
        for n in range(AGENTS):
            has = {skill: self.draw.randint(1, 5) for skill in self.draw.sample(skills, self.draw.randint(1, 8))}
            self._add(str(10000 + n), has, self.draw.sample(list(self.queues), self.draw.randint(1, 3)), needs)

    def _add(self, number: str, has: dict[str, int], serves: list[str], needs: list[tuple[str, dict[str, int]]]) -> None:
        self.agents.append(Agent(number=number, name=number, language=Language.ZH, sip_password="s" * 20, pin="1", skills=has))
        self.members += [Member(queue=name, agent=number, penalty=self.draw.randint(0, 2)) for name in serves]
        self.may[number] = [
            n
            for n, (queue, need) in enumerate(needs)
            if queue in serves and all(has.get(skill, 0) >= level for skill, level in need.items())
        ]


class Traffic:
    """Callers who come and agents who finish, over one connection, or several that share a floor."""

    def __init__(self, floor: Floor, redis: Redis) -> None:
        self.floor = floor
        self.redis = redis
        self.matching = Matching(redis)
        self.draw = random.Random(7)
        self.now = 1_700_000_000_000
        self.held: dict[str, Offer] = {}
        """Agent → the offer they have or the conversation it became."""
        self.callers = 0
        self.matches = 0

    async def open(self, waiting: int) -> None:
        """Set up the floor, give every agent a conversation, and let so many callers wait."""
        await self.redis.flushall()
        await self.matching.load()
        await self.matching.configure(self.now, self.floor.agents, self.floor.queues.values(), self.floor.members)
        for agent in self.floor.agents:
            await self.comes(self.matching, self.draw.choice(self.floor.may[agent.number]))
            await self.matching.set_reachable(self.now, agent.number, True)
            self.take(await self.matching.set_mode(self.now, agent=agent.number, mode=Mode.READY, by="bench"))
            await self.ends(self.matching, self.held[agent.number])
        answerable = sorted({kind for kinds in self.floor.may.values() for kind in kinds})
        for n in range(waiting):
            await self.comes(self.matching, answerable[n % len(answerable)], waited_ms=_WAITED_MS - n * _WAITED_MS // waiting)
        self.matches = 0

    def take(self, outcome: Outcome) -> None:
        for offer in outcome.offers:
            self.held[offer.agent] = offer

    async def comes(self, matching: Matching, kind: int, waited_ms: int = 0) -> None:
        """A caller of a kind begins to wait."""
        self.callers += 1
        queue, steps = self.floor.kinds[kind]
        since = self.now - waited_ms
        self.take(await matching.enqueue(self.now, call=f"c{self.callers}", queue=queue, steps=steps, since_ms=since, entered_ms=self.now))

    async def finishes(self, matching: Matching, agent: str) -> None:
        """The agent's conversation is over."""
        over = self.held.pop(agent)
        self.take(await matching.call_over(self.now, agent, over.call, 0))

    async def ends(self, matching: Matching, offer: Offer) -> None:
        """The offer is answered."""
        self.matches += 1
        await matching.offer_end(self.now, call=offer.call, agent=offer.agent, offer=offer.id, end=OfferEnd.ANSWERED)

    async def round(self, matching: Matching, agents: list[str], go: Callable[..., Awaitable[object]]) -> None:
        """Each of these agents finishes, gets the next caller and answers; a caller comes for each who is taken."""
        self.now += 1
        free = [agent for agent in agents if agent in self.held]
        steps = []
        for agent in free:
            steps += [self.comes(matching, self.draw.choice(self.floor.may[agent])), self.finishes(matching, agent)]
        await go(*steps)
        await go(*(self.ends(matching, self.held[agent]) for agent in free if agent in self.held))


async def _one_by_one(*steps: Awaitable[object]) -> None:
    for step in steps:
        await step


async def _costs(traffic: Traffic, matches: int) -> dict[str, list[float]]:
    """Milliseconds of each step by Redis's own clock (its slow log), and of the choosing step round trip."""
    redis, numbers = traffic.redis, [agent.number for agent in traffic.floor.agents]
    await redis.config_set("slowlog-max-len", matches * 8)
    await redis.config_set("slowlog-log-slower-than", _INNER_US)
    await redis.slowlog_reset()
    round_trips: list[float] = []
    for n in range(matches):
        agent = numbers[n % len(numbers)]
        traffic.now += 1
        await traffic.comes(traffic.matching, traffic.draw.choice(traffic.floor.may[agent]))
        began = time.perf_counter()
        await traffic.finishes(traffic.matching, agent)
        round_trips.append((time.perf_counter() - began) * 1000)
        await traffic.ends(traffic.matching, traffic.held[agent])
    costs: dict[str, list[float]] = {"round_trip": round_trips, "call_over": [], "offer_end": [], "enqueue": []}
    for entry in await redis.slowlog_get(matches * 8):
        words = entry["command"].split(b" ")
        if words[0] == b"FCALL" and (found := costs.get(words[3].decode())) is not None:
            found.append(entry["duration"] / 1000)
    await redis.config_set("slowlog-log-slower-than", -1)
    return costs


async def _throughput(traffic: Traffic, url: str, for_s: float) -> dict[str, float]:
    """Matches with several connections, each pipelining; the client's share is told by how busy Redis was."""
    numbers = [agent.number for agent in traffic.floor.agents]
    server = int((await traffic.redis.info("server"))["process_id"])
    until = time.monotonic() + for_s

    async def one(mine: list[str]) -> None:
        redis = Redis.from_url(url)
        pipe = Pipelined(redis)
        matching = Matching(pipe)  # type: ignore[arg-type]

        async def together(*steps: Awaitable[object]) -> None:
            asked = asyncio.gather(*steps)
            await asyncio.sleep(0)
            await pipe.flush()
            await asked

        while time.monotonic() < until:
            for first in range(0, len(mine), BATCH):
                await traffic.round(matching, mine[first : first + BATCH], together)
        await redis.aclose()

    used, began, done = machine.cpu_s(server), time.monotonic(), traffic.matches
    await asyncio.gather(*(one(numbers[n::CONNECTIONS]) for n in range(CONNECTIONS)))
    took, used, done = time.monotonic() - began, machine.cpu_s(server) - used, traffic.matches - done
    return {
        "matches": done,
        "matches_per_s": round(done / took),
        "redis_busy": round(used / took, 2),
        "per_redis_cpu_s": round(done / used),
    }


async def measure(quick: bool) -> dict[str, Any]:
    """Run it on a Redis of its own."""
    before, floor = os.getloadavg()[0], Floor()
    figures: dict[str, Any] = {}
    mean: dict[int, float] = {}
    with private_redis() as server:
        redis = Redis.from_url(server.url)
        for waiting in LEVELS:
            traffic = Traffic(floor, redis)
            await traffic.open(waiting)
            costs = await _costs(traffic, 500 if quick else 3000)
            mean[waiting] = sum(costs["call_over"] + costs["offer_end"]) / len(costs["offer_end"])
            figures[f"{waiting} waiting"] = {
                "match_ms": spread(costs["call_over"], 3), "its_end_ms": spread(costs["offer_end"], 3),
                "caller_comes_ms": spread(costs["enqueue"], 3), "match_round_trip_ms": spread(costs["round_trip"], 3),
            }  # fmt: skip
        figures["throughput"] = await _throughput(traffic, server.url, 3 if quick else 15)
        still = sum([await redis.zcard(f"cc:acd2:line:{name}") for name in floor.queues])
        await redis.aclose()
    figures["cost of a match with its end, ms"] = {f"{waiting} waiting": round(cost, 3) for waiting, cost in mean.items()}
    growth = mean[LEVELS[-1]] / mean[LEVELS[0]]
    top = figures[f"{LEVELS[-1]} waiting"]
    return run_of(
        "The match",
        "Redis alone, on a unix socket. Times are Redis's own (each step by its slow log), and one client's round trip."
        " A match is an agent becoming free and getting an offer (call_over) and the offer's end (offer_end); as many callers join"
        " as are taken, which Redis does besides and which is not counted. Throughput: several connections, each pipelining.",
        load={
            "waiting": LEVELS[-1], "agents": AGENTS, "skills": SKILLS, "classes": CLASSES, "queues": QUEUES,
            "connections": CONNECTIONS, "steps_per_pipeline": BATCH, "waiting_at_the_end": still,
        },
        figures=figures,
        goals=[
            below("match p99 at 10,000 waiting, by Redis", top["match_ms"]["p99"], 2),
            below("match p99 at 10,000 waiting, round trip", top["match_round_trip_ms"]["p99"], 2),
            at_least("matches per second of Redis's processor time", figures["throughput"]["per_redis_cpu_s"], 3000),
            below("cost at 10,000 waiting against 10 (a logarithm grows 4 times)", growth, 4, "times"),
        ],
        before=before,
    )  # fmt: skip
