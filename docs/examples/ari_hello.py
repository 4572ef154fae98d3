"""Answers every call that comes into the application ``hello``, plays a tone, says which keys were pressed, and hangs up on #.

In Asterisk's dialplan: ``exten => 100,1,Stasis(hello)``. Then::

    ARI_URL=http://127.0.0.1:8088 ARI_USER=me ARI_PASSWORD=… python docs/examples/ari_hello.py
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

from callcenter.asterisk import Ari, Channel, ConnectionLost
from callcenter.asterisk.events import ChannelDtmfReceived, StasisEnd, StasisStart
from callcenter.basics.errors import AsteriskAway, ChannelGone


async def serve(ari: Ari, channel: Channel) -> None:
    """One caller, from the greeting to the end. That the caller has just gone is ordinary."""
    with ari.subscribe(channel.id) as events, suppress(ChannelGone, AsteriskAway):
        await channel.answer()
        await channel.play(["tone:1004"], f"{channel.id}-tone")
        async for event in events:
            if isinstance(event, StasisEnd | ConnectionLost):
                return
            if isinstance(event, ChannelDtmfReceived):
                sys.stdout.write(f"{channel.id} pressed {event.digit}\n")
                sys.stdout.flush()
                if event.digit == "#":
                    await channel.hangup()


async def main() -> None:
    """Serve callers until interrupted, through every restart of Asterisk."""
    user, password = os.environ["ARI_USER"], os.environ["ARI_PASSWORD"]
    async with asyncio.TaskGroup() as callers, Ari(base_url=os.environ["ARI_URL"], user=user, password=password, app="hello") as ari:
        with ari.arrivals() as arrivals:
            async for event in arrivals:
                if isinstance(event, StasisStart):
                    callers.create_task(serve(ari, ari.channel(event.channel.id)))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
