"""Which agents' phones can be reached: asked once at each AMI connect, then told by Asterisk's events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
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


class PhoneWatch:
    """Keeps the ACD's knowledge of phones true; one per worker."""

    def __init__(self, ami: Ami, acd: Acd) -> None:
        self._ami = ami
        self._acd = acd
        self._again = asyncio.Event()
        self._told: set[str] = set()
        """Whose phone an event has told of since the list was asked for: of them the list is older than what is known."""
        self._one_at_a_time = asyncio.Lock()
        self._gone: dict[str, asyncio.Event] = {}
        """Set while the agent's phone can't be reached."""

    async def run(self) -> None:
        """Watch until cancelled; asks anew now and then, so that a missed event heals."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="phones: events")
            group.create_task(self._ask(), name="phones: list")

    async def found_dead(self, number: str) -> None:
        """Have Asterisk look whether a phone is there, and return when it is not; otherwise wait until cancelled."""
        with suppress(AsteriskAway, AsteriskRefused):
            await self._ami.qualify(number)
        await self._gone.setdefault(number, asyncio.Event()).wait()

    async def _tell(self, number: str, reachable: bool) -> None:
        gone = self._gone.setdefault(number, asyncio.Event())
        if reachable:
            gone.clear()
        else:
            gone.set()
        await self._acd.desks.set_phone(number, reachable)

    async def _ask(self) -> None:
        """Ask for all phones now, and again when one has gone."""
        said = ""
        while True:
            self._again.clear()
            self._told.clear()
            try:
                reachable = await self._ami.contacts()
            except (AsteriskAway, AsteriskRefused) as error:
                if (why := str(error)) != said:
                    said = why
                    _log.info("phones can't be asked for yet", reason=why)
                await asyncio.sleep(_RETRY_S)
                continue
            said = ""
            await self._believe(reachable)
            with suppress(TimeoutError):
                async with asyncio.timeout(_ASK_AGAIN_S):
                    await self._again.wait()
            await asyncio.sleep(_GATHER_S)

    async def _believe(self, reachable: Mapping[str, bool]) -> None:
        numbers, _, _ = self._acd.configured
        for number in tuple(numbers):
            async with self._one_at_a_time:
                if number not in self._told:
                    await self._tell(number, reachable.get(number, False))

    async def _follow(self) -> None:
        """A contact that came is believed; one that went is asked about, for the phone may have another (it moved)."""
        with self._ami.events("ContactStatus") as events:
            async for event in events:
                number = str(event.get("AOR", ""))
                if not self._acd.knows_agent(number):
                    continue
                if str(event.get("ContactStatus", "")) in _GONE:
                    self._again.set()
                    continue
                self._told.add(number)
                async with self._one_at_a_time:
                    await self._tell(number, True)
