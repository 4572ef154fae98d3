"""Connections to Postgres: a pool with time limits, JSON as Python data, and one word for "it is not there"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from callcenter.basics.errors import StoreAway

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Querier: TypeAlias = "Pool | asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
"""Where a single statement may go: to the pool, or to a connection whose transaction it joins."""

CONNECT_LIMIT_S: Final = 5.0
STATEMENT_LIMIT_S: Final = 10.0
_SERVER_MARGIN_S: Final = 1.0

AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
"""What asyncpg raises while Postgres can't be reached, restarts, or can't take more."""


async def connect(dsn: str, *, min_size: int = 1, max_size: int = 10, statement_limit_s: float = STATEMENT_LIMIT_S) -> Pool:
    """Open a pool. A lost connection is replaced at the next use.

    The server ends a statement after ``statement_limit_s`` seconds, the client a second later. Raises what asyncpg
    raises (OSError, asyncpg.PostgresError) when Postgres is not there.
    """
    return await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        timeout=CONNECT_LIMIT_S,
        command_timeout=statement_limit_s + _SERVER_MARGIN_S,
        max_inactive_connection_lifetime=300.0,
        init=set_up_connection,
        server_settings={
            "application_name": "callcenter",
            "timezone": "UTC",
            "jit": "off",
            "statement_timeout": str(round(statement_limit_s * 1000)),
            "idle_in_transaction_session_timeout": "60000",
        },
    )


async def set_up_connection(connection: asyncpg.Connection[Any]) -> None:
    """Let json and jsonb be Python data on this connection."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=_to_json, decoder=msgspec.json.decode, format="text")


def _to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


@contextmanager
def store_away() -> Iterator[None]:
    """Turn what asyncpg raises while Postgres is not there into StoreAway."""
    try:
        yield
    except AWAY as error:
        raise StoreAway(f"Postgres: {type(error).__name__}: {error}"[:300]) from error
