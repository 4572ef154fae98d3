"""The keys a caller has pressed and nobody has read yet."""

from __future__ import annotations

import asyncio
from typing import Final

_MOST: Final = 64
"""A machine that presses more is not listened to."""
_HABIT_S: Final = 1.0
"""Whoever types a terminator out of habit does so within this of the last digit."""


class Keys(asyncio.Queue[str]):
    """Keys in the order they were pressed."""

    def __init__(self) -> None:
        super().__init__(_MOST)
        self._needless = ""
        self._until_s = 0.0

    def press(self, key: str) -> None:
        """A key was pressed; lost when too many wait, or when it only ends what is at its end already."""
        needless, self._needless = self._needless, ""
        if key in needless and asyncio.get_running_loop().time() <= self._until_s:
            return
        if not self.full():
            self.put_nowait(key)

    def pass_over(self, terminators: str) -> None:
        """All digits are there: a terminator that follows at once, or was typed ahead, is no key for the next question."""
        if self.empty():
            self._needless, self._until_s = terminators, asyncio.get_running_loop().time() + _HABIT_S
        elif self._queue[0] in terminators:  # type: ignore[attr-defined]
            self.get_nowait()
