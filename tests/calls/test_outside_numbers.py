"""A flow sends the caller on to a number outside; a scripted phone stands for the provider and all its numbers."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.calls.books import events, phases
from tests.calls.words import given_flow, heard_prompt, recording_of
from tests.parts.centre import Centre, private_centre
from tests.parts.hearing import hears_tone
from tests.parts.phone_call import PhoneCall
from tests.parts.rtp import tone
from tests.parts.softphone import Phone
from tests.parts.waiting import until

ABROAD = "+14155550100"
COLLECT: dict[str, Any] = {"type": "collect", "prompt": "enter-number", "variable": "wanted", "most": 11, "next": "out", "otherwise": "end"}


@pytest.fixture(scope="module")
async def centre() -> AsyncIterator[Centre]:
    """A centre whose flows may build numbers that begin with 138."""
    async with private_centre(OUTSIDE_ALLOWED=json.dumps(["138"])) as running:
        yield running


@contextlib.asynccontextmanager
async def provider(centre: Centre, trunk: str = "mobile") -> AsyncIterator[Phone]:
    """Whoever takes calls to anywhere, as a trunk of this name; taken up by the centre as it runs."""
    async with Phone("provider", server=centre.trunk) as phone:
        add = "insert into trunks (name, outbound_host) values ($1, $2) on conflict (name) do update set outbound_host = $2"
        await centre.db.execute(add, trunk, f"127.0.0.1:{phone.port}")
        await given_flow(centre, "4110", out={"type": "number", "number": ABROAD})

        async def known() -> bool:
            return f"127.0.0.1:{phone.port}" in await centre.asterisk(f"pjsip show aor out-{trunk}")

        await until("the trunk in Asterisk", known)
        try:
            yield phone
        finally:
            await centre.db.execute("delete from trunks where name = $1", trunk)


async def talking(centre: Centre, caller: Phone, call: PhoneCall, there: PhoneCall) -> None:
    """The two hear each other."""
    await centre.phase_of(caller.number, "conversation")
    since = time.monotonic()
    call.say(tone(440))
    there.say(tone(880))
    await there.hears("the caller", lambda heard: hears_tone(heard, 440), since=since)
    await call.hears("the number outside", lambda heard: hears_tone(heard, 880), since=since)


async def test_the_two_talk_recorded_until_one_hangs_up(centre: Centre) -> None:
    async with provider(centre) as out, centre.caller() as caller:
        call = await caller.dial("4110")
        there = await out.rings()
        assert there.invite and f"INVITE sip:{ABROAD}@" in there.invite.start
        assert "4110" in there.invite["From"] and caller.number not in there.invite["From"]
        await centre.phase_of(caller.number, "outside")
        await there.answer()
        await talking(centre, caller, call, there)
        await there.hang_up()
        await call.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("answered", "outside")
    assert phases(story) == ["greeting", "menu", "outside", "conversation"]
    (leg,) = [leg for leg in story["legs"] if leg["role"] == "outside"]
    assert leg["party"] == ABROAD and leg["answered_at"] and leg["ended_by"] == "outside"
    assert [segment["kind"] for segment in story["segments"] if segment["kind"] != "other"] == ["ivr", "ringing", "talking"]
    assert (await recording_of(centre, story))[:4] == b"OggS"


@pytest.mark.parametrize(
    ("status", "sound", "cause"), [(486, "number-busy", 17), (404, "number-unreachable", 1), (480, "number-unreachable", 19)]
)
async def test_who_is_not_reached_is_told(centre: Centre, status: int, sound: str, cause: int) -> None:
    async with provider(centre) as out, centre.caller() as caller:
        call = await caller.dial("4110")
        there = await out.rings()
        refused = time.monotonic()
        await there.decline(status, "No")
        await heard_prompt(centre, call, f"zh/{sound}", since=refused)
        await call.ended()
        story = await centre.story(caller.number)
    (leg,) = [leg for leg in story["legs"] if leg["role"] == "outside"]
    assert (story["call"]["outcome"], story["call"]["talk_ms"], leg["cause"]) == ("no_answer", 0, cause)
    assert not events(story, "recording_started")


async def test_the_caller_gives_up_while_it_rings(centre: Centre) -> None:
    async with provider(centre) as out, centre.caller() as caller:
        call = await caller.dial("4110")
        there = await out.rings()
        await centre.phase_of(caller.number, "outside")
        await call.hang_up()
        assert await there.ended() == 487
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("no_answer", "caller")


async def test_the_next_trunk_takes_the_call_that_the_first_can_not(centre: Centre) -> None:
    async with provider(centre, "full") as full, provider(centre, "spare") as spare, centre.caller() as caller:
        call = await caller.dial("4110")
        await (await full.rings()).decline(503, "Service Unavailable")
        there = await spare.rings()
        await there.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await there.ended()
        story = await centre.story(caller.number)
    assert [bool(leg["answered_at"]) for leg in story["legs"] if leg["role"] == "outside"] == [False, True]


async def test_without_a_trunk_nothing_can_be_reached(centre: Centre) -> None:
    await given_flow(centre, "4110", out={"type": "number", "number": ABROAD})
    async with centre.caller() as caller:
        call = await caller.dial("4110")
        await heard_prompt(centre, call, "zh/number-unreachable")
        await call.ended()


@pytest.mark.parametrize(
    ("pressed", "rings"), [("13800138000", True), ("13900139000", False), ("13", False)], ids=["allowed", "not allowed", "no number"]
)
async def test_a_number_built_from_digits_is_called_only_where_allowed(centre: Centre, pressed: str, rings: bool) -> None:
    async with provider(centre) as out, centre.caller() as caller:
        await given_flow(centre, "4111", ask=COLLECT, out={"type": "number", "number": "{wanted}"}, end={"type": "hangup"})
        call = await caller.dial("4111")
        await call.answered()
        await call.press(f"{pressed}#")
        if rings:
            there = await out.rings()
            assert there.invite and f"INVITE sip:{pressed}@" in there.invite.start
            await call.hang_up()
            await there.ended()
        else:
            await heard_prompt(centre, call, "zh/number-unreachable")
            await call.ended()
            assert not out.calls


async def test_a_number_of_our_own_is_not_called_outside(centre: Centre) -> None:
    async with provider(centre) as out, centre.caller() as caller:
        await given_flow(centre, "4112", out={"type": "number", "number": "4001"})
        call = await caller.dial("4112")
        await heard_prompt(centre, call, "zh/number-unreachable")
        await call.ended()
        assert not out.calls


async def test_a_stranger_is_not_taken_for_the_trunk(centre: Centre) -> None:
    async with provider(centre), Phone("out-mobile", server=centre.sip) as stranger:
        call = await stranger.dial("4001")
        assert await call.ended() in (401, 403)


async def test_the_worker_is_killed_while_it_rings(centre: Centre) -> None:
    async with provider(centre) as out, centre.caller() as caller:
        call = await caller.dial("4110")
        first = await out.rings()
        await centre.phase_of(caller.number, "outside")
        await centre.worker_killed()
        await first.ended()
        there = await out.rings(15)
        await there.answer()
        await talking(centre, caller, call, there)
        await call.hang_up()
        await there.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("answered", "caller")
    assert [bool(leg["answered_at"]) for leg in story["legs"] if leg["role"] == "outside"] == [False, True]


async def test_it_is_answered_while_no_worker_is_there(centre: Centre) -> None:
    async with provider(centre) as out, centre.caller() as caller:
        call = await caller.dial("4110")
        there = await out.rings()
        await centre.phase_of(caller.number, "outside")
        async with centre.worker_stopped():
            await there.answer()
        await talking(centre, caller, call, there)
        assert len(out.calls) == 1
        await there.hang_up()
        await call.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("answered", "outside")
    assert [bool(leg["answered_at"]) for leg in story["legs"] if leg["role"] == "outside"] == [True]


async def test_the_worker_is_killed_while_they_talk(centre: Centre) -> None:
    async with provider(centre) as out, centre.caller() as caller:
        call = await caller.dial("4110")
        there = await out.rings()
        await there.answer()
        await talking(centre, caller, call, there)
        await centre.worker_killed()
        await talking(centre, caller, call, there)
        await there.hang_up()
        await call.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["ended_by"]) == ("answered", "outside")


async def test_somebody_outside_is_asked_into_a_conference_and_an_answering_machine_is_not(centre: Centre) -> None:
    await centre.api("PUT", "conferences/daily", {"number": "4020", "language": "en"})
    query = "select outcome from calls where id = $1 and ended_at is not null"
    async with provider(centre) as out, centre.caller() as caller:
        call = await caller.dial("4020")
        await call.answered()
        for presses in (True, False):
            asked = await centre.api("POST", "conferences/daily/invite", {"to": ABROAD})
            there = await out.rings()
            assert there.invite and f"INVITE sip:{ABROAD}@" in there.invite.start and "4020" in there.invite["From"]
            await there.answer()
            await heard_prompt(centre, there, "en/conference/invited")
            if presses:
                await there.press("1")
                call.say(tone(440))
                await there.hears("the one who is there", lambda heard: hears_tone(heard[-4000:], 440))
                await there.hang_up()
            await there.ended(20)
            outcome = await until("the invitation in the books", lambda ask=asked: centre.db.fetchval(query, ask["call"]), 15)
            assert outcome == ("answered" if presses else "no_answer")
        await call.hang_up()
        await call.ended()
