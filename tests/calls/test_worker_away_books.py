"""What happens without a worker, or to a call whose record is lost, stands in the books afterwards: once, and whole."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.calls.books import events, kinds, phases
from tests.calls.words import CLOCKS_AGREE_MS, recording_of
from tests.parts.centre import Centre
from tests.parts.hearing import decode_opus, hears_tone, loudness
from tests.parts.rtp import Samples, tone
from tests.parts.waiting import until

SECOND = 8000


def _beep(heard: Samples) -> bool:
    return hears_tone(heard[-SECOND // 4 :], 1000)


@asynccontextmanager
async def _nobody_there(centre: Centre) -> AsyncIterator[None]:
    """The worker is killed, and Asterisk knows it: a call that comes in the same moment may still be handed to the dead one."""
    async with centre.worker_stopped():

        async def noticed() -> bool:
            return "cc-" not in await centre.asterisk("ari show apps")

        await until("Asterisk knows that nobody is there", noticed)
        yield


@pytest.fixture
async def short_hold(centre: Centre) -> AsyncIterator[None]:
    """Without a worker callers are held for a second only."""
    await centre.asterisk("dialplan set global CC_HOLD_SECONDS 1")
    yield
    await centre.asterisk("dialplan set global CC_HOLD_SECONDS 10")


@pytest.mark.timeout(120)
async def test_a_message_left_while_the_worker_is_away(centre: Centre, short_hold: None) -> None:
    async with centre.caller() as caller:
        async with _nobody_there(centre):
            call = await caller.dial("4002")
            await call.answered()
            await call.hears("the beep", _beep, 20)
            call.say(tone(620))
            spool = centre.var / "spool" / "voicemail"
            file = await until("the message is being written", lambda: next(spool.glob("*.wav"), None))
            await until("two seconds of it", lambda: file.stat().st_size > 4 * SECOND)
            await call.hang_up()
            ended_ms = time.time() * 1000
        story = await centre.story(caller.number, 30)
        audio = await recording_of(centre, story)
    told = story["call"]
    assert (told["outcome"], told["dialled"], told["queue"], told["ended_by"]) == ("voicemail", "4002", "support", "caller")
    assert phases(story) == ["fallback", "voicemail"]
    assert told["witnessed"] and len(events(story, "call_ended")) == 1
    assert abs(events(story, "call_ended")[0]["at_ms"] - ended_ms) <= CLOCKS_AGREE_MS
    assert events(story, "voicemail_left")[0]["box"] == "support"
    left, right = decode_opus(audio)
    assert hears_tone(left[SECOND // 2 : -SECOND // 2], 620) and loudness(right) < 20
    await until("the raw file is gone", lambda: not list(spool.glob("*.wav")))


@pytest.mark.timeout(120)
async def test_an_agent_answers_while_the_worker_is_away(centre: Centre, short_hold: None) -> None:
    async with centre.agent("1001") as agent, centre.caller() as caller:
        async with _nobody_there(centre):
            call = await caller.dial("4001")
            ringing = await agent.rings(15)
            await ringing.answer()
            call.say(tone(440))
            await ringing.hears("the caller", lambda heard: len(heard) > SECOND and hears_tone(heard[-SECOND:], 440))
            await ringing.hang_up()
            await call.ended()
        story = await centre.story(caller.number, 30)
    told = story["call"]
    assert (told["outcome"], told["queue"], told["agent"], told["ended_by"]) == ("answered", "sales", "1001", "agent")
    assert told["talk_ms"] > 500 and told["wait_ms"] > 0 and told["connected_at"]
    assert phases(story) == ["fallback", "conversation"]
    assert [leg["role"] for leg in story["legs"]] == ["caller", "agent"]
    assert [event["end"] for event in events(story, "offer_ended")] == ["answered"]


@pytest.mark.timeout(120)
async def test_a_caller_gives_up_while_the_worker_is_away(centre: Centre) -> None:
    async with centre.caller() as caller:
        async with _nobody_there(centre):
            call = await caller.dial("4001")
            await call.answered()
            await call.hang_up()
        story = await centre.story(caller.number, 30)
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("abandoned_ivr", "caller")
    assert kinds(story) == ["call_arrived", "leg_started", "phase_entered", "leg_answered", "leg_ended", "call_ended"]


@asynccontextmanager
async def _records_lost(centre: Centre) -> AsyncIterator[None]:
    """The worker is killed; while it is away Redis forgets everything."""
    async with centre.worker_stopped():
        await centre.redis.flushall()
        yield


@pytest.mark.timeout(120)
async def test_a_call_whose_record_is_lost_ends_where_the_next_one_begins(centre: Centre) -> None:
    async with centre.ready_agent("1002") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        async with _records_lost(centre):
            pass
        await centre.phase_of(caller.number, "queue")
        await talk.caller.hang_up()
        await talk.agent.ended()

        async def both_ended() -> list[str]:
            query = "select id from calls where caller = $1 and ended_at is not null order by started_at, id"
            found = [row["id"] for row in await centre.db.fetch(query, caller.number)]
            return found if len(found) == 2 else []

        stories = [await centre.api("GET", f"calls/{call}") for call in await until("both calls have ended", both_ended, 20)]
    first, second = stories
    assert [len(events(story, "call_ended")) for story in stories] == [1, 1]
    assert (first["call"]["outcome"], first["call"]["ended_by"]) == ("answered", "system")
    assert events(first, "recovered")[0]["action"] == "closed"
    assert first["call"]["ended_at"] <= second["call"]["started_at"]
    assert await recording_of(centre, first)


@pytest.mark.timeout(120)
async def test_a_call_whose_record_is_lost_and_that_ends_meanwhile_has_its_true_end(centre: Centre) -> None:
    async with centre.ready_agent("1003") as agent, centre.caller() as caller:
        talk = await centre.given_talking(caller, agent)
        async with _records_lost(centre):
            await talk.caller.hang_up()
            ended_ms = time.time() * 1000
        await talk.agent.ended()
        story = await centre.story(caller.number, 30)
        assert await recording_of(centre, story)
    (ended,) = events(story, "call_ended")
    assert ended["witnessed"] and abs(ended["at_ms"] - ended_ms) <= CLOCKS_AGREE_MS
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("answered", "caller")


@pytest.mark.timeout(180)
async def test_killed_again_and_again_while_a_message_is_taken_in(centre: Centre, short_hold: None) -> None:
    async with centre.caller() as caller:
        async with _nobody_there(centre):
            call = await caller.dial("4001")
            await call.hears("the beep", _beep, 20)
            call.say(tone(620))
            spool = centre.var / "spool" / "voicemail"
            file = await until("the message is being written", lambda: next(spool.glob("*.wav"), None))
            await until("two seconds of it", lambda: file.stat().st_size > 4 * SECOND)
            await call.hang_up()
        for wait_s in (0.0, 0.3, 0.6):
            await asyncio.sleep(wait_s)
            os.kill(centre.worker_pid, signal.SIGKILL)
            await centre.is_ready()
        story = await centre.story(caller.number, 30)
        assert await recording_of(centre, story)
    assert await centre.db.fetchval("select count(*) from calls where caller = $1", caller.number) == 1
    assert await centre.db.fetchval("select count(*) from recordings where call = $1", story["call"]["id"]) == 1
    assert len(events(story, "call_ended")) == len(events(story, "voicemail_left")) == 1
    await until("the raw file is gone", lambda: not list(spool.glob("*.wav")), 30)
