"""Whatever happens, whichever worker does it: the invariants that matching.lua names hold after every step.

Three workers act on one Redis, the third with another version of the function library. Hypothesis chooses what happens.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from callcenter.acd import matching as matching_module
from callcenter.acd.agent_state import CONSEQUENCES
from callcenter.acd.classes import Step, steps_of
from callcenter.acd.matching import Matching
from callcenter.acd.model import AgentState, Member, Mode, Offer, OfferEnd, Outcome, Queue, Strategy
from callcenter.acd.rules import Ring, Rules
from tests.acd.floor import agent, queue

SKILLS = {"1001": {"en": 1}, "1002": {"en": 3}, "1003": {}, "1004": {"en": 5}}
AGENTS = tuple(SKILLS)
PENALTIES = {"1001": 0, "1002": 1, "1003": 0, "1004": 2}
WIDENING = Rules(rings=(Ring(after_s=0, need={"en": 4}), Ring(after_s=5, need={"en": 2}, most_penalty=1), Ring(after_s=12)))
ENDS = (OfferEnd.ANSWERED, OfferEnd.DECLINED, OfferEnd.TIMED_OUT, OfferEnd.CALLER_GONE, OfferEnd.UNREACHABLE, OfferEnd.FAILED)

KINDS = ["call", "call", "ready", "ready", "pause", "offline", "reach", "lose", "end", "end", "leave", "over", "wait", "prioritise", "move"]
ONE_STEP = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(AGENTS),
    st.sampled_from(["sales", "widening"]),
    st.integers(0, 2),
    st.integers(0, 20),
    st.sampled_from(ENDS),
)
STEPS = st.lists(ONE_STEP, min_size=10, max_size=80)


SOME = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[phase for phase in Phase if phase is not Phase.explain],
)


@dataclass
class Caller:
    queue: Queue
    steps: tuple[Step, ...]
    since: int
    entered: int
    priority: int = 0
    ringing: set[str] = field(default_factory=set)

    @property
    def order(self) -> int:
        return self.since - self.queue.head_start_s * 1000 - self.priority * self.queue.priority_step_s * 1000

    def may_be_answered_by(self, number: str, now: int) -> bool:
        step = [step for step in self.steps if self.entered + step.after_ms <= now][-1]
        if step.most_penalty != "" and PENALTIES[number] > int(step.most_penalty):
            return False
        return all(SKILLS[number].get(skill, 0) >= level for skill, level in msgspec.json.decode(step.need).items())


class World:
    """What the test knows must be so, kept beside what Redis says."""

    def __init__(self, redis: Redis, queues: tuple[Queue, ...]) -> None:
        self.redis = redis
        self.queues = {found.name: found for found in queues}
        newer = matching_module._SOURCE + "\n-- another version\n"
        self.workers = [Matching(redis, "one"), Matching(redis, "two"), Matching(redis, "three", newer)]
        self.now = 1_000_000
        self.callers: dict[str, Caller] = {}
        self.offers: dict[str, Offer] = {}
        self.talking: dict[str, str] = {}
        self.made = 0

    async def open(self) -> None:
        members = [Member(queue=name, agent=number, penalty=PENALTIES[number]) for name in self.queues for number in AGENTS]
        staff = [agent(number, **skills) for number, skills in SKILLS.items()]
        for worker in self.workers:
            await worker.configure(self.now, staff, self.queues.values(), members)

    async def take(self, outcome: Outcome) -> None:
        for ended in outcome.ended:
            del self.offers[ended.id]
            if ended.call in self.callers:
                self.callers[ended.call].ringing.discard(ended.id)
        offers = list(outcome.offers)
        for name in ("one", "two", "three"):
            while text := await self.redis.lpop(f"cc:acd2:mail:{name}"):
                offers.append(msgspec.json.decode(text, type=Offer))
        for offer in sorted(offers, key=lambda offer: int(offer.id.rpartition("/")[2])):
            self._offered(offer)

    def _offered(self, offer: Offer) -> None:
        assert offer.agent not in {found.agent for found in self.offers.values()}, "one_call: an agent has at most one offer"
        assert offer.agent not in self.talking, "one_call: nobody who talks is offered a call"
        caller = self.callers[offer.call]
        assert caller.may_be_answered_by(offer.agent, self.now), "only who may answer is asked"
        if not caller.ringing:
            others = [found for name, found in self.callers.items() if name != offer.call and not found.ringing]
            mine = [found.order for found in others if found.may_be_answered_by(offer.agent, self.now)]
            assert all(caller.order <= order for order in mine), "in_order: the lowest order that the agent may answer"
        caller.ringing.add(offer.id)
        self.offers[offer.id] = offer

    async def holds(self) -> None:
        """Every invariant, by what Redis says."""
        worker = self.workers[0]
        assert await worker.pairs(self.queues) == [], "no_pair"
        assert await worker.known_calls(self.queues) == set(self.callers), "no_loss"
        facts = {number: await worker.agent(number) for number in AGENTS}
        ringing = {number for number, found in facts.items() if found.get("state") == AgentState.RINGING}
        talking = {number for number, found in facts.items() if found.get("state") == AgentState.TALKING}
        assert ringing == {offer.agent for offer in self.offers.values()}
        assert talking == set(self.talking)
        waiting = sum([await self.redis.zcard(key) async for key in self.redis.scan_iter("cc:acd2:waiting:*")])
        assert waiting == sum(not caller.ringing for caller in self.callers.values()), (
            "no_loss: waiting or ringing, never both, never neither"
        )

    # Steps

    async def step(self, kind: str, number: str, queue_name: str, worker: int, amount: int, end: OfferEnd) -> None:
        match = self.workers[worker]
        self.now += 1
        offers, names = sorted(self.offers), sorted(self.callers)
        if kind == "call":
            await self.call(match, queue_name, amount)
        elif kind in {"ready", "pause", "offline"}:
            mode = {"ready": Mode.READY, "pause": Mode.PAUSED, "offline": Mode.OFFLINE}[kind]
            await self.take(await match.set_mode(self.now, agent=number, mode=mode, by="test"))
        elif kind in {"reach", "lose"}:
            await self.take(await match.set_reachable(self.now, number, kind == "reach"))
        elif kind == "end" and offers:
            await self.end(match, self.offers[offers[amount % len(offers)]], end)
        elif kind == "leave" and names:
            name = names[amount % len(names)]
            del self.callers[name]
            await self.take(await match.leave(self.now, name))
        elif kind == "over" and number in self.talking:
            await self.take(await match.call_over(self.now, number, self.talking.pop(number), amount * 100))
        elif kind == "wait":
            self.now += amount * 1000
            await self.take(await match.tick(self.now))
        elif kind == "prioritise" and names:
            name = names[amount % len(names)]
            self.callers[name] = replace_priority(self.callers[name], amount % 3)
            await self.take(await match.prioritise(self.now, name, amount % 3))
        elif kind == "move" and names:
            await self.move(match, names[amount % len(names)], queue_name)

    async def call(self, match: Matching, queue_name: str, amount: int) -> None:
        self.made += 1
        found = self.queues[queue_name]
        steps = steps_of(found, {"en": 2} if amount % 5 == 0 else {})
        caller = Caller(found, steps, self.now, self.now, priority=amount % 3)
        self.callers[f"c{self.made}"] = caller
        await self.enqueue(match, f"c{self.made}", caller)

    async def enqueue(self, match: Matching, name: str, caller: Caller) -> None:
        await self.take(
            await match.enqueue(
                self.now,
                call=name,
                queue=caller.queue.name,
                steps=caller.steps,
                since_ms=caller.since,
                entered_ms=caller.entered,
                priority=caller.priority,
            )
        )

    async def move(self, match: Matching, name: str, queue_name: str) -> None:
        caller = self.callers[name]
        if caller.queue.name == queue_name:
            return
        found = self.queues[queue_name]
        self.callers[name] = moved = Caller(found, steps_of(found, {}), caller.since, self.now, caller.priority)
        await self.enqueue(match, name, moved)

    async def end(self, match: Matching, offer: Offer, end: OfferEnd) -> None:
        follows = CONSEQUENCES[end]
        caller = self.callers[offer.call]
        del self.offers[offer.id]
        caller.ringing.discard(offer.id)
        if end is OfferEnd.ANSWERED:
            self.talking[offer.agent] = offer.call
            del self.callers[offer.call]
        elif end is OfferEnd.CALLER_GONE and not caller.ringing:
            del self.callers[offer.call]
        arguments = {"call": offer.call, "agent": offer.agent, "offer": offer.id, "end": end, "rest_ms": 3000 if follows.rests else 0}
        await self.take(await match.offer_end(self.now, **arguments, keep_place=follows.keeps_place, missed=follows.missed))
        assert (await match.offer_end(self.now, **arguments)).stale, "one_end"


def replace_priority(caller: Caller, priority: int) -> Caller:
    return Caller(caller.queue, caller.steps, caller.since, caller.entered, priority, caller.ringing)


async def play(redis: Redis, strategy: Strategy, steps: list[tuple[str, str, str, int, int, OfferEnd]]) -> None:
    await redis.flushdb()
    queues = (
        queue("sales", strategy=strategy, ring_most=2, widen_s=2, auto_pause_after=2),
        queue("widening", strategy=strategy, head_start_s=10, rules=WIDENING),
    )
    world = World(redis, queues)  # fmt: skip
    await world.open()
    signing_on = [(kind, number, "sales", 0, 0, OfferEnd.ANSWERED) for number in AGENTS for kind in ("reach", "ready")]
    for step in [*signing_on, *steps]:
        await world.step(*step)
        await world.holds()


@settings(SOME, max_examples=120)
@given(steps=STEPS)
async def test_one_phone_at_a_time(redis: Redis, steps: list[tuple[str, str, str, int, int, OfferEnd]]) -> None:
    await play(redis, Strategy.LONGEST_IDLE, steps)


@settings(SOME, max_examples=60)
@given(steps=STEPS, strategy=st.sampled_from([Strategy.RING_ALL, Strategy.RING_PROGRESSIVE]))
async def test_many_phones_at_once(redis: Redis, strategy: Strategy, steps: list[tuple[str, str, str, int, int, OfferEnd]]) -> None:
    await play(redis, strategy, steps)


@settings(SOME, max_examples=40)
@given(steps=STEPS, strategy=st.sampled_from(Strategy))
async def test_every_strategy(redis: Redis, strategy: Strategy, steps: list[tuple[str, str, str, int, int, OfferEnd]]) -> None:
    await play(redis, strategy, steps)
