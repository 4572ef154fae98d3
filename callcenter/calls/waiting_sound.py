"""What a waiting caller hears: music, and now and then a voice; silence at once when an agent is there.

A playback ends the music for good (Asterisk drops the music's generator when a file begins), so it is started anew after
each message; Asterisk goes on with the tune where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from callcenter.asterisk import Playback
from callcenter.basics.errors import AsteriskAway, AsteriskRefused
from callcenter.calls import line
from callcenter.calls.session import Session

_HUSH_LIMIT_S: Final = 0.5
"""Asterisk tells of a stopped playback's end within milliseconds."""


class WaitingSound:
    """Music and messages of one waiting caller; one message at a time, whoever wants to say something."""

    def __init__(self, session: Session, music_class: str) -> None:
        self._session = session
        self._class = music_class
        self._on = False
        self._quiet = False
        self._turn = asyncio.Lock()
        self._speaking: Playback | None = None
        self._has_floor: asyncio.Task[Any] | None = None

    async def start(self) -> None:
        """Music, unless it is on."""
        self._quiet = False
        if not self._on:
            self._on = True
            await self._session.caller.channel.moh_start(self._class)

    async def say(self, sounds: Sequence[str]) -> bool:
        """Say something after what is being said, then music again; False when an agent's answer came first or between."""
        async with self._turn:
            if self._quiet:
                return False
            await self._speak(sounds)
            if self._quiet:
                return False
            self._on = True
            await self._session.caller.channel.moh_start(self._class)
            return True

    @asynccontextmanager
    async def floor(self) -> AsyncIterator[None]:
        """Nobody else says anything, and there is no music, until the block has ended; what is being said stops now.

        An agent's answer cancels the task that has the floor.
        """
        await self._stop_speaking()
        async with self._turn:
            self._on = False
            self._has_floor = asyncio.current_task()
            try:
                yield
            finally:
                self._has_floor = None
            if not self._quiet:
                self._on = True
                await self._session.caller.channel.moh_start(self._class)

    async def _speak(self, sounds: Sequence[str]) -> None:
        async with line.playing(self._session, sounds) as (playback, over):
            self._speaking = playback
            try:
                if self._quiet:
                    await self._stop_speaking()
                with suppress(TimeoutError):
                    async with asyncio.timeout(line.longest_s(sounds)):
                        await over
            except asyncio.CancelledError:
                await self._stop_speaking()
                raise
            finally:
                self._speaking = None

    async def _stop_speaking(self) -> None:
        if self._speaking:
            with suppress(AsteriskRefused, AsteriskAway):
                await self._speaking.stop()

    async def hush(self) -> None:
        """Say nothing more; what is being said stops now. Music goes on, or comes back by ``start``."""
        self._quiet = True
        if self._turn.locked():
            self._on = False
            if self._has_floor:
                self._has_floor.cancel()
            await self._stop_speaking()
            with suppress(TimeoutError):
                async with asyncio.timeout(_HUSH_LIMIT_S), self._turn:
                    pass

    async def stop(self) -> None:
        """Silence."""
        await self.hush()
        if self._on:
            self._on = False
            with suppress(AsteriskRefused):
                await self._session.caller.channel.moh_stop()
