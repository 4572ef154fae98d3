"""One centre per folder, and what a killed one has left behind.

The supervisor holds a lock as long as it lives, and notes each child's pid and birth. The kernel ends the children
when their supervisor dies; whoever starts next waits for that, and ends by force what has not.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from callcenter.basics.clock import monotonic_s
from callcenter.basics.errors import SetupFailed
from callcenter.embedded.child import write_whole
from callcenter.embedded.processes import born, innermost, send

_PATIENCE_S: Final = 10.0


class Noted(msgspec.Struct):
    """A child as noted in ``var/run/<name>.json``."""

    name: str
    pid: int
    born: int
    """Clock ticks since boot."""


@contextmanager
def only_one(var: Path) -> Iterator[None]:
    """Hold the folder's lock. SetupFailed when another supervisor has it."""
    with (var / "run" / "lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            what = f"A centre runs in {var} already (process {holder})"
            raise SetupFailed(what, "Use it, end it with Ctrl-C or kill, or set CALLCENTER_VAR_DIR and other ports.") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        lock.truncate(0)


def note(var: Path, name: str, pid: int) -> None:
    """Write down that the child runs, with the program inside its sandbox where it has one."""
    for key, process in ((name, pid), (f"{name}-inner", innermost(pid))):
        birth = born(process)
        if birth is not None and (key == name or process != pid):
            write_whole(var / "run" / f"{key}.json", msgspec.json.encode(Noted(key, process, birth)).decode())


def forget(var: Path, name: str) -> None:
    """The child has ended."""
    for key in (name, f"{name}-inner"):
        (var / "run" / f"{key}.json").unlink(missing_ok=True)


async def clean(var: Path) -> list[str]:
    """End what a killed supervisor has left; returns the names of what was still there."""
    left = [noted for path in sorted((var / "run").glob("*.json")) if (noted := _read(path)) is not None and _lives(noted)]
    await _end(left)
    for noted in left:
        if _lives(noted):
            send(noted.pid, signal.SIGKILL)
    await _end(left)
    for path in (var / "run").glob("*.json"):
        path.unlink(missing_ok=True)
    return [noted.name for noted in left]


async def _end(processes: list[Noted]) -> None:
    """Wait until all have ended, but not for ever."""
    deadline = monotonic_s() + _PATIENCE_S
    for noted in processes:
        while _lives(noted) and monotonic_s() < deadline:  # noqa: ASYNC110 - nobody tells us when another's child ends
            await asyncio.sleep(0.05)


def _read(path: Path) -> Noted | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Noted)
    except (OSError, msgspec.DecodeError):
        return None


def _lives(noted: Noted) -> bool:
    return born(noted.pid) == noted.born
