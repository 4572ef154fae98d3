"""The events of calls that something still happens to, and which calls' rows are to be written now. In memory; no I/O.

Nothing counts until it is committed: a shipment is drafted first, and kept when Postgres has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from callcenter.ledger.events import CallArrived, CallEnded, Event
from callcenter.ledger.projection import Projected, in_order, project

LIVE_EVERY_S: Final = 10.0
"""How often the row of a call that is up follows its events; its beginning and its end are written at once."""
_KEEP_ENDED_S: Final = 90.0
_KEEP_SILENT_S: Final = 3600.0
"""A call of which nothing is heard that long is read from Postgres when something comes."""
_LOOK_EVERY_S: Final = 1.0
_MOST_LIVE: Final = 100


class _Book(msgspec.Struct):
    events: list[Event]
    ended: bool = False
    spoiled: bool = False
    """Postgres refuses its rows: only its events are written."""
    projected_s: float = 0.0
    touched_s: float = 0.0


class Draft(msgspec.Struct, frozen=True):
    """What a shipment makes of the books."""

    events: dict[str, list[Event]]
    """All events by call, those of the shipment last."""
    projections: list[Projected]


class Books:
    """One per ledger."""

    def __init__(self) -> None:
        self._books: dict[str, _Book] = {}
        self._stale: set[str] = set()
        self._looked_s = 0.0

    def unknown(self, events: Iterable[Event]) -> list[str]:
        """Calls of these events whose earlier events only Postgres can tell."""
        new = {event.call: False for event in events if event.call and event.call not in self._books}
        for event in events:
            if isinstance(event, CallArrived) and event.call in new:
                new[event.call] = True
        return [call for call, arrives in new.items() if not arrives]

    def draft(self, events: Iterable[Event], before: Mapping[str, Sequence[Event]]) -> Draft:
        """All events of the calls these belong to, and the rows that are due; ``before``: what Postgres told of the unknown ones."""
        touched: dict[str, list[Event]] = {}
        for event in events:
            if event.call:
                touched.setdefault(event.call, []).append(event)
        whole: dict[str, list[Event]] = {}
        due: list[list[Event]] = []
        for call, news in touched.items():
            book = self._books.get(call)
            whole[call] = in_order([*before.get(call, ()), *news]) if book is None else [*book.events, *news]
            if book is None or (not book.spoiled and (book.ended or any(isinstance(event, CallEnded) for event in news))):
                due.append(whole[call])
        return Draft(whole, [project(every) for every in due])

    def keep(self, draft: Draft, now_s: float) -> None:
        """The draft is committed."""
        for call, events in draft.events.items():
            book = self._books.setdefault(call, _Book(events))
            book.events, book.touched_s = events, now_s
            if not book.ended and not book.spoiled:
                self._stale.add(call)
        self.written(draft.projections, now_s)

    def written(self, projections: Iterable[Projected], now_s: float) -> None:
        """These rows are committed."""
        for found in projections:
            if book := self._books.get(found.call.id):
                book.projected_s, book.ended = now_s, book.ended or found.call.ended_ms is not None
            self._stale.discard(found.call.id)

    def spoil(self, call: str) -> None:
        """Postgres refuses this call's rows: from now on only its events are written."""
        if book := self._books.get(call):
            book.spoiled = True
            self._stale.discard(call)

    def stale(self) -> bool:
        """Whether rows of calls that are up lag behind their events."""
        return bool(self._stale)

    def lagging(self, now_s: float) -> list[Projected]:
        """Rows of calls that are up and have lagged long enough; looked for once a second, for looking costs too."""
        if now_s - self._looked_s < _LOOK_EVERY_S:
            return []
        self._looked_s = now_s
        self._forget_old(now_s)
        late = [book for book in map(self._books.__getitem__, self._stale) if now_s - book.projected_s >= LIVE_EVERY_S]
        return [project(book.events) for book in late[:_MOST_LIVE]]

    def _forget_old(self, now_s: float) -> None:
        for call, book in list(self._books.items()):
            if now_s - book.touched_s > (_KEEP_ENDED_S if book.ended else _KEEP_SILENT_S):
                del self._books[call]
                self._stale.discard(call)
