"""Bounded streams of events. Too slow a reader is told so and cut off; nothing is ever dropped in silence."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from callcenter.asterisk.events import AriEvent
from callcenter.asterisk.protocol import mentioned
from callcenter.basics import metrics
from callcenter.basics.errors import CallCenterError
from callcenter.basics.logs import get_logger

_log = get_logger(__name__)


class SubscriptionOverflowed(CallCenterError):
    """A reader of events was too slow."""

    slug = "subscription-overflowed"


class ConnectionLost(AriEvent, frozen=True, kw_only=True, tag="ConnectionLost"):
    """Ours, not Asterisk's: the socket is gone; events of the time until it is back are lost."""


class _Ear:
    """Hears the events that mention certain ids."""

    def __init__(self, board: Switchboard, ids: tuple[str, ...]) -> None:
        self._board = board
        self._closed = False
        self.ids: set[str] = set()
        for resource_id in ids:
            self.add(resource_id)

    def add(self, resource_id: str) -> None:
        """Listen to this id too, from now on."""
        if not self._closed and resource_id not in self.ids:
            self.ids.add(resource_id)
            self._board.join(resource_id, self)

    def discard(self, resource_id: str) -> None:
        """No longer listen to this id."""
        if resource_id in self.ids:
            self.ids.discard(resource_id)
            self._board.part(resource_id, self)

    def close(self) -> None:
        """Listen no more."""
        self._closed = True
        for resource_id in tuple(self.ids):
            self.discard(resource_id)
        self._board.forget(self)

    def deliver(self, event: AriEvent) -> None:
        """Take an event; must not raise."""
        raise NotImplementedError


class Listening(_Ear):
    """Tells a function of every event, at once: for whoever only keeps facts and never waits."""

    def __init__(self, board: Switchboard, ids: tuple[str, ...], take: Callable[[AriEvent], None]) -> None:
        super().__init__(board, ids)
        self._take = take

    def deliver(self, event: AriEvent) -> None:
        """Take an event; a fault of the taker's is logged and holds nobody else up."""
        if self._closed:
            return
        try:
            self._take(event)
        except Exception:
            _log.exception("an event was not understood", event_type=type(event).__name__)


class Subscription(_Ear):
    """Events that mention certain ids, in order. Iterate it, or ask for the ``next`` one."""

    def __init__(self, board: Switchboard, ids: tuple[str, ...], limit: int) -> None:
        self._limit = limit
        self._events: deque[AriEvent] = deque()
        self._waiters: set[asyncio.Future[None]] = set()
        self._overflowed = False
        super().__init__(board, ids)

    def close(self) -> None:
        """Listen no more; whoever waits gets the end."""
        super().close()
        self._wake()

    def deliver(self, event: AriEvent) -> None:
        """Put an event in; on overflow the subscription ends with an error instead."""
        if self._closed or self._overflowed:
            return
        if len(self._events) >= self._limit:
            self._overflowed = True
            self._board.overflows += 1
            metrics.ARI_OVERFLOWS.inc()
        else:
            self._events.append(event)
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def next(self, timeout_s: float | None = None) -> AriEvent:
        """The next event. TimeoutError after ``timeout_s`` seconds, SubscriptionOverflowed, StopAsyncIteration when closed."""
        if self._events:
            return self._events.popleft()
        async with asyncio.timeout(timeout_s):
            while not self._events:
                if self._overflowed:
                    raise SubscriptionOverflowed(f"more than {self._limit} events were waiting")
                if self._closed:
                    raise StopAsyncIteration
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.add(waiter)
                try:
                    await waiter
                finally:
                    self._waiters.discard(waiter)
        return self._events.popleft()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AriEvent:
        return await self.next()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Switchboard:
    """Who listens to what."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[_Ear]] = {}
        self._arrivals: list[_Ear] = []
        self._all: set[_Ear] = set()
        self.overflows = 0
        """How often a reader was too slow; a metric."""

    def open(self, ids: tuple[str, ...], limit: int, *, arrivals: bool = False) -> Subscription:
        """A new subscription; ``arrivals``: to new channels nobody listens to."""
        subscription = Subscription(self, ids, limit)
        self._all.add(subscription)
        if arrivals:
            self._arrivals.append(subscription)
        return subscription

    def listen(self, ids: tuple[str, ...], take: Callable[[AriEvent], None], *, arrivals: bool = False) -> Listening:
        """Tell ``take`` of every event that mentions any of these ids; ``arrivals``: of new channels nobody listens to."""
        listening = Listening(self, ids, take)
        self._all.add(listening)
        if arrivals:
            self._arrivals.append(listening)
        return listening

    def join(self, resource_id: str, subscription: _Ear) -> None:
        """Let a subscription hear of an id."""
        self._listeners.setdefault(resource_id, []).append(subscription)

    def part(self, resource_id: str, subscription: _Ear) -> None:
        """Let it hear no more of the id."""
        listeners = self._listeners.get(resource_id, [])
        if subscription in listeners:
            listeners.remove(subscription)
        if not listeners:
            self._listeners.pop(resource_id, None)

    def forget(self, subscription: _Ear) -> None:
        """The subscription is closed."""
        self._all.discard(subscription)
        if subscription in self._arrivals:
            self._arrivals.remove(subscription)

    def dispatch(self, event: AriEvent, *, arrival: bool) -> None:
        """Deliver an event once to each subscription that listens to anything it mentions."""
        heard: list[_Ear] = []
        for resource_id in mentioned(event):
            for subscription in self._listeners.get(resource_id, ()):
                if subscription not in heard:
                    heard.append(subscription)
        if arrival and not heard:
            heard = [*self._arrivals]
        for subscription in heard:
            subscription.deliver(event)

    def tell_all(self, event: AriEvent) -> None:
        """Deliver an event to everyone."""
        for subscription in tuple(self._all):
            subscription.deliver(event)
