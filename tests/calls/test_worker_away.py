"""The worker is killed at every moment of a call: the call goes on, and its books are right in the end."""

from __future__ import annotations

import time

from tests.calls.books import events, pressed
from tests.calls.words import CLOCKS_AGREE_MS, books_agree, heard_prompt
from tests.parts.centre import Centre
from tests.parts.hearing import hears_tone
from tests.parts.rtp import tone


async def test_killed_while_they_talk_and_they_talk_on(centre: Centre) -> None:
    async with centre.ready_agent("1001") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        talk.caller.say(tone(440))
        talk.agent.say(tone(880))
        async with centre.worker_stopped():
            away = time.monotonic()
            await talk.agent.hears("the caller", lambda heard: hears_tone(heard, 440), since=away)
        back = time.monotonic()
        await talk.agent.hears("the caller", lambda heard: hears_tone(heard, 440), since=back)
        await centre.phase_of(caller.number, "conversation")
        await centre.agent_is("1001", "talking")
        await talk.agent.hang_up()
        await talk.caller.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("answered", "agent")
    assert events(story, "recovered")[0]["action"] == "resumed"
    assert len(events(story, "call_arrived")) == 1
    await books_agree(centre, story)


async def test_the_call_ends_while_the_worker_is_away(centre: Centre) -> None:
    async with centre.ready_agent("1002") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        async with centre.worker_stopped():
            await talk.caller.hang_up()
            ended_ms = time.time() * 1000
        await talk.agent.ended()
        story = await centre.story(caller.number)
    (ended,) = events(story, "call_ended")
    assert ended["witnessed"] and abs(ended["at_ms"] - ended_ms) <= CLOCKS_AGREE_MS
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("answered", "caller")


async def test_killed_while_the_caller_is_in_the_menu(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4000")
        await heard_prompt(centre, call, "zh/welcome")
        await centre.worker_killed()
        assert not call.is_over
        await centre.phase_of(caller.number, "menu")
        again = time.monotonic()
        await heard_prompt(centre, call, "zh/main-menu", since=again)
        await call.press("1")
        await centre.phase_of(caller.number, "queue")
        await call.hang_up()
        story = await centre.story(caller.number)
    assert pressed(story) == "1"


async def test_killed_while_the_caller_waits_and_the_place_is_kept(centre: Centre) -> None:
    async with centre.caller() as first, centre.caller() as second:
        one = await first.dial("4001")
        await centre.phase_of(first.number, "queue")
        two = await second.dial("4001")
        await centre.phase_of(second.number, "queue")
        await centre.worker_killed()
        async with centre.ready_agent("1003") as agent:
            turn = await agent.rings()
            assert first.number in turn.invite["From"]  # type: ignore[index]
            await turn.answer()
            await centre.phase_of(first.number, "conversation")
            await two.hang_up()
            await one.hang_up()
            await turn.ended()
        story = await centre.story(first.number)
    assert len(events(story, "queued")) == 1
    assert story["call"]["outcome"] == "answered"


async def test_killed_while_the_phone_rings(centre: Centre) -> None:
    async with centre.ready_agent("1004") as agent, centre.caller() as caller:
        call = await caller.dial("4001")
        ringing = await agent.rings()
        await centre.agent_is("1004", "ringing")
        await centre.worker_killed()
        if not ringing.is_over:
            await ringing.ended()
        turn = await agent.rings(15)
        await turn.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await turn.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["agent"]) == ("answered", "1004")


async def test_killed_while_the_agent_is_announced(centre: Centre) -> None:
    async with centre.ready_agent("1005") as agent, centre.caller() as caller:
        call = await caller.dial("4001")
        ringing = await agent.rings()
        await ringing.answer()
        await centre.phase_of(caller.number, "announcing")
        await centre.worker_killed()
        await centre.phase_of(caller.number, "conversation")
        assert not call.is_over and not ringing.is_over
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["agent"]) == ("answered", "1005")


async def test_a_caller_who_comes_while_the_worker_is_away_is_held_and_then_served(centre: Centre) -> None:
    async with centre.ready_agent("1006") as agent, centre.caller() as caller:
        async with centre.worker_stopped():
            call = await caller.dial("4001")
            await call.answered()
            await call.hears("the comfort tone", lambda heard: hears_tone(heard[-1600:], 450) or hears_tone(heard[:1600], 450))
        turn = await agent.rings(15)
        await turn.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await turn.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["dialled"]) == ("answered", "4001")
