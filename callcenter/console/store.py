"""SQL of accounts, tokens and the audit log."""

from __future__ import annotations

from typing import Any

import asyncpg
import msgspec

from callcenter.basics.errors import BadRequest, NotFound
from callcenter.database.pool import Querier

ADD_USER = """insert into users (name, role, agent, password, language) values ($1, $2, $3, $4, $5)
on conflict do nothing returning name"""
"""A new user; no row when the name or the agent is taken."""
READ_USER = """select name, role, coalesce(agent, '') as agent, password, coalesce(language, '') as language,
    extract(epoch from password_changed_at) as password_changed_s
from users where name = $1 and active"""
"""An active user."""
SET_PASSWORD = "update users set password = $2, password_changed_at = now() where name = $1 returning name"  # noqa: S105 - a query
"""A new password; sessions opened before it end."""
REPLACE_HASH = "update users set password = $2 where name = $1"
"""The same password under newer parameters."""
SET_LANGUAGE = "update users set language = $2 where name = $1"
"""The language pages are shown in."""
ADD_TOKEN = "insert into api_tokens (title, digest, role) values ($1, $2, $3)"  # noqa: S105 - a query
"""A new API token, by its digest."""
READ_TOKEN = "select title, role from api_tokens where digest = $1 and active"  # noqa: S105 - a query
"""Who a token is."""
ADD_AUDIT = "insert into audit (who, what, subject, details, address) values ($1, $2, $3, $4, $5::text::inet)"
"""One thing done."""
LOCK_AUDIT = "select pg_advisory_xact_lock(hashtextextended(concat_ws(' ', $1::text, $2::text, $3::text), 0))"
"""Let nobody else write down the same deed of the same person until the transaction ends."""
ADD_AUDIT_ONCE = """insert into audit (who, what, subject, details, address) select $1::text, $2::text, $3::text, $4::jsonb, $5::text::inet
where not exists (select from audit
  where subject = $3 and who = $1 and what = $2 and at > now() - make_interval(secs => $6::double precision))"""
"""One thing done, unless the same person did it to the same thing less than so many seconds ago."""
READ_AUDIT = "select at, who, what, subject, details from audit where subject = $1 order by id desc limit $2"
"""What was done to one thing, newest first."""


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """A user as stored."""

    name: str
    role: str
    agent: str
    password: str
    language: str
    password_changed_s: float
    """UTC seconds since 1970."""


async def add_user(pool: Querier, name: str, *, role: str, agent: str | None, password_hash: str, language: str | None) -> None:
    """Add a user; BadRequest when the name or the job number has a user already, NotFound without such an agent."""
    try:
        added = await pool.fetchval(ADD_USER, name, role, agent, password_hash, language)
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound(f"there is no agent {agent!r:.20}") from error
    except asyncpg.CheckViolationError as error:
        raise BadRequest(f"name: {name!r:.70} can't be a user's name; letters, digits, and . _ @ -", field="name") from error
    if added is None:
        raise BadRequest(f"name: there is a user {name!r:.70} or one for agent {agent!r:.20} already", field="name")


async def read_user(pool: asyncpg.Pool, name: str) -> UserRow | None:
    """The active user of a name."""
    row = await pool.fetchrow(READ_USER, name)
    return UserRow(**{**dict(row), "password_changed_s": float(row["password_changed_s"])}) if row else None


async def set_password(pool: asyncpg.Pool, name: str, password_hash: str) -> None:
    """Replace a password; NotFound when there is no such user."""
    if await pool.fetchval(SET_PASSWORD, name, password_hash) is None:
        raise NotFound(f"there is no user {name!r:.70}")


async def replace_hash(pool: asyncpg.Pool, name: str, password_hash: str) -> None:
    """Store the same password hashed anew; sessions stay."""
    await pool.execute(REPLACE_HASH, name, password_hash)


async def set_language(pool: asyncpg.Pool, name: str, language: str) -> None:
    """Remember a user's language."""
    await pool.execute(SET_LANGUAGE, name, language)


async def add_token(pool: Querier, title: str, digest: bytes, role: str) -> None:
    """Add an API token."""
    await pool.execute(ADD_TOKEN, title, digest, role)


async def read_token(pool: asyncpg.Pool, digest: bytes) -> tuple[str, str] | None:
    """Title and role of an active token."""
    row = await pool.fetchrow(READ_TOKEN, digest)
    return (row["title"], row["role"]) if row else None


async def add_audit(pool: asyncpg.Pool, who: str, what: str, *, subject: str, details: dict[str, Any], address: str | None) -> None:
    """Write down that something was done."""
    await pool.execute(ADD_AUDIT, who, what, subject, details, address)


async def add_audit_once(
    pool: asyncpg.Pool, who: str, what: str, *, subject: str, details: dict[str, Any], address: str | None, within_s: float
) -> None:
    """Write down that something was done, once in ``within_s`` seconds however often it is done."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK_AUDIT, who, what, subject)
        await connection.execute(ADD_AUDIT_ONCE, who, what, subject, details, address, within_s)


async def read_audit(pool: asyncpg.Pool, subject: str, limit: int = 50) -> list[dict[str, Any]]:
    """What was done to ``subject``, newest first."""
    return [dict(row) for row in await pool.fetch(READ_AUDIT, subject, limit)]
