"""Where numbers lead, held in memory: the call path asks no database."""

from __future__ import annotations

import asyncpg

from callcenter.lines import store
from callcenter.lines.choice import Destination, route
from callcenter.lines.model import Number, Trunk


class Lines:
    """The centre's numbers."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._numbers: dict[str, Number] = {}
        self.trunks: tuple[Trunk, ...] = ()
        """Those that take calls out."""

    async def load(self) -> None:
        """Take over what the administrator changed."""
        self.trunks = tuple(await store.read_outgoing_trunks(self._pool))
        self._numbers = {number.number: number for number in await store.read_numbers(self._pool)}

    @property
    def ways_out(self) -> tuple[str, ...]:
        """Names of the trunks that take calls out, in the order in which they are tried."""
        return tuple(trunk.name for trunk in self.trunks)

    def route(self, dialled: str, caller: str) -> Destination | None:
        """Where a call to ``dialled`` goes, or None when it is nobody's number."""
        return route(dialled, self._numbers)
