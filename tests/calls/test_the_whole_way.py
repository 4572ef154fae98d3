"""A call from the first number to the books: heard, announced, talked, recorded, written, and the same in Asterisk's own records."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.calls.books import events, kinds, phases, pressed
from tests.calls.words import CLOCKS_AGREE_MS, books_agree, heard_prompt, recording_of
from tests.parts.centre import Centre
from tests.parts.hearing import decode_opus, hears_tone, loudness
from tests.parts.rtp import tone
from tests.parts.waiting import until


async def test_from_the_number_to_the_books(centre: Centre) -> None:
    async with centre.ready_agent("1001") as agent, centre.caller() as caller:
        call = await caller.dial("4000")
        await call.answered()
        await heard_prompt(centre, call, "zh/welcome")
        await call.press("1")
        ringing = await agent.rings()
        assert caller.number in (ringing.invite or pytest.fail("no INVITE"))["From"]
        picked_up = time.monotonic()
        await ringing.answer()
        await heard_prompt(centre, call, "zh/agents/1001", since=picked_up)
        assert loudness(ringing.voice.ear.heard(picked_up)) < 300, "the agent hears the announcement or the music"
        await centre.phase_of(caller.number, "conversation")
        call.say(tone(440))
        ringing.say(tone(880))
        await call.hears("the agent's tone", lambda heard: hears_tone(heard[-4000:], 880))
        await ringing.hears("the caller's tone", lambda heard: hears_tone(heard[-4000:], 440))
        await asyncio.sleep(2)  # they talk
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
    assert phases(story)[-3:] == ["queue", "announcing", "conversation"]
    assert story["call"]["outcome"] == "answered"
    assert story["call"]["ended_by"] == "caller"
    assert (story["call"]["agent"], story["call"]["queue"], story["call"]["dialled"]) == ("1001", "sales", "4000")
    assert pressed(story) == "1"
    assert events(story, "announced")[0]["complete"]
    assert {leg["role"] for leg in story["legs"]} == {"caller", "agent"}
    await books_agree(centre, story)
    left, right = decode_opus(await recording_of(centre, story))
    assert hears_tone(left[8000:-4000], 440) and not hears_tone(left[8000:-4000], 880), "the caller is on the left"
    assert hears_tone(right[8000:-4000], 880) and not hears_tone(right[8000:-4000], 440), "the agent is on the right"
    assert abs(len(left) / 8000 - story["call"]["talk_ms"] / 1000) < 1.0


@pytest.mark.parametrize(("dialled", "queue"), [("4001", "sales"), ("4002", "support")])
async def test_a_number_straight_to_a_queue(centre: Centre, dialled: str, queue: str) -> None:
    async with centre.ready_agent("1002") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent, dialled)
        await talk.agent.hang_up()
        await talk.caller.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["queue"], story["call"]["ended_by"], story["call"]["agent"]) == (queue, "agent", "1002")
    assert "node_entered" not in kinds(story)
    await books_agree(centre, story)


async def test_two_callers_and_one_agent(centre: Centre) -> None:
    async with centre.ready_agent("1003") as agent, centre.caller() as first, centre.caller() as second:
        talk = await centre.given_talking(first, agent)
        waiting = await second.dial("4001")
        await centre.phase_of(second.number, "queue")
        await until("one caller waits", lambda: one_waits(centre), 5)
        await talk.caller.hang_up()
        turn = await agent.rings()
        assert second.number in turn.invite["From"]  # type: ignore[index]
        await turn.answer()
        await centre.phase_of(second.number, "conversation")
        await waiting.hang_up()
        await turn.ended()
        story = await centre.story(second.number)
    assert story["call"]["outcome"] == "answered"
    assert [event["agent"] for event in events(story, "offered")] == ["1003"]
    await books_agree(centre, story)


async def one_waits(centre: Centre) -> bool:
    return await waiting_in(centre, "sales") == 1


async def waiting_in(centre: Centre, queue: str) -> int:
    live = await centre.api("GET", "live")
    return next(int(now["waiting"]) for now in live["queues"] if now["name"] == queue)


async def test_the_agent_who_waited_longest_rings(centre: Centre) -> None:
    async with centre.ready_agent("1004") as first, centre.ready_agent("1005") as second, centre.caller() as caller:
        talk = await centre.given_talking(caller, first)
        async with centre.caller() as other:
            again = await centre.given_talking(other, second)
            await again.caller.hang_up()
            await again.agent.ended()
        await talk.caller.hang_up()
        await talk.agent.ended()


async def test_wrap_up_follows_a_call(centre: Centre) -> None:
    async with centre.ready_agent("1006") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        await centre.agent_is("1006", "talking")
        await talk.caller.hang_up()
        await centre.agent_is("1006", "wrapup")
        await centre.agent_is("1006", "ready")
        story = await centre.story(caller.number)

        async def wrapped_up() -> bool:
            wrap_up_ms = await centre.db.fetchval("select wrapup_ms from calls where id = $1", story["call"]["id"])
            return 900 <= (wrap_up_ms or 0) <= 2000

        await until("the wrap-up in the books", wrapped_up, 5)


async def test_hold_is_counted_and_the_caller_hears_music(centre: Centre) -> None:
    async with centre.ready_agent("1007") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        await talk.agent.hold()
        held = time.monotonic()
        await talk.caller.hears("music", lambda heard: loudness(heard[-8000:]) > 50, since=held)
        await talk.agent.retrieve()
        await talk.caller.hang_up()
        await talk.agent.ended()
        held_s = time.monotonic() - held
        story = await centre.story(caller.number)
    assert [event["by"] for event in events(story, "held") + events(story, "retrieved")] == ["agent", "agent"]
    assert 0 < story["call"]["hold_ms"] <= held_s * 1000 + CLOCKS_AGREE_MS


async def test_the_raw_recording_goes_once_it_is_stored(centre: Centre) -> None:
    async with centre.ready_agent("1008") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        await talk.caller.hang_up()
        await talk.agent.ended()
        story = await centre.story(caller.number)
    await recording_of(centre, story)
    spool = centre.var / "spool" / "recordings"
    await until("an empty recording spool", lambda: not list(spool.glob("*.raw")), 10)
