"""Postgres, Redis, Asterisk are killed in the middle of a call: the supervisor brings them back, calls go on, nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator

import pytest

from tests.calls.books import events
from tests.parts import machine
from tests.parts.centre import Centre
from tests.parts.hearing import hears_tone
from tests.parts.rtp import tone
from tests.parts.waiting import until


@contextlib.asynccontextmanager
async def _killed(centre: Centre, part: str) -> AsyncIterator[None]:
    """Kill a part without warning; inside the block it is coming back, after it all is well."""

    def main_process() -> int | None:
        found = getattr(machine.household(centre.supervisor_pid, centre.worker_pid), part)
        # Postgres has children of its own, Asterisk may have a sandbox around it.
        return (found[-1] if part == "asterisk" else found[0]) if found else None

    before = main_process()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    yield

    def another() -> bool:
        now = main_process()
        return now is not None and now != before

    await until(f"another {part}", another, 20)
    await centre.is_ready(30)


async def test_postgres_dies_and_the_call_is_written_once_all_the_same(centre: Centre) -> None:
    async with centre.ready_agent("1001") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        async with _killed(centre, "postgres"):
            talk.caller.say(tone(440))
            await talk.agent.hears("the caller", lambda heard: hears_tone(heard[-4000:], 440))
            await talk.caller.hang_up()
            await talk.agent.ended()
        story = await centre.story(caller.number, 30)
    assert story["call"]["outcome"] == "answered"
    assert len(events(story, "call_arrived")) == len(events(story, "call_ended")) == 1


async def test_redis_dies_and_the_caller_keeps_the_place(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4001")
        await centre.phase_of(caller.number, "queue")
        async with _killed(centre, "redis"):
            pass
        assert not call.is_over
        async with centre.ready_agent("1002") as agent:
            turn = await agent.rings()
            await turn.answer()
            await centre.phase_of(caller.number, "conversation")
            await call.hang_up()
            await turn.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], len(events(story, "queued"))) == ("answered", 1)


@pytest.mark.timeout(180)
async def test_asterisk_dies_and_its_calls_are_closed_truthfully(centre: Centre) -> None:
    async with centre.ready_agent("1003") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        async with _killed(centre, "asterisk"):
            pass
        await talk.caller.vanish()
        await talk.agent.vanish()
        story = await centre.story(caller.number, 30)
    assert story["call"]["outcome"] in ("media_server_lost", "answered")
    assert story["call"]["ended_by"] == "system"
    async with centre.ready_agent("1004") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        await talk.caller.hang_up()
        await talk.agent.ended()
