"""Several agents' phones ring for one caller: one wins, the others stop at once and show no missed call."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from tests.calls.books import events
from tests.parts.centre import Centre
from tests.parts.phone_call import PhoneCall
from tests.parts.softphone import Phone

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


@contextlib.asynccontextmanager
async def _ready(centre: Centre, *numbers: str) -> AsyncIterator[list[Phone]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(centre.ready_agent(number)) for number in numbers]


async def _all_ring(phones: list[Phone]) -> list[PhoneCall]:
    return list(await asyncio.gather(*(phone.rings() for phone in phones)))


async def test_all_ring_one_wins_and_the_others_show_answered_elsewhere(centre: Centre) -> None:
    async with _ready(centre, "1001", "1002", "1003") as phones, centre.caller() as caller:
        call = await caller.dial("4011")
        first, second, third = await _all_ring(phones)
        await second.answer()
        for loser in (first, third):
            assert await loser.ended(2) == 487
            assert loser.reason == ELSEWHERE
        await centre.phase_of(caller.number, "conversation")
        assert [(await centre.agent_now(number))["state"] for number in ("1001", "1002", "1003")] == ["ready", "talking", "ready"]
        await call.hang_up()
        await second.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["agent"]) == ("answered", "1002")
    assert sorted(event["end"] for event in events(story, "offer_ended")) == ["answered", "elsewhere", "elsewhere"]


async def test_two_pick_up_at_the_same_moment_and_one_gets_the_caller(centre: Centre) -> None:
    async with _ready(centre, "1001", "1002", "1003") as phones, centre.caller() as caller:
        call = await caller.dial("4011")
        rings = await _all_ring(phones)
        await asyncio.gather(*(ring.answer() for ring in rings[:2]), return_exceptions=True)
        live = await centre.phase_of(caller.number, "conversation")
        winner = next(ring for ring, number in zip(rings, ("1001", "1002", "1003"), strict=True) if number == live["agent"])
        for ring in rings:
            if ring is not winner:
                await ring.ended(2)
        assert not winner.is_over
        await call.hang_up()
        await winner.ended()
        story = await centre.story(caller.number)
    assert sorted(event["end"] for event in events(story, "offer_ended")) == ["answered", "elsewhere", "elsewhere"]
    assert story["call"]["agent"] == live["agent"]


async def test_the_caller_leaves_and_all_phones_stop(centre: Centre) -> None:
    async with _ready(centre, "1001", "1002") as phones, centre.caller() as caller:
        call = await caller.dial("4011")
        rings = await _all_ring(phones)
        await call.hang_up()
        assert [await ring.ended(2) for ring in rings] == [487, 487]
        story = await centre.story(caller.number)
    assert [event["end"] for event in events(story, "offer_ended")] == ["caller_gone", "caller_gone"]
    assert story["call"]["outcome"] == "abandoned_queue"


async def test_all_decline_and_the_caller_waits_on(centre: Centre) -> None:
    async with _ready(centre, "1001", "1002") as phones, centre.caller() as caller:
        call = await caller.dial("4011")
        for ring in await _all_ring(phones):
            await ring.decline()
        await centre.agent_is("1001", "ready")
        assert not call.is_over
        async with centre.ready_agent("1003") as third:
            turn = await third.rings()
            await turn.answer()
            await centre.phase_of(caller.number, "conversation")
            await call.hang_up()
            await turn.ended()


async def test_one_more_rings_every_second_and_the_first_rings_on(centre: Centre) -> None:
    async with _ready(centre, "1001", "1002", "1003") as phones, centre.caller() as caller:
        call = await caller.dial("4012")
        began = time.monotonic()
        first = await phones[0].rings()
        second = await phones[1].rings()
        assert time.monotonic() - began > 0.9
        assert not first.is_over
        third = await phones[2].rings()
        assert time.monotonic() - began > 1.8
        await third.answer()
        assert [await ring.ended(2) for ring in (first, second)] == [487, 487]
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await third.ended()
        story = await centre.story(caller.number)
    assert story["call"]["agent"] == "1003"


async def test_the_worker_dies_while_all_ring_and_the_caller_keeps_the_place(centre: Centre) -> None:
    async with _ready(centre, "1001", "1002") as phones, centre.caller() as caller:
        call = await caller.dial("4011")
        rings = await _all_ring(phones)
        await centre.worker_killed()
        for ring in rings:
            await ring.ended()
        again = await _all_ring(phones)
        await again[0].answer()
        await again[1].ended(3)
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await again[0].ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["agent"]) == ("answered", "1001")
    offered, ended = [event["offer"] for event in events(story, "offered")], [event["offer"] for event in events(story, "offer_ended")]
    assert sorted(set(offered)) == sorted(ended)
