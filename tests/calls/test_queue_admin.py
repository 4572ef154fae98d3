"""Queues are changed while callers wait, ring and talk; a waiting caller is explained and moved forward."""

from __future__ import annotations

from tests.calls.books import events
from tests.parts.centre import Centre


async def test_a_changed_queue_disturbs_nobodys_call(centre: Centre) -> None:
    before = await centre.api("GET", "queues/sales")
    async with centre.ready_agent("1001") as agent, centre.caller() as talker, centre.caller() as caller:
        talk = await centre.given_talking(talker, agent)
        async with centre.ready_agent("1002") as second:
            call = await caller.dial("4001")
            ringing = await second.rings()
            changed = {name: value for name, value in before.items() if name != "agents"} | {"strategy": "round_robin", "head_start_s": 30}
            await centre.api("PUT", "queues/sales", changed)
            await centre.api("DELETE", "queues/sales/agents/1002")
            await ringing.answer()
            await centre.phase_of(caller.number, "conversation")
            assert not talk.caller.is_over and not talk.agent.is_over
            await call.hang_up()
            await ringing.ended()
        await centre.api("PUT", "queues/sales/agents/1002", {})
        await talk.caller.hang_up()
        await talk.agent.ended()
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["agent"]) == ("answered", "1002")
    await centre.api("PUT", "queues/sales", {name: value for name, value in before.items() if name != "agents"})


async def test_a_waiting_caller_is_explained_and_moved_forward_for_good(centre: Centre) -> None:
    async with centre.caller() as first, centre.caller() as second:
        calls = [await first.dial("4001")]
        await centre.phase_of(first.number, "queue")
        calls += [await second.dial("4001")]
        live = await centre.phase_of(second.number, "queue")
        told = await centre.api("GET", f"calls/{live['id']}/explanation")
        assert (told["position"], told["priority"]) == (2, 0)
        assert {found["agent"]: found["verdict"] for found in told["agents"]}["1001"] == "offline"
        await centre.api("PUT", f"calls/{live['id']}/priority", {"priority": 5})
        assert (await centre.api("GET", f"calls/{live['id']}/explanation"))["position"] == 1
        await centre.worker_killed()
        await centre.phase_of(second.number, "queue")
        told = await centre.api("GET", f"calls/{live['id']}/explanation")
        assert (told["position"], told["priority"], told["head_start_ms"]) == (1, 5, 300_000)
        async with centre.ready_agent("1003") as agent:
            ringing = await agent.rings()
            await ringing.answer()
            await centre.phase_of(second.number, "conversation")
            for call in calls:
                await call.hang_up()
            await ringing.ended()
        story = await centre.story(second.number)
        await centre.story(first.number)
    assert events(story, "prioritised")[0]["priority"] == 5
    (offered,) = events(story, "offered")
    assert offered["considered"]["1003"] == "chosen" and "head start 300.0 s" in offered["because"]
