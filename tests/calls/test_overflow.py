"""Overflow: each reason a caller leaves a queue for, and each place they go to, by phone."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callcenter.acd.opening import HOLIDAY, WEEKDAYS
from tests.calls.books import events
from tests.calls.test_outside_numbers import provider, talking
from tests.calls.waiting_rooms import Room, laid
from tests.calls.words import heard_prompt
from tests.parts.centre import Centre
from tests.parts.waiting import until

ZONE = ZoneInfo("Asia/Shanghai")


def _room(number: str, *overflow: dict[str, Any], agents: tuple[str, ...] = (), hours: dict[str, Any] | None = None, **more: Any) -> Room:
    rules: dict[str, Any] = {"overflow": list(overflow)} | ({"hours": {"days": hours}} if hours is not None else {})
    return Room(number=number, queue=f"room-{number}", agents=agents, rules=rules, more=more)


SAY_BUSY = {"to": "announcement", "target": "all-busy"}
ROOMS = (
    _room("4111", {"when": "waited", "than": 2, "to": "queue", "target": "room-4112"}),
    _room("4112", agents=("1001",)),
    _room("4113", {"when": "no_agents", "to": "queue", "target": "room-4114"}),
    _room("4114", {"when": "no_agents", "to": "queue", "target": "room-4113"}),
    _room("4115", {"when": "waited", "than": 1, "to": "agent", "target": "1002"}),
    _room("4116", {"when": "waited", "than": 1, "to": "number", "target": "13800000000"}),
    _room("4117", {"when": "length", "than": 1, **SAY_BUSY}),
    _room("4118", {"when": "expected_wait", "than": 60, "to": "voicemail", "target": "1003"}, agents=("1003",)),
    _room("4119", {"when": "all_paused", "to": "voicemail"}, agents=("1004",)),
    _room("4120", {"when": "no_agents", "to": "announcement", "target": "no-agents"}, agents=("1005",)),
    _room("4121", {"when": "closed", "to": "announcement", "target": "closed"}, agents=("1006",), hours={}),
    _room("4122", {"when": "waited", "than": 1, "to": "queue", "target": "room-4123", "keeps_wait": False}),
    _room("4123", max_wait_s=2),
    _room("4125", {"when": "waited", "than": 1, "to": "voicemail"}, agents=("1007",)),
    _room("4124", {"when": "waited", "than": 1, "to": "number", "target": "4001"}),
)


@pytest.fixture(scope="module", autouse=True)
async def rooms(centre: Centre) -> AsyncIterator[None]:
    async with laid(centre, *ROOMS):
        yield


def _left(story: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(event["queue"], event["why"], event.get("to", "")) for event in events(story, "left_queue")]


async def test_after_a_while_to_another_queue_and_the_wait_counts_on(centre: Centre) -> None:
    async with centre.caller() as caller, centre.caller() as later:
        call = await caller.dial("4111")
        await centre.phase_of(caller.number, "queue")
        behind = await later.dial("4112")
        await centre.phase_of(later.number, "queue")

        async with centre.agent("1001") as agent:
            await _in_queue(centre, caller.number, "room-4112")
            await centre.set_state("1001", "ready")
            ringing = await agent.rings(5)
            await ringing.answer()
            await centre.phase_of(caller.number, "conversation")
            await call.hang_up()
            await ringing.ended()
            await behind.hang_up()
            story = await centre.story(caller.number)
            await centre.story(later.number)
    assert _left(story) == [("room-4111", "overflow", "queue:room-4112"), ("room-4112", "answered", "")]
    first, second = events(story, "queued")
    assert 1900 < second["at_ms"] - first["at_ms"] < 4000
    assert story["call"]["wait_ms"] >= 1900


async def _in_queue(centre: Centre, caller: str, queue: str) -> None:
    async def there() -> bool:
        now = await centre.live_call(caller)
        return bool(now and now["queue"] == queue)

    await until(f"{caller} in {queue}", there, 10)


async def test_queues_that_overflow_into_each_other_keep_the_caller_after_five_moves(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4113")
        await _in_queue(centre, caller.number, "room-4114")
        await call.hears("the music", lambda heard: len(heard) > 8000)
        await call.hang_up()
        story = await centre.story(caller.number)
    assert [why for _, why, _ in _left(story)] == ["no_agents"] * 5 + ["abandoned"]
    assert story["call"]["outcome"] == "abandoned_queue"


async def test_to_an_agent(centre: Centre) -> None:
    async with centre.ready_agent("1002") as agent, centre.caller() as caller:
        call = await caller.dial("4115")
        ringing = await agent.rings(6)
        await ringing.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
    assert _left(story) == [("room-4115", "overflow", "agent:1002")]
    assert (story["call"]["outcome"], story["call"]["agent"]) == ("answered", "1002")


async def test_to_an_agent_who_is_not_there_and_so_to_the_agents_mailbox(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4115")
        await heard_prompt(centre, call, "zh/voicemail-greeting")

        async def has_left_a_message() -> bool:
            await call.press("#")
            return call.is_over

        await until("a message ended by hash, once it is recorded", has_left_a_message, 15, every_s=0.5)
        story = await centre.story(caller.number)
    assert _left(story) == [("room-4115", "overflow", "agent:1002")]
    assert events(story, "voicemail_left")[0]["box"] == "1002"


async def test_to_a_number_outside(centre: Centre) -> None:
    async with provider(centre) as out, centre.caller() as caller:
        call = await caller.dial("4116")
        there = await out.rings()
        assert there.invite and "INVITE sip:13800000000@" in there.invite.start
        await there.answer()
        await talking(centre, caller, call, there)
        await call.hang_up()
        await there.ended()
        story = await centre.story(caller.number)
    assert _left(story) == [("room-4116", "overflow", "number:13800000000")]
    assert story["call"]["outcome"] == "answered"


async def test_a_number_of_the_centres_own_is_not_called_as_one_outside(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4124")
        await heard_prompt(centre, call, "zh/voicemail-greeting")
        await call.hang_up()
        story = await centre.story(caller.number)
    assert _left(story) == [("room-4124", "overflow", "voicemail:room-4124")]


async def test_a_full_queue_says_so_and_hangs_up(centre: Centre) -> None:
    async with centre.caller() as first, centre.caller() as second:
        waiting = await first.dial("4117")
        await centre.phase_of(first.number, "queue")
        call = await second.dial("4117")
        await heard_prompt(centre, call, "zh/all-busy")
        await call.ended()
        story = await centre.story(second.number)
        assert not waiting.is_over
        await waiting.hang_up()
        await centre.story(first.number)
    assert _left(story) == [("room-4117", "full", "announcement:all-busy")]
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("no_answer", "system")


async def test_a_long_expected_wait_and_so_to_a_mailbox(centre: Centre) -> None:
    async with centre.ready_agent("1003") as agent, centre.caller() as first, centre.caller() as second:
        talk_call = await first.dial("4118")
        talk = await agent.rings()
        await talk.answer()
        await centre.phase_of(first.number, "conversation")
        call = await second.dial("4118")
        await heard_prompt(centre, call, "zh/voicemail-greeting")
        await call.hang_up()
        story = await centre.story(second.number)
        await talk_call.hang_up()
        await talk.ended()
    assert _left(story) == [("room-4118", "overflow", "voicemail:1003")]
    (promised,) = events(story, "wait_promised")
    assert promised["high_s"] >= 60


async def test_a_phone_that_rings_may_still_be_answered_when_the_time_is_over(centre: Centre) -> None:
    async with centre.ready_agent("1007") as agent, centre.caller() as caller:
        call = await caller.dial("4125")
        ringing = await agent.rings()
        over = time.monotonic() + 1.5
        await until("the time of the rule", lambda: time.monotonic() > over)
        await ringing.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
    assert _left(story) == [("room-4125", "answered", "")]


async def test_a_phone_that_rang_in_vain_when_the_time_is_over(centre: Centre) -> None:
    async with centre.ready_agent("1007") as agent, centre.caller() as caller:
        call = await caller.dial("4125")
        ringing = await agent.rings()
        assert await ringing.ended(6) == 487
        await heard_prompt(centre, call, "zh/voicemail-greeting")
        await call.hang_up()
        story = await centre.story(caller.number)
    assert _left(story) == [("room-4125", "overflow", "voicemail:room-4125")]
    assert [event["end"] for event in events(story, "offer_ended")] == ["timed_out"]


async def test_the_last_agent_pauses(centre: Centre) -> None:
    async with centre.ready_agent("1004") as agent, centre.caller() as caller:
        call = await caller.dial("4119")
        await (await agent.rings()).decline(486)
        await centre.set_state("1004", "paused", "lunch")
        await heard_prompt(centre, call, "zh/voicemail-greeting")
        await call.hang_up()
        story = await centre.story(caller.number)
    assert _left(story) == [("room-4119", "no_agents", "voicemail:room-4119")]


async def test_the_last_agent_signs_off(centre: Centre) -> None:
    async with centre.ready_agent("1005"), centre.caller() as caller, centre.caller() as too_late:
        await centre.set_state("1005", "paused", "lunch")
        call = await caller.dial("4120")
        await centre.phase_of(caller.number, "queue")
        await call.hears("the music", lambda heard: len(heard) > 8000)
        await centre.set_state("1005", "offline")
        gone = time.monotonic()
        await heard_prompt(centre, call, "zh/no-agents", since=gone)
        await call.ended()
        refused = await too_late.dial("4120")
        await heard_prompt(centre, refused, "zh/no-agents")
        await refused.ended()
        story, other = await centre.story(caller.number), await centre.story(too_late.number)
    assert _left(story) == _left(other) == [("room-4120", "no_agents", "announcement:no-agents")]


async def test_closed_though_an_agent_is_ready(centre: Centre) -> None:
    async with centre.ready_agent("1006") as agent, centre.caller() as caller:
        call = await caller.dial("4121")
        await heard_prompt(centre, call, "zh/closed")
        await call.ended()
        await agent.stays_quiet(0.2)
        story = await centre.story(caller.number)
    assert _left(story) == [("room-4121", "closed", "announcement:closed")]
    assert not events(story, "offered")


async def test_a_queues_longest_wait_counts_from_entering_it(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4122")
        await heard_prompt(centre, call, "zh/voicemail-greeting")
        await call.hang_up()
        story = await centre.story(caller.number)
    assert _left(story) == [("room-4122", "overflow", "queue:room-4123"), ("room-4123", "timeout", "voicemail:room-4123")]


async def test_the_queue_closes_while_the_caller_waits(centre: Centre) -> None:
    now = datetime.now(ZONE)
    closes = (now + timedelta(seconds=75)).replace(second=0, microsecond=0)
    stretch = [[f"{now - timedelta(hours=1):%H:%M}", f"{closes:%H:%M}"]]
    closing = _room(
        "4131",
        {"when": "closed", "to": "announcement", "target": "closed"},
        {"when": "closing", "to": "voicemail"},
        hours=dict.fromkeys([*WEEKDAYS, HOLIDAY], stretch),
    )
    async with laid(centre, closing), centre.caller() as caller, centre.caller() as late:
        call = await caller.dial("4131")
        await centre.phase_of(caller.number, "queue")
        await centre.phase_of(caller.number, "voicemail", timeout_s=80)
        closed_s = datetime.now(ZONE).timestamp() - closes.timestamp()
        assert 0 <= closed_s < 2
        refused = await late.dial("4131")
        await heard_prompt(centre, refused, "zh/closed")
        await refused.ended()
        await call.hang_up()
        story = await centre.story(caller.number)
    assert _left(story) == [("room-4131", "closed", "voicemail:room-4131")]


async def test_the_worker_is_killed_on_the_way_and_the_rules_go_on(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4111")
        await centre.phase_of(caller.number, "queue")
        await centre.worker_killed()
        await _in_queue(centre, caller.number, "room-4112")
        await centre.worker_killed()
        await _in_queue(centre, caller.number, "room-4112")
        await call.hang_up()
        story = await centre.story(caller.number)
    assert [event["queue"] for event in events(story, "queued")] == ["room-4111", "room-4112"]
    assert _left(story) == [("room-4111", "overflow", "queue:room-4112"), ("room-4112", "abandoned", "")]


async def test_killed_while_it_says_farewell(centre: Centre) -> None:
    async with centre.ready_agent("1006"), centre.caller() as caller:
        call = await caller.dial("4121")
        await centre.phase_of(caller.number, "farewell")
        await centre.worker_killed()
        await call.ended(15)
        story = await centre.story(caller.number)
    assert len(events(story, "queued")) == len(events(story, "left_queue")) == 1
    assert story["call"]["ended_by"] == "system"
