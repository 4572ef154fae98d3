"""A phone that leaves and comes back, as one does whose network changes, is known at once, whatever list was being read meanwhile."""

from __future__ import annotations

import asyncio

from tests.parts.centre import Centre

_TIMES = 30
_AT_ONCE_S = 3.0
"""Far below the 30 s after which all phones are asked for again: an old list that was believed would last as long."""


async def test_an_agent_whose_phone_comes_back_is_ready(centre: Centre) -> None:
    await centre.set_state("1002", "ready")
    try:
        for time in range(_TIMES):
            async with centre.agent("1002"):
                await centre.agent_is("1002", "ready", "ringing", timeout_s=_AT_ONCE_S)
            await asyncio.sleep(0.03 + time * 0.002)
    finally:
        await centre.set_state("1002", "offline")
