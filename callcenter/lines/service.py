"""Where numbers lead, held in memory: the call path asks no database."""

from __future__ import annotations

import asyncpg

from callcenter.asterisk.trunk_facts import endpoint_out
from callcenter.lines import store, trunk_store
from callcenter.lines.choice import Destination, route
from callcenter.lines.model import Number
from callcenter.lines.trunks import MAIN, Trunk, rewritten, trunk_at


class Lines:
    """The centre's numbers."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._numbers: dict[str, Number] = {}
        self.trunks: tuple[Trunk, ...] = ()
        """Those in use, in the order in which they are tried for calls out."""

    async def load(self) -> None:
        """Take over what the administrator changed."""
        self.trunks = tuple(trunk for trunk in await trunk_store.read_trunks(self._pool) if trunk.enabled)
        self._numbers = {number.number: number for number in await store.read_numbers(self._pool)}

    @property
    def ways_out(self) -> tuple[str, ...]:
        """Names of the trunks that take calls out, in the order in which they are tried."""
        return tuple(trunk.name for trunk in self.trunks if trunk.host)

    def endpoint_through(self, trunk: str, number: str) -> str:
        """What Asterisk is to dial so that ``number`` is called through a trunk: written as its provider wants it."""
        rules = next((known.called_rules for known in self.trunks if known.name == trunk), ())
        return f"PJSIP/{rewritten(number, rules)}@{endpoint_out(trunk)}"

    def arrived(self, trunk: str, peer: str, dialled: str) -> tuple[str, str]:
        """The trunk by which a call has come, and the number that was dialled as it is written here.

        ``trunk`` is the one Asterisk knows it by, ``peer`` where the call came from (``192.0.2.7:5060``; empty: not told).
        """
        known = trunk_at(peer, self.trunks) if trunk == MAIN else next((one for one in self.trunks if one.name == trunk), None)
        if known is None:
            return trunk, dialled
        number = rewritten(dialled, known.dialled_rules)
        if known.main_number and route(number, self._numbers) is None:
            number = known.main_number
        return known.name, number

    def route(self, dialled: str, caller: str) -> Destination | None:
        """Where a call to ``dialled`` goes, or None when it is nobody's number."""
        return route(dialled, self._numbers)
