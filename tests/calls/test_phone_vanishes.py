"""A phone that vanishes without a word is known to be dead within the time the docs say, and until then costs a caller seconds at most."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from tests.calls.books import events
from tests.parts.centre import Centre

_KNOWN_WITHIN_S = 14.0
"""qualify_frequency and qualify_timeout of asterisk-conf/pjsip.conf.j2, and a second."""
_GIVEN_UP_WITHIN_S = 5.5
"""A silent second, qualify_timeout, and a second and a half for a loaded machine."""


@pytest.fixture
async def patient_queue(centre: Centre) -> AsyncIterator[None]:
    """Phones of queue sales ring 20 s, as by default: the ringing's own end does not come first."""
    before = {name: value for name, value in (await centre.api("GET", "queues/sales")).items() if name != "agents"}
    await centre.api("PUT", "queues/sales", before | {"ring_timeout_s": 20})
    yield
    await centre.api("PUT", "queues/sales", before)


async def test_a_phone_that_vanished_is_known_to_be_dead_and_is_offered_no_call(centre: Centre) -> None:
    async with centre.ready_agent("1001") as vanished, centre.ready_agent("1002") as other, centre.caller() as caller:
        vanished.vanish()
        gone = time.monotonic()
        await centre.agent_is("1001", "unreachable", timeout_s=_KNOWN_WITHIN_S)
        print(f"known to be dead after {time.monotonic() - gone:.1f} s")
        assert "Unavail" in await centre.asterisk("pjsip show contacts")
        call = await caller.dial("4001")
        ringing = await other.rings()
        await ringing.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
    (offer,) = events(story, "offered")
    assert offer["agent"] == "1002" and offer["considered"]["1001"] == "unreachable"


async def test_a_call_for_a_phone_that_is_dead_but_not_known_to_be_goes_to_the_next_agent_soon(centre: Centre, patient_queue: None) -> None:
    async with centre.ready_agent("1003") as vanished, centre.ready_agent("1004") as other, centre.caller() as caller:
        vanished.vanish()
        dialled = time.monotonic()
        call = await caller.dial("4001")
        ringing = await other.rings(_GIVEN_UP_WITHIN_S)
        print(f"the next phone rings after {time.monotonic() - dialled:.1f} s")
        await centre.agent_is("1003", "unreachable", timeout_s=1)
        await ringing.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
    assert [(event["agent"], event["end"]) for event in events(story, "offer_ended")] == [("1003", "unreachable"), ("1004", "answered")]


async def test_a_phone_that_only_says_trying_is_not_taken_for_dead(centre: Centre, patient_queue: None) -> None:
    async with centre.ready_agent("1005") as slow, centre.caller() as caller:
        slow.slow_s = 6.0
        call = await caller.dial("4001")
        ringing = await slow.rings()
        await ringing.answer()
        await centre.phase_of(caller.number, "conversation")
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
    assert [event["end"] for event in events(story, "offer_ended")] == ["answered"]
