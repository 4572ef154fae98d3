"""An agent with nothing but a desk phone: ready, pause, sign off by dialling; and calling a colleague."""

from __future__ import annotations

from tests.calls.words import heard_prompt
from tests.parts.centre import Centre


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
