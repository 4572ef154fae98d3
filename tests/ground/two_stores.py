"""A supervisor of Postgres and Redis alone, run as a process of its own: ``python two_stores.py VAR``."""

import asyncio
import sys
from pathlib import Path

from callcenter.basics.errors import SetupFailed
from callcenter.basics.settings import Settings
from callcenter.embedded import leftovers, machine, postgres, redis
from callcenter.embedded.child import Part
from callcenter.embedded.supervisor import Supervisor, tell_on_stderr


async def run(var: Path) -> None:
    settings = Settings(var_dir=var)
    machine.check(settings)

    async def redis_part() -> Part:
        return redis.prepare(settings)

    with leftovers.only_one(settings.var):
        for name in await leftovers.clean(settings.var):
            tell_on_stderr(f"ended {name}")
        supervisor = Supervisor(settings.var, tell_on_stderr)
        stages = [("Postgres", lambda: postgres.prepare(settings)), ("Redis", redis_part)]
        await supervisor.run(stages, lambda: tell_on_stderr("READY"))


if __name__ == "__main__":
    try:
        asyncio.run(run(Path(sys.argv[1])))
    except SetupFailed as fault:
        tell_on_stderr(f"✗ {fault}")
        sys.exit(1)
