"""A Redis of our own below ``var/redis``, reached by its socket only, keeping what it is told in an append-only file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import exceptions
from redis.asyncio import Redis

from callcenter.basics.settings import Settings
from callcenter.embedded.child import Child, Part
from callcenter.embedded.locate import redis_server
from callcenter.embedded.sandbox import humbly


def prepare(settings: Settings) -> Part:
    """How to run it. SetupFailed when no Redis is installed."""
    base = settings.var / "redis"
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = {"appendonly": "yes", "appendfsync": "everysec"}
    return _part(base, kept, settings.redis, settings.var / "log" / "redis.log")


@asynccontextmanager
async def scratch() -> AsyncIterator[str]:
    """Another Redis, empty and for a while, whose URL is given: nothing of it is kept. SetupFailed when none is installed."""
    with TemporaryDirectory(prefix="cc-scratch-") as folder:
        base = Path(folder)
        url = f"unix://{base / 'redis.sock'}"
        child = await Child.start(_part(base, {"appendonly": "no"}, url, base / "redis.log"))
        try:
            await child.ready()
            yield url
        finally:
            await child.stop()


def _part(base: Path, more: dict[str, str], url: str, log: Path) -> Part:
    options = {
        "port": "0",
        "unixsocket": str(base / "redis.sock"),
        "unixsocketperm": "700",
        "dir": str(base),
        "save": "",
        "daemonize": "no",
        "logfile": "",
    } | more
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Part(
        name="redis",
        command=(*humbly(), str(redis_server(base)), *words),
        is_ready=lambda: _answers(url),
        log=log,
        start_limit_s=30,
        stop_limit_s=10,
    )


async def _answers(url: str) -> bool:
    client = Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(await client.ping())
    except exceptions.RedisError:
        return False
    finally:
        await client.aclose()
