"""Owned, named tasks: the only place that creates them.

Whoever starts a task keeps its ``Tasks`` and closes it: closing cancels what still runs and awaits it, for so long and no longer.
A task that dies of an unexpected exception, or that does not end when told to, is logged with its name; nothing is lost silently.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self, TypeVar

from callcenter.basics.logs import get_logger

T = TypeVar("T")
_log = get_logger(__name__)
END_LIMIT_S: Final = 10.0
"""How long a cancelled task is waited for: longer than any clearing up of ours takes, so whoever needs more is stuck."""


class Tasks:
    """A set of tasks with one owner. Use as ``async with Tasks("console") as tasks``."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start ``work``; its name in logs is ``owner:name``."""
        if self._closing:
            work.close()
            raise RuntimeError(f"{self.owner} is closing; {name} was not started")
        task = asyncio.create_task(work, name=f"{self.owner}:{name}")  # noqa: TID251 - the one owner of tasks
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a task died", task=task.get_name(), exc_info=error)

    def __len__(self) -> int:
        return len(self._tasks)

    async def close(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        self._closing = True
        await cancel_and_wait(*self._tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def cancel_and_wait(*tasks: asyncio.Task[Any] | None, limit_s: float | None = None) -> None:
    """Cancel the tasks and wait for their end; their results and errors are dropped.

    One that has not ended after ``limit_s`` seconds (``END_LIMIT_S`` when not said) is named in the log and left behind,
    still cancelled: whoever waits goes on.
    """
    living = {task for task in tasks if task is not None and not task.done()}
    for task in living:
        task.cancel()
    if not living:
        return
    limit_s = END_LIMIT_S if limit_s is None else limit_s
    ended, stuck = await asyncio.wait(living, timeout=limit_s)
    for task in ended:
        if not task.cancelled():
            task.exception()
    for task in stuck:
        _log.error("a task does not end though it was cancelled; it is left behind", task=task.get_name(), waited_s=limit_s, at=_at(task))


def _at(task: asyncio.Task[Any]) -> str:
    """Where a task stands, innermost frame last; empty when it tells nothing."""
    return " < ".join(f"{frame.f_code.co_name}:{frame.f_lineno}" for frame in reversed(task.get_stack(limit=4)))


@contextmanager
def timer(loop: asyncio.AbstractEventLoop, delay_s: float, ring: Callable[[], object]) -> Iterator[asyncio.TimerHandle]:
    """Call ``ring`` once after ``delay_s`` seconds unless the block has ended before."""
    handle = loop.call_later(delay_s, ring)
    try:
        yield handle
    finally:
        handle.cancel()
