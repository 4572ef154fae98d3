"""The pool of Postgres connections."""

from __future__ import annotations

from typing import Any, Final

import asyncpg
import msgspec

_STATEMENT_S: Final = 30
_CONNECT_S: Final = 5


async def connect(dsn: str, *, most: int = 10) -> asyncpg.Pool:
    """A pool of at most ``most`` connections; statements are limited to 30 s, jsonb is plain data. OSError or PostgresError."""
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=most,
        timeout=_CONNECT_S,
        command_timeout=_STATEMENT_S,
        init=_prepare,
        server_settings={"application_name": "callcenter", "timezone": "UTC"},
    )


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_encode, decoder=msgspec.json.decode)


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()
