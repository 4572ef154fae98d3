"""The conference rooms that are set up, held in memory: the call path asks no database."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from callcenter.conferences import store
from callcenter.conferences.model import Conference


class Conferences:
    """What the administrator set up."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.all: Mapping[str, Conference] = {}
        """By name."""

    async def load(self) -> None:
        """Take over what was changed."""
        self.all = {conference.name: conference for conference in await store.read_conferences(self._pool)}
