"""The recordings room: where MixMonitor writes, and how that gets encoded, encrypted, stored and played.

    begin() → sidecar + raw file ── finished() → opusenc → AES-GCM chunks → Postgres ── stream()

The sidecar tells what the raw file is; both go only after the row is committed. Whatever a crash leaves is taken in at the next
start. Doing a step again is harmless.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from callcenter.basics import clock, metrics
from callcenter.basics.errors import CallCenterError, NotFound
from callcenter.basics.logs import get_logger
from callcenter.basics.vocabulary import Kind, is_id
from callcenter.recordings import store
from callcenter.recordings.encoder import BYTES_PER_MS, EncodingFailed, encode
from callcenter.recordings.vault import CHUNK, Damaged, Keys, chunks_of, decrypt, encrypt

_log = get_logger(__name__)
_AT_ONCE: Final = 2
_LEAST_FREE: Final = 512 * 1024 * 1024
_STILL_S: Final = 0.15
_STILL_LIMIT_S: Final = 2.0
_ORPHAN_AFTER_S: Final = 6 * 3600
_LOOK_EVERY_S: Final = 600.0
_RETRY_FIRST_S, _RETRY_MOST_S = 0.5, 30.0
_AWAY: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class NoRoom(CallCenterError):
    """There is too little room on the disk to record."""

    slug = "no-room"


class Sidecar(msgspec.Struct, kw_only=True):
    """What the raw file beside it is."""

    id: str
    call: str
    leg: str
    started_ms: int
    ended_ms: int | None = None


class RecordingInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A recording as it stands."""

    id: str
    call: str
    leg: str
    started_ms: int
    duration_ms: int
    size: int
    """Bytes of the audio file."""
    codec: str
    state: str
    """spooled (not yet in the store), stored, failed."""
    reason: str


class Recordings:
    """Takes raw audio in and gives it out again. One per worker; ``run`` is its one task."""

    def __init__(self, pool: asyncpg.Pool, spool_dir: Path, keys_dir: Path, *, least_free: int = _LEAST_FREE) -> None:
        self._pool = pool
        self._spool = spool_dir
        self._keys = Keys(keys_dir)
        self._work: asyncio.Queue[str] = asyncio.Queue()
        self._months: set[str] = set()
        self._waiting: dict[str, float] = {}
        self._least_free = least_free
        spool_dir.mkdir(parents=True, exist_ok=True)

    # Writing

    def path_for(self, recording: str) -> Path:
        """Where the raw audio is written."""
        if not is_id(recording, Kind.RECORDING):
            raise NotFound(f"{recording!r:.60} is no recording")
        return self._spool / f"{recording}.raw"

    def _sidecar(self, recording: str) -> Path:
        return self.path_for(recording).with_suffix(".json")

    def begin(self, recording: str, *, call: str, leg: str, started_ms: int) -> Path:
        """Make ready to record; returns the file to write. NoRoom before the disk is full."""
        if shutil.disk_usage(self._spool).free < self._least_free:
            raise NoRoom(f"less than {self._least_free >> 20} MB are free; this call is not recorded")
        self._write(Sidecar(id=recording, call=call, leg=leg, started_ms=started_ms))
        return self.path_for(recording)

    def _write(self, sidecar: Sidecar) -> None:
        path = self._sidecar(sidecar.id)
        draft = path.with_suffix(f".{secrets.token_hex(4)}.new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(sidecar))
        draft.replace(path)

    async def finished(self, recording: str, ended_ms: int) -> None:
        """The recorder has closed the file, or is about to: take it in."""
        sidecar = await asyncio.to_thread(self._read, recording)
        if sidecar is None:
            return
        sidecar.ended_ms = ended_ms
        await asyncio.to_thread(self._write, sidecar)
        self._queue(recording)

    def _queue(self, recording: str) -> None:
        """Once each: two intakes of one recording would write into one another's files."""
        if recording not in self._waiting:
            self._waiting[recording] = _RETRY_FIRST_S
            self._work.put_nowait(recording)

    def _read(self, recording: str) -> Sidecar | None:
        try:
            return msgspec.json.decode(self._sidecar(recording).read_bytes(), type=Sidecar)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError:
            _log.error("a sidecar can't be read", recording=recording)
            return None

    # Intake

    def backlog(self) -> int:
        """Recordings that are not yet in the store: waiting, being taken in, or to be tried again."""
        return len(self._waiting)

    async def run(self) -> None:
        """Take recordings in until cancelled, beginning with those a crash has left."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_for_left_over(), name="recordings: leftovers")
            for number in range(_AT_ONCE):
                group.create_task(self._take_in(), name=f"recordings: intake {number}")

    async def _look_for_left_over(self) -> None:
        while True:
            for recording in await asyncio.to_thread(self._left_over):
                self._queue(recording)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _left_over(self) -> list[str]:
        """Finished ones, and unfinished ones nobody has written to for so long that their call can't be up."""
        found = []
        for path in sorted(self._spool.glob("*.json")):
            sidecar = self._read(path.stem) if is_id(path.stem, Kind.RECORDING) else None
            if sidecar is None:
                continue
            touched_s = max(_touched_s(path), _touched_s(self.path_for(sidecar.id)))
            if sidecar.ended_ms is not None or clock.utc_ms() / 1000 - touched_s > _ORPHAN_AFTER_S:
                found.append(sidecar.id)
        return found

    async def _take_in(self) -> None:
        while True:
            recording = await self._work.get()
            try:
                await self._store(recording)
            except _AWAY as error:
                delay_s = self._waiting[recording]
                _log.warning("a recording waits", recording=recording, reason=f"{type(error).__name__}: {error}"[:200], again_in_s=delay_s)
                self._waiting[recording] = min(delay_s * 2, _RETRY_MOST_S)
                # Not slept here: one recording that can't be stored must not hold up the others.
                asyncio.get_running_loop().call_later(delay_s, self._work.put_nowait, recording)
                continue
            except Exception:
                _log.exception("a recording could not be taken in; its raw file stays", recording=recording)
            self._waiting.pop(recording, None)

    async def _store(self, recording: str) -> None:
        sidecar = await asyncio.to_thread(self._read, recording)
        if sidecar is None:
            return
        if not await store.is_stored(self._pool, recording):
            await self._add_month(sidecar)
            raw = self.path_for(recording)
            await self._until_still(raw)
            size = await asyncio.to_thread(_size, raw)
            if size:
                await self._store_audio(sidecar, raw, size)
            else:
                await self._store_failure(sidecar, "nothing was recorded: the file is empty or missing")
        await asyncio.to_thread(self._clear, recording)

    def _clear(self, recording: str) -> None:
        """The sidecar last: as long as it is there, whatever is left is found again."""
        for path in (*self._spool.glob(f"{recording}.*.opus"), self.path_for(recording), self._sidecar(recording)):
            path.unlink(missing_ok=True)

    async def _add_month(self, sidecar: Sidecar) -> None:
        month = clock.from_ms(sidecar.started_ms)
        if f"{month:%Y_%m}" not in self._months:
            await store.add_month(self._pool, month)
            self._months.add(f"{month:%Y_%m}")

    @staticmethod
    async def _until_still(raw: Path) -> None:
        """Wait until the recorder writes no more; it closes its file a moment after it was told to stop."""
        size, waited_s = -1, 0.0
        while waited_s < _STILL_LIMIT_S:
            now = await asyncio.to_thread(_size, raw)
            if now == size:
                return
            size = now
            await asyncio.sleep(_STILL_S)
            waited_s += _STILL_S

    async def _store_audio(self, sidecar: Sidecar, raw: Path, size: int) -> None:
        opus = raw.with_suffix(f".{secrets.token_hex(4)}.opus")
        began_s = clock.monotonic_s()
        try:
            await encode(raw, opus)
        except EncodingFailed as error:
            await self._store_failure(sidecar, str(error))
            raise
        key_id = await asyncio.to_thread(self._keys.newest)
        data_key = os.urandom(32)
        plain = await asyncio.to_thread(opus.read_bytes)
        chunks = await asyncio.to_thread(_encrypt_all, data_key, sidecar.id, plain)
        row = self._row(sidecar, state="stored", reason="") | {
            "duration_ms": size // BYTES_PER_MS,
            "size": len(plain),
            "sha256": hashlib.sha256(plain).digest(),
            "key_id": key_id,
            "wrapped_key": self._keys.wrap(data_key, key_id),
        }
        metrics.RECORDING_ENCODE_S.observe(clock.monotonic_s() - began_s)
        await store.add(self._pool, row, chunks)
        metrics.RECORDINGS_STORED.inc()

    async def _store_failure(self, sidecar: Sidecar, reason: str) -> None:
        _log.error("there is no recording", call=sidecar.call, recording=sidecar.id, reason=reason)
        await store.add(self._pool, self._row(sidecar, state="failed", reason=reason[:200]), ())
        metrics.RECORDINGS_FAILED.inc()

    @staticmethod
    def _row(sidecar: Sidecar, *, state: str, reason: str) -> dict[str, Any]:
        return {
            "id": sidecar.id, "call": sidecar.call, "leg": sidecar.leg, "started_at": clock.from_ms(sidecar.started_ms), "duration_ms": 0,
            "size": 0, "sha256": None, "key_id": "", "wrapped_key": None, "state": state, "reason": reason,
        }  # fmt: skip

    # Reading

    async def describe(self, recording: str) -> RecordingInfo | None:
        """What is known of a recording, or None when there is none."""
        if not is_id(recording, Kind.RECORDING):
            return None
        row = await store.read(self._pool, recording)
        if row is None:
            sidecar = await asyncio.to_thread(self._read, recording)
            if sidecar is None:
                return None
            row = self._row(sidecar, state="spooled", reason="") | {"codec": ""}
        return RecordingInfo(
            id=row["id"], call=row["call"], leg=row["leg"], started_ms=clock.to_ms(row["started_at"]), duration_ms=row["duration_ms"],
            size=row["size"], codec=row["codec"], state=row["state"], reason=row["reason"],
        )  # fmt: skip

    async def stream(self, recording: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The audio's bytes from ``start`` up to, not including, ``end``; NotFound, Damaged."""
        row = await store.read(self._pool, recording)
        if row is None or row["state"] != "stored":
            raise NotFound(f"recording {recording!r:.60} is not in the store")
        end = min(end, row["size"])
        data_key = self._keys.unwrap(row["wrapped_key"], row["key_id"])
        total = chunks_of(row["size"])
        for number in range(start // CHUNK, chunks_of(end)):
            body = await store.chunk(self._pool, row["started_at"], recording, number)
            if body is None:
                raise Damaged(f"chunk {number} of recording {recording} is missing")
            plain = decrypt(data_key, recording, number, total, body)
            offset = number * CHUNK
            yield plain[max(0, start - offset) : max(0, end - offset)]

    async def rewrap(self, limit: int = 1000) -> int:
        """Wrap data keys that are under an older key of the centre anew; returns how many were."""
        newest = self._keys.newest()
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(store.OLD_KEYS, newest, limit)
            for row in rows:
                data_key = self._keys.unwrap(row["wrapped_key"], row["key_id"])
                await connection.execute(store.REWRAP, row["id"], newest, self._keys.wrap(data_key, newest))
        return len(rows)

    def rotate(self) -> str:
        """Make a new key of the centre; ``rewrap`` brings the recordings under it."""
        return self._keys.rotate()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _touched_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _encrypt_all(data_key: bytes, recording: str, plain: bytes) -> list[bytes]:
    total = chunks_of(len(plain))
    return [encrypt(data_key, recording, number, total, plain[number * CHUNK : (number + 1) * CHUNK]) for number in range(total)]
