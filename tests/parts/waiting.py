"""Waiting for something to become true: always with a limit, never by luck."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(what: str, question: Callable[[], T | Awaitable[T]], timeout_s: float = 10.0, every_s: float = 0.05) -> T:
    """Ask again and again until the answer is truthy, and return it. AssertionError with the last answer after the limit."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = question()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer  # type: ignore[return-value]
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s for: {what}; last answer {answer!r:.2000}")
        await asyncio.sleep(every_s)
