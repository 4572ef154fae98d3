"""An agent with nothing but a desk phone: ready, pause, sign off by dialling; and calling a colleague."""

from __future__ import annotations

import time

from tests.calls.words import heard_prompt
from tests.parts.centre import Centre
from tests.parts.softphone import Phone


async def test_ready_pause_and_off_by_phone(centre: Centre) -> None:
    async with centre.agent("1001") as agent:
        for code, state, confirmation in (
            ("*40", "ready", "zh/agent-ready"),
            ("*41", "paused", "zh/agent-paused"),
            ("*42", "offline", "zh/agent-offline"),
        ):
            call = await agent.dial(code)
            await call.answered()
            await heard_prompt(centre, call, confirmation)
            await call.ended()
            await centre.agent_is("1001", state)


async def test_one_agent_calls_another(centre: Centre) -> None:
    async with centre.ready_agent("1002") as one, centre.ready_agent("1003") as other:
        call = await one.dial("1003")
        ringing = await other.rings()
        await ringing.answer()
        await call.answered()
        await centre.agent_is("1003", "talking")
        await call.hang_up()
        await ringing.ended()
        story = await centre.story("1002")
    assert (story["call"]["direction"], story["call"]["agent"]) == ("internal", "1003")


async def _dials(centre: Centre, phone: Phone, code: str, *said: str) -> None:
    """Dial a code and hear these prompts."""
    call = await phone.dial(code)
    await call.answered()
    for name in said:
        await heard_prompt(centre, call, f"zh/{name}")
    await call.ended(20)


async def test_reasons_state_and_wrong_codes(centre: Centre) -> None:
    async with centre.agent("1004") as agent:
        await _dials(centre, agent, "*40", "agent-ready")
        await _dials(centre, agent, "*412", "agent-paused", "agent/reason")
        now = await centre.agent_is("1004", "paused")
        assert now["reason"] == "lunch"
        await _dials(centre, agent, "*46", "agent/state-paused", "agent/since")
        await _dials(centre, agent, "*419", "agent/no-such-reason")
        await _dials(centre, agent, "*45", "agent/no-wrap-up")
        await _dials(centre, agent, "*98765", "invalid-choice")
        assert (await centre.agent_is("1004", "paused"))["reason"] == "lunch"
        await _dials(centre, agent, "*42", "agent-offline")


async def test_more_time_for_the_wrap_up_and_then_ready_by_phone(centre: Centre) -> None:
    await centre.api("PUT", "queues/wrap", {"title": "Wrap", "wrap_up_s": 30, "wrap_up_extra_s": 60, "announce_agent": False})
    await centre.api("PUT", "queues/wrap/agents/1005", {})
    await centre.api("PUT", "numbers/4081", {"kind": "queue", "target": "wrap"})
    async with centre.ready_agent("1005") as agent, centre.caller() as caller:
        call = await caller.dial("4081")
        turn = await agent.rings()
        await turn.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await turn.ended()
        before = (await centre.agent_is("1005", "wrapup"))["until_ms"]
        await _dials(centre, agent, "*45", "agent/more-time")
        after = (await centre.agent_is("1005", "wrapup"))["until_ms"]
        assert 55_000 < after - before < 65_000
        await _dials(centre, agent, "*40", "agent-ready")
        await centre.agent_is("1005", "ready")
    await centre.api("DELETE", "numbers/4081")
    await centre.api("DELETE", "queues/wrap")


async def test_sign_on_at_anothers_phone_with_a_pin(centre: Centre) -> None:
    pin = await centre.db.fetchval("select pin from agents where number = '1006'")
    async with centre.agent("1007") as desk, centre.caller() as caller:
        call = await desk.dial("*44")
        await call.answered()
        for typed, said in (("0000", "agent/wrong-pin"), (pin, "agent/signed-on")):
            since = time.monotonic()
            await heard_prompt(centre, call, "zh/agent/enter-number", since=since - 1)
            await call.press("1006#")
            await heard_prompt(centre, call, "zh/agent/enter-pin", since=since)
            await call.press(f"{typed}#")
            await heard_prompt(centre, call, f"zh/{said}", since=since)
        await call.ended(20)
        await centre.agent_is("1006", "ready")
        waiting = await caller.dial("4001")
        turn = await desk.rings()
        await turn.answer()
        await centre.phase_of(caller.number, "conversation")
        await centre.agent_is("1006", "talking")
        await waiting.hang_up()
        await turn.ended()
        await _dials(centre, desk, "*42", "agent-offline")
        await centre.agent_is("1006", "offline")
        assert await centre.db.fetchval("select desk from agents where number = '1006'") == ""
        assert pin not in str(await centre.story("1007")) + centre.log_tail(200)
