"""Whoever closes goes on: a task that does not end when told to is named and left behind, every other one is waited for."""

from __future__ import annotations

import asyncio
import time

import pytest

from callcenter.basics import tasks as tasks_module
from callcenter.basics.tasks import Tasks, cancel_and_wait


async def test_a_task_that_clears_up_is_waited_for() -> None:
    cleared = False

    async def work() -> None:
        nonlocal cleared
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            cleared = True

    async with Tasks("test") as tasks:
        tasks.start(work(), "clears up")
        await asyncio.sleep(0)
    assert cleared and not len(tasks)


async def test_a_task_that_does_not_end_is_named_and_left_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tasks_module, "END_LIMIT_S", 0.1)
    free = asyncio.Event()

    async def deaf() -> None:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    tasks = Tasks("test")
    stuck = tasks.start(deaf(), "deaf")
    began = time.monotonic()
    await asyncio.sleep(0)
    await tasks.close()
    assert 0.1 <= time.monotonic() - began < 1.0
    told = capsys.readouterr()
    assert "test:deaf" in told.out + told.err and "deaf:" in told.out + told.err
    free.set()
    await stuck


async def test_errors_of_the_cancelled_are_dropped() -> None:
    async def fails() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("while clearing up")

    tasks = Tasks("test")
    task = tasks.start(fails(), "fails")
    await asyncio.sleep(0)
    await cancel_and_wait(task, None)
    assert task.done()
