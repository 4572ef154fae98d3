"""What flows ask for beyond menus, in a centre that allows some lookups and some numbers outside."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.calls.books import events, pressed
from tests.calls.words import given_flow, heard_prompt
from tests.parts.centre import Centre, private_centre

SALES = {"type": "queue", "queue": "sales"}
SUPPORT = {"type": "queue", "queue": "support"}


@pytest.fixture(scope="module")
async def centre() -> AsyncIterator[Centre]:
    """A centre of this module's own: flows may look things up on this machine."""
    async with private_centre(LOOKUP_HOSTS=json.dumps(["127.0.0.0/8"])) as running:
        yield running


async def test_a_hash_out_of_habit_does_not_answer_the_next_question(centre: Centre) -> None:
    await given_flow(
        centre,
        "4100",
        ask={"type": "collect", "prompt": "enter-number", "variable": "order", "most": 4, "next": "choose", "otherwise": "sales"},
        choose={"type": "menu", "prompt": "main-menu", "options": {"1": "sales", "#": "support"}, "otherwise": "sales"},
        sales=SALES,
        support=SUPPORT,
    )
    async with centre.caller() as caller:
        call = await caller.dial("4100")
        await call.answered()
        await call.press("1234#")
        await call.press("1")
        await centre.phase_of(caller.number, "queue")
        await call.hang_up()
        story = await centre.story(caller.number)
    assert story["call"]["queue"] == "sales"
    assert [event["digits"] for event in events(story, "digits_pressed")] == ["1234", "1"]
    assert pressed(story) == "12341"


@pytest.mark.parametrize(("cause", "code"), [("normal", 16), ("busy", 17), ("congestion", 34)])
async def test_hanging_up_says_why(centre: Centre, cause: str, code: int) -> None:
    await given_flow(centre, "4101", end={"type": "hangup", "prompt": "goodbye", "cause": cause})
    async with centre.caller() as caller:
        call = await caller.dial("4101")
        await call.answered()
        await call.ended()
        story = await centre.story(caller.number)
    assert f"cause={code}" in call.reason
    assert (story["call"]["outcome"], story["call"]["ended_by"], story["call"]["cause"]) == ("self_service", "system", code)


async def test_a_flows_priority_goes_before_those_who_wait(centre: Centre) -> None:
    await given_flow(centre, "4102", q=SALES)
    await given_flow(centre, "4103", q=SALES | {"priority": 5})
    async with centre.caller() as first, centre.caller() as urgent:
        one = await first.dial("4102")
        await centre.phase_of(first.number, "queue")
        two = await urgent.dial("4103")
        await centre.phase_of(urgent.number, "queue")
        async with centre.ready_agent("1001") as agent:
            turn = await agent.rings()
            assert turn.invite and urgent.number in turn.invite["From"]
            await turn.answer()
            await centre.phase_of(urgent.number, "conversation")
            await two.hang_up()
            await one.hang_up()
        story = await centre.story(urgent.number)
    assert [event["priority"] for event in events(story, "queued")] == [5]


async def test_a_known_caller_is_spoken_to_in_the_own_language_and_a_vip_goes_first(centre: Centre) -> None:
    await given_flow(centre, "4102", q=SALES)
    async with centre.caller() as first, centre.caller() as vip:
        await centre.api("PUT", f"callers/+86{vip.number}", {"vip": True, "language": "en"})
        one = await first.dial("4102")
        await centre.phase_of(first.number, "queue")
        two = await vip.dial("4102")
        await centre.phase_of(vip.number, "queue")
        async with centre.ready_agent("1001") as agent:
            turn = await agent.rings()
            picked_up = time.monotonic()
            await turn.answer()
            await heard_prompt(centre, two, "en/agents/1001", since=picked_up)
            await centre.phase_of(vip.number, "conversation")
            await two.hang_up()
            await one.hang_up()
        story = await centre.story(vip.number)
        await centre.api("DELETE", f"callers/{vip.number}")
    assert [event["priority"] for event in events(story, "queued")] == [10]
    assert story["call"]["language"] == "en"


async def test_a_flows_own_priority_is_a_vips_too_and_the_blacklist_is_the_flows_to_ask(centre: Centre) -> None:
    asks = {"type": "condition", "ways": [{"blacklisted": True, "next": "out"}, {"vip": True, "next": "in"}], "otherwise": "out"}
    await given_flow(centre, "4105", ask=asks, **{"in": SALES | {"priority": 0}, "out": {"type": "hangup", "cause": "busy"}})
    async with centre.caller() as caller:
        await centre.api("PUT", f"callers/{caller.number}", {"vip": True})
        call = await caller.dial("4105")
        await centre.phase_of(caller.number, "queue")
        await call.hang_up()
        story = await centre.story(caller.number)
        assert [event.get("priority", 0) for event in events(story, "queued")] == [0]
    async with centre.caller() as caller:
        await centre.api("PUT", f"callers/{caller.number}", {"vip": True, "blacklisted": True})
        call = await caller.dial("4105")
        await call.answered()
        await call.ended()
        assert "cause=17" in call.reason
        elsewhere = await caller.dial("4001")
        await centre.phase_of(caller.number, "queue")
        await elsewhere.hang_up()


async def test_a_lookup_in_an_allowed_network_decides(centre: Centre) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.match_info["number"])
        return web.json_response({"tier": "gold"})

    app = web.Application()
    app.router.add_get("/customers/{number}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await given_flow(
            centre,
            "4104",
            ask={
                "type": "lookup", "url": f"http://localhost:{runner.addresses[0][1]}/customers/{{caller}}",
                "fields": {"tier": "tier"}, "next": "choose", "otherwise": "support",
            },
            choose={"type": "condition", "ways": [{"variable": "tier", "equals": ["gold"], "next": "sales"}], "otherwise": "support"},
            sales=SALES,
            support=SUPPORT,
        )  # fmt: skip
        async with centre.caller() as caller:
            call = await caller.dial("4104")
            now = await centre.phase_of(caller.number, "queue")
            await call.hang_up()
    finally:
        await runner.cleanup()
    assert (now["queue"], asked) == ("sales", [caller.number])
