"""Who is who: an agent by his password, the provider by the port it calls and its address, nobody else."""

from __future__ import annotations

import aiohttp
import pytest

from tests.asterisk_conf.private_asterisk import PrivateAsterisk, StasisApp, raw_request
from tests.parts.softphone import Phone
from tests.parts.waiting import until

pytestmark = pytest.mark.parts

STRANGER = "127.0.0.9"
"""An address from which neither the provider calls nor an agent registers."""


async def test_an_agent_registers_and_calls_from_the_address_the_provider_calls_from(idle: PrivateAsterisk) -> None:
    async with StasisApp(idle) as app, Phone("1001", server=idle.agents_at, password="phone-1001") as phone:
        await phone.dial("*70", from_value='"Somebody Else" <sip:1001@127.0.0.1>')
        start = await app.arrival()
        assert start["args"] == ["agent"]
        assert start["channel"]["name"].startswith("PJSIP/1001-")
        assert start["channel"]["caller"] == {"name": "客服 1001", "number": "1001"}
        assert start["channel"]["dialplan"]["exten"] == "*70"


@pytest.mark.parametrize("caller", ["13900001111", "1001", "trunk-main", "anonymous"])
async def test_a_call_to_the_trunks_port_is_the_providers_whoever_the_caller_says_he_is(idle: PrivateAsterisk, caller: str) -> None:
    async with StasisApp(idle) as app, Phone(caller, server=idle.trunk_at) as provider:
        await provider.dial("4000")
        start = await app.arrival()
        assert start["args"] == ["trunk"]
        assert start["channel"]["name"].startswith("PJSIP/trunk-main-")
        assert start["channel"]["caller"]["number"] == caller
        assert start["channel"]["dialplan"]["exten"] == "4000"


@pytest.mark.parametrize("user", ["1001", "13900001111", "trunk-main", "9999"])
async def test_nobody_calls_at_the_agents_port_without_a_password(idle: PrivateAsterisk, user: str) -> None:
    assert await raw_request(idle.agents_at, "sip:4000@{}:{}".format(*idle.agents_at), user=user)() == 401


async def test_a_wrong_password_is_refused_and_noted_for_the_ban_list(idle: PrivateAsterisk) -> None:
    async with Phone("1001", server=idle.agents_at) as phone:
        phone.password = "wrong-password"
        assert await phone.try_register() == 401
        phone.password = None
    security = idle.folder / "log" / "security.log"
    await until(
        "the security log names it", lambda: "ChallengeResponseFailed" in security.read_text() or "InvalidPassword" in security.read_text()
    )


async def test_no_phone_registers_at_the_trunks_port(idle: PrivateAsterisk) -> None:
    async with Phone("1001", server=idle.trunk_at) as phone:
        phone.password = "phone-1001"
        assert await phone.try_register() == 404
        phone.password = None


@pytest.mark.parametrize("user", ["13900001111", "1001", "trunk-main"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "MESSAGE"])
async def test_strangers_are_refused_everywhere(idle: PrivateAsterisk, user: str, method: str) -> None:
    for port in (idle.agents_at, idle.trunk_at):
        for named in (idle.agents_at, idle.trunk_at):
            uri = "sip:4000@{}:{}".format(*named)
            assert await raw_request(port, uri, user=user, source=STRANGER, method=method)() in (401, 403, 405)


async def test_a_user_part_that_looks_like_our_port_is_not_the_provider(idle: PrivateAsterisk) -> None:
    tricky = f"sip:4000:{idle.trunk_at[1]}@127.0.0.1:{idle.agents_at[1]}"
    assert await raw_request(idle.agents_at, tricky, user="13900001111")() == 401


HOSTILE = [
    "500&PJSIP/1001", "500&PJSIP%2F1001", "4000)", "4000%22", "4000%0AX", "%0A4000", "4000%24%7BSHELL(id)%7D", "4000,1", "4000%5C",
    "4000-x",     "4000%E4%BD%A0", "9" * 33, "9" * 3000, "s", "h", "i", "t", "fb-sales", "voicemail", "4000%7C1", "+%24%5B1%2B1%5D", "*%28",
    "4000%5D%3F1001", "%2A%2C1", "#%26PJSIP",
]  # fmt: skip


@pytest.mark.parametrize("user_part", HOSTILE)
async def test_a_malformed_number_is_refused_and_reaches_nobody(idle: PrivateAsterisk, user_part: str) -> None:
    async with StasisApp(idle) as app, Phone("1001", server=idle.agents_at, password="phone-1001") as phone:
        uri = "sip:{}@{}:{}".format(user_part, *idle.trunk_at)
        status = await raw_request(idle.trunk_at, uri, user="13900001111")()
        assert status in (0, 400, 401, 404, 414, 484), status
        assert not [event for event in app.events if event["type"] == "StasisStart"]
        await phone.stays_quiet(0.05)
    assert await idle.ari("GET", "/asterisk/ping")


async def test_what_a_provider_hangs_on_a_number_is_left_off(idle: PrivateAsterisk) -> None:
    async with StasisApp(idle) as app, Phone("13900001111", server=idle.trunk_at) as provider:
        await provider.dial("4000;phone-context=+86")
        assert (await app.arrival())["channel"]["dialplan"]["exten"] == "4000"


async def test_a_phone_in_a_browser_reaches_the_registrar_through_the_websocket(idle: PrivateAsterisk) -> None:
    register = (
        "REGISTER sip:callcenter SIP/2.0\r\nVia: SIP/2.0/WS browser.invalid;branch=z9hG4bKws1\r\nMax-Forwards: 70\r\n"
        "From: <sip:1001@callcenter>;tag=w\r\nTo: <sip:1001@callcenter>\r\nCall-ID: ws1\r\nCSeq: 1 REGISTER\r\n"
        "Contact: <sip:1001@browser.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n"
    )
    url = f"ws://127.0.0.1:{idle.facts.http_port}/ws"
    async with aiohttp.ClientSession() as http, http.ws_connect(url, protocols=["sip"]) as socket:
        await socket.send_str(register)
        answer = await socket.receive_str(timeout=5)
    assert answer.startswith("SIP/2.0 401")
