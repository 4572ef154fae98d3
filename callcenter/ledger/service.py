"""The ledger at work: what happened is noted at once, on the local disk within milliseconds, in Postgres soon after, once.

    note() → spool file, written as soon as the loop turns → confirmed by the disk in groups →
    call_events and the rows projected from them, in one statement → file removed

What is written survives the death of this process, what is confirmed a power cut; only what is confirmed goes to Postgres.
Postgres being away only makes the spool longer. The disk being full keeps events in memory, up to a limit, and sends them to
Postgres from there. Every step may be repeated: events carry ids of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import asyncpg
import msgspec

from callcenter.basics import clock, metrics
from callcenter.basics.logs import get_logger
from callcenter.ledger import store
from callcenter.ledger.books import Books
from callcenter.ledger.counting import Counting
from callcenter.ledger.events import Event, decode, storable
from callcenter.ledger.projection import Projected, project
from callcenter.ledger.spool import REFUSED, Spool, bodies_of, confirm_left

_log = get_logger(__name__)
_GATHER_S: Final = 0.01
_GATHER_BUSY_S: Final = 0.03
_BUSY_WITHIN_S: Final = 0.1
"""An fsync costs the same whatever it confirms: while events come that close together, fewer and larger groups."""
_SHIP_EVERY_S: Final = 0.08
"""Each shipment costs the same whatever it carries: fewer, larger ones; a call's end is visible well within 200 ms."""
_MOST_IN_MEMORY: Final = 5000
_MOST_UNWRITTEN: Final = 50_000
_MOST_AT_ONCE: Final = 500
_FILE_BYTES, _FILE_S = 1_000_000, 2.0
_RETRY_FIRST_S, _RETRY_MOST_S = 0.2, 5.0
_TIDY_AFTER_S: Final = 1.0
_AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)

_Entry: TypeAlias = tuple[Event, bytes]
"""An event and its JSON, made once: the spool's line and Postgres' jsonb."""


class _Batch(msgspec.Struct):
    """Events that are not yet in Postgres; ``entries`` None: to be read from the files; no ``files``: in memory alone."""

    files: set[Path]
    entries: list[_Entry] | None
    noted: int = 0
    """How many of this run's events it holds."""


class Ledger:
    """Writes down what happens. One per worker; ``run`` is its one task."""

    def __init__(self, pool: asyncpg.Pool, spool_dir: Path, *, most_unwritten: int = _MOST_UNWRITTEN) -> None:
        self._pool = pool
        self._spool = Spool(spool_dir)
        self._most_unwritten = most_unwritten
        self._opened = False
        self._noted: list[Event] = []
        self._to_write = False
        self._uncounted: list[Event] = []
        self._written: list[_Entry] = []
        self._written_in: set[Path] = set()
        self._unwritten: list[_Entry] = []
        self._spooled: list[_Entry] = []
        self._spooled_in: set[Path] = set()
        self._waiting: list[_Batch] = []
        self._books = Books()
        self._counting = Counting()
        self._wake = asyncio.Event()
        self._to_ship = asyncio.Event()
        self._disk = asyncio.Lock()
        self._confirmed_s = 0.0
        self._settled = asyncio.Event()
        self._settled.set()
        self._noted_ever = self._committed_ever = 0
        self._askers: list[tuple[int, asyncio.Event]] = []
        self.delayed = False
        """True while Postgres can't be written: the history is complete only on disk."""
        self.disk_trouble = ""
        """Why the spool can't be written now; empty while it can. Meanwhile events are in memory and in Postgres only."""
        self.lost = 0
        """Events of this run that neither disk nor Postgres could take before memory was full."""
        self.refused = 0
        """Events of this run that Postgres refuses for ever; they stand in ``refused.lines`` beside the spool."""

    @property
    def alarm(self) -> str:
        """What an operator has to look at, in words; empty when all is well."""
        troubles = (
            f"the spool can't be written: {self.disk_trouble}" if self.disk_trouble else "",
            f"{self.lost} events lost" if self.lost else "",
            f"{self.refused} events refused by Postgres" if self.refused else "",
        )
        return "; ".join(filter(None, troubles))

    def note(self, *events: Event) -> None:
        """Write down that something happened; never waits. When the loop has turned it survives the death of this process.

        When neither disk nor Postgres takes them and memory is full, events are dropped, counted in ``lost``.
        """
        room = self._most_unwritten - self._in_memory_only()
        if len(events) > room:
            if not self.lost:
                _log.error("events are lost: neither disk nor Postgres takes them", in_memory=self._in_memory_only())
            self.lost += len(events) - max(0, room)
            events = events[: max(0, room)]
        self._noted.extend(events)
        self._noted_ever += len(events)
        self._settled.clear()
        self._wake.set()
        if not self._to_write:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().call_soon(self._write_noted)
                self._to_write = True

    def _in_memory_only(self) -> int:
        """Those that the disk has not confirmed; many, if it never answers."""
        return len(self._noted) + len(self._written) + len(self._unwritten) + len(self._held())

    def _held(self) -> list[_Entry]:
        """Those of a shipment that is on no disk; only the first one can be: others are made of files."""
        first = self._waiting[0] if self._waiting else None
        return first.entries or [] if first and not first.files else []

    def backlog(self) -> int:
        """Events that Postgres does not have yet (files of an earlier run count as one each)."""
        waiting = sum(max(1, batch.noted) if batch.entries is None else len(batch.entries) for batch in self._waiting)
        return len(self._noted) + len(self._written) + len(self._unwritten) + len(self._spooled) + waiting

    async def settle(self, timeout_s: float) -> None:
        """Wait until everything noted so far is committed; TimeoutError after ``timeout_s`` seconds."""
        async with asyncio.timeout(timeout_s):
            asker = (self._noted_ever, self._settled if self._settled.is_set() else asyncio.Event())
            self._askers.append(asker)
            try:
                await asker[1].wait()
            finally:
                self._askers.remove(asker)

    async def open_calls(self, node: str) -> dict[str, list[Event]]:
        """What has happened to those calls of a node whose end Postgres doesn't have."""
        calls = await store.open_calls(self._pool, node)
        if not calls:
            return {}
        async with self._pool.acquire() as connection:
            return await store.events_of(connection, calls)

    async def known_channels(self, node: str, channels: Sequence[str], from_ms: int, to_ms: int) -> dict[str, store.LegOf]:
        """Call and leg of those channels that are in a call which began between two moments, UTC milliseconds."""
        return await store.legs_of_channels(self._pool, node, channels, from_ms, to_ms) if channels else {}

    async def run(self) -> None:
        """Keep writing until cancelled; what is noted by then is on the disk at least."""
        try:
            await self._open()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write_disk(), name="ledger: disk")
                group.create_task(self._write_database(), name="ledger: database")
        finally:
            self._close()

    async def _open(self) -> None:
        try:
            left = await asyncio.to_thread(self._spool.open)
        except OSError as error:
            self._disk_failed(error)
            return
        self._opened = True
        self._write_noted()
        if left:
            _log.info("the spool of an earlier run is taken in", files=len(left))
            self._waiting += [_Batch({path}, None) for path in left]
            self._settled.clear()
            self._wake.set()
            await asyncio.to_thread(confirm_left, left)

    def _close(self) -> None:
        """The last writes, in the way: the loop may not turn any more."""
        rest = [*self._held(), *self._written, *self._unwritten, *self._encoded(self._noted)]
        try:
            if rest:
                if not self._opened:
                    self._spool.open()
                self._spool.append(body for _, body in rest)
            self._spool.rotate()
            if self._opened and not rest and not self.backlog():
                self._spool.remove(self._spool.closed)
        except OSError as error:
            _log.error("the ledger's last entries can't be written", lost=len(rest), reason=str(error))
        self._opened = False

    # The disk

    def _write_noted(self) -> None:
        """Called in the loop as soon as it turns; from then on what was noted survives the death of this process."""
        self._to_write = False
        if not self._noted or not (self._opened or self.disk_trouble):
            return
        events, self._noted = self._noted, []
        self._uncounted += events
        self._write(self._encoded(events))

    def _count(self) -> None:
        events, self._uncounted = self._uncounted, []
        metrics.LEDGER_EVENTS.inc(len(events))
        self._counting.count(events)

    def _write(self, entries: list[_Entry]) -> None:
        if self.disk_trouble or not entries:
            self._unwritten += entries
            return
        self._written += entries
        try:
            self._written_in.add(self._spool.write([body for _, body in entries]))
        except OSError as error:
            self._disk_failed(error)

    async def _write_disk(self) -> None:
        delay_s = _RETRY_FIRST_S
        while True:
            await self._wake.wait()
            busy = clock.monotonic_s() - self._confirmed_s < _BUSY_WITHIN_S
            await asyncio.sleep(_GATHER_BUSY_S if busy else _GATHER_S)
            self._wake.clear()
            self._write_noted()
            self._count()
            async with self._disk:
                await (self._write_again() if self.disk_trouble else self._confirm())
            self._to_ship.set()
            if self.disk_trouble:
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, _RETRY_MOST_S)
                self._wake.set()
            else:
                delay_s = _RETRY_FIRST_S

    async def _confirm(self) -> None:
        """Let the disk confirm what is written; the loop goes on writing meanwhile."""
        count = len(self._written)
        if not count:
            return
        too_many = len(self._spooled) + count > _MOST_IN_MEMORY
        if too_many or (not self.delayed and self._spool.is_full(_FILE_BYTES, _FILE_S)):
            self._spool.rotate()
        self._spooled_in |= self._written_in
        self._written_in = set()
        try:
            await asyncio.to_thread(self._spool.confirm)
        except OSError as error:
            self._disk_failed(error)
        if self.disk_trouble:
            return
        self._spooled += self._written[:count]
        self._written = self._written[count:]
        self._confirmed_s = clock.monotonic_s()
        if too_many:
            self._waiting.append(_Batch(self._spooled_in, None, len(self._spooled)))
            self._spooled, self._spooled_in = [], set()

    async def _write_again(self) -> None:
        """Try the disk with all that it has not confirmed, in a new file."""
        if not self._opened:
            await self._open()
        held = self._waiting[0] if self._held() else None
        count = len(self._unwritten)
        bodies = [body for _, body in (*self._held(), *self._unwritten)]
        if not self._opened:
            return
        try:
            path = await asyncio.to_thread(self._spool.append, bodies)
        except OSError as error:
            self._disk_failed(error)
            return
        _log.info("the ledger's spool is written again")
        self.disk_trouble = ""
        if held:
            held.files.add(path)
        if count:
            self._spooled_in.add(path)
            self._spooled += self._unwritten[:count]
        rest, self._unwritten = self._unwritten[count:], []
        self._confirmed_s = clock.monotonic_s()
        self._write(rest)

    def _disk_failed(self, error: OSError) -> None:
        """What the disk has not confirmed counts as nowhere written."""
        if not self.disk_trouble:
            _log.error("the ledger's spool can't be written; events are held in memory", reason=str(error))
        self.disk_trouble = error.strerror or str(error)
        self._unwritten = self._written + self._unwritten
        self._written, self._written_in = [], set()
        self._wake.set()

    def _encoded(self, events: Iterable[Event]) -> list[_Entry]:
        entries = []
        for event in events:
            try:
                entries.append(storable(event))
            except (ValueError, OverflowError, TypeError) as error:
                self.refused += 1
                self._committed_ever += 1
                _log.error("an event can't be written as JSON", event_repr=repr(event)[:2000], reason=str(error))
        return entries

    # Postgres

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
                    _log.warning("Postgres can't be written; the ledger waits on the disk", reason=_words(error))
                self.delayed = True
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, _RETRY_MOST_S)
            else:
                if self.delayed:
                    _log.info("Postgres is written again", backlog=self.backlog())
                self.delayed, delay_s = False, _RETRY_FIRST_S
                self._settle_if_done()
                await asyncio.sleep(0 if self._waiting else _SHIP_EVERY_S)

    async def _wait_for_work(self) -> None:
        """Sleep until there are events to ship; meanwhile the rows of live calls follow, and the spool is emptied."""
        try:
            async with asyncio.timeout(_TIDY_AFTER_S if self._books.stale() or self._spool.current or self._spool.closed else None):
                await self._to_ship.wait()
        except TimeoutError:
            await self._tidy()
        self._to_ship.clear()

    async def _tidy(self) -> None:
        async with self._disk:
            if not self._spooled and not self._written:
                self._spool.rotate()
        try:
            await self._remove_files()
            await self._follow_live()
        except _AWAY as error:
            _log.info("rows of live calls wait for Postgres", reason=str(error)[:200])

    async def _follow_live(self) -> None:
        projections = self._books.lagging(clock.monotonic_s())
        if projections:
            await self._put_rows(projections)

    async def _put_rows(self, projections: Sequence[Projected]) -> None:
        try:
            async with self._pool.acquire() as connection:
                await store.write(connection, [], projections)
        except Exception as error:
            if not store.is_refusal(error):
                raise
            if len(projections) == 1:
                self._spoil(projections[0].call.id, error)
                return
            for found in projections:
                await self._put_rows([found])
        else:
            self._books.written(projections, clock.monotonic_s())

    def _spoil(self, call: str, error: Exception) -> None:
        self._books.spoil(call)
        _log.error("Postgres refuses the rows of a call; only its events are written", call=call, reason=_words(error))

    def _settle_if_done(self) -> None:
        nothing_left = not self.backlog()
        if nothing_left:
            self._settled.set()
        for target, told in self._askers:
            if nothing_left or (self._committed_ever >= target and all(batch.noted for batch in self._waiting)):
                told.set()

    async def _next_batch(self) -> _Batch | None:
        """The oldest events that Postgres doesn't have; they stay in ``_waiting`` until it has them."""
        if not self._waiting and (self._spooled or self._unwritten):
            async with self._disk:
                if self._spooled:
                    self._waiting.append(_Batch(self._spooled_in, self._spooled, len(self._spooled)))
                    self._spooled, self._spooled_in = [], set()
                elif self._unwritten:
                    self._waiting.append(_Batch(set(), self._unwritten, len(self._unwritten)))
                    self._unwritten = []
        return self._waiting[0] if self._waiting else None

    async def _ship(self, batch: _Batch) -> None:
        entries = batch.entries
        if entries is None:
            entries = await self._read_files(sorted(batch.files))
        for first in range(0, len(entries), _MOST_AT_ONCE):
            await self._commit_or_refuse(entries[first : first + _MOST_AT_ONCE])
        self._waiting.remove(batch)
        self._committed_ever += batch.noted
        await self._remove_files()
        await self._follow_live()

    async def _remove_files(self) -> None:
        """Remove files of which nothing waits any more."""
        wanted = self._spooled_in.union(self._written_in, *(batch.files for batch in self._waiting))
        if gone := [path for path in self._spool.closed if path not in wanted]:
            await asyncio.to_thread(self._spool.remove, gone)

    async def _read_files(self, paths: Sequence[Path]) -> list[_Entry]:
        entries: list[_Entry] = []
        for path in paths:
            try:
                bodies, damaged = bodies_of(await asyncio.to_thread(path.read_bytes))
            except FileNotFoundError:
                continue
            except OSError as error:
                _log.error("a file of the spool can't be read; it is left where it is", file=str(path), reason=str(error))
                self._spool.forget([path])
                continue
            for body in bodies:
                try:
                    entries.append((decode(body), body))
                except msgspec.MsgspecError as error:
                    await self._put_aside(body, error)
            if damaged:
                _log.warning("torn lines in the spool were left out", file=path.name, lines=damaged)
        return entries

    async def _commit(self, entries: Sequence[_Entry], *, rows: bool = True) -> None:
        """Events and what follows from them, in one statement."""
        events, now_s = [event for event, _ in entries], clock.monotonic_s()
        async with self._pool.acquire() as connection:
            if not rows:
                await store.write(connection, [body for _, body in entries], [])
                return
            unknown = self._books.unknown(events)
            before = await store.events_of(connection, unknown) if unknown else {}
            draft = self._books.draft(events, before)
            await store.write(connection, [body for _, body in entries], draft.projections)
        self._books.keep(draft, now_s)

    async def _commit_or_refuse(self, entries: Sequence[_Entry]) -> None:
        """As much of it as Postgres will ever take; the rest is put aside, so that nothing behind it waits."""
        try:
            await self._commit(entries)
        except Exception as error:
            if not store.is_refusal(error):
                raise
            if len(entries) > 1:
                half = len(entries) // 2
                await self._commit_or_refuse(entries[:half])
                await self._commit_or_refuse(entries[half:])
            else:
                await self._refuse(entries[0], error)

    async def _refuse(self, entry: _Entry, error: Exception) -> None:
        event, body = entry
        try:
            await self._commit([entry], rows=False)
        except Exception as again:
            if not store.is_refusal(again):
                raise
            await self._put_aside(body, again)
        else:
            self._spoil(event.call, error)

    async def _put_aside(self, body: bytes, error: Exception) -> None:
        self.refused += 1
        try:
            await asyncio.to_thread(self._spool.refuse, body)
        except OSError as trouble:
            _log.error(
                "an event is refused and can't be put aside", body=body.decode(errors="replace"), disk=str(trouble), reason=_words(error)
            )
        else:
            _log.error("an event is refused for ever; it is put aside beside the spool", file=REFUSED, reason=_words(error))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


async def rebuild(pool: asyncpg.Pool, calls: Sequence[str]) -> None:
    """Make the rows of these calls anew from their events."""
    async with pool.acquire() as connection:
        found = await store.events_of(connection, calls)
        await store.write(connection, [], [project(events) for events in found.values() if events])
