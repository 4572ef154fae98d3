"""What a waiting caller hears: announcements at their times, music again after them, silence the moment a phone is answered."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from tests.asterisk_conf.private_asterisk import write_tone
from tests.calls.books import events
from tests.calls.waiting_rooms import Room, laid
from tests.calls.words import heard_prompt, prompt
from tests.parts.centre import Centre
from tests.parts.hearing import hears_tone, likeness, loudness
from tests.parts.phone_call import PhoneCall
from tests.parts.rtp import Samples
from tests.parts.waiting import until

FIRST_S, EVERY_S = 1, 6
TOLD = Room(
    number="4101",
    queue="told",
    agents=("1001",),
    rules={"announcements": {"first_after_s": FIRST_S, "every_s": EVERY_S, "comfort": ["all-busy"], "comfort_every_s": 5}},
)
IMPROVING = Room(
    number="4102",
    queue="improving",
    rules={"announcements": {"first_after_s": 1, "every_s": 3, "only_if_improved": True, "expected_wait": False}},
)
WORDY = Room(
    number="4103", queue="wordy", agents=("1002",), rules={"announcements": {"first_after_s": 0, "every_s": 60, "comfort_every_s": 5}}
)

JAZZY = Room(
    number="4105",
    queue="jazzy",
    rules={"announcements": {"comfort": ["all-busy"], "comfort_every_s": 5}},
    more={"music": "jazz"},
)
LONG = Room(number="4104", queue="long", agents=("1003",), rules={"announcements": {"comfort": ["main-menu"], "comfort_every_s": 5}})


@pytest.fixture(scope="module", autouse=True)
async def rooms(centre: Centre) -> AsyncIterator[None]:
    async with laid(centre, TOLD, IMPROVING, WORDY, LONG, JAZZY):
        yield


def _is_music(heard: Samples) -> bool:
    return len(heard) > 8000 and loudness(heard) > 300


async def _music_again(call: PhoneCall, since: float) -> None:
    await call.hears("the music", _is_music, since=since, timeout_s=4)


async def test_the_place_is_told_at_its_time_and_the_music_comes_back(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4101")
        await call.answered()
        begun = time.monotonic()
        told = await heard_prompt(centre, call, "zh/next-in-line", timeout_s=6)
        assert FIRST_S < told - begun < FIRST_S + 3
        await _music_again(call, told)
        comforted = await heard_prompt(centre, call, "zh/all-busy", since=told, timeout_s=8)
        assert comforted - begun > 5
        await heard_prompt(centre, call, "zh/next-in-line", since=comforted, timeout_s=8)
        await call.hang_up()
        story = await centre.story(caller.number)
    assert not events(story, "wait_promised"), "nobody works there, so nothing is known"


async def test_a_place_that_is_no_better_is_not_told_again(centre: Centre) -> None:
    async with centre.caller() as first, centre.caller() as second:
        ahead = await first.dial("4102")
        await heard_prompt(centre, ahead, "zh/next-in-line", timeout_s=6)
        call = await second.dial("4102")
        told = await heard_prompt(centre, call, "zh/word/ahead", timeout_s=6)
        quiet_until = time.monotonic() + 5
        await until("two more times to tell", lambda: time.monotonic() > quiet_until)
        assert likeness(call.voice.ear.heard(told), prompt(centre, "zh/word/ahead")) < 0.5
        assert likeness(call.voice.ear.heard(told), prompt(centre, "zh/next-in-line")) < 0.5
        await ahead.hang_up()
        await heard_prompt(centre, call, "zh/next-in-line", since=told, timeout_s=6)
        await call.hang_up()
        await centre.story(second.number)


async def test_the_expected_wait_is_told_and_the_promise_noted(centre: Centre) -> None:
    async with centre.ready_agent("1002") as agent, centre.caller() as busy, centre.caller() as caller:
        talk_call = await busy.dial("4103")
        talk = await agent.rings()
        await talk.answer()
        await centre.phase_of(busy.number, "conversation")
        call = await caller.dial("4103")
        await heard_prompt(centre, call, "zh/word/wait-under", timeout_s=8)
        told = await heard_prompt(centre, call, "zh/word/minutes", timeout_s=4)
        await _music_again(call, told)
        await call.hang_up()
        story = await centre.story(caller.number)
        await talk_call.hang_up()
        await talk.ended()
    expected, said = events(story, "wait_promised")
    assert (expected["position"], expected.get("said", False), said["said"]) == (1, False, True)
    assert expected["low_s"] < expected["high_s"]


async def test_a_message_stops_when_a_phone_is_answered(centre: Centre) -> None:
    message = prompt(centre, "zh/main-menu")
    half = len(message) // 2
    async with centre.agent("1003") as agent, centre.caller() as caller:
        call = await caller.dial("4104")
        await call.hears("the message's beginning", lambda heard: likeness(heard, message[: half // 2]) > 0.6, timeout_s=10)
        await centre.set_state("1003", "ready")
        ringing = await agent.rings(3)
        await ringing.answer()
        picked_up = time.monotonic()
        await heard_prompt(centre, call, "zh/agents/1003", since=picked_up, timeout_s=4)
        await centre.phase_of(caller.number, "conversation")
        quiet_until = picked_up + len(message) / 8000
        await until("the message's end, had it gone on", lambda: time.monotonic() > quiet_until, 15)
        assert likeness(call.voice.ear.heard(picked_up), message[half:]) < 0.4
        await call.hang_up()
        await ringing.ended()
        await centre.story(caller.number)


async def test_a_queue_has_its_own_music_and_goes_on_with_it_after_a_message(centre: Centre) -> None:
    folder = centre.var / "prompts" / "music" / "jazz"
    folder.mkdir()
    write_tone(folder / "one.wav", 440, 4.0)
    await centre.api("POST", "agents", {"number": "1077", "name": "Jazz"})
    assert "jazz" in await centre.asterisk("moh show classes")
    async with centre.caller() as caller:
        call = await caller.dial("4105")
        await call.hears("its own music", lambda heard: hears_tone(heard, 440))
        comforted = await heard_prompt(centre, call, "zh/all-busy")
        await call.hears("its own music again", lambda heard: hears_tone(heard[-4000:], 440), since=comforted, timeout_s=4)
        await call.hang_up()
        await centre.story(caller.number)
    await centre.db.execute("update agents set active = false where number = $1", "1077")


async def test_the_worker_is_killed_while_it_speaks(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4101")
        await heard_prompt(centre, call, "zh/next-in-line", timeout_s=6)
        comforted = await heard_prompt(centre, call, "zh/all-busy", timeout_s=10)
        await centre.worker_killed()
        back = time.monotonic()
        await _music_again(call, back)
        await heard_prompt(centre, call, "zh/next-in-line", since=back, timeout_s=10)
        assert comforted < back
        await call.hang_up()
        story = await centre.story(caller.number)
    assert len(events(story, "queued")) == len(events(story, "left_queue")) == 1
