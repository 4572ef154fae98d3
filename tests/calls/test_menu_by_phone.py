"""What the caller presses in the menu, and what comes of it."""

from __future__ import annotations

import time

import pytest

from tests.calls.books import events, pressed
from tests.calls.words import heard_prompt
from tests.parts.centre import Centre


@pytest.mark.parametrize(("key", "queue"), [("1", "sales"), ("2", "support")])
async def test_a_key_leads_to_its_queue_even_before_the_prompt_is_over(centre: Centre, key: str, queue: str) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4000")
        await call.answered()
        await centre.phase_of(caller.number, "menu")
        await call.press(key)
        now = await centre.phase_of(caller.number, "queue")
        await call.hang_up()
        story = await centre.story(caller.number)
    assert (now["queue"], story["call"]["queue"], pressed(story)) == (queue, queue, key)


async def test_a_wrong_key_is_told_and_asked_again(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4000")
        await heard_prompt(centre, call, "zh/welcome")
        wrong = time.monotonic()
        await call.press("7")
        await heard_prompt(centre, call, "zh/invalid-choice", since=wrong)
        await call.press("1")
        await centre.phase_of(caller.number, "queue")
        await call.hang_up()
        story = await centre.story(caller.number)
    assert [(event["digits"], event["valid"]) for event in events(story, "digits_pressed")] == [("7", False), ("1", True)]


async def test_the_menu_is_repeated(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4000")
        await heard_prompt(centre, call, "zh/welcome")
        again = time.monotonic()
        await call.press("#")
        await heard_prompt(centre, call, "zh/main-menu", since=again)
        await call.hang_up()


async def test_the_other_language(centre: Centre) -> None:
    async with centre.ready_agent("1001") as agent, centre.caller() as caller:
        call = await caller.dial("4000")
        await heard_prompt(centre, call, "zh/welcome")
        changed = time.monotonic()
        await call.press("9")
        await heard_prompt(centre, call, "en/main-menu", since=changed, timeout_s=25)
        await call.press("2")
        turn = await agent.rings()
        picked_up = time.monotonic()
        await turn.answer()
        await heard_prompt(centre, call, "en/agents/1001", since=picked_up)
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await turn.ended()
        story = await centre.story(caller.number)
    assert story["call"]["language"] == "en"


async def test_keys_as_sip_info_count_too_or_do_no_harm(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4000")
        await heard_prompt(centre, call, "zh/welcome")
        await call.press_by_info("1")
        assert not call.is_over
        await call.hang_up()


async def test_who_never_presses_anything_reaches_the_operator(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4000")
        await call.answered()
        await centre.phase_of(caller.number, "queue", 90)
        await call.hang_up()
        story = await centre.story(caller.number)
    assert story["call"]["queue"] == "support"
    assert [event["digits"] for event in events(story, "digits_pressed")] == ["", "", ""]


async def test_a_flood_of_keys(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4000")
        await call.answered()
        await call.press("*" * 40 + "7" * 20)
        await call.hang_up()
        story = await centre.story(caller.number)
    assert story["call"]["outcome"] in ("abandoned_ivr", "abandoned_queue")
