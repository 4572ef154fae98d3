"""The ledger at work: what happened is noted at once, on the local disk within milliseconds, in Postgres soon after, once.

    note() → memory → spool file (fsync in groups) → call_events, and the rows projected from them → file removed

Postgres being away only makes the spool longer. Every step may be repeated: events carry ids of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from callcenter.basics import clock
from callcenter.basics.logs import get_logger
from callcenter.ledger import store
from callcenter.ledger.events import AgentChanged, CallArrived, CallEnded, Event, decode, storable
from callcenter.ledger.projection import Projected, project
from callcenter.ledger.spool import Spool, bodies_of, line_of

_log = get_logger(__name__)
_GATHER_S: Final = 0.01
_SHIP_EVERY_S: Final = 0.08
"""Each shipment costs the same whatever it carries: fewer, larger ones; a call's end is visible well within 200 ms."""
_MOST_IN_MEMORY: Final = 5000
_RETRY_FIRST_S, _RETRY_MOST_S = 0.2, 5.0
_LIVE_EVERY_S: Final = 2.0
_KEEP_ENDED_S: Final = 90.0
_AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


class _Batch(msgspec.Struct):
    """Events that are on disk in one file and not yet in Postgres; ``events`` None: to be read from the file."""

    path: Path | None
    events: list[Event] | None
    noted: int = 0
    """How many of this run's events it holds."""


class _Book(msgspec.Struct):
    """The events of a call that something still happens to."""

    events: list[Event]
    whole: bool
    """False when a worker before us wrote its beginning: then Postgres is asked."""
    ended_s: float | None = None
    projected_s: float = 0.0


class Ledger:
    """Writes down what happens. One per worker; ``run`` is its one task."""

    def __init__(self, pool: asyncpg.Pool, spool_dir: Path) -> None:
        self._pool = pool
        self._spool = Spool(spool_dir)
        self._noted: list[Event] = []
        self._spooled: list[Event] = []
        self._waiting: list[_Batch] = []
        self._books: dict[str, _Book] = {}
        self._wake = asyncio.Event()
        self._to_ship = asyncio.Event()
        self._disk = asyncio.Lock()
        self._shipping = 0
        self._settled = asyncio.Event()
        self._settled.set()
        self._noted_ever = self._committed_ever = 0
        self._askers: list[tuple[int, asyncio.Event]] = []
        self.delayed = False
        """True while Postgres can't be written: the history is complete only on disk."""

    def note(self, *events: Event) -> None:
        """Write down that something happened; never waits."""
        self._noted.extend(events)
        self._noted_ever += len(events)
        self._settled.clear()
        self._wake.set()

    def backlog(self) -> int:
        """Events that Postgres does not have yet (files of an earlier run count as one each)."""
        waiting = sum(1 if batch.events is None else len(batch.events) for batch in self._waiting)
        return len(self._noted) + len(self._spooled) + waiting + self._shipping

    async def settle(self, timeout_s: float) -> None:
        """Wait until everything noted so far is committed; TimeoutError after ``timeout_s`` seconds."""
        async with asyncio.timeout(timeout_s):
            asker = (self._noted_ever, self._settled if self._settled.is_set() else asyncio.Event())
            self._askers.append(asker)
            try:
                await asker[1].wait()
            finally:
                self._askers.remove(asker)

    async def run(self) -> None:
        """Keep writing until cancelled; what is noted by then is on the disk at least."""
        left = await asyncio.to_thread(self._spool.open)
        self._waiting = [_Batch(path, None) for path in left]
        if left:
            _log.info("the spool of an earlier run is taken in", files=len(left))
            self._settled.clear()
            self._wake.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write_disk(), name="ledger: disk")
                group.create_task(self._write_database(), name="ledger: database")
        finally:
            if self._noted:
                self._spool.append(line_of(storable(event)[1]) for event in self._noted)
            self._spool.rotate()

    async def _write_disk(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(_GATHER_S)
            self._wake.clear()
            async with self._disk:
                events, self._noted = self._noted, []
                if not events:
                    continue
                stored = [storable(event) for event in events]
                try:
                    await asyncio.to_thread(self._spool.append, [line_of(line) for _, line in stored])
                except OSError as error:
                    self._noted = events + self._noted
                    _log.error("the ledger's spool can't be written", reason=str(error))
                    await asyncio.sleep(_RETRY_FIRST_S)
                    self._wake.set()
                    continue
                self._spooled.extend(event for event, _ in stored)
                self._to_ship.set()
                if len(self._spooled) > _MOST_IN_MEMORY:
                    self._waiting.append(_Batch(await asyncio.to_thread(self._spool.rotate), None, len(self._spooled)))
                    self._spooled = []

    async def _write_database(self) -> None:
        delay_s = _RETRY_FIRST_S
        while True:
            batch = await self._next_batch()
            if batch is None:
                self._settle_if_done()
                await self._wait_for_work()
                continue
            try:
                await self._ship(batch)
            except _AWAY as error:
                if not self.delayed:
                    _log.warning("Postgres can't be written; the ledger waits on the disk", reason=f"{type(error).__name__}: {error}"[:200])
                self.delayed = True
                self._waiting.insert(0, batch)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, _RETRY_MOST_S)
            else:
                if self.delayed:
                    _log.info("Postgres is written again", backlog=self.backlog())
                self.delayed, delay_s = False, _RETRY_FIRST_S
                self._settle_if_done()
                await asyncio.sleep(0 if self._waiting else _SHIP_EVERY_S)

    async def _wait_for_work(self) -> None:
        """Sleep until events are on the disk; meanwhile keep the rows of live calls fresh now and then."""
        live = any(book.ended_s is None for book in self._books.values())
        try:
            async with asyncio.timeout(_LIVE_EVERY_S if live else None):
                await self._to_ship.wait()
        except TimeoutError:
            await self._project_live()
        self._to_ship.clear()

    def _settle_if_done(self) -> None:
        nothing_left = not self.backlog()
        if nothing_left:
            self._settled.set()
        for target, told in self._askers:
            if nothing_left or (self._committed_ever >= target and all(batch.noted for batch in self._waiting)):
                told.set()

    async def _next_batch(self) -> _Batch | None:
        if self._waiting:
            return self._waiting.pop(0)
        if not self._spooled:
            return None
        async with self._disk:
            events, self._spooled = self._spooled, []
            path = await asyncio.to_thread(self._spool.rotate)
        return _Batch(path, events, len(events))

    async def _ship(self, batch: _Batch) -> None:
        events = batch.events
        if events is None and batch.path:
            events = await self._read_file(batch.path)
        self._shipping = len(events or ())
        try:
            await self._commit(events or [])
        finally:
            self._shipping = 0
        self._committed_ever += batch.noted
        if batch.path:
            await asyncio.to_thread(self._spool.remove, batch.path)

    async def _read_file(self, path: Path) -> list[Event]:
        try:
            bodies, damaged = bodies_of(await asyncio.to_thread(path.read_bytes))
        except FileNotFoundError:
            return []
        events = []
        for body in bodies:
            try:
                events.append(decode(body))
            except msgspec.MsgspecError as error:
                damaged += 1
                _log.error("an event in the spool is not understood", file=path.name, reason=str(error))
        if damaged:
            _log.warning("torn lines in the spool were left out", file=path.name, lines=damaged)
        return events

    async def _commit(self, events: Sequence[Event]) -> None:
        """Events and what follows from them, in one transaction."""
        touched = dict.fromkeys(event.call for event in events if event.call)
        async with self._pool.acquire() as connection, connection.transaction():
            await store.add_events(connection, events)
            await store.add_agent_states(connection, [event for event in events if isinstance(event, AgentChanged)])
            await self._take_into_books(connection, events)
            due = [call for call in touched if self._is_due(call)]
            await store.put_projections(connection, [project(self._books[call].events) for call in due])
        now_s = clock.monotonic_s()
        for call in due:
            self._books[call].projected_s = now_s
        self._forget_old(now_s)

    async def _take_into_books(self, connection: store.Connection, events: Sequence[Event]) -> None:
        for event in events:
            if not event.call:
                continue
            book = self._books.setdefault(event.call, _Book(events=[], whole=False))
            book.events.append(event)
            book.whole = book.whole or isinstance(event, CallArrived)
            if isinstance(event, CallEnded):
                book.ended_s = clock.monotonic_s()
        for call in dict.fromkeys(event.call for event in events if event.call):
            book = self._books[call]
            if not book.whole:
                book.events = await store.events_of(connection, call)
                book.whole = True
                if book.ended_s is None and any(isinstance(event, CallEnded) for event in book.events):
                    book.ended_s = clock.monotonic_s()

    def _is_due(self, call: str) -> bool:
        book = self._books[call]
        return book.ended_s is not None or book.projected_s == 0.0

    async def _project_live(self) -> None:
        """Bring the rows of calls that are up in line now and then; their ends are written at once."""
        now_s = clock.monotonic_s()
        due = [book for book in self._books.values() if book.ended_s is None and now_s - book.projected_s > _LIVE_EVERY_S]
        if not due:
            return
        projections: list[Projected] = [project(book.events) for book in due]
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await store.put_projections(connection, projections)
        except _AWAY as error:
            _log.info("rows of live calls wait for Postgres", reason=str(error)[:200])
        for book in due:
            book.projected_s = now_s

    def _forget_old(self, now_s: float) -> None:
        for call in [call for call, book in self._books.items() if book.ended_s is not None and now_s - book.ended_s > _KEEP_ENDED_S]:
            del self._books[call]


async def rebuild(pool: asyncpg.Pool, calls: Sequence[str]) -> None:
    """Make the rows of these calls anew from their events."""
    async with pool.acquire() as connection, connection.transaction():
        projections = [project(events) for call in calls if (events := await store.events_of(connection, call))]
        await store.put_projections(connection, projections)
