"""What supervisors do to calls, and what becomes of them meanwhile: taken over, hung up, moved; a worker that dies."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.calls.books import events
from tests.parts.centre import Centre, Refused
from tests.parts.waiting import until
from tests.supervision.hearing import AGENT, CUSTOMER, SUPERVISOR, do, hears_just, joins, never_heard, talking


async def _snoops(centre: Centre) -> list[str]:
    return [name for name in await centre.channels() if name.startswith("Snoop/")]


async def test_the_supervisor_takes_the_call_over(centre: Centre) -> None:
    async with talking(centre) as (caller, _, talk, call), centre.agent("1009") as phone:
        watching = await joins(centre, call, "listen", phone)
        await hears_just(watching, CUSTOMER, AGENT)
        await do(centre, call, "take-over", phone="1009")
        await talk.agent.ended()
        await hears_just(talk.caller, SUPERVISOR)
        await hears_just(watching, CUSTOMER)
        await centre.agent_is("1001", "wrapup", "ready")
        now = await centre.live_call(caller.number)
        assert now and (now["agent"], now["supervisors"]) == ("1009", [])
        assert not await _snoops(centre)
        await watching.hang_up()
        await talk.caller.ended()
        story = await centre.story(caller.number)
    (taken,) = events(story, "taken_over")
    assert (taken["agent"], taken["before"]) == ("1009", "1001")
    assert story["call"]["ended_by"] == "agent"
    assert [segment["agent"] for segment in story["segments"] if segment["kind"] == "talking"] == ["1001", "1009"]


async def test_taken_over_at_once_with_the_customer_on_hold(centre: Centre) -> None:
    async with talking(centre) as (caller, _, talk, call), centre.agent("1009") as phone:
        await do(centre, call, "hold")
        taking = await joins(centre, call, "take-over", phone)
        await talk.agent.ended()
        await hears_just(talk.caller, SUPERVISOR)
        await hears_just(taking, CUSTOMER)
        await talk.caller.hang_up()
        await taking.ended()
        story = await centre.story(caller.number)
    assert story["call"]["ended_by"] == "caller" and story["call"]["hold_ms"] > 0


async def test_the_worker_dies_and_the_supervisor_whispers_on(centre: Centre) -> None:
    async with talking(centre) as (caller, _, talk, call), centre.agent("1009") as phone:
        began = time.monotonic()
        watching = await joins(centre, call, "whisper", phone)
        await hears_just(talk.agent, CUSTOMER, SUPERVISOR)
        async with centre.worker_stopped():
            await hears_just(talk.caller, AGENT)
            await hears_just(talk.agent, CUSTOMER, SUPERVISOR)
        await until("one snoop", lambda: _one_snoop(centre))
        await hears_just(talk.agent, CUSTOMER, SUPERVISOR)
        await hears_just(watching, CUSTOMER, AGENT)
        await do(centre, call, "listen", phone="1009")
        await hears_just(talk.agent, CUSTOMER)
        await never_heard(talk.caller, SUPERVISOR, began)
        await talk.caller.hang_up()
        await watching.ended()
        story = await centre.story(caller.number)
    assert [event["why"] for event in events(story, "supervisor_left")] == ["call_ended"]


async def _one_snoop(centre: Centre) -> bool:
    return len(await _snoops(centre)) == 1


async def test_the_worker_dies_while_the_supervisors_phone_rings(centre: Centre) -> None:
    async with talking(centre) as (_, _, talk, call), centre.agent("1009") as phone:
        await do(centre, call, "listen", phone="1009")
        ringing = await phone.rings()
        await centre.worker_killed()
        await ringing.ended()
        await hears_just(talk.agent, CUSTOMER)
        watching = await joins(centre, call, "listen", phone)
        await hears_just(watching, CUSTOMER, AGENT)
        await talk.agent.hang_up()


async def test_the_supervisor_leaves_while_the_worker_is_away(centre: Centre) -> None:
    async with talking(centre) as (caller, _, talk, call), centre.agent("1009") as phone:
        watching = await joins(centre, call, "barge", phone)
        await hears_just(talk.caller, AGENT, SUPERVISOR)
        async with centre.worker_stopped():
            await watching.hang_up()
        await hears_just(talk.caller, AGENT)
        await until("no snoop", lambda: _no_snoop(centre))
        await talk.caller.hang_up()
        story = await centre.story(caller.number)
    assert [event["why"] for event in events(story, "supervisor_left")] == ["left"]


async def _no_snoop(centre: Centre) -> bool:
    return not await _snoops(centre)


async def test_barging_as_the_customer_hangs_up(centre: Centre) -> None:
    for _ in range(4):
        async with talking(centre) as (caller, _, talk, call), centre.agent("1009") as phone:
            watching = await joins(centre, call, "listen", phone)
            await hears_just(watching, CUSTOMER, AGENT, for_s=0.2)
            asked = asyncio.gather(do(centre, call, "barge", phone="1009"), talk.caller.hang_up(), return_exceptions=True)
            done, _none = await asked
            assert not isinstance(done, BaseException) or (isinstance(done, Refused) and done.status in (404, 409)), done
            await watching.ended()
            story = await centre.story(caller.number)
        assert story["call"]["outcome"] == "answered"


async def test_a_phone_that_is_busy_is_refused(centre: Centre) -> None:
    async with talking(centre) as (_, _, talk, call), centre.agent("1009") as phone:
        for busy in ("1001", "9999"):
            with pytest.raises(Refused) as refused:
                await do(centre, call, "listen", phone=busy)
            assert refused.value.status == (409 if busy == "1001" else 400)
        async with centre.caller() as other_caller, centre.ready_agent("1002") as other_agent:
            other = await centre.given_talking(other_caller, other_agent)
            with pytest.raises(Refused) as refused:
                await do(centre, call, "listen", phone="1002")
            assert refused.value.status == 409 and "another call" in refused.value.problem
            await other.caller.hang_up()
        await phone.stays_quiet(0.1)
        await talk.caller.hang_up()


async def test_a_waiting_caller_is_moved_and_keeps_the_time(centre: Centre) -> None:
    async with centre.caller() as first, centre.caller() as moved:
        one = await first.dial("4001")
        await centre.phase_of(first.number, "queue")
        two = await moved.dial("4002")
        now = await centre.phase_of(moved.number, "queue")
        with pytest.raises(Refused) as refused:
            await do(centre, now["id"], "move", queue="nowhere")
        assert refused.value.status == 400
        await do(centre, now["id"], "move", queue="sales")

        async def is_moved() -> bool:
            call = await centre.live_call(moved.number)
            return bool(call and call["queue"] == "sales")

        await until("moved", is_moved)
        explained = await centre.api("GET", f"calls/{now['id']}/explanation")
        assert explained["queue"] == "sales" and explained["since_ms"] <= now["since_ms"] + 50
        await one.hang_up()
        async with centre.ready_agent("1003") as agent:
            turn = await agent.rings()
            await turn.answer()
            await centre.phase_of(moved.number, "conversation")
            with pytest.raises(Refused) as refused:
                await do(centre, now["id"], "move", queue="support")
            assert refused.value.status == 409
            await two.hang_up()
        story = await centre.story(moved.number)
    assert [event["queue"] for event in events(story, "queued")] == ["support", "sales"]
    assert [event["why"] for event in events(story, "left_queue")] == ["overflow", "answered"]


async def test_a_waiting_caller_and_one_who_talks_are_hung_up(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4001")
        now = await centre.phase_of(caller.number, "queue")
        await do(centre, now["id"], "hangup")
        await call.ended()
        story = await centre.story(caller.number)
        assert story["call"]["outcome"] != "answered"
    async with talking(centre) as (caller, _, talk, call_id):
        await do(centre, call_id, "hangup")
        await talk.caller.ended()
        await talk.agent.ended()
        story = await centre.story(caller.number)
        assert story["call"]["ended_by"] == "supervisor"
    audit = await centre.db.fetch("select who, what from audit where subject = any($1)", [now["id"], call_id])
    assert {tuple(row) for row in audit} == {("token:demo", "calls.hangup")}


async def test_an_agent_is_paused_and_signed_off_from_outside(centre: Centre) -> None:
    async with centre.ready_agent("1004"):
        await centre.set_state("1004", "paused", "lunch")
        await centre.agent_is("1004", "paused")
        await centre.set_state("1004", "ready")
        await centre.agent_is("1004", "ready")
        await centre.set_state("1004", "offline")
        await centre.agent_is("1004", "offline")
    rows = await centre.db.fetch("select who from audit where subject = 'agent:1004' and what = 'agents.state'")
    assert len(rows) >= 3
