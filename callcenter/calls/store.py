"""Where call records live: Redis, one key each. Losing them costs the place in a menu, never a call."""

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


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class CallRecords:
    """Saved call records. Redis being away is logged and never stops a call."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def save(self, record: CallRecord) -> None:
        """Save a record under its id."""
        try:
            async with asyncio.timeout(_LIMIT_S):
                async with self._redis.pipeline(transaction=False) as pipe:
                    pipe.set(keys.call_record(record.id), encode(record))
                    pipe.sadd(keys.CALL_RECORDS, record.id)
                    await pipe.execute()
        except (RedisError, OSError) as error:
            _log.warning("a call record could not be saved", call=record.id, reason=str(error))

    async def delete(self, call: str) -> None:
        """Forget a record."""
        try:
            async with asyncio.timeout(_LIMIT_S):
                async with self._redis.pipeline(transaction=False) as pipe:
                    pipe.delete(keys.call_record(call))
                    pipe.srem(keys.CALL_RECORDS, call)
                    await pipe.execute()
        except (RedisError, OSError) as error:
            _log.warning("a call record could not be deleted", call=call, reason=str(error))

    async def all(self) -> list[CallRecord]:
        """Every record there is; one that can't be read is logged, dropped, and its call treated as new."""
        calls = sorted(_text(call) for call in await self._redis.smembers(keys.CALL_RECORDS))
        if not calls:
            return []
        found = []
        for call, text in zip(calls, await self._redis.mget([keys.call_record(call) for call in calls]), strict=True):
            try:
                found.append(decode(text or b""))  # type: ignore[arg-type]
            except msgspec.MsgspecError as error:
                _log.warning("a call record can't be read", call=call, reason=str(error))
                await self.delete(call)
        return found
