"""SQL of flows, and the newest of each held in memory: the call path asks no database."""

from __future__ import annotations

from typing import Any, Final

import asyncpg

from callcenter.basics.errors import BadFlow, NotFound
from callcenter.basics.logs import get_logger
from callcenter.database.pool import Querier
from callcenter.ivr.check import check_flow, runnable_flow
from callcenter.ivr.flow import Flow

_log = get_logger(__name__)
FLOWS: Final = "select distinct on (name) name, version, body from flows order by name, version desc"
"""The newest version of each flow."""
ALL_FLOWS: Final = "select name, version, body from flows order by name, version"
"""Every version of every flow: calls that began on an older one end on it."""
READ_FLOW: Final = "select body from flows where name = $1 and ($2::integer is null or version = $2) order by version desc limit 1"
"""A flow, the newest or a certain version."""
TAKE_TURN: Final = "select pg_advisory_xact_lock(hashtextextended('flow:' || $1::text, 0))"
"""One at a time saves a flow: two would both count to the same version."""
ADD_FLOW: Final = """insert into flows (name, version, body, author)
select $1, coalesce(max(version), 0) + 1, $2::jsonb || jsonb_build_object('version', coalesce(max(version), 0) + 1), $3
from flows where name = $1 returning version"""
"""A new version; the older ones stay."""


async def save_flow(pool: asyncpg.Pool, raw: Any, author: str) -> Flow:
    """Check a flow and save it as a new version; BadFlow with every place and reason when it can't be run."""
    async with pool.acquire() as connection, connection.transaction():
        return await add_flow(connection, raw, author)


async def add_flow(connection: Querier, raw: Any, author: str) -> Flow:
    """``save_flow`` as a part of the connection's transaction."""
    flow = check_flow(raw)
    await connection.execute(TAKE_TURN, flow.name)
    version = await connection.fetchval(ADD_FLOW, flow.name, flow.model_dump(mode="json", by_alias=True), author)
    return flow.model_copy(update={"version": version})


async def list_flows(pool: asyncpg.Pool) -> list[dict[str, Any]]:
    """The newest version of each flow, as plain data."""
    return [dict(row) for row in await pool.fetch(FLOWS)]


async def read_flow(pool: asyncpg.Pool, name: str, version: int | None = None) -> dict[str, Any]:
    """A flow as plain data; NotFound when there is none."""
    body: dict[str, Any] | None = await pool.fetchval(READ_FLOW, name, version)
    if body is None:
        raise NotFound(f"there is no flow {name!r:.60}")
    return body


class Flows:
    """The centre's flows."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._versions: dict[tuple[str, int], Flow] = {}
        self._newest: dict[str, Flow] = {}

    async def load(self) -> None:
        """Take over what the administrator changed; calls in a flow go on in the version they began."""
        for row in await self._pool.fetch(ALL_FLOWS):
            try:
                flow = runnable_flow(row["body"])
            except BadFlow as error:
                _log.error("a stored flow can't be run", flow=row["name"], version=row["version"], reason=str(error))
                continue
            self._versions[flow.name, flow.version] = flow
            self._newest[flow.name] = flow

    def latest(self, name: str) -> Flow | None:
        """The newest version, or None."""
        return self._newest.get(name)

    def version(self, name: str, version: int) -> Flow | None:
        """A certain version, or None."""
        return self._versions.get((name, version))
