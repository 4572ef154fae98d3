"""Clients of a private Asterisk, by way of a proxy if asked."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from callcenter.asterisk import Ari, AriLimits, Channel, Subscription
from callcenter.asterisk.ami import Ami
from callcenter.asterisk.events import AriEvent
from tests.asterisk_conf.private_asterisk import AMI_PASSWORD, ARI_PASSWORD, PrivateAsterisk

APP = "cc-test-1"
_numbers = itertools.count(1)
ROOM = "Local/4000@hold-for-service"
"""A channel whose other half waits in the dialplan."""


def ari_of(
    asterisk: PrivateAsterisk,
    *,
    port: int = 0,
    limits: AriLimits | None = None,
    on_connected: Callable[[], Awaitable[None]] | None = None,
    **more: Any,
) -> Ari:
    """An ARI client of it."""
    url = f"http://127.0.0.1:{port or asterisk.facts.http_port}"
    return Ari(
        base_url=url, user="callcenter", password=ARI_PASSWORD, app=APP, on_connected=on_connected, limits=limits or AriLimits(), **more
    )


def ami_of(asterisk: PrivateAsterisk, *, port: int = 0) -> Ami:
    """An AMI client of it."""
    return Ami("127.0.0.1", port or asterisk.facts.ami_port, "callcenter", AMI_PASSWORD)


def fresh(kind: str) -> str:
    """An id nobody has."""
    return f"{kind}-{next(_numbers)}"


async def call(ari: Ari, events: Subscription, channel_id: str = "") -> Channel:
    """A channel that is up in the application; ``events`` hear of it."""
    channel_id = channel_id or fresh("channel")
    events.add(channel_id)
    channel = await ari.originate(endpoint=ROOM, channel_id=channel_id, timeout_s=5)
    await heard(events, "StasisStart")
    return channel


async def heard(events: Subscription, kind: str, timeout_s: float = 5) -> AriEvent:
    """The next event of a kind; those before it are dropped."""
    while True:
        event = await events.next(timeout_s)
        if type(event).__name__ == kind:
            return event
