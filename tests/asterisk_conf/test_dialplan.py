"""A call's way through the dialplan, with a service and without one."""

from __future__ import annotations

import asyncio
import wave

import pytest

from callcenter.asterisk.witness import read_ends, read_events, rotate_when_large
from tests.asterisk_conf.private_asterisk import PROMPTS, PrivateAsterisk, StasisApp
from tests.parts.hearing import hears_tone
from tests.parts.rtp import Samples
from tests.parts.softphone import Phone
from tests.parts.waiting import until

pytestmark = pytest.mark.parts

COMFORT_HZ = 450
MUSIC_HZ = 350


def tone(hertz: float):  # type: ignore[no-untyped-def]
    """Is it heard in the last third of a second?"""

    def heard(samples: Samples) -> bool:
        return hears_tone(samples[-2600:], hertz)

    return heard


def caller(asterisk: PrivateAsterisk) -> Phone:
    return Phone("13900001111", server=asterisk.trunk_at, display_name=r"X\", ${SHELL(id)} <y>")


async def test_with_a_service_the_call_is_handed_over_unanswered(idle: PrivateAsterisk) -> None:
    async with StasisApp(idle) as app, caller(idle) as phone:
        call = await phone.dial("4001")
        start = await app.arrival()
        assert (start["args"], start["channel"]["state"], start["channel"]["dialplan"]["exten"]) == (["trunk"], "Ring", "4001")
        assert not call.is_answered


async def test_when_the_service_lets_go_the_call_ends_and_is_not_tried_again(idle: PrivateAsterisk) -> None:
    async with StasisApp(idle) as app, caller(idle) as phone:
        call = await phone.dial("4001")
        start = await app.arrival()
        await idle.ari("POST", f"/channels/{start['channel']['id']}/answer")
        await call.answered()
        await idle.ari("POST", f"/channels/{start['channel']['id']}/continue")
        await call.ended()
        assert len([event for event in app.events if event["type"] == "StasisStart"]) == 1


async def test_without_a_service_the_caller_is_answered_hears_a_tone_and_is_given_back_when_it_returns(idle: PrivateAsterisk) -> None:
    await idle.set_global("CC_HOLD_SECONDS", "30")
    async with caller(idle) as phone:
        call = await phone.dial("4000")
        await call.answered(2)
        await call.hears("the comfort tone", tone(COMFORT_HZ), 3)
        async with StasisApp(idle) as app:
            start = await app.arrival()
            assert start["args"] == ["trunk", "held"]
            assert start["channel"]["state"] == "Up"
            assert not call.is_over


async def test_a_name_whose_service_is_gone_is_as_good_as_none(idle: PrivateAsterisk) -> None:
    await idle.set_global("CC_HOLD_SECONDS", "30")
    async with StasisApp(idle, "cc-test-dead"):
        pass
    async with caller(idle) as phone:
        call = await phone.dial("4000")
        await call.answered(2)
        async with StasisApp(idle, "cc-test-2") as app:
            assert (await app.arrival())["args"] == ["trunk", "held"]


async def test_the_fallback_rings_an_agent_of_the_dialled_numbers_queue(idle: PrivateAsterisk) -> None:
    async with (
        Phone("1001", server=idle.agents_at, password="phone-1001") as sales,
        Phone("1003", server=idle.agents_at, password="phone-1003") as support,
        caller(idle) as phone,
    ):
        call = await phone.dial("4002")
        await call.hears("that he is asked to wait", tone(PROMPTS["please-wait"]), 5)
        ringing = await support.rings()
        await call.hears("music", tone(MUSIC_HZ), 5)
        await ringing.answer()
        assert not sales.calls
        async with StasisApp(idle) as app:
            await asyncio.sleep(1.2)
            assert not [event for event in app.events if event["type"] == "StasisStart"]
            assert not call.is_over
        await ringing.hang_up()
        await call.ended()


async def test_a_caller_who_still_waits_in_the_fallback_queue_is_given_back(idle: PrivateAsterisk) -> None:
    async with Phone("1003", server=idle.agents_at, password="phone-1003") as support, caller(idle) as phone:
        await phone.dial("4002")
        await support.rings()
        async with StasisApp(idle) as app:
            start = await app.arrival()
            assert start["args"] == ["trunk", "queued"]
            await until("the agent's phone is quiet again", lambda: support.calls[-1].is_over)


async def test_with_no_phone_there_the_caller_leaves_a_message(idle: PrivateAsterisk) -> None:
    async with caller(idle) as phone:
        call = await phone.dial("+4009")
        await call.hears("that he may leave a message", tone(PROMPTS["leave-message"]), 6)
        await call.hears("the beep", tone(1000), 3)
        await asyncio.sleep(1.0)
        await call.hang_up()
        file = await until("the message is there", lambda: next(idle.facts.voicemail_dir.glob("*.wav"), None))
        channel = file.stem
        end = await until("the witness has its end", lambda: read_ends(idle.facts.witness_file, 0).get(channel))
        assert end.by_remote and end.cause == 16
        assert (end.dialled, end.caller) == ("+4009", "13900001111")
        with wave.open(str(file)) as message:
            assert message.getframerate() == 8000
            assert message.getnframes() > 4000
        file.unlink()


async def test_the_service_can_send_a_caller_to_the_mailbox(idle: PrivateAsterisk) -> None:
    async with StasisApp(idle) as app, caller(idle) as phone:
        call = await phone.dial("4000")
        channel = (await app.arrival())["channel"]["id"]
        await idle.ari("POST", f"/channels/{channel}/continue", context="fallback", extension="voicemail", priority="1")
        await call.hears("that he may leave a message", tone(PROMPTS["leave-message"]), 6)


async def test_the_service_can_send_a_caller_to_a_plain_queue(idle: PrivateAsterisk) -> None:
    async with Phone("1003", server=idle.agents_at, password="phone-1003") as support, StasisApp(idle) as app, caller(idle) as phone:
        await phone.dial("4000")
        channel = (await app.arrival())["channel"]["id"]
        await idle.ari("POST", f"/channels/{channel}/continue", context="fallback", extension="fb-support", priority="1")
        await support.rings()


async def test_an_agent_reaches_an_agent_without_the_service_and_nobody_outside(idle: PrivateAsterisk) -> None:
    async with (
        Phone("1001", server=idle.agents_at, password="phone-1001") as one,
        Phone("1002", server=idle.agents_at, password="phone-1002") as two,
    ):
        call = await one.dial("1002")
        await (await two.rings()).answer()
        await call.answered()
        await call.hang_up()
        for number in ("013800001111", "*70", "trunk-main"):
            refused = await one.dial(number)
            if number == "trunk-main":
                assert await refused.ended() == 404
            else:
                await refused.hears("that there is no service", tone(PROMPTS["no-service"]), 5)
                await refused.ended()


async def test_the_witness_tells_the_true_end_of_a_call_that_ended_while_the_service_was_away(idle: PrivateAsterisk) -> None:
    async with caller(idle) as phone, caller(idle) as other:
        async with StasisApp(idle) as app:
            call = await phone.dial("4000")
            first = (await app.arrival())["channel"]
            await idle.ari("POST", f"/channels/{first['id']}/answer")
            await call.answered()
            second_call = await other.dial("4000")
            second = (await app.arrival(2))["channel"]
        before_ms = call.began_ms
        await call.hang_up()
        await idle.ari("DELETE", f"/channels/{second['id']}", reason="busy")
        await second_call.ended()
        found = await until(
            "both ends", lambda: {first["id"], second["id"]} <= (seen := read_ends(idle.facts.witness_file, int(before_ms))).keys() and seen
        )
        end = found[first["id"]]
        assert (end.cause, end.cause_text, end.by_remote) == (16, "normal clearing", True)
        assert abs(end.at_ms - call.ended_ms) < 500
        assert end.answered_ms is not None and abs(end.answered_ms - call.answered_ms) < 500
        assert (found[second["id"]].cause, found[second["id"]].by_remote) == (17, False)
        assert not read_ends(idle.facts.witness_file, end.at_ms + 60_000)


async def test_asterisks_own_record_of_a_call_has_microseconds(idle: PrivateAsterisk) -> None:
    async with StasisApp(idle) as app, caller(idle) as phone:
        call = await phone.dial("4001")
        channel = (await app.arrival())["channel"]
        await idle.ari("POST", f"/channels/{channel['id']}/answer")
        await call.answered()
        await call.hang_up()
    line = await until(
        "the record", lambda: next((line for line in idle.facts.cdr_file.read_text().splitlines() if f'"{channel["id"]}"' in line), None)
    )
    start, answer, end = (float(field.strip('"')) for field in line.split(",")[6:9])
    assert start <= answer <= end
    assert '"ANSWERED"' in line


async def test_a_witness_set_aside_in_the_middle_of_a_call_is_read_on(idle: PrivateAsterisk) -> None:
    path = idle.facts.witness_file
    async with StasisApp(idle) as app, caller(idle) as phone:
        call = await phone.dial("4001")
        channel = (await app.arrival())["channel"]["id"]
        await idle.ari("POST", f"/channels/{channel}/answer")
        await call.answered()
        await until("the answer is witnessed", lambda: any(e.kind == "ANSWER" and e.unique_id == channel for e in read_events(path, 0)))
        assert rotate_when_large(path, limit_bytes=10)
        await call.hang_up()
    end = await until("the end is witnessed", lambda: read_ends(path, int(call.began_ms)).get(channel))
    assert end.answered_ms is not None
    assert path.exists()
    assert not rotate_when_large(path)
