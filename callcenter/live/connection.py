"""The connection to Redis."""

from __future__ import annotations

from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from callcenter.basics.errors import StoreAway

_ANSWER_S: Final = 2.0
_POOL: Final = 64


async def connect(url: str) -> Redis:
    """A Redis client that asks once more when a connection had died; StoreAway when there is none."""
    redis = Redis.from_url(
        url,
        socket_timeout=_ANSWER_S,
        socket_connect_timeout=_ANSWER_S,
        max_connections=_POOL,
        health_check_interval=0,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.01), 1),
        retry_on_error=[RedisConnectionError],
    )
    try:
        await redis.ping()
    except (RedisError, RedisTimeoutError, OSError) as error:
        await redis.aclose()
        raise StoreAway(f"Redis can't be reached: {error}") from error
    return redis
