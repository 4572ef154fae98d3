"""Listen, whisper, barge in: who hears whom, by tones of different pitch; the recording; who is told."""

from __future__ import annotations

import time

import pytest

from tests.calls.books import events
from tests.calls.words import books_agree, recording_of
from tests.parts.centre import Centre, Refused
from tests.parts.hearing import decode_opus
from tests.parts.rtp import RATE
from tests.supervision.hearing import (
    AGENT,
    CUSTOMER,
    SECOND,
    SUPERVISOR,
    do,
    heard_pitches,
    hears_just,
    joins,
    never_heard,
    talking,
)


async def test_listen_whisper_barge_and_back(centre: Centre) -> None:
    async with talking(centre) as (caller, _, talk, call), centre.agent("1009") as phone:
        began = time.monotonic()
        watching = await joins(centre, call, "listen", phone)
        await hears_just(watching, CUSTOMER, AGENT)
        await hears_just(talk.agent, CUSTOMER)
        await hears_just(talk.caller, AGENT)
        await do(centre, call, "whisper", phone="1009")
        await hears_just(talk.agent, CUSTOMER, SUPERVISOR)
        await hears_just(watching, CUSTOMER, AGENT)
        await hears_just(talk.caller, AGENT)
        await never_heard(talk.caller, SUPERVISOR, began)
        barged = time.monotonic()
        await do(centre, call, "barge", phone="1009")
        await hears_just(talk.caller, AGENT, SUPERVISOR)
        await hears_just(talk.agent, CUSTOMER, SUPERVISOR)
        await hears_just(watching, CUSTOMER, AGENT)
        await do(centre, call, "whisper", phone="1009")
        again = time.monotonic() + 0.1
        await hears_just(talk.agent, CUSTOMER, SUPERVISOR)
        await never_heard(talk.caller, SUPERVISOR, again)
        await do(centre, call, "monitor", phone="1009")
        await hears_just(talk.agent, CUSTOMER)
        assert not phone.calls[1:], "it was rung once"
        await watching.hang_up()
        await hears_just(talk.agent, CUSTOMER)
        await talk.caller.hang_up()
        await talk.agent.ended()
        story = await centre.story(caller.number)
    assert barged
    assert [event["mode"] for event in events(story, "supervisor_mode_changed")] == ["whisper", "barge", "whisper", "listen"]
    assert [(event["phone"], event["by"], event["mode"]) for event in events(story, "supervisor_joined")] == [
        ("1009", "token:demo", "listen")
    ]
    assert [event["why"] for event in events(story, "supervisor_left")] == ["left"]
    assert story["call"]["agent"] == "1001" and story["call"]["outcome"] == "answered"
    await books_agree(centre, story)


async def test_the_recording_has_no_whisper_but_what_was_said_to_both(centre: Centre) -> None:
    async with talking(centre) as (caller, _, talk, call), centre.agent("1009") as phone:
        watching = await joins(centre, call, "whisper", phone)
        await hears_just(talk.agent, CUSTOMER, SUPERVISOR, for_s=2)
        await do(centre, call, "barge", phone="1009")
        await hears_just(talk.caller, AGENT, SUPERVISOR, for_s=2)
        await do(centre, call, "listen", phone="1009")
        await hears_just(talk.caller, AGENT)
        await talk.caller.hang_up()
        await watching.ended()
        story = await centre.story(caller.number)
    left, right = decode_opus(await recording_of(centre, story))
    (whispered,) = events(story, "supervisor_joined")
    barged, listened = events(story, "supervisor_mode_changed")
    (started,) = events(story, "recording_started")

    def part(samples, first, last, slack_ms=300):  # type: ignore[no-untyped-def]
        return samples[(first - started["at_ms"] + slack_ms) * RATE // 1000 : (last - started["at_ms"] - slack_ms) * RATE // 1000]

    assert heard_pitches(part(right, whispered["at_ms"], barged["at_ms"])) == {AGENT}, "no whisper on the right"
    assert heard_pitches(part(left, whispered["at_ms"], barged["at_ms"])) == {CUSTOMER}
    assert heard_pitches(part(right, barged["at_ms"], listened["at_ms"])) == {AGENT, SUPERVISOR}, "what the customer heard is on the right"
    assert heard_pitches(part(left, barged["at_ms"], listened["at_ms"])) == {CUSTOMER}
    assert story["call"]["talk_ms"] > 4000


async def test_two_supervisors_on_one_call(centre: Centre) -> None:
    async with talking(centre) as (caller, _, talk, call), centre.agent("1008") as one, centre.agent("1009") as two:
        first = await joins(centre, call, "listen", one)
        second = await joins(centre, call, "whisper", two, SECOND)
        await hears_just(talk.agent, CUSTOMER, SECOND)
        await hears_just(first, CUSTOMER, AGENT)
        await hears_just(second, CUSTOMER, AGENT)
        await do(centre, call, "barge", phone="1008")
        await hears_just(talk.caller, AGENT, SUPERVISOR)
        await hears_just(second, CUSTOMER, AGENT, SUPERVISOR)
        now = await centre.live_call(caller.number)
        assert now and {(one["phone"], one["mode"]) for one in now["supervisors"]} == {("1008", "barge"), ("1009", "whisper")}
        await do(centre, call, "leave", phone="1008")
        await first.ended()
        await hears_just(talk.caller, AGENT)
        await hears_just(talk.agent, CUSTOMER, SECOND)
        await talk.agent.hang_up()
        await second.ended()
        story = await centre.story(caller.number)
    assert sorted(event["why"] for event in events(story, "supervisor_left")) == ["call_ended", "left"]


async def test_a_key_on_the_supervisors_phone_switches(centre: Centre) -> None:
    async with talking(centre) as (_, _, talk, call), centre.agent("1009") as phone:
        watching = await joins(centre, call, "listen", phone)
        await hears_just(talk.agent, CUSTOMER)
        await watching.press("5")
        await hears_just(talk.agent, CUSTOMER, SUPERVISOR)
        await watching.press("6")
        await hears_just(talk.caller, AGENT, SUPERVISOR)
        await watching.press("4")
        await hears_just(talk.caller, AGENT)
        await talk.caller.hang_up()


async def test_the_supervisor_hears_and_whispers_while_the_customer_is_on_hold(centre: Centre) -> None:
    async with talking(centre) as (_, _, talk, call), centre.agent("1009") as phone:
        await joins(centre, call, "whisper", phone)
        await do(centre, call, "hold")
        await hears_just(talk.agent, SUPERVISOR)
        await do(centre, call, "retrieve")
        await hears_just(talk.agent, CUSTOMER, SUPERVISOR)
        await hears_just(talk.caller, AGENT)
        await talk.caller.hang_up()


async def test_nobody_supervises_a_call_that_has_no_agent_yet(centre: Centre) -> None:
    async with centre.caller() as caller, centre.agent("1009") as phone:
        call = await caller.dial("4001")
        now = await centre.phase_of(caller.number, "queue")
        for action in ("listen", "whisper", "barge", "take-over"):
            with pytest.raises(Refused) as refused:
                await do(centre, now["id"], action, phone="1009")
            assert refused.value.status == 409 and "the call is in queue" in refused.value.problem
        with pytest.raises(Refused) as refused:
            await do(centre, now["id"], "listen")
        assert refused.value.status == 400 and "phone" in refused.value.problem
        await phone.stays_quiet(0.3)
        await call.hang_up()
    with pytest.raises(Refused) as refused:
        await do(centre, now["id"], "listen", phone="1009")
    assert refused.value.status == 404


async def test_a_supervisor_who_does_not_answer_changes_nothing(centre: Centre) -> None:
    async with talking(centre) as (caller, _, talk, call), centre.agent("1009") as phone:
        await do(centre, call, "listen", phone="1009")
        await (await phone.rings()).decline()
        await hears_just(talk.agent, CUSTOMER)
        watching = await joins(centre, call, "listen", phone)
        await hears_just(watching, CUSTOMER, AGENT)
        await talk.caller.hang_up()
        story = await centre.story(caller.number)
    assert len(events(story, "supervisor_joined")) == 1
