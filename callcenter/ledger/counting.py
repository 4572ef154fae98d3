"""Metrics of calls, counted from what is noted: one place, whoever notes it.

A worker counts what it notes itself. What a worker before it began (a caller who waits) is counted where it ends, by the worker
that sees the end; only how long that caller waited is then not known here, and left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from callcenter.basics import metrics
from callcenter.ledger.events import CallArrived, CallEnded, Event, LeftQueue, OfferEnded, Queued

_waits = cache(metrics.CALL_WAIT_S.labels)
_COUNTED = frozenset((CallArrived, CallEnded, Queued, LeftQueue, OfferEnded))


class Counting:
    """Counts events; it remembers only since when callers wait."""

    def __init__(self) -> None:
        self._waiting: dict[str, int] = {}

    def count(self, events: Iterable[Event]) -> None:
        """Count what of these is counted."""
        for event in events:
            if type(event) not in _COUNTED:
                continue
            match event:
                case CallArrived():
                    metrics.CALLS_ARRIVED[event.direction] += 1
                case CallEnded():
                    metrics.CALLS_ENDED[event.outcome] += 1
                    self._waiting.pop(event.call, None)
                case Queued():
                    self._waiting[event.call] = event.at_ms
                case LeftQueue():
                    since_ms = self._waiting.pop(event.call, None)
                    if since_ms is not None:
                        _waits(event.queue, event.why).observe(max(0, event.at_ms - since_ms) / 1000)
                case OfferEnded():
                    metrics.OFFERS_ENDED[event.end] += 1
                case _:
                    pass
