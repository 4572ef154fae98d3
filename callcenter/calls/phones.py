"""Which agents' phones can be reached: asked once at each AMI connect, then told by Asterisk's events."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from callcenter.acd.service import Acd
from callcenter.asterisk.ami import Ami
from callcenter.basics.errors import AsteriskAway, AsteriskRefused
from callcenter.basics.logs import get_logger

_log = get_logger(__name__)
_GONE = frozenset({"Unreachable", "Removed", "Unavailable"})
_ASK_AGAIN_S = 30.0
_RETRY_S = 0.5
_GATHER_S = 0.05


async def watch_phones(ami: Ami, acd: Acd) -> None:
    """Keep the ACD's knowledge of phones true until cancelled; asks anew now and then, so that a missed event heals."""
    ask = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_follow(ami, acd, ask), name="phones: events")
        group.create_task(_ask(ami, acd, ask), name="phones: list")


async def _ask(ami: Ami, acd: Acd, ask: asyncio.Event) -> None:
    while True:
        ask.clear()
        try:
            reachable = await ami.contacts()
        except (AsteriskAway, AsteriskRefused) as error:
            _log.info("phones can't be asked for yet", reason=str(error))
            await asyncio.sleep(_RETRY_S)
            continue
        numbers, _, _ = acd.configured
        for number in tuple(numbers):
            await acd.set_reachable(number, reachable.get(number, False))
        with suppress(TimeoutError):
            async with asyncio.timeout(_ASK_AGAIN_S):
                await ask.wait()
        await asyncio.sleep(_GATHER_S)


async def _follow(ami: Ami, acd: Acd, ask: asyncio.Event) -> None:
    """A contact that came is believed; one that went is asked about, for the phone may have another (it moved)."""
    with ami.events("ContactStatus") as events:
        async for event in events:
            number = str(event.get("AOR", ""))
            if not acd.knows_agent(number):
                continue
            if str(event.get("ContactStatus", "")) in _GONE:
                ask.set()
            else:
                await acd.set_reachable(number, True)
