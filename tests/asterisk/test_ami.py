"""AMI on a real Asterisk: recording taps, typed errors, and every way in which a connection can fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callcenter.asterisk import Ari, SubscriptionOverflowed
from callcenter.asterisk.ami import Ami
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, BadRequest, ChannelGone
from tests.asterisk.reach import ami_of, call
from tests.asterisk_conf.private_asterisk import PrivateAsterisk
from tests.parts.ports import free_port
from tests.parts.proxy import Proxy
from tests.parts.waiting import until

_FRAME = 4
"""Bytes of one moment in a stereo file of 16 bits a side."""


@pytest.fixture
async def ami_proxy(asterisk: PrivateAsterisk) -> AsyncIterator[Proxy]:
    async with Proxy(free_port(), asterisk.facts.ami_port) as proxy:
        yield proxy


async def test_a_live_channel_is_recorded_in_stereo(ari: Ari, ami: Ami, tmp_path: Path) -> None:
    file = tmp_path / "both sides.raw"
    with ari.subscribe() as events:
        channel = await call(ari, events)
        name = (await channel.get()).name
        await channel.moh_start("default")
        await ami.mix_monitor(name, str(file))
        await until("two seconds of sound", lambda: file.exists() and file.stat().st_size >= 2 * 8000 * _FRAME, 15)
        await ami.mute_mix_monitor(name, True)
        await ami.mute_mix_monitor(name, False)
        await ami.stop_mix_monitor(name)
        sizes: list[int] = []

        def quiet() -> bool:
            sizes.append(file.stat().st_size)
            return len(sizes) > 6 and len(set(sizes[-6:])) == 1

        await until("the file is closed", quiet, 5, 0.1)
        assert file.stat().st_size % _FRAME == 0


async def test_a_channel_that_is_gone_is_told_as_such(ami: Ami, tmp_path: Path) -> None:
    with pytest.raises(ChannelGone):
        await ami.mix_monitor("Local/nobody@nowhere-00000001;1", str(tmp_path / "x.raw"))
    with pytest.raises(ChannelGone):
        await ami.stop_mix_monitor("Local/nobody@nowhere-00000001;1")


async def test_what_asterisk_refuses_carries_its_words(ami: Ami) -> None:
    with pytest.raises(AsteriskRefused, match="Invalid/unknown command"):
        await ami.action("Levitate")
    with pytest.raises(AsteriskRefused, match=r"(?i)permission denied"):
        await ami.action("Originate", Channel="Local/x@y")


@pytest.mark.parametrize("value", ["a\r\nAction: Logoff", "a\nb", "a\rb"])
async def test_no_value_ends_its_line(ami: Ami, value: str) -> None:
    with pytest.raises(BadRequest):
        await ami.action("Ping", Word=value)
    assert ami.connected


async def test_phones_without_contact_are_missing(ami: Ami) -> None:
    assert await ami.contacts() == {}


async def test_an_action_in_flight_fails_at_once_when_the_link_breaks(asterisk: PrivateAsterisk, ami_proxy: Proxy) -> None:
    async with ami_of(asterisk, port=ami_proxy.port) as ami:
        await ami.wait_connected(5)
        ami_proxy.stall()
        waiting = asyncio.get_running_loop().create_task(ami.action("Ping", timeout_s=30))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        ami_proxy.cut()
        with pytest.raises(AsteriskAway):
            await waiting
        assert time.monotonic() - began < 1
        ami_proxy.flow()
        await ami.wait_connected(10)


async def test_what_was_asked_before_the_break_is_not_asked_again(asterisk: PrivateAsterisk, ami_proxy: Proxy) -> None:
    async with ami_of(asterisk, port=ami_proxy.port) as ami:
        await ami.wait_connected(5)
        ami_proxy.stall()
        waiting = asyncio.get_running_loop().create_task(ami.action("PJSIPShowContacts", timeout_s=30))
        await asyncio.sleep(0.05)
        ami_proxy.cut()
        ami_proxy.flow()
        with pytest.raises(AsteriskAway):
            await waiting
        await until("connected again", lambda: ami.connected, 10)
        await ami.action("Ping")
        assert b"PJSIPShowContacts" not in ami_proxy.seen


async def test_an_answer_that_is_late_reaches_nobody_else(asterisk: PrivateAsterisk, ami_proxy: Proxy) -> None:
    async with ami_of(asterisk, port=ami_proxy.port) as ami:
        await ami.wait_connected(5)
        for _ in range(5):
            lost = asyncio.get_running_loop().create_task(ami.action("CoreStatus"))
            await asyncio.sleep(0)
            lost.cancel()
            assert "Pong" in str((await ami.action("Ping")).ping)
        ami_proxy.stall()
        with pytest.raises(AsteriskAway, match="no answer within"):
            await ami.action("CoreStatus", timeout_s=0.2)
        ami_proxy.flow()
        assert "Pong" in str((await ami.action("Ping")).ping)
        assert ami._link is not None and not ami._link.responses


async def test_a_dead_link_is_found_and_replaced(asterisk: PrivateAsterisk, ami_proxy: Proxy) -> None:
    async with ami_of(asterisk, port=ami_proxy.port) as ami:
        await ami.wait_connected(5)
        ami_proxy.stall()
        await until("the dead link is found", lambda: not ami.connected, 5)
        ami_proxy.cut()
        ami_proxy.flow()
        await ami.wait_connected(10)


async def test_asterisk_may_die_and_come_back(tmp_path: Path) -> None:
    asterisk = PrivateAsterisk(tmp_path)
    async with asterisk, ami_of(asterisk) as ami:
        await ami.wait_connected(10)
        await asterisk.die()
        await until("the end is noticed", lambda: not ami.connected, 5)
        with pytest.raises(AsteriskAway):
            await ami.action("Ping")
        await asterisk.__aenter__()
        await ami.wait_connected(10)
        assert "Pong" in str((await ami.action("Ping")).ping)


async def test_too_slow_a_reader_is_cut_off(ami: Ami) -> None:
    with ami.events("Reload", limit=1) as slow, ami.events("Reload") as quick:
        for _ in range(3):
            await ami.reload("app_queue.so")
            await asyncio.wait_for(anext(quick), 5)
        assert (await anext(slow))["Module"]
        with pytest.raises(SubscriptionOverflowed):
            await asyncio.wait_for(anext(slow), 5)


async def test_characters_survive_any_cut_of_the_stream(asterisk: PrivateAsterisk) -> None:
    """A character of several bytes may be cut in two by the network."""
    async with ami_of(asterisk) as ami:
        await ami.wait_connected(5)
        assert ami._link is not None
        with ami.events("Told") as events:
            for byte in "Event: Told\r\nName: 客服\r\n\r\n".encode():
                ami._link.protocol.data_received(bytes([byte]))
            assert (await asyncio.wait_for(anext(events), 1))["Name"] == "客服"
