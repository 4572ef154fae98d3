"""Agents who sign on elsewhere: at another phone, at a telephone outside; whose calls ring there, and whose calls are made from there."""

from __future__ import annotations

import pytest

from tests.calls.books import events
from tests.calls.test_outside_numbers import provider
from tests.calls.words import heard_prompt
from tests.parts.centre import Centre, Refused
from tests.parts.hearing import hears_tone
from tests.parts.rtp import tone
from tests.parts.waiting import until

_MOBILE = "13912345678"


async def _signs_on(centre: Centre, number: str, phone: str) -> None:
    await centre.api("PUT", f"agents/{number}/state", {"state": "ready", "phone": phone})
    await centre.agent_is(number, "ready")


async def test_at_another_phone_calls_ring_there_even_after_the_worker_died(centre: Centre) -> None:
    async with centre.agent("1005") as own, centre.agent("1006") as desk, centre.caller() as caller:
        await _signs_on(centre, "1005", "1006")
        for kills in (False, True):
            if kills:
                await centre.worker_killed()
                await centre.agent_is("1005", "ready")
            call = await caller.dial("4001")
            ringing = await desk.rings()
            await ringing.answer()
            await centre.phase_of(caller.number, "conversation")
            await centre.agent_is("1005", "talking")
            await call.hang_up()
            await ringing.ended()
            await centre.agent_is("1005", "ready")
        assert "INVITE" not in own.story()
        asked = await desk.dial("1007")
        await until("a call of agent 1005's", lambda: centre.live_call("1005"))
        await asked.hang_up()
        for number, body in (("1006", {"state": "ready"}), ("1008", {"state": "ready", "phone": "1006"})):
            with pytest.raises(Refused) as refused:
                await centre.api("PUT", f"agents/{number}/state", body)
            assert refused.value.status == 409 and "1005" in str(refused.value.problem)
        await centre.set_state("1005", "offline")
        await centre.set_state("1006", "ready")
        await centre.agent_is("1006", "ready")
    query = "select count(*) from calls where caller = '1005' and dialled = '1007' and ended_at is not null"
    await until("the call in the books", lambda: centre.db.fetchval(query))


async def test_outside_a_call_is_theirs_once_they_press_1(centre: Centre) -> None:
    async with provider(centre) as out, centre.caller() as caller:
        await _signs_on(centre, "1004", f"outside:{_MOBILE}")
        call = await caller.dial("4001")
        machine = await out.rings()
        assert machine.invite and f"sip:{_MOBILE}@" in machine.invite.start and caller.number not in machine.invite["From"]
        await machine.answer()
        await heard_prompt(centre, machine, "zh/agent-confirm")
        await machine.ended(20)
        person = await out.rings(20)
        await person.answer()
        await heard_prompt(centre, person, "zh/agent-confirm")
        await person.press("1")
        await centre.phase_of(caller.number, "conversation")
        call.say(tone(440))
        person.say(tone(880))
        await person.hears("the caller", lambda heard: hears_tone(heard[-4000:], 440))
        await call.hears("the agent", lambda heard: hears_tone(heard[-4000:], 880))
        await centre.agent_is("1004", "talking")
        await person.hang_up()
        await call.ended()
        story = await centre.story(caller.number)
        await centre.set_state("1004", "offline")
    assert [event["end"] for event in events(story, "offer_ended")] == ["timed_out", "answered"]
    assert (story["call"]["agent"], story["call"]["ended_by"]) == ("1004", "agent")


async def test_where_nobody_can_be_is_refused(centre: Centre) -> None:
    async with provider(centre):
        await _refusals(centre)


async def _refusals(centre: Centre) -> None:
    for phone, status, word in (("9999", 400, "9999"), ("outside:0044123456789", 400, "outside_allowed"), ("here", 400, "phone")):
        with pytest.raises(Refused) as refused:
            await centre.api("PUT", "agents/1004/state", {"state": "ready", "phone": phone})
        assert refused.value.status == status and word in str(refused.value.problem)
    await until("still offline", lambda: _is_offline(centre))


async def _is_offline(centre: Centre) -> bool:
    return bool((await centre.agent_now("1004"))["state"] == "offline")
