"""One child process: started, watched until it is ready, ended within a limit."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from callcenter.basics.clock import monotonic_s
from callcenter.basics.errors import SetupFailed
from callcenter.embedded import processes

_LOG_LIMIT: Final = 20_000_000
"""Bytes after which a child's log is put aside at its next start."""
_ANSWERS_WITHIN_S: Final = 5.0
"""How long a part may take to answer whether it is ready."""
_FILES: Final = 65_536
"""Open files a child may have, where the machine allows it."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A program of the centre and how to deal with it. All times in seconds."""

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[], Awaitable[bool]]
    """Asked again and again after the start; may raise OSError or TimeoutError, which means not yet."""
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_by: signal.Signals = signal.SIGTERM
    start_limit_s: float = 30.0
    stop_limit_s: float = 10.0
    at_first: bool = False
    """Whether its first restart comes without any delay."""
    pid_file: Path | None = None


class Child:
    """A running part."""

    def __init__(self, part: Part, process: asyncio.subprocess.Process) -> None:
        self.part = part
        self.process = process
        self.started_s = monotonic_s()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @classmethod
    async def start(cls, part: Part) -> Child:
        """Start it, output appended to its log. SetupFailed when it can't be started at all."""
        put_aside(part.log)
        try:
            with part.log.open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *part.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **part.environment},
                    # A group of its own: Ctrl-C reaches the supervisor only, which ends the parts in their order.
                    start_new_session=True,
                    preexec_fn=partial(_before_exec, os.getpid(), part.stop_by),
                )
        except OSError as error:
            raise SetupFailed(f"{part.name} can't be started: {error}", f"See {part.log}.") from error
        if part.pid_file is not None:
            write_whole(part.pid_file, f"{process.pid}\n")
        return cls(part, process)

    async def ready(self) -> None:
        """Wait until it is ready. SetupFailed, with the end of its log, when it ends before or takes too long."""
        deadline = monotonic_s() + self.part.start_limit_s
        while monotonic_s() < deadline:
            if self.process.returncode is not None:
                raise self._failed(f"{self.part.name} ended at its start with {self.process.returncode}")
            try:
                async with asyncio.timeout(_ANSWERS_WITHIN_S):
                    if await self.part.is_ready():
                        return
            except (OSError, TimeoutError):
                pass
            await asyncio.sleep(0.05)
        raise self._failed(f"{self.part.name} was not ready after {self.part.start_limit_s:.0f} s")

    def _failed(self, what: str) -> SetupFailed:
        end = last_lines(self.part.log, 12)
        return SetupFailed(what, f"See {self.part.log}" + (", which ends:\n    " + "\n    ".join(end) if end else "."))

    async def stop(self) -> None:
        """Ask it to end, and kill it when it has not within its limit."""
        if self.process.returncode is None:
            processes.send(processes.innermost(self.pid) if self.part.command[0].endswith("bwrap") else self.pid, self.part.stop_by)
            try:
                async with asyncio.timeout(self.part.stop_limit_s):
                    await self.process.wait()
            except TimeoutError:
                processes.send_to_group(self.pid, signal.SIGKILL)
                await self.process.wait()
        if self.part.pid_file is not None:
            self.part.pid_file.unlink(missing_ok=True)


def _before_exec(supervisor: int, how: signal.Signals) -> None:
    """In the child: die with the supervisor, be allowed many files, take signals again."""
    processes.die_with_parent(supervisor, how)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < _FILES:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
            hard = _FILES
    allowed = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_DFL)


def put_aside(log: Path) -> None:
    """Rename a log that has grown big; the one put aside before goes."""
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))


def last_lines(log: Path, count: int) -> list[str]:
    """The last lines of a log; none when there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
