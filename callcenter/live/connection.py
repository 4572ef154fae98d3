"""The connection to Redis: bytes in and out, checked for health, tried again with growing pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from callcenter.basics.errors import StoreAway

_CONNECT_LIMIT_S: Final = 2.0
_ANSWER_LIMIT_S: Final = 5.0
_HEALTH_EVERY_S: Final = 15
_RETRIES: Final = 3
_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 0.5


def client(url: str, **options: Any) -> Redis:
    """A client for ``redis://``, ``rediss://`` or ``unix://``; connects at the first use. Answers are bytes.

    A command is tried again up to three times within about a second when the connection is lost, so it may run twice:
    what must not be repeated carries an id of its own. A command that gets no answer in time is not tried again.
    """
    retry = Retry(ExponentialWithJitterBackoff(base=_FIRST_PAUSE_S, cap=_LONGEST_PAUSE_S), _RETRIES)
    settings: dict[str, Any] = {
        "decode_responses": False,
        "socket_connect_timeout": _CONNECT_LIMIT_S,
        "socket_timeout": _ANSWER_LIMIT_S,
        "health_check_interval": _HEALTH_EVERY_S,
        "retry": retry,
        "retry_on_error": [RedisConnectionError, OSError],
    }
    redis: Redis = Redis.from_url(url, **(settings | options))
    pool = redis.connection_pool
    pool.connection_class = _CANCELLABLE[pool.connection_class]
    return redis


def _cancellable(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """This kind of connection, but a task that is cancelled while it sends ends.

    redis-py sends within ``asyncio.wait_for``, which in Python 3.11 drops a cancellation that comes in the same turn of the loop as
    the end of the sending: the task goes on as if nobody had cancelled it. It costs a task of its own for each command, too.
    """

    class Cancellable(kind):  # type: ignore[valid-type, misc]
        socket_timeout: float | None

        async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
            if not self.is_connected:
                await self.connect_check_health(check_health=False)
            if check_health:
                await self.check_health()
            limit_s, self.socket_timeout = self.socket_timeout, None
            try:
                async with asyncio.timeout(limit_s):
                    await super().send_packed_command(command, check_health=False)
            except TimeoutError:
                raise RedisTimeoutError("Timeout writing to socket") from None
            finally:
                self.socket_timeout = limit_s

    return Cancellable


_CANCELLABLE: Final[dict[type[AbstractConnection], type[AbstractConnection]]] = {
    kind: _cancellable(kind) for kind in (Connection, SSLConnection, UnixDomainSocketConnection)
}


async def connect(url: str) -> Redis:
    """A client that has answered once; StoreAway when Redis is not there."""
    redis = client(url)
    try:
        await redis.ping()
    except (RedisError, OSError) as error:
        await redis.aclose()
        raise StoreAway(f"Redis: {error}"[:300]) from error
    return redis
