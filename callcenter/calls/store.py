"""Where call records live: one hash in Redis. Losing them costs the place in a menu, never a call."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.basics.logs import get_logger
from callcenter.calls.record import CallRecord, decode, encode
from callcenter.live import keys

_log = get_logger(__name__)
_LIMIT_S = 1.0
_RETRY_S = 0.2
_GATHER_S = 0.008
"""What is saved within this time goes out in one command: each costs both processes a wake-up. A new call's first record goes at once."""


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class CallRecords:
    """Saved call records. Saving never waits: what changes within a moment goes out together, the newest state of each call.

    Redis being away is logged and stops no call; the newest records wait for it.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._pending: dict[str, CallRecord | None] = {}
        self._something = asyncio.Event()
        self._known: set[str] = set()
        self._has_new = False

    def save(self, record: CallRecord) -> None:
        """Save a record under its id."""
        self._pending[record.id] = record
        if record.id not in self._known:
            self._known.add(record.id)
            self._has_new = True
        self._something.set()

    def delete(self, call: str) -> None:
        """Forget a record."""
        self._pending[call] = None
        self._known.discard(call)
        self._something.set()

    async def run(self) -> None:
        """Write until cancelled, and what is left then."""
        try:
            while True:
                await self._something.wait()
                if not self._has_new:
                    await asyncio.sleep(_GATHER_S)
                self._something.clear()
                self._has_new = False
                if not await self._write():
                    await asyncio.sleep(_RETRY_S)
                    self._something.set()
        finally:
            await self._write()

    async def _write(self) -> bool:
        batch, self._pending = self._pending, {}
        if not batch:
            return True
        saved = {call: encode(record) for call, record in batch.items() if record is not None}
        over = [call for call, record in batch.items() if record is None]
        try:
            async with asyncio.timeout(_LIMIT_S):
                if saved:
                    await self._redis.hset(keys.CALL_RECORDS, mapping=saved)  # type: ignore[arg-type]
                if over:
                    await self._redis.hdel(keys.CALL_RECORDS, *over)
        except (RedisError, OSError) as error:
            _log.warning("call records wait for Redis", calls=len(batch), reason=str(error))
            self._pending = batch | self._pending
            return False
        return True

    async def all(self) -> list[CallRecord]:
        """Every record there is; one that can't be read is logged, dropped, and its call treated as new."""
        found = []
        for call, text in sorted((_text(call), text) for call, text in (await self._redis.hgetall(keys.CALL_RECORDS)).items()):
            try:
                found.append(decode(text))  # type: ignore[arg-type]
            except msgspec.MsgspecError as error:
                _log.warning("a call record can't be read", call=call, reason=str(error))
                self.delete(call)
        return found
