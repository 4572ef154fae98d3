"""A caller's place in a queue, as the call holds it: what the match decides about the call arrives here."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from callcenter.acd.classes import Step
from callcenter.acd.model import EndedOffer, Offer, Queue


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the place was taken with, so that it can be taken again."""

    steps: tuple[Step, ...] = ()
    priority: int = 0
    number: str = ""


class Ticket:
    """A place in a queue."""

    def __init__(self, call: str, queue: Queue, *, since_ms: int, entered_ms: int) -> None:
        self.call = call
        self.queue = queue
        self.since_ms = since_ms
        """Since when the caller waits, which decides the order."""
        self.entered_ms = entered_ms
        """Since when in this queue."""
        self.place_back = False
        """Whether the caller got back the place of an earlier call."""
        self.staffing_changed = asyncio.Event()
        """Set when the queue has nobody, only paused agents, or somebody at work again: overflow rules look again."""
        self.wanted = Wanted()
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()
        """Offers and ends of offers; the call adds what else ends or changes its waiting."""

    def hand(self, message: Offer | EndedOffer) -> None:
        """An agent's phone is to ring for this caller, or is to stop."""
        self.inbox.put_nowait(message)

    @property
    def has_offer(self) -> bool:
        """Whether something is there already."""
        return not self.inbox.empty()
