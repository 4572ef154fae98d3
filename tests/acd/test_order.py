"""Who is before whom: head starts, priority, kept places; and who may answer whom: skills, rings, preferred agents."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from callcenter.acd.classes import steps_of
from callcenter.acd.model import Member, Mode, OfferEnd
from callcenter.acd.rules import Ring, Rules
from tests.acd.floor import Floor, agent, queue


async def test_callers_are_served_in_the_order_of_their_coming_whatever_the_queue(floor: Floor) -> None:
    await floor.open([queue(), queue("support")])
    for call, name in (("a", "sales"), ("b", "support"), ("c", "sales")):
        await floor.call(call, name)
        floor.later(1)
    assert await floor.served(["1001", "1002", "1003"]) == ["a", "b", "c"]


async def test_a_queues_head_start_is_time_and_nobody_starves(floor: Floor) -> None:
    await floor.open([queue(), queue("vip", head_start_s=60)])
    await floor.call("early")
    floor.later(59)
    await floor.call("vip1", "vip")
    floor.later(2)
    await floor.call("vip2", "vip")
    assert await floor.served(["1001", "1002", "1003"]) == ["vip1", "early", "vip2"]


async def test_priority_counts_as_waiting_time_and_can_be_changed_while_waiting(floor: Floor) -> None:
    await floor.open([queue(priority_step_s=30)])
    for call, priority in (("a", 0), ("b", 0), ("c", 2)):
        await floor.call(call, priority=priority)
        floor.later(10)
    assert await floor.served(["1001"]) == ["c"]
    await floor.matching.prioritise(floor.now, "b", 5)
    assert await floor.served(["1002", "1003"]) == ["b", "a"]
    assert (await floor.matching.prioritise(floor.now, "gone", 5)).stale


async def test_a_changed_head_start_moves_who_waits(floor: Floor) -> None:
    await floor.open([queue(), queue("vip")])
    await floor.call("a")
    floor.later(5)
    await floor.call("b", "vip")
    await floor.open([queue(), queue("vip", head_start_s=60)])
    assert await floor.served(["1001"]) == ["b"]


async def test_time_waited_elsewhere_counts(floor: Floor) -> None:
    await floor.open([queue(), queue("support")])
    await floor.call("a", "sales")
    floor.later(30)
    await floor.call("b", "support")
    floor.later(1)
    await floor.call("a", "support", since=floor.now - 31_000)
    assert await floor.served(["1001", "1002"]) == ["a", "b"]
    assert await floor.matching.known_calls(["sales"]) == set()


async def test_who_was_cut_off_and_rings_again_gets_the_place_back_once(floor: Floor) -> None:
    await floor.call("a", number="13800000001")
    floor.later(5)
    await floor.call("b", number="13800000002")
    await floor.matching.leave(floor.now, "a", keep_ms=60_000)
    floor.later(20)
    outcome = await floor.enqueued("again", number="13800000001")
    assert "place_back" in outcome.notes
    assert await floor.served(["1001", "1002"]) == ["again", "b"]
    await floor.matching.leave(floor.now, "again")
    assert "place_back" not in (await floor.enqueued("third", number="13800000001")).notes


async def test_a_kept_place_lasts_by_the_time_that_is_given(floor: Floor) -> None:
    await floor.call("a", number="13800000001")
    await floor.call("b", number="13800000002")
    await floor.matching.leave(floor.now, "a", keep_ms=60_000)
    floor.later(0.02)
    await floor.matching.leave(floor.now, "b", keep_ms=1)
    await asyncio.sleep(0.01)
    assert "place_back" in (await floor.enqueued("b again", number="13800000002")).notes, "Redis's own clock counts for nothing"
    floor.later(60)
    assert "place_back" not in (await floor.enqueued("a again", number="13800000001")).notes


async def test_places_that_nobody_comes_back_for_are_forgotten(redis: Redis, floor: Floor) -> None:
    for number in range(20):
        await floor.call(f"call {number}", number=str(number))
        await floor.matching.leave(floor.now, f"call {number}", keep_ms=60_000)
    assert len(await redis.keys("cc:acd2:back:*")) == 20
    floor.later(60)
    for _ in range(10):
        await floor.call("passes by")
        await floor.matching.leave(floor.now, "passes by")
    assert await redis.keys("cc:acd2:back:*") == []
    assert not await redis.exists("cc:acd2:kept")


async def test_a_kept_place_moves_with_a_clock_that_is_set(floor: Floor) -> None:
    await floor.call("a", number="13800000001")
    floor.later(5)
    await floor.call("b", number="13800000002")
    await floor.matching.leave(floor.now, "a", keep_ms=60_000)
    floor.set_clock(7200)
    assert "place_back" in (await floor.enqueued("again", number="13800000001")).notes
    assert await floor.served(["1001", "1002"]) == ["again", "b"]


async def test_a_callback_takes_over_the_callers_place(floor: Floor) -> None:
    await floor.call("a")
    floor.later(1)
    await floor.call("b")
    assert not (await floor.matching.replace(floor.now, "a", "a-callback")).stale
    assert await floor.matching.position("sales", "a-callback") == 1
    assert await floor.served(["1001", "1002"]) == ["a-callback", "b"]
    assert (await floor.matching.replace(floor.now, "a", "x")).stale


async def test_only_who_has_the_skill_is_asked_and_the_order_holds_for_everybody_else(floor: Floor) -> None:
    await floor.open(agents=[agent("1001"), agent("1002", english=3), agent("1003", english=1)])
    await floor.call("english", need={"english": 2})
    floor.later(1)
    await floor.call("any")
    assert await floor.served(["1003", "1001"]) == ["any"]
    assert await floor.served(["1002"]) == ["english"]


async def test_rings_widen_while_the_caller_waits(floor: Floor) -> None:
    rings = (Ring(after_s=0, need={"gas": 5}), Ring(after_s=20, need={"gas": 2}), Ring(after_s=40))
    staff = [agent("1001", gas=1), agent("1002", gas=3)]
    await floor.open([queue(rules=Rules(rings=rings))], staff)
    await floor.ready("1001", "1002")
    assert await floor.call("a") == ()
    explained = await floor.matching.explain("a")
    assert {found.agent: found.verdict for found in explained.agents} == {"1001": "skill gas 1 < 5", "1002": "skill gas 3 < 5"}
    assert (explained.position, explained.next_class, explained.next_at_ms) == (1, "sales|gas>=2", floor.now + 20_000)
    assert (await floor.tick(19)).offers == ()
    (offer,) = (await floor.tick(1)).offers
    assert (offer.agent, offer.because[-2:]) == ("1002", ("asked for: gas>=2", "ring 2"))
    assert (await floor.end(offer, OfferEnd.DECLINED)).offers == ()
    (last,) = (await floor.tick(20)).offers
    assert last.agent in {"1001", "1002"}


async def test_rings_can_widen_by_penalty_and_drop_what_the_caller_asked_for(floor: Floor) -> None:
    rings = (Ring(after_s=0, most_penalty=0), Ring(after_s=10, keeps_needs=False))
    members = [Member(queue="sales", agent="1001", penalty=3)]
    await floor.open([queue(rules=Rules(rings=rings))], members=members)
    await floor.ready("1001")
    assert await floor.call("a", need={"english": 1}) == ()
    assert (await floor.matching.explain("a")).agents[0].verdict == "penalty 3 > 0"
    assert [offer.agent for offer in (await floor.tick(10)).offers] == ["1001"]


async def test_the_callers_own_agent_is_waited_for_a_while(floor: Floor) -> None:
    await floor.open([queue(preferred_wait_s=15)])
    await floor.ready("1001", "1002")
    (offer,) = await floor.call("first")
    assert offer.agent == "1001"
    assert await floor.call("mine", preferred="1001") == ()
    assert (await floor.matching.explain("mine")).agents[1].verdict == "preferred agent 1001 first"
    (own,) = (await floor.answered(offer)).offers
    assert (own.agent, own.call) == ("1001", "mine")
    await floor.call("other", preferred="1001")
    (anybody,) = (await floor.tick(15)).offers
    assert (anybody.agent, anybody.call) == ("1002", "other")


async def test_an_agent_who_is_not_at_work_is_not_waited_for(floor: Floor) -> None:
    await floor.open([queue(preferred_wait_s=15)])
    await floor.ready("1002")
    await floor.mode("1001", Mode.PAUSED)
    assert [offer.agent for offer in await floor.call("mine", preferred="1001")] == ["1002"]


def test_a_preferred_agent_comes_before_the_rings_that_begin_meanwhile() -> None:
    rings = (Ring(after_s=0, need={"x": 5}), Ring(after_s=10, need={"x": 3}), Ring(after_s=60))
    steps = steps_of(queue(preferred_wait_s=20, rules=Rules(rings=rings)), {}, "1001")
    assert [(step.after_ms, step.class_name) for step in steps] == [(0, "sales|@1001"), (20_000, "sales|x>=3"), (60_000, "sales")]


def test_the_stricter_of_queue_and_caller_counts() -> None:
    rings = (Ring(after_s=0, need={"x": 5, "y": 1}),)
    (step,) = steps_of(queue(rules=Rules(rings=rings)), {"x": 2, "y": 4})
    assert step.class_name == "sales|x>=5,y>=4"
