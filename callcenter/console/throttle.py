"""Guessing passwords is made slow without locking anybody out.

Failures are counted per address *and* name, so that nobody can shut another's account from elsewhere; a browser that signed in
as this user before is counted by itself, so that not even a neighbour behind the same address can. After a few failures each
further try must wait twice as long, up to a minute.
"""

from __future__ import annotations

import secrets
from typing import Final

from redis.asyncio import Redis

from callcenter.console.sessions import digest
from callcenter.live import keys

DEVICE_COOKIE: Final = "cc_device"
DEVICE_S: Final = 180 * 86400
FREE_TRIES: Final = 5
LONGEST_S: Final = 60
_FORGET_S: Final = 3600


def wait_s(failures: int) -> int:
    """How long the next try must wait after so many failures, in seconds."""
    return 0 if failures < FREE_TRIES else min(LONGEST_S, 2 ** (failures - FREE_TRIES + 1))


class Throttle:
    """Counts tries to sign in."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def _who(self, address: str, name: str, device: str) -> str:
        if device and await self._redis.get(keys.known_device(digest(device))) == name.encode(errors="replace"):
            return digest(f"device {device}")
        return digest(f"{address} {name}")

    async def blocked_s(self, address: str, name: str, device: str) -> int:
        """How many seconds until this one may try again; 0: now."""
        left = await self._redis.ttl(keys.sign_in_wait(await self._who(address, name, device)))
        return max(0, int(left))

    async def failed(self, address: str, name: str, device: str) -> int:
        """Count a failure; returns how long the next try must wait, in seconds."""
        who = await self._who(address, name, device)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.incr(keys.sign_in_failures(who))
            pipe.expire(keys.sign_in_failures(who), _FORGET_S)
            failures, _ = await pipe.execute()
        if (seconds := wait_s(failures)) > 0:
            await self._redis.set(keys.sign_in_wait(who), b"1", ex=seconds)
        return seconds

    async def succeeded(self, address: str, name: str, device: str) -> str:
        """Forget failures; returns the cookie by which this browser is known from now on."""
        who = await self._who(address, name, device)
        await self._redis.delete(keys.sign_in_failures(who), keys.sign_in_wait(who))
        token = secrets.token_urlsafe(24)
        await self._redis.set(keys.known_device(digest(token)), name, ex=DEVICE_S)
        return token
