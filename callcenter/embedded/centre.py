"""The whole centre on one machine: which parts, in which order, and what must be done between them."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from callcenter.basics.clock import monotonic_s
from callcenter.basics.settings import Settings
from callcenter.basics.tasks import Tasks
from callcenter.embedded import asterisk, leftovers, locate, machine, ports, postgres, redis
from callcenter.embedded.child import Part
from callcenter.embedded.supervisor import Stage, Supervisor, Tell, echo


@dataclass(frozen=True)
class Between:
    """What other rooms do between the starts. Given by the command line, so that this room needs none of them."""

    migrate: Callable[[], Awaitable[object]]
    """Brings the database's schema up to date."""
    lay_demo: Callable[[], Awaitable[object]]
    """Lays the demo centre on an empty database."""
    render: Callable[[locate.AsteriskPlace], Awaitable[object]]
    """Writes Asterisk's configuration."""


async def run(settings: Settings, between: Between, tell: Tell) -> None:
    """Run the centre until SIGINT or SIGTERM. SetupFailed, in one line, when it can't be started."""
    began = monotonic_s()
    machine.check(settings)
    with leftovers.only_one(settings.var):
        for name in await leftovers.clean(settings.var):
            tell(f"· {name} of a run that was killed has been ended")
        place = locate.asterisk(settings) if settings.asterisk_embedded else locate.elsewhere(settings)
        ports.check(settings)
        supervisor = Supervisor(settings.var, tell)
        async with Tasks("terminal") as tasks:

            def ready() -> None:
                tell(_welcome(settings, monotonic_s() - began))

            def show(line: str) -> None:
                tell(f"worker │ {line}")

            tasks.start(echo(settings.var / "log" / "worker.log", show), "worker's log")
            await supervisor.run(_stages(settings, between, place), ready)
    tell("Everything has ended.")


def _stages(settings: Settings, between: Between, place: locate.AsteriskPlace) -> list[tuple[str, Stage]]:
    async def redis_part() -> Part:
        return redis.prepare(settings)

    async def worker_part() -> Part:
        return _worker(settings)

    stages: list[tuple[str, Stage]] = []
    if settings.postgres_dsn is None:
        stages.append(("Postgres", lambda: postgres.prepare(settings)))
    if settings.redis_url is None:
        stages.append(("Redis", redis_part))
    stages.append(("Database schema", _only(between.migrate)))
    if settings.lay_demo:
        stages.append(("Demo centre", _only(between.lay_demo)))
    stages.append(("Asterisk's configuration", _only(lambda: between.render(place))))
    if settings.asterisk_embedded:
        stages.append((f"Asterisk {place.version}", lambda: asterisk.prepare(settings, place)))
    stages.append(("Worker", worker_part))
    return stages


def _only(work: Callable[[], Awaitable[object]]) -> Stage:
    """A stage that does something and starts nothing."""

    async def stage() -> None:
        await work()

    return stage


def _worker(settings: Settings) -> Part:
    path = os.pathsep.join(filter(None, (str(locate.PROJECT), os.environ.get("PYTHONPATH"))))
    return Part(
        name="worker",
        command=(sys.executable, "-m", "callcenter", "worker"),
        is_ready=lambda: _is_well(settings),
        log=settings.var / "log" / "worker.log",
        environment={"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        start_limit_s=60,
        stop_limit_s=15,
        at_first=True,
        pid_file=settings.var / "worker.pid",
    )


async def _is_well(settings: Settings) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as http,
            http.get(f"{_console(settings)}/healthz") as answer,
        ):
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _console(settings: Settings) -> str:
    """The console as reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.console_host, settings.console_host)  # noqa: S104 - compared, not bound
    return f"http://{host}:{settings.console_port}"


def _welcome(settings: Settings, took_s: float) -> str:
    console = settings.public_url or _console(settings)
    lines = [
        f"Ready in {took_s:.1f} s. Ctrl-C ends it.",
        f"  console   {console}",
        f"  API       {console}/api/v1/openapi.json",
        f"  phones    {settings.sip_host}:{settings.sip_port}",
        f"  trunk     {settings.trunk_host}:{settings.trunk_port}",
    ]
    if (demo := settings.var / "demo.json").exists():
        lines.append(f"  passwords {demo}")
    return "\n".join(lines)
