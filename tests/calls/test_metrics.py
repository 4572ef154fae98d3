"""One real call, and what /metrics tells of it."""

from __future__ import annotations

import re

import aiohttp

from tests.calls.words import recording_of
from tests.parts.centre import Centre
from tests.parts.hearing import hears_tone
from tests.parts.rtp import RATE, tone
from tests.parts.waiting import until


async def _figures(centre: Centre) -> dict[str, float]:
    """Every sample of /metrics by its name and labels."""
    async with aiohttp.ClientSession() as http, http.get(f"{centre.url}/metrics") as answer:
        text = await answer.text()
    return {name: float(value) for name, value in re.findall(r"^(callcenter_\S+?(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}


async def _nothing_left_to_store(centre: Centre) -> dict[str, float]:
    """The figures once the recordings of calls before are stored: they would be counted among this one's."""

    async def stored() -> dict[str, float] | None:
        figures = await _figures(centre)
        return None if figures["callcenter_recording_backlog"] else figures

    return await until("recordings of earlier calls stored", stored, 30)  # type: ignore[return-value]


async def test_a_call_is_counted_all_along_its_way(centre: Centre) -> None:
    before = await _nothing_left_to_store(centre)
    async with centre.ready_agent("1007") as agent, centre.caller() as caller:
        call = await caller.dial("4001")
        ringing = await agent.rings()

        async def up() -> bool:
            now = await _figures(centre)
            return now["callcenter_calls_up"] == before["callcenter_calls_up"] + 1 and now.get('callcenter_agents{state="ringing"}') == 1

        await until("the call among those that are up, and its agent among those whose phone rings", up)
        call.say(tone(440))
        await ringing.answer()
        await ringing.hears("the caller", lambda heard: len(heard) > RATE and hears_tone(heard[-RATE:], 440), 15)
        await call.hang_up()
        await ringing.ended()
        story = await centre.story(caller.number)
        await recording_of(centre, story)
    changes = {
        'callcenter_calls_arrived_total{direction="inbound"}': 1,
        'callcenter_calls_ended_total{outcome="answered"}': 1,
        'callcenter_offers_ended_total{end="answered"}': 1,
        "callcenter_offer_seconds_count": 1,
        'callcenter_call_wait_seconds_count{end="answered",queue="sales"}': 1,
        "callcenter_recordings_stored_total": 1,
        "callcenter_recording_encode_seconds_count": 1,
        "callcenter_recordings_failed_total": 0,
        "callcenter_ari_overflows_total": 0,
        'callcenter_ari_events_total{type="StasisStart"}': 2,
        'callcenter_ari_requests_total{method="POST",status="204"}': None,
        'callcenter_ami_actions_total{action="MixMonitor",result="done"}': 1,
        "callcenter_ledger_events_total": None,
    }

    async def told() -> dict[str, float] | None:
        now = await _figures(centre)
        gauges = ("recording_backlog", "ledger_backlog", "calls_up")
        return now if not any(now[f"callcenter_{gauge}"] for gauge in gauges) else None

    after = await until("nothing waits to be written", told)
    assert after
    for name, change in changes.items():
        grown = after.get(name, 0) - before.get(name, 0)
        assert grown > 1 if change is None else grown == change, name
    assert after["callcenter_ari_connected"] == after["callcenter_ami_connected"] == 1
    assert after["callcenter_ledger_delayed"] == 0
    assert after["callcenter_ledger_events_total"] - before["callcenter_ledger_events_total"] >= len(story["events"])
    assert after["callcenter_ari_request_seconds_count"] > before["callcenter_ari_request_seconds_count"]


async def test_who_waits_is_told(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4002")
        await centre.phase_of(caller.number, "queue")

        async def waiting() -> bool:
            now = await _figures(centre)
            queue = '{queue="support"}'
            return now[f"callcenter_queue_waiting{queue}"] == 1 and now[f"callcenter_queue_longest_wait_seconds{queue}"] > 0.2

        await until("the queue's figures", waiting)
        before = await _figures(centre)
        await call.hang_up()
        await centre.story(caller.number)

    async def nobody() -> dict[str, float] | None:
        now = await _figures(centre)
        return now if now['callcenter_queue_longest_wait_seconds{queue="support"}'] == 0 else None

    after = await until("nobody waits", nobody)
    assert after
    name = 'callcenter_call_wait_seconds_count{end="abandoned",queue="support"}'
    assert after[name] - before.get(name, 0) == 1
