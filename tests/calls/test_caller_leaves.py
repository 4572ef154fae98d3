"""The caller is gone at every possible moment; each time the books say so and nothing is left behind."""

from __future__ import annotations

from tests.calls.books import events, phases, pressed
from tests.calls.words import heard_prompt
from tests.parts.centre import Centre
from tests.parts.hearing import loudness


async def test_before_anything_was_said(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4000")
        await call.answered()
        await call.hang_up()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("abandoned_ivr", "caller")


async def test_while_greeted(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4000")
        await call.hears("the welcome begin", lambda heard: loudness(heard[-1600:]) > 300)
        await call.hang_up()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("abandoned_ivr", "caller")


async def test_in_the_menu(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4000")
        await heard_prompt(centre, call, "zh/welcome")
        await centre.phase_of(caller.number, "menu")
        await call.hang_up()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], pressed(story)) == ("abandoned_ivr", "")


async def test_in_the_queue(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4001")
        await centre.phase_of(caller.number, "queue")
        await call.hears("music", lambda heard: loudness(heard[-8000:]) > 50)
        await call.hang_up()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["queue"]) == ("abandoned_queue", "sales")
    assert events(story, "left_queue")[0]["why"] == "abandoned"
    assert story["call"]["wait_ms"] > 0


async def test_while_the_phone_rings(centre: Centre) -> None:
    async with centre.ready_agent("1001") as agent, centre.caller() as caller:
        call = await caller.dial("4001")
        ringing = await agent.rings()
        await centre.agent_is("1001", "ringing")
        await call.hang_up()
        assert await ringing.ended(3) == 487
        story = await centre.story(caller.number)
        await centre.agent_is("1001", "ready")
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("abandoned_queue", "caller")
    assert [event["end"] for event in events(story, "offer_ended")] == ["caller_gone"]


async def test_at_the_very_moment_the_agent_answers(centre: Centre) -> None:
    async with centre.ready_agent("1001") as agent, centre.caller() as caller:
        call = await caller.dial("4001")
        ringing = await agent.rings()
        await ringing.answer()
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
    assert story["call"]["ended_by"] == "caller"
    assert story["call"]["outcome"] in ("abandoned_queue", "answered")


async def test_while_the_agent_is_announced(centre: Centre) -> None:
    async with centre.ready_agent("1002") as agent, centre.caller() as caller:
        call = await caller.dial("4001")
        ringing = await agent.rings()
        await ringing.answer()
        await centre.phase_of(caller.number, "announcing")
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
    assert phases(story)[-1] in ("announcing", "done")
    assert not events(story, "announced")[0]["complete"]
    assert story["call"]["ended_by"] == "caller"


async def test_while_talking(centre: Centre) -> None:
    async with centre.ready_agent("1003") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        await talk.caller.hang_up()
        await talk.agent.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("answered", "caller")


async def test_the_agent_leaves_while_announced_and_the_caller_keeps_the_place(centre: Centre) -> None:
    async with centre.ready_agent("1004") as first, centre.caller() as caller:
        call = await caller.dial("4001")
        ringing = await first.rings()
        await ringing.answer()
        await centre.phase_of(caller.number, "announcing")
        await ringing.hang_up()
        await centre.phase_of(caller.number, "queue")
        assert not call.is_over
        await centre.set_state("1004", "paused")
        async with centre.ready_agent("1005") as second:
            turn = await second.rings()
            await turn.answer()
            await centre.phase_of(caller.number, "conversation")
            await call.hang_up()
            await turn.ended()
        story = await centre.story(caller.number)
    assert story["call"]["agent"] == "1005"
