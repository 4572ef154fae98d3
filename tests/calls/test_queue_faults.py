"""Faults in mid-queue: no caller is lost, nobody gets two offers, places are kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time

from callcenter.acd.matching import Matching
from callcenter.acd.model import Mode
from tests.calls.books import events
from tests.parts.centre import Centre
from tests.parts.phone_call import PhoneCall
from tests.parts.softphone import Phone
from tests.parts.waiting import until


async def test_redis_forgets_everything_while_callers_wait_ring_and_talk(centre: Centre) -> None:
    async with contextlib.AsyncExitStack() as stack:
        talker, first, second, third = [await stack.enter_async_context(centre.caller()) for _ in range(4)]
        talking_agent = await stack.enter_async_context(centre.ready_agent("1001"))
        talk = await centre.given_talking(talker, talking_agent)
        ringing_agent = await stack.enter_async_context(centre.ready_agent("1002"))
        calls = [await first.dial("4001")]
        ringing = await ringing_agent.rings()
        calls += [await second.dial("4001")]
        await centre.phase_of(second.number, "queue")
        calls += [await third.dial("4001")]
        await centre.phase_of(third.number, "queue")
        await centre.redis.flushall()
        await ringing.answer()
        await centre.phase_of(first.number, "conversation")
        await centre.agent_is("1001", "talking")
        await talk.caller.hang_up()
        turn = await talking_agent.rings(8)
        await turn.answer()
        await centre.phase_of(second.number, "conversation")
        live = await centre.live_call(third.number)
        assert live is not None and live["phase"] == "queue"
        for call in calls:
            await call.hang_up()
        stories = [await centre.story(caller.number) for caller in (first, second, third)]
    assert [story["call"]["outcome"] for story in stories] == ["answered", "answered", "abandoned_queue"]
    assert [story["call"]["agent"] for story in stories[:2]] == ["1002", "1001"]


async def test_the_worker_dies_between_the_match_and_the_ringing(centre: Centre) -> None:
    async with centre.agent("1003") as phone, centre.caller() as caller:
        await until("a reachable phone", lambda: _reachable(centre, "1003"))
        call = await caller.dial("4001")
        await centre.phase_of(caller.number, "queue")
        worker = centre.worker_pid
        os.kill(worker, signal.SIGSTOP)
        other = Matching(centre.redis, "another-worker")
        now = time.time_ns() // 1_000_000
        await other.set_mode(now, agent="1003", mode=Mode.READY, by="test")
        assert (await other.agent("1003"))["state"] == "ringing"
        os.kill(worker, signal.SIGKILL)
        await until("a new worker", lambda: centre.worker_pid != worker, 15)
        await centre.is_ready()
        ringing = await phone.rings(8)
        await ringing.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["agent"]) == ("answered", "1003")
    assert len(events(story, "offered")) == len(events(story, "offer_ended"))


async def test_an_offer_that_another_workers_step_made_rings(centre: Centre) -> None:
    async with centre.agent("1004") as phone, centre.caller() as caller:
        await until("a reachable phone", lambda: _reachable(centre, "1004"))
        call = await caller.dial("4001")
        await centre.phase_of(caller.number, "queue")
        other = Matching(centre.redis, "another-worker")
        await other.set_mode(time.time_ns() // 1_000_000, agent="1004", mode=Mode.READY, by="test")
        ringing = await phone.rings(5)
        await call.hang_up()
        await ringing.ended()


async def test_agents_flap_and_each_caller_gets_one(centre: Centre) -> None:
    async with contextlib.AsyncExitStack() as stack:
        phones = [await stack.enter_async_context(centre.ready_agent(number)) for number in ("1005", "1006")]

        async def flap(number: str) -> None:
            for index in range(20):
                await centre.set_state(number, ("paused", "ready", "offline", "ready")[index % 4])
            await centre.set_state(number, "ready")

        callers = [await stack.enter_async_context(centre.caller()) for _ in range(2)]
        flapping = asyncio.gather(flap("1005"), flap("1006"))
        calls = [await caller.dial("4001") for caller in callers]
        await flapping
        for phone in phones:
            ringing = await until(
                "a phone that rings on", lambda phone=phone: next((call for call in phone.calls if not call.is_over), None)
            )
            await ringing.answer()
        for caller in callers:
            await centre.phase_of(caller.number, "conversation")
        assert await Matching(centre.redis).pairs(["sales", "support"]) == []
        for call in calls:
            await call.hang_up()
        stories = [await centre.story(caller.number) for caller in callers]
    assert sorted(story["call"]["agent"] for story in stories) == ["1005", "1006"]
    for story in stories:
        assert len(events(story, "offered")) == len(events(story, "offer_ended"))


def _rings_on(phone: Phone) -> PhoneCall | None:
    return next((call for call in phone.calls if not call.is_over), None)


async def _reachable(centre: Centre, number: str) -> bool:
    return bool((await centre.agent_now(number))["reachable"])
