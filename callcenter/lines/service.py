"""Where numbers lead, held in memory: the call path asks no database."""

from __future__ import annotations

import asyncpg

from callcenter.lines import store
from callcenter.lines.choice import Destination, route
from callcenter.lines.model import Number


class Lines:
    """The centre's numbers."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._numbers: dict[str, Number] = {}

    async def load(self) -> None:
        """Take over what the administrator changed."""
        self._numbers = {number.number: number for number in await store.read_numbers(self._pool)}

    def route(self, dialled: str, caller: str) -> Destination | None:
        """Where a call to ``dialled`` goes, or None when it is nobody's number."""
        return route(dialled, self._numbers)
