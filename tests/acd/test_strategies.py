"""Each strategy's choice among free agents, with its tie-breaks."""

from __future__ import annotations

from collections import Counter

import pytest

from callcenter.acd.model import AgentState, Member, OfferEnd, Strategy
from tests.acd.floor import AGENTS, Floor, queue

FOUR = AGENTS[:4]


def serving(**penalties: int) -> list[Member]:
    return [Member(queue="sales", agent=number, penalty=penalties.get(f"p{number}", 0)) for number in FOUR]


async def test_longest_idle(floor: Floor) -> None:
    await floor.ready("1003", "1001", "1002")
    assert await floor.agents_of("abc") == ["1003", "1001", "1002"]


async def test_penalty_comes_before_the_strategy(floor: Floor) -> None:
    await floor.open(members=serving(p1001=2, p1002=1))
    await floor.ready("1001", "1002", "1003")
    assert await floor.agents_of("abc") == ["1003", "1002", "1001"]


async def test_fewest_calls(floor: Floor) -> None:
    await floor.open([queue(strategy=Strategy.FEWEST_CALLS)])
    await floor.ready("1001")
    for call in "ab":
        (offer,) = await floor.call(call)
        await floor.answered(offer)
    await floor.ready("1002", "1003")
    for call, expected in (("c", "1002"), ("d", "1003"), ("e", "1002")):
        (offer,) = await floor.call(call)
        assert offer.agent == expected
        await floor.answered(offer, talk_s=1)


async def test_least_talk_time(floor: Floor) -> None:
    await floor.open([queue(strategy=Strategy.LEAST_TALK)])
    await floor.ready("1001", "1002")
    for talk_s, expected in ((60, "1001"), (10, "1002"), (30, "1002"), (30, "1002"), (1, "1001")):
        (offer,) = await floor.call("call")
        assert offer.agent == expected
        await floor.answered(offer, talk_s=talk_s)


async def test_round_robin_goes_on_after_the_last_one_asked(floor: Floor) -> None:
    await floor.open([queue(strategy=Strategy.ROUND_ROBIN)])
    await floor.ready("1001", "1002", "1003")
    turns = []
    for number in range(7):
        (offer,) = await floor.call(f"c{number}")
        turns.append(offer.agent)
        await floor.answered(offer, talk_s=number % 3)
    assert turns == ["1001", "1002", "1003", "1001", "1002", "1003", "1001"]


async def test_linear_asks_the_first_in_the_list_who_is_free(floor: Floor) -> None:
    order = ("1003", "1001", "1002")
    members = [Member(queue="sales", agent=number, position=place) for place, number in enumerate(order)]
    await floor.open([queue(strategy=Strategy.LINEAR)], members=members)
    await floor.ready("1001", "1002", "1003")
    (first,) = await floor.call("a")
    (second,) = await floor.call("b")
    assert (first.agent, second.agent) == ("1003", "1001")
    await floor.answered(first)
    assert await floor.agents_of("cd") == ["1003", "1002"]


async def test_random_draws_evenly_among_those_of_the_lowest_penalty(floor: Floor) -> None:
    await floor.open([queue(strategy=Strategy.RANDOM)], members=serving(p1004=1))
    await floor.ready(*FOUR)
    drawn: Counter[str] = Counter()
    for number in range(300):
        (offer,) = await floor.call(f"c{number}")
        drawn[offer.agent] += 1
        await floor.answered(offer)
    assert set(drawn) == {"1001", "1002", "1003"}
    assert min(drawn.values()) > 60


async def test_weighted_shares_calls_by_weight(floor: Floor) -> None:
    members = [Member(queue="sales", agent=number, weight=weight) for number, weight in (("1001", 1), ("1002", 2), ("1003", 5))]
    await floor.open([queue(strategy=Strategy.WEIGHTED)], members=members)
    await floor.ready("1001", "1002", "1003")
    shares: Counter[str] = Counter()
    for number in range(80):
        (offer,) = await floor.call(f"c{number}")
        shares[offer.agent] += 1
        await floor.answered(offer)
    assert shares == {"1001": 10, "1002": 20, "1003": 50}


async def test_ring_all_has_one_winner_and_the_losers_keep_their_turn(floor: Floor) -> None:
    await floor.open([queue(strategy=Strategy.RING_ALL)])
    await floor.ready("1001", "1002", "1003")
    offers = await floor.call("a")
    assert [offer.agent for offer in offers] == ["1001", "1002", "1003"]
    won = await floor.end(offers[1], OfferEnd.ANSWERED)
    assert {(ended.agent, ended.end) for ended in won.ended} == {("1001", OfferEnd.ELSEWHERE), ("1003", OfferEnd.ELSEWHERE)}
    assert (await floor.end(offers[0], OfferEnd.ANSWERED)).stale
    assert [await floor.state(number) for number in ("1001", "1002", "1003")] == [AgentState.READY, AgentState.TALKING, AgentState.READY]


async def test_ring_all_rings_no_more_than_the_most_and_takes_the_next_when_one_declines(floor: Floor) -> None:
    await floor.open([queue(strategy=Strategy.RING_ALL, ring_most=2)])
    await floor.ready("1001", "1002", "1003")
    offers = await floor.call("a")
    assert [offer.agent for offer in offers] == ["1001", "1002"]
    (more,) = (await floor.end(offers[0], OfferEnd.DECLINED)).offers
    assert (more.agent, more.call) == ("1003", "a")


async def test_an_agent_who_becomes_free_joins_the_ringing_but_whoever_has_no_phone_comes_first(floor: Floor) -> None:
    await floor.open([queue(strategy=Strategy.RING_ALL)])
    await floor.ready("1001")
    await floor.call("a")
    await floor.call("b")
    assert await floor.served(["1002", "1003"]) == ["b", "a"]


async def test_ring_progressive_adds_one_phone_after_the_other(floor: Floor) -> None:
    await floor.open([queue(strategy=Strategy.RING_PROGRESSIVE, widen_s=8)])
    await floor.ready("1001", "1002")
    (first,) = await floor.call("a")
    assert (await floor.tick(7)).offers == ()
    (second,) = (await floor.tick(1)).offers
    assert (first.agent, second.agent) == ("1001", "1002")
    assert (await floor.tick(8)).offers == ()
    assert await floor.served(["1003"]) == ["a"]
    won = await floor.end(first, OfferEnd.ANSWERED)
    assert {ended.agent for ended in won.ended} == {"1002", "1003"}


@pytest.mark.parametrize("strategy", Strategy)
async def test_among_equals_the_longest_idle_and_then_the_lowest_number(floor: Floor, strategy: Strategy) -> None:
    await floor.open([queue(strategy=strategy, ring_most=1)])
    await floor.ready("1003")
    for number in ("1002", "1001"):
        await floor.ready(number)
        floor.later(-1)
    found = await floor.agents_of("ab")
    if strategy is Strategy.RANDOM:
        assert len(set(found)) == 2
    else:
        assert found == ["1003", "1001"]
