"""The agent is busy, declines, does not answer or can't be reached: the caller keeps the place and gets somebody else."""

from __future__ import annotations

import asyncio

import pytest

from tests.calls.books import events
from tests.parts.centre import Centre
from tests.parts.phone_call import PhoneCall
from tests.parts.softphone import Phone


async def _answer(phone: Phone) -> PhoneCall:
    """Pick up at once, however long the console takes to say that the agent is ready: the phone rings for three seconds only."""
    turn = await phone.rings(15)
    await turn.answer()
    return turn


async def _served_by_somebody_else(centre: Centre, caller: Phone, call: PhoneCall) -> dict[str, object]:
    async with centre.agent("1010") as rescue, asyncio.TaskGroup() as group:
        answering = group.create_task(_answer(rescue))
        await centre.set_state("1010", "ready")
        turn = await answering
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await turn.ended()
        await centre.set_state("1010", "offline")
    story = await centre.story(caller.number)
    assert (story["call"]["agent"], story["call"]["outcome"]) == ("1010", "answered")
    return story


@pytest.mark.parametrize(
    ("number", "status", "end"), [("1001", 486, "busy"), ("1002", 603, "declined"), ("1003", 480, "timed_out"), ("1004", 500, "failed")]
)
async def test_refused(centre: Centre, number: str, status: int, end: str) -> None:
    async with centre.ready_agent(number) as agent, centre.caller() as caller:
        call = await caller.dial("4001")
        ringing = await agent.rings()
        await ringing.decline(status, "No")
        story = await _served_by_somebody_else(centre, caller, call)
    ends = [event["end"] for event in events(story, "offer_ended")]
    assert ends[-1] == "answered"
    assert ends[0] in (end, "declined", "failed", "unreachable") and ends[0] != "answered"
    if end in ("busy", "declined"):
        assert ends[0] == end


async def test_nobody_picks_up(centre: Centre) -> None:
    async with centre.ready_agent("1005") as agent, centre.caller() as caller:
        call = await caller.dial("4001")
        ringing = await agent.rings()
        assert await ringing.ended(6) == 487
        rang_s = (ringing.ended_ms - ringing.began_ms) / 1000
        assert 2.5 < rang_s < 4
        story = await _served_by_somebody_else(centre, caller, call)
    assert [event["end"] for event in events(story, "offer_ended")] == ["timed_out", "answered"]
    assert events(story, "offered")[0]["agent"] == "1005"


async def test_a_phone_that_went_dead_without_a_word(centre: Centre) -> None:
    async with centre.ready_agent("1006") as agent, centre.caller() as caller:
        agent.deaf = True
        call = await caller.dial("4001")
        await centre.agent_is("1006", "ringing")
        story = await _served_by_somebody_else(centre, caller, call)
        agent.deaf = False
    assert [event["end"] for event in events(story, "offer_ended")][-1] == "answered"


async def test_ready_but_not_registered(centre: Centre) -> None:
    await centre.set_state("1007", "ready")
    await centre.agent_is("1007", "unreachable")
    async with centre.caller() as caller:
        call = await caller.dial("4001")
        await centre.phase_of(caller.number, "queue")
        async with centre.agent("1007") as agent:
            turn = await agent.rings()
            await turn.answer()
            await centre.phase_of(caller.number, "conversation")
            await call.hang_up()
            await turn.ended()
        await centre.agent_is("1007", "unreachable", timeout_s=15)
        story = await centre.story(caller.number)
    assert story["call"]["agent"] == "1007"


async def test_a_resting_agent_is_not_rung_at_once_again(centre: Centre) -> None:
    async with centre.ready_agent("1008") as agent, centre.caller() as caller:
        call = await caller.dial("4001")
        await (await agent.rings()).decline(603)
        await agent.stays_quiet(2.0)
        turn = await agent.rings(6)
        await turn.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await turn.ended()


async def test_paused_agents_are_left_in_peace(centre: Centre) -> None:
    async with centre.ready_agent("1009") as agent, centre.caller() as caller:
        await centre.set_state("1009", "paused", "lunch")
        call = await caller.dial("4001")
        await centre.phase_of(caller.number, "queue")
        await agent.stays_quiet(1.0)
        await centre.set_state("1009", "ready")
        turn = await agent.rings(2)
        await turn.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await turn.ended()
