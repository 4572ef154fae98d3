"""The ARI client on a real Asterisk: typed events and errors, and every way in which a connection can fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from callcenter.asterisk import Ari, AriLimits, ConnectionLost, SubscriptionOverflowed
from callcenter.asterisk.events import ChannelDestroyed, ChannelEnteredBridge, PlaybackFinished, StasisStart
from callcenter.basics import metrics
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, ChannelGone
from tests.asterisk.reach import APP, ROOM, ari_of, call, fresh, heard
from tests.asterisk_conf.private_asterisk import PrivateAsterisk
from tests.parts.ports import free_port
from tests.parts.proxy import Proxy
from tests.parts.waiting import until

QUICK = AriLimits(request_s=0.5, heartbeat_s=2.0)


@pytest.fixture
async def asterisk_proxy(asterisk: PrivateAsterisk) -> AsyncIterator[Proxy]:
    async with Proxy(free_port(), asterisk.facts.http_port) as proxy:
        yield proxy


async def test_the_application_is_registered(ari: Ari) -> None:
    assert ari.connected
    assert [app["name"] for app in await ari.request("GET", "/applications")] == [APP]


async def test_a_call_is_told_in_typed_events(ari: Ari) -> None:
    with ari.subscribe() as events:
        channel_id, bridge_id, playback_id = fresh("channel"), fresh("bridge"), fresh("playback")
        channel = await call(ari, events, channel_id)
        assert (await channel.get()).state == "Up"
        bridge = await ari.create_bridge(bridge_id)
        events.add(bridge_id)
        await bridge.add(channel_id)
        entered = await heard(events, "ChannelEnteredBridge")
        assert isinstance(entered, ChannelEnteredBridge)
        assert entered.channel is not None and (entered.bridge.id, entered.channel.id) == (bridge_id, channel_id)
        assert (await bridge.get()).channels == [channel_id]
        await bridge.remove(channel_id)
        await heard(events, "ChannelLeftBridge")
        events.add(playback_id)
        playback = await channel.play(["tone:1004/100"], playback_id)
        await playback.stop()
        finished = await heard(events, "PlaybackFinished")
        assert isinstance(finished, PlaybackFinished) and finished.playback.id == playback_id
        await bridge.destroy()
        await channel.hangup("busy")
        gone = await heard(events, "ChannelDestroyed")
        assert isinstance(gone, ChannelDestroyed) and gone.cause == 17


async def test_what_is_gone_and_what_is_refused_are_told_apart(ari: Ari) -> None:
    with pytest.raises(ChannelGone) as gone:
        await ari.channel("nobody").answer()
    assert gone.value.asterisk_status == 404 and "not found" in gone.value.text.lower()
    with pytest.raises(ChannelGone):
        await ari.playback("nothing").stop()
    with ari.subscribe() as events:
        channel = await call(ari, events)
        with pytest.raises(ChannelGone) as taken:
            await ari.create_channel(endpoint=ROOM, channel_id=channel.id)
        assert taken.value.asterisk_status == 409
    with pytest.raises(AsteriskRefused) as refused:
        await ari.originate(endpoint="", channel_id=fresh("channel"), timeout_s=1)
    assert not isinstance(refused.value, ChannelGone)
    assert refused.value.asterisk_status == 400 and "endpoint" in refused.value.text.lower()


async def test_no_id_reaches_another_path(ari: Ari) -> None:
    for strange in ("../bridges", "a/b", "a?b=c", "", "%2e%2e", "名"):
        with pytest.raises(AsteriskRefused):
            await ari.channel(strange).answer()


async def test_variables_travel_and_their_events_do_not(ari: Ari) -> None:
    with ari.subscribe() as events:
        channel = await call(ari, events)
        seen = metrics.ARI_EVENTS.get("ChannelVarset", 0)
        for number in range(20):
            await channel.set_variable("CC_TEST", f"值 {number}")
        assert await channel.get_variable("CC_TEST") == "值 19"
        assert metrics.ARI_EVENTS.get("ChannelVarset", 0) == seen
        await ari.set_global("CC_NOTHING", "1")
    async with ari_of_unfiltered(ari) as other:
        assert other.events_seen == 0


def ari_of_unfiltered(ari: Ari) -> Ari:
    """A client of another application of the same Asterisk that has no filter."""
    return Ari(
        base_url=ari._url.removesuffix("/ari/events"), user="callcenter", password="ari-secret-for-tests", app="cc-test-2", unread=()
    )


async def test_arrivals_are_only_those_nobody_waits_for(ari: Ari) -> None:
    with ari.arrivals() as arrivals, ari.subscribe() as events:
        await call(ari, events)
        stranger = await ari.originate(endpoint=ROOM, channel_id=fresh("channel"), timeout_s=5)
        arrived = await arrivals.next(5)
        assert isinstance(arrived, StasisStart) and arrived.channel.id == stranger.id
        with pytest.raises(TimeoutError):
            await arrivals.next(0.1)


async def test_a_slow_reader_is_cut_off_and_counted(ari: Ari) -> None:
    with ari.subscribe() as quick, ari.subscribe(limit=1) as slow:
        channel_id = fresh("channel")
        slow.add(channel_id)
        channel = await call(ari, quick, channel_id)
        await channel.hangup()
        await heard(quick, "ChannelDestroyed")
        await slow.next(1)
        with pytest.raises(SubscriptionOverflowed):
            await slow.next(1)
        assert ari.overflows == 1


async def test_a_cancelled_request_keeps_its_answer_from_the_next(ari: Ari) -> None:
    for number in range(20):
        await ari.set_global("CC_FIRST", f"first {number}")
        lost = asyncio.get_running_loop().create_task(ari.request("GET", "/asterisk/variable", query={"variable": "CC_FIRST"}))
        await asyncio.sleep(0)
        lost.cancel()
        assert await ari.request("GET", "/bridges") == []
        with pytest.raises(asyncio.CancelledError):
            await lost
    assert not ari._pending


async def test_no_answer_in_time_is_away(asterisk: PrivateAsterisk, asterisk_proxy: Proxy) -> None:
    async with ari_of(asterisk, port=asterisk_proxy.port, limits=QUICK) as ari:
        await ari.wait_connected(5)
        asterisk_proxy.stall()
        with pytest.raises(AsteriskAway, match="no answer within"):
            await ari.list_channels()
        asterisk_proxy.flow()
        assert await ari.list_bridges() == []


async def test_a_half_open_link_is_found_and_replaced(asterisk: PrivateAsterisk, asterisk_proxy: Proxy) -> None:
    async with ari_of(asterisk, port=asterisk_proxy.port) as ari:
        await ari.wait_connected(5)
        with ari.subscribe() as events:
            began = time.monotonic()
            asterisk_proxy.stall()
            pending = asyncio.get_running_loop().create_task(ari.request("GET", "/channels", timeout_s=30))
            assert isinstance(await events.next(4), ConnectionLost)
            assert time.monotonic() - began <= 4
            with pytest.raises(AsteriskAway):
                await pending
            asterisk_proxy.cut()
            asterisk_proxy.flow()
            await ari.wait_connected(10)


async def test_a_cut_link_is_replaced_at_once_and_told(asterisk: PrivateAsterisk, asterisk_proxy: Proxy) -> None:
    greetings = []

    async def greet() -> None:
        greetings.append(1)

    def greeted(times: int) -> bool:
        return ari.connected and len(greetings) == times

    async with ari_of(asterisk, port=asterisk_proxy.port, on_connected=greet) as ari:
        await ari.wait_connected(5)
        with ari.subscribe() as events:
            for round_ in range(2, 5):
                asterisk_proxy.cut()
                assert isinstance(await events.next(2), ConnectionLost)
                await until("greeted again", partial(greeted, round_), 5, 0.01)
        assert asterisk_proxy.accepted == 4


async def test_a_greeting_that_fails_is_tried_again(asterisk: PrivateAsterisk) -> None:
    """What is done after connecting asks other stores, which may be away."""
    tries = []

    async def greet() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("a store is away")

    async with ari_of(asterisk, on_connected=greet) as ari:
        await ari.wait_connected(5)
        assert len(tries) == 3


async def test_asterisk_may_die_and_come_back(tmp_path: Path) -> None:
    asterisk = PrivateAsterisk(tmp_path)
    greetings = []

    async def greet() -> None:
        greetings.append(1)

    async with asterisk, ari_of(asterisk, on_connected=greet) as ari:
        await ari.wait_connected(10)
        with ari.subscribe() as events:
            await asterisk.die()
            assert isinstance(await events.next(3), ConnectionLost)
            with pytest.raises(AsteriskAway):
                await ari.list_channels()
            await asterisk.__aenter__()
            await ari.wait_connected(10)
            assert len(greetings) == 2
            await call(ari, events)
