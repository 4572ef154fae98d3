"""Recording by rules and by hand: which calls, told or asked before; stopped, begun again, paused, and what is on the tape then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.calls.books import events, kinds
from tests.calls.words import heard_prompt, recording_of
from tests.parts.centre import Centre, Refused, Talk
from tests.parts.hearing import decode_opus, loudness, share_of_tone
from tests.parts.rtp import RATE, tone
from tests.parts.softphone import Phone
from tests.parts.waiting import until


@asynccontextmanager
async def _rule(centre: Centre, name: str, **given: Any) -> AsyncIterator[None]:
    await centre.api("PUT", f"recording-rules/{name}", given)
    try:
        yield
    finally:
        await centre.api("DELETE", f"recording-rules/{name}")


@asynccontextmanager
async def _talking(centre: Centre) -> AsyncIterator[tuple[Phone, Talk, str]]:
    async with centre.ready_agent("1001") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        talk.caller.say(tone(440))
        talk.agent.say(tone(880))
        now = await centre.live_call(caller.number)
        assert now
        yield caller, talk, now["id"]
        await talk.caller.hang_up()
        await talk.agent.ended()


async def _do(centre: Centre, call: str, action: str) -> Any:
    return await centre.api("POST", f"calls/{call}/{action}")


async def test_a_paused_stretch_is_silence_on_both_channels(centre: Centre) -> None:
    async with _talking(centre) as (caller, _, call):
        await asyncio.sleep(1.5)
        await _do(centre, call, "record-pause")
        await _do(centre, call, "record-pause")
        await asyncio.sleep(1)
        await centre.worker_killed()
        await centre.phase_of(caller.number, "conversation")
        await asyncio.sleep(0.5)
        await _do(centre, call, "record-resume")
        await asyncio.sleep(1.5)
    story = await centre.story(caller.number)
    left, right = decode_opus(await recording_of(centre, story))
    (started,), (paused,), (resumed,) = (events(story, f"recording_{what}") for what in ("started", "paused", "resumed"))
    assert paused["by"] == resumed["by"] == "token:demo"
    first, last = ((event["at_ms"] - started["at_ms"]) * RATE // 1000 for event in (paused, resumed))
    slack = RATE * 3 // 10
    for side, pitch in ((left, 440), (right, 880)):
        assert share_of_tone(side[slack : first - slack], pitch) > 0.9
        assert loudness(side[first + slack : last - slack]) < 10, "silence while it is paused"
        assert share_of_tone(side[last + slack : last + RATE], pitch) > 0.9


async def test_stopped_and_begun_again_by_hand_makes_two_recordings(centre: Centre) -> None:
    async with _talking(centre) as (caller, _, call):
        await asyncio.sleep(1)
        await _do(centre, call, "record-stop")
        with pytest.raises(Refused) as refused:
            await _do(centre, call, "record-pause")
        assert refused.value.status == 409
        await asyncio.sleep(0.5)
        now = await centre.live_call(caller.number)
        assert now and not now["recording"]
        await _do(centre, call, "record-start")
        await _do(centre, call, "record-start")
        await asyncio.sleep(1)
    story = await centre.story(caller.number)
    assert [event.get("by", "") for event in events(story, "recording_started")] == ["", "token:demo"]
    assert [event.get("by", "") for event in events(story, "recording_ended")] == ["token:demo", ""]

    async def both_stored() -> bool:
        return {one["state"] for one in (await centre.api("GET", f"calls/{story['call']['id']}"))["recordings"]} == {"stored"}

    await until("both recordings in the store", both_stored, 15)


async def test_rules_decide_by_queue_number_and_share(centre: Centre) -> None:
    async with _rule(centre, "not-sales", queue="sales", percent=0):
        async with _talking(centre) as (caller, _, call):
            pass
        story = await centre.story(caller.number)
        (why,) = events(story, "not_recorded")
        assert (why["why"], why["rule"]) == ("rule", "not-sales") and "recording_started" not in kinds(story)
        async with _rule(centre, "but-4001", number="4001", direction="inbound", position=1):
            async with _talking(centre) as (caller, _, call):
                assert call
            story = await centre.story(caller.number)
            assert "not_recorded" not in kinds(story) and "recording_started" in kinds(story)
        async with _rule(centre, "but-1001", agent="1001", position=1), _talking(centre) as (caller, _, call):
            assert call
        assert "recording_started" in kinds(await centre.story(caller.number))


async def test_the_caller_is_told(centre: Centre) -> None:
    async with _rule(centre, "tell", queue="sales", announces=True), centre.ready_agent("1002") as agent, centre.caller() as caller:
        call = await caller.dial("4001")
        await call.answered()
        await heard_prompt(centre, call, "zh/recording/is-recorded")
        turn = await agent.rings()
        await turn.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        story = await centre.story(caller.number)
    (told,) = events(story, "recording_told")
    assert told["rule"] == "tell" and not told.get("asked")
    assert "recording_started" in kinds(story)


@pytest.mark.parametrize("key", ["9", "", "1"])
async def test_the_caller_may_decline(centre: Centre, key: str) -> None:
    rule = _rule(centre, "ask", queue="sales", announces=True, asks_consent=True)
    async with rule, centre.ready_agent("1003") as agent, centre.caller() as caller:
        call = await caller.dial("4001")
        await call.answered()
        heard = await heard_prompt(centre, call, "zh/recording/is-recorded")
        if key:
            await call.press(key)
        if key == "9":
            await heard_prompt(centre, call, "zh/recording/declined", since=heard)
        turn = await agent.rings(15)
        await turn.answer()
        now = await centre.phase_of(caller.number, "conversation")
        if key == "9":
            with pytest.raises(Refused) as refused:
                await _do(centre, now["id"], "record-start")
            assert refused.value.status == 409 and "declined" in refused.value.problem
        await call.hang_up()
        story = await centre.story(caller.number)
    assert events(story, "recording_told")[0]["asked"]
    assert ("recording_started" in kinds(story)) == (key != "9")
    assert [event["why"] for event in events(story, "not_recorded")] == (["declined"] if key == "9" else [])


async def test_rules_that_can_not_work_are_refused_with_the_place(centre: Centre) -> None:
    for given, place in (
        ({"queue": "nowhere"}, "queue: there is no queue nowhere"),
        ({"agent": "9999"}, "agent: there is no agent 9999"),
        ({"number": "5555"}, "number: there is no number 5555"),
        ({"asks_consent": True}, "asks_consent: who is asked must be told"),
        ({"percent": 101}, "percent"),
    ):
        with pytest.raises(Refused) as refused:
            await centre.api("PUT", "recording-rules/wrong", given)
        assert refused.value.status == 400 and place in refused.value.problem
    assert (await centre.api("GET", "recording-rules"))["items"] == []
    with pytest.raises(Refused) as refused:
        await centre.api("DELETE", "recording-rules/wrong")
    assert refused.value.status == 404
