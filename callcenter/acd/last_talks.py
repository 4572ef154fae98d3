"""Who talked with a caller last, in Redis: read once when a caller enters a queue that asks for it, rebuilt from the ledger when lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import asyncpg
import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.acd import store
from callcenter.acd.own_agent import LastTalk
from callcenter.basics import clock
from callcenter.basics.logs import get_logger

_log = get_logger(__name__)
LAST_DAYS: Final = 90
"""Longer ago nobody is remembered."""
_MOST: Final = 200_000
_TOGETHER: Final = 1_000
_KEPT_S: Final = LAST_DAYS * 86_400
_PREFIX: Final = "cc:last:"
_LOADED: Final = "cc:last-loaded"
_decoder: Final = msgspec.json.Decoder(LastTalk)


class LastTalks:
    """Caller → queue → the agent who talked with them there last. Callers are known by the key of their number."""

    def __init__(self, redis: Redis, key_of: Callable[[str], str]) -> None:
        self._redis = redis
        self._key_of = key_of

    def _name(self, number: str) -> str:
        return _PREFIX + self._key_of(number)

    async def of(self, number: str) -> Mapping[str, LastTalk]:
        """Queue → the last talk there; nothing while Redis is away: the caller gets whoever is free."""
        try:
            found = await self._redis.hgetall(self._name(number))
        except (RedisError, OSError) as error:
            _log.info("nobody knows who talked with a caller last", reason=str(error))
            return {}
        return {_text(queue): _decoder.decode(talk) for queue, talk in found.items()}

    async def remember(self, number: str, queue: str, agent: str, at_ms: int) -> None:
        """The two talk, from ``at_ms`` on. What Redis can't take now is in the ledger."""
        name = self._name(number)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(name, queue, msgspec.json.encode(LastTalk(agent=agent, at_ms=at_ms)).decode())
                pipe.expire(name, _KEPT_S)
                await pipe.execute()
        except (RedisError, OSError) as error:
            _log.info("who talked with a caller is not remembered", reason=str(error))

    async def rebuild(self, pool: asyncpg.Pool) -> int:
        """Fill an empty Redis from the ledger; returns how many talks were found, 0 when Redis has them already.

        What has happened since the loading began is newer and stays.
        """
        if not await self._redis.set(_LOADED, clock.utc_ms(), nx=True):
            return 0
        rows = await store.read_talks(pool, LAST_DAYS, _MOST)
        for start in range(0, len(rows), _TOGETHER):
            async with self._redis.pipeline(transaction=False) as pipe:
                for row in rows[start : start + _TOGETHER]:
                    name, talk = self._name(row.caller), LastTalk(agent=row.agent, at_ms=clock.to_ms(row.connected_at))
                    pipe.hsetnx(name, row.queue, msgspec.json.encode(talk).decode())
                    pipe.expire(name, _KEPT_S)
                await pipe.execute()
        return len(rows)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
