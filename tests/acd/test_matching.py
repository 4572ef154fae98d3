"""The match, as many workers at once drive it, against real Redis: its invariants hold after every step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from callcenter.acd.matching import Matching
from callcenter.acd.model import AgentState, Member, Mode, Offer, OfferEnd, Queue

pytestmark = pytest.mark.parts

AGENTS = ("1001", "1002", "1003")
QUEUES = tuple(
    Queue(
        name=name,
        title=name,
        strategy="longest_idle",
        ring_timeout_s=20,
        wrap_up_s=5,
        max_wait_s=None,
        announce_agent=True,
        record_calls=True,
        music="default",
        weight=weight,
    )
    for name, weight in (("sales", 0), ("support", 5))
)
MEMBERS = [Member(queue=queue.name, agent=agent, penalty=0) for queue in QUEUES for agent in AGENTS]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    connection = Redis.from_url(redis_url)
    await connection.flushall()
    yield connection
    await connection.aclose()


@pytest.fixture
async def matching(redis: Redis) -> Matching:
    matching = Matching(redis)
    await matching.load()
    await matching.configure(1000, AGENTS, QUEUES, MEMBERS)
    for agent in AGENTS:
        await matching.set_reachable(1000, agent, True)
    return matching


async def ready(matching: Matching, agent: str, now_ms: int) -> tuple[Offer, ...]:
    return (await matching.set_mode(now_ms, agent=agent, mode=Mode.READY, reason="", by="test", end_wrapup=True)).offers


async def wait(matching: Matching, call: str, now_ms: int, queue: str = "sales") -> tuple[Offer, ...]:
    return (await matching.enqueue(now_ms, call=call, queue=queue, order_ms=now_ms, since_ms=now_ms)).offers


async def end(matching: Matching, offer: Offer, how: OfferEnd, now_ms: int, *, rest: bool = False) -> tuple[Offer, ...]:
    outcome = await matching.offer_end(
        now_ms, call=offer.call, agent=offer.agent, offer=offer.id, end=how, rest=rest, keep_place=how is OfferEnd.CALLER_GONE
    )
    return outcome.offers


async def state(matching: Matching, agent: str) -> str:
    return (await matching.agent(agent))["state"]


async def test_the_longest_idle_agent_is_offered_and_told_why(matching: Matching) -> None:
    await ready(matching, "1002", 2000)
    await ready(matching, "1001", 3000)
    (offer,) = await wait(matching, "a", 5000)
    assert offer.agent == "1002"
    assert "longest idle of 2 free: 3.0 s" in offer.because
    assert await state(matching, "1002") == AgentState.RINGING


async def test_callers_are_served_in_their_order_and_heavier_queues_first(matching: Matching) -> None:
    assert await wait(matching, "first", 2000) == ()
    assert await wait(matching, "second", 2001) == ()
    assert await wait(matching, "heavy", 2002, "support") == ()
    served = [(await ready(matching, agent, 3000))[0].call for agent in AGENTS]
    assert served == ["heavy", "first", "second"]


async def test_a_declined_caller_keeps_the_place_and_the_next_agent_rings_at_once(matching: Matching) -> None:
    await ready(matching, "1001", 2000)
    (offer,) = await wait(matching, "a", 3000)
    await wait(matching, "b", 3001)
    assert await end(matching, offer, OfferEnd.DECLINED, 4000, rest=True) == ()
    (again,) = await ready(matching, "1002", 4001)
    assert (again.call, again.agent) == ("a", "1002")
    (late,) = (await matching.rest_over(9000, "1001")).offers
    assert late.call == "b"


async def test_an_offer_ends_once(matching: Matching) -> None:
    await ready(matching, "1001", 2000)
    (offer,) = await wait(matching, "a", 3000)
    await end(matching, offer, OfferEnd.ANSWERED, 3500)
    outcome = await matching.offer_end(3600, call="a", agent="1001", offer=offer.id, end=OfferEnd.DECLINED, rest=False, keep_place=False)
    assert outcome.stale
    assert await state(matching, "1001") == AgentState.TALKING


async def test_a_pause_asked_for_in_a_call_begins_after_it(matching: Matching) -> None:
    await ready(matching, "1001", 2000)
    (offer,) = await wait(matching, "a", 3000)
    await end(matching, offer, OfferEnd.ANSWERED, 3500)
    await matching.set_mode(4000, agent="1001", mode=Mode.PAUSED, reason="lunch", by="1001", end_wrapup=True)
    assert await state(matching, "1001") == AgentState.TALKING
    await matching.call_over(5000, "1001", "a", 1000)
    assert await state(matching, "1001") == AgentState.WRAPUP
    await matching.wrapup_over(6000, "1001", "a")
    assert await state(matching, "1001") == AgentState.PAUSED
    assert await wait(matching, "b", 7000) == ()


async def test_a_phone_that_cannot_be_reached_is_never_offered_a_call(matching: Matching) -> None:
    await ready(matching, "1001", 2000)
    await matching.set_reachable(2500, "1001", False)
    assert await state(matching, "1001") == AgentState.UNREACHABLE
    assert await wait(matching, "a", 3000) == ()
    (offer,) = (await matching.set_reachable(4000, "1001", True)).offers
    assert offer.call == "a"


async def test_many_workers_at_once_never_give_one_agent_two_calls(redis: Redis, matching: Matching) -> None:
    workers = [Matching(redis) for _ in range(8)]
    calls = [f"call{number}" for number in range(40)]

    async def caller(worker: Matching, call: str) -> tuple[Offer, ...]:
        return await wait(worker, call, 3000)

    async def agent(worker: Matching, number: str) -> tuple[Offer, ...]:
        return await ready(worker, number, 2000)

    steps = [caller(workers[index % 8], call) for index, call in enumerate(calls)] + [agent(workers[0], number) for number in AGENTS]
    offers = [offer for found in await asyncio.gather(*steps) for offer in found]
    assert len(offers) == len({offer.agent for offer in offers}) == len({offer.call for offer in offers}) == len(AGENTS)


async def test_redis_that_lost_the_function_gets_it_again(redis: Redis, matching: Matching) -> None:
    await redis.function_flush()
    await ready(matching, "1001", 2000)
    assert await state(matching, "1001") == AgentState.READY


@dataclass
class Centre:
    """What the test believes: enough to know which steps may come and what must hold after each."""

    waiting: list[str] = field(default_factory=list)
    offers: dict[str, Offer] = field(default_factory=dict)
    talking: dict[str, str] = field(default_factory=dict)
    calls: int = 0

    def take(self, offers: tuple[Offer, ...]) -> None:
        for offer in offers:
            assert offer.agent not in self.offers, "an agent has at most one offer"
            assert offer.agent not in self.talking, "nobody who talks is offered a call"
            assert offer.call in self.waiting, "only who waits is offered"
            self.waiting.remove(offer.call)
            self.offers[offer.agent] = offer


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["call", "ready", "pause", "answer", "decline", "gone", "over", "reach", "lose"]),
        st.sampled_from(AGENTS),
        st.sampled_from(["sales", "support"]),
    ),
    max_size=40,
)


async def take_step(matching: Matching, centre: Centre, step: tuple[str, str, str], now: int) -> None:
    kind, agent, queue = step
    offer = centre.offers.get(agent)
    if kind == "call":
        centre.calls += 1
        centre.waiting.append(f"c{centre.calls}")
        centre.take(await wait(matching, f"c{centre.calls}", now, queue))
    elif kind in {"ready", "pause"}:
        mode = Mode.READY if kind == "ready" else Mode.PAUSED
        centre.take((await matching.set_mode(now, agent=agent, mode=mode, reason="", by="", end_wrapup=True)).offers)
    elif kind in {"reach", "lose"}:
        centre.take((await matching.set_reachable(now, agent, kind == "reach")).offers)
    elif kind in {"answer", "decline", "gone"} and offer:
        how = {"answer": OfferEnd.ANSWERED, "decline": OfferEnd.DECLINED, "gone": OfferEnd.CALLER_GONE}[kind]
        del centre.offers[agent]
        if how is OfferEnd.ANSWERED:
            centre.talking[agent] = offer.call
        elif how is OfferEnd.DECLINED:
            centre.waiting.append(offer.call)
        centre.take(await end(matching, offer, how, now, rest=False))
    elif kind == "over" and agent in centre.talking:
        centre.take((await matching.call_over(now, agent, centre.talking.pop(agent), 0)).offers)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_whatever_happens_nobody_waits_beside_a_free_agent(redis: Redis, steps: list[tuple[str, str, str]]) -> None:
    await redis.flushdb()
    matching = Matching(redis)
    await matching.configure(1000, AGENTS, QUEUES, MEMBERS)
    centre = Centre()
    for now, step in enumerate(steps, 2000):
        await take_step(matching, centre, step, now)
        states = {agent: (await matching.agent(agent)).get("state", "offline") for agent in AGENTS}
        free = [agent for agent, found in states.items() if found == AgentState.READY]
        assert not (free and centre.waiting), "a waiting caller and a free agent never stand side by side"
        assert {agent for agent, found in states.items() if found == AgentState.RINGING} == set(centre.offers)
        assert {agent for agent, found in states.items() if found == AgentState.TALKING} == set(centre.talking)
        waiting = await matching.waiting(["sales", "support"])
        assert sum(count for count, _ in waiting.values()) == len(centre.waiting), "no caller is lost"
