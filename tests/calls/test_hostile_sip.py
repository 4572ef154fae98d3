"""What strangers may write into SIP: served or refused cleanly, and the centre is as well as before."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.parts.centre import Centre
from tests.parts.waiting import until

ODD_NUMBERS = [
    "", "4000;drop", "4000%27%3B--", "%24%7BSHELL(id)%7D", "..%2F..%2Fetc", "4000%0D%0AX-Evil:1", "4000,1,Goto", "😀", "a" * 2000,
    "4" * 33, "fb-sales", "voicemail", "s", "h", "i", "t", "%00", "4000@evil",
]  # fmt: skip
"""User parts that are nobody's number, some of them the dialplan's own words."""
WITH_PARAMETERS = ["4000;drop"]
"""To SIP this is the number 4000 with a parameter, which nobody reads."""
NO_SIP_AT_ALL = ["", "😀", "4000@evil"]
"""No SIP address can hold these: Asterisk drops such a message, as RFC 3261 allows."""
ODD_NAMES = [
    '"\\"; drop table calls; --"', '"<script>alert(1)</script>"', "\"${SHELL(id)}\"", '"' + "x" * 10_000 + '"', '"a\tb"',
    '"\u202e反向"', '"%0d%0aX-Evil: 1"', '"&amp;<b>"', '"\'; select pg_sleep(9); --"',
]  # fmt: skip


@pytest.mark.parametrize("user", ODD_NUMBERS, ids=[f"user{n}" for n in range(len(ODD_NUMBERS))])
async def test_odd_numbers_are_refused(centre: Centre, user: str) -> None:
    async with centre.caller() as caller:
        call = await caller.dial(user)
        if user in WITH_PARAMETERS:
            await call.answered()
            await call.hang_up()
        elif user in NO_SIP_AT_ALL:
            await asyncio.sleep(2)
            assert not call.is_answered
        else:
            assert 400 <= await call.ended(10) < 700
    await centre.is_ready(5)


@pytest.mark.parametrize("name", ODD_NAMES, ids=[f"name{n}" for n in range(len(ODD_NAMES))])
async def test_odd_names_are_served_as_names(centre: Centre, name: str) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4001", from_value=f"{name} <sip:{caller.number}@127.0.0.1>")
        await centre.phase_of(caller.number, "queue")
        await call.hang_up()
        story = await centre.story(caller.number)
    stored = story["call"]["caller_name"]
    assert len(stored) <= 80 and not any(ord(char) < 32 for char in stored)


@pytest.mark.parametrize("origin", ["<sip:anonymous@anonymous.invalid>", "<sip:%27%3Bdrop@127.0.0.1>", "<sip:127.0.0.1>"])
async def test_callers_without_a_number_are_anonymous(centre: Centre, origin: str) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4001", from_value=origin)
        await call.answered()
        await centre.phase_of("anonymous", "queue")
        await call.hang_up()
        story = await centre.story("anonymous")
    assert story["call"]["outcome"] == "abandoned_queue"


async def test_a_caller_whose_address_is_none_gets_no_answer(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4001", from_value='"" <sip:${EXTEN}@127.0.0.1>')
        await asyncio.sleep(2)
        assert not call.is_answered
    await centre.is_ready(5)


async def test_nobodys_number_is_refused_and_written_down(centre: Centre) -> None:
    async with centre.caller() as caller:
        call = await caller.dial("4999")
        assert await call.ended() == 404
        story = await centre.story(caller.number)
    assert (story["call"]["outcome"], story["call"]["dialled"]) == ("refused", "4999")
    assert not call.is_answered


async def test_a_caller_who_says_he_is_an_agent_is_a_caller(centre: Centre) -> None:
    async with centre.caller("1001") as caller:
        call = await caller.dial("*40")
        assert await call.ended() >= 400
        assert (await centre.agent_now("1001"))["state"] == "offline"


async def test_a_stranger_cannot_register_as_an_agent(centre: Centre) -> None:
    stranger = centre.agent("1001")
    stranger.password = "guessed"
    real, stranger.register = stranger.register, _nothing  # type: ignore[method-assign]
    async with stranger:
        assert await stranger.try_register() in (401, 403)
    assert real


async def _nothing(expires_s: int = 0) -> None:
    return None


async def test_rubbish_on_the_wire(centre: Centre) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for address in (centre.trunk, centre.sip):
            for rubbish in (b"", b"\0" * 1000, b"INVITE\r\n\r\n", b"INVITE sip:4000 SIP/2.0\r\nVia: x\r\n\r\n", b"\xff" * 60_000):
                sock.sendto(rubbish, address)
    async with centre.caller() as caller:
        call = await caller.dial("4001")
        await call.answered()
        await call.hang_up()


async def test_a_hundred_calls_at_once_that_give_up_at_once(centre: Centre) -> None:
    async with centre.caller() as caller:
        calls = [await caller.dial("4001") for _ in range(100)]
        await asyncio.gather(*(call.hang_up() for call in calls), return_exceptions=True)
        await asyncio.sleep(1)
        for call in calls:
            await call.hang_up()

        async def all_closed() -> bool:
            open_calls = await centre.db.fetchval("select count(*) from calls where caller = $1 and ended_at is null", caller.number)
            return open_calls == 0

        await until("all calls closed", all_closed, 20)
