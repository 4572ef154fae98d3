"""An own recording in a prompt's place is what callers hear from its next play on; taken back, the spoken prompt is heard again."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from tests.calls.words import heard_prompt, prompt
from tests.parts.centre import Centre
from tests.parts.hearing import hears_tone, likeness
from tests.parts.studio import recording


@asynccontextmanager
async def own_recording(centre: Centre, name: str, hertz: int) -> AsyncIterator[None]:
    """A tone in this Chinese prompt's place, taken back afterwards."""
    address = f"{centre.url}/api/v1/prompts/zh/{name}"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {centre.demo['api_token']}"}) as http:
        async with http.put(address, data=recording("mp3", seconds=2, hertz=hertz)) as answer:
            assert (answer.status, (await answer.json())["source"]) == (200, "own")
        try:
            yield
        finally:
            async with http.delete(address) as answer:
                assert (answer.status, (await answer.json())["source"]) == (200, "synthesised")


async def test_callers_hear_an_own_recording_until_it_is_taken_back(centre: Centre) -> None:
    spoken = prompt(centre, "zh/welcome")
    async with centre.caller() as caller:
        async with own_recording(centre, "welcome", 700):
            call = await caller.dial("4000")
            await call.hears("the studio's welcome", lambda heard: hears_tone(heard[-4000:], 700))
            await centre.phase_of(caller.number, "menu")
            assert likeness(call.voice.ear.heard(0.0), spoken) < 0.4, "the spoken welcome was heard too"
            async with own_recording(centre, "main-menu", 1100):
                repeated = time.monotonic()
                await call.press("#")
                await call.hears("the menu recorded meanwhile", lambda heard: hears_tone(heard[-4000:], 1100), since=repeated)
            await call.hang_up()
        again = await caller.dial("4000")
        await heard_prompt(centre, again, "zh/welcome")
        assert likeness(again.voice.ear.heard(0.0), spoken) > 0.6
        await again.hang_up()
