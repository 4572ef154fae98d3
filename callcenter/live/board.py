"""What every live screen shows, as it is now: one Redis hash per topic and one channel for changes.

The worker puts; consoles take a snapshot and follow the changes. A consumer that is too slow is told so
(``Overflowed``) and starts again from a snapshot; nothing is dropped silently.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.basics.logs import get_logger
from callcenter.live import keys

_log = get_logger(__name__)
_GATHER_S = 0.05
_RETRY_S = 0.5


class Topic(StrEnum):
    """What there is to see."""

    CALLS = "calls"
    AGENTS = "agents"
    QUEUES = "queues"
    CONFERENCES = "conferences"
    SYSTEM = "system"


class Change(msgspec.Struct, frozen=True):
    """One thing changed; ``value`` None: it is gone."""

    topic: str
    key: str
    value: dict[str, Any] | None = None


class _Sent(msgspec.Struct, frozen=True):
    """A change on its way: the value is JSON already."""

    topic: str
    key: str
    value: msgspec.Raw | None = None


class Overflowed(Exception):
    """The consumer fell behind; it must take a new snapshot."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Change])


class Board:
    """The live board over one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._followers: set[asyncio.Queue[Change | None]] = set()
        self._pending: dict[tuple[Topic, str], dict[str, Any] | None] = {}
        self._something = asyncio.Event()

    def show(self, topic: Topic, key: str, value: dict[str, Any] | None) -> None:
        """Like put, soon and without waiting: what changes several times in a moment is sent once."""
        self._pending[topic, key] = value
        self._something.set()

    async def send_shown(self) -> None:
        """Send what ``show`` collected until cancelled; the app runs it once. While Redis is away the newest state waits."""
        while True:
            await self._something.wait()
            self._something.clear()
            batch, self._pending = self._pending, {}
            try:
                await self._send(batch)
            except (RedisError, OSError) as error:
                self._pending = batch | self._pending
                self._something.set()
                _log.warning("the live board waits for Redis", reason=str(error))
                await asyncio.sleep(_RETRY_S)
            await asyncio.sleep(_GATHER_S)

    async def _send(self, batch: dict[tuple[Topic, str], dict[str, Any] | None]) -> None:
        """Few commands however many changes: each costs Redis and us more than what it carries."""
        shown: dict[Topic, dict[str, bytes]] = {}
        gone: dict[Topic, list[str]] = {}
        changes = []
        for (topic, key), value in batch.items():
            if value is None:
                gone.setdefault(topic, []).append(key)
                changes.append(_Sent(topic, key))
            else:
                text = _encoder.encode(value)
                shown.setdefault(topic, {})[key] = text
                changes.append(_Sent(topic, key, msgspec.Raw(text)))
        async with self._redis.pipeline(transaction=False) as pipe:
            for topic, cards in shown.items():
                pipe.hset(keys.board(topic), mapping=cards)  # type: ignore[arg-type]
            for topic, names in gone.items():
                pipe.hdel(keys.board(topic), *names)
            pipe.publish(keys.BOARD_CHANNEL, _encoder.encode(changes))
            await pipe.execute()

    async def put(self, topic: Topic, key: str, value: dict[str, Any] | None) -> None:
        """Show ``value`` under ``key``; None takes it off."""
        await self._send({(topic, key): value})

    async def snapshot(self) -> dict[Topic, dict[str, dict[str, Any]]]:
        """Everything there is to see now."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for topic in Topic:
                pipe.hgetall(keys.board(topic))
            answers = await pipe.execute()
        return {
            topic: {field.decode(): msgspec.json.decode(value) for field, value in answer.items()}
            for topic, answer in zip(Topic, answers, strict=True)
        }

    async def clear(self, topic: Topic) -> None:
        """Take everything of a topic off, as a worker does when it starts."""
        await self._redis.delete(keys.board(topic))

    async def relay(self) -> None:
        """Hand changes to this process's followers until cancelled; the app runs it once."""
        while True:
            try:
                await self._relay_while_connected()
            except (RedisError, OSError) as error:
                _log.warning("the live stream waits for Redis", reason=str(error))
            for follower in tuple(self._followers):
                self._tell_overflow(follower)
            await asyncio.sleep(_RETRY_S)

    async def _relay_while_connected(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(keys.BOARD_CHANNEL)
            async for message in pubsub.listen():
                if message["type"] != "message":
                    continue
                if not self._followers:
                    continue
                for change in _decoder.decode(message["data"]):
                    for follower in tuple(self._followers):
                        self._hand(follower, change)

    @staticmethod
    def _hand(follower: asyncio.Queue[Change | None], change: Change) -> None:
        if follower.qsize() < follower.maxsize - 1:
            follower.put_nowait(change)
        else:
            Board._tell_overflow(follower)

    @staticmethod
    def _tell_overflow(follower: asyncio.Queue[Change | None]) -> None:
        if follower.full():
            follower.get_nowait()
        follower.put_nowait(None)

    @asynccontextmanager
    async def follow(self, limit: int = 1000) -> AsyncIterator[AsyncIterator[Change]]:
        """Changes from now on. Follow first, then take the snapshot. Raises Overflowed after ``limit`` unread ones."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(limit)
        self._followers.add(queue)

        async def changes() -> AsyncIterator[Change]:
            while True:
                change = await queue.get()
                if change is None:
                    raise Overflowed
                yield change

        try:
            yield changes()
        finally:
            self._followers.discard(queue)
