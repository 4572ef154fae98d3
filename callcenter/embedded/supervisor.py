"""Starts the centre's parts in their order, starts again what dies, and ends them in reverse order."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import asyncpg

from callcenter.basics.clock import monotonic_s
from callcenter.basics.errors import CallCenterError, SetupFailed
from callcenter.basics.tasks import Tasks, cancel_and_wait
from callcenter.embedded import leftovers
from callcenter.embedded.child import Child, Part

Stage = Callable[[], Awaitable[Part | None]]
"""Does what must come first, and gives the part to start; None: nothing to start."""
Tell = Callable[[str], None]
"""Shows a line to whoever started the centre."""

_LONGEST_DELAY_S: Final = 2.0
"""Callers hear the comfort tone meanwhile: a part that keeps failing is tried again soon, and at little cost."""
_WELL_AFTER_S: Final = 5.0
"""A part that lived this long was no failed start: it comes back with little delay, since calls wait for it."""
_STAGE_LIMIT_S: Final = 180.0
_ECHO_BYTES: Final = 262_144


def back_off_s(deaths: int, *, at_first: bool) -> float:
    """Seconds to wait before the restart after this many deaths in a row (1: the first). Pure."""
    if at_first and deaths <= 1:
        return 0.0
    return float(min(_LONGEST_DELAY_S, 0.5 * 2 ** min(deaths - 1, 10)))


class Supervisor:
    """Runs stages until told to stop. ``var`` is the folder that holds logs and notes."""

    def __init__(self, var: Path, tell: Tell) -> None:
        self.var = var
        self._tell = tell
        self._children: dict[str, Child] = {}
        """By name, in the order of their first start."""
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Have ``run`` end everything."""
        self._stop.set()

    async def run(self, stages: list[tuple[str, Stage]], ready: Callable[[], None]) -> None:
        """Start all stages, call ``ready``, keep the parts alive until SIGINT or SIGTERM, then end them in reverse order.

        SetupFailed when a part does not come up; then too, everything is ended before.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._told_to_stop, number)
        async with Tasks("supervisor") as tasks:
            starting = tasks.start(self._start_all(stages, tasks), "start")
            stopping = tasks.start(self._stop.wait(), "stop")
            try:
                await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done() and not self._stop.is_set():
                    starting.result()
                    ready()
                    await stopping
            finally:
                self._stop.set()
                await cancel_and_wait(starting)
                await tasks.close()
                await self._end_all()

    def _told_to_stop(self, number: signal.Signals) -> None:
        if not self._stop.is_set():
            self._tell("Stopping …")
        self._stop.set()

    async def _start_all(self, stages: list[tuple[str, Stage]], tasks: Tasks) -> None:
        for what, stage in stages:
            began = monotonic_s()
            slow = tasks.start(self._say_when_slow(what), f"slow {what}")
            try:
                part = await _within_limit(what, stage)
                if part is not None:
                    child = await self._bring_up(part)
                    tasks.start(self._keep_alive(child), f"keep {part.name}")
            finally:
                await cancel_and_wait(slow)
            took = monotonic_s() - began
            self._tell(f"✓ {what} ({took:.1f} s)")

    async def _say_when_slow(self, what: str) -> None:
        await asyncio.sleep(1.0)
        self._tell(f"· {what} …")
        waited = 1.0
        while True:
            await asyncio.sleep(5.0)
            waited += 5.0
            self._tell(f"· {what} … {waited:.0f} s")

    async def _bring_up(self, part: Part) -> Child:
        child = await Child.start(part)
        self._children[part.name] = child
        leftovers.note(self.var, part.name, child.pid)
        await child.ready()
        # Again: the program inside a sandbox is there only now.
        leftovers.note(self.var, part.name, child.pid)
        return child

    async def _keep_alive(self, child: Child) -> None:
        """Start the part again whenever it ends, waiting longer each time it dies young."""
        part, deaths = child.part, 0
        while True:
            code = await child.process.wait()
            if self._stop.is_set():
                return
            deaths = 1 if monotonic_s() - child.started_s > _WELL_AFTER_S else deaths + 1
            delay_s = back_off_s(deaths, at_first=part.at_first)
            again = f"again in {delay_s:.1f} s" if delay_s else "again at once"
            self._tell(f"! {part.name} has ended ({_ending(code)}); {again}, see {part.log}")
            await asyncio.sleep(delay_s)
            try:
                child = await self._bring_up(part)
                self._tell(f"✓ {part.name} runs again")
            except CallCenterError as error:
                self._tell(f"! {str(error).splitlines()[0]}")
                # What did not become ready makes room for the next attempt.
                child = self._children[part.name]
                await child.stop()

    async def _end_all(self) -> None:
        """End the parts, last started first. A second Ctrl-C changes nothing: each part has its limit."""
        for child in reversed(self._children.values()):
            await child.stop()
            leftovers.forget(self.var, child.part.name)
        self._children.clear()


async def _within_limit(what: str, stage: Stage) -> Part | None:
    """Do what a stage does before its part is started; SetupFailed when the machine fails it, or it takes too long."""
    try:
        async with asyncio.timeout(_STAGE_LIMIT_S):
            return await stage()
    except TimeoutError as error:
        raise SetupFailed(f"{what}: not done after {_STAGE_LIMIT_S:.0f} s", "Look at the logs, and whether the disk is busy.") from error
    except (OSError, asyncpg.PostgresError) as error:
        raise SetupFailed(f"{what}: {error}", "Look at the logs, and whether what the settings point to is there.") from error


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


class Growth:
    """What is added to a log from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._place = log.stat().st_size if log.exists() else 0
        self._rest = b""

    def lines(self) -> list[str]:
        """The whole lines added since the last question; a log begun anew is read from its start."""
        if not self._log.exists():
            return []
        size = self._log.stat().st_size
        if size < self._place:
            self._place, self._rest = 0, b""
        if size == self._place:
            return []
        with self._log.open("rb") as file:
            file.seek(self._place)
            fresh = file.read(_ECHO_BYTES)
        self._place += len(fresh)
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


async def echo(log: Path, tell: Tell) -> None:
    """Show what is added to a log, line by line, until cancelled."""
    growth = Growth(log)
    while True:
        await asyncio.sleep(0.25)
        for line in growth.lines():
            tell(line)


def tell_on_stderr(line: str) -> None:
    """Write a line for people to standard error; a closed one is no reason to stop a centre."""
    with suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
