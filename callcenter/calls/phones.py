"""Which agents' phones can be reached: asked once at each AMI connect, then told by Asterisk's events."""

from __future__ import annotations

import asyncio

from callcenter.acd.service import Acd
from callcenter.asterisk.ami import Ami
from callcenter.basics.errors import AsteriskAway, AsteriskRefused
from callcenter.basics.logs import get_logger

_log = get_logger(__name__)
_GONE = frozenset({"Unreachable", "Removed", "Unavailable"})
_ASK_AGAIN_S = 30.0
_RETRY_S = 0.5


async def watch_phones(ami: Ami, acd: Acd) -> None:
    """Keep the ACD's knowledge of phones true until cancelled; asks anew now and then, so that a missed event heals."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_follow(ami, acd), name="phones: events")
        group.create_task(_ask(ami, acd), name="phones: list")


async def _ask(ami: Ami, acd: Acd) -> None:
    known: dict[str, bool] = {}
    while True:
        try:
            reachable = await ami.contacts()
        except (AsteriskAway, AsteriskRefused) as error:
            _log.info("phones can't be asked for yet", reason=str(error))
            await asyncio.sleep(_RETRY_S)
            continue
        numbers, _, _ = acd.configured
        now = {number: reachable.get(number, False) for number in numbers}
        for number, there in now.items():
            await acd.set_reachable(number, there)
        known = now
        await asyncio.sleep(_ASK_AGAIN_S if known else _RETRY_S)


async def _follow(ami: Ami, acd: Acd) -> None:
    with ami.events("ContactStatus", "ContactStatusDetail") as events:
        async for event in events:
            number = str(event.get("AOR", ""))
            if acd.knows_agent(number):
                await acd.set_reachable(number, str(event.get("ContactStatus", "")) not in _GONE)
