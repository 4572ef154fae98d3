"""Agents come and go without a restart, and without a live call noticing."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sqlite3
import time
from pathlib import Path

import pytest

from callcenter.asterisk.render import FallbackQueue, needs_restart
from callcenter.asterisk.render import Phone as PhoneFacts
from tests.asterisk_conf.private_asterisk import PrivateAsterisk, StasisApp
from tests.parts.hearing import hears_tone
from tests.parts.rtp import RATE, tone
from tests.parts.softphone import Phone
from tests.parts.waiting import until

pytestmark = pytest.mark.parts


async def test_an_agent_added_can_register_and_be_rung_while_a_call_goes_on(idle: PrivateAsterisk) -> None:
    before = idle.facts
    async with (
        StasisApp(idle) as app,
        Phone("13900001111", server=idle.trunk_at) as outside,
        Phone("1001", server=idle.agents_at, password="phone-1001") as agent,
    ):
        assert await register_status(idle, "1004") == 401
        talk = await outside.dial("4000")
        caller = (await app.arrival())["channel"]["id"]
        await idle.ari("POST", f"/channels/{caller}/answer")
        await idle.ari("POST", "/bridges/talk")
        await idle.ari("POST", "/channels", endpoint="PJSIP/1001", app=app.name, channelId="agent-leg")
        leg = await agent.rings()
        await leg.answer()
        await app.arrival(2)
        await idle.ari("POST", "/bridges/talk/addChannel", channel=f"{caller},agent-leg")
        talk.say(tone(440, 20))
        await leg.hears("the caller", lambda heard: hears_tone(heard[-2400:], 440), 5)

        added = PhoneFacts(number="1004", name="New One", sip_password="phone-1004")
        queues = (before.queues[0], FallbackQueue(name="support", members=("1003", "1004"), numbers=("4002",)))
        mark = time.monotonic()
        changed = await idle.change(dataclasses.replace(before, phones=(*before.phones, added), queues=queues))
        assert changed == {"pjsip_agents.conf", "queues.conf"}
        assert not needs_restart(changed)

        async with Phone("1004", server=idle.agents_at) as fresh:
            fresh.password = "phone-1004"

            async def registers() -> bool:
                return await fresh.try_register() == 200

            await until("1004 registers", registers)
            await idle.ari("POST", "/channels", endpoint="PJSIP/1004", app=app.name, channelId="fresh-leg")
            await fresh.rings()
            await asyncio.sleep(1.0)
            assert not talk.is_over and not leg.is_over
            heard = leg.voice.ear.heard(mark)
            assert len(heard) > RATE * 0.9
            assert all(hears_tone(heard[at : at + 1600], 440) for at in range(0, len(heard) - 1600, 1600)), "the reload made a gap"
            await idle.ari("DELETE", "/channels/fresh-leg")
        assert "PJSIP/1004" in await idle.console("queue show fb-support")
        await idle.ari("DELETE", "/bridges/talk")
    assert await idle.change(before) == {"pjsip_agents.conf", "queues.conf"}

    async def is_gone() -> bool:
        return "Unable to find" in await idle.console("pjsip show endpoint 1004")

    await until("1004 is nobody again", is_gone)


async def register_status(asterisk: PrivateAsterisk, number: str) -> int:
    """What an agent's registration is answered."""
    async with Phone(number, server=asterisk.agents_at) as phone:
        phone.password = f"phone-{number}"
        status = await phone.try_register()
        phone.password = None
        return status


async def test_a_reload_keeps_the_name_of_the_service(idle: PrivateAsterisk) -> None:
    async with StasisApp(idle) as app:
        await idle.console("dialplan reload")
        assert (await idle.ari("GET", "/asterisk/variable", variable="CC_APP"))["value"] == app.name


async def test_phones_stay_registered_when_asterisk_dies_and_comes_back(tmp_path: Path) -> None:
    asterisk = PrivateAsterisk(tmp_path)
    async with asterisk, Phone("1002", server=asterisk.agents_at, password="phone-1002") as agent:

        def is_on_disk() -> bool:
            with contextlib.closing(sqlite3.connect(tmp_path / "lib" / "astdb.sqlite3")) as database:
                return bool(database.execute("select 1 from astdb where key like '/registrar/contact/1002%'").fetchall())

        await until("the contact is kept", is_on_disk)
        await asterisk.die()
        async with asterisk, Phone("1001", server=asterisk.agents_at, password="phone-1001") as other:
            call = await other.dial("1002")
            await (await agent.rings()).answer()
            await call.answered()
            assert asterisk.complaints() == []
            await call.hang_up()
            await agent.register(expires_s=0)
            agent.password = None
