"""Redis forgets everything, the clock is set: what was so is so again."""

from __future__ import annotations

from redis.asyncio import Redis

from callcenter.acd.model import AgentState, Mode, OfferEnd
from tests.acd.floor import Floor, queue


async def test_without_a_set_up_redis_says_that_it_has_forgotten(redis: Redis, floor: Floor) -> None:
    await redis.flushdb()
    assert (await floor.enqueued("a")).forgotten
    assert (await floor.matching.tick(floor.now)).forgotten
    assert await redis.keys("cc:acd2:*") == []


async def test_a_clock_put_forward_makes_nothing_due(floor: Floor) -> None:
    await floor.ready("1001")
    (offer,) = await floor.call("a")
    await floor.answered(offer, wrap_up_s=10)
    floor.set_clock(3600)
    await floor.tick(9)
    assert await floor.state("1001") == AgentState.WRAPUP
    await floor.tick(1)
    assert await floor.state("1001") == AgentState.READY


async def test_a_clock_put_back_holds_nobody_up_and_keeps_the_order(floor: Floor) -> None:
    await floor.open([queue(), queue("vip", head_start_s=60)])
    await floor.ready("1001", "1002")
    (offer,) = await floor.call("talks")
    await floor.answered(offer, wrap_up_s=10)
    await floor.mode("1002", Mode.PAUSED)
    for call in ("a", "b"):
        await floor.call(call)
        floor.later(1)
    floor.set_clock(-7200)
    await floor.call("c")
    await floor.call("v", "vip")
    assert [offer.call for offer in (await floor.tick(10)).offers] == ["v"]
    assert await floor.served(["1002", "1003"]) == ["a", "b"]


async def test_a_clock_that_is_slowly_put_right_moves_nothing(floor: Floor) -> None:
    await floor.ready("1001")
    before = await floor.matching.agent("1001")
    floor.clock_set_by_ms += 500
    await floor.tick()
    assert await floor.matching.agent("1001") == before


async def test_a_free_agent_is_found_after_the_clock_was_set(floor: Floor) -> None:
    await floor.call("skill", need={"x": 1})
    await floor.ready("1001", "1002")
    floor.set_clock(50)
    assert [offer.agent for offer in await floor.call("a")] == ["1001"]
    (ended,) = (await floor.matching.leave(floor.now, "a")).ended
    assert ended.end == OfferEnd.CALLER_GONE
