"""One offer at a time, its one end, and what follows for agent and caller."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from callcenter.acd.matching import Matching
from callcenter.acd.model import AgentState, Mode, OfferEnd
from tests.acd.floor import AGENTS, Floor, agent, queue


async def test_the_offer_says_why_and_what_ruled_the_others_out(floor: Floor) -> None:
    await floor.ready("1002", "1001")
    await floor.mode("1003", Mode.PAUSED, reason="lunch")
    (offer,) = await floor.call("a")
    assert offer.agent == "1002"
    assert offer.because[0] == "longest idle of 2 free: idle 2.0 s"
    assert {found.agent: found.verdict for found in offer.considered} == {
        "1001": "free, but asked later",
        "1002": "chosen",
        "1003": "paused (lunch)",
        "1004": "offline",
        "1005": "offline",
    }
    assert await floor.state("1002") == AgentState.RINGING


async def test_a_declined_caller_keeps_the_place_and_the_next_agent_rings_at_once(floor: Floor) -> None:
    await floor.ready("1001")
    (offer,) = await floor.call("a")
    floor.later(1)
    await floor.call("b")
    assert (await floor.end(offer, OfferEnd.DECLINED)).offers == ()
    assert await floor.served(["1002"]) == ["a"]
    (late,) = (await floor.tick(5)).offers
    assert (late.agent, late.call) == ("1001", "b")


async def test_an_offer_ends_once(floor: Floor) -> None:
    await floor.ready("1001")
    (offer,) = await floor.call("a")
    assert not (await floor.end(offer, OfferEnd.ANSWERED)).stale
    assert (await floor.end(offer, OfferEnd.DECLINED)).stale
    assert await floor.state("1001") == AgentState.TALKING


async def test_a_caller_who_leaves_ends_the_offer_and_the_agent_keeps_the_turn(floor: Floor) -> None:
    await floor.ready("1001", "1002")
    await floor.call("a")
    outcome = await floor.matching.leave(floor.now, "a")
    assert [(ended.agent, ended.end) for ended in outcome.ended] == [("1001", OfferEnd.CALLER_GONE)]
    assert await floor.agents_of(["b"]) == ["1001"]


async def test_a_pause_asked_for_in_a_call_begins_after_it(floor: Floor) -> None:
    await floor.ready("1001")
    (offer,) = await floor.call("a")
    await floor.end(offer, OfferEnd.ANSWERED)
    await floor.mode("1001", Mode.PAUSED, reason="lunch")
    assert await floor.state("1001") == AgentState.TALKING
    await floor.matching.call_over(floor.now, "1001", "a", 1000)
    assert await floor.state("1001") == AgentState.WRAPUP
    outcome = await floor.tick(1)
    assert [wrapup.call for wrapup in outcome.wrapups] == ["a"]
    assert await floor.state("1001") == AgentState.PAUSED
    assert await floor.call("b") == ()


async def test_wrap_up_can_be_prolonged_until_it_is_over(floor: Floor) -> None:
    await floor.ready("1001")
    (offer,) = await floor.call("a")
    over = await floor.answered(offer, wrap_up_s=10)
    assert over.changes[-1].until_ms == floor.now + 10_000
    outcome = await floor.matching.extend_wrapup(floor.now, "1001", 20_000)
    assert (outcome.changes[0].until_ms, outcome.changes[0].fresh) == (floor.now + 30_000, False)
    await floor.tick(29)
    assert await floor.state("1001") == AgentState.WRAPUP
    await floor.tick(1)
    assert await floor.state("1001") == AgentState.READY
    assert (await floor.matching.extend_wrapup(floor.now, "1001", 20_000)).stale


async def test_a_pause_with_a_limit_ends_by_itself(floor: Floor) -> None:
    await floor.ready("1001")
    outcome = await floor.mode("1001", Mode.PAUSED, reason="break", pause_ms=60_000, ends=True)
    assert outcome.changes[0].until_ms == floor.now + 60_000
    await floor.call("a")
    assert [offer.agent for offer in (await floor.tick(60)).offers] == ["1001"]


async def test_a_pause_whose_limit_only_shows_does_not_end(floor: Floor) -> None:
    await floor.mode("1001", Mode.PAUSED, reason="break", pause_ms=60_000, ends=False)
    await floor.tick(600)
    assert await floor.state("1001") == AgentState.PAUSED


async def test_after_missed_calls_the_agent_is_paused_and_the_caller_goes_on(floor: Floor) -> None:
    await floor.open([queue(auto_pause_after=2)])
    await floor.ready("1001")
    (offer,) = await floor.call("a")
    await floor.end(offer, OfferEnd.TIMED_OUT)
    (again,) = (await floor.tick(5)).offers
    outcome = await floor.end(again, OfferEnd.TIMED_OUT)
    assert (outcome.changes[0].state, outcome.changes[0].reason) == (AgentState.PAUSED, "missed")
    assert await floor.served(["1002"]) == ["a"]


async def test_a_phone_that_cannot_be_reached_is_never_offered_a_call(floor: Floor) -> None:
    await floor.ready("1001")
    await floor.matching.set_reachable(floor.now, "1001", False)
    assert await floor.state("1001") == AgentState.UNREACHABLE
    assert await floor.call("a") == ()
    (offer,) = (await floor.matching.set_reachable(floor.now, "1001", True)).offers
    assert offer.call == "a"


async def test_asked_again_the_offer_stands(floor: Floor) -> None:
    await floor.ready("1001", "1002")
    (offer,) = await floor.call("a")
    (again,) = await floor.call("a")
    assert (again.id, again.agent) == (offer.id, offer.agent)
    assert await floor.state("1002") == AgentState.READY


async def test_an_agent_in_another_call_is_not_offered_one(floor: Floor) -> None:
    await floor.ready("1001")
    assert not (await floor.matching.busy(floor.now, "1001", "direct", AgentState.TALKING)).stale
    assert (await floor.matching.busy(floor.now, "1001", "other", AgentState.RINGING)).stale
    assert await floor.call("a") == ()
    (offer,) = (await floor.matching.call_over(floor.now, "1001", "direct", 0)).offers
    assert offer.call == "a"


async def test_a_changed_set_up_disturbs_nobody(floor: Floor) -> None:
    await floor.ready("1001")
    (offer,) = await floor.call("a")
    await floor.call("b")
    await floor.open([queue(), queue("support")], [agent("1001"), agent("1002")])
    assert await floor.state("1001") == AgentState.RINGING
    assert not (await floor.end(offer, OfferEnd.ANSWERED)).stale
    assert await floor.served(["1002"]) == ["b"]


async def test_an_offer_for_another_workers_call_comes_by_mail(redis: Redis, floor: Floor) -> None:
    await floor.call("a")
    other = Matching(redis, "two")
    outcome = await other.set_mode(floor.now, agent="1001", mode=Mode.READY, by="test")
    assert outcome.offers == ()
    offer = await floor.matching.mail()
    assert offer is not None and (offer.call, offer.agent) == ("a", "1001")


async def test_redis_that_lost_the_function_gets_it_again(redis: Redis, floor: Floor) -> None:
    await redis.function_flush()
    await floor.ready("1001")
    assert await floor.state("1001") == AgentState.READY


async def test_a_clock_put_back_holds_nobody_up(floor: Floor) -> None:
    await floor.ready("1001")
    (offer,) = await floor.call("a")
    await floor.answered(offer, wrap_up_s=10)
    floor.later(-3600)
    await floor.matching.repair(floor.now, rest_ms=5000, wrapup_ms=10_000, pause_ms=0)
    await floor.tick(10)
    assert await floor.state("1001") == AgentState.READY


async def test_many_workers_at_once_never_give_one_agent_two_calls(redis: Redis, floor: Floor) -> None:
    floors = [Floor(redis, "one") for _ in range(8)]
    for other in floors:
        other.queues, other.now = floor.queues, floor.now
    steps = [floors[index % 8].call(f"call{index}") for index in range(40)]
    answers = await asyncio.gather(*steps, *(floors[index].ready(number) for index, number in enumerate(AGENTS)))
    offers = [offer for found in answers for offer in found]
    assert len(offers) == len({offer.agent for offer in offers}) == len({offer.call for offer in offers}) == len(AGENTS)
